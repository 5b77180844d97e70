#include "storage/sql/history.hpp"

#include <algorithm>
#include <limits>

namespace tocsin::storage::sql {

SampleFilter::SampleFilter(const SampleQuery& query)
    : query_(query),
      name_(query.name),
      from_(query.from == base::no_time ? std::numeric_limits<std::int64_t>::min() : base::to_ns(query.from)),
      to_(query.to == base::no_time ? std::numeric_limits<std::int64_t>::max() : base::to_ns(query.to)) {
  prefix_ = name_.empty() || name_.ends_with('*');
  if (name_.ends_with('*')) name_.remove_suffix(1);
}

bool SampleFilter::series(const model::SeriesKey& key) const {
  const bool named = prefix_ ? key.name.starts_with(name_) : key.name == name_;
  return named && model::matches(query_.matchers, key.labels);
}

std::size_t class_of(const Retention& retention, const model::SeriesKey& key) {
  const auto found = std::ranges::find_if(
      retention.classes, [&](const RetentionClass& c) { return c.match.matches(key.name, key.labels); });
  return found == retention.classes.end() ? no_class : static_cast<std::size_t>(found - retention.classes.begin());
}

Cuts cuts_of(const Kept& kept, base::Time now) {
  const auto before = [now](base::Duration kept_for) { return base::to_ns(now - kept_for); };
  return {before(kept.raw), before(std::max(kept.raw, kept.five_minutes)), before(std::max(kept.raw, kept.hours))};
}

base::Error too_many_samples(const SampleQuery& query) {
  return {base::Fault::exhausted, "the question about \"" + query.name + "\" has more than " +
                                      std::to_string(query.most_samples) +
                                      " samples; narrow the time range or the matchers"};
}

}  // namespace tocsin::storage::sql
