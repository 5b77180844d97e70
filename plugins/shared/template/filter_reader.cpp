// The filters as they are written: their names, what they take and what they give.
#include <algorithm>
#include <array>

#include "template/expression.hpp"

namespace tocsin_plugins {
namespace {

using Op = Expression::Op;
using Kind = Datum::Kind;

struct FilterName {
  std::string_view name;
  FilterId id;
  std::size_t most_arguments;
};
constexpr std::array<FilterName, 17> filter_names = {{{"upper", FilterId::upper, 0},
                                                      {"lower", FilterId::lower, 0},
                                                      {"trim", FilterId::trim, 0},
                                                      {"default", FilterId::fallback, 1},
                                                      {"truncate", FilterId::truncate, 1},
                                                      {"date", FilterId::date, 1},
                                                      {"time", FilterId::time, 1},
                                                      {"datetime", FilterId::datetime, 1},
                                                      {"age", FilterId::age, 0},
                                                      {"count", FilterId::count, 0},
                                                      {"join", FilterId::join, 1},
                                                      {"unique", FilterId::unique, 0},
                                                      {"round", FilterId::round, 1},
                                                      {"json", FilterId::json, 0},
                                                      {"url", FilterId::url, 0},
                                                      {"digits", FilterId::digits, 0},
                                                      {"sentence", FilterId::sentence, 0}}};

}  // namespace

Expression ExpressionReader::filtered(Expression input) {
  const TagWord word = words_[next_];
  if (word.kind != TagWord::Kind::name) fail(word, "expected the name of a filter");
  ++next_;
  const auto filter = std::find_if(filter_names.begin(), filter_names.end(),
                                   [&](const FilterName& each) { return each.name == word.text; });
  if (filter == filter_names.end()) {
    std::vector<std::string_view> known;
    for (const auto& each : filter_names) known.push_back(each.name);
    fail(word, "there is no filter \"" + word.text.substr(0, 40) + "\"; " + expected_name(word.text, known));
  }
  Expression made;
  made.op = Op::filter, made.filter = filter->id, made.use = input.use;
  made.kids.push_back(std::move(input));
  while (sign(":")) {
    if (made.kids.size() > filter->most_arguments)
      fail(words_[next_],
           "expected no " + std::string(made.kids.size() > 1 ? "further " : "") + "argument of " + word.text);
    made.kids.push_back(primary());
  }
  check_filter(made, word);
  return made;
}

/// What the filter takes and gives.
void ExpressionReader::check_filter(Expression& made, const TagWord& word) {
  const Kind in = made.kids[0].kind;
  const bool argued = made.kids.size() > 1;
  const auto takes = [&](bool holds, std::string_view what) {
    if (!holds)
      fail(word, "expected " + std::string(what) + " before the filter " + word.text + ", not " +
                     std::string(kind_words(in)));
  };
  const auto argument = [&](bool holds, std::string_view what) {
    if (!holds) fail(word, "expected " + word.text + std::string(what));
  };
  const bool number = argued && made.kids[1].op == Op::number && made.kids[1].number >= 0 && made.kids[1].number <= 1e6;
  switch (made.filter) {
    case FilterId::fallback:
      argument(argued, ":\"a text\"");
      takes(is_single(in), "a single value");
      argument(is_single(made.kids[1].kind), ":\"a text\"");
      made.kind = made.kids[1].kind == in ? in : Kind::text;
      return;
    case FilterId::truncate:
      takes(is_single(in), "a single value");
      return argument(number, ":N with the most characters as N");
    case FilterId::date:
    case FilterId::time:
    case FilterId::datetime:
      takes(in == Kind::time, "a time");
      return read_zone(made, word);
    case FilterId::age:
      return takes(in == Kind::time, "a time");
    case FilterId::count:
      takes(in == Kind::list || in == Kind::map, "a list");
      made.kind = Kind::number;
      return;
    case FilterId::join:
      takes((in == Kind::list && made.kids[0].members.empty()) || in == Kind::map,
            "a list of texts, such as alerts.name,");
      return argument(!argued || made.kids[1].op == Op::text, ":\", \"");
    case FilterId::unique:
      takes(in == Kind::list && made.kids[0].members.empty(), "a list of texts, such as alerts.name,");
      made.kind = Kind::list;
      return;
    case FilterId::round:
      takes(is_single(in), "a number");
      return argument(!argued || (number && made.kids[1].number <= 9), ":N with 0 to 9 decimals as N");
    case FilterId::json:
      return;
    default:
      return takes(is_single(in), "a single value");
  }
}

void ExpressionReader::read_zone(Expression& made, const TagWord& word) {
  if (made.kids.size() == 1) return;
  if (made.kids[1].op != Op::text) fail(word, "expected " + word.text + ":\"Asia/Riyadh\"");
  std::string error;
  made.zone = Zone::find(made.kids[1].text, error);
  if (!made.zone) fail(word, "expected a time zone, such as \"Asia/Riyadh\": " + error);
}

}  // namespace tocsin_plugins
