#include "resource.hpp"

namespace tocsin_plugins::kube {

Resource resource_of(Kind kind) {
  constexpr std::string_view verbs = R"("list", "watch")";
  switch (kind) {
    case Kind::pods:
      return {"", "/api/v1", "pods", verbs};
    case Kind::events:
      return {"", "/api/v1", "events", verbs};
    case Kind::nodes:
      return {"", "/api/v1", "nodes", verbs};
    case Kind::jobs:
      return {"batch", "/apis/batch/v1", "jobs", verbs};
    case Kind::deployments:
      return {"apps", "/apis/apps/v1", "deployments", verbs};
  }
  return {};
}

Resource kubelets() {
  return {"", "/api/v1", "nodes/proxy", R"("get")"};
}

std::string explain_refusal(long status, const Refusal& refusal, std::string_view verb, const Resource& resource,
                            std::string_view space, std::string_view server) {
  auto text = explain(status, refusal, verb, resource, space, server);
  if (status == 403) text += ", or leave it out of watch";
  return text;
}

}  // namespace tocsin_plugins::kube
