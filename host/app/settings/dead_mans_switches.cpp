#include "settings/dead_mans_switches.hpp"

#include "config/schema.hpp"
#include "settings/agent.hpp"
#include "settings/values.hpp"

namespace tocsin::settings {
namespace {

using base::Option;
using base::Value;
using config::Diagnostics;
using config::error_at;
using enum base::OptionType;

/// What a path segment of a URL can be without escapes: the name stands in the address that is pinged.
bool plain_name(const std::string& name) {
  return name.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.~") ==
         std::string::npos;
}

/// A header that would end its line, or the request.
bool one_line(const std::string& text) {
  return text.find_first_of(std::string_view("\r\n\0", 3)) == std::string::npos;
}

}  // namespace

std::span<const Option> heartbeat_options() {
  static const std::vector<Option> options = {
      {.key = "every", .type = duration, .required = true, .min = "1s", .doc = "How often it succeeds."},
      {.key = "grace",
       .type = duration,
       .fallback = "\"5m\"",
       .min = "0s",
       .doc = "How much later than `every` it may be, and how long a run that said when it began may take."},
      {.key = "severity",
       .type = string,
       .fallback = "\"HIGH\"",
       .doc = "Of HeartbeatMissed and HeartbeatFailed: CRITICAL, HIGH, MEDIUM or LOW."},
      {.key = "labels",
       .type = table,
       .doc = "Added to its alerts.",
       .children = {{.key = "*", .type = string, .doc = "A label's value."}}},
  };
  return options;
}

std::span<const Option> watchdog_options() {
  static const std::vector<Option> options = {
      {.key = "url",
       .type = string,
       .required = true,
       .doc = "Asked while the path from detection to delivery is proven; `${file:PATH}` in it is replaced."},
      {.key = "every", .type = duration, .fallback = "\"60s\"", .min = "1s", .doc = "How often it is proven and sent."},
      {.key = "timeout", .type = duration, .fallback = "\"10s\"", .min = "100ms", .doc = "For one request."},
      {.key = "method",
       .type = string,
       .fallback = "\"GET\"",
       .choices = {"GET", "HEAD", "POST", "PUT"},
       .doc = "Of the request."},
      {.key = "headers",
       .type = table,
       .doc = "Of the request; `${file:PATH}` in a value is replaced.",
       .children = {{.key = "*", .type = string, .doc = "A header's value."}}},
  };
  return options;
}

std::vector<model::Heartbeat> read_heartbeats(const Value& root, Diagnostics& diagnostics) {
  std::vector<model::Heartbeat> out;
  for (const Value::Member* member : named_tables(root, "heartbeat", diagnostics)) {
    const std::string where = "[heartbeat." + member->key + "]";
    const Value table = config::validate(member->value, heartbeat_options(), where, diagnostics);
    model::Heartbeat heartbeat;
    heartbeat.name = member->key;
    heartbeat.every = duration_of(table, "every");
    heartbeat.grace = duration_of(table, "grace");
    heartbeat.labels = labels_of(table, "labels", where, diagnostics);
    if (auto severity = model::parse_severity(text_of(table, "severity")))
      heartbeat.severity = *severity;
    else
      error_at(diagnostics, place_of(table, "severity"), where + " severity: " + severity.error().message());
    if (!plain_name(member->key)) {
      error_at(diagnostics, member->key_place, where + " its name stands in a URL; use letters, digits, - and _");
    }
    out.push_back(std::move(heartbeat));
  }
  return out;
}

std::optional<Watchdog> read_watchdog(const Value& root, const config::Environment& environment,
                                      Diagnostics& diagnostics) {
  const Value* given = root.find("watchdog");
  if (!given) return std::nullopt;
  const Value written = config::validate(*given, watchdog_options(), "[watchdog]", diagnostics);
  const Value table = resolved(written, watchdog_options(), "[watchdog]", environment, diagnostics);
  Watchdog out;
  out.url = text_of(table, "url");
  out.every = duration_of(table, "every", out.every);
  out.timeout = duration_of(table, "timeout", out.timeout);
  out.method = text_of(table, "method", "GET");
  const bool http = out.url.starts_with("http://") || out.url.starts_with("https://");
  if (!out.url.empty() && !http) {
    error_at(diagnostics, place_of(table, "url"), "[watchdog] url: expected http://… or https://…");
  }
  if (holds_password(text_of(written, "url"))) {
    error_at(diagnostics, place_of(table, "url"),
             "[watchdog] url: a password in a URL ends up in logs; give headers = { Authorization = \"Basic "
             "${file:PATH}\" }");
  }
  if (!one_line(out.url) || out.url.find(' ') != std::string::npos)
    error_at(diagnostics, place_of(table, "url"), "[watchdog] url: a URL has no spaces and no line breaks");
  const Value* headers = table.find("headers");
  if (!headers || !headers->table()) return out;
  for (const Value::Member& member : *headers->table()) {
    if (!member.value.string()) continue;
    if (!one_line(member.key) || !one_line(*member.value.string())) {
      error_at(diagnostics, member.key_place, "[watchdog] headers: \"" + member.key + "\" holds a line break");
      continue;
    }
    out.headers.emplace_back(member.key, *member.value.string());
  }
  return out;
}

}  // namespace tocsin::settings
