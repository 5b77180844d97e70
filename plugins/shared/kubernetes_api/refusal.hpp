// What an answer that is no success means, and what to do about it.
#pragma once

#include <string>
#include <string_view>

#include "kubernetes_api/json.hpp"

namespace tocsin_plugins::kube {

/// A metav1.Status.
struct Refusal {
  int code = 0;
  std::string message;
  int retry_seconds = 0;
};

Refusal read_refusal(const Json& status);
/// Whatever of a Status is there; a body that is none gives the beginning of its text.
Refusal read_refusal(std::string_view body);

/// Where objects of a kind live.
struct Resource {
  std::string_view group;   ///< of RBAC: "", "batch", "apps"
  std::string_view prefix;  ///< "/api/v1", "/apis/batch/v1"
  std::string_view plural;
  std::string_view verbs;  ///< what its reader needs: "\"list\", \"watch\""
};

/// `verb` is "list" or "watch", `space` empty for the whole cluster. For 401, 403 and 404 with the remedy.
std::string explain(long status, const Refusal& refusal, std::string_view verb, const Resource& resource,
                    std::string_view space, std::string_view server);

}  // namespace tocsin_plugins::kube
