// Jira's REST calls, v3 on Cloud and v2 on Data Center, as far as the tracker needs them.
//
// Every function throws tsn::Failure: TSN_DENIED (401, 403), TSN_RETRY (429, and 503 with Retry-After), TSN_FAILED
// (5xx, no connection, a read whose answer was lost), TSN_INVALID (other refusals, with Jira's own messages),
// TSN_UNKNOWN (a change whose answer was lost).
#pragma once

#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "document.hpp"
#include "http_client/http_client.hpp"
#include "settings.hpp"

namespace tocsin_plugins::jira {

struct Issue {
  std::string id, key, status, resolution;
  bool done = false;          ///< the status is of the category "done"
  tsn::Time resolved_at = 0;  ///< 0: Jira does not say
};

struct Transition {
  std::string id, name, to;
};

class Api {
 public:
  /// `instance` is named in remedies: [tracker.instance].
  Api(const Settings& settings, tsn::Context ctx);

  /// Issues with `label` in `project`, the one created first in front.
  std::vector<Issue> search(std::string_view project, std::string_view label, tsn::Deadline deadline);
  /// The new issue's key.
  std::string create(const nlohmann::json& fields, tsn::Deadline deadline);
  Issue issue(std::string_view key, tsn::Deadline deadline);
  std::vector<Transition> transitions(std::string_view key, tsn::Deadline deadline);
  void transition(std::string_view key, std::string_view id, tsn::Deadline deadline);
  /// One of the 100 newest comments holds `mark`.
  bool has_comment(std::string_view key, std::string_view mark, tsn::Deadline deadline);
  void comment(std::string_view key, const Document& text, tsn::Deadline deadline);
  /// The id of the field with this id or exact display name. The list is asked for once, and again for an unknown name.
  std::string field_id(const std::string& name, tsn::Deadline deadline);

 private:
  enum class Kind { read, change };
  nlohmann::json call(Kind kind, const char* method, const std::string& path, const nlohmann::json* body,
                      const std::string& what, tsn::Deadline deadline);
  tsn::Status refused(const HttpAnswer& answer, const std::string& what) const;
  void load_fields(tsn::Deadline deadline);
  std::optional<std::string> known_field(const std::string& name) const;

  const Settings& settings_;
  tsn::Context ctx_;
  HttpClient client_;
  std::string rest_;                                ///< ".../rest/api/3"
  std::multimap<std::string, std::string> fields_;  ///< id or display name → id
};

}  // namespace tocsin_plugins::jira
