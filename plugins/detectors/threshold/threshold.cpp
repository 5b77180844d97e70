// A value, a windowed aggregate or a ratio against one threshold or several tiers.
#include <tocsin/plugin.hpp>

#include <algorithm>
#include <memory>
#include <string>
#include <string_view>

#include "threshold_core.hpp"

namespace {

using threshold::Answer;
using threshold::Op;
using threshold::State;

struct Program {
  threshold::Test test;
  std::uint32_t value = 0;
  bool is_ratio = false, adds_up = false;
  std::uint32_t whole = 0, whole_count = 0;
  double min_count = 0;
};

/// Refuses a rule, naming the place, the key and what was expected there.
[[noreturn]] void refuse(const tsn::Rule& rule, std::string_view key, std::string_view expected,
                         const tsn_value* at = nullptr) {
  std::string text(rule.file());
  if (at && at->line) text += ":" + std::to_string(at->line) + ":" + std::to_string(at->column);
  if (!text.empty()) text += ": ";
  text.append("rule \"").append(rule.name()).append("\", key `").append(key).append("`: expected ").append(expected);
  throw tsn::Failure(tsn::invalid(text));
}

double number(const tsn::Rule& rule, std::string_view key, const tsn::Config& at, std::string_view what = "a number") {
  if (at.type() != TSN_INT && at.type() != TSN_FLOAT) refuse(rule, key, what, at ? at.raw() : rule.table().raw());
  return at.as_number();
}

std::uint32_t severity(const tsn::Rule& rule, const tsn::Config& at, const tsn_value* tier) {
  constexpr std::string_view words[] = {"LOW", "MEDIUM", "HIGH", "CRITICAL"};
  constexpr auto expected = "one of CRITICAL HIGH MEDIUM LOW";
  if (at.type() != TSN_STRING) refuse(rule, "tiers.severity", expected, at ? at.raw() : tier);
  std::string word(at.as_str());
  for (char& c : word) c = static_cast<char>(c >= 'a' && c <= 'z' ? c - 'a' + 'A' : c);
  for (std::uint32_t i = 0; i < 4; ++i)
    if (words[i] == word) return TSN_SEV_LOW + i;
  refuse(rule, "tiers.severity", expected, at.raw());
}

std::vector<threshold::Tier> tiers(const tsn::Rule& rule, const tsn::Config& table) {
  if (!table.has("tiers"))
    return {{number(rule, "threshold", table["threshold"], "a number (or `tiers`)"), TSN_SEV_NONE}};
  const auto list = table["tiers"];
  if (table.has("threshold")) refuse(rule, "tiers", "either `threshold` or `tiers`, not both", list.raw());
  if (list.type() != TSN_ARRAY || list.count() == 0)
    refuse(rule, "tiers", "a list of tables { threshold = 85, severity = \"HIGH\" }", list.raw());
  std::vector<threshold::Tier> out;
  for (const auto& tier : list) {
    if (tier.type() != TSN_TABLE) refuse(rule, "tiers", "tables { threshold = 85, severity = \"HIGH\" }", tier.raw());
    const auto given = tier["threshold"];
    if (!given) refuse(rule, "tiers.threshold", "a number", tier.raw());
    out.push_back({number(rule, "tiers.threshold", given), severity(rule, tier["severity"], tier.raw())});
  }
  std::stable_sort(out.begin(), out.end(), [](const auto& a, const auto& b) { return a.severity > b.severity; });
  return out;
}

/// `resolve_threshold` must be easier to satisfy than every tier, or an alert would end before it could begin.
void read_hysteresis(const tsn::Rule& rule, const tsn::Config& table, threshold::Test& test) {
  if (!table.has("resolve_threshold")) return;
  const auto at = table["resolve_threshold"];
  const double value = number(rule, "resolve_threshold", at);
  const bool up = test.op == Op::gt || test.op == Op::gte, down = test.op == Op::lt || test.op == Op::lte;
  if (!up && !down) refuse(rule, "resolve_threshold", "an `op` of > >= < <= beside it", at.raw());
  for (const auto& tier : test.tiers)
    if (up ? value > tier.threshold : value < tier.threshold)
      refuse(rule, "resolve_threshold", up ? "a number not above the threshold" : "a number not below the threshold",
             at.raw());
  test.resolve = value;
}

struct Threshold {
  static constexpr auto id = "threshold", version = "1.0.0",
                        doc = "Compares a value, a windowed aggregate or a ratio with a threshold or tiers";
  static constexpr tsn::Option rule_options[] = {
      {.key = "op",
       .type = tsn::string,
       .choices = ">|>=|<|<=|==|!=|EXISTS|ABSENT|GT|GTE|LT|LTE|EQ|NEQ",
       .doc = "How the value compares with the threshold; EXISTS: there is data, ABSENT: there is none in the window"},
      {.key = "threshold", .type = tsn::number, .doc = "What the value is compared with"},
      {.key = "tiers",
       .type = tsn::array,
       .doc = "Several severities from one rule: tables of `threshold` and `severity`; the highest severity that holds "
              "wins"},
      {.key = "divide_by",
       .type = tsn::string,
       .doc = "A selector: the value is aggregate(signal) / aggregate(divide_by)"},
      {.key = "min_count",
       .type = tsn::integer,
       .min = "0",
       .doc = "Signals of divide_by in the window below which there is no verdict"},
      {.key = "resolve_threshold",
       .type = tsn::number,
       .doc = "Hysteresis: once firing, the alert goes on while the value still compares with this"}};

