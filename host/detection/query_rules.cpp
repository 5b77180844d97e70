#include "detection/query_rules.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <set>

#include "detection/rule_run.hpp"

namespace tocsin::detection {
namespace {

using base::Fault;
using base::Result;

constexpr std::uint32_t failures_until_told = 3;
constexpr base::Duration default_interval = std::chrono::minutes(1);

base::Duration interval_of(const model::Rule& rule) {
  return rule.every.count() > 0 ? rule.every : default_interval;
}

/// The next beat: intervals count from 1970, so that rules of one interval are due at the same instants.
base::Time beat_after(base::Time now, base::Duration every) {
  const std::int64_t t = base::to_ns(now);
  return base::from_ns((t / every.count() + 1) * every.count());
}

tsn_status declare(const tsn_inputs*, const tsn_input* input, std::uint32_t* column, tsn_err* err) {
  if (!input || !column) return TSN_INVALID;
  tsn_input own{};
  std::memcpy(&own, input, std::min<std::size_t>(input->size, sizeof own));
  if (own.selector.n > 0 || own.over != 0 || own.offset != 0 || own.aggregate != TSN_AGG_LAST) {
    write_error(err, base::Error(Fault::invalid,
                                 "a rule with `query` judges the numbers of its answer; windows, aggregates and other "
                                 "signals belong into the query"));
    return TSN_INVALID;
  }
  *column = 0;
  return TSN_OK;
}

}  // namespace

tsn_inputs answer_inputs() {
  return {sizeof(tsn_inputs), 0, nullptr, &declare};
}

QueryRules::~QueryRules() {
  for (auto& [name, entry] : entries_) release(entry);
}

Result<void> QueryRules::compile(Entry& entry) {
  TRY(Evaluator * evaluator, find_(entry.rule->detector));
  const tsn_inputs inputs = answer_inputs();
  TRY(void* program, evaluator->compile(*entry.rule, inputs));
  release(entry);
  entry.evaluator = evaluator;
  entry.program = program;
  return {};
}

void QueryRules::release(Entry& entry) {
  if (entry.program) entry.evaluator->release(entry.program);
  entry.program = nullptr;
}

std::vector<RuleProblem> QueryRules::set(const std::vector<model::SharedRule>& rules, base::Time now,
                                         std::vector<model::Alert>& out) {
  std::vector<RuleProblem> problems;
  std::set<std::string> names;
  for (const auto& rule : rules) {
    if (rule->query_source.empty()) continue;
    names.insert(rule->name);
    const std::string signature = signature_of(*rule);
    const auto [at, fresh] = entries_.try_emplace(rule->name);
    Entry& entry = at->second;
    const auto evaluator = find_(rule->detector);
    const bool same = !fresh && entry.signature == signature && evaluator && *evaluator == entry.evaluator;
    if (same) continue;
    const bool changed = entry.signature != signature;
    entry.rule = rule;
    if (auto compiled = compile(entry); !compiled) {
      problems.push_back({rule->name, compiled.error()});
      names.erase(rule->name);
      continue;
    }
    if (!changed) continue;
    entry.signature = signature;
    entry.status = RuleStatus{};
    entry.status.rule = rule->name;
    entry.failures_in_a_row = 0;
    entry.next = now;
  }
  for (auto it = entries_.begin(); it != entries_.end();) {
    if (names.contains(it->first)) {
      ++it;
      continue;
    }
    if (asking_) {
      alerts_.end(it->first, now, out);
      alerts_.judge(failing_rule(), model::Labels{{"rule", it->first}}, {}, now, out);
    }
    release(it->second);
    it = entries_.erase(it);
  }
  if (!asking_) return problems;
  // Alerts that were told before this agent knew the rules, of rules that are not there any more.
  names.insert(failing_rule().name);
  for (const auto& rule : alerts_.rules()) {
    if (!names.contains(rule)) alerts_.end(rule, now, out);
  }
  return problems;
}

void QueryRules::take_over(const std::vector<model::Alert>& alerts, base::Time now) {
  asking_ = true;
  alerts_.clear();
  for (const auto& alert : alerts) alerts_.restore(alert);
  for (auto& [name, entry] : entries_) entry.next = now;
}

void QueryRules::give_up() {
  asking_ = false;
  alerts_.clear();
}

std::vector<QueryRules::Due> QueryRules::due(base::Time now, const std::string& source) {
  std::vector<Due> out;
  if (!asking_) return out;
  for (auto& [name, entry] : entries_) {
    if (entry.next > now || entry.rule->query_source != source) continue;
    out.push_back({entry.rule, entry.next});
    entry.next = beat_after(now, interval_of(*entry.rule));  // what was missed is not made up for
  }
  return out;
}

std::optional<base::Time> QueryRules::next_due(const std::string& source) const {
  std::optional<base::Time> next;
  if (!asking_) return next;
  for (const auto& [name, entry] : entries_) {
    if (entry.rule->query_source == source) next = next ? std::min(*next, entry.next) : entry.next;
  }
  return next;
}

void QueryRules::answered(const Due& asked, const Result<model::RuleAnswer>& answer, base::Duration took,
                          base::Time now, std::vector<model::Alert>& out) {
  const auto at = entries_.find(asked.rule->name);
  // Edited, removed or handed over while it was asked: what the answer says is of another rule.
  if (!asking_ || at == entries_.end() || at->second.signature != signature_of(*asked.rule)) return;
  Entry& entry = at->second;
  ++entry.status.evaluations;
  entry.status.last_evaluation = now;
  const base::Duration every = interval_of(*entry.rule);
  if (took > every / 2) entry.next = std::max(entry.next, beat_after(now + took, every));
  if (!answer) return fail(entry, answer.error(), now, out);
  if (auto judged = judge(entry, *answer, now, out); !judged) return fail(entry, judged.error(), now, out);
  succeed(entry, now, out);
}

Result<std::vector<QueryRules::Row>> QueryRules::rows_of(const model::Rule& rule,
                                                         const model::RuleAnswer& answer) const {
  std::vector<Row> rows;
  std::set<std::string> seen;
  for (const auto& each : answer.rows) {
    std::vector<model::Labels::Pair> pairs;
    for (const auto& [name, value] : each.labels) {
      const bool kept = rule.by_all || std::ranges::find(rule.by, name) != rule.by.end();
      if (kept) pairs.emplace_back(name, value);
    }
    Row row{model::Labels(std::move(pairs)), each.value};
    if (!seen.insert(row.group.text()).second) {
      return base::fail(Fault::invalid, "the answer has two rows with the labels " + row.group.text() +
                                            "; sum or group in the query by what `by` names");
    }
    rows.push_back(std::move(row));
  }
  return rows;
}

Result<void> QueryRules::judge(Entry& entry, const model::RuleAnswer& answer, base::Time now,
                               std::vector<model::Alert>& out) {
  TRY(auto rows, rows_of(*entry.rule, answer));
  const bool empty = rows.empty();
  if (empty) rows.push_back({{}, no_value});
  // Detectors see the same labels in every row; one that a row lacks is empty there.
  std::set<std::string> names;
  for (const Row& row : rows)
    for (const auto& [name, value] : row.group) names.emplace(name);
  std::vector<double> cells;
  std::vector<std::int64_t> at(rows.size(), base::to_ns(now));
  std::vector<std::vector<tsn_label>> labels(rows.size());
  std::vector<const tsn_label*> row_labels;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    cells.push_back(rows[i].value);
    for (const std::string& name : names) {
      const std::string_view value = rows[i].group.get(name);
      labels[i].push_back({{name.data(), static_cast<std::uint32_t>(name.size())},
                           {value.data(), static_cast<std::uint32_t>(value.size())}});
    }
    row_labels.push_back(labels[i].data());
  }
  const tsn_inputs inputs = answer_inputs();
  const tsn_rows all{sizeof(tsn_rows),
                     static_cast<std::uint32_t>(rows.size()),
                     1,
                     static_cast<std::uint32_t>(names.size()),
                     cells.data(),
                     at.data(),
                     row_labels.data(),
                     &inputs};
  std::vector<tsn_verdict> items(rows.size());
  tsn_verdicts verdicts{sizeof(tsn_verdicts),
                        sizeof(tsn_verdict),
                        items.data(),
                        text_.data(),
                        static_cast<std::uint32_t>(text_.size()),
                        0};
  TRY_VOID(entry.evaluator->evaluate(entry.program, all, verdicts));
  for (const tsn_verdict& verdict : items) {
    if (verdict.state == TSN_VERDICT_AGAIN) {
      return base::fail(Fault::invalid, "the detector asks for other signals; a rule with `query` has its answer only");
    }
  }
  for (std::size_t i = 0; i < rows.size(); ++i) apply(entry, rows[i], items[i], now, out);
  missing(entry, rows, now, out);
  return {};
}

