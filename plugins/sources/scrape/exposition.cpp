#include "exposition.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>

#include "utf8/utf8.hpp"

namespace tocsin_plugins::scrape {
namespace {

constexpr bool letter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}
constexpr bool digit(char c) {
  return c >= '0' && c <= '9';
}
constexpr bool blank(char c) {
  return c == ' ' || c == '\t';
}

/// A name at the front: of a metric with colons, of a label without. Empty: there is none.
std::string_view take_name(std::string_view& rest, bool colons) {
  std::size_t n = 0;
  const auto begins = [&](char c) { return letter(c) || (colons && c == ':'); };
  if (rest.empty() || !begins(rest.front())) return {};
  while (n < rest.size() && (begins(rest[n]) || digit(rest[n]))) ++n;
  const auto name = rest.substr(0, n);
  rest.remove_prefix(n);
  return name;
}

bool equal_ignoring_case(std::string_view a, std::string_view lower) {
  return a.size() == lower.size() && std::equal(a.begin(), a.end(), lower.begin(), [](char x, char y) {
           return (x >= 'A' && x <= 'Z' ? static_cast<char>(x + 32) : x) == y;
         });
}

/// Go's floats without hexadecimal ones, which Prometheus does not take either.
bool read_float(std::string_view text, double& out) {
  const bool negative = text.starts_with('-');
  const bool sign = negative || text.starts_with('+');
  if (sign) text.remove_prefix(1);
  if (equal_ignoring_case(text, "nan") && !sign) return out = std::numeric_limits<double>::quiet_NaN(), true;
  if (equal_ignoring_case(text, "inf") || equal_ignoring_case(text, "infinity")) {
    out = negative ? -std::numeric_limits<double>::infinity() : std::numeric_limits<double>::infinity();
    return true;
  }
  if (text.empty() || !(digit(text.front()) || text.front() == '.')) return false;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
  if (end != text.data() + text.size()) return false;
  if (error == std::errc::result_out_of_range) {
    // Too small is 0; too large is refused, as Go does.
    out = std::strtod(std::string(text).c_str(), nullptr);
    if (std::isinf(out)) return false;
  } else if (error != std::errc()) {
    return false;
  }
  if (negative) out = -out;
  return true;
}

bool valid_utf8(std::string_view text) {
  std::string scratch;
  // NUL is UTF-8, but no text to the host.
  return utf8::clean(text, scratch).data() == text.data();
}

std::string unescaped(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char next = text[i] == '\\' && i + 1 < text.size() ? text[i + 1] : '\0';
    if (next == 'n' || next == '"' || next == '\\') {
      out += next == 'n' ? '\n' : next;
      ++i;
    } else {
      out += text[i];
    }
  }
  return out;
}

}  // namespace

Exposition::Format Exposition::format_of(std::string_view content_type) {
  const auto type = content_type.substr(0, content_type.find_first_of("; "));
  return equal_ignoring_case(type, "application/openmetrics-text") ? Format::openmetrics : Format::text;
}

Exposition::Next Exposition::next(Sample& out) {
  while (!rest_.empty()) {
    if (ended_) return fail("something stands behind # EOF"), Next::error;
    const bool indented = format_ == Format::text && blank(rest_.front());
    if (indented) blanks();
    if (rest_.empty()) break;
    const char c = rest_.front();
    if (c == '\n') {
      if (format_ == Format::openmetrics) return fail("an empty line, which OpenMetrics has not"), Next::error;
      rest_.remove_prefix(1);
    } else if (c == '#') {
      if (!comment()) return Next::error;
    } else if (indented) {
      return fail("a sample does not begin with blanks"), Next::error;
    } else {
      return sample(out) ? Next::sample : Next::error;
    }
  }
  if (format_ == Format::openmetrics && !ended_) return fail("# EOF is missing: the text is not whole"), Next::error;
  return Next::end;
}

std::string Exposition::error() const {
  const auto read = whole_.substr(0, whole_.size() - rest_.size());
  return "line " + std::to_string(std::count(read.begin(), read.end(), '\n') + 1) + ": " + why_;
}

bool Exposition::fail(const char* why) {
  why_ = why;
  return false;
}

