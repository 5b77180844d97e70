#include "delivery/outbox.hpp"

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <set>
#include <unordered_map>

#include "base/text.hpp"
#include "delivery/pace.hpp"
#include "delivery/queue.hpp"
#include "delivery/record.hpp"
#include "model/ticket.hpp"

namespace tocsin::delivery {
namespace {

using model::Delivery;
using model::DeliveryState;

// A channel answers by its deadline plus this; then the attempt is over without it.
constexpr base::Duration answer_grace = std::chrono::seconds(1);
// How soon one that may not send looks whether it may.
constexpr base::Duration look_again = std::chrono::seconds(1);
constexpr const char* unlinked_text = "not sent: the incident was unlinked from its ticket";
// Provider ids and tickets remembered at most; beyond it the oldest are forgotten (a thread begins anew).
constexpr std::size_t most_remembered = 20'000;

/// A map that forgets its oldest entries.
template <class T>
class Memory {
 public:
  void put(const std::string& key, T value) {
    auto [it, fresh] = entries_.insert_or_assign(key, std::move(value));
    if (!fresh) return;
    order_.push_back(key);
    if (order_.size() <= most_remembered) return;
    entries_.erase(order_.front());
    order_.pop_front();
  }
  const T* find(const std::string& key) const {
    auto it = entries_.find(key);
    return it == entries_.end() ? nullptr : &it->second;
  }

 private:
  std::unordered_map<std::string, T> entries_;
  std::deque<std::string> order_;
};

std::string ref_key(const std::string& instance, const std::string& recipient, const std::string& correlation_id) {
  return instance + "\n" + recipient + "\n" + correlation_id;
}

/// Nothing goes out before its next trial is due.
bool shut(const runtime::Breaker& breaker, base::Time now) {
  return breaker.state() == runtime::Breaker::State::open && breaker.retry_at() > now;
}

/// Whose messages are counted together. A trial message is sent when a person asks for it.
std::string paced(const Channel& channel, const Delivery& delivery) {
  return channel.type() + "\n" + (delivery.recipient.empty() ? delivery.address : delivery.recipient);
}
bool is_paced(const Delivery& delivery) {
  return !delivery.tracker && !delivery.proof && delivery.kind != model::MessageKind::test;
}

struct Instance {
  explicit Instance(runtime::Breaker::Policy policy) : breaker(policy) {}
  std::string name;
  std::shared_ptr<Channel> channel;
  runtime::Breaker breaker;
  Queue queue;
  std::size_t busy = 0;
  std::uint64_t sent = 0, failed = 0, dead = 0, handed_over = 0, limited = 0;
};

/// Where a message stands in its instance's queue: CRITICAL ones go first, then the first one of a service to a
/// recipient, then the others by severity, then what is no longer urgent; within that in their order.
std::uint64_t place_of(const Queue& queue, const Delivery& delivery, std::uint64_t sequence) {
  constexpr int rank_bits = 3;
  const auto at = [&](std::uint64_t rank) { return rank << (64 - rank_bits) | sequence; };
  if (delivery.tracker) return at(0);
  if (delivery.kind == model::MessageKind::test || delivery.proof) return at(0);
  if (delivery.kind != model::MessageKind::firing) return at(6);
  const auto severity = delivery.incident.severity;
  const bool first = !delivery.incident.service_name.empty() && !queue.waits_for(delivery);
  if (severity == model::Severity::critical) return at(first ? 0 : 1);
  if (first) return at(2);
  return at(severity == model::Severity::high ? 3 : severity == model::Severity::medium ? 4 : 5);
}

/// An attempt under way. Its token is what the channel's answer is known by; a late one finds it gone.
struct Flight {
  Instance* instance = nullptr;
  Item* item = nullptr;
  std::string type;
  base::Time began{}, over_at{};
};

/// A message that is handed to its channel.
struct Sending {
  std::shared_ptr<const Delivery> message;
  std::string provider_id;
  base::Time deadline{};
  std::uint64_t token = 0;
};

}  // namespace

// Everything below runs on the strand, one task at a time, except where it says otherwise.
struct Outbox::Impl : std::enable_shared_from_this<Impl> {
  Impl(OutboxSettings s, OutboxPorts p, runtime::Executor& pool)
      : settings(std::move(s)), ports(std::move(p)), strand(pool) {}

