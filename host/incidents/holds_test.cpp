// Promises about what is held back at a group's flush and on a ladder, and about what is said of it.
#include "incidents/holds.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <iterator>
#include <random>
#include <set>

#include "base/text.hpp"
#include "incidents/desk_world.hpp"
#include "incidents/state.hpp"

namespace tocsin::incidents::testing {
namespace {

using model::VerdictKind;

const Labels down{{"alertname", "Down"}, {"host", "1"}}, slow{{"alertname", "Slow"}, {"host", "1"}},
    slow_too{{"alertname", "Slow"}, {"host", "2"}};

model::InhibitRule down_inhibits_slow() {
  return {"down", matchers({R"(alertname="Down")"}), matchers({R"(alertname="Slow")"}), {"host"}};
}

model::Routing with(model::Routing r) {
  r.inhibit_rules = {down_inhibits_slow()};
  r.time_intervals["day"] = hours("day", 6, 22);
  r.time_intervals["night"] = hours("night", 22, 6);
  r.time_intervals["late"] = hours("late", 22, 23);
  return r;
}

model::Routing muted(std::string name) {
  model::Routing r = with(routing());
  r.root->mute_time_intervals = {std::move(name)};
  return r;
}

/// "KIND alertname by BY" of what was said of holds since the start.
std::vector<std::string> said(const World& w) {
  using enum model::VerdictKind;
  std::vector<std::string> out;
  for (const model::Verdict& v : w.store.verdicts) {
    if (v.kind != inhibited && v.kind != outside_active && v.kind != muted && v.kind != silenced) continue;
    out.push_back(std::string(model::to_string(v.kind)) + " " + std::string(v.labels.get("alertname")) + " by " + v.by);
  }
  return out;
}
using Said = std::vector<std::string>;

// --- the order -------------------------------------------------------------------------------------------------------

TEST(Holds, AskInhibitionThenTheHoursThenTheSilences) {
  model::Routing r = muted("late");
  const World w(r);
  const Alert target = w.alert(slow);
  Holds holds(r, [&](const Alert&, Time now) { return Held{VerdictKind::silenced, "s", now + 1h}; });
  const auto kind = [&](const std::optional<Held>& hours) { return holds.of(target, hours, w.now())->kind; };
  const auto late = holds.hours(*r.root, w.now());
  ASSERT_TRUE(late);
  EXPECT_EQ(kind(std::nullopt), VerdictKind::silenced);
  EXPECT_EQ(kind(late), VerdictKind::muted);
  r.root->active_time_intervals = {"day"};
  EXPECT_EQ(kind(holds.hours(*r.root, w.now())), VerdictKind::outside_active);
  holds.inhibitor.put(w.alert(down));
  EXPECT_EQ(kind(late), VerdictKind::inhibited);
  EXPECT_EQ(text_of(*late), "muted by late until 2023-11-14T23:00:00Z");
}

// --- groups ----------------------------------------------------------------------------------------------------------

TEST(Held, AnInhibitedAlertIsLeftOutOfItsGroup) {
  World w(with(routing()));
  w.fire(down);
  w.fire(slow);
  w.fire(slow_too);
  w.pass(30s);
  ASSERT_EQ(w.told(), (Told{"hook:FIRING", "hook:FIRING"})) << "Down, and the Slow of another host";
  for (const auto& [key, d] : w.store.deliveries) {
    EXPECT_EQ(d.alerts.size(), 1u);
    EXPECT_NE(d.alerts.front().labels, slow);
  }
  EXPECT_EQ(said(w), (Said{"inhibited Slow by Down"}));
}

TEST(Held, WhichAlertOfACallComesFirstDecidesNothing) {
  model::Routing r = with(routing());
  r.root->group_wait = 0s;
  World w(r);
  w.keep(w.desk->on_alerts({w.alert(slow), w.alert(down)}, w.now()));
  EXPECT_EQ(w.told(), (Told{"hook:FIRING"}));
}

TEST(Held, IsToldAtTheNextFlushWhenTheSourceIsGone) {
  World w(with(routing()));
  const Alert source = w.fire(down);
  w.fire(slow);
  w.pass(30s);
  w.deliver_all();
  w.told();
  w.resolve(source);
  w.pass(5min - 30s);
  w.deliver_all();
  w.pass(30s);
  EXPECT_EQ(w.told(), (Told{"hook:RESOLVED", "hook:FIRING"}));
  EXPECT_EQ(w.newest().alerts.front().labels, slow);
}

TEST(Held, WithNothingLeftTheRecordStaysAsItIs) {
  World w(with(routing()));
  w.fire(slow);
  w.pass(30s);
  w.deliver_all();
  w.told();
  w.fire(down);
  w.pass(5min);
  w.deliver_all();
  EXPECT_EQ(w.told(), (Told{"hook:FIRING"})) << "Down alone";
  w.pass(5h);
  w.deliver_all();
  EXPECT_EQ(w.told(), (Told{"hook:FIRING"})) << "Down's repeat; Slow is not repeated while inhibited";
}

TEST(Held, TheEndOfWhatWasToldIsToldAlsoWhileInhibited) {
  for (bool wanted : {true, false}) {
    model::Routing r = with(routing());
    r.resolve_silenced = wanted;
    World w(r);
    const Alert a = w.fire(slow);
    w.pass(30s);
    w.deliver_all();
    w.fire(down);
    w.pass(31s);
    w.deliver_all();
    w.told();
    w.resolve(a);
    w.pass(5min);
    EXPECT_EQ(w.told(), wanted ? Told{"hook:RESOLVED"} : Told{});
  }
}

TEST(Held, TheEndIsToldAlsoWhenOthersWereToldMeanwhile) {
  model::Routing r = with(routing());
  r.root->group_by = {"alertname"};
  World w(r);
  const Alert a = w.fire(slow);
  w.pass(30s);
  w.deliver_all();
  w.fire(down);
  w.fire(slow_too);
  w.pass(5min);
  w.deliver_all();  // slow_too alone; the record knows nothing of slow any more
  w.told();
  w.restart();
  w.resolve(a);
  w.pass(5min);
  ASSERT_EQ(w.told(), (Told{"hook:FIRING"}));
  EXPECT_EQ(w.newest().alerts.size(), 2u);
  EXPECT_EQ(w.newest().alerts.front().labels.get("alertname"), "Slow");
}

TEST(Held, TheEndOfWhatWasNeverToldIsNotTold) {
  World w(with(routing()));
  w.fire(down);
  const Alert a = w.fire(slow);
  w.pass(30s);
  w.deliver_all();
  w.told();
  w.resolve(a);
  w.pass(10min);
  EXPECT_EQ(w.told(), Told{});
  EXPECT_EQ(
      std::ranges::count_if(w.store.groups, [](const auto& g) { return g.first.find("Slow") != std::string::npos; }), 0)
      << "its group has ended";
}

TEST(Held, AMuteTimeDropsTheWholeFlushAndTheNextTickTells) {
  World w(muted("late"));  // until 23:00
  w.fire(slow);
  w.pass(46min);
  EXPECT_EQ(w.told(), Told{});
  EXPECT_EQ(said(w), (Said{"muted Slow by late"})) << "once, not at every flush";
  const auto muted_at = std::ranges::find(w.store.verdicts, model::VerdictKind::muted, &model::Verdict::kind);
  EXPECT_EQ(base::format_rfc3339(muted_at->until), "2023-11-14T23:00:00Z");
  w.pass(5min);
  EXPECT_EQ(w.told(), (Told{"hook:FIRING"}));
}

TEST(Held, OutsideItsActiveTimesARouteTellsNothing) {
  model::Routing r = with(routing());
  r.root->active_time_intervals = {"day"};
  World w(r);
  w.fire(slow);
  w.pass(7h);  // 05:13
  EXPECT_EQ(w.told(), Told{});
  EXPECT_EQ(said(w), (Said{"outside_active Slow by day"}));
  w.pass(1h);
  EXPECT_EQ(w.told(), (Told{"hook:FIRING"}));
}

TEST(Held, OneActiveTimeIsEnoughAndAMuteTimeStillHolds) {
  model::Routing r = with(routing());
  r.root->active_time_intervals = {"day", "night"};
  World w(r);
  w.fire(slow);
  w.pass(1min);
  EXPECT_EQ(w.told(), (Told{"hook:FIRING"}));
  r.root->mute_time_intervals = {"late"};
  World quiet(r);
  quiet.fire(slow);
  quiet.pass(1min);
  EXPECT_EQ(quiet.told(), Told{});
}

TEST(Held, InhibitionIsNamedBeforeTheHours) {
  World w(muted("late"));
  w.fire(down);
  w.fire(slow);
  w.pass(1min);
  EXPECT_EQ(said(w), (Said{"muted Down by late", "inhibited Slow by Down"}));
}

TEST(Held, TheEndOfWhatWasToldWaitsForTheHoursToAllowIt) {
  model::Routing r = with(routing());
  r.root->mute_time_intervals = {"late"};
  World w(r);
  w.clock.set(w.now() - 1h);  // 21:13
  const Alert a = w.fire(slow);
  w.pass(1min);
  w.deliver_all();
  w.told();
  w.pass(1h);
  w.resolve(a);
  w.pass(30min);
  w.restart();
  EXPECT_EQ(w.told(), Told{});
  w.pass(20min);
  EXPECT_EQ(w.told(), (Told{"hook:RESOLVED"}));
  w.deliver_all();
  EXPECT_TRUE(w.store.groups.empty());
}

TEST(Held, WhatResolvedUntoldWithinAMuteTimeLeavesItsGroup) {
  World w(muted("late"));
  const Alert a = w.fire(slow);
  w.pass(1min);
  w.resolve(a);
  w.pass(5min);
  EXPECT_TRUE(w.store.groups.empty());
  EXPECT_EQ(w.told(), Told{});
}

TEST(Held, AHoldChangesNoTimer) {
  World w(muted("late")), free(with(routing()));
  for (World* world : {&w, &free}) {
    world->fire(slow);
    world->pass(10min);
    world->deliver_all();
    world->fire(slow_too);
    world->pass(1min);
  }
  EXPECT_EQ(*w.desk->next_due(), *free.desk->next_due());
  w.restart();
  EXPECT_EQ(*w.desk->next_due(), *free.desk->next_due());
}

TEST(Held, AReloadLiftsOrBeginsAHoldAtTheNextTick) {
  World w(muted("late"));
  w.fire(slow);
  w.pass(1min);
  const Time next = *w.desk->next_due();
  w.desk->set_routing(with(routing()), w.now());
  EXPECT_EQ(*w.desk->next_due(), next);
  w.pass(5min);
  EXPECT_EQ(w.told(), (Told{"hook:FIRING"}));
}

TEST(Held, InhibitionIsKnownAgainAfterARestartAndWithNewRules) {
  World w(with(routing()));
  w.fire(down);
  w.pass(1min);
  w.deliver_all();
  w.told();
  w.restart();
  w.fire(slow);
  w.pass(1min);
  EXPECT_EQ(w.told(), Told{});
  model::Routing other = with(routing());
  other.inhibit_rules[0].equal = {"host", "alertname"};
  w.desk->set_routing(other, w.now());
  w.pass(5min);
  EXPECT_EQ(w.told(), (Told{"hook:FIRING"}));
  w.desk->set_routing(with(routing()), w.now());
  EXPECT_FALSE(w.desk->inhibited_by(w.alert(slow)).empty());
}

TEST(Held, AnAlertWhoseIncidentAPersonClosedStillInhibits) {
  World w(with(routing()));
  w.fire(down);
  ASSERT_TRUE(w.set(w.only(), IncidentStatus::resolved));
  ASSERT_TRUE(w.set(w.only(), IncidentStatus::closed));
  EXPECT_FALSE(w.desk->inhibited_by(w.alert(slow)).empty());
  w.restart();
  EXPECT_FALSE(w.desk->inhibited_by(w.alert(slow)).empty());
}

TEST(Held, TheDeskSaysWhatHoldsAnAlertBack) {
  World w(with(routing()));
  const Alert a = w.fire(down);
  EXPECT_FALSE(w.desk->held(a, w.now()));
  const auto held = w.desk->held(w.alert(slow), w.now());
  ASSERT_TRUE(held);
  EXPECT_EQ(held->kind, VerdictKind::inhibited);
  EXPECT_EQ(held->by, "Down");
  EXPECT_EQ(w.desk->inhibited_by(w.alert(slow)), std::vector<std::string>{base::hex16(a.fingerprint)});
}

TEST(Held, WithoutSendResolvedNothingIsOwed) {
  model::Routing r = muted("late");
  r.root->send_resolved = false;
  World w(r);
  w.clock.set(w.now() - 20min);  // 21:53
  const Alert a = w.fire(slow);
  w.pass(10min);
  w.deliver_all();
  w.told();
  w.resolve(a);
  w.pass(10min);
  EXPECT_TRUE(w.store.groups.empty());
  EXPECT_EQ(w.told(), Told{});
}

// --- ladders ---------------------------------------------------------------------------------------------------------

TEST(HeldLadder, WaitsWhileItsAlertIsInhibitedAndIsNotLost) {
  World w(with(ladder_routing()));
  const Alert source = w.fire(down);
  w.told();
  w.fire(slow);
  EXPECT_EQ(w.incidents().size(), 2u) << "the incident opens all the same";
  w.pass(4min);
  EXPECT_EQ(w.told(), Told{});
  w.resolve(source);
  EXPECT_EQ(w.told(), (Told{"sms>first:RESOLVED", "sms>first:FIRING"})) << "at once, in the same call";
  w.pass(5min);
  EXPECT_EQ(w.told(), (Told{"sms>second:FIRING"})) << "and goes on from there";
}

TEST(HeldLadder, IsHeldAtALaterStepToo) {
  World w(with(ladder_routing()));
  w.fire(slow);
  w.pass(1min);
  const Alert source = w.fire(down);
  ASSERT_TRUE(w.set(w.incidents()[1], IncidentStatus::acknowledged));
  w.told();
  w.pass(1h);
  EXPECT_EQ(w.told(), Told{});
  w.resolve(source);
  EXPECT_EQ(w.told(), (Told{"sms>first:RESOLVED", "sms>second:FIRING"})) << "no step is skipped";
}

TEST(HeldLadder, GoesOnWhenAnAlertThatIsNotHeldJoins) {
  World w(with(ladder_routing()));
  const Alert source = w.fire(down);
  w.fire(slow);
  w.told();
  w.fire(slow_too);
  EXPECT_EQ(w.told(), (Told{"sms>first:FIRING"}));
}

TEST(HeldLadder, WaitsForTheHoursOfItsRoute) {
  model::Routing r = with(ladder_routing());
  r.root->mute_time_intervals = {"late"};
  World w(r);
  w.fire(slow);
  w.pass(46min);
  EXPECT_EQ(w.told(), Told{});
  EXPECT_EQ(base::format_rfc3339(*w.desk->next_due()), "2023-11-14T23:00:00Z");
  w.pass(1min);
  EXPECT_EQ(w.told(), (Told{"sms>first:FIRING"}));
  EXPECT_EQ(said(w), (Said{"muted Slow by late"}));
  EXPECT_EQ(w.store.timeline.back().text, "step 1 waits: muted by late until 2023-11-14T23:00:00Z");
}

TEST(HeldLadder, WaitsOverARestartAndEndsWithWhatHeldIt) {
  World w(with(ladder_routing()));
  const Alert source = w.fire(down);
  w.fire(slow);
  w.told();
  w.restart();
  w.pass(1min);
  EXPECT_EQ(w.told(), Told{});
  w.desk->set_routing(ladder_routing(), w.now());
  w.pass(0s);
  EXPECT_EQ(w.told(), (Told{"sms>first:FIRING"}));
}

TEST(HeldLadder, StopsWhenAcknowledgedWhileItWaits) {
  World w(with(ladder_routing()));
  const Alert source = w.fire(down);
  w.fire(slow);
  ASSERT_TRUE(w.set(w.incidents()[1], IncidentStatus::acknowledged));
  w.told();
  w.resolve(source);
  EXPECT_EQ(w.told(), (Told{"sms>first:RESOLVED"}));
  w.pass(24h);
  EXPECT_EQ(w.told(), Told{});
}

TEST(HeldLadder, EndsUntoldWhenItsAlertResolvesWhileItWaits) {
  World w(with(ladder_routing()));
  w.fire(down);
  const Alert a = w.fire(slow);
  w.told();
  w.resolve(a);
  w.pass(24h);
  EXPECT_EQ(std::ranges::count(w.told(), "sms>first:RESOLVED"), 0);
}

TEST(HeldLadder, OfAnIncidentMadeByHandIsNotHeld) {
  World w(with(ladder_routing()));
  Incident by_hand;
  by_hand.title = "it smells";
  by_hand.severity = Severity::high;
  w.keep(w.desk->create(by_hand, "alice", w.now()).value());
  EXPECT_EQ(w.told(), (Told{"sms>first:FIRING"}));
}

/// Two routes for the same alerts, one for each part of the day.
model::Routing day_and_night() {
  model::Routing r = with(ladder_routing());
  r.policies["dark"] = policy("dark", {{{"mail:contact.second"}, 5min}, {{"mail:contact.first"}, 0min}});
  for (const char* name : {"day", "night"}) {
    model::Route child = *r.root;
    child.routes.clear();
    child.name = name;
    child.path = std::string("root/") + name;
    child.continues = true;
    child.active_time_intervals = {name};
    child.policy = std::string(name) == "day" ? "page" : "dark";
    r.root->routes.push_back(child);
  }
  return r;
}

TEST(HeldLadder, IsThatOfTheRouteWhoseHoursItIs) {
  World w(day_and_night());
  w.fire(slow);
  EXPECT_EQ(w.told(), (Told{"mail>second:FIRING"}));
  World day(day_and_night());
  day.clock.advance(10h);
  day.fire(slow);
  EXPECT_EQ(day.told(), (Told{"sms>first:FIRING"}));
}

TEST(HeldLadder, IsHandedOverWhenTheHoursChange) {
  World w(day_and_night());
  w.clock.advance(7h + 45min);  // 05:58:20
  w.fire(slow);
  EXPECT_EQ(w.told(), (Told{"mail>second:FIRING"}));
  w.restart();
  w.pass(5min);
  EXPECT_EQ(w.told(), (Told{"sms>first:FIRING"})) << "day's ladder from its first step";
  w.pass(5min);
  EXPECT_EQ(w.told(), (Told{"sms>second:FIRING"}));
}

TEST(HeldLadder, ThatWaitsForAnyHoursIsThatOfTheRouteWhichOpensFirst) {
  model::Routing r = day_and_night();
  r.root->routes[1].active_time_intervals = {"late"};
  World w(r);
  w.clock.advance(1h);  // 23:13, neither
  w.fire(slow);
  EXPECT_EQ(w.told(), Told{});
  w.pass(7h);
  EXPECT_EQ(w.told(), (Told{"sms>first:FIRING", "sms>second:FIRING"}));
}

TEST(HeldLadder, KeepsTheMarkOfItsRoutesInItsRow) {
  World w(day_and_night());
  w.fire(slow);
  Climb climb = Climb::from_row(w.store.ladders.begin()->second);
  EXPECT_EQ(climb.routes, std::vector<std::string>{"root/night"});
  EXPECT_EQ(climb.told, std::vector<std::string>{"mail:contact.second"});
  EXPECT_EQ(climb.row.steps.size(), 2u);
  EXPECT_EQ(climb.to_row().steps, w.store.ladders.begin()->second.steps);
}

// --- a random history ------------------------------------------------------------------------------------------------

/// R0 inhibits R1 of its host; nothing is told between 22:00 and 23:00.
class HeldHistory {
 public:
  explicit HeldHistory(unsigned seed) : random_(seed), w_(make()) {}

