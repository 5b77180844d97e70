// A Jira for the unit tests: it keeps issues with history, comments and people, searches with a lag and in pages,
// refuses what real ones refuse, and fails on demand. People act on it by functions.
#pragma once

#include <ctime>
#include <map>
#include <set>

#include "json_server.hpp"

class JiraStub : public JsonServer {
 public:
  using json = nlohmann::json;
  static constexpr const char* bot = "bot-account";

  ~JiraStub() override { close_all(); }

  std::size_t issue_count() {
    return locked([&] { return issues.size(); });
  }
  json issue(const std::string& key) {
    return locked([&] {
      const auto* found = find(key);
      return found ? *found : json();
    });
  }
  std::string status(const std::string& key) { return issue(key)["fields"]["status"]["name"]; }

  // --- what people do; each returns the id of what it made ---
  std::string moves(const std::string& key, const std::string& status, const std::string& who = "nora") {
    return locked([&] { return move(*find(key), status, who); });
  }
  std::string assigns(const std::string& key, const std::string& to, const std::string& who = "nora") {
    return locked([&] {
      auto& at = *find(key);
      at["fields"]["assignee"] = to.empty() ? json() : person(to);
      return history(at,
                     {{{"field", "assignee"},
                       {"fieldId", "assignee"},
                       {"from", nullptr},
                       {"to", to.empty() ? json() : json(to)},
                       {"toString", to.empty() ? json() : json(display(to))}}},
                     who);
    });
  }
  std::string comments(const std::string& key, const json& body, const std::string& who = "nora") {
    return locked([&] { return comment(*find(key), body, who); });
  }
  void edits(const std::string& key, const std::string& comment_id, const std::string& text) {
    locked([&] {
      for (auto& each : (*find(key))["comments"])
        if (each["id"] == comment_id) each["body"] = text, each["updated"] = stamp();
      touch(*find(key));
    });
  }

  // --- how it is ---
  std::function<std::int64_t()> clock = [] { return std::int64_t{0}; };  ///< nanoseconds
  int drop_creates = 0, drop_comments = 0;  ///< done, but the line is cut instead of an answer
  int hidden_searches = 0;                  ///< this many searches do not see the issues yet
  std::int64_t lag = 0;                     ///< ns: a search does not see what changed since
  std::size_t page = 50;                    ///< issues in an answer
  std::size_t history_in_issue = 1000;      ///< newest entries that come with an issue
  std::set<std::string> refused_fields;     ///< on create
  std::set<std::string> forbidden;          ///< permissions that the user has not
  bool refuses_assignees = false;
  std::vector<json> issues;  ///< {id, key, fields, comments, histories}
  std::map<std::string, std::string> emails = {{"nora", "nora@corp.example"}, {"omar", "omar@corp.example"}};
  std::set<std::string> twice;  ///< addresses that two people are found by
  json screen = {field("summary", "Summary", true), field("labels", "Labels"), field("priority", "Priority"),
                 field("customfield_10042", "Correlation ID"), field("project", "Project", true)};

  static json field(const std::string& id, const std::string& name, bool required = false) {
    json out{{"fieldId", id}, {"name", name}, {"required", required}, {"hasDefaultValue", false}};
    if (id == "priority") out["allowedValues"] = {{{"name", "Highest"}}, {{"name", "High"}}};
    return out;
  }
  static std::string display(const std::string& name) { return name == "nora" ? "Nora N." : name; }
  static json status_json(const std::string& name) {
    const std::string category = name == "Done" || name == "Closed" ? "done"
                                 : name == "To Do"                  ? "new"
                                                                    : "indeterminate";
    return {{"name", name}, {"statusCategory", {{"key", category}}}};
  }

