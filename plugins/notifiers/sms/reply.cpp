#include "reply.hpp"

#include <algorithm>

namespace tocsin_plugins {
namespace {

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}
bool is_space(char c) {
  return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

void strip(std::string_view& text) {
  while (!text.empty() && is_space(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_space(text.back())) text.remove_suffix(1);
}

struct Word {
  std::string_view word;
  tsn_answer_kind kind;
  bool whole_service = false;
};
constexpr Word words[] = {
    {"a", TSN_ANSWER_ACKNOWLEDGE},        {"ack", TSN_ANSWER_ACKNOWLEDGE}, {"c", TSN_ANSWER_RESOLVE},
    {"close", TSN_ANSWER_RESOLVE},        {"e", TSN_ANSWER_ESCALATE},      {"escalate", TSN_ANSWER_ESCALATE},
    {"aa", TSN_ANSWER_ACKNOWLEDGE, true}, {"cc", TSN_ANSWER_RESOLVE, true}};

}  // namespace

std::optional<Wish> wish_of(std::string_view text) {
  strip(text);
  if (text.empty() || text.size() > 40) return std::nullopt;
  const bool number_first = is_digit(text.front());
  const auto turn = std::find_if(text.begin(), text.end(), [&](char c) { return is_digit(c) != number_first; });
  const auto split = static_cast<std::size_t>(turn - text.begin());
  auto number = number_first ? text.substr(0, split) : text.substr(split);
  auto said = number_first ? text.substr(split) : text.substr(0, split);
  strip(said);
  if (number.empty() || number.size() > 18 || !std::all_of(number.begin(), number.end(), is_digit)) return std::nullopt;
  std::string word(said);
  std::transform(word.begin(), word.end(), word.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? char(c + 32) : c; });
  const auto at = std::find_if(std::begin(words), std::end(words), [&](const Word& w) { return w.word == word; });
  if (at == std::end(words)) return std::nullopt;
  return Wish{at->kind, at->whole_service, std::string(number)};
}

}  // namespace tocsin_plugins
