// Questions that rules ask of a source: query(const Query&, QueryRows&, Deadline), with a Token& before the deadline
// where the answer comes later. It may be called on any thread, also while poll() runs.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "tocsin/config.hpp"
#include "tocsin/context.hpp"

namespace tsn {

/// Borrowed until query() returns.
class Query {
 public:
  explicit Query(const tsn_query* source) : from_(detail::read_struct(source)) {}
  /// The question's keys, as query_options declares them, defaults filled in.
  Config table() const { return Config(from_.table, "query"); }
  Time at() const noexcept { return from_.at; }
  /// A question that asks for more is refused by QueryRows::add(); what can limit itself (SQL) asks for one more than
  /// this.
  std::uint32_t max_rows() const noexcept { return from_.max_rows; }

 private:
  tsn_query from_;
};

/// Filled while query() runs, or, when its Token was taken, until that is completed. Cheap to copy.
class QueryRows {
 public:
  using Pair = std::pair<std::string_view, std::string_view>;
  explicit QueryRows(tsn_query_rows* to) noexcept : to_(to) {}
  /// Appends a row. Labels in any order, empty values are dropped; `ts` 0: the instant of the question; NaN: no value.
  /// Return what it answers unless it is ok: too many rows, or labels that were there already.
  Status add(std::span<const Pair> labels, double value, Time ts = 0) {
    std::vector<tsn_label> abi;
    abi.reserve(labels.size());
    for (const auto& [name, text] : labels) abi.push_back({str(name), str(text)});
    switch (const auto status = to_->add(to_, abi.data(), static_cast<std::uint32_t>(abi.size()), value, ts)) {
      case TSN_OK:
        return ok;
      case TSN_CARDINALITY:
        return Status(status, "the answer has too many rows; ask for fewer, for instance with a condition or a sum");
      case TSN_INVALID:
        return Status(status, "the answer has two rows with the same labels");
      default:
        return Status(status, "the answer is not wanted any more");
    }
  }
  Status add(std::initializer_list<Pair> labels, double value, Time ts = 0) {
    return add(std::span<const Pair>(labels.begin(), labels.size()), value, ts);
  }

 private:
  tsn_query_rows* to_;
};

}  // namespace tsn
