// Promises about the one sentence that answers `tocsin explain`, and what it tells people to do.
#include "app/explanation.hpp"

#include <gtest/gtest.h>

#include "base/text.hpp"

namespace tocsin::app {
namespace {

using namespace std::chrono_literals;
using model::AlertState;
using model::VerdictKind;

const base::Time three = base::parse_rfc3339("2026-11-20T03:00:00Z").value();

class Explained : public ::testing::Test {
 protected:
  Explained() {
    query.from = three;
    query.to = three + 1h;
    facts.now = three + 2h;
  }
  model::Verdict& add(VerdictKind kind, base::Duration after, std::string target = "", std::string who = "") {
    model::Verdict& v = facts.verdicts.emplace_back();
    v.kind = kind;
    v.at = three + after;
    v.target = std::move(target);
    v.who = std::move(who);
    v.route = "root/pay";
    v.delivery_key = "key" + std::to_string(facts.verdicts.size());
    return v;
  }
  model::Alert& alert(AlertState state, base::Duration after = 0s) {
    model::Alert& a = facts.alerts.emplace_back();
    a.rule = a.title = "ssh_bruteforce";
    a.state = state;
    a.active_at = three + after;
    if (state != AlertState::pending) a.fired_at = a.active_at;
    return a;
  }
  api::RuleInfo& rule(std::string name, std::string health = "ok") {
    auto made = std::make_shared<model::Rule>();
    made->name = std::move(name);
    made->for_ = 5min;
    api::RuleInfo& info = facts.rules.emplace_back();
    info.rule = std::move(made);
    info.health = std::move(health);
    return info;
  }
  api::Explanation answer() { return explain(query, facts); }