void QueryRules::apply(const Entry& entry, const Row& row, const tsn_verdict& verdict, base::Time now,
                       std::vector<model::Alert>& out) {
  Judgement judgement;
  judgement.value = verdict.state == TSN_VERDICT_NO_DATA || std::isnan(verdict.value) ? row.value : verdict.value;
  judgement.severity = static_cast<model::Severity>(std::min<tsn_severity>(verdict.severity, TSN_SEV_CRITICAL));
  switch (verdict.state) {
    case TSN_VERDICT_FIRING:
      judgement.firing = true;
      [[fallthrough]];
    case TSN_VERDICT_OK:
      judgement.threshold = verdict.threshold;
      break;
    case TSN_VERDICT_NO_DATA:
      if (entry.rule->no_data == model::NoData::keep) return;
      judgement.firing = entry.rule->no_data == model::NoData::alert;
      break;
    default:
      return;  // as it is
  }
  if (verdict.message_n > 0 && std::size_t{verdict.message_at} + verdict.message_n <= text_.size())
    judgement.message = {text_.data() + verdict.message_at, verdict.message_n};
  model::Rule rule = *entry.rule;
  // A label without a value shows as nothing, and not as its placeholder.
  if (rule.by_all)
    for (const auto& [name, value] : row.group) rule.by.push_back(name);
  alerts_.judge(rule, row.group, judgement, now, out);
}

