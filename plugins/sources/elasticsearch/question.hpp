// What is asked: which documents, of which time, in which groups, and what is told of each group. Of a schedule and of
// a rule alike.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "tocsin/config.hpp"

namespace tocsin_plugins::elasticsearch {

using Labels = std::vector<std::pair<std::string, std::string>>;

/// What the operator of the agent allows, whoever asks.
struct Limits {
  bool all_indices = false, scripts = false, missing_index = false;
  std::uint32_t max_buckets = 10'000;  ///< of an answer
  std::size_t max_bytes = 16u << 20;   ///< of an answer, unpacked
  std::uint64_t max_docs = 0;          ///< that a shard looks at; 0: all
};

struct Metric {
  enum class Kind { count, avg, min, max, sum, cardinality, stats, percentiles };
  Kind kind = Kind::count;
  std::string field;             ///< empty for a count
  std::vector<double> percents;  ///< percentiles
  bool labelled = false;         ///< each percentile has the label `percentile`
};

struct GroupField {
  std::string field, label;
};

struct Question {
  std::string index, time_field = "@timestamp";
  std::string query;   ///< JSON of a query, one line; empty: all documents
  std::string lucene;  ///< text of a query_string; empty: all documents
  std::string aggs;    ///< JSON of aggregations of the user's own; empty: those that group_by and metric make
  std::chrono::nanoseconds over{0}, delay{0};
  std::chrono::nanoseconds bucket{0};  ///< 0: one window
  std::vector<GroupField> group_by;
  Metric metric;
  std::uint32_t max_groups = 100;  ///< for each field of group_by
  bool refuse_others = false;      ///< groups beyond max_groups are a failure

  bool has_buckets() const { return bucket.count() > 0; }
  /// Answered by _count.
  bool is_plain_count() const {
    return group_by.empty() && aggs.empty() && !has_buckets() && metric.kind == Metric::Kind::count;
  }
  /// Fields besides time_field that must be mapped: group_by, then the metric's.
  std::vector<std::string> fields() const;
};

/// Reads the keys of a question from a table; what is not there is taken from `defaults`. Throws tsn::Failure (invalid)
/// with `where` at its front.
Question read_question(const tsn::Config& table, const Question& defaults, const Limits& limits,
                       const std::string& where);

/// A duration as text ("30s", "1h30m"), or as the host read it in nanoseconds. Throws for anything else.
std::chrono::nanoseconds read_duration(const tsn::Config& value, const std::string& where);

/// "service.name.keyword" → "service_name": a field as a label.
std::string label_of(std::string_view field);

}  // namespace tocsin_plugins::elasticsearch
