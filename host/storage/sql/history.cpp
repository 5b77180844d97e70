#include "storage/sql/history.hpp"

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

base::Error too_many_samples(const SampleQuery& query) {
  return {base::Fault::exhausted, "the question about \"" + query.name + "\" has more than " +
                                      std::to_string(query.most_samples) +
                                      " samples; narrow the time range or the matchers"};
}

}  // namespace tocsin::storage::sql
