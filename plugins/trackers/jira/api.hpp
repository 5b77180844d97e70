// What the tracker asks of Jira, v3 on Cloud and v2 on Data Center. What may be thrown: see Rest::call.
#pragma once

#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "account.hpp"
#include "document.hpp"
#include "rest.hpp"

namespace tocsin_plugins::jira {

struct Issue {
  std::string id, key, status, resolution;
  std::string category;       ///< of the status: "new", "indeterminate" or "done"; empty: Jira does not say
  bool done = false;          ///< the category is "done"
  tsn::Time resolved_at = 0;  ///< 0: Jira does not say
  std::string summary, priority;
  Account assignee;  ///< not known(): nobody
  Account moved_by;  ///< who set the status last; not known(): nobody, or Jira does not say
};

struct Transition {
  std::string id, name, to, category;
};

/// An issue that a search named.
struct Changed {
  std::string key, updated;
};
struct ChangedPage {
  std::vector<Changed> issues;
  std::string next;  ///< where the next page begins; empty: this was the last
};

class Api {
 public:
  Api(const Settings& settings, tsn::Context ctx, Rest& rest) : settings_(settings), ctx_(ctx), rest_(rest) {}
  Rest& rest() noexcept { return rest_; }

  // --- issues ---
  /// Issues with `label` in `project`, the one created first in front.
  std::vector<Issue> search(std::string_view project, std::string_view label, tsn::Deadline deadline);
  /// The new issue's key.
  std::string create(const nlohmann::json& fields, tsn::Deadline deadline);
  Issue issue(std::string_view key, tsn::Deadline deadline);
  void update(std::string_view key, const nlohmann::json& fields, tsn::Deadline deadline);
  std::vector<Transition> transitions(std::string_view key, tsn::Deadline deadline);
  void transition(std::string_view key, std::string_view id, tsn::Deadline deadline);
  /// One of the 100 newest comments holds `mark`.
  bool has_comment(std::string_view key, std::string_view mark, tsn::Deadline deadline);
  void comment(std::string_view key, const Document& text, tsn::Deadline deadline);
  /// The id of the field with this id or exact display name. The list is asked for once, and again for an unknown name.
  std::string field_id(const std::string& name, tsn::Deadline deadline);

  // --- what changed ---
  /// Our issues in these projects that changed in the last `minutes`, a page from `from` (empty: the first). In the
  /// order of keys, so that an issue which changes meanwhile moves no other to a page that was read.
  ChangedPage changed(const std::vector<std::string>& projects, std::int64_t minutes, const std::string& from,
                      tsn::Deadline deadline);
  /// The issue with its whole history since `since` (Jira's clock) and its comments since then, in the form that Jira
  /// gives with expand=changelog.
  nlohmann::json whole_issue(std::string_view key, tsn::Time since, tsn::Deadline deadline);

  // --- people ---
  Account myself(tsn::Deadline deadline);
  std::vector<Account> users(std::string_view email, tsn::Deadline deadline);
  void assign(std::string_view key, const std::string& account, tsn::Deadline deadline);
  /// {"accountId": …} on Cloud, {"name": …} on Data Center.
  nlohmann::json account_json(const std::string& account) const;

  // --- what there is ---
  /// {"id", "name"} of the project's issue types.
  nlohmann::json issue_types(std::string_view project, tsn::Deadline deadline);
  /// The fields of the create screen, each with fieldId, name, required, hasDefaultValue, allowedValues.
  nlohmann::json create_fields(std::string_view project, const std::string& issue_type_id, tsn::Deadline deadline);
  /// Permission key → whether this user has it in the project.
  std::map<std::string, bool> permissions(std::string_view project, tsn::Deadline deadline);
  /// Names of the statuses of an issue type's workflow.
  std::vector<std::string> statuses(std::string_view project, std::string_view issue_type, tsn::Deadline deadline);

 private:
  nlohmann::json get(const std::string& path, const std::string& what, tsn::Deadline deadline) {
    return rest_.call(Call::read, "GET", path, nullptr, what, deadline);
  }
  void load_fields(tsn::Deadline deadline);
  std::optional<std::string> known_field(const std::string& name) const;
  void add_older_history(nlohmann::json& issue, std::string_view key, tsn::Time since, tsn::Deadline deadline);
  void add_older_comments(nlohmann::json& issue, std::string_view key, tsn::Time since, tsn::Deadline deadline);
  nlohmann::json paged(const std::string& path, std::initializer_list<const char*> lists, const std::string& what,
                       tsn::Deadline deadline);

  const Settings& settings_;
  tsn::Context ctx_;
  Rest& rest_;
  std::multimap<std::string, std::string> fields_;  ///< id or display name → id
};

/// Issue keys come from Jira; as part of a path they are held to what a key may be.
std::string path_of(std::string_view key);
/// For a path or a query.
std::string url_part(std::string_view text);
/// For JQL.
std::string jql_quoted(std::string_view text);

}  // namespace tocsin_plugins::jira
