// Received alerts at the desk: they open incidents, are told by groups, survive restarts, and are asked about.
#include <algorithm>

#include "incidents/desk_world.hpp"

namespace tocsin::incidents::testing::receiving_test {
namespace {

using model::ReceivedAlert;

ReceivedAlert sent(Labels labels, Time starts = {}, Time ends = {}) {
  ReceivedAlert alert;
  alert.labels = std::move(labels);
  alert.starts_at = starts;
  alert.ends_at = ends;
  return alert;
}

const Labels down{{"alertname", "Down"}, {"service", "api"}, {"instance", "a"}, {"severity", "critical"}};
const Labels slow{{"alertname", "Slow"}, {"service", "api"}, {"severity", "warning"}};

model::Matcher matcher(const std::string& text) {
  return model::Matcher::parse(text).value();
}

std::vector<std::string> names(const std::vector<model::AlertView>& views) {
  std::vector<std::string> out;
  for (const auto& view : views) out.push_back(view.alert->rule);
  return out;
}

TEST(Receiving, OpensAnIncidentAndTellsItsGroup) {
  World w(routing());
  w.receive({sent(down)});
  EXPECT_EQ(w.only().severity, Severity::critical);
  EXPECT_EQ(w.only().title, "Down instance=a, service=api");
  w.pass(30s);
  EXPECT_EQ(w.told(), Told{"hook:FIRING"});
  EXPECT_EQ(w.newest().alerts.front().labels, down);
}

TEST(Receiving, OneMessageIsOneDecision) {
  World w(routing());
  std::vector<ReceivedAlert> batch;
  for (int i = 0; i < 100; ++i) {
    Labels labels = down;
    labels.set("instance", std::to_string(i));
    batch.push_back(sent(labels));
  }
  w.receive(batch);
  EXPECT_EQ(w.last.alerts.size(), 100u);
  EXPECT_EQ(w.store.incidents.size(), 1u);
}

TEST(Receiving, AnInvalidAlertIsNamedAndNothingIsTaken) {
  World w(routing());
  auto changes = w.desk->on_received({sent(down), sent({})}, w.now());
  ASSERT_FALSE(changes);
  EXPECT_NE(changes.error().message().find("at least one label"), std::string::npos);
  EXPECT_TRUE(w.desk->alerts({}, w.now()).empty());
}

TEST(Receiving, ARepetitionKeepsOneRowAndNothingElse) {
  World w(routing());
  w.receive({sent(down)});
  w.pass(10s);
  w.receive({sent(down)});
  EXPECT_EQ(w.last.alerts.size(), 1u);
  EXPECT_TRUE(w.last.incidents.empty());
  EXPECT_TRUE(w.last.incident_alerts.empty());
  EXPECT_TRUE(w.last.groups.empty());
  EXPECT_TRUE(w.last.timeline.empty());
}

TEST(Receiving, AnAnswerAlwaysWaitsForWhatWasSaidBefore) {
  World w(routing());
  const Time ends = w.now() + 4min;
  w.receive({sent(down, w.now(), ends)});
  w.receive({sent(down, w.now(), ends)});
  EXPECT_EQ(w.last.alerts.size(), 1u) << "an empty decision would be answered before the first one is durable";
}

TEST(Receiving, EndsByItselfAndResolvesItsIncident) {
  World w(routing());
  w.receive({sent(down)});
  w.pass(30s);
  w.deliver_all();
  w.told();
  w.pass(5min);
  EXPECT_EQ(w.only().status, IncidentStatus::resolved);
  w.pass(5min);
  EXPECT_EQ(w.told(), Told{"hook:RESOLVED"});
}

TEST(Receiving, ASentResolveEndsIt) {
  World w(routing());
  const Time begin = w.now();
  w.receive({sent(down, begin)});
  w.pass(1min);
  w.receive({sent(down, begin, w.now())});
  EXPECT_EQ(w.only().status, IncidentStatus::resolved);
  EXPECT_TRUE(w.desk->alerts({}, w.now() + 1ms).empty());
}

TEST(Receiving, AnOldStartIsToldAtOnce) {
  World w(routing());
  w.receive({sent(down, w.now() - 1min)});
  EXPECT_EQ(w.told(), Told{"hook:FIRING"});
}

TEST(Receiving, NewAnnotationsReachTheNextMessage) {
  World w(routing());
  const Time begin = w.now();
  w.receive({sent(down, begin)});
  w.pass(1s);
  ReceivedAlert annotated = sent(down, begin);
  annotated.annotations = Labels{{"summary", "v2"}};
  w.receive({annotated});
  w.pass(30s);
  EXPECT_EQ(w.newest().alerts.front().annotations.get("summary"), "v2");
  EXPECT_EQ(w.newest().alerts.front().starts_at, begin);
}

TEST(Receiving, ASecondOccurrenceReopensWithinTheWindow) {
  World w(routing());
  const Time begin = w.now();
  w.receive({sent(down, begin)});
  w.receive({sent(down, begin, w.now())});
  ASSERT_EQ(w.only().status, IncidentStatus::resolved);
  w.pass(1min);
  w.receive({sent(down)});
  EXPECT_EQ(w.only().status, IncidentStatus::open);
}

TEST(Receiving, ARestartLosesNothingAndTellsNothingTwice) {
  World w(routing());
  w.receive({sent(down)});
  w.pass(30s);
  w.deliver_all();
  w.told();
  w.clock.advance(1h);
  w.restart();
  EXPECT_EQ(names(w.desk->alerts({}, w.now())), std::vector<std::string>{"Down"});
  w.pass(1min);
  w.receive({sent(down)});
  w.pass(4min);
  EXPECT_EQ(w.told(), Told{});
  EXPECT_EQ(w.only().status, IncidentStatus::open);
}

TEST(Receiving, AfterARestartItEndsOneTimeoutLater) {
  World w(routing());
  w.receive({sent(down)});
  w.clock.advance(1h);
  w.restart();
  w.pass(5min - 1s);
  EXPECT_EQ(w.only().status, IncidentStatus::open);
  w.pass(1s);
  EXPECT_EQ(w.only().status, IncidentStatus::resolved);
}

TEST(Receiving, ListsTheAgentsOwnAlertsToo) {
  World w(routing());
  const Alert own = w.fire({{"alertname", "disk"}, {"host", "n1"}});
  w.receive({sent(down)});
  EXPECT_EQ(w.desk->alerts({}, w.now()).size(), 2u);
  w.restart();
  EXPECT_EQ(w.desk->alerts({}, w.now()).size(), 2u);
  w.resolve(own);
  EXPECT_EQ(names(w.desk->alerts({}, w.now())), std::vector<std::string>{"Down"});
}

TEST(Receiving, AnOwnAlertsEndIsAlwaysToCome) {
  World w(routing());
  w.fire({{"alertname", "disk"}});
  const auto views = w.desk->alerts({}, w.now() + 1h);
  ASSERT_EQ(views.size(), 1u);
  EXPECT_EQ(views[0].starts_at, w.now());
  EXPECT_EQ(views[0].ends_at, w.now() + 1h + 5min);
}

TEST(Receiving, VanishesFromTheListTheMomentItEnds) {
  World w(routing());
  w.receive({sent(down, w.now(), w.now() + 1min)});
  EXPECT_EQ(w.desk->alerts({}, w.now() + 1min).size(), 1u);
  EXPECT_TRUE(w.desk->alerts({}, w.now() + 1min + 1ns).empty());
}

TEST(Receiving, SortsByFingerprint) {
  World w(routing());
  std::vector<ReceivedAlert> batch;
  for (int i = 0; i < 50; ++i) batch.push_back(sent({{"alertname", "A" + std::to_string(i)}}));
  w.receive(batch);
  const auto views = w.desk->alerts({}, w.now());
  ASSERT_EQ(views.size(), 50u);
  EXPECT_TRUE(std::ranges::is_sorted(views, {}, [](const auto& v) { return v.alert->fingerprint; }));
}

/// A root, and two siblings that both take team=x.
model::Routing two_teams() {
  model::Routing r = routing();
  for (const auto& [name, text] : {std::pair{"team-x", "team=\"x\""}, {"team-y", "team=~\"x|y\""}}) {
    model::Route route = *r.root;
    route.routes.clear();
    route.name = name;
    route.path = std::string("root/") + name;
    route.matchers = matchers({text});
    route.continues = true;
    r.root->routes.push_back(route);
  }
  return r;
}

TEST(Receiving, NamesTheReceiversOfEveryRouteItTakes) {
  World w(two_teams());
  w.receive({sent({{"alertname", "A"}, {"team", "x"}}), sent({{"alertname", "B"}})});
  const auto views = w.desk->alerts({{matcher("team=x")}}, w.now());
  ASSERT_EQ(views.size(), 1u);
  EXPECT_EQ(views[0].receivers, (std::vector<std::string>{"team-x", "team-y"}));
  EXPECT_EQ(w.desk->receivers(), (std::vector<std::string>{"root", "team-x", "team-y"}));
}

TEST(Receiving, TheReceiverIsAnAnchoredExpression) {
  World w(two_teams());
  w.receive({sent({{"alertname", "A"}, {"team", "x"}}), sent({{"alertname", "B"}})});
  model::AlertFilter filter;
  const auto count = [&](const char* expression) {
    filter.receiver = model::Matcher::make("receiver", model::MatchOp::match, expression).value();
    return w.desk->alerts(filter, w.now()).size();
  };
  EXPECT_EQ(count("team"), 0u);
  EXPECT_EQ(count("team-."), 1u);
  EXPECT_EQ(count("root|team-x"), 2u);
}

TEST(Receiving, GroupsAreByRouteAndLabelsInAlertmanagersOrder) {
  World w(two_teams());
  w.receive({sent({{"alertname", "B"}, {"team", "x"}}), sent({{"alertname", "A"}, {"job", "2"}}),
             sent({{"alertname", "A"}, {"job", "1"}}), sent({{"foo", "bar"}})});
  const auto groups = w.desk->alert_groups({}, w.now());
  std::vector<std::string> seen;
  for (const auto& g : groups) seen.push_back(g.labels.text() + g.receiver + std::to_string(g.alerts.size()));
  EXPECT_EQ(seen, (std::vector<std::string>{"{}root1", "{alertname=\"A\"}root2", "{alertname=\"B\"}team-x1",
                                            "{alertname=\"B\"}team-y1"}));
  EXPECT_EQ(groups[1].alerts[0].alert->labels.get("job"), "1");
}

TEST(Receiving, AGroupsReceiversAreThoseAskedFor) {
  World w(two_teams());
  w.receive({sent({{"alertname", "A"}, {"team", "x"}})});
  model::AlertFilter filter;
  filter.receiver = model::Matcher::make("receiver", model::MatchOp::match, "team-y").value();
  const auto groups = w.desk->alert_groups(filter, w.now());
  ASSERT_EQ(groups.size(), 1u);
  EXPECT_EQ(groups[0].alerts[0].receivers, std::vector<std::string>{"team-y"});
}

TEST(Receiving, ThirteenThousandAlertsAreListedQuickly) {
  World w(two_teams());
  std::vector<ReceivedAlert> batch;
  for (int i = 0; i < 13'000; ++i) {
    batch.push_back(sent({{"alertname", "A" + std::to_string(i % 86)},
                          {"instance", "host-" + std::to_string(i) + ".example:9100"},
                          {"job", "node"},
                          {"severity", "warning"},
                          {"team", i % 2 ? "x" : "z"}}));
  }
  w.receive(batch);
  const auto begin = std::chrono::steady_clock::now();
  EXPECT_EQ(w.desk->alerts({}, w.now()).size(), 13'000u);
  const auto took = std::chrono::steady_clock::now() - begin;
  // Alone on the machine a tenth of it; a sanitizer's build is slower.
  EXPECT_LT(took, 2s);
}

TEST(Receiving, ALargeGroupCostsWhatChangesAndNotItsSize) {
  World w(routing());
  const auto nth = [](int i) {
    Labels labels = down;
    labels.set("instance", std::to_string(i));
    return labels;
  };
  for (int i = 0; i < 100; ++i) {
    w.receive({sent(nth(i), w.now(), w.now() + 1h)});
    ASSERT_LE(w.last.groups.size(), 2u) << "the group's timer and the new member";
  }
  w.pass(30s);
  ASSERT_EQ(w.newest().alerts.size(), 100u);
  w.deliver_all();
  w.restart();
  w.receive({sent(nth(7), w.now(), w.now())});
  w.pass(5min);
  EXPECT_EQ(w.newest().alerts.size(), 100u);
  w.deliver_all();
  w.restart();
  w.receive({sent(nth(100), w.now(), w.now() + 1h)});
  w.pass(5min);
  EXPECT_EQ(w.newest().alerts.size(), 100u) << "99 that go on and a new one; the resolved one has left";
}

TEST(Receiving, AReloadKeepsWhatFires) {
  World w(routing());
  w.receive({sent(down)});
  w.pass(10s);
  w.desk->set_routing(two_teams(), w.now());
  w.receive({sent(down)});
  EXPECT_TRUE(w.last.incidents.empty());
  EXPECT_EQ(w.desk->alerts({}, w.now()).size(), 1u);
}

}  // namespace
}  // namespace tocsin::incidents::testing::receiving_test