void Exposition::blanks() {
  while (!rest_.empty() && blank(rest_.front())) rest_.remove_prefix(1);
}

bool Exposition::comment() {
  const auto line = rest_.substr(0, rest_.find('\n'));
  if (!(format_ == Format::text ? text_metadata(line) : open_metadata(line))) return false;
  if (format_ == Format::openmetrics && line.size() == rest_.size() && !ended_)
    return fail("the last line does not end: the text is not whole");
  rest_.remove_prefix(std::min(line.size() + 1, rest_.size()));
  return true;
}

/// "# TYPE name type" and "# HELP name …" are checked, anything else is a comment.
bool Exposition::text_metadata(std::string_view line) {
  const auto skip_blanks = [&] {
    const auto before = line.size();
    while (!line.empty() && blank(line.front())) line.remove_prefix(1);
    return line.size() < before;
  };
  line.remove_prefix(1);
  if (!skip_blanks()) return true;
  const bool type = line.starts_with("TYPE"), help = line.starts_with("HELP");
  if (!type && !help) return true;
  line.remove_prefix(4);
  if (!skip_blanks()) return true;
  if (take_name(line, true).empty()) return fail("expected the name of a metric behind # TYPE or # HELP");
  if (help) return true;
  if (!line.empty()) line.remove_prefix(1);
  constexpr std::string_view types[] = {"counter", "gauge", "histogram", "summary", "untyped"};
  return std::find(std::begin(types), std::end(types), line) != std::end(types) ||
         fail("the type is none of counter, gauge, histogram, summary, untyped");
}

bool Exposition::open_metadata(std::string_view line) {
  if (line == "# EOF") return ended_ = true;
  const bool type = line.starts_with("# TYPE "), unit = line.starts_with("# UNIT ");
  if (!type && !unit && !line.starts_with("# HELP ")) return fail("expected # HELP, # TYPE, # UNIT or # EOF");
  line.remove_prefix(7);
  const auto name = take_name(line, true);
  if (name.empty() || !line.starts_with(' ')) return fail("expected the name of a metric and a space");
  line.remove_prefix(1);
  if (unit && !line.empty() &&
      !(name.ends_with(line) && name.size() > line.size() && name[name.size() - line.size() - 1] == '_'))
    return fail("the unit is no ending of the name");
  constexpr std::string_view types[] = {"counter", "gauge", "histogram", "gaugehistogram",
                                        "summary", "info",  "stateset",  "unknown"};
  return !type || std::find(std::begin(types), std::end(types), line) != std::end(types) ||
         fail("the type is none of OpenMetrics'");
}

bool Exposition::sample(Sample& out) {
  out = {};
  const auto* begin = rest_.data();
  out.name = take_name(rest_, true);
  if (out.name.empty()) return fail("expected the name of a metric");
  out.series = out.name;
  auto before = rest_;
  if (format_ == Format::text) blanks();
  if (rest_.starts_with('{')) {
    if (!take_labels(out.labels)) return false;
    out.series = {begin, static_cast<std::size_t>(rest_.data() - begin)};
  } else {
    rest_ = before;
  }
  return take_value(out.value) && take_time(out) && take_exemplar(out) && end_of_line();
}

bool Exposition::take_labels(std::string_view& out) {
  rest_.remove_prefix(1);
  const auto* begin = rest_.data();
  const bool loose = format_ == Format::text;
  for (;;) {
    if (loose) blanks();
    if (rest_.starts_with('}')) break;
    if (take_name(rest_, false).empty()) return fail("expected the name of a label, or }");
    if (loose) blanks();
    if (!rest_.starts_with('=')) return fail("expected = behind the name of a label");
    rest_.remove_prefix(1);
    if (loose) blanks();
    if (!take_quoted()) return false;
    if (loose) blanks();
    // Prometheus reads labels without a comma between them; OpenMetrics has none at the end.
    if (rest_.starts_with(',')) {
      rest_.remove_prefix(1);
      if (!loose && rest_.starts_with('}')) return fail("expected the name of a label behind the comma");
    } else if (!rest_.starts_with('}') && !(loose && !rest_.empty() && letter(rest_.front()))) {
      return fail("expected , or } behind the value of a label");
    }
  }
  out = {begin, static_cast<std::size_t>(rest_.data() - begin)};
  rest_.remove_prefix(1);
  return true;
}

