#include "delivery/outbox.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <condition_variable>
#include <deque>
#include <mutex>

#include "base/text.hpp"

namespace tocsin::delivery {
namespace {

using namespace std::chrono_literals;
using base::Time;
using model::Delivery;
using model::DeliveryState;

/// Runs tasks when the test says so, in order.
class Steps final : public runtime::Executor {
 public:
  void post(runtime::Task task) override { tasks_.push_back(std::move(task)); }
  void run() {
    while (!tasks_.empty()) {
      auto task = std::move(tasks_.front());
      tasks_.pop_front();
      task();
    }
  }
  std::size_t waiting() const { return tasks_.size(); }

 private:
  std::deque<runtime::Task> tasks_;
};

/// Keeps each attempt until the test answers it.
class FakeChannel final : public Channel {
 public:
  struct Call {
    Delivery delivery;
    std::string provider_id;
    Time deadline;
    std::function<void(Outcome)> done;
  };
  void send(const Delivery& delivery, const std::string& provider_id, Time deadline,
            std::function<void(Outcome)> done) override {
    calls.push_back({delivery, provider_id, deadline, std::move(done)});
  }
  std::string type() const override { return "fake"; }
  std::string fallback() const override { return takes_over; }
  base::Duration timeout() const override { return own_timeout; }
  std::vector<model::Limit> limits() const override { return most; }
  std::string takes_over;
  std::vector<model::Limit> most;
  base::Duration own_timeout{};
  std::vector<Call> calls;
};

Outcome ok(std::string provider_id = "") {
  Outcome outcome;
  outcome.ok = true;
  outcome.provider_id = std::move(provider_id);
  return outcome;
}
Outcome failed(std::string error = "503 busy") {
  Outcome outcome;
  outcome.error = std::move(error);
  outcome.code = 503;
  return outcome;
}
Outcome refused() {
  Outcome outcome = failed("550 no such user");
  outcome.retry = false;
  return outcome;
}
Outcome lost() {
  Outcome outcome = failed("connection reset after the request was sent");
  outcome.unknown = true;
  return outcome;
}

Delivery message(std::string key, std::string incident = "i1", std::string instance = "mail") {
  Delivery d;
  d.key = std::move(key);
  d.instance = std::move(instance);
  d.correlation_id = std::move(incident);
  d.recipient = "first";
  d.created_at = base::ManualClock().now();
  return d;
}
Delivery ticket(std::string key, std::string incident = "i1") {
  Delivery d = message(std::move(key), std::move(incident), "jira");
  d.tracker = true;
  d.recipient.clear();
  d.change = 1;
  return d;
}

/// The outbox with a clock, timers, a store and channels in the test's hands.
class OutboxTest : public testing::Test {
 protected:
  OutboxTest() {
    settings.backoff = {1s, 60s, 2.0};
    settings.breaker = {100, 30s};
    settings.in_flight_per_instance = 4;
  }
  void make(std::vector<std::string> names = {"mail", "jira"}) {
    OutboxPorts ports;
    ports.clock = &clock;
    ports.pool = &steps;
    ports.at = [this](Time at, runtime::Task task) { timers.insert({at, std::move(task)}); };
    ports.commit = [this](model::Changes changes, std::function<void(base::Result<void>)> done) {
      kept.append(model::Changes(changes));
      commits.push_back(std::move(changes));
      if (answer_commits)
        done(commit_answer);
      else
        held.push_back(std::move(done));
    };
    ports.ended = [this](const Delivery& delivery, const Outcome& outcome) {
      ended.push_back(delivery);
      outcomes.push_back(outcome);
    };
    ports.random = [] { return 1.0 - 1e-9; };
    outbox.emplace(settings, std::move(ports), steps);
    for (const auto& name : names) outbox->set_channel(name, channel(name));
    steps.run();
  }
  std::shared_ptr<FakeChannel> channel(const std::string& name) {
    auto& slot = channels[name];
    if (!slot) slot = std::make_shared<FakeChannel>();
    return slot;
  }
  std::vector<FakeChannel::Call>& calls(const std::string& name = "mail") { return channel(name)->calls; }
  void enqueue(std::vector<Delivery> deliveries) {
    outbox->enqueue(std::move(deliveries));
    steps.run();
  }
  void answer(std::size_t call, Outcome outcome, const std::string& name = "mail") {
    calls(name).at(call).done(std::move(outcome));
    steps.run();
  }
  /// Time passes; timers fire at their instants.
  void pass(base::Duration duration) {
    const Time end = clock.now() + duration;
    while (!timers.empty() && timers.begin()->first <= end) {
      auto [at, task] = *timers.begin();
      timers.erase(timers.begin());
      clock.set(std::max(at, clock.now()));
      task();
      steps.run();
    }
    clock.set(end);
  }
  /// Time passes, timer by timer, until there is another attempt or a delivery has ended.
  void pass_to_next_attempt() {
    const std::size_t seen = calls().size(), over = ended.size();
    while (calls().size() == seen && ended.size() == over && !timers.empty()) {
      pass(std::max(base::Duration::zero(), timers.begin()->first - clock.now()));
    }
  }
  InstanceStatus status(const std::string& name = "mail") {
    for (const auto& status : outbox->status()) {
      if (status.instance == name) return status;
    }
    return {};
  }