/// Label sets that are not among the rows.
void QueryRules::missing(const Entry& entry, const std::vector<Row>& rows, base::Time now,
                         std::vector<model::Alert>& out) {
  std::set<std::string> named;
  for (const Row& row : rows) named.insert(row.group.text());
  if (entry.rule->no_data == model::NoData::ok) return alerts_.others_over(*entry.rule, named, now, out);
  // What fired because there was no row at all is over with the first one, whatever becomes of the others.
  const model::Labels none;
  if (!named.contains(none.text())) alerts_.judge(*entry.rule, none, {}, now, out);
}

void QueryRules::fail(Entry& entry, const base::Error& error, base::Time now, std::vector<model::Alert>& out) {
  ++entry.status.failures;
  ++entry.failures_in_a_row;
  entry.status.last_error = error.message();
  if (entry.failures_in_a_row < failures_until_told) return;
  const std::string message = "Rule " + entry.rule->name + " fails and keeps its state: " + error.message();
  Judgement failing;
  failing.firing = true;
  failing.value = entry.failures_in_a_row;
  failing.message = message;
  alerts_.judge(failing_rule(), model::Labels{{"rule", entry.rule->name}}, failing, now, out);
}

void QueryRules::succeed(Entry& entry, base::Time now, std::vector<model::Alert>& out) {
  entry.failures_in_a_row = 0;
  entry.status.last_error.clear();
  alerts_.judge(failing_rule(), model::Labels{{"rule", entry.rule->name}}, {}, now, out);
}

Result<void> QueryRules::exchange(Evaluator& from, Evaluator& to) {
  const tsn_inputs inputs = answer_inputs();
  std::vector<std::pair<Entry*, void*>> prepared;
  for (auto& [name, entry] : entries_) {
    if (entry.evaluator != &from) continue;
    auto program = to.compile(*entry.rule, inputs);
    if (!program) {
      for (const auto& [other, made] : prepared) to.release(made);
      return base::fail(program.error().in("rule " + name));
    }
    prepared.emplace_back(&entry, *program);
  }
  for (const auto& [entry, program] : prepared) {
    release(*entry);
    entry->evaluator = &to;
    entry->program = program;
  }
  return {};
}

std::vector<RuleStatus> QueryRules::status() const {
  std::vector<RuleStatus> all;
  for (const auto& [name, entry] : entries_) {
    RuleStatus status = entry.status;
    status.firing = alerts_.firing(name);
    status.pending = alerts_.pending(name);
    status.groups = status.firing + status.pending;
    status.health = !asking_                        ? "elsewhere"
                    : entry.failures_in_a_row > 0   ? "failing"
                    : entry.status.evaluations == 0 ? "unknown"
                                                    : "ok";
    all.push_back(std::move(status));
  }
  return all;
}

}  // namespace tocsin::detection
