// Messages, changes, requests and rules for tests, as C++ values that can be altered before they are handed in.
#pragma once

#include <chrono>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tocsin/config.hpp"
#include "tocsin/detector.hpp"
#include "tocsin/incident.hpp"

namespace tsn::testing {

/// A whole incident: number 1042, HIGH, two firing alerts with labels and annotations, links, a timeline. The texts
/// hold quotes, angle brackets, a newline and Arabic, so that an escaping mistake shows.
Incident sample_incident();
/// FIRING about sample_incident(), attempt 1, to mail:group.platform / first@example.com, with a group.
Message sample_message();
/// OPENED for sample_incident(), no ticket known.
Upsert sample_upsert();

struct HttpRequest {
  std::string method = "POST", path = {}, query = {}, remote = "127.0.0.1:40000", user = {};
  std::vector<std::pair<std::string, std::string>> headers = {};  ///< names in lower case
  std::string body = {};
  std::string certificate = {};
};
struct HttpResponse {
  std::uint32_t status = 200;
  std::vector<std::pair<std::string, std::string>> headers;
  std::string body;
  std::string header(std::string_view name) const {
    for (const auto& [key, value] : headers)
      if (key == name) return value;
    return {};
  }
};

struct RuleSample {
  std::string name = "rule", file = "rules.toml";
  tsn_severity severity = TSN_SEV_HIGH;
  tsn_aggregate aggregate = TSN_AGG_LAST;
  std::chrono::nanoseconds over{0};
  std::vector<std::string> by = {};
  Value table = Value::table();
  void* script = nullptr;
};

/// One group to judge.
struct RowSample {
  std::vector<double> cells = {};
  std::vector<std::pair<std::string, std::string>> labels = {};
  Time at = 0;
};
struct Verdict {
  tsn_verdict_state state = TSN_VERDICT_OK;
  tsn_severity severity = TSN_SEV_NONE;
  double value = 0, threshold = 0;
  std::string message;
};

}  // namespace tsn::testing
