// Promises about fire drills: real people on the real route hear of it, it says what it is, and it ends by itself.
#include <gtest/gtest.h>

#include <algorithm>

#include "incidents/desk_world.hpp"

namespace tocsin::incidents::testing::drills_test {
namespace {

const Told nothing;

/// The ladder's root and a route "pay" below it that tells mail and the hook.
model::Routing two_routes() {
  model::Routing r = ladder_routing();
  model::Route pay = *r.root;
  pay.name = "pay";
  pay.path = "root/pay";
  pay.policy.clear();
  pay.notify = {"mail:contact.second", "hook"};
  pay.matchers = matchers({R"(team="payments")"});
  r.root->routes = {pay};
  r.channels["jira"] = tracker("jira");
  return r;
}

Drill of(std::string route) {
  Drill drill;
  drill.route = std::move(route);
  drill.by = "alice";
  return drill;
}

std::string start(World& w, const Drill& drill) {
  std::string id;
  EXPECT_EQ(w.act(w.desk->drill(drill, w.now(), &id)), "");
  return id;
}

TEST(FireDrill, TellsTheLadderOfTheRouteAndSaysWhatItIs) {
  World w(two_routes());
  start(w, of("root"));
  EXPECT_EQ(w.told(), (Told{"sms>first:FIRING"}));
  EXPECT_TRUE(w.newest().title.starts_with("DRILL: ")) << w.newest().title;
  EXPECT_TRUE(w.newest().text.starts_with("[HIGH] DRILL: ")) << w.newest().text;
  EXPECT_EQ(w.newest().incident.labels.get("drill"), "true");
  EXPECT_EQ(w.newest().incident.tags, (Told{"drill"}));
  w.pass(5min);
  EXPECT_EQ(w.told(), (Told{"sms>second:FIRING"}));
}

TEST(FireDrill, TellsWhomARouteNotifies) {
  World w(two_routes());
  start(w, of("pay"));
  EXPECT_EQ(w.told(), (Told{"mail>second:FIRING", "hook:FIRING"}));
}

TEST(FireDrill, CanBeForOthersOnly) {
  World w(two_routes());
  Drill drill = of("pay");
  drill.to = {"sms:contact.manager"};
  start(w, drill);
  EXPECT_EQ(w.told(), (Told{"sms>manager:FIRING"}));
  w.restart();
  w.pass(10min);
  EXPECT_EQ(w.told(), (Told{"sms>manager:RESOLVED"}));
}

TEST(FireDrill, EndsWhenSomebodyAcknowledges) {
  World w(two_routes());
  start(w, of("root"));
  w.told();
  w.pass(42s);
  ASSERT_TRUE(w.set(w.only(), IncidentStatus::acknowledged, "first"));
  EXPECT_EQ(w.told(), nothing);
  w.pass(0s);
  EXPECT_EQ(w.only().status, IncidentStatus::resolved);
  EXPECT_EQ(w.only().resolution_notes, "the drill is over: acknowledged by first after 42s");
  EXPECT_EQ(w.only().acknowledged_by, "first");
  EXPECT_EQ(w.told(), (Told{"sms>first:RESOLVED"}));
  w.pass(24h);
  EXPECT_EQ(w.told(), nothing);
}

TEST(FireDrill, EndsByItselfAlsoOverARestart) {
  World w(two_routes());
  start(w, of("root"));
  w.pass(4min);
  w.restart();
  w.pass(6min);
  EXPECT_EQ(w.only().status, IncidentStatus::resolved);
  EXPECT_EQ(w.only().resolution_notes, "the drill is over: nobody acknowledged it within 10m");
  w.restart();
  w.told();
  w.pass(24h);
  EXPECT_EQ(w.told(), nothing);
}

TEST(FireDrill, StaysOnItsRouteOverARestart) {
  World w(two_routes());
  model::Routing& r = w.routing;
  r.policies["other"] = policy("other", {{{"sms:contact.manager"}, 0min}});
  r.root->routes[0].notify.clear();
  r.root->routes[0].policy = "page";
  r.root->policy = "other";
  w.desk->set_routing(r, w.now());
  const std::string id = start(w, of("pay"));
  w.told();
  w.restart();
  ASSERT_EQ(w.act(w.desk->escalate(id, "first", w.now())), "");
  EXPECT_EQ(w.told(), (Told{"sms>second:FIRING"}));
}

TEST(FireDrill, OpensNoTicketUnlessAskedTo) {
  World w(two_routes());
  Drill drill = of("root");
  drill.severity = Severity::critical;
  start(w, drill);
  EXPECT_TRUE(w.store.tickets.empty());
  w.pass(10min);
  EXPECT_TRUE(w.store.tickets.empty());
  drill.tickets = true;
  start(w, drill);
  EXPECT_EQ(w.store.tickets.size(), 1u);
}

TEST(FireDrill, AlertsDoNotJoinIt) {
  World w(two_routes());
  start(w, of("root"));
  w.fire(Labels{{"alertname", "FireDrill"}, {"drill", "true"}});
  EXPECT_EQ(w.store.incidents.size(), 2u);
}

TEST(FireDrill, IsNotReopened) {
  World w(two_routes());
  start(w, of("root"));
  w.pass(10min);
  auto again = w.set(w.only(), IncidentStatus::open);
  ASSERT_FALSE(again);
  EXPECT_NE(again.error().message().find("was a drill and is over; start another one"), std::string::npos);
}

TEST(FireDrill, IsRefusedWhereItWouldReachNobody) {
  World w(two_routes());
  EXPECT_EQ(w.act(w.desk->drill(of("pya"), w.now())),
            "there is no route \"pya\" (did you mean \"pay\"?); the routes are root, pay");
  Drill drill = of("pay");
  drill.to = {"ivr:contact.first"};
  EXPECT_TRUE(w.act(w.desk->drill(drill, w.now())).starts_with("\"ivr:contact.first\" leads to nobody: "));
  drill = of("pay");
  drill.lasts = 25h;
  EXPECT_EQ(w.act(w.desk->drill(drill, w.now())), "a drill waits between 1s and 24h, not 1d1h");
  w.routing.root->routes[0].notify.clear();
  w.routing.root->routes[0].tier = false;
  w.desk->set_routing(w.routing, w.now());
  EXPECT_EQ(w.act(w.desk->drill(of("pay"), w.now())), "route \"pay\" tells nobody at HIGH");
  w.routing.root->routes[0].shadow = true;
  w.desk->set_routing(w.routing, w.now());
  EXPECT_TRUE(w.act(w.desk->drill(of("pay"), w.now())).starts_with("route \"pay\" is in shadow mode"));
  EXPECT_TRUE(w.store.incidents.empty());
}

TEST(FireDrill, IsRefusedDuringAPause) {
  World w(two_routes());
  model::Pause pause;
  pause.until = w.now() + 1h;
  pause.by = "bob";
  ASSERT_EQ(w.act(w.desk->pause(pause, w.now())), "");
  EXPECT_TRUE(w.act(w.desk->drill(of("root"), w.now())).starts_with("notifications are paused by bob until "));
}

TEST(FireDrill, SaysWhenItEnds) {
  World w(two_routes());
  const std::string id = start(w, of("root"));
  EXPECT_EQ(w.desk->drill_end(id), w.now() + 10min);
  EXPECT_EQ(w.desk->drill_end("7"), std::nullopt);
}

}  // namespace
}  // namespace tocsin::incidents::testing::drills_test
