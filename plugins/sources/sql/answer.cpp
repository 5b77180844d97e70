#include "answer.hpp"

#include <algorithm>
#include <limits>

#include "rows.hpp"
#include "utf8/utf8.hpp"

namespace tocsin_plugins::sql {
namespace {

std::string label_of(const std::string& column) {
  if (column == "loader_code") return "loader";
  if (column == "segment_code") return "segment";
  std::string scratch;
  return std::string(utf8::clean(column, scratch));
}

}  // namespace

void AnswerTaker::columns(std::vector<Column> columns) {
  columns_ = std::move(columns);
  for (std::size_t i = 0; i < columns_.size(); ++i) {
    if (columns_[i].kind == Kind::none)
      throw tsn::Failure(tsn::invalid("column \"" + columns_[i].name + "\" is of type " + columns_[i].type +
                                      ", which is neither a number nor a label; leave it out, or make text of it"));
    if (columns_[i].name == "value") value_ = i;
    if (columns_[i].name == "ts") ts_ = i;
  }
  for (std::size_t i = 0; i < columns_.size() && !value_; ++i)
    if (i != ts_ && columns_[i].kind == Kind::number) value_ = i;
  for (std::size_t i = 0; i < columns_.size(); ++i)
    if (i != value_ && i != ts_) labels_.emplace_back(i, label_of(columns_[i].name));
}

double AnswerTaker::number_of(const Cell& cell) const {
  if (cell.null) return std::numeric_limits<double>::quiet_NaN();
  std::string why;
  const auto value = read_number(columns_[*value_].kind, cell.text, why);
  if (value) return *value;
  throw tsn::Failure(tsn::invalid("the column " + columns_[*value_].name + " holds \"" +
                                  std::string(cell.text.substr(0, 100)) + "\", " + why));
}

bool AnswerTaker::row(std::span<const Cell> cells) {
  std::vector<std::pair<std::string, std::string>> texts;
  for (const auto& [column, name] : labels_) {
    if (cells[column].null) continue;
    std::string scratch;
    texts.emplace_back(name, utf8::cut(utf8::clean(cells[column].text, scratch), longest_cell));
  }
  const std::vector<tsn::QueryRows::Pair> labels(texts.begin(), texts.end());
  tsn::Time at = 0;
  if (ts_ && !cells[*ts_].null) at = read_time(cells[*ts_].text).value_or(0);
  const double value = value_ ? number_of(cells[*value_]) : std::numeric_limits<double>::quiet_NaN();
  if (const auto added = out_.add(labels, value, at); !added) throw tsn::Failure(added);
  return true;
}

}  // namespace tocsin_plugins::sql
