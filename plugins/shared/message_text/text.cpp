#include "message_text/text.hpp"

#include <cmath>
#include <cstdio>
#include <ctime>

#include "message_text/cluster.hpp"

namespace tocsin_plugins {
namespace {

constexpr std::string_view replacement = "\xef\xbf\xbd";  // U+FFFD
constexpr std::string_view ellipsis = "\xe2\x80\xa6";     // U+2026

bool is_control(std::string_view character) {
  const auto c = static_cast<unsigned char>(character[0]);
  if (c < 0x20 || c == 0x7f) return true;
  // U+0080–U+009F, and the marks that turn the direction of what follows (they could disguise a text): embeddings and
  // overrides U+202A–U+202E, isolates U+2066–U+2069.
  if (c == 0xc2) return static_cast<unsigned char>(character[1]) < 0xa0;
  return (character >= "\xe2\x80\xaa" && character <= "\xe2\x80\xae") ||
         (character >= "\xe2\x81\xa6" && character <= "\xe2\x81\xa9");
}

/// U+2028 and U+2029, line and paragraph separator.
bool is_separator(std::string_view character) {
  return character == "\xe2\x80\xa8" || character == "\xe2\x80\xa9";
}

}  // namespace

std::size_t character_size(std::string_view text) {
  if (text.empty()) return 0;
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char first = byte(0);
  if (first < 0x80) return 1;
  const std::size_t size = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
  if (first < 0xc2 || first > 0xf4 || text.size() < size) return 0;
  for (std::size_t i = 1; i < size; ++i)
    if ((byte(i) & 0xc0) != 0x80) return 0;
  const bool overlong = (first == 0xe0 && byte(1) < 0xa0) || (first == 0xf0 && byte(1) < 0x90);
  const bool beyond = (first == 0xed && byte(1) > 0x9f) || (first == 0xf4 && byte(1) > 0x8f);  // surrogates, > U+10FFFF
  return overlong || beyond ? 0 : size;
}

std::string clean(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    const std::size_t size = character_size(text);
    const auto character = text.substr(0, size ? size : 1);
    if (size == 0)
      out += replacement;
    else if (is_separator(character))
      out += '\n';
    else if (!is_control(character) || character == "\n" || character == "\t")
      out += character;
    text.remove_prefix(character.size());
  }
  return out;
}

std::string one_line(std::string_view text) {
  std::string out;
  // A carriage return alone separates words too.
  std::string spaced(text);
  for (char& c : spaced)
    if (static_cast<unsigned char>(c) < 0x20) c = ' ';
  for (char c : clean(spaced)) {
    if (c == '\n') c = ' ';
    if (c == ' ' && (out.empty() || out.back() == ' ')) continue;
    out += c;
  }
  while (!out.empty() && out.back() == ' ') out.pop_back();
  return out;
}

std::string cut(std::string_view text, std::size_t most) {
  if (most == 0) return {};
  // A character has a byte at least.
  if (text.size() <= most) return std::string(text);
  std::size_t count = 0, end = 0, last = 0;  // last: where the ellipsis may begin
  while (end < text.size()) {
    const std::size_t cluster = cluster_size(text.substr(end));
    std::size_t points = 0, size = 0;
    for (std::size_t at = 0; at < cluster; at += size, ++points) code_point(text.substr(end + at), size);
    if (count + points > most) return std::string(text.substr(0, last)).append(ellipsis);
    count += points;
    end += cluster;
    if (count < most) last = end;
  }
  return std::string(text);
}

std::string utc_text(tsn::Time at) {
  if (at == 0) return {};
  const std::time_t seconds = at / 1'000'000'000;
  std::tm utc{};
  gmtime_r(&seconds, &utc);
  char text[40];
  return std::string(text, std::strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S UTC", &utc));
}

std::string iso_text(tsn::Time at) {
  std::string text = utc_text(at);
  return text.size() < 19 ? std::string() : text.substr(0, 10) + "T" + text.substr(11, 8) + "Z";
}

std::string number_text(double value) {
  if (std::isnan(value)) return {};
  char text[32];
  const int n = std::snprintf(text, sizeof text, "%.6g", value);
  return std::string(text, static_cast<std::size_t>(n));
}

std::string labels_text(const tsn::Labels& labels) {
  std::string out;
  for (const auto& label : labels) {
    if (label.name == "alertname" || label.name == "severity") continue;
    if (!out.empty()) out += ", ";
    out += one_line(label.name) + "=" + one_line(label.value);
  }
  return out;
}

std::string hash_text(std::string_view text) {
  std::uint64_t hash = 14695981039346656037u;
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211u;
  char digits[17];
  std::snprintf(digits, sizeof digits, "%016llx", static_cast<unsigned long long>(hash));
  return digits;
}

bool is_web_link(std::string_view href) {
  if (!href.starts_with("http://") && !href.starts_with("https://")) return false;
  for (const char c : href)
    if (static_cast<unsigned char>(c) <= 0x20 || c == 0x7f || c == '"' || c == '<' || c == '>') return false;
  return true;
}

}  // namespace tocsin_plugins
