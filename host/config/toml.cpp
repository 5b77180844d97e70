// The one file that includes toml++; without exceptions, so that a bad file is a value and not a throw.
#define TOML_EXCEPTIONS 0
#define TOML_HEADER_ONLY 1
#define TOML_ENABLE_FORMATTERS 0
#define TOML_ENABLE_WINDOWS_COMPAT 0
// Version 3.3 asserts (and tells clang to assume) that a header's key begins well, just before it checks that it does:
// `[=` would end the program. The checks that follow are enough.
#define TOML_ASSERT(condition) static_cast<void>(0)
#ifdef __clang__
#define __builtin_assume(...) static_cast<void>(0)
#endif
#include <toml++/toml.h>
#ifdef __clang__
#undef __builtin_assume
#endif

#include <algorithm>
#include <cstdio>

#include "config/expansion.hpp"

namespace tocsin::config {
namespace {

using base::Place;
using base::Value;

constexpr std::size_t max_text = 8u << 20;
constexpr int max_dots = 200;

/// toml++ bounds the nesting of values but not of dotted keys and headers, and frees tables recursively: a line of
/// half a million `a.` would overflow the stack. True where a run of key characters holds too many dots.
bool too_deep(std::string_view text) {
  int dots = 0;
  bool comment = false;
  for (char c : text) {
    if (c == '\n') dots = 0, comment = false;
    if (comment) continue;
    const bool key_character = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
                               c == '-' || c == '"' || c == '\'' || c == ' ' || c == '\t';
    if (c == '.') {
      if (++dots > max_dots) return true;
    } else if (!key_character) {
      dots = 0;
      comment = c == '#';
    }
  }
  return false;
}

std::string date_text(const toml::date& d) {
  char buffer[16];
  std::snprintf(buffer, sizeof buffer, "%04u-%02u-%02u", d.year % 10000u, d.month % 100u, d.day % 100u);
  return buffer;
}

std::string time_text(const toml::time& t) {
  char buffer[40];
  int n = std::snprintf(buffer, sizeof buffer, "%02u:%02u:%02u", t.hour % 100u, t.minute % 100u, t.second % 100u);
  if (t.nanosecond) std::snprintf(buffer + n, sizeof buffer - static_cast<std::size_t>(n), ".%09u", t.nanosecond);
  return buffer;
}

std::string date_time_text(const toml::date_time& t) {
  std::string out = date_text(t.date) + "T" + time_text(t.time);
  if (!t.offset) return out;
  if (t.offset->minutes == 0) return out + "Z";
  char buffer[16];
  const unsigned minutes = static_cast<unsigned>(std::abs(static_cast<int>(t.offset->minutes)));
  std::snprintf(buffer, sizeof buffer, "%c%02u:%02u", t.offset->minutes < 0 ? '-' : '+', minutes / 60, minutes % 60);
  return out + buffer;
}

class Converter {
 public:
  Converter(std::shared_ptr<const std::string> file, const Environment& environment, Diagnostics& diagnostics)
      : file_(std::move(file)), environment_(environment), diagnostics_(diagnostics) {}

  Value convert(const toml::node& node) {
    const Place place = at(node.source());
    Value value = plain(node, place);
    value.place = place;
    return value;
  }

 private:
  Place at(const toml::source_region& region) const { return {file_, region.begin.line, region.begin.column}; }

  Value plain(const toml::node& node, const Place& place) {
    if (auto* v = node.as_boolean()) return Value(v->get());
    if (auto* v = node.as_integer()) return Value(static_cast<std::int64_t>(v->get()));
    if (auto* v = node.as_floating_point()) return Value(v->get());
    if (auto* v = node.as_string()) return Value(expand_environment(v->get(), place, environment_, diagnostics_));
    if (auto* v = node.as_date()) return Value(date_text(v->get()));
    if (auto* v = node.as_time()) return Value(time_text(v->get()));
    if (auto* v = node.as_date_time()) return Value(date_time_text(v->get()));
    if (auto* v = node.as_array()) return array(*v);
    if (auto* v = node.as_table()) return table(*v);
    return {};
  }

  Value array(const toml::array& from) {
    Value::Array items;
    items.reserve(from.size());
    for (const toml::node& node : from) items.push_back(convert(node));
    return Value(std::move(items));
  }

  /// toml++ keeps tables sorted by key; people and messages want the order of the file.
  Value table(const toml::table& from) {
    Value::Table members;
    members.reserve(from.size());
    for (auto&& [key, node] : from) members.push_back({std::string(key.str()), convert(node), at(key.source())});
    std::ranges::stable_sort(members, {},
                             [](const Value::Member& m) { return std::pair(m.key_place.line, m.key_place.column); });
    return Value(std::move(members));
  }

  std::shared_ptr<const std::string> file_;
  const Environment& environment_;
  Diagnostics& diagnostics_;
};

base::Result<Value> refuse(Diagnostics& diagnostics, const Place& place, std::string why) {
  error_at(diagnostics, place, why);
  return base::fail(base::Fault::invalid, place.text() + ": " + why);
}

}  // namespace

base::Result<Value> parse_toml(std::string_view text, const std::string& file_name, const Environment& environment,
                               Diagnostics& diagnostics) {
  auto file = std::make_shared<const std::string>(file_name);
  if (text.size() > max_text)
    return refuse(diagnostics, {file, 0, 0}, "larger than 8 MiB; a configuration file is not");
  if (too_deep(text)) return refuse(diagnostics, {file, 0, 0}, "a key nested more than 200 deep");
  const toml::parse_result parsed = toml::parse(text, std::string_view());
  if (!parsed) {
    const toml::source_position where = parsed.error().source().begin;
    return refuse(diagnostics, {file, where.line, where.column},
                  "syntax: " + std::string(parsed.error().description()));
  }
  return Converter(file, environment, diagnostics).convert(parsed.table());
}

}  // namespace tocsin::config
