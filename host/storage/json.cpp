#include "storage/json.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <map>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/id.hpp"
#include "base/text.hpp"

namespace tocsin::storage::json {
namespace {

using Json = nlohmann::json;

// One function per type says what its fields are; writing and reading walk the same list.

// Written as text at once: a tree of values first costs ten times as much, and every alert is written several times.

using Text = std::string;

void write(Text& out, bool v) {
  out += v ? "true" : "false";
}
template <class N>
  requires std::is_arithmetic_v<N>
void write(Text& out, N v) {
  if constexpr (std::is_floating_point_v<N>) {
    if (!std::isfinite(v)) {
      out += "null";
      return;
    }
  }
  std::array<char, 32> digits;
  out.append(digits.data(), std::to_chars(digits.data(), digits.data() + digits.size(), v).ptr);
}
bool plain(std::string_view text) {
  return std::ranges::none_of(text, [](unsigned char c) { return c < 0x20 || c >= 0x7f || c == '"' || c == '\\'; });
}
/// PostgreSQL's jsonb has no NUL character.
void write(Text& out, std::string_view v) {
  if (plain(v)) {
    out += '"';
    out += v;
    out += '"';
  } else if (v.find('\0') == v.npos) {
    out += base::json_quote(v);
  } else {
    std::string clean;
    for (char c : v) c == '\0' ? clean.append("\xef\xbf\xbd") : clean.append(1, c);
    out += base::json_quote(clean);
  }
}
void write(Text& out, const std::string& v) {
  write(out, std::string_view(v));
}
void write(Text& out, base::Time v) {
  write(out, base::to_ns(v));
}
void write(Text& out, base::Duration v) {
  write(out, static_cast<std::int64_t>(v.count()));
}
/// Before each member but the first.
void name_next(Text& out, std::string_view name) {
  if (out.back() != '{') out += ',';
  write(out, name);
  out += ':';
}
template <class Pairs>
void write_object(Text& out, const Pairs& pairs) {
  out += '{';
  for (const auto& [name, value] : pairs) {
    name_next(out, name);
    write(out, value);
  }
  out += '}';
}
void write(Text& out, const model::Labels& v) {
  write_object(out, v);
}
void write(Text& out, const std::map<std::string, std::string>& v) {
  write_object(out, v);
}
template <class E>
  requires std::is_enum_v<E>
void write(Text& out, E v) {
  write(out, static_cast<std::uint32_t>(v));
}
void write(Text& out, const model::Matcher& v) {
  out += '{';
  name_next(out, "label"), write(out, v.label());
  name_next(out, "op"), write(out, v.op());
  name_next(out, "value"), write(out, v.value());
  out += '}';
}

// What a fresh object has is not written; of words and states always what they are.
template <class T>
bool fresh(const T& v) {
  if constexpr (std::is_floating_point_v<T>)
    return std::isnan(v);
  else if constexpr (std::is_arithmetic_v<T>)
    return v == T{};
  else if constexpr (std::is_same_v<T, base::Time> || std::is_same_v<T, base::Duration>)
    return v == T{};
  else if constexpr (requires { v.empty(); })
    return v.empty();
  else
    return false;
}

void read(const Json& j, bool& v) {
  v = j.get<bool>();
}
void read(const Json& j, int& v) {
  v = j.get<int>();
}
void read(const Json& j, std::uint32_t& v) {
  v = j.get<std::uint32_t>();
}
void read(const Json& j, std::uint64_t& v) {
  v = j.get<std::uint64_t>();
}
void read(const Json& j, double& v) {
  v = j.is_null() ? std::nan("") : j.get<double>();
}
void read(const Json& j, std::string& v) {
  v = j.get<std::string>();
}
void read(const Json& j, base::Time& v) {
  v = base::from_ns(j.get<std::int64_t>());
}
void read(const Json& j, base::Duration& v) {
  v = base::Duration(j.get<std::int64_t>());
}
void read(const Json& j, model::Labels& v) {
  std::vector<model::Labels::Pair> pairs;
  for (const auto& [name, value] : j.items()) pairs.emplace_back(name, value.get<std::string>());
  v = model::Labels(std::move(pairs));
}
void read(const Json& j, std::map<std::string, std::string>& v) {
  for (const auto& [name, value] : j.items()) v[name] = value.get<std::string>();
}
/// A matcher has no default, so a list of them is read as a whole.
void read(const Json& j, model::Matchers& v) {
  for (const Json& item : j) {
    const auto op = item.at("op").get<std::uint32_t>();
    auto matcher = op > static_cast<std::uint32_t>(model::MatchOp::not_match)
                       ? base::fail(base::Fault::corrupt, "unknown operator")
                       : model::Matcher::make(item.at("label").get<std::string>(), static_cast<model::MatchOp>(op),
                                              item.at("value").get<std::string>());
    if (!matcher) throw Json::other_error::create(501, "a matcher: " + matcher.error().message(), &item);
    v.push_back(std::move(*matcher));
  }
}
template <class E>
  requires std::is_enum_v<E>
void read(const Json& j, E& v) {
  v = static_cast<E>(j.get<std::uint32_t>());
}

template <class F, class V>
concept Value = requires(F f, V& v) { fields(f, v); };
struct AnyField {
  template <class T>
  void operator()(const char*, T&) {}
};

template <class T>
void write(Text& out, const std::vector<T>& v);
template <class T>
void read(const Json& j, std::vector<T>& v);

template <class F>
void fields(F&& f, auto& v)
  requires std::is_same_v<std::remove_cvref_t<decltype(v)>, model::Link>
{
  f("text", v.text), f("href", v.href);
}
template <class F>
void fields(F&& f, auto& v)
  requires std::is_same_v<std::remove_cvref_t<decltype(v)>, model::Origin>
{
  f("file", v.file), f("offset", v.offset), f("line", v.line);
}
template <class F>
void fields(F&& f, auto& v)
  requires std::is_same_v<std::remove_cvref_t<decltype(v)>, model::Alert>
{
  f("id", v.id), f("rule", v.rule), f("fingerprint", v.fingerprint), f("state", v.state), f("severity", v.severity);
  f("category", v.category), f("labels", v.labels), f("group", v.group), f("annotations", v.annotations);
  f("links", v.links), f("value", v.value), f("threshold", v.threshold), f("active_at", v.active_at);
  f("fired_at", v.fired_at), f("resolved_at", v.resolved_at), f("updated_at", v.updated_at);
  f("cooldown_until", v.cooldown_until), f("shadow", v.shadow), f("silent", v.silent), f("origin", v.origin);
  f("title", v.title), f("received", v.received), f("starts_at", v.starts_at), f("ends_at", v.ends_at);
  f("generator_url", v.generator_url), f("end_assumed", v.end_assumed), f("keeper", v.keeper);
  f("agent", v.agent);
}
template <class F>
void fields(F&& f, auto& v)
  requires std::is_same_v<std::remove_cvref_t<decltype(v)>, model::Incident>
{
  f("number", v.number), f("correlation_id", v.correlation_id), f("title", v.title), f("description", v.description);
  f("severity", v.severity), f("category", v.category), f("status", v.status), f("service_name", v.service_name);
  f("affected_component", v.affected_component), f("metric_name", v.metric_name), f("impact", v.impact);
  f("suggestion", v.suggestion), f("resolution_notes", v.resolution_notes), f("close_reason", v.close_reason);
  f("owner", v.owner), f("metric_value", v.metric_value), f("threshold_value", v.threshold_value);
  f("ticket_key", v.ticket_key), f("ticket_url", v.ticket_url), f("group_key", v.group_key), f("route", v.route);
  f("labels", v.labels), f("tags", v.tags), f("links", v.links), f("runbook_url", v.runbook_url);
  f("shadow", v.shadow), f("detected_at", v.detected_at), f("acknowledged_at", v.acknowledged_at);
  f("resolved_at", v.resolved_at), f("closed_at", v.closed_at), f("created_at", v.created_at);
  f("updated_at", v.updated_at), f("acknowledged_by", v.acknowledged_by), f("ack_expires_at", v.ack_expires_at);
  f("snoozed_until", v.snoozed_until), f("merged_into", v.merged_into), f("merged_groups", v.merged_groups);
}
template <class F>
void fields(F&& f, auto& v)
  requires std::is_same_v<std::remove_cvref_t<decltype(v)>, model::Delivery>
{
  f("key", v.key), f("instance", v.instance), f("tracker", v.tracker), f("kind", v.kind), f("change", v.change);
  f("correlation_id", v.correlation_id), f("target", v.target), f("recipient", v.recipient), f("address", v.address);
  f("reason", v.reason), f("receiver", v.receiver), f("group_key", v.group_key), f("group_labels", v.group_labels);
  f("incident", v.incident), f("alerts", v.alerts), f("title", v.title), f("text", v.text), f("note", v.note);
  f("note_author", v.note_author), f("shadow", v.shadow), f("state", v.state), f("attempts", v.attempts);
  f("outcome_unknown", v.outcome_unknown), f("created_at", v.created_at), f("next_attempt_at", v.next_attempt_at);
  f("deadline", v.deadline), f("last_error", v.last_error), f("digest", v.digest);
}
template <class F>
void fields(F&& f, auto& v)
  requires std::is_same_v<std::remove_cvref_t<decltype(v)>, model::GroupState>
{
  f("key", v.key), f("labels", v.labels), f("next_flush", v.next_flush), f("last_notified", v.last_notified);
  f("told_firing", v.told_firing), f("told_resolved", v.told_resolved), f("members", v.members), f("owed", v.owed);
  f("told_flapping", v.told_flapping), f("reports", v.reports);
}
template <class F>
void fields(F&& f, auto& v)
  requires std::is_same_v<std::remove_cvref_t<decltype(v)>, model::Ladder>
{
  f("correlation_id", v.correlation_id), f("steps", v.steps), f("waits", v.waits), f("next_step", v.next_step);
  f("round", v.round), f("repeat", v.repeat), f("on_exhausted", v.on_exhausted), f("next_at", v.next_at);
}

template <class F>
void fields(F&& f, auto& v)
  requires std::is_same_v<std::remove_cvref_t<decltype(v)>, model::Recurrence>
{
  f("every", v.every), f("length", v.length), f("zone", v.zone);
}
template <class F>
void fields(F&& f, auto& v)
  requires std::is_same_v<std::remove_cvref_t<decltype(v)>, model::Silence>
{
  f("id", v.id), f("matchers", v.matchers), f("except", v.except), f("starts_at", v.starts_at);
  f("ends_at", v.ends_at), f("updated_at", v.updated_at), f("created_by", v.created_by), f("comment", v.comment);
  f("annotations", v.annotations), f("recurrence", v.recurrence), f("until_resolved", v.until_resolved);
  f("ended_by", v.ended_by);
}

template <class T>
  requires Value<AnyField, const T>
void write(Text& out, const T& v) {
  out += '{';
  fields(
      [&out](const char* name, const auto& field) {
        if (fresh(field)) return;
        name_next(out, name);
        write(out, field);
      },
      v);
  out += '}';
}
template <class T>
  requires Value<AnyField, T>
void read(const Json& j, T& v) {
  fields(
      [&j](const char* name, auto& field) {
        if (const auto it = j.find(name); it != j.end()) read(*it, field);
      },
      v);
}
template <class T>
void write(Text& out, const std::vector<T>& v) {
  out += '[';
  for (bool first = true; const T& item : v) {
    if (!std::exchange(first, false)) out += ',';
    write(out, item);
  }
  out += ']';
}
template <class T>
void read(const Json& j, std::vector<T>& v) {
  for (const Json& item : j) read(item, v.emplace_back());
}

template <class T>
std::string text_of(const T& v) {
  Text out;
  write(out, v);
  return out;
}

template <class T>
base::Result<T> value_of(std::string_view text, const char* what) {
  T v;
  if (text.empty()) return v;
  try {
    read(Json::parse(text), v);
  } catch (const Json::exception& e) {
    return base::fail(base::Fault::corrupt, std::string("store: a stored ") + what + " does not parse: " + e.what());
  }
  return v;
}

}  // namespace

std::string of(const model::Labels& v) {
  return text_of(v);
}
std::string of(const std::vector<std::string>& v) {
  return text_of(v);
}
std::string of_fingerprints(const std::vector<std::uint64_t>& v) {
  std::string out = "[";
  for (std::uint64_t one : v) (out += out.size() > 1 ? ",\"" : "\"").append(base::hex16(one)) += '"';
  return out += ']';
}
std::string of(const std::vector<model::Link>& v) {
  return text_of(v);
}
std::string of(const model::Alert& v) {
  return text_of(v);
}
std::string of(const model::Incident& v) {
  return text_of(v);
}
std::string of(const model::Delivery& v) {
  return text_of(v);
}
std::string of(const model::GroupState& v) {
  return text_of(v);
}
std::string of(const model::Ladder& v) {
  return text_of(v);
}
std::string of(const model::Silence& v) {
  return text_of(v);
}

base::Result<model::Labels> labels(std::string_view t) {
  return value_of<model::Labels>(t, "label set");
}
base::Result<std::vector<std::string>> texts(std::string_view t) {
  return value_of<std::vector<std::string>>(t, "list");
}
base::Result<std::vector<std::uint64_t>> fingerprints(std::string_view t) {
  TRY(const auto words, texts(t));
  std::vector<std::uint64_t> out;
  for (const std::string& word : words) {
    std::uint64_t& one = out.emplace_back();
    const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), one, 16);
    if (error != std::errc() || end != word.data() + word.size())
      return base::fail(base::Fault::corrupt, "store: a stored fingerprint does not parse: " + word);
  }
  return out;
}
base::Result<std::vector<model::Link>> links(std::string_view t) {
  return value_of<std::vector<model::Link>>(t, "list of links");
}
base::Result<model::Alert> alert(std::string_view t) {
  return value_of<model::Alert>(t, "alert");
}
base::Result<model::Incident> incident(std::string_view t) {
  return value_of<model::Incident>(t, "incident");
}
base::Result<model::Delivery> delivery(std::string_view t) {
  return value_of<model::Delivery>(t, "delivery");
}
base::Result<model::GroupState> group(std::string_view t) {
  return value_of<model::GroupState>(t, "group");
}
base::Result<model::Ladder> ladder(std::string_view t) {
  return value_of<model::Ladder>(t, "ladder");
}
base::Result<model::Silence> silence(std::string_view t) {
  return value_of<model::Silence>(t, "silence");
}

}  // namespace tocsin::storage::json
