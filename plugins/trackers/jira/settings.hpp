// What [tracker.X] says, checked once when the instance is made.
#pragma once

#include <chrono>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "http_client/http_client.hpp"
#include "matcher.hpp"

namespace tocsin_plugins::jira {

/// Where and how the issues of some incidents are kept: the section itself, or one of its [[projects]].
struct Project {
  std::vector<Matcher> matchers;  ///< all must match
  std::string key, issue_type;
  std::map<std::string, std::string> priority;  ///< our severity → Jira's priority; none: Jira's default
  std::map<std::string, std::string> status;    ///< our status → name of a transition or of the status it leads to
  std::vector<std::string> labels;              ///< beside our own
  std::string resolve_transition, reopen_transition, wont_fix_resolution;  ///< empty: leave it, leave it, none
  nlohmann::json fields = nlohmann::json::object();                        ///< id or display name → value with {{…}}
};

struct Settings {
  std::string api_url;  ///< without a slash at its end
  bool cloud = true;
  std::string username, token;
  std::chrono::nanoseconds reopen_duration{}, search_settle{};
  std::vector<Project> projects;  ///< in order; the last is the section itself and matches everything
  HttpSettings http;
};

/// Throws tsn::Failure (TSN_INVALID) with what is wrong and where.
Settings read_settings(const tsn::Config& config);

/// The first whose matchers match.
const Project& project_of(const Settings& settings, const tsn::Incident& incident);

}  // namespace tocsin_plugins::jira
