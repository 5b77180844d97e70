// The kinds that are watched, as the API names them.
#pragma once

#include <string>
#include <string_view>

#include "facts.hpp"
#include "kubernetes_api/refusal.hpp"

namespace tocsin_plugins::kube {

Resource resource_of(Kind kind);
/// Kubelets, by way of the API server.
Resource kubelets();

/// explain(), and what else can be done about a right that is missing.
std::string explain_refusal(long status, const Refusal& refusal, std::string_view verb, const Resource& resource,
                            std::string_view space, std::string_view server);

}  // namespace tocsin_plugins::kube
