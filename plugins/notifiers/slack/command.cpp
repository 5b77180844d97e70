#include "command.hpp"

#include <algorithm>
#include <charconv>

#include "message_text/text.hpp"

namespace tocsin_plugins {
namespace {

constexpr std::size_t most_notes = 2000;
constexpr std::chrono::minutes usual_snooze(60), longest_snooze(30 * 24 * 60);

/// Takes the first word off; `text` has single spaces.
std::string_view word_off(std::string_view& text) {
  const auto word = text.substr(0, text.find(' '));
  text.remove_prefix(std::min(word.size() + 1, text.size()));
  return word;
}

bool is_verb(std::string_view word, std::initializer_list<std::string_view> verbs) {
  const auto same = [&](std::string_view verb) {
    return std::equal(word.begin(), word.end(), verb.begin(), verb.end(),
                      [](char a, char b) { return (a >= 'A' && a <= 'Z' ? a + 32 : a) == b; });
  };
  return std::any_of(verbs.begin(), verbs.end(), same);
}

/// "1042" of "1042" and "#1042".
std::string_view number_off(std::string_view& text) {
  auto word = word_off(text);
  if (word.starts_with('#')) word.remove_prefix(1);
  const bool number = !word.empty() && word.size() <= 12 && word.find_first_not_of("0123456789") == word.npos;
  return number ? word : std::string_view();
}

/// "30m", "2h", "1d".
std::optional<std::chrono::minutes> time_of(std::string_view word) {
  int count = 0;
  const auto [rest, error] = std::from_chars(word.data(), word.data() + word.size(), count);
  if (error != std::errc() || rest + 1 != word.data() + word.size() || count <= 0 || count > 100'000)
    return std::nullopt;
  const auto each = *rest == 'm' ? 1 : *rest == 'h' ? 60 : *rest == 'd' ? 24 * 60 : 0;
  const std::chrono::minutes all(std::int64_t{count} * each);
  return all.count() > 0 && all <= longest_snooze ? std::optional(all) : std::nullopt;
}

}  // namespace

std::optional<Meaning> command_of(std::string_view typed) {
  const std::string line = cut(one_line(typed), most_notes);
  std::string_view rest = line;
  const auto verb = word_off(rest);
  Meaning out;
  out.incident = number_off(rest);
  if (out.incident.empty()) return std::nullopt;
  if (is_verb(verb, {"resolve", "close"})) {
    out.kind = TSN_ANSWER_RESOLVE, out.text = rest;
    return out;
  }
  if (is_verb(verb, {"note"})) {
    out.kind = TSN_ANSWER_NOTE, out.text = rest;
    return rest.empty() ? std::nullopt : std::optional(out);
  }
  if (is_verb(verb, {"snooze"})) {
    const auto lasts = rest.empty() ? usual_snooze : time_of(word_off(rest)).value_or(std::chrono::minutes(0));
    out.kind = TSN_ANSWER_SNOOZE, out.lasts = lasts;
    return lasts.count() == 0 || !rest.empty() ? std::nullopt : std::optional(out);
  }
  if (!rest.empty()) return std::nullopt;
  if (is_verb(verb, {"ack", "acknowledge"}))
    out.kind = TSN_ANSWER_ACKNOWLEDGE;
  else if (is_verb(verb, {"escalate"}))
    out.kind = TSN_ANSWER_ESCALATE;
  else
    return std::nullopt;
  return out;
}

std::string_view command_help() {
  return "Type `ack 1042`, `escalate 1042`, `snooze 1042 30m`, `note 1042 what you saw` or "
         "`resolve 1042 what was done`.";
}

}  // namespace tocsin_plugins
