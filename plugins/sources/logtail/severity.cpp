#include "severity.hpp"

#include <algorithm>
#include <utility>

namespace tocsin_plugins::logtail {
namespace {

// OpenTelemetry's data model of logs, appendix B: how others' levels become its numbers.
constexpr std::pair<std::string_view, std::uint32_t> words[] = {
    {"info", 9},      {"error", 17},     {"warn", 13}, {"warning", 13}, {"debug", 5},  {"trace", 1},  {"fatal", 21},
    {"critical", 18}, {"notice", 10},    {"err", 17},  {"crit", 18},    {"panic", 21}, {"alert", 19}, {"emerg", 21},
    {"severe", 17},   {"emergency", 21}, {"fine", 5},  {"finer", 4},    {"finest", 1}, {"dpanic", 21}};

constexpr char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
}

}  // namespace

std::uint32_t severity_of(const log_match::FieldValue& level) {
  if (level.number) {
    const auto tens = static_cast<int>(std::clamp(*level.number, 0.0, 60.0)) / 10;
    constexpr std::uint32_t numbers[] = {0, 1, 5, 9, 13, 17, 21};
    return numbers[tens];
  }
  for (const auto& [word, number] : words)
    if (std::ranges::equal(word, level.text, {}, {}, lower)) return number;
  return 0;
}

}  // namespace tocsin_plugins::logtail
