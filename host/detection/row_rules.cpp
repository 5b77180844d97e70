#include "detection/row_rules.hpp"

#include <algorithm>
#include <cmath>
#include <set>

#include "detection/rule_run.hpp"

namespace tocsin::detection {
namespace {

using base::Fault;
using base::Result;

constexpr std::uint32_t failures_told = 3;
constexpr base::Duration shortest_interval = std::chrono::seconds(1);

/// What a person may edit. The rest (last_triggered_at, trigger_count) is ours.
bool same_definition(const model::RuleRow& a, const model::RuleRow& b) {
  const bool same_threshold = a.threshold == b.threshold || (std::isnan(a.threshold) && std::isnan(b.threshold));
  return a.name == b.name && a.category == b.category && a.query == b.query && a.query_type == b.query_type &&
         a.op == b.op && same_threshold && a.severity == b.severity && a.message == b.message &&
         a.suggestion == b.suggestion && a.enabled == b.enabled && a.every == b.every && a.cooldown == b.cooldown;
}

/// Whether the value is beyond the threshold, or nothing for an operator that compares nothing.
std::optional<bool> beyond(const std::string& op, double value, double threshold) {
  if (op == "GT") return value > threshold;
  if (op == "GTE") return value >= threshold;
  if (op == "LT") return value < threshold;
  if (op == "LTE") return value <= threshold;
  if (op == "EQ") return value == threshold;
  if (op == "NEQ") return value != threshold;
  return std::nullopt;
}

/// The value that says most of an evaluation: of those that fired, the one farthest from the threshold.
double telling_value(const std::vector<RowVerdict>& verdicts, double threshold) {
  const double from = std::isnan(threshold) ? 0 : threshold;
  double value = no_value;
  bool fired = false;
  for (const auto& each : verdicts) {
    const double v = each.judgement.value;
    if (std::isnan(v)) continue;
    const bool farther = std::isnan(value) || std::fabs(v - from) > std::fabs(value - from);
    if (each.judgement.firing > fired || (each.judgement.firing == fired && farther)) value = v;
    fired |= each.judgement.firing;
  }
  return value;
}

}  // namespace

std::string RowRules::missing(const model::RuleRow& row) const {
  if (missing_) return missing_(row.query_type);
  return row.query_type == "SQL" ? "" : "waits for a source that answers " + row.query_type + " queries";
}

bool RowRules::asked(const model::RuleRow& row) const {
  return row.enabled && missing(row).empty();
}

model::Rule rule_of(const model::RuleRow& row) {
  model::Rule rule;
  rule.name = row.name;
  rule.detector = "rule row";
  rule.category = row.category;
  rule.severity = row.severity;
  rule.signal_text = row.query;
  rule.every = row.every;
  rule.cooldown = row.cooldown;
  rule.fleet = true;
  rule.message = row.message;
  rule.suggestion = row.suggestion;
  rule.place.file = std::make_shared<const std::string>("incident_detection_rules");
  rule.place.line = static_cast<std::uint32_t>(row.id);
  return rule;
}

Result<std::vector<RowVerdict>> judge_answer(const model::RuleRow& row, const model::RuleAnswer& answer) {
  std::vector<RowVerdict> verdicts;
  if (row.op == "ABSENT") {
    RowVerdict absent;
    absent.judgement.firing = answer.rows.empty();
    absent.judgement.value = static_cast<double>(answer.rows.size());
    verdicts.push_back(std::move(absent));
    return verdicts;
  }
  const bool exists = row.op == "EXISTS";
  if (!exists && std::isnan(row.threshold))
    return base::fail(Fault::invalid, row.op + " needs a threshold_value, and it is NULL");
  std::set<std::string> seen;
  for (const auto& each : answer.rows) {
    RowVerdict verdict;
    verdict.labels = each.labels;
    verdict.judgement.value = each.value;
    verdict.judgement.threshold = row.threshold;
    if (!seen.insert(each.labels.text()).second) {
      return base::fail(Fault::invalid, "two rows have the same labels " + each.labels.text() +
                                            "; group the query by what tells them apart");
    }
    if (!exists && std::isnan(each.value)) continue;  // NULL: there is nothing to compare
    const auto is_beyond = exists ? std::optional(true) : beyond(row.op, each.value, row.threshold);
    if (!is_beyond) return base::fail(Fault::invalid, "threshold_operator \"" + row.op + "\" is not known");
    verdict.judgement.firing = *is_beyond;
    verdicts.push_back(std::move(verdict));
  }
  return verdicts;
}

void RowRules::set(const std::vector<model::RuleRow>& rows, base::Time now, Decided& out) {
  std::set<std::int64_t> ids;
  for (const auto& row : rows) {
    ids.insert(row.id);
    auto [at, fresh] = entries_.try_emplace(row.id);
    Entry& entry = at->second;
    const bool changed = fresh || !same_definition(entry.row, row);
    const std::string name_before = entry.row.name;
    entry.row = row;
    if (!changed) continue;
    entry.rule = rule_of(row);
    entry.status = RuleStatus{};
    entry.status.rule = row.name;
    entry.failures_in_a_row = 0;
    entry.next = now;
    if (!asking_) continue;
    if (!fresh && name_before != row.name) alerts_.end(name_before, now, out.alerts);
    if (!asked(row)) alerts_.end(row.name, now, out.alerts);
    alerts_.judge(failing_rule(), model::Labels{{"rule", fresh ? row.name : name_before}}, {}, now, out.alerts);
  }
  for (auto it = entries_.begin(); it != entries_.end();) {
    if (ids.contains(it->first)) {
      ++it;
      continue;
    }
    if (asking_) {
      alerts_.end(it->second.row.name, now, out.alerts);
      alerts_.judge(failing_rule(), model::Labels{{"rule", it->second.row.name}}, {}, now, out.alerts);
    }
    it = entries_.erase(it);
  }
  if (!asking_) return;
  // Alerts that were told before this agent knew the table, of rules that are not in it.
  std::set<std::string> names{failing_rule().name};
  for (const auto& [id, entry] : entries_) {
    if (asked(entry.row)) names.insert(entry.row.name);
  }
  for (const auto& rule : alerts_.rules()) {
    if (!names.contains(rule)) alerts_.end(rule, now, out.alerts);
  }
}

void RowRules::take_over(const std::vector<model::Alert>& alerts, base::Time now) {
  asking_ = true;
  alerts_.clear();
  for (const auto& alert : alerts) alerts_.restore(alert);
  for (auto& [id, entry] : entries_) entry.next = now;
}

void RowRules::give_up() {
  asking_ = false;
  alerts_.clear();
}

std::vector<model::RuleRow> RowRules::due(base::Time now) {
  std::vector<model::RuleRow> out;
  if (!asking_) return out;
  for (auto& [id, entry] : entries_) {
    if (!asked(entry.row) || entry.next > now) continue;
    const base::Duration every = std::max(entry.row.every, shortest_interval);
    // On the beat of the interval; what was missed is not made up for.
    entry.next = entry.next + every > now ? entry.next + every : now + every;
    out.push_back(entry.row);
  }
  return out;
}

void RowRules::answered(const model::RuleRow& row, const Result<model::RuleAnswer>& answer, base::Time now,
                        Decided& out) {
  const auto at = entries_.find(row.id);
  // Edited, removed or handed over while its query ran: what it says is of another rule.
  if (!asking_ || at == entries_.end() || !same_definition(at->second.row, row)) return;
  Entry& entry = at->second;
  ++entry.status.evaluations;
  entry.status.last_evaluation = now;
  if (!answer) return fail(entry, answer.error(), now, out);
  const auto verdicts = judge_answer(row, *answer);
  if (!verdicts) return fail(entry, verdicts.error(), now, out);
  const std::size_t from = out.alerts.size();
  std::set<std::string> named;
  model::RuleEvaluation evaluation;
  for (const auto& each : *verdicts) {
    named.insert(each.labels.text());
    evaluation.fired |= each.judgement.firing;
    model::Rule rule = entry.rule;
    // A label without a value shows as nothing, and not as its placeholder.
    for (const auto& [name, value] : each.labels) rule.by.push_back(name);
    alerts_.judge(rule, each.labels, each.judgement, now, out.alerts);
  }
  alerts_.others_over(entry.rule, named, now, out.alerts);
  evaluation.rule_id = row.id;
  evaluation.rule = row.name;
  evaluation.at = now;
  evaluation.threshold = row.threshold;
  evaluation.value = telling_value(*verdicts, row.threshold);
  for (std::size_t i = from; i < out.alerts.size(); ++i) {
    const auto& alert = out.alerts[i];
    evaluation.triggered += alert.state == model::AlertState::firing && alert.fired_at == now && !alert.silent;
  }
  out.evaluations.push_back(std::move(evaluation));
  succeed(entry, now, out);
}

void RowRules::fail(Entry& entry, const base::Error& error, base::Time now, Decided& out) {
  ++entry.status.failures;
  ++entry.failures_in_a_row;
  entry.status.last_error = error.message();
  model::RuleEvaluation evaluation;
  evaluation.rule_id = entry.row.id;
  evaluation.rule = entry.row.name;
  evaluation.at = now;
  evaluation.threshold = entry.row.threshold;
  evaluation.error = error.message();
  out.evaluations.push_back(std::move(evaluation));
  if (entry.failures_in_a_row < failures_told) return;
  const std::string message = "Rule " + entry.row.name + " fails and keeps its state: " + error.message();
  Judgement failing;
  failing.firing = true;
  failing.message = message;
  alerts_.judge(failing_rule(), model::Labels{{"rule", entry.row.name}}, failing, now, out.alerts);
}

void RowRules::succeed(Entry& entry, base::Time now, Decided& out) {
  entry.failures_in_a_row = 0;
  entry.status.last_error.clear();
  alerts_.judge(failing_rule(), model::Labels{{"rule", entry.row.name}}, {}, now, out.alerts);
}

std::vector<RowRules::Status> RowRules::status() const {
  std::vector<Status> all;
  for (const auto& [id, entry] : entries_) {
    Status each{entry.row, entry.status};
    RuleStatus& status = each.status;
    status.firing = alerts_.firing(entry.row.name);
    status.groups = status.firing;
    if (!entry.row.enabled) {
      status.health = "disabled";
    } else if (std::string why = missing(entry.row); !why.empty()) {
      status.health = "waiting";
      status.last_error = std::move(why);
    } else if (!asking_) {
      status.health = "elsewhere";
    } else {
      status.health = entry.failures_in_a_row > 0 ? "failing" : status.evaluations == 0 ? "unknown" : "ok";
    }
    all.push_back(std::move(each));
  }
  return all;
}

}  // namespace tocsin::detection
