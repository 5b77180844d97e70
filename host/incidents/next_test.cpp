// Promises about when somebody will be told of what is held back, and by what.
#include <gtest/gtest.h>

#include "base/text.hpp"
#include "incidents/desk_world.hpp"

namespace tocsin::incidents::testing::next_test {
namespace {

using model::VerdictKind;

const Labels down{{"alertname", "Down"}, {"host", "1"}}, slow{{"alertname", "Slow"}, {"host", "1"}};

model::Routing with(model::Routing r) {
  r.inhibit_rules = {{"down", matchers({R"(alertname="Down")"}), matchers({R"(alertname="Slow")"}), {"host"}}};
  for (auto interval : {hours("day", 6, 22), hours("late", 22, 23)}) r.time_intervals[interval.name] = interval;
  return r;
}

std::string silence(World& w, const std::vector<std::string>& texts, base::Duration lasts) {
  model::Silence s;
  s.matchers = matchers(texts);
  s.ends_at = w.now() + lasts;
  s.created_by = "ana";
  s.comment = "CHG1";
  std::string id;
  w.keep(w.desk->set_silence(s, w.now(), &id).value());
  return id;
}

/// What is due is told at the instant that was named, and not before.
void expect_told_then(World& w, const Due& due) {
  w.told();
  w.pass(due.at - w.now() - 1ns);
  EXPECT_EQ(w.told(), Told{});
  w.pass(1ns);
  EXPECT_EQ(w.told().size(), 1u) << "not told at " << base::format_rfc3339(due.at);
}

TEST(NextHeld, OfASilencedGroupIsTheFirstFlushAfterTheSilence) {
  World w(with(routing()));
  const std::string id = silence(w, {"host=1"}, 17min);
  const Time over = w.now() + 17min;
  w.fire(slow);
  const auto next = w.desk->next({});
  ASSERT_EQ(next.size(), 1u);
  EXPECT_EQ(next[0].text, "silenced by " + id + " until " + base::format_rfc3339(over) + "; 1 firing");
  ASSERT_TRUE(next[0].held);
  EXPECT_EQ(next[0].held->kind, VerdictKind::silenced);
  EXPECT_EQ(next[0].held->until, over);
  EXPECT_GE(next[0].at, over);
  expect_told_then(w, next[0]);
}

TEST(NextHeld, OneHoldAfterTheOtherIsFollowed) {
  model::Routing r = with(routing());
  r.root->mute_time_intervals = {"late"};
  World w(r);
  silence(w, {"host=1"}, 2h);  // until 00:13, the mute time until 23:00
  w.fire(slow);
  const auto next = w.desk->next({});
  ASSERT_EQ(next.size(), 1u);
  EXPECT_EQ(next[0].held->by, "late");
  expect_told_then(w, next[0]);
}

TEST(NextHeld, OutsideTheActiveTimesNamesThemAndWhenTheyBegin) {
  model::Routing r = with(routing());
  r.root->active_time_intervals = {"day"};
  World w(r);
  w.fire(slow);
  const auto next = w.desk->next({});
  ASSERT_EQ(next.size(), 1u);
  EXPECT_EQ(next[0].text, "outside day until 2023-11-15T06:00:00Z; 1 firing");
  expect_told_then(w, next[0]);
}

TEST(NextHeld, InhibitionHasNoTimeThatAnybodyKnows) {
  World w(with(routing()));
  w.fire(down);
  w.fire(slow);
  const auto next = w.desk->next({.rule = "Slow"});
  ASSERT_EQ(next.size(), 1u);
  EXPECT_EQ(next[0].at, base::no_time);
  EXPECT_EQ(next[0].text, "inhibited by Down; told when that is over");
  EXPECT_EQ(next[0].alerts, 1u);
}

TEST(NextHeld, AnAlertThatIsFreeIsToldThoughItsNeighbourIsNot) {
  World w(with(routing()));
  silence(w, {"host=1"}, 1h);
  w.fire({{"alertname", "Slow"}, {"host", "1"}});
  w.fire({{"alertname", "Slow"}, {"host", "2"}});
  const auto both = w.desk->next({});
  ASSERT_EQ(both.size(), 1u);
  EXPECT_EQ(both[0].text, "1 firing");
  EXPECT_EQ(both[0].at, w.now() + 30s);
  EXPECT_FALSE(both[0].held);
  const auto silenced = w.desk->next({.matchers = matchers({"host=1"})});
  ASSERT_EQ(silenced.size(), 1u);
  EXPECT_TRUE(silenced[0].held) << "who asks for the silenced one hears of that one";
  EXPECT_GE(silenced[0].at, w.now() + 1h);
}

TEST(NextHeld, ALadderGoesOnWhenItsHoldEnds) {
  World w(with(ladder_routing()));
  silence(w, {"host=1"}, 20min);
  w.fire(slow);
  const auto next = w.desk->next({});
  ASSERT_EQ(next.size(), 1u);
  EXPECT_EQ(next[0].what, "ladder step 1");
  EXPECT_EQ(next[0].at, w.now() + 20min);
  EXPECT_EQ(next[0].held->kind, VerdictKind::silenced);
  expect_told_then(w, next[0]);
}

TEST(NextHeld, TheStepThatWillFallIntoAHoldIsForeseen) {
  World w(with(ladder_routing()));
  w.fire(slow);
  silence(w, {"host=1"}, 20min);
  const auto next = w.desk->next({});
  ASSERT_EQ(next.size(), 1u);
  EXPECT_EQ(next[0].what, "ladder step 2");
  EXPECT_EQ(next[0].at, w.now() + 20min) << "and not after 5 minutes";
  expect_told_then(w, next[0]);
}

TEST(NextHeld, AnInhibitedLadderSaysByWhat) {
  World w(with(ladder_routing()));
  w.fire(down);
  w.fire(slow);
  const auto next = w.desk->next({.rule = "Slow"});
  ASSERT_EQ(next.size(), 1u);
  EXPECT_EQ(next[0].at, base::no_time);
  EXPECT_EQ(next[0].text, "inhibited by Down; told when that is over");
}

}  // namespace
}  // namespace tocsin::incidents::testing::next_test
