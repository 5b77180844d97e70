// What an answer that is no success means, and what to do about it.
#pragma once

#include <string>
#include <string_view>

#include "facts.hpp"
#include "reader.hpp"

namespace tocsin_plugins::kube {

/// Where a kind lives.
struct Resource {
  std::string_view group;   ///< of RBAC: "", "batch", "apps"
  std::string_view prefix;  ///< "/api/v1", "/apis/batch/v1"
  std::string_view plural;
};
Resource resource_of(Kind kind);

/// `verb` is "list" or "watch", `space` empty for the whole cluster.
std::string explain(long status, const Refusal& refusal, std::string_view verb, const Resource& resource,
                    std::string_view space, std::string_view host);

}  // namespace tocsin_plugins::kube