  std::unique_ptr<Program> compile(const tsn::Rule& rule, tsn::Inputs& inputs) {
    const auto table = rule.table();
    auto program = std::make_unique<Program>();
    read_op(rule, table, program->test);
    const auto over = rule.over();
    if (!threshold::compares(program->test.op)) {
      for (const char* key : {"threshold", "tiers", "divide_by", "min_count", "resolve_threshold"})
        if (table.has(key)) refuse(rule, key, "nothing: EXISTS and ABSENT compare with no number", table[key].raw());
      program->value = inputs.add({.aggregate = TSN_AGG_LAST, .over = over});
      return program;
    }
    program->test.tiers = tiers(rule, table);
    read_hysteresis(rule, table, program->test);
    program->value = inputs.add({.aggregate = rule.aggregate(), .over = over});
    read_ratio(rule, table, inputs, *program);
    return program;
  }

  void evaluate(Program& program, const tsn::Rows& rows, tsn::Verdicts& verdicts) {
    if (program.is_ratio) return judge_ratios(program, rows, verdicts);
    const std::uint32_t columns = rows.columns(), n = rows.size();
    const double* cell = rows.cells(0) + program.value;
    const auto& test = program.test;
    if (threshold::compares(test.op) && test.tiers.size() == 1 && !test.resolve) {
      const auto& tier = test.tiers.front();
      for (std::uint32_t row = 0; row < n; ++row, cell += columns) {
        if (threshold::holds(test.op, *cell, tier.threshold) && !std::isnan(*cell))
          verdicts.firing(row, *cell, tier.threshold, tier.severity);
        else if (std::isnan(*cell))
          verdicts.no_data(row);
      }
      return;
    }
    for (std::uint32_t row = 0; row < n; ++row, cell += columns)
      answer(row, threshold::judge(test, *cell), *cell, verdicts);
  }

 private:
  static void read_op(const tsn::Rule& rule, const tsn::Config& table, threshold::Test& test) {
    const auto at = table["op"];
    const auto op = at.type() == TSN_STRING ? threshold::parse_op(at.as_str()) : std::nullopt;
    if (!op) refuse(rule, "op", threshold::ops_text, at ? at.raw() : table.raw());
    test.op = *op;
  }

  static void read_ratio(const tsn::Rule& rule, const tsn::Config& table, tsn::Inputs& inputs, Program& program) {
    if (!table.has("divide_by")) {
      if (table.has("min_count")) refuse(rule, "min_count", "`divide_by` beside it", table["min_count"].raw());
      return;
    }
    const auto at = table["divide_by"];
    if (at.type() != TSN_STRING || at.as_str().empty())
      refuse(rule, "divide_by", "a selector, such as 'etl.run'", at.raw());
    program.is_ratio = true;
    program.adds_up =
        rule.aggregate() == TSN_AGG_SUM || rule.aggregate() == TSN_AGG_RATE || rule.aggregate() == TSN_AGG_DELTA;
    if (table.has("min_count")) program.min_count = number(rule, "min_count", table["min_count"]);
    program.whole = inputs.add({.aggregate = rule.aggregate(), .selector = at.as_str(), .over = rule.over()});
    program.whole_count = inputs.add({.aggregate = TSN_AGG_COUNT, .selector = at.as_str(), .over = rule.over()});
  }

  static void judge_ratios(const Program& program, const tsn::Rows& rows, tsn::Verdicts& verdicts) {
    for (std::uint32_t row = 0; row < rows.size(); ++row) {
      const double* cells = rows.cells(row);
      const double value = threshold::ratio(cells[program.value], cells[program.whole], cells[program.whole_count],
                                            program.min_count, program.adds_up);
      answer(row, threshold::judge(program.test, value), value, verdicts);
    }
  }

  static void answer(std::uint32_t row, const Answer& answer, double value, tsn::Verdicts& verdicts) {
    switch (answer.state) {
      case State::firing:
        return verdicts.firing(row, value, answer.threshold, answer.severity);
      case State::no_data:
        return verdicts.no_data(row);
      case State::keep:
        return verdicts.keep(row);
      case State::ok:
        return;
    }
  }
};

}  // namespace

TOCSIN_PLUGIN(Threshold)
