// What a silence must be before it is kept, and what is said of one that silences very much.
#include <algorithm>

#include "base/id.hpp"
#include "base/text.hpp"
#include "incidents/silences.hpp"

namespace tocsin::incidents {
namespace {

using base::Fault;
using model::Silence;

/// Above so many firing alerts one silence that means more than half of them is worth a word.
constexpr std::size_t many = 10;

bool is_label(std::string_view name) {
  const auto fits = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           std::string_view("_.:-/").find(c) != std::string_view::npos;
  };
  return !name.empty() && !(name[0] >= '0' && name[0] <= '9') && std::ranges::all_of(name, fits);
}

base::Result<void> check_matchers(const model::Matchers& matchers, const std::string& what) {
  for (const model::Matcher& matcher : matchers) {
    if (!is_label(matcher.label()))
      return base::fail(Fault::invalid, what + ": \"" + matcher.label() + "\" is no label name");
    if (!base::valid_utf8(matcher.value()))
      return base::fail(Fault::invalid, what + ": the value for " + matcher.label() + " is not UTF-8");
  }
  return {};
}

std::size_t bytes_of(const Silence& silence) {
  std::size_t bytes = silence.comment.size() + silence.created_by.size();
  for (const auto* list : {&silence.matchers, &silence.except}) {
    for (const model::Matcher& matcher : *list) bytes += matcher.label().size() + matcher.value().size();
  }
  for (const auto& [name, value] : silence.annotations) bytes += name.size() + value.size();
  return bytes;
}

base::Result<void> check_size(const Silence& silence) {
  const std::size_t matchers = silence.matchers.size() + silence.except.size();
  if (matchers > Silences::most_matchers) {
    return base::fail(Fault::invalid, "a silence may have " + std::to_string(Silences::most_matchers) +
                                          " matchers, not " + std::to_string(matchers));
  }
  if (const std::size_t bytes = bytes_of(silence); bytes > Silences::most_bytes) {
    return base::fail(Fault::invalid, "a silence's texts may have " + std::to_string(Silences::most_bytes) +
                                          " bytes together, not " + std::to_string(bytes));
  }
  return {};
}

base::Result<void> check_times(const Silence& silence, base::Time now) {
  if (silence.ends_at == base::no_time)
    return base::fail(Fault::invalid, "a silence needs an end, unless it lasts until resolved or repeats");
  if (silence.starts_at >= silence.ends_at) {
    return base::fail(Fault::invalid, "the start, " + base::format_rfc3339(silence.starts_at) +
                                          ", must be before the end, " + base::format_rfc3339(silence.ends_at));
  }
  if (silence.ends_at < now) {
    return base::fail(Fault::invalid, "the end, " + base::format_rfc3339(silence.ends_at) + ", is in the past");
  }
  return {};
}

}  // namespace

base::Result<void> check_silence(const Silence& silence, base::Time now) {
  if (silence.matchers.empty()) return base::fail(Fault::invalid, "a silence needs at least one matcher");
  TRY_VOID(check_size(silence));
  TRY_VOID(check_matchers(silence.matchers, "matchers"));
  TRY_VOID(check_matchers(silence.except, "except"));
  // Alertmanager's guard against silencing all there is by an empty form.
  if (std::ranges::all_of(silence.matchers, [](const auto& m) { return m.matches(std::string_view()); })) {
    return base::fail(Fault::invalid,
                      "at least one matcher must not match the empty string; as it stands the silence would also mean "
                      "every alert without these labels");
  }
  if (!base::valid_utf8(silence.comment) || !base::valid_utf8(silence.created_by))
    return base::fail(Fault::invalid, "the comment and the author must be UTF-8");
  TRY_VOID(check_times(silence, now));
  if (silence.recurrence.every.empty()) {
    if (silence.recurrence.length != base::Duration::zero())
      return base::fail(Fault::invalid, "for: how long each lasts goes with `every`, which says when one begins");
    return {};
  }
  if (silence.until_resolved)
    return base::fail(Fault::invalid, "a silence either repeats or lasts until resolved, not both");
  TRY_VOID(Recurring::make(silence.recurrence));
  return {};
}

std::string configured_silence_id(const std::string& name) {
  // RFC 9562 version 8: a UUID whose bits are one's own affair.
  std::string hex = base::hex16(base::Fnv1a().add("tocsin silence\n").add(name).value()) +
                    base::hex16(base::Fnv1a().add(name).add("\nsilence tocsin").value());
  hex[12] = '8';
  hex[16] = "89ab"[hex[16] % 4];
  for (std::size_t at : {20u, 16u, 12u, 8u}) hex.insert(at, "-");
  return hex;
}

std::string silence_warning(const Silence& silence, std::size_t matching, std::size_t firing) {
  const std::string counts = std::to_string(matching) + " of " + std::to_string(firing);
  // An alert of which only the name is known, and that one was made up.
  const model::Labels stranger{{"alertname", "qZ7_made_up_0"}};
  const bool anything = model::matches(silence.matchers, stranger) &&
                        std::ranges::none_of(silence.except, [&](const auto& m) { return m.matches(stranger); });
  if (anything) return "it silences alerts whatever their name, also those to come; now " + counts + " that fire";
  if (firing > 1 && matching == firing) return "it silences every firing alert (" + counts + ")";
  if (firing > many && matching * 2 > firing) return "it silences more than half of the firing alerts (" + counts + ")";
  return {};
}

}  // namespace tocsin::incidents