  base::ManualClock clock;
  Steps steps;
  std::multimap<Time, runtime::Task> timers;
  std::map<std::string, std::shared_ptr<FakeChannel>> channels;
  OutboxSettings settings;
  std::vector<model::Changes> commits;
  model::Changes kept;
  bool answer_commits = true;
  base::Result<void> commit_answer;
  std::vector<std::function<void(base::Result<void>)>> held;
  std::vector<Delivery> ended;
  std::vector<Outcome> outcomes;
  std::optional<Outbox> outbox;
};

TEST_F(OutboxTest, ReachesTheChannelWithoutATimer) {
  make();
  outbox->enqueue({message("a")});
  steps.run();
  ASSERT_EQ(calls().size(), 1u);
  EXPECT_EQ(calls()[0].delivery.attempts, 1u);
  EXPECT_EQ(calls()[0].deadline, clock.now() + settings.attempt_timeout);
}

TEST_F(OutboxTest, KeepsStateAndLogRowInOneTransaction) {
  make();
  enqueue({message("a")});
  commits.clear();
  answer(0, ok());
  ASSERT_EQ(commits.size(), 1u);
  ASSERT_EQ(commits[0].deliveries.size(), 1u);
  EXPECT_EQ(commits[0].deliveries[0].state, DeliveryState::sent);
  ASSERT_EQ(commits[0].attempts.size(), 1u);
  EXPECT_EQ(commits[0].attempts[0].status, "SENT");
  EXPECT_EQ(commits[0].attempts[0].type, "fake");
}

TEST_F(OutboxTest, ReportsTheEndOnlyAfterItIsDurable) {
  make();
  enqueue({message("a")});
  answer_commits = false;
  answer(0, ok());
  EXPECT_TRUE(ended.empty());
  held.at(0)({});
  steps.run();
  EXPECT_EQ(ended.size(), 1u);
}

TEST_F(OutboxTest, KeepsOrderAfterRetry) {
  make();
  enqueue({message("a"), message("b")});
  answer(0, failed());
  ASSERT_EQ(calls().size(), 1u);
  pass(1s);
  ASSERT_EQ(calls().size(), 2u);
  EXPECT_EQ(calls()[1].delivery.key, "a");
  answer(1, ok());
  ASSERT_EQ(calls().size(), 3u);
  EXPECT_EQ(calls()[2].delivery.key, "b");
}

TEST_F(OutboxTest, LetsOtherIncidentsPassAWaitingOne) {
  make();
  enqueue({message("a", "i1"), message("b", "i2")});
  EXPECT_EQ(calls().size(), 2u);
}

TEST_F(OutboxTest, LetsOtherRecipientsOfTheIncidentPass) {
  make();
  Delivery other = message("b");
  other.recipient = "second";
  enqueue({message("a"), other});
  EXPECT_EQ(calls().size(), 2u);
}

TEST_F(OutboxTest, UsesTheSameKeyForEveryAttempt) {
  make();
  enqueue({message("a")});
  for (std::size_t i = 0; i < 3; ++i) {
    answer(i, failed());
    pass_to_next_attempt();
  }
  ASSERT_EQ(calls().size(), 4u);
  for (std::size_t i = 0; i < 4; ++i) {
    EXPECT_EQ(calls()[i].delivery.key, "a");
    EXPECT_EQ(calls()[i].delivery.attempts, i + 1);
  }
}

TEST_F(OutboxTest, BacksOffExponentiallyUpToTheMost) {
  make();
  enqueue({message("a")});
  std::vector<base::Duration> waits;
  for (std::size_t i = 0; i < 8; ++i) {
    answer(i, failed());
    waits.push_back(kept.deliveries.back().next_attempt_at - clock.now());
    pass_to_next_attempt();
  }
  for (std::size_t i = 0; i < waits.size(); ++i) {
    const double whole = std::min(60.0, std::pow(2.0, static_cast<double>(i)));
    EXPECT_NEAR(std::chrono::duration<double>(waits[i]).count(), whole, 0.01) << i;
  }
}

TEST_F(OutboxTest, RespectsRetryAfter) {
  make();
  enqueue({message("a")});
  Outcome busy = failed("429 slow down");
  busy.code = 429;
  busy.retry_after = 45s;
  answer(0, busy);
  pass(44s);
  EXPECT_EQ(calls().size(), 1u);
  pass(1s);
  EXPECT_EQ(calls().size(), 2u);
}

TEST_F(OutboxTest, DeadLettersAPermanentFailureAtOnceWithItsCause) {
  make();
  enqueue({message("a"), message("b")});
  answer(0, refused());
  ASSERT_EQ(kept.dead_letters.size(), 1u);
  EXPECT_EQ(kept.dead_letters[0].cause, "550 no such user");
  EXPECT_EQ(kept.dead_letters[0].delivery.key, "a");
  ASSERT_EQ(ended.size(), 1u);
  EXPECT_EQ(ended[0].state, DeliveryState::dead);
  EXPECT_EQ(calls().size(), 2u) << "the next message of the incident goes";
  EXPECT_EQ(kept.attempts.back().status, "FAILED");
}

TEST_F(OutboxTest, GivesUpAfterItsTime) {
  settings.give_up_after = 1h;
  make();
  enqueue({message("a")});
  for (std::size_t i = 0; ended.empty() && i < 200; ++i) {
    answer(i, failed());
    pass_to_next_attempt();
  }
  ASSERT_EQ(ended.size(), 1u);
  EXPECT_EQ(ended[0].state, DeliveryState::dead);
  EXPECT_EQ(kept.attempts.back().status, "DEAD");
  EXPECT_GE(calls().size(), 60u);
  EXPECT_LE(clock.now() - ended[0].created_at, 1h + 2min);
}

TEST_F(OutboxTest, GivesUpAtTheDeliverysOwnDeadline) {
  make();
  Delivery flush = message("a");
  flush.deadline = flush.created_at + 10s;
  enqueue({flush});
  for (std::size_t i = 0; ended.empty() && i < 10; ++i) {
    answer(i, failed());
    pass_to_next_attempt();
  }
  ASSERT_EQ(ended.size(), 1u);
  EXPECT_EQ(calls().size(), 4u) << "at 0, 1, 3 and 7 s; 15 s would be too late";
}

TEST_F(OutboxTest, TriesWhatWasNeverTriedHoweverLate) {
  make();
  Delivery old = message("a");
  old.deadline = old.created_at + 10s;
  clock.advance(48h);
  enqueue({old});
  EXPECT_EQ(calls().size(), 1u);
}

TEST_F(OutboxTest, StopsAtTheLimitOfAttempts) {
  settings.max_attempts = 3;
  make();
  enqueue({message("a")});
  for (std::size_t i = 0; i < 3; ++i) {
    answer(i, failed());
    pass_to_next_attempt();
  }
  EXPECT_EQ(calls().size(), 3u);
  ASSERT_EQ(ended.size(), 1u);
}

TEST_F(OutboxTest, WaitsForAnInstanceThatIsNotThere) {
  make({});
  enqueue({message("a")});
  pass(1h);
  EXPECT_TRUE(ended.empty());
  outbox->set_channel("mail", channel("mail"));
  steps.run();
  EXPECT_EQ(calls().size(), 1u);
}

TEST_F(OutboxTest, GivesUpOnAnInstanceThatNeverComes) {
  make({});
  enqueue({message("a")});
  pass(25h);
  ASSERT_EQ(ended.size(), 1u);
  EXPECT_EQ(kept.dead_letters.at(0).cause, "there is no running notifier \"mail\"");
}

TEST_F(OutboxTest, ContinuesWhatARestartHandsBack) {
  make();
  Delivery waiting = message("a");
  waiting.attempts = 3;
  waiting.next_attempt_at = clock.now() + 20s;
  enqueue({waiting, message("b")});
  EXPECT_TRUE(calls().empty());
  pass(20s);
  ASSERT_EQ(calls().size(), 1u);
  EXPECT_EQ(calls()[0].delivery.key, "a");
  EXPECT_EQ(calls()[0].delivery.attempts, 4u);
}

TEST_F(OutboxTest, PassesOverAKeyThatIsQueuedAlready) {
  make();
  enqueue({message("a")});
  enqueue({message("a")});
  answer(0, ok());
  EXPECT_EQ(calls().size(), 1u);
}

TEST_F(OutboxTest, EndsAnAttemptThatIsNeverAnswered) {
  make();
  enqueue({message("a"), message("b")});
  pass(settings.attempt_timeout + 1s);
  EXPECT_EQ(kept.deliveries.back().last_error, "no answer within 10s");
  EXPECT_TRUE(kept.deliveries.back().outcome_unknown);
  pass(2s);
  ASSERT_EQ(calls().size(), 2u);
  EXPECT_EQ(calls()[1].delivery.key, "a");
  EXPECT_TRUE(calls()[1].delivery.outcome_unknown);
}

TEST_F(OutboxTest, IgnoresAnAnswerThatComesTooLate) {
  make();
  enqueue({message("a")});
  pass(settings.attempt_timeout + 1s);
  const auto rows = kept.attempts.size();
  answer(0, ok());
  EXPECT_EQ(kept.attempts.size(), rows);
  EXPECT_TRUE(ended.empty());
}

TEST_F(OutboxTest, AnOpenBreakerDelaysAndCountsNoAttempts) {
  settings.breaker = {2, 30s};
  make();
  enqueue({message("a", "i1"), message("b", "i2")});
  answer(0, failed());
  answer(1, failed());
  EXPECT_EQ(status().breaker, runtime::Breaker::State::open);
  pass(29s);
  EXPECT_EQ(calls().size(), 2u);
  pass(1s);
  ASSERT_EQ(calls().size(), 3u) << "one trial";
  EXPECT_EQ(calls()[2].delivery.attempts, 2u);
  answer(2, ok());
  EXPECT_EQ(calls().size(), 4u) << "and then the rest";
}

TEST_F(OutboxTest, ARefusalDoesNotOpenTheBreaker) {
  settings.breaker = {2, 30s};
  make();
  enqueue({message("a", "i1"), message("b", "i2"), message("c", "i3")});
  for (std::size_t i = 0; i < 3; ++i) answer(i, refused());
  EXPECT_EQ(status().breaker, runtime::Breaker::State::closed);
}

TEST_F(OutboxTest, OneInstancesTroubleDoesNotHoldUpAnother) {
  settings.breaker = {1, 1h};
  make({"mail", "sms"});
  enqueue({message("a")});
  answer(0, failed());
  enqueue({message("b", "i1", "sms")});
  EXPECT_EQ(calls("sms").size(), 1u);
}

TEST_F(OutboxTest, HoldsTheLimitInFlight) {
  settings.in_flight_per_instance = 2;
  make();
  std::vector<Delivery> many;
  for (int i = 0; i < 5; ++i) many.push_back(message("k" + std::to_string(i), "i" + std::to_string(i)));
  enqueue(many);
  EXPECT_EQ(calls().size(), 2u);
  EXPECT_EQ(status().in_flight, 2u);
  answer(0, ok());
  EXPECT_EQ(calls().size(), 3u);
}

TEST_F(OutboxTest, RecordsAShadowDeliveryWithoutSendingIt) {
  make({});
  Delivery shadow = message("a");
  shadow.shadow = true;
  enqueue({shadow});
  ASSERT_EQ(ended.size(), 1u);
  EXPECT_EQ(ended[0].state, DeliveryState::shadow);
  EXPECT_EQ(kept.attempts.at(0).status, "SHADOW");
  EXPECT_TRUE(calls().empty());
}

TEST_F(OutboxTest, HandsTheProvidersIdBackWithLaterMessages) {
  make();
  enqueue({message("a"), message("b")});
  answer(0, ok("ts-17"));
  EXPECT_EQ(calls().at(1).provider_id, "ts-17");
  ASSERT_EQ(kept.provider_refs.size(), 1u);
  EXPECT_EQ(kept.provider_refs[0].provider_id, "ts-17");
}

TEST_F(OutboxTest, HandsBackAnIdKnownFromBeforeARestart) {
  make();
  outbox->set_provider_refs({{"mail", "first", "i1", "ts-3"}});
  enqueue({message("a")});
  EXPECT_EQ(calls().at(0).provider_id, "ts-3");
}

TEST_F(OutboxTest, KeepsATrackersIntentBeforeTheAttempt) {
  make();
  answer_commits = false;
  enqueue({ticket("t")});
  EXPECT_TRUE(calls("jira").empty());
  ASSERT_EQ(commits.size(), 1u);
  EXPECT_TRUE(commits[0].deliveries.at(0).outcome_unknown);
  held.at(0)({});
  steps.run();
  ASSERT_EQ(calls("jira").size(), 1u);
  EXPECT_FALSE(calls("jira")[0].delivery.outcome_unknown) << "nothing was asked for before";
}

TEST_F(OutboxTest, SendsNoTicketWhoseIntentCouldNotBeKept) {
  make();
  commit_answer = base::fail(base::Fault::unavailable, "disk full");
  enqueue({ticket("t")});
  EXPECT_TRUE(calls("jira").empty());
  commit_answer = {};
  pass(2s);
  EXPECT_EQ(calls("jira").size(), 1u);
}

TEST_F(OutboxTest, AsksForASearchAfterALostAnswer) {
  make();
  enqueue({ticket("t")});
  answer(0, lost(), "jira");
  pass(2s);
  EXPECT_TRUE(calls("jira").at(1).delivery.outcome_unknown);
}

TEST_F(OutboxTest, AsksForASearchAfterACrashInTheAttempt) {
  make();
  enqueue({ticket("t")});
  Delivery as_kept = kept.deliveries.back();
  channels.clear();
  make();
  enqueue({as_kept});
  EXPECT_TRUE(calls("jira").at(0).delivery.outcome_unknown);
}

TEST_F(OutboxTest, NeedsNoSearchAfterAFailureThatIsCertain) {
  make();
  enqueue({ticket("t")});
  answer(0, failed(), "jira");
  EXPECT_FALSE(kept.deliveries.back().outcome_unknown);
  pass(2s);
  EXPECT_FALSE(calls("jira").at(1).delivery.outcome_unknown);
}

TEST_F(OutboxTest, GivesATrackerOneChangeAtATime) {
  make();
  enqueue({ticket("t", "i1"), ticket("u", "i2")});
  EXPECT_EQ(calls("jira").size(), 1u);
}

TEST_F(OutboxTest, NamesTheNewTicketToTheChangesThatWaitedForIt) {
  make();
  Delivery later = ticket("u");
  later.change = 5;
  enqueue({ticket("t"), later});
  Outcome created = ok();
  created.ticket = {"i1", "jira", "OPS-1", "https://jira/OPS-1", "Open", "", {}};
  answer(0, created, "jira");
  EXPECT_EQ(calls("jira").at(1).delivery.incident.ticket_key, "OPS-1");
  ASSERT_EQ(kept.tickets.size(), 1u);
  EXPECT_EQ(kept.tickets[0].key, "OPS-1");
}

TEST_F(OutboxTest, SendsAChangeToTheTicketThatAPersonLinked) {
  make();
  enqueue({ticket("t")});
  answer(0, failed(), "jira");
  outbox->set_tickets({{"i1", "jira", "OPS-7", "https://j/OPS-7", "", "linked", {}}});
  pass(2s);
  EXPECT_EQ(calls("jira").at(1).delivery.incident.ticket_key, "OPS-7");
  Outcome late = ok();
  late.ticket = {"i1", "jira", "OPS-1", "", "Open", "", {}};
  enqueue({ticket("u")});
  answer(1, late, "jira");
  EXPECT_EQ(calls("jira").at(2).delivery.incident.ticket_key, "OPS-1") << "moved: it was asked for OPS-7";
}

TEST_F(OutboxTest, AnAnswerForAnotherTicketThanTheLinkedOneIsNotLearnt) {
  make();
  enqueue({ticket("t")});
  outbox->set_tickets({{"i1", "jira", "OPS-7", "", "", "linked", {}}});
  steps.run();
  Outcome late = ok();
  late.ticket = {"i1", "jira", "OPS-1", "", "Open", "", {}};
  enqueue({ticket("u")});
  answer(0, late, "jira");
  EXPECT_EQ(calls("jira").at(1).delivery.incident.ticket_key, "OPS-7");
}

TEST_F(OutboxTest, SendsNothingToATicketThatWasUnlinked) {
  make();
  enqueue({ticket("t"), ticket("u")});
  outbox->set_tickets({{"i1", "jira", "", "", "", "unlinked", {}}});
  steps.run();
  answer(0, failed(), "jira");
  pass(1h);
  EXPECT_EQ(calls("jira").size(), 1u);
  enqueue({ticket("v"), ticket("other", "i2")});
  ASSERT_EQ(calls("jira").size(), 2u) << "others go on";
  EXPECT_EQ(calls("jira")[1].delivery.correlation_id, "i2");
  std::size_t suppressed = 0;
  for (const auto& d : kept.deliveries) suppressed += d.state == DeliveryState::suppressed;
  EXPECT_EQ(suppressed, 3u);
}

TEST_F(OutboxTest, GoesOnWithATicketThatIsAskedForAgain) {
  make();
  outbox->set_tickets({{"i1", "jira", "", "", "", "unlinked", {}}, {"i1", "jira", "", "", "", "create", {}}});
  enqueue({ticket("t")});
  EXPECT_EQ(calls("jira").size(), 1u);
}

TEST_F(OutboxTest, NamesTheTicketAlsoToAChangeDecidedBeforeItWasKnown) {
  make();
  enqueue({ticket("t")});
  Outcome created = ok();
  created.ticket = {"i1", "jira", "OPS-1", "", "Open", "", {}};
  answer(0, created, "jira");
  enqueue({ticket("u")});
  EXPECT_EQ(calls("jira").at(1).delivery.incident.ticket_key, "OPS-1");
}

TEST_F(OutboxTest, StartsNothingNewOnceItStops) {
  make();
  enqueue({message("a")});
  outbox->stop(0s);
  enqueue({message("b", "i2")});
  EXPECT_EQ(calls().size(), 1u);
}

TEST_F(OutboxTest, KeepsTheResultOfWhatWasInFlightWhenItStopped) {
  make();
  enqueue({message("a")});
  outbox->stop(0s);
  answer(0, ok());
  EXPECT_EQ(kept.deliveries.back().state, DeliveryState::sent);
}

TEST_F(OutboxTest, CountsWhatItDid) {
  make();
  enqueue({message("a", "i1"), message("b", "i2"), message("c", "i3")});
  answer(0, ok());
  answer(1, failed());
  answer(2, refused());
  EXPECT_EQ(status().sent, 1u);
  EXPECT_EQ(status().failed, 2u);
  EXPECT_EQ(status().dead, 1u);
  EXPECT_EQ(status().queued, 1u);
}

TEST_F(OutboxTest, ALateAnswerAfterItsEndHarmsNobody) {
  make();
  enqueue({message("a")});
  outbox.reset();
  answer(0, ok());
  pass(1h);
  EXPECT_TRUE(ended.empty());
}

/// Answers from a thread of its own choosing: some at once, some later, some never, some failing.
class RestlessChannel final : public Channel {
 public:
  explicit RestlessChannel(runtime::Executor& pool) : pool_(pool) {}
  void send(const Delivery& delivery, const std::string&, Time, std::function<void(Outcome)> done) override {
    {
      std::lock_guard lock(mutex_);
      const std::string lane = delivery.correlation_id;
      if (last_[lane] > delivery.key) out_of_order_ = true;
      last_[lane] = delivery.key;
    }
    const unsigned n = count_++;
    if (n % 7 == 3) return done(failed());
    if (n % 2 == 0) return done(ok());
    pool_.post([done = std::move(done)] { done(ok()); });
  }
  bool out_of_order() const { return out_of_order_; }

