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

/// At most `most` new issues in a project in each `window`, which begins at a whole multiple of itself; 0: no limit.
struct MaxNew {
  std::uint64_t most = 0;
  std::chrono::nanoseconds window{};
};

struct Settings {
  std::string api_url;  ///< without a slash at its end
  bool cloud = true;
  std::string username, token;
  std::chrono::nanoseconds reopen_duration{}, search_settle{};
  std::chrono::nanoseconds poll{};           ///< 0: what changes in Jira is not looked for
  std::string webhook_path, webhook_secret;  ///< empty: no webhook
  std::map<std::string, std::string> users;  ///< our owner → accountId (Cloud) or name (Data Center)
  MaxNew max_new;
  std::vector<Project> projects;  ///< in order; the last is the section itself and matches everything
  HttpSettings http;
};

/// Throws tsn::Failure (TSN_INVALID) with what is wrong and where.
Settings read_settings(const tsn::Config& config);

/// Keys of all projects, each once.
std::vector<std::string> project_keys(const Settings& settings);

/// The first whose matchers match.
const Project& project_of(const Settings& settings, const tsn::Incident& incident);

}  // namespace tocsin_plugins::jira