  /// Any thread.
  void post(std::function<void(Impl&)> task) {
    strand.post([self = shared_from_this(), task = std::move(task)] {
      std::lock_guard lock(self->running);
      if (self->closed) return;
      task(*self);
      self->send_out();
      self->publish();
    });
  }

  Instance& instance(const std::string& name);
  void enqueue(std::vector<Delivery> deliveries);
  void pump(Instance& to);
  std::size_t most_at_once(const Channel& channel, const Delivery& delivery) const;
  bool start(Instance& to, Item& item, base::Time now);
  void keep_intent(Instance& to, Item& item);
  void send(Instance& to, Item& item, bool outcome_unknown);
  void hand_to_pool(const std::shared_ptr<Channel>& channel, std::vector<Sending> messages);
  void send_out();
  void answered(std::uint64_t token, const Outcome& outcome);
  void end_attempt(const Flight& flight, const Outcome& outcome);
  void finish(Instance& to, Item& item, Outcome outcome, const Finished& finished);
  void withdraw(const std::string& correlation_id, const std::string& why);
  void drop_withdrawn(Instance& to, Item& item, model::Changes changes);
  void set_tickets(const std::vector<model::TicketRef>& known);
  const model::TicketRef* ticket_of(const Delivery& delivery) const;
  bool unlinked(const Delivery& delivery) const;
  void drop_unlinked(Instance& to, Item& item);
  bool over_limit(Instance& to, Item& item, base::Time now);
  Instance* who_takes_over(const Instance& from, const Item& item, base::Time now);
  void hand_over(Instance& from, Item& item, Instance& to, model::Changes changes);
  void give_up_expired(Instance& to, base::Time now);
  void on_time();
  void wake(base::Time at);
  void wake_for(const Instance& to, base::Time now);
  void learn_ticket(Instance& to, const Delivery& delivery, const Outcome& outcome, model::Changes& changes);
  void commit(model::Changes changes, std::function<void(Impl&)> then);
  void conclude(model::Changes changes, std::shared_ptr<const Delivery> ended, Outcome outcome);
  void publish();

  const OutboxSettings settings;
  const OutboxPorts ports;
  runtime::Strand strand;

  std::map<std::string, std::unique_ptr<Instance>> instances;
  std::set<std::string> queued_keys;
  std::unordered_map<std::uint64_t, Flight> flights;
  std::map<std::shared_ptr<Channel>, std::vector<Sending>> outgoing;  ///< to channels that take several at once
  std::set<std::pair<base::Time, std::uint64_t>> flights_over;        ///< when they end without an answer
  Memory<std::string> refs;
  Pace pace;
  Memory<model::TicketRef> tickets;
  std::uint64_t next_token = 1, next_sequence = 1;
  base::Time armed{};  ///< the timer that is set; no_time: none
  bool stopping = false;

  std::mutex running;   ///< held by each strand task, so that the end of the outbox waits for the one that runs
  bool closed = false;  ///< under `running`: the ports may be gone

  std::mutex idle_mutex;
  std::condition_variable idle;
  std::size_t outstanding = 0;  ///< under idle_mutex: attempts and commits under way

  mutable std::mutex status_mutex;
  std::vector<InstanceStatus> status;

