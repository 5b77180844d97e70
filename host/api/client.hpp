// The small HTTP client of the CLI: one request, one answer, TLS where the url says https.
#pragma once

#include <string>
#include <string_view>

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

}  // namespace tocsin::api
