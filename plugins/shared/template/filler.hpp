// Fills a compiled template with data, within a budget.
#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <vector>

#include "template/program.hpp"
#include "template/template.hpp"

namespace tocsin_plugins {

class Filler {
 public:
  Filler(Escape escape, std::int64_t now, const TemplateBudget& budget)
      : escape_(escape), now_(now), budget_(budget), steps_(budget.steps) {}
  Filled fill(const std::vector<Piece>& pieces, const Datum& data);

 private:
  struct Frame {
    const Datum* data;
    std::size_t index = 0, count = 0;
  };
  void write(const std::vector<Piece>& pieces);
  void write(const Piece& piece);
  void write_value(const Piece& piece);
  void write_loop(const Piece& piece);
  void marked(const Piece& piece, std::vector<TextRange>& ranges);
  void append(std::string_view text);

  const Datum& evaluate(const Expression& expression);
  const Datum& path(const Expression& expression);
  const Datum& plucked(const Datum& list, const std::vector<std::string>& names, std::size_t from);
  const Datum& filtered(const Expression& expression);
  std::string filter_text(const Expression& expression, const std::string& text);
  std::string time_text(const Expression& expression, std::int64_t at) const;
  const Datum& joined(const Expression& expression, const Datum& input);
  const Datum& unique(const Datum& input);
  const Datum& json(const Datum& input);
  bool compare(const Expression& expression);

  const Datum& keep(Datum value);
  const Datum& keep_text(std::string text);
  /// False: the budget is spent.
  bool spend(std::size_t bytes = 0);

  Escape escape_;
  std::int64_t now_;
  TemplateBudget budget_;
  std::size_t steps_;
  Filled out_;
  std::vector<Frame> frames_;
  std::deque<Datum> values_;
  std::deque<std::string> texts_;
};

/// "1 0 4 2": a voice reads digit by digit what it would read as a number.
std::string digits_apart(std::string_view text);
/// A whole number has all of its digits, others have six.
std::string datum_number(double number);
/// What a value is as plain text.
std::string datum_text(const Datum& value);
/// Whether {{#if}} takes it.
bool datum_holds(const Datum& value);

}  // namespace tocsin_plugins
