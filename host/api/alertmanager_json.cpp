#include "api/alertmanager_json.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <cstdio>

#include "api/json_reader.hpp"
#include "api/present.hpp"
#include "base/id.hpp"
#include "base/text.hpp"

namespace tocsin::api::alertmanager {
namespace {

using base::Value;

/// Codes of go-openapi's errors.
constexpr unsigned not_of_type = 601, required = 602, too_few = 612;

template <class T>
using Read = std::expected<T, Reply>;

std::unexpected<Reply> malformed(std::string_view what, std::string_view why) {
  return std::unexpected(shape_refusal(400, 400, std::string(what) + ": " + std::string(why)));
}
std::unexpected<Reply> missing(const std::string& what) {
  return std::unexpected(shape_refusal(422, required, what + " in body is required"));
}

/// Null where the member is missing or null.
Value* member(Value& table, std::string_view key) {
  Value* found = table.find(key);
  return found == nullptr || found->is_null() ? nullptr : found;
}

Read<Value> document(std::string_view body, std::string_view what) {
  if (body.empty()) return missing(std::string(what));
  auto root = read_json(body);
  if (!root) return malformed(what, root.error().message());
  return std::move(*root);
}

/// Empty where it is missing.
Read<std::string> text(Value& table, std::string_view key, const std::string& where) {
  Value* found = member(table, key);
  if (found == nullptr) return std::string();
  if (found->string() == nullptr) return malformed(where + std::string(key), "a string is expected");
  return std::move(*found->string());
}

Read<model::Labels> labels(Value& value, const std::string& where) {
  if (value.table() == nullptr) return malformed(where, "an object of strings is expected");
  std::vector<model::Labels::Pair> pairs;
  pairs.reserve(value.table()->size());
  for (Value::Member& one : *value.table()) {
    if (one.value.is_null()) continue;
    if (one.value.string() == nullptr) return malformed(where + "." + one.key, "a string is expected");
    pairs.emplace_back(std::move(one.key), std::move(*one.value.string()));
  }
  return model::Labels(std::move(pairs));
}

/// A date before or after those that nanoseconds can tell, of which Alertmanager knows: the year of "9999-12-31T…".
base::Time beyond(std::string_view given) {
  const bool digits = given.size() > 4 && std::all_of(given.begin(), given.begin() + 4,
                                                      [](unsigned char c) { return std::isdigit(c) != 0; });
  if (!digits || !base::parse_rfc3339("2000" + std::string(given.substr(4)))) return base::no_time;
  return given.substr(0, 4) > "2000" ? base::parse_rfc3339("2261-01-01T00:00:00Z").value() : base::from_ns(1);
}

/// no_time where it is missing, or the year 1.
Read<base::Time> time(Value& table, std::string_view key, const std::string& where) {
  auto given = text(table, key, where);
  if (!given) return std::unexpected(std::move(given).error());
  if (given->empty()) return base::no_time;
  auto parsed = base::parse_rfc3339(*given);
  if (!parsed) parsed = base::parse_rfc3339(*given + "Z");
  if (parsed) return *parsed;
  if (const base::Time clamped = beyond(*given); clamped != base::no_time) return clamped;
  return malformed(where + std::string(key), parsed.error().message());
}

/// An absolute URL, or a path from the root: what Go takes for a request's URI.
bool is_uri(std::string_view text) {
  if (text.starts_with('/')) return true;
  const std::size_t colon = text.find(':');
  if (colon == text.npos || colon == 0 || std::isalpha(static_cast<unsigned char>(text[0])) == 0) return false;
  return std::ranges::all_of(text.substr(0, colon),
                             [](unsigned char c) { return std::isalnum(c) != 0 || c == '+' || c == '-' || c == '.'; });
}

#define READ(declaration, ...)                                                                              \
  auto TOCSIN_CAT(read_, __LINE__) = (__VA_ARGS__);                                                         \
  if (!TOCSIN_CAT(read_, __LINE__)) return std::unexpected(std::move(TOCSIN_CAT(read_, __LINE__)).error()); \
  declaration = std::move(*TOCSIN_CAT(read_, __LINE__))

Read<model::ReceivedAlert> alert(Value& value, const std::string& index) {
  if (value.table() == nullptr) return malformed("alert " + index, "an object is expected");
  const std::string where = index + ".";
  model::ReceivedAlert out;
  Value* given = member(value, "labels");
  if (given == nullptr) return missing(where + "labels");
  READ(out.labels, labels(*given, where + "labels"));
  if (Value* annotations = member(value, "annotations")) {
    READ(out.annotations, labels(*annotations, where + "annotations"));
  }
  READ(out.starts_at, time(value, "startsAt", where));
  READ(out.ends_at, time(value, "endsAt", where));
  READ(out.generator_url, text(value, "generatorURL", where));
  if (!out.generator_url.empty() && !is_uri(out.generator_url)) {
    return std::unexpected(shape_refusal(
        422, not_of_type, where + "generatorURL in body must be of type uri: " + json_text(out.generator_url)));
  }
  return out;
}

Read<model::Matcher> matcher(Value& value, const std::string& index) {
  const std::string where = "matchers." + index + ".";
  if (value.table() == nullptr) return malformed("matchers." + index, "an object is expected");
  for (const char* key : {"isRegex", "name", "value"}) {
    if (member(value, key) == nullptr) return missing(where + key);
  }
  READ(std::string name, text(value, "name", where));
  READ(std::string wanted, text(value, "value", where));
  const auto flag = [&](std::string_view key, bool fallback) -> Read<bool> {
    const Value* found = member(value, key);
    if (found == nullptr) return fallback;
    if (found->boolean() == nullptr) return malformed(where + std::string(key), "true or false is expected");
    return *found->boolean();
  };
  READ(const bool is_regex, flag("isRegex", false));
  READ(const bool is_equal, flag("isEqual", true));
  using enum model::MatchOp;
  const model::MatchOp op = is_regex ? (is_equal ? match : not_match) : (is_equal ? equal : not_equal);
  auto made = model::Matcher::make(std::move(name), op, std::move(wanted));
  if (!made) return std::unexpected(refusal(400, "silence invalid: matcher " + index + ": " + made.error().message()));
  return std::move(*made);
}

void write_names(JsonWriter& json, const std::vector<std::string>& names) {
  json.open_array();
  for (const std::string& name : names) json.open_object().field("name", name).close_object();
  json.close_array();
}

}  // namespace

Reply refusal(unsigned status, std::string_view text) {
  Reply reply;
  reply.status = status;
  reply.body = json_text(text);
  return reply;
}

Reply shape_refusal(unsigned status, unsigned code, std::string_view message) {
  Reply reply;
  reply.status = status;
  JsonWriter json(reply.body);
  json.open_object().field("code", static_cast<std::uint64_t>(code)).field("message", message).close_object();
  return reply;
}

std::expected<PostedAlerts, Reply> read_alerts(std::string_view body) {
  READ(Value root, document(body, "alerts"));
  PostedAlerts out;
  if (root.is_null()) return out;
  if (root.array() == nullptr) return malformed("alerts", "a list of alerts is expected");
  out.alerts.reserve(root.array()->size());
  std::size_t index = 0;
  for (Value& item : *root.array()) {
    const std::string number = std::to_string(index++);
    READ(model::ReceivedAlert one, alert(item, number));
    if (auto valid = model::check_received(one); !valid) {
      out.refused += (out.refused.empty() ? "alert " : "; alert ") + number + ": " + valid.error().message();
      continue;
    }
    out.alerts.push_back(std::move(one));
  }
  return out;
}

std::expected<model::Silence, Reply> read_silence(std::string_view body) {
  READ(Value root, document(body, "silence"));
  if (!root.is_null() && root.table() == nullptr) return malformed("silence", "an object is expected");
  for (const char* key : {"comment", "createdBy", "endsAt", "matchers", "startsAt"}) {
    if (root.is_null() || member(root, key) == nullptr) return missing(key);
  }
  model::Silence out;
  READ(out.id, text(root, "id", ""));
  READ(out.comment, text(root, "comment", ""));
  READ(out.created_by, text(root, "createdBy", ""));
  READ(out.starts_at, time(root, "startsAt", ""));
  READ(out.ends_at, time(root, "endsAt", ""));
  if (Value* annotations = member(root, "annotations")) {
    READ(const model::Labels pairs, labels(*annotations, "annotations"));
    out.annotations.insert(pairs.begin(), pairs.end());
  }
  Value::Array* matchers = root.find("matchers")->array();
  if (matchers == nullptr) return malformed("matchers", "a list is expected");
  if (matchers->empty()) {
    return std::unexpected(shape_refusal(422, too_few, "matchers in body should have at least 1 items"));
  }
  std::size_t index = 0;
  for (Value& item : *matchers) {
    READ(model::Matcher one, matcher(item, std::to_string(index++)));
    out.matchers.push_back(std::move(one));
  }
  return out;
}

std::string time_text(base::Time time) {
  if (time == base::no_time) return "0001-01-01T00:00:00.000Z";
  const auto days = std::chrono::floor<std::chrono::days>(time);
  const std::chrono::year_month_day date(days);
  const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(time - days).count();
  std::array<char, 40> out{};
  const int size = std::snprintf(
      out.data(), out.size(), "%04d-%02u-%02uT%02d:%02d:%02d.%03dZ", static_cast<int>(date.year()),
      static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()), static_cast<int>(ms / 3'600'000),
      static_cast<int>(ms / 60'000 % 60), static_cast<int>(ms / 1000 % 60), static_cast<int>(ms % 1000));
  return std::string(out.data(), static_cast<std::size_t>(size));
}

void write(JsonWriter& json, const model::AlertView& view) {
  const model::Alert& alert = *view.alert;
  json.open_object();
  api::write(json.key("annotations"), alert.annotations);
  json.field("endsAt", time_text(view.ends_at)).field("fingerprint", base::hex16(alert.fingerprint));
  write_names(json.key("receivers"), view.receivers);
  json.field("startsAt", time_text(view.starts_at)).key("status").open_object();
  api::write(json.key("inhibitedBy"), view.inhibited_by);
  api::write(json.key("mutedBy"), view.muted_by);
  api::write(json.key("silencedBy"), view.silenced_by);
  json.field("state", view.suppressed() ? "suppressed" : "active").close_object();
  json.field("updatedAt", time_text(alert.updated_at));
  if (!alert.generator_url.empty()) json.field("generatorURL", alert.generator_url);
  api::write(json.key("labels"), alert.labels);
  json.close_object();
}

void write(JsonWriter& json, const model::AlertGroupView& group) {
  json.open_object().key("alerts").open_array();
  for (const model::AlertView& view : group.alerts) write(json, view);
  json.close_array();
  api::write(json.key("labels"), group.labels);
  json.key("receiver").open_object().field("name", group.receiver).close_object();
  json.key("routeLabels").open_object().close_object().close_object();
}

void write(JsonWriter& json, const model::Silence& silence, base::Time now) {
  json.open_object().key("annotations").open_object();
  for (const auto& [name, value] : silence.annotations) json.field(name, value);
  json.close_object().field("id", silence.id).key("status").open_object();
  json.field("state", model::to_string(silence.state(now))).close_object();
  json.field("updatedAt", time_text(silence.updated_at)).field("comment", silence.comment);
  json.field("createdBy", silence.created_by).field("endsAt", time_text(silence.ends_at)).key("matchers").open_array();
  for (const model::Matcher& one : silence.matchers) {
    const bool equal = one.op() == model::MatchOp::equal || one.op() == model::MatchOp::match;
    const bool regex = one.op() == model::MatchOp::match || one.op() == model::MatchOp::not_match;
    json.open_object().field("isEqual", equal).field("isRegex", regex);
    json.field("name", one.label()).field("value", one.value()).close_object();
  }
  json.close_array().field("startsAt", time_text(silence.starts_at)).close_object();
}

}  // namespace tocsin::api::alertmanager