 private:
  json person(const std::string& name) const {
    json out{{"accountId", name}, {"displayName", display(name)}, {"active", true}};
    if (const auto at = emails.find(name); at != emails.end()) out["emailAddress"] = at->second;
    return out;
  }
  std::string stamp() const {
    const std::int64_t ms = clock() / 1'000'000;
    const std::time_t seconds = ms / 1000;
    char text[40];
    std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", std::gmtime(&seconds));
    const auto fraction = std::to_string(1000 + ms % 1000);
    return std::string(text) + "." + fraction.substr(1) + "+0000";
  }
  json* find(const std::string& key) {
    const auto at = std::ranges::find_if(issues, [&](const json& each) { return each["key"] == key; });
    return at == issues.end() ? nullptr : &*at;
  }
  void touch(json& issue) {
    issue["fields"]["updated"] = stamp();
    issue["touched"] = clock();
  }
  std::string history(json& issue, json items, const std::string& who) {
    const auto id = std::to_string(++last_id_);
    issue["histories"].push_back(
        {{"id", id}, {"created", stamp()}, {"author", person(who)}, {"items", std::move(items)}});
    touch(issue);
    return id;
  }
  std::string move(json& issue, const std::string& to, const std::string& who) {
    auto& fields = issue["fields"];
    json items{{{"field", "status"},
                {"fieldId", "status"},
                {"fieldtype", "jira"},
                {"fromString", fields["status"]["name"]},
                {"toString", to}}};
    const bool was = fields["status"]["statusCategory"]["key"] == "done";
    fields["status"] = status_json(to);
    const bool is = fields["status"]["statusCategory"]["key"] == "done";
    if (was != is) {
      items.push_back({{"field", "resolution"},
                       {"fieldId", "resolution"},
                       {"fromString", was ? json("Fixed") : json()},
                       {"toString", is ? json("Fixed") : json()}});
      fields["resolution"] = is ? json{{"name", "Fixed"}} : json();
      fields["resolutiondate"] = is ? json(stamp()) : json();
    }
    return history(issue, items, who);
  }
  std::string comment(json& issue, const json& body, const std::string& who) {
    const auto id = std::to_string(++last_id_);
    issue["comments"].push_back(
        {{"id", id}, {"body", body}, {"author", person(who)}, {"created", stamp()}, {"updated", stamp()}});
    touch(issue);
    return id;
  }

  std::optional<Answer> act(const Call& call) override {
    const auto rest = call.path.find("/rest/api/") + 11;
    const auto path = call.path.substr(rest, call.path.find('?') - rest);
    if (path == "/issue") return create(call);
    if (path == "/search/jql" || path == "/search") return search(call, path == "/search");
    if (path == "/myself") return Answer{200, person(bot)};
    if (path == "/user/search") return Answer{200, users(call)};
    if (path == "/mypermissions") return Answer{200, permissions()};
    if (path.starts_with("/issue/createmeta/") || path.starts_with("/project/")) return meta(path);
    if (path == "/field")
      return Answer{
          200, {{{"id", "summary"}, {"name", "Summary"}}, {{"id", "customfield_10042"}, {"name", "Correlation ID"}}}};
    if (path.starts_with("/issue/")) {
      const auto slash = path.find('/', 7);
      if (auto* found = find(path.substr(7, slash - 7)))
        return of_issue(call, *found, slash == path.npos ? "" : path.substr(slash));
    }
    return Answer{404,
                  {{"errorMessages", {"Issue does not exist or you do not have permission to see it."}},
                   {"errors", json::object()}}};
  }

  std::optional<Answer> create(const Call& call) {
    auto fields = call.body["fields"];
    json errors = json::object();
    for (const auto& name : refused_fields)
      if (fields.contains(name))
        errors[name] = "Field '" + name + "' cannot be set. It is not on the appropriate screen, or unknown.";
    if (!errors.empty()) return Answer{400, {{"errorMessages", json::array()}, {"errors", errors}}};
    const auto number = std::to_string(issues.size() + 1);
    fields["status"] = status_json("To Do");
    issues.push_back({{"id", "1000" + number},
                      {"key", "OPS-" + number},
                      {"fields", fields},
                      {"comments", json::array()},
                      {"histories", json::array()}});
    touch(issues.back());
    if (drop_creates > 0) return --drop_creates, std::nullopt;
    return Answer{201, {{"id", "1000" + number}, {"key", "OPS-" + number}}};
  }

  bool matches(const json& issue, const std::string& jql) const {
    const auto labelled = [&](const std::string& label) {
      return std::ranges::find(issue["fields"]["labels"], json(label)) != issue["fields"]["labels"].end();
    };
    const auto at = jql.find("updated >= -");
    if (at != jql.npos) {
      const std::int64_t since = clock() - std::stoll(jql.substr(at + 12)) * 60'000'000'000;
      const auto touched = issue.value("touched", std::int64_t{0});
      return labelled("auto-detected") && touched >= since && touched <= clock() - lag;
    }
    for (const auto& label : issue["fields"]["labels"])
      if (jql == "project = \"OPS\" AND labels = \"" + label.get<std::string>() + "\"") return true;
    return false;
  }

  Answer search(const Call& call, bool data_center) {
    json found = json::array();
    if (hidden_searches > 0) return --hidden_searches, Answer{200, {{"issues", found}}};
    for (const auto& issue : issues)
      if (matches(issue, call.body["jql"]))
        found.push_back({{"id", issue["id"]}, {"key", issue["key"]}, {"fields", issue["fields"]}});
    const std::size_t start = data_center ? call.body.value("startAt", std::size_t{0})
                                          : std::stoul(call.body.value("nextPageToken", std::string("0")));
    json out = json::array();
    for (std::size_t i = start; i < found.size() && i < start + page; ++i) out.push_back(found[i]);
    if (data_center) return {200, {{"issues", out}, {"startAt", start}, {"total", found.size()}}};
    const auto end = start + out.size();
    if (end >= found.size()) return {200, {{"issues", out}, {"isLast", true}}};
    return {200, {{"issues", out}, {"isLast", false}, {"nextPageToken", std::to_string(end)}}};
  }

