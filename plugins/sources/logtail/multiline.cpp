#include "multiline.hpp"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <optional>
#include <span>
#include <string>
#include <utility>

#include "log_match/known_keys.hpp"

namespace tocsin_plugins::logtail {
namespace {

bool indented(std::string_view line) {
  return !line.empty() && (line.front() == ' ' || line.front() == '\t');
}

/// A Java class at the front whose name ends as those of throwables do: "java.io.IOException: closed".
bool names_throwable(std::string_view line) {
  std::size_t dots = 0, end = 0;
  for (; end < line.size(); ++end) {
    const auto c = static_cast<unsigned char>(line[end]);
    if (c == '.')
      ++dots;
    else if (!std::isalnum(c) && c != '_' && c != '$')
      break;
  }
  const auto name = line.substr(0, end);
  const bool ends = end == line.size() || line[end] == ':';
  return dots > 0 && ends && (name.ends_with("Exception") || name.ends_with("Error") || name.ends_with("Throwable"));
}

/// Frames are indented; causes are not. The throwable itself continues the line that was logged with it, but not
/// another trace.
bool java(std::string_view line, Trace& trace) {
  const auto before = trace;
  if (indented(line) || line.starts_with("Caused by: ") || line.starts_with("Suppressed: ")) {
    trace = Trace::frames;
    return true;
  }
  const bool throwable = names_throwable(line);
  trace = throwable || line.starts_with("Exception in thread ") ? Trace::head : Trace::none;
  return throwable && before == Trace::none;
}

/// "Traceback", indented frames, and one line that is not indented and says what was raised; chained ones with a
/// sentence between empty lines.
bool python(std::string_view line, Trace& trace) {
  const auto before = trace;
  if (line.starts_with("Traceback (most recent call last)")) {
    trace = Trace::frames;
    return before == Trace::none || before == Trace::chained;
  }
  if (indented(line)) return true;
  if (before == Trace::frames) {
    trace = Trace::end;
    return true;
  }
  if (before == Trace::end || before == Trace::chained) {
    if (line.empty()) return true;
    if (line.starts_with("During handling of the above exception") ||
        line.starts_with("The above exception was the direct cause")) {
      trace = Trace::chained;
      return true;
    }
  }
  trace = Trace::none;
  return false;
}

/// Go's runtime: a line of the panic, empty lines, goroutines, functions with their arguments, and indented places.
bool go(std::string_view line, Trace& trace) {
  const auto goroutine = line.starts_with("goroutine ") && line.ends_with("]:");
  if (goroutine) {
    trace = Trace::frames;
    return true;
  }
  if (line.starts_with("panic: ") || line.starts_with("fatal error: ")) {
    trace = Trace::head;
    return false;
  }
  if (indented(line)) return true;
  if (trace == Trace::head || trace == Trace::frames) {
    const bool call = line.ends_with(')') && line.find('(') != line.npos && line.find('(') > 0;
    if (line.empty() || line.starts_with("[signal ") || line.starts_with("created by ") || call) return true;
    if (line.starts_with("exit status ")) {
      trace = Trace::none;
      return true;
    }
  }
  trace = Trace::none;
  return false;
}

constexpr std::int64_t millisecond = 1'000'000, second = 1'000'000'000;
using Unit = std::pair<std::string_view, std::int64_t>;
constexpr Unit durations[] = {{"ms", millisecond}, {"s", second}, {"m", 60 * second}, {"h", 3600 * second}};
constexpr Unit sizes[] = {{"B", 1}, {"KiB", 1 << 10}, {"MiB", 1 << 20}};

/// Inside a table amounts come as they stand: "500ms", "64KiB", 500.
std::int64_t amount(const tsn::Config& table, std::string_view key, std::int64_t fallback, std::span<const Unit> units,
                    std::pair<std::int64_t, std::int64_t> bounds, std::string_view expected) {
  const auto value = table[key];
  if (!value) return fallback;
  std::optional<std::int64_t> made;
  if (value.type() == TSN_INT) made = value.as_integer();
  if (value.type() == TSN_STRING && !units.empty()) {
    const auto text = value.as_str();
    std::int64_t count = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), count);
    const auto unit = text.substr(static_cast<std::size_t>(end - text.data()));
    for (const auto& [name, size] : units)
      if (error == std::errc() && name == unit && count >= 0 && count <= bounds.second / size) made = count * size;
  }
  if (!made || *made < bounds.first || *made > bounds.second) value.wrong(expected);
  return *made;
}

}  // namespace

Multiline::Multiline(const tsn::Config& table) {
  log_match::refuse_unknown_keys(table, "multiline",
                                 {"start", "continue", "preset", "max_lines", "max_bytes", "timeout"});
  if (!table) return;
  const auto start = table.str("start"), next = table.str("continue"), preset = table.str("preset");
  const int given = !start.empty() + !next.empty() + !preset.empty();
  if (table.count() > 0 && given != 1)
    throw tsn::Failure(tsn::invalid("multiline: expected one of start, continue (regular expressions) and preset (" +
                                    std::string(known_presets) + ")"));
  if (!start.empty()) kind_ = Kind::start, pattern_ = std::make_shared<log_match::Pattern>(start, "multiline.start");
  if (!next.empty()) kind_ = Kind::next, pattern_ = std::make_shared<log_match::Pattern>(next, "multiline.continue");
  if (!preset.empty() && !use_preset(preset))
    throw tsn::Failure(tsn::invalid("multiline.preset: there is no \"" + std::string(preset) + "\"; expected one of " +
                                    std::string(known_presets)));
  max_lines_ =
      static_cast<std::size_t>(amount(table, "max_lines", 500, {}, {1, 100'000}, "a number of lines up to 100000"));
  max_bytes_ = static_cast<std::size_t>(
      amount(table, "max_bytes", 256 << 10, sizes, {64, 16 << 20}, "a size from \"64B\" to \"16MiB\""));
  timeout_ =
      amount(table, "timeout", second, durations, {millisecond, 3600 * second}, "a duration from \"1ms\" to \"1h\"");
}

bool Multiline::use_preset(std::string_view name) {
  constexpr std::pair<std::string_view, Kind> presets[] = {
      {"java", Kind::java}, {"python", Kind::python}, {"go", Kind::go}, {"none", Kind::off}};
  for (const auto& [preset, kind] : presets) {
    if (preset != name) continue;
    kind_ = kind;
    pattern_.reset();
    return true;
  }
  return false;
}

bool Multiline::continues(std::string_view line, Trace& trace) const {
  switch (kind_) {
    case Kind::start:
      return !pattern_->find(line);
    case Kind::next:
      return pattern_->find(line);
    case Kind::java:
      return java(line, trace);
    case Kind::python:
      return python(line, trace);
    case Kind::go:
      return go(line, trace);
    case Kind::off:
      break;
  }
  return false;
}

}  // namespace tocsin_plugins::logtail