  void run() {
    for (int i = 0; i < 120; ++i) step();
    settle();
    everybody_knows();
    while (!firing_.empty()) resolve();
    settle();
    settle();
    for (const std::uint64_t fingerprint : ever_) EXPECT_NE(believed(fingerprint), AlertState::firing);
    EXPECT_TRUE(w_.store.groups.empty());
    EXPECT_FALSE(w_.desk->next_due()) << "a timer without a cause";
  }

 private:
  static model::Routing make() {
    model::Routing r = with(ladder_routing());
    r.root->notify = {"hook"};
    r.root->mute_time_intervals = {"late"};
    r.inhibit_rules = {{"r", matchers({R"(alertname="R0")"}), matchers({R"(alertname="R1")"}), {"host"}}};
    return r;
  }
  unsigned pick(unsigned below) { return std::uniform_int_distribution<unsigned>(0, below - 1)(random_); }

  void step() {
    w_.clock.advance(1ms);
    const unsigned what = pick(10);
    if (what < 3) return fire();
    if (what < 5) return resolve();
    if (what < 7) return w_.pass(std::chrono::seconds(pick(1200)));
    if (what == 7) return w_.restart();
    for (const std::string& key : std::vector<std::string>(w_.store.order)) {
      if (w_.store.deliveries[key].state == DeliveryState::pending && pick(3) > 0)
        w_.deliver(key, pick(5) == 0 ? DeliveryState::dead : DeliveryState::sent);
    }
  }
  void fire() {
    const Labels l{{"alertname", "R" + std::to_string(pick(3))}, {"host", std::to_string(pick(2))}};
    if (firing_.contains(l.fingerprint())) return;
    firing_[l.fingerprint()] = w_.fire(l);
    ever_.insert(l.fingerprint());
  }
  void resolve() {
    if (firing_.empty()) return;
    auto it = firing_.begin();
    std::advance(it, pick(static_cast<unsigned>(firing_.size())));
    w_.clock.advance(1ms);
    w_.resolve(it->second);
    firing_.erase(it);
  }
  /// Until everything that may be told has been, outside the mute time.
  void settle() {
    for (int i = 0; i < 30; ++i) {
      w_.pass(5min);
      w_.deliver_all();
    }
  }
  AlertState believed(std::uint64_t fingerprint) const {
    std::pair<Time, AlertState> last{};
    for (const auto& [key, d] : w_.store.deliveries) {
      if (d.group_key.empty() || d.state != DeliveryState::sent) continue;
      for (const Alert& a : d.alerts) {
        if (a.fingerprint == fingerprint && d.created_at >= last.first) last = {d.created_at, a.state};
      }
    }
    return last.second;
  }
  void everybody_knows() {
    for (const auto& [fingerprint, alert] : firing_) {
      if (w_.desk->held(alert, w_.now())) continue;
      EXPECT_EQ(believed(fingerprint), AlertState::firing) << alert.labels.text();
    }
    for (const Incident& incident : w_.incidents()) {
      if (incident.status != IncidentStatus::open) continue;
      bool free = false, told = false;
      for (const auto& [key, row] : w_.store.members) {
        if (row.correlation_id == incident.correlation_id && firing_.contains(row.alert.fingerprint))
          free = free || !w_.desk->held(row.alert, w_.now());
      }
      for (const auto& [key, d] : w_.store.deliveries)
        told = told || (d.correlation_id == incident.correlation_id && d.group_key.empty());
      EXPECT_TRUE(told || !free) << "a ladder was lost: " << incident.number;
    }
  }

  std::mt19937 random_;
  World w_;
  std::map<std::uint64_t, Alert> firing_;
  std::set<std::uint64_t> ever_;
};

TEST(HeldHistory, LosesNoMessageAndLeavesNothingBehind) {
  for (unsigned seed = 1; seed <= 60 && !::testing::Test::HasFailure(); ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    HeldHistory(seed).run();
  }
}

}  // namespace
}  // namespace tocsin::incidents::testing
