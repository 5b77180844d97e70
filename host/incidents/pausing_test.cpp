// Promises about a maintenance pause: nobody is told while it lasts, nothing is lost, and at its end what is still true
// is told.
#include <gtest/gtest.h>

#include <algorithm>

#include "incidents/desk_world.hpp"

namespace tocsin::incidents::testing::pausing_test {
namespace {

const Labels labels{{"alertname", "A"}};
const Told nothing;

model::Pause pause_for(const World& w, base::Duration lasts, std::string reason = "core upgrade") {
  model::Pause pause;
  pause.until = w.now() + lasts;
  pause.by = "alice";
  pause.reason = std::move(reason);
  return pause;
}

void pause(World& w, base::Duration lasts) {
  ASSERT_EQ(w.act(w.desk->pause(pause_for(w, lasts), w.now())), "");
}

void pause_all_but_critical(World& w, base::Duration lasts) {
  model::Pause wanted = pause_for(w, lasts);
  wanted.except_critical = true;
  ASSERT_EQ(w.act(w.desk->pause(wanted, w.now())), "");
}

void resume(World& w) {
  ASSERT_EQ(w.act(w.desk->resume("bob", w.now())), "");
}

/// Those that left after being gathered alone keep their key: told() has passed over them.
std::vector<std::string> leaving(World& w) {
  std::vector<std::string> out;
  for (const Delivery& d : w.last.deliveries) {
    if (d.state == DeliveryState::pending && d.digest.empty()) out.push_back(d.recipient + ": " + d.title);
  }
  return out;
}

TEST(Pause, ALadderStandsStillAndKeepsTheTimeItHadLeft) {
  World w(ladder_routing());
  w.fire(labels);
  EXPECT_EQ(w.told(), (Told{"sms>first:FIRING"}));
  w.pass(3min);
  pause(w, 30min);
  w.pass(30min);
  EXPECT_EQ(w.told(), nothing);
  w.pass(2min - 1s);
  EXPECT_EQ(w.told(), nothing);
  w.pass(1s);
  EXPECT_EQ(w.told(), (Told{"sms>second:FIRING"}));
}

TEST(Pause, WhatOpensMeanwhileIsToldAtItsEnd) {
  World w(ladder_routing());
  pause(w, 30min);
  w.fire(labels);
  EXPECT_EQ(w.only().status, IncidentStatus::open) << "incidents go on";
  w.pass(30min - 1s);
  EXPECT_EQ(w.told(), nothing);
  w.pass(1s);
  EXPECT_EQ(w.told(), (Told{"sms>first:FIRING"}));
}

TEST(Pause, WhatIsOverBeforeItsEndIsNotTold) {
  World w(ladder_routing());
  pause(w, 30min);
  const Alert a = w.fire(labels);
  w.pass(10min);
  w.resolve(a);
  w.pass(2h);
  EXPECT_EQ(w.told(), nothing);
}

TEST(Pause, AGroupIsFlushedAtItsEndIfItStillFires) {
  World w(routing());
  pause(w, 17min);
  const Alert a = w.fire(labels);
  const Alert b = w.fire(Labels{{"alertname", "B"}});
  w.pass(10min);
  w.resolve(b);
  w.pass(7min - 1s);
  EXPECT_EQ(w.told(), nothing);
  w.pass(1s);
  EXPECT_EQ(w.told(), (Told{"hook:FIRING"}));
  EXPECT_EQ(w.newest().alerts.front().id, a.id);
}

TEST(Pause, TheEndOfWhatWasToldBeforeIsToldAfterwards) {
  World w(routing());
  const Alert a = w.fire(labels);
  w.pass(1min);
  w.deliver_all();
  EXPECT_EQ(w.told(), (Told{"hook:FIRING"}));
  pause(w, 1h);
  w.resolve(a);
  w.pass(1h - 1s);
  EXPECT_EQ(w.told(), nothing);
  w.pass(1s);
  EXPECT_EQ(w.told(), (Told{"hook:RESOLVED"}));
}

TEST(Pause, MessagesAboutChangesWaitAndOneAloneLeavesAsItIs) {
  World w(ladder_routing());
  w.fire(labels);
  w.deliver_all();
  w.told();
  pause(w, 1h);
  ASSERT_TRUE(w.set(w.only(), IncidentStatus::acknowledged, "second"));
  EXPECT_EQ(w.told(), nothing);
  EXPECT_EQ(w.said().back(), "paused sms:contact.first>first");
  w.pass(1h);
  EXPECT_EQ(leaving(w), (Told{"first: A"}));
  EXPECT_EQ(w.last.deliveries.back().text, "A: ACKNOWLEDGED by second");
}

TEST(Pause, SeveralMessagesToOnePersonBecomeADigest) {
  World w(ladder_routing());
  w.fire(labels);
  const Alert b = w.fire(Labels{{"alertname", "B"}});
  w.deliver_all();
  w.told();
  pause(w, 1h);
  ASSERT_TRUE(w.set(w.incidents().front(), IncidentStatus::acknowledged, "second"));
  w.resolve(b);
  w.pass(1h);
  ASSERT_EQ(w.told().size(), 1u);
  EXPECT_EQ(w.newest().title, "2 messages in one: 0 groups, 2 incidents, 2 alerts");
}

TEST(Pause, ResumingTellsAtOnceWhatIsStillTrue) {
  World w(ladder_routing());
  pause(w, 10h);
  w.fire(labels);
  w.pass(1min);
  resume(w);
  EXPECT_EQ(w.told(), (Told{"sms>first:FIRING"}));
  EXPECT_FALSE(w.desk->paused(w.now()));
  w.pass(5min);
  EXPECT_EQ(w.told(), (Told{"sms>second:FIRING"}));
}

TEST(Pause, ResumingGivesALadderTheTimeItHadLeft) {
  World w(ladder_routing());
  w.fire(labels);
  w.told();
  w.pass(3min);
  pause(w, 10h);
  w.pass(1h);
  resume(w);
  w.pass(2min - 1s);
  EXPECT_EQ(w.told(), nothing);
  w.pass(1s);
  EXPECT_EQ(w.told(), (Told{"sms>second:FIRING"}));
}

TEST(Pause, ResumingSendsTheMessagesThatWaited) {
  World w(ladder_routing());
  w.fire(labels);
  w.deliver_all();
  pause(w, 10h);
  ASSERT_TRUE(w.set(w.only(), IncidentStatus::acknowledged, "second"));
  resume(w);
  EXPECT_EQ(leaving(w), (Told{"first: A"}));
}

TEST(Pause, CanBeMadeLongerAndShorter) {
  World w(ladder_routing());
  w.fire(labels);
  w.told();
  w.pass(3min);
  pause(w, 10min);
  w.pass(5min);
  pause(w, 1h);
  w.pass(30min);
  pause(w, 1min);
  w.pass(1min + 2min - 1s);
  EXPECT_EQ(w.told(), nothing);
  w.pass(1s);
  EXPECT_EQ(w.told(), (Told{"sms>second:FIRING"}));
}

TEST(Pause, LastsOverARestartAndEndsByItself) {
  World w(ladder_routing());
  w.fire(labels);
  w.told();
  w.pass(3min);
  pause(w, 30min);
  w.restart();
  ASSERT_TRUE(w.desk->paused(w.now()));
  EXPECT_EQ(w.desk->paused(w.now())->by, "alice");
  EXPECT_EQ(w.desk->paused(w.now())->reason, "core upgrade");
  w.fire(Labels{{"alertname", "B"}});
  w.restart();
  w.pass(30min - 1s);
  EXPECT_EQ(w.told(), nothing);
  w.pass(1s);
  EXPECT_EQ(w.told(), (Told{"sms>first:FIRING"}));
  w.pass(2min);
  EXPECT_EQ(w.told(), (Told{"sms>second:FIRING"}));
  w.restart();
  EXPECT_FALSE(w.desk->paused(w.now()));
}

TEST(Pause, ThatEndedWhileTheAgentWasDownIsOver) {
  World w(routing());
  pause(w, 30min);
  w.fire(labels);
  w.pass(1min);
  w.clock.advance(2h);
  w.restart();
  w.pass(0s);
  EXPECT_EQ(w.told(), (Told{"hook:FIRING"}));
  EXPECT_TRUE(w.store.groups.find("pause") == w.store.groups.end());
}

TEST(Pause, MessagesThatWaitSurviveARestart) {
  World w(ladder_routing());
  w.fire(labels);
  w.deliver_all();
  pause(w, 1h);
  ASSERT_TRUE(w.set(w.only(), IncidentStatus::acknowledged, "second"));
  w.restart();
  w.pass(1h);
  EXPECT_EQ(leaving(w), (Told{"first: A"}));
}

TEST(Pause, MessagesThatJoinAfterItsEndWasMovedLeaveAtItsNewEnd) {
  for (const bool exempt : {false, true}) {
    World w(ladder_routing());
    w.fire(labels);
    w.fire(Labels{{"alertname", "B"}});
    w.deliver_all();
    w.told();
    const auto change = [&](base::Duration lasts) {
      model::Pause wanted = pause_for(w, lasts);
      wanted.except_critical = exempt;
      ASSERT_EQ(w.act(w.desk->pause(wanted, w.now())), "");
    };
    change(2h);
    ASSERT_TRUE(w.set(w.incidents()[0], IncidentStatus::acknowledged, "second"));
    change(1h);
    ASSERT_TRUE(w.set(w.incidents()[1], IncidentStatus::acknowledged, "second"));
    change(3h);
    ASSERT_TRUE(w.set(w.incidents()[1], IncidentStatus::in_progress, "second"));
    change(1h);
    w.pass(1h);
    ASSERT_EQ(w.told().size(), 1u);
    EXPECT_TRUE(w.newest().title.starts_with("2 messages in one")) << w.newest().title << ": the dedup has the third";
    w.deliver_all();
    w.pass(24h);
    EXPECT_EQ(w.told(), nothing);
  }
}

TEST(Pause, CriticalWaitsTooUnlessItIsExempt) {
  World w(ladder_routing());
  pause(w, 1h);
  w.fire(labels, Severity::critical);
  EXPECT_EQ(w.told(), nothing);
  World other(ladder_routing());
  pause_all_but_critical(other, 1h);
  other.fire(Labels{{"alertname", "B"}});
  EXPECT_EQ(other.told(), nothing);
  other.fire(labels, Severity::critical);
  EXPECT_EQ(other.told(), (Told{"sms>first:FIRING"}));
  other.pass(5min);
  EXPECT_EQ(other.told(), (Told{"sms>second:FIRING"}));
}

TEST(Pause, WhatRisesToCriticalIsToldWhereThatIsExempt) {
  World w(ladder_routing());
  pause_all_but_critical(w, 1h);
  Alert a = w.fire(labels);
  w.pass(1min);
  a.severity = Severity::critical;
  a.updated_at += 1min;
  w.send(a);
  w.pass(1s);
  EXPECT_EQ(w.told(), (Told{"sms>first:FIRING"}));
}

TEST(Pause, CriticalGroupsAreToldWhereTheyAreExempt) {
  World w(routing());
  pause_all_but_critical(w, 1h);
  w.fire(labels);
  w.fire(Labels{{"alertname", "C"}}, Severity::critical);
  w.pass(1min);
  EXPECT_EQ(w.told(), (Told{"hook:FIRING"}));
  EXPECT_EQ(w.newest().title, "C");
}

TEST(Pause, WhatAPersonAsksForByHandLeaves) {
  World w(ladder_routing());
  w.fire(labels);
  w.told();
  pause(w, 1h);
  ASSERT_EQ(w.act(w.desk->page(w.only().correlation_id, {"sms:contact.manager"}, "look", "alice", w.now())), "");
  EXPECT_EQ(w.told(), (Told{"sms>manager:FIRING"}));
  ASSERT_EQ(w.act(w.desk->escalate(w.only().correlation_id, "alice", w.now())), "");
  EXPECT_EQ(w.told(), (Told{"sms>second:FIRING"}));
  w.pass(1h + 10min - 1s);
  EXPECT_EQ(w.told(), nothing) << "the step after it has its time, from the end of the pause on";
  w.pass(1s);
  EXPECT_EQ(w.told(), (Told{"sms>manager:FIRING"}));
}

TEST(Pause, ASnoozeAndAPauseAtOneTimeDoNotAddUp) {
  World w(ladder_routing());
  w.fire(labels);
  w.told();
  w.pass(3min);
  pause(w, 1h);
  ASSERT_EQ(w.act(w.desk->snooze(w.only().correlation_id, w.now() + 30min, "alice", w.now())), "");
  w.pass(1h + 2min - 1s);
  w.told();
  w.pass(1s);
  EXPECT_EQ(w.told(), (Told{"sms>second:FIRING"}));
}

TEST(Pause, OfAnAcknowledgedIncidentStartsNothing) {
  World w(ladder_routing());
  w.fire(labels);
  ASSERT_TRUE(w.set(w.only(), IncidentStatus::acknowledged, "first"));
  w.told();
  pause(w, 1h);
  w.pass(24h);
  EXPECT_EQ(w.told(), nothing);
}

TEST(Pause, TrackersGoOn) {
  model::Routing r = ladder_routing();
  r.channels["jira"] = tracker("jira");
  World w(r);
  pause(w, 1h);
  w.fire(labels);
  ASSERT_EQ(w.store.deliveries.size(), 1u);
  EXPECT_TRUE(w.newest().tracker);
}

TEST(Pause, IsANamedReasonForLaddersGroupsAndMessages) {
  model::Routing r = ladder_routing();
  r.root->notify = {"hook"};
  World w(r);
  pause(w, 1h);
  w.fire(labels);
  w.pass(1min);
  EXPECT_EQ(std::ranges::count(w.store.verdicts, model::VerdictKind::paused, &model::Verdict::kind), 2);
  EXPECT_EQ(w.last_verdict().by, "alice: core upgrade");
  EXPECT_EQ(w.last_verdict().until, w.now() + 59min);
  const auto next = w.desk->next({});
  ASSERT_EQ(next.size(), 2u);
  for (const Due& due : next) {
    ASSERT_TRUE(due.held) << due.what;
    EXPECT_EQ(due.held->kind, model::VerdictKind::paused);
    EXPECT_EQ(due.at, w.now() + 59min);
    EXPECT_TRUE(due.text.starts_with("paused by alice: core upgrade until ")) << due.text;
  }
}

TEST(Pause, IsSaidInTheTimelineOfWhatStandsStill) {
  World w(ladder_routing());
  w.fire(labels);
  pause(w, 1h);
  EXPECT_EQ(w.store.timeline.back().what, "paused");
  EXPECT_EQ(w.store.timeline.back().actor, "alice");
  EXPECT_EQ(w.store.timeline.back().text, "core upgrade");
  resume(w);
  EXPECT_EQ(w.store.timeline.back().text, "resumed by bob");
}

TEST(Pause, HasAnEndAndARefusalSaysSo) {
  World w(ladder_routing());
  EXPECT_TRUE(w.act(w.desk->pause(pause_for(w, 24h + 1s), w.now())).starts_with("a pause lasts up to 24h"));
  EXPECT_TRUE(w.act(w.desk->pause(pause_for(w, 0s), w.now())).starts_with("a pause lasts up to 24h"));
  EXPECT_EQ(w.act(w.desk->pause(pause_for(w, 1h, std::string(501, 'x')), w.now())),
            "the reason of a pause has at most 500 bytes");
  EXPECT_EQ(w.act(w.desk->resume("bob", w.now())), "notifications are not paused");
  EXPECT_FALSE(w.desk->paused(w.now()));
}

TEST(Pause, AStormThatWasGatheredBeforeWaitsForItsEnd) {
  model::Routing r = routing();
  r.storm.after = 3;
  r.root->group_wait = 0s;
  World w(r);
  for (int i = 0; i < 6; ++i) w.fire(Labels{{"alertname", "A" + std::to_string(i)}});
  w.told();
  pause(w, 1h);
  w.pass(59min);
  EXPECT_EQ(w.told(), nothing);
  w.pass(1min);
  EXPECT_EQ(w.told(), (Told{"hook:FIRING"}));
  EXPECT_EQ(w.newest().alerts.size(), 3u);
}

}  // namespace
}  // namespace tocsin::incidents::testing::pausing_test
