// The small HTTP client of the CLI and of the watchdog: one request, one answer, TLS where the url says https. No
// proxies and no redirects; plugins that need them have a client of their own (plugins/shared/http_client).
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.hpp"
#include "base/result.hpp"

namespace tocsin::api {

struct Answer {
  unsigned status = 0;
  std::string content_type, body;
};

/// `url` is the agent's base ("http://127.0.0.1:7676"); Fault::unavailable when it cannot be reached.
base::Result<Answer> call(const std::string& url, std::string_view method, std::string_view target,
                          std::string_view body, const std::string& token, base::Duration timeout,
                          std::string_view content_type = "application/json");

/// A request to somebody else.
struct Outgoing {
  std::string method = "GET";
  std::string url;  ///< whole, with path and query
  std::vector<std::pair<std::string, std::string>> headers;
  std::string body;
  base::Duration timeout = std::chrono::seconds(10);
};
/// Messages name the url's scheme and host alone: the rest may be a secret.
base::Result<Answer> send(const Outgoing& outgoing);

}  // namespace tocsin::api
