// Whose log a file is, by the paths that the kubelet gives to containers' logs.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace tocsin_plugins::logtail {

struct Pod {
  std::string space, name, uid, container;  ///< `space`: the namespace; `uid`: empty where the path has none
};

/// …/pods/NAMESPACE_POD_UID/CONTAINER/N.log or …/containers/POD_NAMESPACE_CONTAINER-ID.log; nothing: neither.
std::optional<Pod> pod_of(std::string_view path);

}  // namespace tocsin_plugins::logtail
