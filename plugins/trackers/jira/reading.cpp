// What changed in Jira, who its people are, and what there is to configure.
#include <algorithm>

#include "api.hpp"
#include "json.hpp"

namespace tocsin_plugins::jira {
namespace {

using nlohmann::json;

constexpr int most_pages = 20;  ///< of one list: an end for a Jira that never says it is the last

std::string project_list(const std::vector<std::string>& projects) {
  std::string out;
  for (const auto& each : projects) out += (out.empty() ? "" : ", ") + jql_quoted(each);
  return out;
}

/// When the oldest of `list` was made; INT64_MAX: it is empty.
tsn::Time oldest_in(const json& list) {
  tsn::Time oldest = INT64_MAX;
  for (const auto& each : list) oldest = std::min(oldest, time_of(text_at(each, {"created"})));
  return oldest;
}

}  // namespace

ChangedPage Api::changed(const std::vector<std::string>& projects, std::int64_t minutes, const std::string& from,
                         tsn::Deadline deadline) {
  // A date would be read in the time zone of the user's profile, and to the minute; a distance from now is the same
  // everywhere.
  const std::string jql = "project in (" + project_list(projects) +
                          ") AND labels = \"auto-detected\" AND updated >= -" + std::to_string(minutes) +
                          "m ORDER BY key ASC";
  json body{{"jql", jql}, {"maxResults", 100}, {"fields", {"updated"}}};
  std::int64_t start = 0;
  if (settings_.cloud) {
    if (!from.empty()) body["nextPageToken"] = from;
  } else {
    start = from.empty() ? 0 : std::stoll(from);  // written below
    body["startAt"] = start;
  }
  const auto answer = rest_.call(Call::read, "POST", settings_.cloud ? "/search/jql" : "/search", &body,
                                 "search for changes", deadline);
  if (!member(answer, {"issues"}).is_array())
    throw tsn::Failure(tsn::fail("jira: search for changes: the answer has no issues; check api_url and api_type"));
  const auto& list = list_at(answer, {"issues"});
  ChangedPage page;
  for (const auto& each : list) {
    const auto key = text_at(each, {"key"});
    if (is_issue_key(key)) page.issues.push_back({key, text_at(each, {"fields", "updated"})});
  }
  if (settings_.cloud) {
    page.next = text_at(answer, {"nextPageToken"});
    const auto& last = member(answer, {"isLast"});
    if (last.is_boolean() && last.get<bool>()) page.next.clear();
    if (page.next == from) page.next.clear();  // the same page for ever
  } else {
    const auto end = start + static_cast<std::int64_t>(list.size());
    if (!list.empty() && end < number_at(answer, {"total"})) page.next = std::to_string(end);
  }
  return page;
}

json Api::whole_issue(std::string_view key, tsn::Time since, tsn::Deadline deadline) {
  auto issue =
      get(path_of(key) + "?fields=status,resolution,resolutiondate,assignee,labels,comment,updated&expand=changelog",
          "read " + std::string(key), deadline);
  if (!issue.is_object())
    throw tsn::Failure(tsn::fail("jira: read " + std::string(key) + ": the answer is no issue; check api_url"));
  add_older_history(issue, key, since, deadline);
  add_older_comments(issue, key, since, deadline);
  return issue;
}

/// Data Center gives the whole history with the issue. Cloud gives the newest entries; the rest has pages of its own,
/// oldest first.
void Api::add_older_history(json& issue, std::string_view key, tsn::Time since, tsn::Deadline deadline) {
  const auto total = number_at(issue, {"changelog", "total"});
  const auto have = static_cast<std::int64_t>(list_at(issue, {"changelog", "histories"}).size());
  if (!settings_.cloud || have >= total || oldest_in(list_at(issue, {"changelog", "histories"})) < since) return;
  auto& all = issue["changelog"]["histories"];
  if (!all.is_array()) all = json::array();
  auto end = total - have;
  for (int pages = 0; end > 0 && pages < most_pages; ++pages) {
    const auto start = std::max<std::int64_t>(0, end - 100);
    const auto page =
        get(path_of(key) + "/changelog?startAt=" + std::to_string(start) + "&maxResults=" + std::to_string(end - start),
            "history of " + std::string(key), deadline);
    const auto& values = list_at(page, {"values"});
    for (const auto& entry : values) all.push_back(entry);
    if (values.empty() || oldest_in(values) < since) return;
    end = start;
  }
}

void Api::add_older_comments(json& issue, std::string_view key, tsn::Time since, tsn::Deadline deadline) {
  const auto total = number_at(issue, {"fields", "comment", "total"});
  const auto have = static_cast<std::int64_t>(list_at(issue, {"fields", "comment", "comments"}).size());
  if (have >= total) return;
  json all = json::array();
  std::int64_t start = 0;
  for (int pages = 0; start < total && pages < most_pages; ++pages) {
    const auto page = get(path_of(key) + "/comment?orderBy=-created&maxResults=100&startAt=" + std::to_string(start),
                          "comments of " + std::string(key), deadline);
    const auto& list = list_at(page, {"comments"});
    for (const auto& comment : list) all.push_back(comment);
    // An old comment may be edited, which this does not see; the webhook does.
    if (list.empty() || oldest_in(list) < since) break;
    start += static_cast<std::int64_t>(list.size());
  }
  issue["fields"]["comment"]["comments"] = std::move(all);
}

Account Api::myself(tsn::Deadline deadline) {
  return account_of(get("/myself", "sign in", deadline));
}

std::vector<Account> Api::users(std::string_view email, tsn::Deadline deadline) {
  const auto answer = get(
      std::string("/user/search?") + (settings_.cloud ? "query=" : "username=") + url_part(email) + "&maxResults=20",
      "search for a user", deadline);
  std::vector<Account> out;
  for (const auto& each : list_at(answer, {})) out.push_back(account_of(each));
  return out;
}

json Api::account_json(const std::string& account) const {
  return {{settings_.cloud ? "accountId" : "name", account}};
}

void Api::assign(std::string_view key, const std::string& account, tsn::Deadline deadline) {
  const auto body = account_json(account);
  rest_.call(Call::change, "PUT", path_of(key) + "/assignee", &body, "assignee of " + std::string(key), deadline);
}

/// All pages of a list that stands under one of these names, depending on the version.
json Api::paged(const std::string& path, std::initializer_list<const char*> lists, const std::string& what,
                tsn::Deadline deadline) {
  json out = json::array();
  for (int pages = 0; pages < most_pages; ++pages) {
    const auto answer = get(path + "?startAt=" + std::to_string(out.size()) + "&maxResults=100", what, deadline);
    const json* list = &list_at(answer, {});
    for (const char* name : lists)
      if (list->empty()) list = &list_at(answer, {name});
    for (const auto& each : *list) out.push_back(each);
    if (list->empty() || static_cast<std::int64_t>(out.size()) >= number_at(answer, {"total"})) break;
  }
  return out;
}

json Api::issue_types(std::string_view project, tsn::Deadline deadline) {
  return paged("/issue/createmeta/" + url_part(project) + "/issuetypes", {"issueTypes", "values"},
               "issue types of " + std::string(project), deadline);
}

json Api::create_fields(std::string_view project, const std::string& issue_type_id, tsn::Deadline deadline) {
  return paged("/issue/createmeta/" + url_part(project) + "/issuetypes/" + url_part(issue_type_id),
               {"fields", "results", "values"}, "create screen of " + std::string(project), deadline);
}

std::map<std::string, bool> Api::permissions(std::string_view project, tsn::Deadline deadline) {
  const auto answer =
      get("/mypermissions?projectKey=" + url_part(project) +
              (settings_.cloud ? "&permissions=BROWSE_PROJECTS,CREATE_ISSUES,TRANSITION_ISSUES,ADD_COMMENTS,"
                                 "EDIT_ISSUES,ASSIGN_ISSUES"
                               : ""),
          "permissions in " + std::string(project), deadline);
  std::map<std::string, bool> out;
  const auto& all = member(answer, {"permissions"});
  if (!all.is_object()) return out;
  for (const auto& [key, value] : all.items()) {
    const auto& have = member(value, {"havePermission"});
    if (have.is_boolean()) out[key] = have.get<bool>();
  }
  return out;
}

std::vector<std::string> Api::statuses(std::string_view project, std::string_view issue_type, tsn::Deadline deadline) {
  const auto answer =
      get("/project/" + url_part(project) + "/statuses", "statuses of " + std::string(project), deadline);
  std::vector<std::string> out;
  for (const auto& type : list_at(answer, {}))
    if (same_name(text_at(type, {"name"}), issue_type))
      for (const auto& status : list_at(type, {"statuses"})) out.push_back(text_at(status, {"name"}));
  return out;
}

}  // namespace tocsin_plugins::jira
