#include "app/watchdog.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>

#include "api/client.hpp"
#include "base/text.hpp"
#include "delivery/outbox.hpp"
#include "detection/rule_run.hpp"
#include "pipeline/proof.hpp"
#include "telemetry/log.hpp"

namespace tocsin::app {
namespace {

constexpr int failed_pings_told = 3;
constexpr base::Duration idle = std::chrono::hours(1);

/// Fires on a number above zero, resolves on one below: see pipeline::proof_batch().
class ProofEvaluator final : public detection::Evaluator {
 public:
  base::Result<void*> compile(const model::Rule&, const tsn_inputs& inputs) override {
    tsn_input input{};
    input.size = sizeof input;
    input.aggregate = static_cast<tsn_aggregate>(model::Aggregate::last);
    std::uint32_t column = 0;
    tsn_err err{};
    err.size = sizeof err;
    if (inputs.add(&inputs, &input, &column, &err) != TSN_OK)
      return base::fail(base::Fault::internal, "the watchdog's rule: " + std::string(err.msg, err.n));
    return static_cast<void*>(this);
  }
  void release(void*) override {}
  base::Result<void> evaluate(void*, const tsn_rows& rows, tsn_verdicts& verdicts) override {
    for (std::uint32_t i = 0; i < rows.rows; ++i) {
      const double number = rows.cells[i * rows.columns];
      tsn_verdict& verdict = verdicts.items[i];
      verdict.value = number;
      verdict.threshold = NAN;
      verdict.state = std::isnan(number) ? TSN_VERDICT_KEEP : number > 0 ? TSN_VERDICT_FIRING : TSN_VERDICT_OK;
    }
    return {};
  }
};

std::vector<std::string> lanes_of(const model::Rule& rule, std::uint32_t shards) {
  std::vector<std::string> lanes(shards);
  for (std::uint32_t covered = 0, n = 0; covered < shards; ++n) {
    std::string name = std::to_string(n);
    std::string& lane = lanes[detection::owner_of(rule, model::Labels{{"lane", name}}, shards)];
    if (!lane.empty()) continue;
    lane = std::move(name);
    ++covered;
  }
  return lanes;
}

}  // namespace

/// Where proofs leave the outbox.
class Watchdog::Exit final : public delivery::Channel {
 public:
  explicit Exit(Watchdog& watchdog) : watchdog_(watchdog) {}
  void send(const model::Delivery& delivery, const std::string&, base::Time,
            std::function<void(delivery::Outcome)> done) override {
    watchdog_.came_back(delivery.recipient, delivery.text);
    delivery::Outcome outcome;
    outcome.ok = true;
    done(std::move(outcome));
  }
  std::string type() const override { return "watchdog"; }

 private:
  Watchdog& watchdog_;
};

model::SharedRule Watchdog::rule() {
  static const model::SharedRule made = [] {
    model::Rule rule;
    rule.name = rule.detector = rule.signal_text = pipeline::proof_name;
    rule.category = model::Category::infrastructure;
    rule.severity = model::Severity::low;
    rule.signal = *model::Selector::parse(rule.signal_text);
    rule.by = {"lane"};
    rule.cooldown = base::Duration::zero();
    return std::make_shared<const model::Rule>(std::move(rule));
  }();
  return made;
}

detection::FindEvaluator Watchdog::with_evaluator(detection::FindEvaluator find) {
  const auto own = std::make_shared<ProofEvaluator>();
  return [find = std::move(find), own](const std::string& detector) -> base::Result<detection::Evaluator*> {
    if (detector == pipeline::proof_name) return own.get();
    return find(detector);
  };
}

Watchdog::Watchdog(Parts parts)
    : parts_(parts),
      lanes_(lanes_of(*rule(), parts.shards)),
      last_proof_(parts.metrics->gauge("tocsin_watchdog_last_proof_timestamp_seconds",
                                       "When the path from detection to delivery was last proven; 0: not yet")),
      duty_("watchdog", [this] { return round(); }) {}

void Watchdog::set(std::optional<settings::Watchdog> wanted) {
  const bool any = wanted.has_value();
  {
    std::lock_guard lock(mutex_);
    if (wanted == wanted_) return;
    wanted_ = std::move(wanted);
  }
  if (any && !duty_.started()) {
    parts_.pipeline->set_channel(pipeline::proof_name, std::make_shared<Exit>(*this));
    // Whether it still fails is seen at the first proof; an alert of before the restart is not left standing.
    duty_.start();
  } else if (duty_.started()) {
    duty_.wake();
  }
}

void Watchdog::stop() {
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
    changed_.notify_all();
  }
  duty_.stop();
}

