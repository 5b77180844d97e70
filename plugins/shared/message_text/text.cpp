#include "message_text/text.hpp"

#include <cmath>
#include <cstdio>
#include <ctime>

namespace tocsin_plugins {
namespace {

constexpr std::string_view replacement = "\xef\xbf\xbd";  // U+FFFD
constexpr std::string_view ellipsis = "\xe2\x80\xa6";     // U+2026

bool is_control(std::string_view character) {
  const auto c = static_cast<unsigned char>(character[0]);
  if (c < 0x20 || c == 0x7f) return true;
  // U+0080–U+009F, and the marks that turn the direction of what follows (they could disguise a text).
  if (c == 0xc2) return static_cast<unsigned char>(character[1]) < 0xa0;
  return character >= "\xe2\x80\xaa" && character <= "\xe2\x80\xae";
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
  for (const char c : clean(spaced)) {
    if (c == ' ' && (out.empty() || out.back() == ' ')) continue;
    out += c;
  }
  while (!out.empty() && out.back() == ' ') out.pop_back();
  return out;
}

std::string cut(std::string_view text, std::size_t most) {
  std::size_t count = 0, end = 0, last = 0;
  while (end < text.size()) {
    if (count == most) return most == 0 ? std::string() : std::string(text.substr(0, last)).append(ellipsis);
    last = end;
    const std::size_t size = character_size(text.substr(end));
    end += size ? size : 1;
    ++count;
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
