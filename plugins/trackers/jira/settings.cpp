#include "settings.hpp"

#include <algorithm>
#include <charconv>

#include "placeholders.hpp"

namespace tocsin_plugins::jira {
namespace {

using nlohmann::json;
using Names = std::map<std::string, std::string>;

constexpr std::string_view severities[] = {"LOW", "MEDIUM", "HIGH", "CRITICAL"};
constexpr std::string_view statuses[] = {"OPEN", "ACKNOWLEDGED", "IN_PROGRESS", "RESOLVED", "CLOSED"};

std::string at_line(const tsn::Config& value) {
  return value.line() ? " (line " + std::to_string(value.line()) + ")" : std::string();
}

[[noreturn]] void refuse(const std::string& text) {
  throw tsn::Failure(tsn::invalid(text));
}

template <std::size_t N>
Names names_of(const tsn::Config& table, const char* option, const std::string_view (&keys)[N]) {
  Names out;
  for (std::uint32_t i = 0; i < table.count(); ++i) {
    const auto key = table.key(i);
    if (std::ranges::find(keys, key) == std::end(keys)) {
      std::string known;
      for (const auto each : keys) known += " " + std::string(each);
      refuse(std::string(option) + ": unknown key \"" + std::string(key) + "\"" + at_line(table) + "; one of" + known);
    }
    out[std::string(key)] = table.at(i).as_str();
  }
  return out;
}

json json_of(const tsn::Config& value) {
  switch (value.type()) {
    case TSN_BOOL:
      return value.as_boolean();
    case TSN_INT:
      return value.as_integer();
    case TSN_FLOAT:
      return value.as_number();
    case TSN_STRING:
      return std::string(value.as_str());
    case TSN_ARRAY: {
      json out = json::array();
      for (const auto& item : value) out.push_back(json_of(item));
      return out;
    }
    case TSN_TABLE: {
      json out = json::object();
      for (std::uint32_t i = 0; i < value.count(); ++i) out[std::string(value.key(i))] = json_of(value.at(i));
      return out;
    }
    default:
      return nullptr;
  }
}

json fields_of(const tsn::Config& table) {
  // The issue is found again by these, so they are not for others to set.
  constexpr std::string_view own[] = {"project", "issuetype", "summary", "labels", "description"};
  json out = json_of(table);
  for (const auto& [key, value] : out.items()) {
    if (std::ranges::find(own, key) != std::end(own))
      refuse("fields: \"" + key + "\" is written by the plugin itself" + at_line(table) +
             "; see project, issue_type and extra_labels");
    (void)filled_json(value, tsn::Incident{});
  }
  return out;
}

/// `base` with what `table` gives.
Project project_in(const tsn::Config& table, Project base) {
  base.key = table.str("project", base.key);
  base.issue_type = table.str("issue_type", base.issue_type);
  base.resolve_transition = table.str("resolve_transition", base.resolve_transition);
  base.reopen_transition = table.str("reopen_transition", base.reopen_transition);
  base.wont_fix_resolution = table.str("wont_fix_resolution", base.wont_fix_resolution);
  if (table.has("priority")) base.priority = names_of(table.table("priority"), "priority", severities);
  if (table.has("status")) base.status = names_of(table.table("status"), "status", statuses);
  if (table.has("extra_labels")) base.labels = table.strings("extra_labels");
  if (table.has("fields")) base.fields = fields_of(table.table("fields"));
  if (base.key.empty()) refuse("project: it is empty; write the project's key, as in ETLOPS-12");
  if (base.issue_type.empty()) refuse("issue_type: it is empty; write the name of an issue type of " + base.key);
  return base;
}

void refuse_unknown(const tsn::Config& table) {
  constexpr std::string_view keys[] = {
      "matchers",     "project", "issue_type",         "priority",          "status",
      "extra_labels", "fields",  "resolve_transition", "reopen_transition", "wont_fix_resolution"};
  for (std::uint32_t i = 0; i < table.count(); ++i) {
    if (std::ranges::find(keys, table.key(i)) != std::end(keys)) continue;
    std::string known;
    for (const auto each : keys) known += " " + std::string(each);
    refuse("projects: unknown key \"" + std::string(table.key(i)) + "\"" + at_line(table) + "; one of" + known);
  }
}

std::string api_url_of(const tsn::Config& config) {
  std::string url(config.str("api_url"));
  while (url.ends_with('/')) url.pop_back();
  if (!url.starts_with("http://") && !url.starts_with("https://")) refuse("api_url: expected http:// or https://");
  if (url.find_first_of("@?#") != url.npos)
    refuse("api_url: expected an address alone; username and token are options of their own");
  return url;
}

MaxNew max_new_of(std::string_view text) {
  if (text.empty()) return {};
  MaxNew out;
  const auto [rest, error] = std::from_chars(text.data(), text.data() + text.size(), out.most);
  const std::string_view unit(rest, static_cast<std::size_t>(text.data() + text.size() - rest));
  if (unit == "/m") out.window = std::chrono::minutes(1);
  if (unit == "/h") out.window = std::chrono::hours(1);
  if (unit == "/d") out.window = std::chrono::hours(24);
  if (error != std::errc() || out.most == 0 || out.most > 1000 || out.window.count() == 0)
    refuse("max_new: \"" + std::string(text) +
           "\": expected a number from 1 to 1000 and /m, /h or /d, such as \"20/h\"");
  return out;
}

void read_webhook(const tsn::Config& table, Settings& out) {
  if (!table) return;
  for (std::uint32_t i = 0; i < table.count(); ++i) {
    if (table.key(i) != "path" && table.key(i) != "secret")
      refuse("webhook: unknown key \"" + std::string(table.key(i)) + "\"" + at_line(table) + "; one of path secret");
  }
  out.webhook_path = table.str("path");
  out.webhook_secret = table.str("secret");
  if (!out.webhook_path.starts_with('/'))
    refuse("webhook.path" + at_line(table) + ": expected a path, such as \"/api/v1/integrations/jira/webhook\"");
  if (out.webhook_secret.empty())
    refuse("webhook.secret" + at_line(table) +
           ": it is empty; write the secret that the webhook in Jira has, as \"env:NAME\"");
}

std::map<std::string, std::string> users_of(const tsn::Config& table) {
  std::map<std::string, std::string> out;
  for (std::uint32_t i = 0; i < table.count(); ++i) {
    const std::string account(table.at(i).as_str());
    if (account.empty()) refuse("users: \"" + std::string(table.key(i)) + "\" has no account" + at_line(table));
    out[std::string(table.key(i))] = account;
  }
  return out;
}

}  // namespace

Settings read_settings(const tsn::Config& config) {
  Settings out;
  out.api_url = api_url_of(config);
  out.cloud = config.str("api_type", "cloud") == "cloud";
  out.username = config.str("username");
  out.token = config.str("token");
  out.reopen_duration = config.duration("reopen_duration", std::chrono::hours(24));
  out.search_settle = config.duration("search_settle", std::chrono::seconds(5));
  out.poll = config.duration("poll", std::chrono::seconds(60));
  if (out.poll.count() != 0 && out.poll < std::chrono::seconds(5))
    refuse("poll: expected at least \"5s\", or \"0s\" to look for nothing");
  read_webhook(config.table("webhook"), out);
  out.users = users_of(config.table("users"));
  out.max_new = max_new_of(config.str("max_new"));
  std::string no_proxy;
  for (const auto& host : config.strings("no_proxy")) no_proxy += (no_proxy.empty() ? "" : ",") + host;
  out.http = {std::string(config.str("ca_file")), std::string(config.str("proxy_url")), no_proxy};
  Project section;
  section.issue_type = "Task";
  section = project_in(config, section);
  for (const auto& table : config.array("projects")) {
    if (table.type() != TSN_TABLE) table.wrong("a table");
    refuse_unknown(table);
    Project project = project_in(table, section);
    for (const auto& matcher : table.strings("matchers")) project.matchers.emplace_back(matcher);
    if (project.matchers.empty())
      refuse("projects: an entry without matchers" + at_line(table) + " would hide those after it");
    out.projects.push_back(std::move(project));
  }
  out.projects.push_back(std::move(section));
  return out;
}

std::vector<std::string> project_keys(const Settings& settings) {
  std::vector<std::string> out;
  for (const auto& project : settings.projects)
    if (std::ranges::find(out, project.key) == out.end()) out.push_back(project.key);
  return out;
}

const Project& project_of(const Settings& settings, const tsn::Incident& incident) {
  const auto found = std::ranges::find_if(settings.projects, [&](const Project& project) {
    return std::ranges::all_of(project.matchers, [&](const Matcher& matcher) { return matcher.matches(incident); });
  });
  return found == settings.projects.end() ? settings.projects.back() : *found;
}

}  // namespace tocsin_plugins::jira