base::Duration Watchdog::round() {
  std::optional<settings::Watchdog> to;
  {
    std::lock_guard lock(mutex_);
    to = wanted_;
  }
  if (!to) {
    report(false, "");
    return idle;
  }
  const auto begin = std::chrono::steady_clock::now();
  const bool proven = prove(to->every);
  {
    std::lock_guard lock(mutex_);
    if (stopping_) return base::Duration::zero();
  }
  if (proven) {
    last_proof_.set(static_cast<double>(base::to_ns(parts_.clock->now())) / 1e9);
    ping(*to);
  } else {
    parts_.metrics
        ->counter("tocsin_watchdog_pings_total", "Pings of the watchdog, by what came of them",
                  {{"result", "withheld"}})
        .add();
    report(true, "A signal of the agent's own has not come through detection, store and outbox within " +
                     base::format_duration(to->every) + "; [watchdog] url gets no pings");
  }
  return std::max<base::Duration>(to->every - (std::chrono::steady_clock::now() - begin), base::Duration::zero());
}

bool Watchdog::prove(base::Duration within) {
  const auto end = std::chrono::steady_clock::now() + within;
  std::uint64_t number = 0;
  {
    std::lock_guard lock(mutex_);
    number = ++number_;
    missing_ = {lanes_.begin(), lanes_.end()};
  }
  const auto taken = parts_.pipeline->take(pipeline::proof_batch(number, lanes_, *parts_.series, parts_.clock->now()));
  std::unique_lock lock(mutex_);
  // What was refused is not waited for less: the next proof is due one period later all the same.
  const bool came = changed_.wait_until(lock, end, [&] { return stopping_ || (taken && missing_.empty()); });
  if (!taken) telemetry::log_warn("watchdog", "the intake refuses: " + taken.error().message());
  return came && !stopping_;
}

void Watchdog::came_back(const std::string& lane, const std::string& number) {
  std::lock_guard lock(mutex_);
  if (number != std::to_string(number_)) return;
  missing_.erase(lane);
  if (missing_.empty()) changed_.notify_all();
}

void Watchdog::report(bool firing, const std::string& message) {
  if (firing) telemetry::log_error("watchdog", message);
  parts_.pipeline->own_alert(detection::OwnAlert::watchdog_failing, {}, firing, message);
}

void Watchdog::ping(const settings::Watchdog& to) {
  api::Outgoing outgoing;
  outgoing.method = to.method;
  outgoing.url = to.url;
  outgoing.headers = to.headers;
  outgoing.timeout = std::min(to.timeout, to.every);
  const auto answer = api::send(outgoing);
  const bool good = answer && answer->status >= 200 && answer->status < 300;
  parts_.metrics
      ->counter("tocsin_watchdog_pings_total", "Pings of the watchdog, by what came of them",
                {{"result", good ? "sent" : "failed"}})
      .add();
  if (good) {
    failed_pings_ = 0;
    return report(false, "");
  }
  const std::string why = answer ? "it answers " + std::to_string(answer->status) : answer.error().message();
  telemetry::log_warn("watchdog", "the ping failed: " + why);
  if (++failed_pings_ >= failed_pings_told)
    report(true, "The path is proven, and [watchdog] url does not take the ping: " + why);
}

}  // namespace tocsin::app
