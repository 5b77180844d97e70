// Issues: found, made, moved, commented on.
#include "api.hpp"

#include <algorithm>
#include <cctype>

#include "json.hpp"

namespace tocsin_plugins::jira {
namespace {

using nlohmann::json;

/// Who set the status last, by the history that came with the issue.
Account last_mover(const json& issue) {
  Account out;
  tsn::Time newest = 0;
  for (const auto& entry : list_at(issue, {"changelog", "histories"})) {
    const auto at = time_of(text_at(entry, {"created"}));
    if (at < newest) continue;
    for (const auto& item : list_at(entry, {"items"}))
      if (text_at(item, {"field"}) == "status") newest = at, out = account_of(member(entry, {"author"}));
  }
  return out;
}

Issue issue_of(const json& from) {
  Issue out;
  out.id = text_at(from, {"id"});
  out.key = text_at(from, {"key"});
  out.status = text_at(from, {"fields", "status", "name"});
  out.category = text_at(from, {"fields", "status", "statusCategory", "key"});
  out.done = out.category == "done";
  out.resolution = text_at(from, {"fields", "resolution", "name"});
  out.resolved_at = time_of(text_at(from, {"fields", "resolutiondate"}));
  out.summary = text_at(from, {"fields", "summary"});
  out.priority = text_at(from, {"fields", "priority", "name"});
  out.assignee = account_of(member(from, {"fields", "assignee"}));
  out.moved_by = last_mover(from);
  return out;
}

constexpr auto found_fields = {"status", "resolution", "resolutiondate"};

}  // namespace

std::string path_of(std::string_view key) {
  const bool fine =
      !key.empty() && std::ranges::all_of(key, [](unsigned char c) { return std::isalnum(c) || c == '-' || c == '_'; });
  if (!fine) throw tsn::Failure(tsn::invalid("jira: \"" + std::string(key) + "\" is no issue key"));
  return "/issue/" + std::string(key);
}

std::string url_part(std::string_view text) {
  constexpr char hex[] = "0123456789ABCDEF";
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if ((byte < 0x80 && std::isalnum(byte)) || c == '-' || c == '_' || c == '.' || c == '~')
      out += c;
    else
      out += {'%', hex[byte >> 4], hex[byte & 15]};
  }
  return out;
}

std::string jql_quoted(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out + "\"";
}

std::vector<Issue> Api::search(std::string_view project, std::string_view label, tsn::Deadline deadline) {
  const json body{{"jql", "project = " + jql_quoted(project) + " AND labels = " + jql_quoted(label)},
                  {"maxResults", 50},
                  {"fields", found_fields}};
  const auto answer = rest_.call(Call::read, "POST", settings_.cloud ? "/search/jql" : "/search", &body,
                                 "search in " + std::string(project), deadline);
  // An answer without a list proves nothing about what there is.
  if (!member(answer, {"issues"}).is_array())
    throw tsn::Failure(tsn::fail("jira: search in " + std::string(project) +
                                 ": the answer has no issues; check api_url and api_type"));
  std::vector<Issue> out;
  for (const auto& each : list_at(answer, {"issues"})) out.push_back(issue_of(each));
  // Ids are numbers that grow: the smallest was created first.
  std::ranges::sort(out, [](const Issue& a, const Issue& b) {
    return a.id.size() != b.id.size() ? a.id.size() < b.id.size() : a.id < b.id;
  });
  return out;
}

std::string Api::create(const json& fields, tsn::Deadline deadline) {
  const json body{{"fields", fields}};
  const auto what = "create an issue in " + text_at(fields, {"project", "key"});
  const auto answer = rest_.call(Call::change, "POST", "/issue", &body, what, deadline);
  auto key = text_at(answer, {"key"});
  if (key.empty()) throw tsn::Failure(tsn::unknown("jira: " + what + ": the answer names no key"));
  return key;
}

Issue Api::issue(std::string_view key, tsn::Deadline deadline) {
  return issue_of(
      get(path_of(key) + "?fields=status,resolution,resolutiondate,summary,priority,assignee&expand=changelog",
          "read " + std::string(key), deadline));
}

void Api::update(std::string_view key, const json& fields, tsn::Deadline deadline) {
  const json body{{"fields", fields}};
  rest_.call(Call::change, "PUT", path_of(key), &body, "update " + std::string(key), deadline);
}

std::vector<Transition> Api::transitions(std::string_view key, tsn::Deadline deadline) {
  const auto answer = get(path_of(key) + "/transitions", "transitions of " + std::string(key), deadline);
  std::vector<Transition> out;
  for (const auto& each : list_at(answer, {"transitions"}))
    out.push_back({text_at(each, {"id"}), text_at(each, {"name"}), text_at(each, {"to", "name"}),
                   text_at(each, {"to", "statusCategory", "key"})});
  return out;
}

void Api::transition(std::string_view key, std::string_view id, tsn::Deadline deadline) {
  const json body{{"transition", {{"id", id}}}};
  rest_.call(Call::change, "POST", path_of(key) + "/transitions", &body, "transition of " + std::string(key), deadline);
}

bool Api::has_comment(std::string_view key, std::string_view mark, tsn::Deadline deadline) {
  const auto answer =
      get(path_of(key) + "/comment?orderBy=-created&maxResults=100", "comments of " + std::string(key), deadline);
  return std::ranges::any_of(list_at(answer, {"comments"}), [&](const json& comment) {
    return printed(member(comment, {"body"})).find(mark) != std::string::npos;
  });
}

void Api::comment(std::string_view key, const Document& text, tsn::Deadline deadline) {
  const json body{{"body", settings_.cloud ? text.adf() : json(text.wiki())}};
  rest_.call(Call::change, "POST", path_of(key) + "/comment", &body, "comment on " + std::string(key), deadline);
}

void Api::load_fields(tsn::Deadline deadline) {
  const auto answer = get("/field", "list of fields", deadline);
  fields_.clear();
  for (const auto& each : list_at(answer, {})) {
    const auto id = text_at(each, {"id"}), name = text_at(each, {"name"});
    fields_.emplace(id, id);
    if (name != id) fields_.emplace(name, id);
  }
}

std::optional<std::string> Api::known_field(const std::string& name) const {
  const auto [begin, end] = fields_.equal_range(name);
  if (begin == end) return std::nullopt;
  std::string ids;
  for (auto it = begin; it != end; ++it) {
    if (it->second == name) return name;
    ids += " " + it->second;
  }
  if (std::next(begin) != end)
    throw tsn::Failure(
        tsn::invalid("jira: several fields are named \"" + name + "\":" + ids + "; write the id in fields"));
  return begin->second;
}

std::string Api::field_id(const std::string& name, tsn::Deadline deadline) {
  if (name.starts_with("customfield_")) return name;
  if (const auto id = known_field(name)) return *id;
  load_fields(deadline);
  if (const auto id = known_field(name)) return *id;
  throw tsn::Failure(tsn::invalid("jira: there is no field \"" + name + "\"; check [tracker." +
                                  std::string(ctx_.name()) + ".fields]"));
}

}  // namespace tocsin_plugins::jira
