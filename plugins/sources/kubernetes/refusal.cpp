#include "refusal.hpp"

namespace tocsin_plugins::kube {

Resource resource_of(Kind kind) {
  switch (kind) {
    case Kind::pods:
      return {"", "/api/v1", "pods"};
    case Kind::events:
      return {"", "/api/v1", "events"};
    case Kind::nodes:
      return {"", "/api/v1", "nodes"};
    case Kind::jobs:
      return {"batch", "/apis/batch/v1", "jobs"};
    case Kind::deployments:
      return {"apps", "/apis/apps/v1", "deployments"};
  }
  return {};
}

std::string explain(long status, const Refusal& refusal, std::string_view verb, const Resource& resource,
                    std::string_view space, std::string_view host) {
  std::string what = std::string(verb) + " " + std::string(resource.plural);
  if (!space.empty()) what += " in namespace " + std::string(space);
  auto text = std::string(host) + ": " + what + ": HTTP " + std::to_string(status);
  if (!refusal.message.empty()) text += ": " + refusal.message;
  if (status == 401)
    return text +
           "; the token or certificate is missing, has expired or is of another cluster: check token, token_file "
           "or the service account";
  if (status == 403) {
    const bool get = verb == "get";
    text += space.empty() ? "; add to its ClusterRole" : "; add to its Role in " + std::string(space);
    return text + ": {apiGroups: [\"" + std::string(resource.group) + "\"], resources: [\"" +
           std::string(resource.plural) + "\"], verbs: [" + (get ? "\"get\"" : "\"list\", \"watch\"") +
           "]}, or leave it out of watch";
  }
  if (status == 404) return text + "; check url, and that this server has " + std::string(resource.prefix);
  return text;
}

}  // namespace tocsin_plugins::kube