  void begin_work() {
    std::lock_guard lock(idle_mutex);
    ++outstanding;
  }
  void end_work() {
    std::lock_guard lock(idle_mutex);
    if (--outstanding == 0) idle.notify_all();
  }
};

Instance& Outbox::Impl::instance(const std::string& name) {
  auto& slot = instances[name];
  if (!slot) {
    slot = std::make_unique<Instance>(settings.breaker);
    slot->name = name;
  }
  return *slot;
}

void Outbox::Impl::enqueue(std::vector<Delivery> deliveries) {
  std::ranges::stable_sort(deliveries, {}, &Delivery::created_at);
  std::set<Instance*> touched;
  for (Delivery& delivery : deliveries) {
    if (delivery.state != DeliveryState::pending || !queued_keys.insert(delivery.key).second) continue;
    Instance& to = instance(delivery.instance);
    const base::Time give_up_at =
        delivery.deadline != base::no_time ? delivery.deadline : delivery.created_at + settings.give_up_after;
    const std::uint64_t place = place_of(to.queue, delivery, next_sequence++);
    to.queue.add(std::move(delivery), place, give_up_at);
    touched.insert(&to);
  }
  for (Instance* to : touched) pump(*to);
}

/// Starts what may start at this instance, then sets the timer for what may start later.
void Outbox::Impl::pump(Instance& to) {
  const base::Time now = ports.clock->now();
  give_up_expired(to, now);
  while (!stopping) {
    Item* item = to.queue.next(now);
    if (!item || !start(to, *item, now)) break;
  }
  wake_for(to, now);
}

std::size_t Outbox::Impl::most_at_once(const Channel& channel, const Delivery& delivery) const {
  if (delivery.tracker) return 1;
  const std::size_t own = channel.at_once();
  return own > 0 ? own : std::max<std::size_t>(settings.in_flight_per_instance, 1);
}

/// False: nothing can start here now.
bool Outbox::Impl::start(Instance& to, Item& item, base::Time now) {
  if (ports.may_send && !item.delivery.proof && !ports.may_send()) {
    wake(now + look_again);
    return false;
  }
  if (unlinked(item.delivery)) {
    drop_unlinked(to, item);
    return true;
  }
  if (item.delivery.shadow) {
    to.queue.begin(item);
    Outcome outcome;
    outcome.ok = true;
    item.delivery.state = DeliveryState::shadow;
    finish(to, item, std::move(outcome), {now, now, false, to.channel ? to.channel->type() : ""});
    return true;
  }
  if (!to.channel || to.busy >= most_at_once(*to.channel, item.delivery)) return false;
  if (shut(to.breaker, now)) {
    if (Instance* other = who_takes_over(to, item, now)) {
      to.queue.begin(item);
      hand_over(to, item, *other, {});
      return true;
    }
  }
  if (over_limit(to, item, now)) return true;
  if (!to.breaker.allow(now)) return false;
  to.queue.begin(item);
  ++to.busy;
  begin_work();
  if (item.delivery.tracker && !item.delivery.outcome_unknown)
    keep_intent(to, item);
  else
    send(to, item, item.delivery.outcome_unknown);
  return true;
}

/// A tracker's change must not happen twice: that it may have happened is durable before it is asked for.
void Outbox::Impl::keep_intent(Instance& to, Item& item) {
  item.delivery.outcome_unknown = true;
  model::Changes changes;
  changes.deliveries.push_back(item.delivery);
  ports.commit(std::move(changes), [weak = weak_from_this(), to = &to, item = &item](const base::Result<void>& kept) {
    auto self = weak.lock();
    if (!self) return;
    self->post([to, item, kept](Impl& my) {
      if (kept) return my.send(*to, *item, false);
      Outcome outcome;
      outcome.error = "its intent could not be kept, so it was not sent: " + kept.error().message();
      item->delivery.outcome_unknown = false;
      ++item->delivery.attempts;
      const base::Time now = my.ports.clock->now();
      my.end_attempt({to, item, to->channel ? to->channel->type() : "", now, now}, outcome);
    });
  });
}

void Outbox::Impl::send(Instance& to, Item& item, bool outcome_unknown) {
  const base::Time now = ports.clock->now();
  const std::uint64_t token = next_token++;
  auto channel = to.channel;
  const base::Duration own = channel ? channel->timeout() : base::Duration::zero();
  const base::Time deadline = now + (own > base::Duration::zero() ? own : settings.attempt_timeout);
  ++item.delivery.attempts;
  if (!channel) {
    Outcome gone;
    gone.error = "notifier \"" + to.name + "\" was removed";
    return end_attempt({&to, &item, "", now, now}, gone);
  }
  if (const auto* ticket = ticket_of(item.delivery); ticket != nullptr && !ticket->key.empty()) {
    item.delivery.incident.ticket_key = ticket->key;
    item.delivery.incident.ticket_url = ticket->url;
  }
  auto message = std::make_shared<Delivery>(item.delivery);
  message->outcome_unknown = outcome_unknown;
  if (is_paced(*message) && !channel->limits().empty()) pace.sent(paced(*channel, *message), now);
  const std::string* ref = refs.find(ref_key(to.name, item.delivery.recipient, item.delivery.correlation_id));
  flights[token] = {&to, &item, channel->type(), now, deadline + answer_grace};
  flights_over.insert({deadline + answer_grace, token});
  Sending sending{message, ref ? *ref : std::string(), deadline, token};
  // One that waits for its provider gets a thread for each message; one that does not takes them one after another.
  if (channel->at_once() > 0) {
    outgoing[channel].push_back(std::move(sending));
  } else {
    std::vector<Sending> alone;
    alone.push_back(std::move(sending));
    hand_to_pool(channel, std::move(alone));
  }
  // What the attempt's own answer will be compared with: an earlier one may have arrived.
  item.delivery.outcome_unknown = outcome_unknown;
  wake(deadline + answer_grace);
}

void Outbox::Impl::hand_to_pool(const std::shared_ptr<Channel>& channel, std::vector<Sending> messages) {
  ports.pool->post([channel, messages = std::move(messages), weak = weak_from_this()] {
    for (const Sending& each : messages) {
      channel->send(*each.message, each.provider_id, each.deadline, [weak, token = each.token](Outcome outcome) {
        auto self = weak.lock();
        if (!self) return;
        self->post([token, outcome = std::move(outcome)](Impl& my) { my.answered(token, outcome); });
      });
    }
  });
}

/// What one task of the strand started.
void Outbox::Impl::send_out() {
  for (auto& [channel, messages] : std::exchange(outgoing, {})) hand_to_pool(channel, std::move(messages));
}

void Outbox::Impl::answered(std::uint64_t token, const Outcome& outcome) {
  auto it = flights.find(token);
  if (it == flights.end()) return;
  const Flight flight = std::move(it->second);
  flights.erase(it);
  flights_over.erase({flight.over_at, token});
  end_attempt(flight, outcome);
}

void Outbox::Impl::end_attempt(const Flight& flight, const Outcome& outcome) {
  Instance& to = *flight.instance;
  const base::Time now = ports.clock->now();
  --to.busy;
  // A refusal shows that the other side is there; only what a retry may mend counts against it.
  // So does an answer that names the time of the next attempt.
  const bool asked_to_wait = outcome.retry_after > base::Duration::zero() && !outcome.unknown;
  if (outcome.ok || !outcome.retry || outcome.code == 429 || asked_to_wait)
    to.breaker.success();
  else
    to.breaker.failure(now);
  if (!outcome.ok) ++to.failed;
  Item& item = *flight.item;
  if (outcome.unknown) item.delivery.outcome_unknown = true;
  if (!outcome.ok && !outcome.unknown && to.channel) pace.undo(paced(*to.channel, item.delivery), flight.began);
  finish(to, item, outcome, {flight.began, now, true, flight.type});
  end_work();
  pump(to);
}

/// Judges, keeps and reports what came of an attempt, and lets the lane go on. The item may be gone afterwards.
void Outbox::Impl::finish(Instance& to, Item& item, Outcome outcome, const Finished& finished) {
  Delivery& delivery = item.delivery;
  const bool ended = delivery.state == DeliveryState::shadow ||
                     settle(delivery, outcome, settings, finished.ended, item.give_up_at, ports.random());
  if (delivery.state == DeliveryState::sent) ++to.sent;
  if (!outcome.ok && !item.withdrawn.empty() && delivery.state != DeliveryState::shadow)
    return drop_withdrawn(to, item, record(delivery, outcome, finished));
  if (delivery.state == DeliveryState::dead) {
    if (Instance* other = who_takes_over(to, item, finished.ended)) {
      delivery.state = DeliveryState::pending;
      delivery.last_error += "; \"" + other->name + "\" takes over";
      return hand_over(to, item, *other, record(delivery, outcome, finished));
    }
    ++to.dead;
  }
  model::Changes changes = record(delivery, outcome, finished);
  learn_ticket(to, delivery, outcome, changes);
  for (const auto& ref : changes.provider_refs) {
    refs.put(ref_key(ref.instance, ref.recipient, ref.correlation_id), ref.provider_id);
  }
  if (!ended) {
    to.queue.again(item);
    return commit(std::move(changes), {});
  }
  auto done = std::make_shared<const Delivery>(to.queue.pop(item));
  queued_keys.erase(done->key);
  conclude(std::move(changes), std::move(done), std::move(outcome));
}

void Outbox::Impl::withdraw(const std::string& correlation_id, const std::string& why) {
  const auto of_its_ladder = [](const Delivery& delivery) {
    return !delivery.tracker && delivery.kind == model::MessageKind::firing && delivery.group_key.empty() &&
           (delivery.reason.starts_with("ladder") || delivery.reason.ends_with("by preference"));
  };
  model::Changes changes;
  for (auto& [name, to] : instances) {
    // One that is on its way just now is not tried again.
    to->queue.each_of(correlation_id, [&](Item& item) {
      if (item.busy && of_its_ladder(item.delivery)) item.withdrawn = why;
    });
    auto taken = to->queue.take_out(correlation_id, of_its_ladder);
    if (taken.empty()) continue;
    for (Delivery& delivery : taken) {
      queued_keys.erase(delivery.key);
      delivery.state = DeliveryState::suppressed;
      delivery.last_error = "not sent: " + why;
      changes.deliveries.push_back(std::move(delivery));
    }
    pump(*to);  // what stood behind them may go
  }
  if (!changes.deliveries.empty()) commit(std::move(changes), {});
}

/// The attempt that was under way failed, and nobody needs the message any more.
void Outbox::Impl::drop_withdrawn(Instance& to, Item& item, model::Changes changes) {
  const std::string why = item.withdrawn;
  Delivery gone = to.queue.pop(item);
  queued_keys.erase(gone.key);
  gone.last_error = "not sent again: " + why + "; the attempt before: " + gone.last_error;
  gone.state = DeliveryState::suppressed;
  changes.dead_letters.clear();
  changes.deliveries.assign(1, std::move(gone));
  for (auto& row : changes.attempts) row.status = "FAILED";
  commit(std::move(changes), {});
}

/// One that its recipient's limit holds back sleeps until there is room; others go before it. Said once of each.
bool Outbox::Impl::over_limit(Instance& to, Item& item, base::Time now) {
  const auto limits = to.channel->limits();
  if (limits.empty() || !is_paced(item.delivery)) return false;
  const base::Time free = pace.next(paced(*to.channel, item.delivery), limits, now);
  if (free <= now) return false;
  ++to.limited;
  to.queue.begin(item);
  item.delivery.next_attempt_at = free;
  to.queue.again(item);
  if (!std::exchange(item.limit_said, true)) {
    model::Changes changes;
    changes.verdicts.push_back(held_by_limits(item.delivery, limits, to.channel->type(), free, now));
    commit(std::move(changes), {});
  }
  pace.forget(now - longest_limit);
  return true;
}

/// Null: nobody, or the fallback is not running or shut off itself, or the message would come too late.
Instance* Outbox::Impl::who_takes_over(const Instance& from, const Item& item, base::Time now) {
  const std::string name = from.channel && !item.delivery.tracker ? from.channel->fallback() : std::string();
  const auto other = instances.find(name);
  if (name.empty() || stopping || other == instances.end() || !other->second->channel) return nullptr;
  if (item.delivery.deadline != base::no_time && item.delivery.deadline <= now) return nullptr;
  return shut(other->second->breaker, now) ? nullptr : other->second.get();
}

/// The item leaves the queue of `from` under the same key. What was tried before is kept with it before it is sent
/// there; one that was never tried begins with `from` again after a restart.
void Outbox::Impl::hand_over(Instance& from, Item& item, Instance& to, model::Changes changes) {
  ++from.handed_over;
  Delivery moved = from.queue.pop(item);
  moved.instance = to.name;
  moved.next_attempt_at = base::no_time;
  std::erase_if(changes.deliveries, [&](const Delivery& row) { return row.key == moved.key; });
  changes.deliveries.push_back(moved);
  commit(std::move(changes), [to = &to, moved = std::move(moved)](Impl& my) {
    const base::Time give_up_at =
        moved.deadline != base::no_time ? moved.deadline : my.ports.clock->now() + my.settings.give_up_after;
    to->queue.add(moved, place_of(to->queue, moved, my.next_sequence++), give_up_at);
    my.pump(*to);
  });
}

void Outbox::Impl::conclude(model::Changes changes, std::shared_ptr<const Delivery> ended, Outcome outcome) {
  const auto report = [ended, outcome](Impl& my) { my.ports.ended(*ended, outcome); };
  if (!ports.conclude || ended->proof) return commit(std::move(changes), report);
  begin_work();
  ports.conclude(std::move(changes), *ended, outcome, [weak = weak_from_this(), report](const base::Result<void>&) {
    auto self = weak.lock();
    if (!self) return;
    self->post([report](Impl& my) {
      report(my);
      my.end_work();
    });
  });
}

// --- tickets ---

const model::TicketRef* Outbox::Impl::ticket_of(const Delivery& delivery) const {
  return delivery.tracker ? tickets.find(ref_key(delivery.instance, "", delivery.correlation_id)) : nullptr;
}

bool Outbox::Impl::unlinked(const Delivery& delivery) const {
  const auto* ticket = ticket_of(delivery);
  return ticket != nullptr && ticket->intent == model::ticket_unlinked;
}

void Outbox::Impl::set_tickets(const std::vector<model::TicketRef>& known) {
  for (const auto& ticket : known) {
    tickets.put(ref_key(ticket.instance, "", ticket.correlation_id), ticket);
    if (ticket.intent != model::ticket_unlinked) continue;
    Instance& to = instance(ticket.instance);
    model::Changes changes;
    for (Delivery& delivery :
         to.queue.take_out(ticket.correlation_id, [](const Delivery& delivery) { return delivery.tracker; })) {
      queued_keys.erase(delivery.key);
      delivery.state = DeliveryState::suppressed;
      delivery.last_error = unlinked_text;
      changes.deliveries.push_back(std::move(delivery));
    }
    if (!changes.deliveries.empty()) commit(std::move(changes), {});
    pump(to);
  }
}

/// It was on its way when its ticket was taken away, and would be tried again now.
void Outbox::Impl::drop_unlinked(Instance& to, Item& item) {
  to.queue.begin(item);
  model::Changes changes;
  changes.deliveries.push_back(to.queue.pop(item));
  Delivery& gone = changes.deliveries.back();
  queued_keys.erase(gone.key);
  gone.state = DeliveryState::suppressed;
  gone.last_error = unlinked_text;
  commit(std::move(changes), {});
}

/// Changes that wait behind the one that made the ticket go to that ticket, after a restart too.
void Outbox::Impl::learn_ticket(Instance& to, const Delivery& delivery, const Outcome& outcome,
                                model::Changes& changes) {
  if (!outcome.ok || outcome.ticket.key.empty()) return;
  // A person took the ticket away, or put another in its place, while this was on its way.
  const auto* known = ticket_of(delivery);
  const bool other = known != nullptr && !known->key.empty() && known->key != outcome.ticket.key &&
                     known->key != delivery.incident.ticket_key;
  if (other || unlinked(delivery)) return;
  tickets.put(ref_key(to.name, "", delivery.correlation_id), outcome.ticket);
  to.queue.each_of(delivery.correlation_id, [&](Item& waiting) {
    if (waiting.delivery.key == delivery.key || !waiting.delivery.incident.ticket_key.empty()) return;
    waiting.delivery.incident.ticket_key = outcome.ticket.key;
    waiting.delivery.incident.ticket_url = outcome.ticket.url;
    changes.deliveries.push_back(waiting.delivery);
  });
}

void Outbox::Impl::commit(model::Changes changes, std::function<void(Impl&)> then) {
  begin_work();
  // A refused commit is reported by the store; what was sent is sent all the same, and a restart repeats it by its key.
  ports.commit(std::move(changes), [weak = weak_from_this(), then = std::move(then)](const base::Result<void>&) {
    auto self = weak.lock();
    if (!self) return;
    self->post([then](Impl& my) {
      if (then) then(my);
      my.end_work();
    });
  });
}

/// What had its attempts and whose time is up is not tried again; what had none is, however late, if it can be.
void Outbox::Impl::give_up_expired(Instance& to, base::Time now) {
  while (!stopping) {
    Item* item = to.queue.expired(now, to.channel == nullptr);
    if (!item) return;
    to.queue.begin(*item);
    Outcome outcome;
    outcome.error = !to.channel
                        ? "there is no running notifier \"" + to.name + "\""
                        : "given up: " + (item->delivery.last_error.empty() ? "never sent" : item->delivery.last_error);
    finish(to, *item, std::move(outcome), {now, now, false, to.channel ? to.channel->type() : ""});
  }
}

void Outbox::Impl::wake_for(const Instance& to, base::Time now) {
  if (stopping) return;
  if (auto due = to.queue.next_due()) wake(*due);
  if (auto expiry = to.queue.next_expiry(); expiry && *expiry > now) wake(*expiry);
  if (to.queue.size() > 0 && shut(to.breaker, now)) wake(to.breaker.retry_at());
}

/// One timer serves everything; it is set again only for something earlier.
void Outbox::Impl::wake(base::Time at) {
  if (armed != base::no_time && armed <= at) return;
  armed = at;
  ports.at(at, [weak = weak_from_this(), at] {
    auto self = weak.lock();
    if (!self) return;
    self->post([at](Impl& my) {
      if (my.armed == at) my.armed = base::no_time;
      my.on_time();
    });
  });
}

void Outbox::Impl::on_time() {
  const base::Time now = ports.clock->now();
  while (!flights_over.empty() && flights_over.begin()->first <= now) {
    Outcome silent;
    silent.unknown = true;
    const std::uint64_t token = flights_over.begin()->second;
    const base::Duration waited = flights_over.begin()->first - answer_grace - flights.at(token).began;
    silent.error = "no answer within " + base::format_duration(waited);
    answered(token, silent);
  }
  for (auto& [name, to] : instances) pump(*to);
  if (!flights_over.empty()) wake(flights_over.begin()->first);
}

void Outbox::Impl::publish() {
  std::lock_guard lock(status_mutex);
  status.resize(instances.size());
  auto row = status.begin();
  for (const auto& [name, to] : instances) {
    if (row->instance != name) row->instance = name;
    row->queued = to->queue.size(), row->in_flight = to->busy, row->sent = to->sent, row->failed = to->failed;
    row->dead = to->dead, row->handed_over = to->handed_over, row->limited = to->limited;
    row->breaker = to->breaker.state();
    ++row;
  }
}

Outbox::Outbox(OutboxSettings settings, OutboxPorts ports, runtime::Executor& strand_pool)
    : impl_(std::make_shared<Impl>(std::move(settings), std::move(ports), strand_pool)) {}

Outbox::~Outbox() {
  stop(base::Duration::zero());
  std::lock_guard lock(impl_->running);
  impl_->closed = true;
}

void Outbox::set_channel(const std::string& instance, std::shared_ptr<Channel> channel) {
  impl_->post([instance, channel = std::move(channel)](Impl& my) {
    Instance& to = my.instance(instance);
    to.channel = channel;
    // Another channel begins with a clean slate: a mended configuration is tried at once.
    if (to.busy == 0) to.breaker = runtime::Breaker(my.settings.breaker);
    my.pump(to);
  });
}

void Outbox::set_tickets(std::vector<model::TicketRef> tickets) {
  impl_->post([tickets = std::move(tickets)](Impl& my) { my.set_tickets(tickets); });
}

void Outbox::set_provider_refs(std::vector<model::ProviderRef> refs) {
  impl_->post([refs = std::move(refs)](Impl& my) {
    for (const auto& ref : refs) my.refs.put(ref_key(ref.instance, ref.recipient, ref.correlation_id), ref.provider_id);
  });
}

void Outbox::set_sent(std::vector<SentBefore> sent) {
  impl_->post([sent = std::move(sent)](Impl& my) {
    for (const auto& one : sent) my.pace.sent(one.type + "\n" + one.recipient, one.at);
  });
}

void Outbox::enqueue(std::vector<model::Delivery> deliveries) {
  impl_->post([deliveries = std::move(deliveries)](Impl& my) mutable { my.enqueue(std::exchange(deliveries, {})); });
}

void Outbox::withdraw(const std::string& correlation_id, const std::string& why) {
  impl_->post([correlation_id, why](Impl& my) { my.withdraw(correlation_id, why); });
}

void Outbox::stop(base::Duration limit) {
  {
    std::lock_guard lock(impl_->running);
    impl_->stopping = true;
  }
  std::unique_lock lock(impl_->idle_mutex);
  impl_->idle.wait_for(lock, limit, [&] { return impl_->outstanding == 0; });
}

std::vector<InstanceStatus> Outbox::status() const {
  std::lock_guard lock(impl_->status_mutex);
  return impl_->status;
}

}  // namespace tocsin::delivery
