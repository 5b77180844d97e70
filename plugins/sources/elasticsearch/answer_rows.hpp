// Rows under way, while an answer is read.
#pragma once

#include <cmath>

#include "answer.hpp"
#include "answer_json.hpp"
#include "tocsin/status.hpp"

namespace tocsin_plugins::elasticsearch {

struct AnswerRows {
  const std::uint32_t max_buckets;
  Answer answer = {};
  Labels labels = {};       ///< of the bucket at hand
  std::int64_t bucket = 0;  ///< as Row::bucket
  std::uint32_t buckets = 0;

  /// Throws beyond max_buckets.
  void count_bucket() {
    if (++buckets <= max_buckets) return;
    throw tsn::Failure(tsn::invalid("the answer has more than max_buckets = " + std::to_string(max_buckets) +
                                    " buckets; narrow the query, group by fewer fields, or raise it"));
  }
  /// A metric of no documents has no value, and no row.
  void add(double value) {
    if (std::isfinite(value)) answer.rows.push_back({labels, value, {}, bucket});
  }
};

/// Aggregations of the user's own: each of buckets is a label under its name, each number a row with the label `agg`.
void flatten(Element aggregations, AnswerRows& to);

}  // namespace tocsin_plugins::elasticsearch