  json users(const Call& call) const {
    json out = json::array();
    for (const auto& [name, email] : emails) {
      std::string asked = email;
      asked.replace(asked.find('@'), 1, "%40");
      if (call.path.find("=" + asked) == call.path.npos) continue;
      out.push_back(person(name));
      if (twice.contains(email)) out.push_back({{"accountId", "other"}, {"displayName", "Other"}, {"active", true}});
    }
    return out;
  }

  json permissions() const {
    json out = json::object();
    for (const char* each :
         {"BROWSE_PROJECTS", "CREATE_ISSUES", "ADD_COMMENTS", "TRANSITION_ISSUES", "EDIT_ISSUES", "ASSIGN_ISSUES"})
      out[each] = {{"havePermission", !forbidden.contains(each)}};
    return {{"permissions", out}};
  }

  Answer meta(const std::string& path) const {
    if (path.find("/OPS") == path.npos) return {404, {{"errorMessages", {"No project could be found."}}}};
    if (path.ends_with("/statuses"))
      return {200,
              {{{"name", "Incident"},
                {"statuses", {status_json("To Do"), status_json("In Progress"), status_json("Done")}}}}};
    if (path.ends_with("/issuetypes"))
      return {200,
              {{"issueTypes", {{{"id", "7"}, {"name", "Incident"}}, {{"id", "8"}, {"name", "Task"}}}}, {"total", 2}}};
    return {200, {{"fields", screen}, {"total", screen.size()}}};
  }

  json shown(const json& issue) const {
    json out{{"id", issue["id"]}, {"key", issue["key"]}, {"fields", issue["fields"]}};
    const auto& comments = issue["comments"];
    out["fields"]["comment"] = {{"comments", comments}, {"total", comments.size()}};
    const auto& all = issue.contains("histories") ? issue["histories"] : json::array();
    json newest = json::array();
    for (std::size_t i = all.size(); i-- > 0 && newest.size() < history_in_issue;) newest.push_back(all[i]);
    out["changelog"] = {{"histories", newest}, {"total", all.size()}};
    return out;
  }

  std::optional<Answer> of_issue(const Call& call, json& issue, const std::string& what) {
    if (what == "/changelog") return changelog(call, issue);
    if (what == "/assignee") return assign(call, issue);
    if (what.empty() && call.method == "PUT") {
      for (const auto& [name, value] : call.body["fields"].items()) issue["fields"][name] = value;
      history(issue, json::array(), bot);
      return Answer{204, {}};
    }
    if (what.empty()) return Answer{200, shown(issue)};
    if (what == "/comment" && call.method == "GET")
      return Answer{200, {{"comments", issue["comments"]}, {"total", issue["comments"].size()}}};
    if (what == "/comment") {
      comment(issue, call.body["body"], bot);
      if (drop_comments > 0) return --drop_comments, std::nullopt;
      return Answer{201, call.body};
    }
    if (call.method == "GET") return Answer{200, {{"transitions", transitions_}}};
    for (const auto& each : transitions_)
      if (each["id"] == call.body["transition"]["id"]) move(issue, each["to"]["name"], bot);
    return Answer{204, {}};
  }

  Answer changelog(const Call& call, const json& issue) const {
    const auto at = call.path.find("startAt=") + 8, most = call.path.find("maxResults=") + 11;
    const std::size_t start = std::stoul(call.path.substr(at)), count = std::stoul(call.path.substr(most));
    json values = json::array();
    for (std::size_t i = start; i < issue["histories"].size() && values.size() < count; ++i)
      values.push_back(issue["histories"][i]);
    return {200, {{"values", values}, {"total", issue["histories"].size()}}};
  }

  Answer assign(const Call& call, json& issue) {
    if (refuses_assignees) return {400, {{"errors", {{"assignee", "User cannot be assigned issues."}}}}};
    const std::string to = call.body.contains("accountId") ? call.body["accountId"] : call.body["name"];
    issue["fields"]["assignee"] = person(to);
    history(issue, {{{"field", "assignee"}, {"to", to}, {"toString", display(to)}}}, bot);
    return {204, {}};
  }

  json transitions_ = {{{"id", "21"}, {"name", "Start work"}, {"to", status_json("In Progress")}},
                       {{"id", "31"}, {"name", "Finish"}, {"to", status_json("Done")}},
                       {{"id", "41"}, {"name", "Reopen"}, {"to", status_json("To Do")}}};
  int last_id_ = 10000;
};
