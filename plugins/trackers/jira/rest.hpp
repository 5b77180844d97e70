// Calls to Jira's REST interface: signing in, deadlines, what a refusal means, and the entry in jira_sync_log.
#pragma once

#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "http_client/http_client.hpp"
#include "settings.hpp"

namespace tocsin_plugins::jira {

enum class Call {
  read,   ///< changes nothing: a lost answer is only a failure
  change  ///< a lost answer leaves the outcome unknown
};

/// A change that a dry run did not make.
struct Planned {
  std::string method, path;
  nlohmann::json body;
};

/// What Jira refused, with its own words for each field.
class Refusal : public tsn::Failure {
 public:
  Refusal(tsn::Status status, std::map<std::string, std::string> refused)
      : tsn::Failure(std::move(status)), fields(std::move(refused)) {}
  std::map<std::string, std::string> fields;
};

/// One call at a time.
class Rest {
 public:
  /// `instance` is named in remedies: [tracker.instance]. With `plan`, changes go there instead of to Jira, which then
  /// seems to have answered with the key "(new)".
  Rest(const Settings& settings, tsn::Context ctx, std::vector<Planned>* plan = nullptr);

  /// `path` begins after ".../rest/api/3". Null: the answer had no body. Throws tsn::Failure: TSN_DENIED (401, 403),
  /// TSN_RETRY (429, and 503 with Retry-After), TSN_FAILED (5xx, no connection, a read whose answer was lost),
  /// TSN_INVALID (other refusals, with Jira's own messages, as a Refusal), TSN_UNKNOWN (a change whose answer was
  /// lost).
  nlohmann::json call(Call kind, const char* method, const std::string& path, const nlohmann::json* body,
                      const std::string& what, tsn::Deadline deadline);

  /// What the calls from now on are about, for jira_sync_log.
  void about(std::string_view correlation_id, std::string_view ticket);

  bool plans() const noexcept { return plan_ != nullptr; }
  /// How far Jira's clock is before ours, by its last answer; 0 where it did not say.
  std::chrono::nanoseconds ahead() const noexcept { return ahead_; }
  /// `text` without token and secret, and at most 16 KiB of it.
  std::string masked(std::string_view text) const;

 private:
  HttpRequest request_of(Call kind, const char* method, const std::string& path, const nlohmann::json* body) const;
  tsn::Status refused(const HttpAnswer& answer, const std::string& what) const;
  void note_clock(const HttpAnswer& answer);
  void log(const HttpRequest& request, const HttpAnswer& answer, std::string_view error, tsn::Time began) const;

  const Settings& settings_;
  tsn::Context ctx_;
  HttpClient client_;
  std::string base_;  ///< ".../rest/api/3"
  std::vector<std::string> secrets_;
  std::vector<Planned>* plan_;
  std::string correlation_id_, ticket_;
  std::chrono::nanoseconds ahead_{};
};

}  // namespace tocsin_plugins::jira
