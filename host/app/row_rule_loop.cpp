#include "app/row_rule_loop.hpp"

#include <algorithm>
#include <chrono>
#include <utility>

#include "app/heartbeat_watch.hpp"
#include "telemetry/log.hpp"

namespace tocsin::app {
namespace {

constexpr base::Duration look_every = std::chrono::seconds(5);
constexpr base::Duration rest = std::chrono::milliseconds(500);
constexpr base::Duration longest_query = std::chrono::seconds(5);

}  // namespace

RowRuleLoop::RowRuleLoop(pipeline::Pipeline& pipeline, Questions& questions, const base::Clock& clock,
                         telemetry::Metrics& metrics)
    : pipeline_(pipeline),
      questions_(questions),
      clock_(clock),
      seconds_(metrics.histogram("tocsin_rule_row_query_seconds", "Time of the queries of rules in the database")),
      rules_([&questions](const std::string& type) { return questions.missing(type); }),
      duty_("rule-rows", [this] { return round(); }) {}

void RowRuleLoop::start() {
  duty_.start();
}

void RowRuleLoop::stop() {
  duty_.stop();
}

base::Duration RowRuleLoop::round() {
  const base::Time now = clock_.now();
  if (now >= next_look_) look_at_table(now);
  if (!is_asking(now)) return std::chrono::seconds(1);
  std::vector<model::RuleRow> due;
  {
    std::lock_guard lock(mutex_);
    if (rules_.empty()) return look_every;
    due = rules_.due(now);
  }
  for (const auto& row : due) {
    // A slow query must not outlive the lease.
    if (!is_asking(clock_.now())) break;
    ask(row);
  }
  return rest;
}

void RowRuleLoop::look_at_table(base::Time now) {
  next_look_ = now + look_every;
  const auto rows = pipeline_.store().rule_rows();
  const std::string complaint = rows ? "" : rows.error().message();
  if (!rows && complaint != complaint_) telemetry::log_error("rules", "cannot read the rule table: " + complaint);
  complaint_ = complaint;
  if (!rows) return;
  detection::RowRules::Decided decided;
  {
    std::lock_guard lock(mutex_);
    rules_.set(*rows, now, decided);
  }
  keep(std::move(decided));
}

bool RowRuleLoop::is_asking(base::Time now) {
  if (!pipeline_.decides()) {
    std::lock_guard lock(mutex_);
    if (std::exchange(asking_, false)) rules_.give_up();
    return false;
  }
  if (asking_) return true;
  const auto told = alerts_of(pipeline_.store(), detection::RowRules::keeper);
  if (!told || !complaint_.empty()) return false;
  std::lock_guard lock(mutex_);
  rules_.take_over(*told, now);
  next_look_ = now;  // alerts of rules that went meanwhile end at the next look
  return asking_ = true;
}

void RowRuleLoop::ask(const model::RuleRow& row) {
  const auto begin = std::chrono::steady_clock::now();
  const auto answer = questions_.ask(row, std::min(longest_query, std::max(row.every, rest)));
  seconds_.observe(std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count());
  // A store that is away is no fault of the rule: it says so itself, and the rule is asked again.
  const bool of_store = Questions::plugin_of(row.query_type).empty();
  if (!answer && of_store && answer.error().fault() == base::Fault::unavailable) return;
  detection::RowRules::Decided decided;
  {
    std::lock_guard lock(mutex_);
    rules_.answered(row, answer, clock_.now(), decided);
  }
  keep(std::move(decided));
}

/// Waits until it is durable: what is asked next sees it.
void RowRuleLoop::keep(detection::RowRules::Decided decided) {
  if (decided.empty()) return;
  const auto shared = std::make_shared<detection::RowRules::Decided>(std::move(decided));
  const auto kept = pipeline_.decide([shared](incidents::Desk& desk, base::Time now) -> base::Result<model::Changes> {
    auto changes = shared->alerts.empty() ? model::Changes{} : desk.on_alerts(shared->alerts, now);
    changes.evaluations = std::move(shared->evaluations);
    return changes;
  });
  if (kept) return;
  telemetry::log_error("rules", "an evaluation could not be kept: " + kept.error().message());
  // It counts for nothing: the next round begins with what the store has.
  std::lock_guard lock(mutex_);
  asking_ = false;
  rules_.give_up();
}

std::vector<detection::RowRules::Status> RowRuleLoop::status() const {
  std::lock_guard lock(mutex_);
  return rules_.status();
}

}  // namespace tocsin::app