bool Exposition::take_quoted() {
  if (!rest_.starts_with('"')) return fail("expected the value of a label in quotes");
  for (std::size_t i = 1; i < rest_.size(); ++i) {
    if (rest_[i] == '\\') {
      ++i;
    } else if (rest_[i] == '"') {
      rest_.remove_prefix(i + 1);
      return true;
    } else if (rest_[i] == '\n' && format_ == Format::openmetrics) {
      break;
    }
  }
  return fail("the value of a label has no closing quote");
}

bool Exposition::take_value(double& out) {
  if (format_ == Format::text) {
    blanks();
  } else {
    if (!rest_.starts_with(' ')) return fail("expected a space and the value");
    rest_.remove_prefix(1);
  }
  const auto text = rest_.substr(0, rest_.find_first_of(" \t\n"));
  if (!read_float(text, out)) return fail("the value is no number");
  rest_.remove_prefix(text.size());
  return true;
}

bool Exposition::take_time(Sample& out) {
  if (format_ == Format::text) blanks();
  if (format_ == Format::openmetrics && rest_.starts_with(" ") && !rest_.starts_with(" #")) {
    rest_.remove_prefix(1);
    if (rest_.starts_with('\n')) return fail("a blank before the end of the line, which OpenMetrics has not");
  }
  if (rest_.empty() || rest_.front() == '\n' || rest_.starts_with(" #")) return true;
  const auto text = rest_.substr(0, rest_.find_first_of(" \t\n"));
  if (format_ == Format::text) {
    std::int64_t ms = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), ms);
    if (error != std::errc() || end != text.data() + text.size() || ms < 0)
      return fail("the timestamp is no whole number");
    if (ms > INT64_MAX / 1'000'000) return fail("the timestamp is out of range");
    out.at = ms * 1'000'000;
  } else {
    double seconds = 0;
    if (!read_float(text, seconds) || !std::isfinite(seconds)) return fail("the timestamp is no number");
    if (std::fabs(seconds) > 9.2e9) return fail("the timestamp is out of range");
    out.at = std::llround(seconds * 1000) * 1'000'000;
  }
  rest_.remove_prefix(text.size());
  return true;
}

/// " # {labels} value [timestamp]" of OpenMetrics.
bool Exposition::take_exemplar(const Sample& out) {
  if (format_ == Format::text || !rest_.starts_with(" # ")) return true;
  if (!out.name.ends_with("_total") && !out.name.ends_with("_bucket"))
    return fail("only _total and _bucket have exemplars");
  rest_.remove_prefix(3);
  std::string_view ignored;
  Sample exemplar;
  if (!rest_.starts_with('{')) return fail("expected the labels of an exemplar");
  return take_labels(ignored) && take_value(exemplar.value) && take_time(exemplar);
}

bool Exposition::end_of_line() {
  if (format_ == Format::text) {
    blanks();
    if (rest_.empty()) return true;
  }
  if (!rest_.starts_with('\n'))
    return fail(rest_.empty() ? "the last line does not end: the text is not whole" : "expected the end of the line");
  rest_.remove_prefix(1);
  return true;
}

bool read_labels(std::string_view text, Labels& out) {
  out.clear();
  while (!text.empty()) {
    const auto skip = std::min(text.find_first_not_of(" \t,"), text.size());
    text.remove_prefix(skip);
    if (text.empty()) return true;
    const auto name = take_name(text, false);
    const auto open = text.find('"');
    if (name.empty() || open == text.npos) return false;
    text.remove_prefix(open + 1);
    std::size_t close = 0;
    while (close < text.size() && text[close] != '"') close += text[close] == '\\' ? 2 : 1;
    const auto value = text.substr(0, close);
    text.remove_prefix(std::min(close + 1, text.size()));
    const bool twice = std::any_of(out.begin(), out.end(), [&](const auto& label) { return label.first == name; });
    if (twice || name == "__name__" || !valid_utf8(value)) return false;
    out.emplace_back(name, unescaped(value));
  }
  return true;
}

}  // namespace tocsin_plugins::scrape
