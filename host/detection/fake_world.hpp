// For the tests of this room: a detector that compares, a shard with its series, and batches from a short notation.
#pragma once

#include <cmath>
#include <deque>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "detection/shard.hpp"

namespace tocsin::detection::fake {

constexpr std::int64_t sec = 1'000'000'000;
constexpr std::int64_t start = 1'700'000'000 * sec;
inline base::Time at(double seconds) {
  return base::from_ns(start + static_cast<std::int64_t>(seconds * 1e9));
}

/// Fires when the rule's aggregate compares as `op` and `threshold` of its table say; severity CRITICAL from `critical`
/// on.
class Comparing : public Evaluator {
 public:
  struct Program {
    std::string op;
    double threshold = 0, critical = INFINITY;
    std::uint32_t column = 0;
  };
  base::Result<void*> compile(const model::Rule& rule, const tsn_inputs& inputs) override {
    ++compiled;
    const base::Value* op = rule.table.find("op");
    if (!op) return base::fail(base::Fault::invalid, "no `op`");
    Program program;
    program.op = *op->string();
    program.threshold = rule.table.find("threshold")->number();
    if (const base::Value* critical = rule.table.find("critical")) program.critical = critical->number();
    tsn_input input{};
    input.size = sizeof input;
    input.aggregate = static_cast<tsn_aggregate>(rule.aggregate);
    input.over = rule.over.count();
    tsn_err err{};
    err.size = sizeof err;
    if (inputs.add(&inputs, &input, &program.column, &err) != TSN_OK)
      return base::fail(base::Fault::invalid, std::string(err.msg, err.n));
    programs.push_back(program);
    return static_cast<void*>(&programs.back());
  }
  void release(void*) override { ++released; }
  base::Result<void> evaluate(void* raw, const tsn_rows& rows, tsn_verdicts& verdicts) override {
    ++calls;
    if (fail) return base::fail(base::Fault::internal, "the detector broke");
    const Program& program = *static_cast<Program*>(raw);
    for (std::uint32_t i = 0; i < rows.rows; ++i) {
      const double v = rows.cells[i * rows.columns + program.column];
      tsn_verdict& verdict = verdicts.items[i];
      verdict.value = v;
      verdict.threshold = program.threshold;
      if (watch) watch(rows, i, v);
      if (std::isnan(v))
        verdict.state = TSN_VERDICT_NO_DATA;
      else if (program.op == ">"    ? v > program.threshold
               : program.op == ">=" ? v >= program.threshold
                                    : v < program.threshold)
        verdict.state = TSN_VERDICT_FIRING;
      if (v >= program.critical) verdict.severity = TSN_SEV_CRITICAL;
    }
    return {};
  }

  std::deque<Program> programs;
  std::function<void(const tsn_rows&, std::uint32_t, double)> watch;
  int compiled = 0, released = 0, calls = 0;
  bool fail = false;
};

inline model::Rule rule(std::string name, std::string signal, std::string op, double threshold) {
  model::Rule out;
  out.name = std::move(name);
  out.detector = "fake";
  out.severity = model::Severity::high;
  out.signal = *model::Selector::parse(signal);
  out.signal_text = std::move(signal);
  out.table.set("op", op);
  out.table.set("threshold", threshold);
  out.message = "{{value}} from {{host}}";
  return out;
}

struct World {
  explicit World(ShardSettings settings = {}, Evaluator* other = nullptr)
      : shard(std::move(settings), series,
              [this, other](const std::string&) -> base::Result<Evaluator*> { return other ? other : &detector; }) {}

  std::vector<RuleProblem> rules(std::vector<model::Rule> list, double now = 0) {
    std::vector<model::SharedRule> shared;
    for (auto& one : list) shared.push_back(std::make_shared<model::Rule>(std::move(one)));
    return shard.set_rules(std::move(shared), at(now), alerts);
  }
  struct Row {
    double at;
    std::string name;
    model::Labels labels;
    double value = 1;
    std::uint32_t flags = 0;
  };
  model::SignalBatch batch(const std::vector<Row>& rows, double arrived = NAN) {
    model::SignalBatch out;
    out.instance = "source.test";
    if (!std::isnan(arrived)) out.arrived = fake::at(arrived);
    for (std::size_t i = 0; i < rows.size(); ++i) {
      out.ts.push_back(base::to_ns(fake::at(rows[i].at)));
      out.value.push_back(rows[i].value);
      out.series.push_back(series.intern({rows[i].name, rows[i].labels}));
      out.flags.push_back(rows[i].flags);
      out.line.push_back(i + 1);
    }
    return out;
  }
  /// Pushes, with the clock at the last row.
  void push(const std::vector<Row>& rows) { shard.push(batch(rows), fake::at(rows.back().at), alerts); }
  void advance(double now) { shard.advance(fake::at(now), alerts); }
  /// "60 firing 5" for each alert told: seconds, state, value; then forgets them.
  std::vector<std::string> told() {
    std::vector<std::string> out;
    for (const auto& alert : alerts) {
      char seconds[32], value[32];
      std::snprintf(seconds, sizeof seconds, "%g", static_cast<double>(base::to_ns(alert.updated_at) - start) / 1e9);
      std::snprintf(value, sizeof value, "%g", alert.value);
      out.push_back(std::string(seconds) + " " + std::string(model::to_string(alert.state)) + " " + value +
                    (alert.silent ? " silent" : ""));
    }
    alerts.clear();
    return out;
  }

  model::SeriesTable series;
  Comparing detector;
  std::vector<model::Alert> alerts;
  Shard shard;
};

using Told = std::vector<std::string>;

}  // namespace tocsin::detection::fake
