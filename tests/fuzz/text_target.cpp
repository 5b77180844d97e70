// links: tocsin_model
// libFuzzer target for the small texts people and programs write: durations, sizes, times, selectors, matchers, labels,
// templates. The first byte chooses the reader. What parses is printed and must parse to the same again.
#include <cmath>

#include "base/text.hpp"
#include "model/matcher.hpp"
#include "model/rule.hpp"
#include "target.hpp"

using namespace tocsin;
using fuzz::require;

namespace {

void durations(std::string_view text) {
  if (auto duration = base::parse_duration(text)) {
    const auto again = base::parse_duration(base::format_duration(*duration));
    require(again && *again == *duration, "a duration is printed as it parses");
  }
  static_cast<void>(base::parse_size(text));
}

void same_time(const base::Result<base::Time>& time) {
  if (!time) return;
  const auto again = base::parse_rfc3339(base::format_rfc3339(*time));
  require(again && *again == *time, "a time is printed as it parses");
}

void times(std::string_view text) {
  same_time(base::parse_rfc3339(text));
  same_time(base::parse_instant(text, base::from_ns(1'795'168'800'000'000'000)));
}

void numbers(fuzz::Input input) {
  const auto value = input.take<double>();
  same_time(base::time_from_number(value));
  const auto ns = input.take<std::int64_t>();
  if (ns >= 0) {
    const auto again = base::parse_duration(base::format_duration(base::Duration(ns)));
    require(again && again->count() == ns, "every duration is printed as it parses");
  }
  static_cast<void>(base::format_duration(base::Duration(ns)));
  static_cast<void>(base::format_rfc3339(base::from_ns(ns)));
  static_cast<void>(base::format_number(value));
}

/// Labels of the input's own letters, so that expressions meet what they were written for.
model::Labels some_labels(std::string_view text) {
  model::Labels labels;
  labels.set("status", text.substr(0, 16));
  labels.set("a", text.substr(text.size() / 2, 8));
  return labels;
}

void selectors(std::string_view text) {
  const auto selector = model::Selector::parse(text);
  if (!selector) return;
  const auto again = model::Selector::parse(selector->text());
  require(again && again->text() == selector->text(), "a selector is printed as it parses");
  const model::Labels labels = some_labels(text);
  require(selector->matches(text.substr(0, 8), labels) == again->matches(text.substr(0, 8), labels),
          "a printed selector matches the same");
  require(selector->matches(selector->name(), labels) == again->matches(selector->name(), labels),
          "a printed selector matches its own name the same");
}

void matchers(std::string_view text) {
  const auto matcher = model::Matcher::parse(text);
  if (!matcher) return;
  const auto again = model::Matcher::parse(matcher->text());
  require(again && again->text() == matcher->text() && again->value() == matcher->value(),
          "a matcher is printed as it parses");
  require(matcher->matches(text) == again->matches(text), "a printed matcher matches the same");
}

void words(std::string_view text) {
  static_cast<void>(model::parse_severity(text));
  static_cast<void>(model::parse_category(text));
  static_cast<void>(model::parse_aggregate(text));
  require(base::valid_utf8(base::json_quote(text)), "a quoted text is UTF-8");
  const std::string known[] = {"severity", "threshold", "aggregate", "for"};
  static_cast<void>(base::nearest(text.substr(0, 64), known));
  std::string joined;
  for (const std::string_view part : base::split(text, ',')) joined.append(joined.empty() ? "" : ",").append(part);
  require(joined.size() <= text.size(), "parts are no longer than the whole");
}

void templates(std::string_view text) {
  const auto unknown = [](std::string_view) -> std::optional<std::string> { return std::nullopt; };
  require(model::expand(text, unknown) == text, "a template of unknown names stays as it stands");
  // What is put in is not read again: a label's value makes no placeholder.
  const auto nested = [](std::string_view) -> std::optional<std::string> { return "{{x}}"; };
  require(model::expand(text, nested).size() <= text.size() * 2, "a value is put in as text");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::Input input(data, size);
  const std::uint32_t kind = input.below(7);
  if (kind == 6) return numbers(input), 0;
  if (input.left() > 4096) return 0;
  const fuzz::Exact text(input.rest());
  constexpr void (*readers[])(std::string_view) = {durations, times, selectors, matchers, words, templates};
  readers[kind](text.view());
  return 0;
}
