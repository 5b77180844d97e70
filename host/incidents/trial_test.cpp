// Promises about `tocsin route test`: what it says is what the desk would do.
#include "incidents/trial.hpp"

#include <gtest/gtest.h>

#include "base/text.hpp"
#include "incidents/desk_world.hpp"

namespace tocsin::incidents::testing {
namespace {

using model::TimeInterval;

Alert labelled(Labels labels) {
  Alert a;
  a.labels = std::move(labels);
  a.fingerprint = a.labels.fingerprint();
  a.state = AlertState::firing;
  return a;
}

std::vector<std::string> messages(const Trial& trial, Time from) {
  std::vector<std::string> out;
  for (const auto& m : trial.messages)
    out.push_back(base::format_duration(m.at - from) + " " + m.step + " " + m.instance + ">" + m.who);
  return out;
}

/// "day" by policy page, and everything else by hook.
model::Routing day_routing() {
  model::Routing r = ladder_routing();
  model::Route day = *r.root;
  day.name = "day";
  day.path = "root/day";
  day.matchers = matchers({"team=payments"});
  day.active_time_intervals = {"business"};
  r.root->policy.clear();
  r.root->notify = {"hook"};
  r.root->routes = {day};
  r.time_intervals["business"].name = "business";
  return r;
}

TEST(Trial, NamesTheRouteItsGroupAndEachStepWithItsClockTime) {
  const Time at = base::ManualClock().now();
  const model::Routing r = day_routing();
  const Trial trial = try_routes(r, labelled({{"alertname", "A"}, {"team", "payments"}}), at, {});
  ASSERT_EQ(trial.routes.size(), 1u);
  EXPECT_EQ(trial.routes[0].path, "root/day");
  EXPECT_EQ(trial.routes[0].group_key, R"({}/{team="payments"}:{alertname="A"})");
  EXPECT_EQ(trial.policy, "page");
  EXPECT_EQ(messages(trial, at), (std::vector<std::string>{"0s ladder step 1 sms>first", "5m ladder step 2 sms>second",
                                                           "15m ladder step 3 sms>manager"}));
  EXPECT_TRUE(trial.anybody());
}

TEST(Trial, TellsByGroupAfterGroupWait) {
  const Time at = base::ManualClock().now();
  const Trial trial = try_routes(day_routing(), labelled({{"alertname", "A"}}), at, {});
  EXPECT_EQ(messages(trial, at), (std::vector<std::string>{"30s group flush hook>"}));
}

TEST(Trial, OutsideItsActiveTimesARouteTellsNobody) {
  Judges never;
  never.interval = [](const TimeInterval& interval, Time) { return interval.name != "business"; };
  const Trial trial = try_routes(day_routing(), labelled({{"team", "payments"}}), base::ManualClock().now(), never);
  ASSERT_EQ(trial.routes.size(), 1u);
  EXPECT_FALSE(trial.routes[0].open);
  EXPECT_EQ(trial.routes[0].intervals.at(0).holds, false);
  EXPECT_FALSE(trial.anybody());
}

TEST(Trial, SaysWhenASilenceOrTheShadowKeepsItIn) {
  Judges silent;
  silent.silence = [](const Alert&, Time) { return std::string("4f1c"); };
  EXPECT_FALSE(try_routes(day_routing(), labelled({}), base::ManualClock().now(), silent).anybody());
  model::Routing r = day_routing();
  r.shadow = true;
  EXPECT_FALSE(try_routes(r, labelled({}), base::ManualClock().now(), {}).anybody());
}

TEST(Trial, MapsTheSeverityAndReportsTargetsThatLeadToNobody) {
  model::Routing r = day_routing();
  r.severity.map["page"] = Severity::critical;
  r.root->notify = {"mail:contact.manager"};
  const Trial trial = try_routes(r, labelled({{"severity", "PAGE"}}), base::ManualClock().now(), {});
  EXPECT_EQ(trial.severity, Severity::critical);
  ASSERT_EQ(trial.problems.size(), 1u);
  EXPECT_NE(trial.problems[0].find("has no email"), std::string::npos) << trial.problems[0];
  EXPECT_FALSE(trial.anybody());
}

TEST(Trial, WithoutARouteNobodyIsTold) {
  model::Routing r = routing();
  r.root.reset();
  const Trial trial = try_routes(r, labelled({{"alertname", "A"}}), base::ManualClock().now(), {});
  EXPECT_TRUE(trial.routes.empty());
  EXPECT_FALSE(trial.anybody());
}

}  // namespace
}  // namespace tocsin::incidents::testing
