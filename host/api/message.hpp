// One request and its answer as the routes see them: views into the connection's buffer, no socket, no Beast.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "api/backend.hpp"

namespace tocsin::api {

using HeaderViews = std::vector<std::pair<std::string_view, std::string_view>>;

/// Valid until its answer is given; what plugins get is this very object, so nothing is copied.
struct Request : Backend::PluginRequest {
  bool state_changing() const { return method != "GET" && method != "HEAD" && method != "OPTIONS"; }
  /// The first value of a header (name in lower case), empty where it is missing.
  std::string_view header(std::string_view name) const {
    for (const auto& [key, value] : headers) {
      if (key == name) return value;
    }
    return {};
  }
};

/// An answer on its way to the connection. `uri` is the label of http_server_requests_seconds: a route's pattern or one
/// of a few fixed words (static storage); "*" (plugin_path) has the server put the plugin's path there.
struct Reply {
  unsigned status = 200;
  std::string_view content_type =
      "application/json";  ///< static storage; empty: the headers carry it, or there is none
  std::vector<std::pair<std::string, std::string>> headers;
  std::string body;
  std::string_view uri = "UNKNOWN";
  bool close = false;  ///< the connection ends after this answer
  /// There is nothing new, and whoever asked waits so long for it: the handler is asked again when something changes.
  base::Duration wait{};
  /// The rest of a body that is too long to be made at once: `body` is its beginning; each call appends a piece and
  /// says whether more follow. Called on a worker, one call at a time; what it needs of the request it holds itself.
  std::function<base::Result<bool>(std::string& out)> more;
};

/// "Not Found" for 404; "Status" for a number nobody assigned.
std::string_view reason_phrase(unsigned status);

}  // namespace tocsin::api
