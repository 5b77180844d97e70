// An answer to a rule's question: which column is the number, which are labels.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "database.hpp"
#include "tocsin/query.hpp"

namespace tocsin_plugins::sql {

/// Hands each row on: `value`, or else the first column of numbers, is what is judged; `ts` is when; the others are
/// labels, loader_code as `loader` and segment_code as `segment`. Throws tsn::Failure for what cannot be an answer.
class AnswerTaker : public Rows {
 public:
  AnswerTaker(const tsn::Query& question, tsn::QueryRows& out) : question_(question), out_(out) {}
  void columns(std::vector<Column> columns) override;
  bool row(std::span<const Cell> cells) override;

 private:
  double number_of(const Cell& cell) const;
  const tsn::Query& question_;
  tsn::QueryRows& out_;
  std::vector<Column> columns_;
  std::optional<std::size_t> value_, ts_;
  std::vector<std::pair<std::size_t, std::string>> labels_;
};

}  // namespace tocsin_plugins::sql
