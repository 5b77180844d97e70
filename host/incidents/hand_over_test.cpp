// Promises about ladders of a day and a night that follow on one another, to their ends.
#include <gtest/gtest.h>

#include "base/text.hpp"
#include "incidents/desk_world.hpp"

namespace tocsin::incidents::testing::hand_over_test {
namespace {

const Labels slow{{"alertname", "Slow"}, {"host", "1"}};

/// By day sms to first, then the manager when nobody took it; by night mail to second, then hook. 22:13 at first.
model::Routing day_and_night() {
  model::Routing r = ladder_routing();
  r.time_intervals["day"] = hours("day", 6, 22);
  r.time_intervals["night"] = hours("night", 22, 6);
  r.policies["light"] = policy("light", {{{"sms:contact.first"}, 5min}});
  r.policies["light"].on_exhausted = {"sms:contact.manager"};
  r.policies["dark"] = policy("dark", {{{"mail:contact.second"}, 5min}});
  r.policies["dark"].on_exhausted = {"hook"};
  for (const char* name : {"day", "night"}) {
    model::Route child = *r.root;
    child.routes.clear();
    child.name = name;
    child.path = std::string("root/") + name;
    child.continues = true;
    child.active_time_intervals = {name};
    child.policy = std::string(name) == "day" ? "light" : "dark";
    r.root->routes.push_back(child);
  }
  return r;
}

TEST(HandOver, ALadderThatWasHandedOverIsExhaustedOnTheDaysRoute) {
  World w(day_and_night());
  w.clock.advance(7h + 45min);  // 05:58
  w.fire(slow);
  w.pass(5min);
  EXPECT_EQ(w.told(), (Told{"mail>second:FIRING", "sms>first:FIRING"})) << "night's end is not told by day";
  w.restart();
  w.pass(5min);
  EXPECT_EQ(w.told(), (Told{"sms>manager:FIRING"}));
  w.pass(72h);
  EXPECT_EQ(w.told(), Told{}) << "once, and nobody is paged anew at each change of the hours";
}

TEST(HandOver, ALadderThatIsAtItsEndGoesOnToThoseWhoWereNotToldWhenTheirHoursBegin) {
  World w(day_and_night());
  w.fire(slow);
  w.pass(1h);
  EXPECT_EQ(w.told(), (Told{"mail>second:FIRING", "hook:FIRING"}));
  w.restart();
  const auto next = w.desk->next({});
  ASSERT_EQ(next.size(), 1u);
  EXPECT_EQ(next[0].what, "ladder step 1");
  EXPECT_EQ(next[0].route, "root/day");
  EXPECT_EQ(base::format_rfc3339(next[0].at), "2023-11-15T06:00:00Z");
  w.pass(next[0].at - w.now());
  EXPECT_EQ(w.told(), (Told{"sms>first:FIRING"}));
  w.pass(5min);
  EXPECT_EQ(w.told(), (Told{"sms>manager:FIRING"}));
  w.pass(72h);
  EXPECT_EQ(w.told(), Told{});
}

TEST(HandOver, OfALadderAtItsEndEndsWithAnAcknowledgement) {
  World w(day_and_night());
  w.fire(slow);
  w.pass(1h);
  ASSERT_TRUE(w.set(w.only(), IncidentStatus::acknowledged));
  w.told();
  w.pass(24h);
  EXPECT_EQ(w.told(), Told{});
}

TEST(HandOver, WithoutAnotherRouteTheEndIsTheEnd) {
  model::Routing r = day_and_night();
  r.root->routes.erase(r.root->routes.begin());
  World w(r);
  const Alert a = w.fire(slow);
  w.pass(1h);
  w.told();
  EXPECT_TRUE(w.desk->next({}).empty());
  EXPECT_FALSE(w.desk->next_due()) << "a timer without a cause";
}

}  // namespace
}  // namespace tocsin::incidents::testing::hand_over_test
