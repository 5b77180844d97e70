#include "line_parser.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>

namespace tocsin_plugins::statsd {
namespace {

std::string_view take_until(std::string_view& rest, char end) {
  const auto at = rest.find(end);
  const auto taken = rest.substr(0, at);
  rest.remove_prefix(at == rest.npos ? rest.size() : at + 1);
  return taken;
}

bool read_finite(std::string_view text, double& out) {
  const bool sign = text.starts_with('+') || text.starts_with('-');
  // Digits behind the sign: "inf", "nan" and "+-1" are no numbers here.
  const auto first = sign ? 1u : 0u;
  if (first >= text.size() || (text[first] != '.' && (text[first] < '0' || text[first] > '9'))) return false;
  if (text.front() == '+') text.remove_prefix(1);  // from_chars knows no plus
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
  return error == std::errc() && end == text.data() + text.size() && std::isfinite(out);
}

bool kind_of(std::string_view type, Kind& out) {
  if (type == "c") return out = Kind::counter, true;
  if (type == "g") return out = Kind::gauge, true;
  if (type == "ms" || type == "h" || type == "d") return out = Kind::timing, true;
  if (type == "s") return out = Kind::set, true;
  return false;
}

Line bad(const char* fault, const char* reason) {
  Line line;
  line.fault = fault;
  line.reason = reason;
  return line;
}

/// The fields behind the type. False: `line` says why.
bool read_fields(std::string_view rest, Line& line) {
  while (!rest.empty()) {
    const auto field = take_until(rest, '|');
    if (field.starts_with('@')) {
      if (!read_finite(field.substr(1), line.rate) || line.rate <= 0 || line.rate > 1)
        return line = bad("rate", "the sample rate is no number above 0 and up to 1"), false;
    } else if (field.starts_with('#')) {
      line.tags = field.substr(1);
    } else if (field.starts_with('T')) {
      std::int64_t seconds = 0;
      const auto* end = field.data() + field.size();
      const auto [stop, error] = std::from_chars(field.data() + 1, end, seconds);
      if (error != std::errc() || stop != end || seconds <= 0 || seconds > 9'223'372'036)
        return line = bad("timestamp", "the timestamp is no number of seconds since 1970"), false;
      if (line.kind == Kind::counter || line.kind == Kind::gauge) line.at = seconds * 1'000'000'000;
    }
  }
  return true;
}

}  // namespace

Line parse_line(std::string_view text) {
  Line line;
  if (text.starts_with("_e{")) return line.what = Line::What::event, line;
  if (text.starts_with("_sc|")) return line.what = Line::What::service_check, line;
  const auto colon = text.find(':');
  if (colon == text.npos) return bad("format", "expected name:value|type");
  auto rest = text.substr(colon + 1);
  const auto name = text.substr(0, colon);
  if (name.empty()) return bad("name", "the name is empty");
  if (std::any_of(name.begin(), name.end(), [](unsigned char c) { return c < 0x20 || c == '|'; }))
    return bad("name", "the name has a control character or a |");
  if (rest.find('|') == rest.npos) return bad("format", "expected name:value|type");
  const auto values = take_until(rest, '|');
  if (values.empty()) return bad("value", "the value is empty");
  if (!kind_of(take_until(rest, '|'), line.kind)) return bad("type", "the type is none of c, g, ms, h, d, s");
  line.name = name;
  line.values = values;
  if (read_fields(rest, line)) line.what = Line::What::metric;
  return line;
}

bool take_value(std::string_view& values, Value& out) {
  const auto text = take_until(values, ':');
  out.has_sign = text.starts_with('+') || text.starts_with('-');
  return read_finite(text, out.number);
}

bool take_tag(std::string_view& tags, std::string_view& key, std::string_view& value) {
  while (!tags.empty()) {
    auto tag = take_until(tags, ',');
    key = take_until(tag, ':');
    if (key.empty()) continue;
    value = key.data() + key.size() == tag.data() ? std::string_view("true") : tag;
    return true;
  }
  return false;
}

}  // namespace tocsin_plugins::statsd
