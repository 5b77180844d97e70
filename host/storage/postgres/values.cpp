#include "storage/postgres/values.hpp"

#include <charconv>
#include <cmath>

#include "base/text.hpp"

namespace tocsin::storage::postgres {
namespace {

/// Length of the well-formed sequence at `at`; 0: none.
std::size_t sequence(std::string_view s, std::size_t at) {
  for (std::size_t n = 1; n <= 4 && at + n <= s.size(); ++n)
    if (base::valid_utf8(s.substr(at, n))) return n;
  return 0;
}

std::string clean(std::string_view s) {
  if (s.find('\0') == s.npos && base::valid_utf8(s)) return std::string(s);
  std::string out;
  for (std::size_t at = 0; at < s.size();) {
    const std::size_t n = s[at] == '\0' ? 0 : sequence(s, at);
    if (n == 0)
      out += "\xef\xbf\xbd";
    else
      out += s.substr(at, n);
    at += n == 0 ? 1 : n;
  }
  return out;
}

std::string hex(std::string_view bytes) {
  static constexpr char digits[] = "0123456789abcdef";
  std::string out = "\\x";
  for (unsigned char c : bytes) (out += digits[c >> 4]) += digits[c & 15];
  return out;
}

struct Text {
  std::optional<std::string> operator()(std::monostate) const { return std::nullopt; }
  std::optional<std::string> operator()(std::int64_t v) const { return std::to_string(v); }
  std::optional<std::string> operator()(double v) const { return number_text(v); }
  std::optional<std::string> operator()(bool v) const { return v ? "t" : "f"; }
  std::optional<std::string> operator()(std::string_view v) const { return clean(v); }
  std::optional<std::string> operator()(base::Time v) const {
    return base::format_rfc3339(base::from_ns(microseconds(base::to_ns(v)) * 1000));
  }
  std::optional<std::string> operator()(sql::Blob v) const { return hex(v.bytes); }
};

int digit(char c) {
  return c >= 'a' ? c - 'a' + 10 : c - '0';
}

}  // namespace

std::optional<std::string> text_of(const sql::Param& param) {
  return std::visit(Text{}, param);
}

std::string number_text(double v) {
  if (std::isnan(v)) return "NaN";
  if (std::isinf(v)) return v > 0 ? "Infinity" : "-Infinity";
  char buffer[32];
  return std::string(buffer, std::to_chars(buffer, buffer + sizeof buffer, v).ptr);
}

base::Time parse_timestamp(std::string_view text) {
  std::string iso(text);
  if (const std::size_t space = iso.find(' '); space != iso.npos) iso[space] = 'T';
  if (iso.ends_with("+00")) iso.replace(iso.size() - 3, 3, "Z");
  return base::parse_rfc3339(iso).value_or(base::no_time);
}

std::string parse_bytes(std::string_view text) {
  std::string out;
  for (std::size_t i = 2; i + 1 < text.size(); i += 2)
    out += static_cast<char>(digit(text[i]) << 4 | digit(text[i + 1]));
  return out;
}

std::int64_t microseconds(std::int64_t ns) {
  const std::int64_t down = ns / 1000 - (ns % 1000 < 0);
  return down + (ns - down * 1000 >= 500);
}

}  // namespace tocsin::storage::postgres
