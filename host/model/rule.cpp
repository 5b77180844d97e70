#include "model/rule.hpp"

#include "model/words.hpp"

namespace tocsin::model {
namespace {

constexpr std::array<std::string_view, 5> severities{"NONE", "LOW", "MEDIUM", "HIGH", "CRITICAL"};
constexpr std::array<std::string_view, 5> categories{"NONE", "TRANSACTION", "LOG", "INTEGRATION", "INFRASTRUCTURE"};
constexpr std::array<std::string_view, 14> aggregates{"last",  "avg",    "sum", "min", "max", "count", "rate",
                                                      "delta", "stddev", "p50", "p90", "p95", "p99",   "last_seen"};

/// The words without the first, which stands for "not given" and cannot be asked for.
std::span<const std::string_view> given(std::span<const std::string_view> words) {
  return words.subspan(1);
}

}  // namespace

std::string_view to_string(Severity severity) {
  return severities[static_cast<std::size_t>(severity)];
}
base::Result<Severity> parse_severity(std::string_view text) {
  return parse_word<Severity>(text, given(severities), 1, "a severity");
}

std::string_view to_string(Category category) {
  return categories[static_cast<std::size_t>(category)];
}
base::Result<Category> parse_category(std::string_view text) {
  return parse_word<Category>(text, given(categories), 1, "a category");
}

std::string_view to_string(Aggregate aggregate) {
  return aggregates[static_cast<std::size_t>(aggregate)];
}
base::Result<Aggregate> parse_aggregate(std::string_view text) {
  return parse_word<Aggregate>(text, aggregates, 0, "an aggregate");
}

base::Duration Rule::effective_cooldown() const {
  if (cooldown) return *cooldown;
  return severity == Severity::critical ? base::Duration(0) : base::Duration(std::chrono::minutes(5));
}

}  // namespace tocsin::model