  api::ExplainQuery query;
  Facts facts;
};

TEST_F(Explained, NamesWhoWasToldByWhatAndWhen) {
  add(VerdictKind::told, 131s, "sms:contact.first", "first").text = "ladder step 1";
  const auto a = answer();
  EXPECT_TRUE(a.told);
  EXPECT_EQ(a.verdict, "first was told by sms:contact.first at 2026-11-20T03:02:11Z (ladder step 1)");
  EXPECT_EQ(a.remedy, "");
  ASSERT_EQ(a.entries.size(), 1u);
  EXPECT_EQ(a.entries[0].kind, "told");
}

TEST_F(Explained, CountsMessagesBeyondThreePeople) {
  for (const char* who : {"a", "b", "c", "d", "d"}) add(VerdictKind::told, 1s, std::string("sms:contact.") + who, who);
  EXPECT_TRUE(answer().verdict.ends_with("; and 2 messages more")) << answer().verdict;
}

TEST_F(Explained, NamesWhatHeldItBackAndWhatToDo) {
  add(VerdictKind::group_wait, 1s).until = three + 31s;
  model::Verdict& v = add(VerdictKind::silenced, 31s);
  v.by = "4f1c";
  v.until = three + 2h;
  const auto a = answer();
  EXPECT_FALSE(a.told);
  EXPECT_EQ(a.verdict, "nobody was told: silenced by 4f1c until 2026-11-20T05:00:00Z");
  EXPECT_NE(a.remedy.find("tocsin silence expire 4f1c"), std::string::npos);
}

TEST_F(Explained, HasAReasonAndARemedyForEachKind) {
  for (int kind = 2; kind <= static_cast<int>(VerdictKind::limited); ++kind) {
    facts.verdicts.clear();
    model::Verdict& v = add(static_cast<VerdictKind>(kind), 1s, "sms:contact.first");
    v.by = "x";
    v.text = "y";
    v.until = three + 1h;
    const auto a = answer();
    EXPECT_FALSE(a.told) << a.verdict;
    EXPECT_TRUE(a.verdict.starts_with("nobody was told: ")) << a.verdict;
    const auto k = static_cast<VerdictKind>(kind);
    if (k != VerdictKind::deduplicated) {
      EXPECT_NE(a.remedy, "") << model::to_string(k);
    }
  }
}

TEST_F(Explained, AMessageThatTheLimitsHoldHasToldNobodyYet) {
  const std::string key = add(VerdictKind::told, 1s, "sms:contact.first", "first").delivery_key;
  model::Verdict& v = add(VerdictKind::limited, 1s, "sms:contact.first", "first");
  v.delivery_key = key;
  v.text = "the limits of sms (5/15m) are reached";
  v.until = facts.now + 1min;
  EXPECT_EQ(
      answer().verdict,
      "nobody was told: the message to first by sms:contact.first waits until 2026-11-20T05:01:00Z (the limits of "
      "sms (5/15m) are reached)");
  facts.now += 2min;
  EXPECT_TRUE(answer().told) << "it has left since";
}

TEST_F(Explained, AMessageThatDiedToldNobody) {
  const std::string key = add(VerdictKind::told, 1s, "sms:contact.first", "first").delivery_key;
  model::Verdict& v = add(VerdictKind::failed, 5s, "sms:contact.first", "first");
  v.delivery_key = key;
  v.text = "401";
  const auto a = answer();
  EXPECT_FALSE(a.told);
  EXPECT_EQ(a.verdict,
            "nobody was told: the message to first by sms:contact.first failed at 2026-11-20T03:00:05Z (401)");
  EXPECT_NE(a.remedy.find("tocsin dead-letter replay"), std::string::npos);
}

TEST_F(Explained, AMessageThatIsTriedAgainHasNotArrived) {
  const std::string key = add(VerdictKind::told, 1s, "hook").delivery_key;
  model::Attempt& attempt = facts.retrying.emplace_back();
  attempt.delivery_key = key;
  attempt.error = "503";
  const auto a = answer();
  EXPECT_FALSE(a.told);
  EXPECT_EQ(a.verdict, "nobody was told: the message to hook has not arrived, it is tried again (503)");
}

TEST_F(Explained, SaysOfOnePersonWhoWasToldInstead) {
  query.who = "second";
  add(VerdictKind::told, 1s, "sms:contact.first", "first").text = "ladder step 1";
  facts.concerns = [](const model::Verdict& v) { return v.who == "second"; };
  const auto a = answer();
  EXPECT_FALSE(a.told);
  EXPECT_EQ(a.verdict,
            "second was not told: no decision concerned this one; first was told by sms:contact.first at "
            "2026-11-20T03:00:01Z (ladder step 1)");
  EXPECT_TRUE(a.entries.empty());
}

TEST_F(Explained, WhatWasToldBeforeTheSpanIsSaid) {
  alert(AlertState::firing, -1h);
  add(VerdictKind::told, -30min, "hook").text = "group flush: 1 firing";
  const auto a = answer();
  EXPECT_FALSE(a.told);
  EXPECT_EQ(a.verdict,
            "nobody was told: nothing was decided in this span; before it, hook was told at 2026-11-20T02:30:00Z "
            "(group flush: 1 firing)");
  EXPECT_TRUE(a.entries.empty());
}

TEST_F(Explained, ADeadLetterThatWasSentAgainCountsAsTold) {
  add(VerdictKind::told, 1min, "hook").delivery_key = "k";
  add(VerdictKind::failed, 5min, "hook").delivery_key = "k";
  EXPECT_FALSE(answer().told);
  model::Verdict& again = add(VerdictKind::told, 30min, "hook");
  again.delivery_key = "k";
  again.text = "dead letter 7 sent again";
  auto a = answer();
  EXPECT_TRUE(a.told);
  EXPECT_EQ(a.verdict, "hook was told at 2026-11-20T03:30:00Z (dead letter 7 sent again)");
  EXPECT_EQ(a.remedy, "");
  add(VerdictKind::failed, 40min, "hook").delivery_key = "k";
  EXPECT_FALSE(answer().told) << "it died once more";
}

TEST_F(Explained, WhatIsHeldIsSaidOfAnAlertThatWaits) {
  alert(AlertState::firing);
  incidents::Due due;
  due.what = "ladder step 1";
  due.target = "hook";
  due.text = "inhibited by Down; told when that is over";
  due.held = incidents::Held{VerdictKind::inhibited, "Down", {}};
  facts.next.push_back(due);
  const auto a = answer();
  EXPECT_EQ(a.verdict,
            "nobody was told: ladder step 1 to hook is held back (inhibited by Down; told when that is over)");
  EXPECT_EQ(a.next.at(0).held_kind, "inhibited");
  EXPECT_EQ(a.next.at(0).held_by, "Down");
}

TEST_F(Explained, WhatIsDueIsSaidOfAnAlertThatWaits) {
  alert(AlertState::firing);
  incidents::Due due;
  due.at = three + 30s;
  due.what = "group flush";
  due.target = "hook";
  facts.next.push_back(due);
  EXPECT_EQ(answer().verdict, "nobody was told: group flush is due at 2026-11-20T03:00:30Z to hook");
}

TEST_F(Explained, WhereNothingFiredTheSourceThatWasDownIsNamed) {
  model::Alert down;
  down.rule = "SourceDown";
  down.labels = {{"source", "auth"}};
  down.state = AlertState::resolved;
  down.fired_at = three;
  down.resolved_at = three + 10min;
  facts.sources_down.push_back(down);
  query.rule = "ssh_bruteforce";
  rule("ssh_bruteforce").last_evaluation = three - 1h;
  const auto a = answer();
  EXPECT_EQ(a.verdict,
            "nothing fired: source auth was down from 2026-11-20T03:00:00Z to 2026-11-20T03:10:00Z; rule "
            "ssh_bruteforce was not evaluated since 2026-11-20T02:00:00Z");
  EXPECT_NE(a.remedy.find("tocsin plugin list"), std::string::npos);
  ASSERT_EQ(a.entries.size(), 1u);
  EXPECT_EQ(a.entries[0].kind, "source_down");
}

TEST_F(Explained, WhereNothingFiredTheRuleSaysWhy) {
  query.rule = "r";
  api::RuleInfo& info = rule("r", "failing");
  info.last_error = "line 3: nil";
  EXPECT_EQ(answer().verdict, "nothing fired: rule r fails (line 3: nil)");
  info.health = "ok";
  EXPECT_EQ(answer().verdict, "nothing fired: rule r was not evaluated: no signal it reads has come");
  info.last_evaluation = three + 30min;
  EXPECT_EQ(answer().verdict,
            "nothing fired: rule r was evaluated last at 2026-11-20T03:30:00Z and its condition did not hold");
}

TEST_F(Explained, APendingAlertSaysWhenItFires) {
  alert(AlertState::pending, 1min);
  rule("ssh_bruteforce").last_evaluation = three + 2min;
  EXPECT_EQ(answer().verdict,
            "nothing fired: \"ssh_bruteforce\" is pending since 2026-11-20T03:01:00Z, fires at 2026-11-20T03:06:00Z if "
            "it lasts");
}

TEST_F(Explained, WithoutAnyReasonItStillAnswers) {
  query.matchers.push_back(model::Matcher::parse("host=n1").value());
  EXPECT_EQ(answer().verdict, "nothing fired: no alert that matches was firing");
  EXPECT_NE(answer().remedy, "");
}

TEST_F(Explained, EntriesAreInTheOrderOfTime) {
  alert(AlertState::resolved, 10s).resolved_at = three + 20min;
  add(VerdictKind::told, 40s, "hook");
  add(VerdictKind::group_wait, 10s);
  std::vector<std::string> kinds;
  for (const auto& entry : answer().entries) kinds.push_back(entry.kind);
  EXPECT_EQ(kinds, (std::vector<std::string>{"firing", "group_wait", "told", "resolved"}));
}

}  // namespace
}  // namespace tocsin::app
