#include "pipeline/decider.hpp"

#include <algorithm>
#include <future>
#include <utility>

#include "base/text.hpp"
#include "telemetry/log.hpp"

namespace tocsin::pipeline {
namespace {

constexpr base::Duration hold_limit = std::chrono::seconds(5);
constexpr std::size_t most_passed = 500;
/// How long the thread that takes passed alerts may rest at most.
constexpr base::Duration passed_rest = std::chrono::milliseconds(200);

incidents::Known known_of(const storage::Restored& restored) {
  return {restored.incidents, restored.incident_alerts, restored.groups,   restored.ladders,  restored.tickets,
          restored.alerts,    restored.deliveries,      restored.silences, restored.overrides};
}

/// "the incident is ACKNOWLEDGED by first".
std::string answer_of(const model::Incident& incident) {
  std::string text = "the incident is " + std::string(model::to_string(incident.status));
  const bool named = incident.status == model::IncidentStatus::acknowledged && !incident.acknowledged_by.empty();
  return named ? text + " by " + incident.acknowledged_by : text;
}

/// What counts towards the limits of phones, from before this agent decided.
std::vector<delivery::SentBefore> sent_lately(storage::Store& store, const model::Routing& routing, base::Time now) {
  std::vector<delivery::SentBefore> out;
  for (const auto& [name, channel] : routing.channels) {
    if (model::usual_limits(channel.plugin).empty()) continue;
    storage::LogQuery query;
    query.instance = name;
    query.from = now - delivery::Outbox::longest_limit;
    query.page.limit = 1000;
    auto found = store.attempts(query);
    if (!found) continue;
    for (const auto& one : found->items) {
      if (one.status == "SENT" || one.status == "DELIVERED") out.push_back({one.type, one.recipient, one.sent_at});
    }
  }
  return out;
}

/// What a digest will tell waits with the desk, not here.
std::vector<model::Delivery> pending_of(storage::Restored& restored) {
  std::map<std::string, std::uint64_t> numbers;
  for (const auto& incident : restored.incidents) numbers[incident.correlation_id] = incident.number;
  for (auto& delivery : restored.deliveries) {
    if (delivery.incident.number == 0) delivery.incident.number = numbers[delivery.correlation_id];
  }
  std::erase_if(restored.deliveries, [](const auto& delivery) { return !delivery.digest.empty(); });
  return std::move(restored.deliveries);
}

}  // namespace

Decider::Decider(Parts parts, model::Routing routing)
    : parts_(std::move(parts)), shared_(parts_.store->shared() != nullptr), routing_(std::move(routing)) {
  outbox_ = make_outbox();
}

Decider::~Decider() {
  stop();
}

std::unique_ptr<incidents::Desk> Decider::desk_of(const storage::Restored& restored) {
  std::unique_lock lock(mutex_);
  auto desk = std::make_unique<incidents::Desk>(routing_);
  lock.unlock();
  const base::Time now = parts_.clock->now();
  desk->restore(known_of(restored), now);
  if (const auto pause = desk->paused(now)) {
    telemetry::log_warn("notify", "notifications are paused; `tocsin notify resume` ends that",
                        {{"until", base::format_rfc3339(pause->until)}, {"by", pause->by}, {"reason", pause->reason}});
  }
  return desk;
}

void Decider::send_pending(storage::Restored& restored) {
  const auto to = outbox();
  to->set_provider_refs(std::move(restored.provider_refs));
  std::unique_lock lock(mutex_);
  const auto routing = routing_;
  lock.unlock();
  to->set_sent(sent_lately(*parts_.store, routing, parts_.clock->now()));
  to->set_tickets(restored.tickets);
  to->enqueue(pending_of(restored));
  // Who answered just before the agent ended is not woken by what was still to be sent.
  for (const auto& incident : restored.incidents) {
    if (incident.status != model::IncidentStatus::open) to->withdraw(incident.correlation_id, answer_of(incident));
  }
}

// --- one of several ---

void Decider::start_following() {
  passed_ = std::thread([this] {
    runtime::name_thread("passed-alerts");
    take_passed();
  });
}

bool Decider::decides() const {
  if (!shared_) return true;
  return deciding_.load() && Steady::now().time_since_epoch().count() < sure_until_.load();
}

base::Result<void> Decider::prolong(Steady::time_point sure_until) {
  sure_until_ = sure_until.time_since_epoch().count();
  if (deciding_.load()) return {};
  return take_over();
}

/// Another's last decision is in the store: the lease was not to be had before its transaction had ended.
base::Result<void> Decider::take_over() {
  renew_outbox();
  TRY_VOID(parts_.control->hold(hold_limit));
  auto restored = parts_.store->restore(parts_.clock->now());
  if (!restored) {
    parts_.control->end();
    return base::fail(restored.error().in("taking over"));
  }
  auto desk = desk_of(*restored);
  {
    std::lock_guard lock(mutex_);
    deciding_ = true;
  }
  parts_.control->begin(std::move(desk), Overlap(*restored), std::move(restored->passed));
  const auto waiting = restored->deliveries.size();
  send_pending(*restored);
  telemetry::log_info(
      "fleet", "this agent decides now",
      {{"incidents", std::to_string(restored->incidents.size())}, {"deliveries", std::to_string(waiting)}});
  return {};
}

void Decider::give_up() {
  if (!deciding_.exchange(false)) return;
  telemetry::log_warn("fleet", "another agent decides now");
  parts_.control->end();
  // Not here: this may be the committer's thread, and the outbox may be waiting for it.
  parts_.pool->post([this] { renew_outbox(); });
}

void Decider::take_passed() {
  auto& shared = *parts_.store->shared();
  std::string complaint;
  while (!stopping_) {
    base::Result<void> waited;
    if (!decides()) {
      std::this_thread::sleep_for(passed_rest);
      continue;
    }
    if (!take_some()) waited = shared.wait_for_passed(passed_rest);
    const std::string now = waited ? "" : waited.error().message();
    if (now != complaint && !now.empty()) telemetry::log_error("fleet", now);
    complaint = now;
    if (!waited) std::this_thread::sleep_for(passed_rest);
  }
}

/// One batch after the other, each durable before the next: whatever is read is decided about once.
bool Decider::take_some() {
  auto found = parts_.store->shared()->passed_alerts(most_passed);
  if (!found || found->empty()) return false;
  auto answer = std::make_shared<std::promise<base::Result<void>>>();
  auto kept = answer->get_future();
  parts_.control->take_passed(std::move(*found),
                              [answer](base::Result<void> result) { answer->set_value(std::move(result)); });
  while (kept.wait_for(passed_rest) != std::future_status::ready) {
    if (stopping_) return false;
  }
  return kept.get().has_value();
}

void Decider::stop() {
  if (stopping_.exchange(true)) return;
  if (passed_.joinable()) passed_.join();
  outbox()->stop(std::chrono::seconds(5));
}

// --- sending ---

std::shared_ptr<delivery::Outbox> Decider::outbox() const {
  std::lock_guard lock(mutex_);
  return outbox_;
}

std::shared_ptr<delivery::Outbox> Decider::make_outbox() {
  delivery::OutboxPorts ports;
  ports.clock = parts_.clock;
  ports.pool = parts_.pool;
  ports.at = [this](base::Time when, runtime::Task task) {
    parts_.reactor->after(std::max(base::Duration::zero(), when - parts_.clock->now()), std::move(task));
  };
  ports.commit = [this](model::Changes changes, std::function<void(base::Result<void>)> done) {
    commit(std::move(changes), std::move(done));
  };
  ports.conclude = [this](auto changes, const auto& delivery, const auto& outcome, auto done) {
    conclude(std::move(changes), delivery, outcome, std::move(done));
  };
  ports.ended = parts_.ended;
  ports.random = runtime::jitter;
  ports.may_send = [this] { return decides(); };
  return std::make_shared<delivery::Outbox>(parts_.outbox, std::move(ports), *parts_.pool);
}

/// What waited in the old one is for the agent that decides now, which has read it from the store.
void Decider::renew_outbox() {
  auto fresh = make_outbox();
  std::shared_ptr<delivery::Outbox> old;
  {
    std::lock_guard lock(mutex_);
    if (deciding_) return;  // it decides again, and this one is in use
    for (const auto& [instance, channel] : channels_) fresh->set_channel(instance, channel);
    old = std::exchange(outbox_, std::move(fresh));
  }
}

void Decider::commit(model::Changes changes, std::function<void(base::Result<void>)> done) {
  changes.decided = true;
  auto failed = done;
  const bool queued = parts_.committer->commit(
      {std::move(changes), [this, done = std::move(done)](const auto& result, model::Changes&) {
         if (!result && result.error().fault() == base::Fault::cancelled) give_up();
         done(result ? base::Result<void>{} : base::fail(result.error()));
       }});
  if (!queued) failed(base::fail(base::Fault::cancelled, "the agent is stopping"));
}

/// What the desk makes of an end is kept with it.
void Decider::conclude(model::Changes changes, const model::Delivery& delivery, const delivery::Outcome& outcome,
                       std::function<void(base::Result<void>)> done) {
  parts_.control->conclude(
      std::move(changes),
      [delivery, outcome](incidents::Desk& desk, base::Time now) -> base::Result<model::Changes> {
        auto decided = desk.on_delivery(delivery, now);
        if (!outcome.ticket.key.empty()) decided.append(desk.on_ticket(delivery, outcome.ticket, now));
        return decided;
      },
      std::move(done));
}

void Decider::send(std::vector<model::Delivery> deliveries) {
  if (shared_ && !deciding_.load()) std::erase_if(deliveries, [](const auto& delivery) { return !delivery.proof; });
  outbox()->enqueue(std::move(deliveries));
}

void Decider::answered(const model::Incident& incident) {
  outbox()->withdraw(incident.correlation_id, answer_of(incident));
}

void Decider::tickets_are(std::vector<model::TicketRef> tickets) {
  outbox()->set_tickets(std::move(tickets));
}

void Decider::set_routing(model::Routing routing) {
  {
    std::lock_guard lock(mutex_);
    routing_ = routing;
  }
  parts_.control->post([this, routing = std::move(routing)](incidents::Desk* desk) mutable {
    if (desk) desk->set_routing(std::move(routing), parts_.clock->now());
  });
}

void Decider::set_channel(const std::string& instance, std::shared_ptr<delivery::Channel> channel) {
  std::lock_guard lock(mutex_);
  channels_[instance] = channel;
  outbox_->set_channel(instance, std::move(channel));
}

std::vector<delivery::InstanceStatus> Decider::status() const {
  return outbox()->status();
}

}  // namespace tocsin::pipeline
