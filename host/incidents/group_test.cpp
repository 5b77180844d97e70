// Promises about groups: when a route's people are told of its alerts together, by Alertmanager's rules.
#include <gtest/gtest.h>

#include "incidents/desk_world.hpp"
#include "incidents/state.hpp"
#include "incidents/tree.hpp"

namespace tocsin::incidents::testing {
namespace {

const Labels one{{"alertname", "A"}, {"host", "1"}}, two{{"alertname", "A"}, {"host", "2"}};

std::size_t firing_in(const Delivery& d) {
  return static_cast<std::size_t>(
      std::count_if(d.alerts.begin(), d.alerts.end(), [](const Alert& a) { return a.state == AlertState::firing; }));
}

TEST(Group, IsToldAfterGroupWaitOfEverythingThatCameMeanwhile) {
  World w(routing());
  w.fire(one);
  w.pass(20s);
  w.fire(two);
  EXPECT_EQ(w.told(), Told{});
  w.pass(10s);
  EXPECT_EQ(w.told(), (Told{"hook:FIRING"}));
  EXPECT_EQ(firing_in(w.newest()), 2u);
}

TEST(Group, IsToldAtOnceWhenItsAlertIsOlderThanGroupWait) {
  World w(routing());
  Alert a = w.alert(one);
  a.fired_at = w.now() - 31s;
  w.send(a);
  EXPECT_EQ(w.told(), (Told{"hook:FIRING"}));
}

TEST(Group, WithoutGroupWaitIsToldInTheSameCall) {
  model::Routing r = routing();
  r.root->group_wait = 0s;
  World w(r);
  w.keep(w.desk->on_alerts({w.alert(one), w.alert(two)}, w.now()));
  EXPECT_EQ(w.told(), (Told{"hook:FIRING"}));
  EXPECT_EQ(w.newest().alerts.size(), 2u) << "one flush for all alerts of the call";
}

TEST(Group, CarriesWhatAReceiverExpects) {
  World w(routing());
  w.fire({{"alertname", "A"}, {"service", "s"}, {"host", "1"}});
  w.pass(30s);
  const Delivery& d = w.newest();
  EXPECT_EQ(d.receiver, "root");
  EXPECT_EQ(d.group_key, R"({}:{alertname="A", service="s"})");
  EXPECT_EQ(d.group_labels, (Labels{{"alertname", "A"}, {"service", "s"}}));
  EXPECT_EQ(d.correlation_id, w.only().correlation_id);
  EXPECT_EQ(d.deadline, d.created_at + 5min);
}

TEST(Group, TellsANewMemberAtTheNextInterval) {
  World w(routing());
  w.fire(one);
  w.pass(30s);
  w.deliver_all();
  w.told();
  w.fire(two);
  w.pass(4min + 59s);
  EXPECT_EQ(w.told(), Told{});
  w.pass(1s);
  EXPECT_EQ(w.told(), (Told{"hook:FIRING"}));
}

TEST(Group, SaysNothingWhileNothingChanges) {
  World w(routing());
  w.fire(one);
  w.pass(30s);
  w.deliver_all();
  w.told();
  w.pass(3h + 59min);
  EXPECT_EQ(w.told(), Told{});
}

TEST(Group, RepeatsAtTheFirstTickAfterTheRepeatInterval) {
  World w(routing());
  w.fire(one);
  w.pass(30s);
  w.deliver_all();
  w.told();
  w.pass(4h + 5min);
  EXPECT_EQ(w.told(), (Told{"hook:FIRING"}));
}

TEST(Group, TellsThatAllResolvedAndThenEnds) {
  World w(routing());
  const Alert a = w.fire(one);
  w.pass(30s);
  w.deliver_all();
  w.told();
  w.resolve(a);
  w.pass(5min);
  EXPECT_EQ(w.told(), (Told{"hook:RESOLVED"}));
  EXPECT_FALSE(w.store.groups.empty());
  w.deliver_all();
  EXPECT_TRUE(w.store.groups.empty());
  EXPECT_FALSE(w.desk->next_due());
}

TEST(Group, TellsANewlyResolvedMemberIfAsked) {
  for (bool send_resolved : {true, false}) {
    model::Routing r = routing();
    r.root->send_resolved = send_resolved;
    World w(r);
    const Alert a = w.fire(one);
    w.fire(two);
    w.pass(30s);
    w.deliver_all();
    w.told();
    w.resolve(a);
    w.pass(5min);
    EXPECT_EQ(w.told().size(), send_resolved ? 1u : 0u);
  }
}

TEST(Group, TellsOfEndsOnlyThoseNotifiersThatWantThem) {
  model::Routing r = routing();
  r.root->notify = {"hook", "mail:contact.first"};
  r.channels["mail"].send_resolved = false;
  World w(r);
  const Alert a = w.fire(one);
  w.pass(30s);
  w.deliver_all();
  w.told();
  w.resolve(a);
  w.pass(5min);
  EXPECT_EQ(w.told(), (Told{"hook:RESOLVED"}));
}

TEST(Group, WhereNoTierTellsNobodyIsTold) {
  model::Routing r = routing();
  r.root->notify.clear();
  r.root->tier = false;
  World w(r);
  w.fire(one, Severity::critical);
  w.pass(1h);
  EXPECT_EQ(w.told(), Told{});
  EXPECT_EQ(w.store.incidents.size(), 1u);
}

TEST(Group, IsKnownToReceiversByTheNameOfTheirs) {
  model::Routing r = routing();
  r.root->receiver = "team-x";
  World w(r);
  w.fire(one);
  w.pass(30s);
  EXPECT_EQ(w.newest().receiver, "team-x");
}

TEST(Tree, ComparesSeveritiesAsReceivedToTheLetter) {
  for (bool as_received : {false, true}) {
    model::Routing r = routing();
    r.severity.map = {{"page", Severity::critical}};
    r.severity.as_received = as_received;
    for (const char* word : {"page", "critical"}) {
      model::Route child = *r.root;
      child.name = word;
      child.path = std::string("root/") + word;
      child.routes.clear();
      child.matchers = {model::Matcher::parse(std::string("severity=") + word).value()};
      r.root->routes.push_back(child);
    }
    const Tree tree(r);
    Alert alert;
    alert.labels = {{"alertname", "A"}, {"severity", "page"}};
    EXPECT_EQ(tree.match(alert).front()->route->name, as_received ? "page" : "critical");
    alert.labels = {{"alertname", "A"}, {"severity", "Page"}};
    EXPECT_EQ(tree.match(alert).front()->route->name, as_received ? "root" : "critical");
  }
}

TEST(Group, WithoutSendResolvedEndsSilently) {
  model::Routing r = routing();
  r.root->send_resolved = false;
  World w(r);
  const Alert a = w.fire(one);
  w.pass(30s);
  w.deliver_all();
  w.told();
  w.resolve(a);
  w.pass(5min);
  EXPECT_EQ(w.told(), Told{});
  EXPECT_TRUE(w.store.groups.empty());
}

TEST(Group, NeverSpeaksOfWhatFiredAndResolvedBeforeItsFirstFlush) {
  World w(routing());
  const Alert a = w.fire(one);
  w.pass(10s);
  w.resolve(a);
  w.pass(1h);
  EXPECT_EQ(w.told(), Told{});
  EXPECT_TRUE(w.store.groups.empty());
}

TEST(Group, KeepsAResolvedMemberUntilItWasToldOf) {
  World w(routing());
  const Alert a = w.fire(one);
  w.pass(30s);
  w.deliver_all();
  w.resolve(a);
  w.pass(5min);
  w.told();
  w.deliver_all(DeliveryState::dead);
  w.pass(5min);
  EXPECT_EQ(w.told(), (Told{"hook:RESOLVED"}));
  w.deliver_all();
  EXPECT_TRUE(w.store.groups.empty());
}

TEST(Group, KeepsWhatResolvedAfterTheFlushThatIsOnItsWay) {
  World w(routing());
  const Alert a = w.fire(one);
  w.pass(30s);
  w.pass(1s);
  w.resolve(a);
  w.deliver_all();
  w.told();
  w.pass(5min);
  EXPECT_EQ(w.told(), (Told{"hook:RESOLVED"}));
}

TEST(Group, TriesAgainAtTheNextFlushWhatCouldNotBeSent) {
  World w(routing());
  w.fire(one);
  w.pass(30s);
  w.deliver_all(DeliveryState::dead);
  w.told();
  w.pass(5min);
  EXPECT_EQ(w.told(), (Told{"hook:FIRING"}));
}

TEST(Group, RecordsEachTargetByItself) {
  model::Routing r = routing();
  r.root->notify = {"hook", "mail:contact.first"};
  World w(r);
  w.fire(one);
  w.pass(30s);
  EXPECT_EQ(w.told(), (Told{"hook:FIRING", "mail>first:FIRING"}));
  w.deliver(w.store.order[0]);
  w.deliver(w.store.order[1], DeliveryState::dead);
  w.pass(5min);
  EXPECT_EQ(w.told(), (Told{"mail>first:FIRING"})) << "who was reached is not told twice";
}

TEST(Group, WaitsForTheFlushThatIsStillOnItsWay) {
  World w(routing());
  w.fire(one);
  w.pass(30s);
  w.told();
  w.fire(two);
  w.pass(5min);
  EXPECT_EQ(w.told(), Told{});
  w.deliver_all();
  EXPECT_EQ(w.told(), (Told{"hook:FIRING"})) << "and makes up for the tick";
}

TEST(Group, ContinuesAfterARestartWhereItStood) {
  World w(routing());
  w.fire(one);
  w.pass(30s);
  w.deliver_all();
  w.told();
  w.restart();
  w.pass(4h);
  EXPECT_EQ(w.told(), Told{}) << "told already";
  w.fire(two);
  w.pass(5min);
  EXPECT_EQ(w.told(), (Told{"hook:FIRING"}));
}

TEST(Group, FlushesAtOnceWhatCameDueWhileTheAgentWasDown) {
  World w(routing());
  w.fire(one);
  w.clock.advance(1h);
  w.restart();
  EXPECT_LE(*w.desk->next_due(), w.now());
  w.pass(0s);
  EXPECT_EQ(w.told(), (Told{"hook:FIRING"}));
}

TEST(Group, ReloadChangesNoRunningTimer) {
  World w(routing());
  w.fire(one);
  w.pass(10s);
  model::Routing r = routing();
  r.root->group_wait = 10min;
  w.desk->set_routing(r, w.now());
  w.pass(20s);
  EXPECT_EQ(w.told(), (Told{"hook:FIRING"}));
}

TEST(Group, OfARouteThatIsGoneMovesToTheRouteThatTakesItNow) {
  model::Routing r = routing();
  model::Route child = *r.root;
  child.name = "child";
  child.path = "root/child";
  child.matchers = matchers({R"(host="1")"});
  child.notify = {"mail:contact.first"};
  r.root->routes = {child};
  World w(r);
  w.fire(one);
  w.desk->set_routing(routing(), w.now());
  w.pass(1min);
  EXPECT_EQ(w.told(), (Told{"hook:FIRING"}));
}

TEST(Group, HoldsASilentRefireUntilItsCooldownIsOver) {
  World w(routing());
  const Alert a = w.fire(one);
  w.pass(30s);
  w.deliver_all();
  w.resolve(a);
  w.pass(5min);
  w.deliver_all();
  w.told();
  Alert again = w.alert(one);
  again.silent = true;
  again.cooldown_until = w.now() + 3min;
  w.send(again);
  w.pass(3min);
  EXPECT_EQ(w.told(), Told{});
  w.pass(5min);
  EXPECT_EQ(w.told(), (Told{"hook:FIRING"}));
}

TEST(Group, EveryFlushHasAKeyOfItsOwnAndEveryRepeatTheSame) {
  World w(routing()), again(routing());
  for (World* world : {&w, &again}) {
    world->fire(one);
    world->pass(30s);
    world->deliver_all();
    world->fire(two);
    world->pass(5min);
  }
  ASSERT_EQ(w.store.order.size(), 2u);
  EXPECT_NE(w.store.order[0], w.store.order[1]);
  EXPECT_EQ(w.store.order, again.store.order);
}

TEST(Routes, ContinueTellsTheNextSiblingToo) {
  model::Routing r = routing();
  for (const char* name : {"a", "b", "c"}) {
    model::Route child = *r.root;
    child.routes.clear();
    child.name = name;
    child.path = std::string("root/") + name;
    child.matchers = matchers({R"(severity=~"high|critical")"});
    child.continues = child.name == "a";
    child.notify = {child.name == "a" ? "hook" : "mail:contact.first"};
    r.root->routes.push_back(child);
  }
  World w(r);
  w.fire(one);
  w.pass(30s);
  EXPECT_EQ(w.told(), (Told{"hook:FIRING", "mail>first:FIRING"})) << "a continues, b stops";
  EXPECT_EQ(w.newest().group_key, R"({}/{severity=~"high|critical"}:{alertname="A"})");
  EXPECT_EQ(w.incidents().size(), 1u);
}

// Alertmanager's table (notify_test.go, TestDedupStageNeedsUpdate).
TEST(NeedsTelling, FollowsAlertmanager) {
  const Time now = base::ManualClock().now();
  using Set = std::set<std::uint64_t>;
  auto record = [](Time notified, Set firing, Set resolved) {
    Record r;
    r.notified = notified;
    r.firing = std::move(firing);
    r.resolved = std::move(resolved);
    return r;
  };
  auto needs = [&](const Record& r, Set firing, Set resolved, bool send_resolved, base::Duration repeat = 10min) {
    return needs_telling(r, firing, resolved, send_resolved, repeat, now);
  };
  EXPECT_TRUE(needs({}, {2, 3, 4}, {}, true));
  EXPECT_FALSE(needs({}, {}, {2, 3, 4}, true)) << "only resolved, never told";
  EXPECT_TRUE(needs(record(now, {1, 2, 3}, {}), {2, 3, 4}, {}, true));
  EXPECT_FALSE(needs(record(now - 9min, {1, 2, 3}, {}), {1, 2, 3}, {}, true));
  EXPECT_TRUE(needs(record(now - 11min, {1, 2, 3}, {}), {1, 2, 3}, {}, true));
  EXPECT_TRUE(needs(record(now, {1, 2, 3}, {}), {}, {1, 2, 3}, false)) << "all resolved clears the record in any case";
  EXPECT_FALSE(needs(record(now, {}, {1, 2, 3}), {}, {1, 2, 3}, true));
  EXPECT_TRUE(needs(record(now, {1, 2, 3}, {}), {1}, {2, 3}, true));
  EXPECT_FALSE(needs(record(now, {1, 2, 3}, {}), {1}, {2, 3}, false));
}

TEST(Group, AReloadKeepsTimersUnlessTheyAreToRestartAsAlertmanagers) {
  for (const bool restart : {false, true}) {
    model::Routing r = routing();
    r.root->group_wait = 1s;
    r.root->group_interval = 6s;
    r.reload_restarts_timers = restart;
    World w(r);
    w.fire({{"alertname", "A"}, {"n", "1"}});
    w.pass(2s);
    w.deliver_all();
    EXPECT_EQ(w.told(), Told{"hook:FIRING"});
    w.desk->set_routing(r, w.now());  // 1 s after the flush
    w.pass(1s);
    w.fire({{"alertname", "A"}, {"n", "2"}});
    w.pass(4s);
    EXPECT_EQ(w.told(), restart ? Told{} : Told{"hook:FIRING"});  // 7 s after the start
    w.pass(1s);
    EXPECT_EQ(w.told(), restart ? Told{"hook:FIRING"} : Told{});  // 6 s after the reload
  }
}

}  // namespace
}  // namespace tocsin::incidents::testing
