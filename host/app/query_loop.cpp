#include "app/query_loop.hpp"

#include <algorithm>
#include <chrono>
#include <utility>

#include "app/heartbeat_watch.hpp"
#include "base/text.hpp"
#include "telemetry/log.hpp"

namespace tocsin::app {
namespace {

constexpr base::Duration asking_rest = std::chrono::seconds(1);
constexpr base::Duration shortest_rest = std::chrono::milliseconds(10);
constexpr base::Duration usual_timeout = std::chrono::seconds(10);

/// The rule's own timeout, and never longer than its interval.
base::Duration timeout_of(const model::Rule& rule) {
  base::Duration timeout = usual_timeout;
  const base::Value* query = rule.table.find("query");
  const base::Value* given = query ? query->find("timeout") : nullptr;
  if (given && given->string()) timeout = base::parse_duration(*given->string()).value_or(usual_timeout);
  return std::max<base::Duration>(std::min(timeout, rule.every), std::chrono::seconds(1));
}

}  // namespace

QueryLoop::QueryLoop(pipeline::Pipeline& pipeline, Questions& questions, detection::FindEvaluator find,
                     const base::Clock& clock, telemetry::Metrics& metrics)
    : pipeline_(pipeline),
      questions_(questions),
      clock_(clock),
      shared_(metrics.counter("tocsin_query_shared_total", "Questions answered by what another rule had just asked")),
      rules_(std::move(find)) {}

std::vector<detection::RuleProblem> QueryLoop::set(const std::vector<model::SharedRule>& rules) {
  std::vector<model::Alert> alerts;
  std::vector<detection::RuleProblem> problems;
  {
    std::lock_guard lock(mutex_);
    problems = rules_.set(rules, clock_.now(), alerts);
    for (const auto& rule : rules) {
      if (!rule->query_source.empty()) begin(rule->query_source);
    }
    for (const auto& [source, duty] : duties_) duty->wake();
  }
  keep(std::move(alerts));
  return problems;
}

/// Under mutex_.
void QueryLoop::begin(const std::string& source) {
  auto& duty = duties_[source];
  if (!duty) duty = std::make_unique<Duty>("ask-" + source, [this, source] { return round(source); });
  if (running_ && !duty->started()) duty->start();
}

void QueryLoop::start() {
  std::lock_guard lock(mutex_);
  running_ = true;
  for (const auto& [source, duty] : duties_) {
    if (!duty->started()) duty->start();
  }
}

void QueryLoop::stop() {
  std::vector<Duty*> duties;
  {
    std::lock_guard lock(mutex_);
    running_ = false;
    for (const auto& [source, duty] : duties_) duties.push_back(duty.get());
  }
  for (Duty* duty : duties) duty->stop();
}

base::Duration QueryLoop::round(const std::string& source) {
  const base::Time now = clock_.now();
  if (!is_asking(now)) return asking_rest;
  Dues due;
  {
    std::lock_guard lock(mutex_);
    due = rules_.due(now, source);
  }
  // Equal questions, once: the same text of the same source, due in the same cycle.
  std::map<std::string, Dues> by_question;
  for (auto& each : due) by_question[base::to_json(each.rule->query)].push_back(std::move(each));
  for (const auto& [text, same] : by_question) {
    // A slow question must not outlive the lease.
    if (!is_asking(clock_.now())) return asking_rest;
    ask(source, same);
  }
  std::lock_guard lock(mutex_);
  const auto next = rules_.next_due(source);
  if (!next) return asking_rest;
  return std::clamp<base::Duration>(*next - clock_.now(), shortest_rest, asking_rest);
}

bool QueryLoop::is_asking(base::Time now) {
  if (!pipeline_.decides()) {
    std::lock_guard lock(mutex_);
    if (std::exchange(asking_, false)) rules_.give_up();
    return false;
  }
  {
    std::lock_guard lock(mutex_);
    if (asking_ || rules_.empty()) return asking_;
  }
  const auto told = alerts_of(pipeline_.store(), detection::QueryRules::keeper);
  if (!told) return false;
  std::lock_guard lock(mutex_);
  if (!asking_) rules_.take_over(*told, now);
  return asking_ = true;
}

void QueryLoop::ask(const std::string& source, const Dues& same) {
  base::Duration timeout{};
  for (const auto& each : same) timeout = std::max(timeout, timeout_of(*each.rule));
  const auto begin = std::chrono::steady_clock::now();
  const auto answer = questions_.ask(source, same.front().rule->query, timeout);
  const auto took = std::chrono::duration_cast<base::Duration>(std::chrono::steady_clock::now() - begin);
  shared_.add(static_cast<double>(same.size() - 1));
  std::vector<model::Alert> alerts;
  {
    std::lock_guard lock(mutex_);
    for (const auto& each : same) rules_.answered(each, answer, took, clock_.now(), alerts);
  }
  keep(std::move(alerts));
}

/// Waits until it is durable: what is asked next sees it.
void QueryLoop::keep(std::vector<model::Alert> alerts) {
  if (alerts.empty()) return;
  const auto shared = std::make_shared<std::vector<model::Alert>>(std::move(alerts));
  const auto kept = pipeline_.decide([shared](incidents::Desk& desk, base::Time now) -> base::Result<model::Changes> {
    return desk.on_alerts(*shared, now);
  });
  if (kept) return;
  telemetry::log_error("rules", "the answer to a query could not be kept: " + kept.error().message());
  // It counts for nothing: the next round begins with what the store has.
  std::lock_guard lock(mutex_);
  asking_ = false;
  rules_.give_up();
}

std::vector<detection::RuleStatus> QueryLoop::status() const {
  std::lock_guard lock(mutex_);
  return rules_.status();
}

void QueryLoop::visit(const std::function<void(detection::Exchangeable&)>& visit) {
  std::lock_guard lock(mutex_);
  visit(rules_);
}

}  // namespace tocsin::app