 private:
  runtime::Executor& pool_;
  std::mutex mutex_;
  std::map<std::string, std::string> last_;
  std::atomic<unsigned> count_{0};
  std::atomic<bool> out_of_order_{false};
};

TEST(OutboxThreads, DeliversEverythingInOrderFromManyThreads) {
  runtime::Pool pool("outbox", 4);
  base::SystemClock clock;
  std::mutex mutex;
  std::condition_variable all;
  std::size_t done = 0;
  constexpr std::size_t senders = 3, each = 200;
  OutboxSettings settings;
  settings.backoff = {1ns, 1ns, 2.0};
  settings.breaker = {1'000'000, 1s};
  OutboxPorts ports;
  ports.clock = &clock;
  ports.pool = &pool;
  ports.at = [&](Time at, runtime::Task task) {
    // Retries are due at once; what lies in the future (time-outs) is not part of this promise.
    if (at <= clock.now() + 1ms) pool.post(std::move(task));
  };
  ports.commit = [&](model::Changes, std::function<void(base::Result<void>)> answer) {
    pool.post([answer = std::move(answer)] { answer({}); });
  };
  ports.ended = [&](const Delivery& delivery, const Outcome&) {
    std::lock_guard lock(mutex);
    if (delivery.state == DeliveryState::sent) ++done;
    all.notify_all();
  };
  ports.random = [] { return 0.5; };
  auto channel = std::make_shared<RestlessChannel>(pool);
  {
    Outbox outbox(settings, std::move(ports), pool);
    outbox.set_channel("mail", channel);
    std::vector<std::thread> threads;
    for (std::size_t t = 0; t < senders; ++t) {
      threads.emplace_back([&outbox, t] {
        for (std::size_t i = 0; i < each; ++i) {
          Delivery d = message(std::to_string(t) + "-" + std::to_string(1000 + i), "i" + std::to_string(t));
          d.created_at = base::SystemClock().now();
          outbox.enqueue({d});
          if (i % 50 == 0) outbox.status();
        }
      });
    }
    for (auto& thread : threads) thread.join();
    std::unique_lock lock(mutex);
    ASSERT_TRUE(all.wait_for(lock, 60s, [&] { return done == senders * each; })) << done;
    lock.unlock();
    outbox.stop(10s);
  }
  pool.stop();
  EXPECT_FALSE(channel->out_of_order());
}

TEST(OutboxThreads, StopWaitsForWhatIsInFlight) {
  runtime::Pool pool("outbox", 2);
  base::SystemClock clock;
  std::atomic<int> ended{0};
  std::mutex mutex;
  std::condition_variable sent;
  std::function<void(Outcome)> answer;
  struct Held final : Channel {
    std::function<void(std::function<void(Outcome)>)> take;
    void send(const Delivery&, const std::string&, Time, std::function<void(Outcome)> done) override {
      take(std::move(done));
    }
  };
  auto channel = std::make_shared<Held>();
  channel->take = [&](std::function<void(Outcome)> done) {
    std::lock_guard lock(mutex);
    answer = std::move(done);
    sent.notify_all();
  };
  OutboxPorts ports;
  ports.clock = &clock;
  ports.pool = &pool;
  ports.at = [](Time, runtime::Task) {};
  ports.commit = [](model::Changes, std::function<void(base::Result<void>)> done) { done({}); };
  ports.ended = [&](const Delivery&, const Outcome&) { ++ended; };
  ports.random = [] { return 0.5; };
  Outbox outbox(OutboxSettings{}, std::move(ports), pool);
  outbox.set_channel("mail", channel);
  Delivery d = message("a");
  d.created_at = clock.now();
  outbox.enqueue({d});
  {
    std::unique_lock lock(mutex);
    ASSERT_TRUE(sent.wait_for(lock, 30s, [&] { return answer != nullptr; }));
  }
  std::thread other([&] { answer(ok()); });
  outbox.stop(30s);
  other.join();
  EXPECT_EQ(ended, 1);
  pool.stop();
}

/// Two providers: what "sms" gives up goes to "sms2".
class FailOverTest : public OutboxTest {
 protected:
  FailOverTest() { settings.breaker = {2, 30s}; }
  void make_pair() {
    channel("sms")->takes_over = "sms2";
    make({"sms", "sms2"});
  }
};

TEST_F(FailOverTest, TheOtherTakesOverWhatIsGivenUpUnderTheSameKey) {
  make_pair();
  enqueue({message("a", "i1", "sms")});
  answer(0, refused(), "sms");
  ASSERT_EQ(calls("sms2").size(), 1u);
  EXPECT_EQ(calls("sms2")[0].delivery.key, "a");
  EXPECT_EQ(calls("sms2")[0].delivery.attempts, 2u);
  EXPECT_TRUE(ended.empty());
  EXPECT_TRUE(kept.dead_letters.empty());
  answer(0, ok(), "sms2");
  ASSERT_EQ(ended.size(), 1u);
  EXPECT_EQ(ended[0].instance, "sms2");
}

TEST_F(FailOverTest, TheLogSaysWhoTakesOver) {
  make_pair();
  enqueue({message("a", "i1", "sms")});
  answer(0, refused(), "sms");
  ASSERT_EQ(kept.attempts.size(), 1u);
  EXPECT_EQ(kept.attempts[0].instance, "sms");
  EXPECT_EQ(kept.attempts[0].error, "550 no such user; \"sms2\" takes over");
}

TEST_F(FailOverTest, WhatWasTriedIsTheOthersBeforeItIsSentThere) {
  make_pair();
  enqueue({message("a", "i1", "sms")});
  answer_commits = false;
  answer(0, refused(), "sms");
  EXPECT_TRUE(calls("sms2").empty());
  EXPECT_EQ(commits.back().deliveries.at(0).instance, "sms2");
  held.back()({});
  steps.run();
  EXPECT_EQ(calls("sms2").size(), 1u);
}

TEST_F(FailOverTest, AnOpenBreakerSendsNewMessagesToTheOtherAtOnce) {
  make_pair();
  enqueue({message("a", "i1", "sms"), message("b", "i2", "sms")});
  answer(0, failed(), "sms");
  answer(1, failed(), "sms");
  enqueue({message("c", "i3", "sms")});
  EXPECT_EQ(calls("sms").size(), 2u);
  ASSERT_EQ(calls("sms2").size(), 1u);
  EXPECT_EQ(calls("sms2")[0].delivery.key, "c");
}

TEST_F(FailOverTest, WithBothBreakersOpenAMessageWaitsAndIsNotLost) {
  make_pair();
  enqueue(
      {message("a", "i1", "sms"), message("b", "i2", "sms"), message("c", "i3", "sms2"), message("d", "i4", "sms2")});
  for (std::size_t i : {0, 1}) answer(i, failed(), "sms"), answer(i, failed(), "sms2");
  enqueue({message("e", "i5", "sms")});
  EXPECT_EQ(calls("sms").size(), 2u);
  EXPECT_EQ(calls("sms2").size(), 2u);
  pass(31s);
  EXPECT_EQ(calls("sms").size(), 3u);  // the trial of the half-open breaker
}

TEST_F(FailOverTest, TheLastOfTheChainMakesADeadLetter) {
  make_pair();
  enqueue({message("a", "i1", "sms")});
  answer(0, refused(), "sms");
  answer(0, refused(), "sms2");
  ASSERT_EQ(kept.dead_letters.size(), 1u);
  EXPECT_EQ(kept.dead_letters[0].instance, "sms2");
}

TEST_F(FailOverTest, AMessageTooLateForItsDeadlineIsNotHandedOver) {
  make_pair();
  Delivery late = message("a", "i1", "sms");
  late.deadline = clock.now() + 1s;
  enqueue({late});
  clock.set(clock.now() + 2s);
  answer(0, refused(), "sms");
  EXPECT_TRUE(calls("sms2").empty());
  EXPECT_EQ(kept.dead_letters.size(), 1u);
}

TEST_F(OutboxTest, AnInstanceHasItsOwnTimeForAnAttempt) {
  channel("mail")->own_timeout = 25s;
  make();
  enqueue({message("a")});
  EXPECT_EQ(calls()[0].deadline, clock.now() + 25s);
  pass(27s);
  ASSERT_FALSE(kept.attempts.empty());
  EXPECT_EQ(kept.attempts[0].error, "no answer within 25s");
}

/// At most two messages to a recipient within fifteen minutes.
class LimitTest : public OutboxTest {
 protected:
  void make_limited() {
    channel("sms")->most = {{2, 15min}};
    make({"sms"});
  }
  static Delivery to_first(const std::string& key, model::Severity severity, std::string service = "") {
    Delivery d = message(key, "incident-" + key, "sms");
    d.incident.severity = severity;
    d.incident.service_name = std::move(service);
    return d;
  }
  std::vector<std::string> sent_keys() {
    std::vector<std::string> keys;
    for (const auto& call : calls("sms")) keys.push_back(call.delivery.key);
    return keys;
  }
  void answer_all() {
    for (; answered_ < calls("sms").size(); ++answered_) answer(answered_, ok(), "sms");
  }
  using Keys = std::vector<std::string>;

