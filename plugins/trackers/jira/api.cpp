#include "api.hpp"

#include <algorithm>
#include <cctype>
#include <cstring>
#include <ctime>

namespace tocsin_plugins::jira {
namespace {

using nlohmann::json;

/// Discarded where it is no JSON, or nests so deep that copying or printing it would overflow the stack.
json parsed(const std::string& body) {
  return nests_deep(body) ? json(json::value_t::discarded) : json::parse(body, nullptr, false);
}

/// A member of a member, null where one is missing or of another type.
const json& member(const json& from, std::initializer_list<const char*> path) {
  static const json none;
  const json* at = &from;
  for (const char* key : path) {
    if (!at->is_object()) return none;
    const auto found = at->find(key);
    if (found == at->end()) return none;
    at = &*found;
  }
  return *at;
}

std::string text_at(const json& from, std::initializer_list<const char*> path) {
  const auto& value = member(from, path);
  return value.is_string() ? value.get<std::string>() : std::string();
}

/// "2026-11-20T10:00:00.000+0300" as Jira writes it; 0: no time.
tsn::Time time_of(const std::string& text) {
  std::tm utc{};
  const char* rest = strptime(text.c_str(), "%Y-%m-%dT%H:%M:%S", &utc);
  if (!rest) return 0;
  if (*rest == '.') rest += 1 + std::strspn(rest + 1, "0123456789");
  std::tm zone{};
  const char* end = strptime(rest, "%z", &zone);
  const long offset = end ? zone.tm_gmtoff : 0;
  tsn::Time ns = 0;  // a year that nanoseconds cannot tell is no time
  return __builtin_mul_overflow(static_cast<tsn::Time>(timegm(&utc)) - offset, 1'000'000'000, &ns) ? 0 : ns;
}

Issue issue_of(const json& from) {
  Issue out;
  out.id = text_at(from, {"id"});
  out.key = text_at(from, {"key"});
  out.status = text_at(from, {"fields", "status", "name"});
  out.done = text_at(from, {"fields", "status", "statusCategory", "key"}) == "done";
  out.resolution = text_at(from, {"fields", "resolution", "name"});
  out.resolved_at = time_of(text_at(from, {"fields", "resolutiondate"}));
  return out;
}

/// Jira's errorMessages and errors on one line.
std::string explanation(const std::string& body) {
  const auto answer = parsed(body);
  std::string out;
  const auto add = [&out](const std::string& text) { out += (out.empty() ? "" : "; ") + text; };
  const auto& messages = member(answer, {"errorMessages"});
  for (const auto& message : messages.is_array() ? messages : json::array())
    if (message.is_string()) add(message.get<std::string>());
  const auto& errors = member(answer, {"errors"});
  if (errors.is_object())
    for (const auto& [field, why] : errors.items())
      add(field + ": " + (why.is_string() ? why.get<std::string>() : why.dump()));
  if (const auto message = text_at(answer, {"message"}); !message.empty()) add(message);
  if (out.empty() && answer.is_discarded()) out = body;
  std::replace_if(out.begin(), out.end(), [](unsigned char c) { return c < 0x20; }, ' ');
  return shortened(out, 150);
}

std::string quoted(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out + "\"";
}

/// Issue keys come from Jira; as part of a path they are held to what a key may be.
std::string path_of(std::string_view key) {
  const bool fine =
      !key.empty() && std::ranges::all_of(key, [](unsigned char c) { return std::isalnum(c) || c == '-' || c == '_'; });
  if (!fine) throw tsn::Failure(tsn::invalid("jira: \"" + std::string(key) + "\" is no issue key"));
  return "/issue/" + std::string(key);
}

constexpr auto issue_fields = {"status", "resolution", "resolutiondate"};

}  // namespace

Api::Api(const Settings& settings, tsn::Context ctx)
    : settings_(settings),
      ctx_(ctx),
      client_(settings.http),
      rest_(settings.api_url + (settings.cloud ? "/rest/api/3" : "/rest/api/2")) {}

nlohmann::json Api::call(Kind kind, const char* method, const std::string& path, const nlohmann::json* body,
                         const std::string& what, tsn::Deadline deadline) {
  HttpRequest request;
  request.method = method;
  request.url = rest_ + path;
  request.once = kind == Kind::change;
  request.headers = {"Accept: application/json"};
  if (body) {
    request.body = body->dump(-1, ' ', false, json::error_handler_t::replace);
    request.headers.push_back("Content-Type: application/json");
  }
  if (settings_.username.empty())
    request.headers.push_back("Authorization: Bearer " + settings_.token);
  else
    request.username = settings_.username, request.password = settings_.token;
  HttpAnswer answer;
  if (auto status = client_.perform(request, deadline, answer); !status) {
    const bool lost = status == tsn::Code::unknown && kind == Kind::change;
    throw tsn::Failure(lost ? tsn::unknown("jira: " + what + ": " + status.text())
                            : tsn::fail("jira: " + what + ": " + status.text()));
  }
  if (answer.status < 200 || answer.status >= 300) throw tsn::Failure(refused(answer, what));
  if (answer.body.empty()) return nullptr;
  if (auto tree = parsed(answer.body); !tree.is_discarded()) return tree;
  const auto text = "jira: " + what + ": the answer is not JSON; check api_url " + host_of(settings_.api_url);
  throw tsn::Failure(kind == Kind::change ? tsn::unknown(text) : tsn::fail(text));
}

tsn::Status Api::refused(const HttpAnswer& answer, const std::string& what) const {
  const int code = static_cast<int>(answer.status);
  const std::string section = "[tracker." + std::string(ctx_.name()) + "]";
  std::string text = "jira: " + what + ": HTTP " + std::to_string(code);
  if (const auto why = explanation(answer.body); !why.empty()) text += ": " + why;
  if (code == 401 || code == 403) {
    const char* remedy = code == 401 ? " username and token" : ": may this user do that in the project?";
    return tsn::denied(text + "; check " + section + remedy).with_code(code);
  }
  const auto wait = answer.retry_after(ctx_.now());
  if (code == 429 || (code == 503 && wait.count() > 0)) return tsn::retry_later(text, wait).with_code(code);
  if (code >= 500 || code == 408 || code == 425) return tsn::fail(text).with_code(code);
  if (code >= 300 && code < 400)
    return tsn::invalid(text + ": redirected; write the address itself in " + section + " api_url").with_code(code);
  if (code == 404)
    return tsn::invalid(text + "; deleted, not visible to this user, or api_url or api_type are wrong").with_code(code);
  return tsn::invalid(text).with_code(code);
}

std::vector<Issue> Api::search(std::string_view project, std::string_view label, tsn::Deadline deadline) {
  const json body{{"jql", "project = " + quoted(project) + " AND labels = " + quoted(label)},
                  {"maxResults", 50},
                  {"fields", issue_fields}};
  const auto answer = call(Kind::read, "POST", settings_.cloud ? "/search/jql" : "/search", &body,
                           "search in " + std::string(project), deadline);
  const auto& list = member(answer, {"issues"});
  // An answer without a list proves nothing about what there is.
  if (!list.is_array())
    throw tsn::Failure(tsn::fail("jira: search in " + std::string(project) +
                                 ": the answer has no issues; check api_url and api_type"));
  std::vector<Issue> out;
  for (const auto& each : list) out.push_back(issue_of(each));
  // Ids are numbers that grow: the smallest was created first.
  std::ranges::sort(out, [](const Issue& a, const Issue& b) {
    return a.id.size() != b.id.size() ? a.id.size() < b.id.size() : a.id < b.id;
  });
  return out;
}

std::string Api::create(const nlohmann::json& fields, tsn::Deadline deadline) {
  const json body{{"fields", fields}};
  const auto what = "create an issue in " + text_at(fields, {"project", "key"});
  const auto answer = call(Kind::change, "POST", "/issue", &body, what, deadline);
  auto key = text_at(answer, {"key"});
  if (key.empty()) throw tsn::Failure(tsn::unknown("jira: " + what + ": the answer names no key"));
  return key;
}

Issue Api::issue(std::string_view key, tsn::Deadline deadline) {
  return issue_of(call(Kind::read, "GET", path_of(key) + "?fields=status,resolution,resolutiondate", nullptr,
                       "read " + std::string(key), deadline));
}

std::vector<Transition> Api::transitions(std::string_view key, tsn::Deadline deadline) {
  const auto answer =
      call(Kind::read, "GET", path_of(key) + "/transitions", nullptr, "transitions of " + std::string(key), deadline);
  std::vector<Transition> out;
  const auto& list = member(answer, {"transitions"});
  for (const auto& each : list.is_array() ? list : json::array())
    out.push_back({text_at(each, {"id"}), text_at(each, {"name"}), text_at(each, {"to", "name"})});
  return out;
}

void Api::transition(std::string_view key, std::string_view id, tsn::Deadline deadline) {
  const json body{{"transition", {{"id", id}}}};
  call(Kind::change, "POST", path_of(key) + "/transitions", &body, "transition of " + std::string(key), deadline);
}

bool Api::has_comment(std::string_view key, std::string_view mark, tsn::Deadline deadline) {
  const auto answer = call(Kind::read, "GET", path_of(key) + "/comment?orderBy=-created&maxResults=100", nullptr,
                           "comments of " + std::string(key), deadline);
  const auto& list = member(answer, {"comments"});
  return std::ranges::any_of(list.is_array() ? list : json::array(), [&](const json& comment) {
    return member(comment, {"body"}).dump(-1, ' ', false, json::error_handler_t::replace).find(mark) !=
           std::string::npos;
  });
}

void Api::comment(std::string_view key, const Document& text, tsn::Deadline deadline) {
  const json body{{"body", settings_.cloud ? text.adf() : json(text.wiki())}};
  call(Kind::change, "POST", path_of(key) + "/comment", &body, "comment on " + std::string(key), deadline);
}

void Api::load_fields(tsn::Deadline deadline) {
  const auto answer = call(Kind::read, "GET", "/field", nullptr, "list of fields", deadline);
  fields_.clear();
  for (const auto& each : answer.is_array() ? answer : json::array()) {
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
