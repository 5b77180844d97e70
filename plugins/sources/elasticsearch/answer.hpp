// What the search API answers, as rows; an answer that does not speak of all documents is a failure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "question.hpp"
#include "tocsin/batch.hpp"

namespace tocsin_plugins::elasticsearch {

struct Row {
  Labels labels;
  double value = 0;
  std::optional<tsn::Summary> summary;  ///< metric "stats", instead of a value
  std::int64_t bucket = 0;              ///< begin of its bucket of time, in ms since 1970
};

struct Answer {
  std::vector<Row> rows;
  std::uint64_t others = 0;  ///< documents in groups beyond max_groups
  bool approximate = false;  ///< a group's count may be too low: shards sent their greatest groups only
};

/// Reads the body of a 200. Throws tsn::Failure: no answer of this API; partial (a shard failed, timed out, a cluster
/// left out, stopped by max_docs); more than max_buckets; others with Question::refuse_others.
Answer read_answer(std::string_view body, const Question& question, const Limits& limits);

}  // namespace tocsin_plugins::elasticsearch