 private:
  std::size_t answered_ = 0;
};
using enum model::Severity;

TEST_F(LimitTest, WhatIsMoreThanTheLimitWaitsAndIsNotLost) {
  make_limited();
  enqueue({to_first("a", high), to_first("b", high), to_first("c", high)});
  answer_all();
  EXPECT_EQ(sent_keys(), (Keys{"a", "b"}));
  pass(15min);
  answer_all();
  EXPECT_EQ(sent_keys(), (Keys{"a", "b", "c"}));
}

TEST_F(LimitTest, WhatWaitsIsSaidOnceWithTheReasonAndTheTime) {
  make_limited();
  enqueue({to_first("a", high), to_first("b", high), to_first("c", high)});
  answer_all();
  pass(1min);
  ASSERT_EQ(kept.verdicts.size(), 1u);
  const model::Verdict& said = kept.verdicts[0];
  EXPECT_EQ(model::to_string(said.kind), "limited");
  EXPECT_EQ(said.delivery_key, "c");
  EXPECT_EQ(said.who, "first");
  EXPECT_EQ(said.by, "2/15m");
  EXPECT_EQ(said.until, said.at + 15min);
  EXPECT_NE(said.text.find("the limits of fake (2/15m) are reached"), std::string::npos) << said.text;
}

TEST_F(LimitTest, OtherRecipientsAreNotHeldByIt) {
  make_limited();
  Delivery other = to_first("c", high);
  other.recipient = "second";
  enqueue({to_first("a", high), to_first("b", high), other});
  EXPECT_EQ(sent_keys(), (Keys{"a", "b", "c"}));
}

TEST_F(LimitTest, CriticalOnesGoFirstWhenThereIsRoomAgain) {
  make_limited();
  enqueue({to_first("a", high), to_first("b", high)});
  answer_all();
  enqueue({to_first("c", low), to_first("d", high), to_first("e", critical)});
  pass(15min);
  answer_all();
  EXPECT_EQ(sent_keys(), (Keys{"a", "b", "e", "d"}));
}

TEST_F(LimitTest, TheFirstOfAServiceJumpsTheQueue) {
  make_limited();
  enqueue({to_first("a", high, "pay"), to_first("b", high, "pay"), to_first("c", high, "pay"),
           to_first("d", low, "cards")});
  answer_all();
  EXPECT_EQ(sent_keys(), (Keys{"a", "d"}));
}

TEST_F(LimitTest, AFailedAttemptDoesNotCount) {
  make_limited();
  enqueue({to_first("a", high)});
  answer(0, failed(), "sms");
  pass(1s);
  ASSERT_EQ(calls("sms").size(), 2u);
  answer(1, ok(), "sms");
  enqueue({to_first("b", high)});
  EXPECT_EQ(calls("sms").size(), 3u);
}

TEST_F(LimitTest, WhatWasSentBeforeARestartCounts) {
  make_limited();
  outbox->set_sent({{"fake", "first", clock.now() - 1min}, {"fake", "first", clock.now() - 2min}});
  enqueue({to_first("a", high)});
  EXPECT_TRUE(calls("sms").empty());
  pass(13min);
  EXPECT_EQ(calls("sms").size(), 1u);
}

TEST_F(LimitTest, ATrialMessageIsSentWhenItIsAskedFor) {
  make_limited();
  enqueue({to_first("a", high), to_first("b", high)});
  Delivery trial = to_first("t", low);
  trial.kind = model::MessageKind::test;
  enqueue({trial});
  EXPECT_EQ(sent_keys().back(), "t");
}

Delivery step(std::string key, std::string incident = "i1") {
  Delivery d = message(std::move(key), std::move(incident));
  d.reason = "ladder step 1";
  return d;
}

TEST_F(OutboxTest, WhatALadderStillHasToSayIsNotSentOnceSomebodyAnswered) {
  make();
  enqueue({step("a")});
  answer(0, failed());
  outbox->withdraw("i1", "the incident is ACKNOWLEDGED by first");
  steps.run();
  pass(1h);
  EXPECT_EQ(calls().size(), 1u);
  EXPECT_EQ(kept.deliveries.back().state, DeliveryState::suppressed);
  EXPECT_EQ(kept.deliveries.back().last_error, "not sent: the incident is ACKNOWLEDGED by first");
  EXPECT_TRUE(kept.dead_letters.empty());
}

TEST_F(OutboxTest, AnAttemptUnderWayWhenSomebodyAnswersIsTheLast) {
  make();
  enqueue({step("a")});
  outbox->withdraw("i1", "the incident is ACKNOWLEDGED by first");
  steps.run();
  answer(0, failed());
  pass(1h);
  EXPECT_EQ(calls().size(), 1u);
  EXPECT_EQ(kept.deliveries.back().state, DeliveryState::suppressed);
  EXPECT_TRUE(kept.deliveries.back().last_error.starts_with("not sent again: the incident is ACKNOWLEDGED by first"))
      << kept.deliveries.back().last_error;
  EXPECT_EQ(kept.attempts.back().status, "FAILED");
  EXPECT_TRUE(kept.dead_letters.empty());
}

TEST_F(OutboxTest, AFurtherWayByPreferenceIsWithdrawnToo) {
  make();
  settings.in_flight_per_instance = 1;
  Delivery later = message("later");
  later.reason = "paged by ana, by preference";
  enqueue({step("a"), later});
  outbox->withdraw("i1", "the incident is ACKNOWLEDGED by first");
  steps.run();
  answer(0, ok());
  EXPECT_EQ(calls().size(), 1u);
}

TEST_F(OutboxTest, AnAnswerLeavesWhatIsOnItsWayAndLetsTheNextFollow) {
  make();
  Delivery end = message("end");
  end.kind = model::MessageKind::resolved;
  enqueue({step("a"), step("b"), end});
  outbox->withdraw("i1", "the incident is RESOLVED");
  steps.run();
  answer(0, ok());
  ASSERT_EQ(calls().size(), 2u);
  EXPECT_EQ(calls()[1].delivery.key, "end");
}

TEST_F(OutboxTest, AnAnswerTouchesNeitherOtherIncidentsNorTicketsNorPages) {
  make();
  settings.in_flight_per_instance = 1;
  Delivery page = message("page");
  page.reason = "page";
  enqueue({step("a"), step("b", "i10"), page, ticket("t")});
  outbox->withdraw("i1", "the incident is ACKNOWLEDGED by first");
  steps.run();
  answer(0, ok());
  std::set<std::string> keys;
  for (const auto& call : calls()) keys.insert(call.delivery.key);
  EXPECT_EQ(keys, (std::set<std::string>{"a", "b", "page"}));
  EXPECT_EQ(calls("jira").size(), 1u);
}

}  // namespace
}  // namespace tocsin::delivery
