// Promises about merged incidents.
#include <gtest/gtest.h>

#include <algorithm>

#include "incidents/desk_world.hpp"

namespace tocsin::incidents::testing {
namespace {

const Labels db{{"alertname", "DbDown"}, {"service", "db"}}, web{{"alertname", "Errors"}, {"service", "web"}},
    web2{{"alertname", "Errors"}, {"service", "web"}, {"host", "n2"}};

class Merge : public ::testing::Test {
 protected:
  Merge() { first = w.fire(db), second = w.fire(web), w.told(); }
  std::string merge(const std::string& id, const std::string& into) {
    return w.act(w.desk->merge(id, into, "alice", w.now()));
  }
  Incident incident(std::uint64_t number) const {
    for (const Incident& i : w.incidents()) {
      if (i.number == number) return i;
    }
    return {};
  }

  World w{ladder_routing()};
  Alert first, second;  ///< of 1001 and 1002
};

TEST_F(Merge, ClosesTheOneAndNamesWhereItWent) {
  EXPECT_EQ(merge("1002", "1001"), "");
  const Incident merged = incident(1002);
  EXPECT_EQ(merged.status, IncidentStatus::closed);
  EXPECT_EQ(merged.close_reason, "merged into incident 1001");
  EXPECT_EQ(merged.merged_into, incident(1001).correlation_id);
  EXPECT_EQ(w.history(4), (Told{"merged by alice:  → incident 1001", "merged by alice:  → incident 1002",
                                "status by alice: OPEN → RESOLVED", "status by alice: RESOLVED → CLOSED"}));
}

TEST_F(Merge, TheOtherResolvesOnlyWhenTheAlertsOfBothHave) {
  merge("1002", "1001");
  w.resolve(first);
  EXPECT_EQ(incident(1001).status, IncidentStatus::open);
  w.resolve(second);
  EXPECT_EQ(incident(1001).status, IncidentStatus::resolved);
}

TEST_F(Merge, FurtherAlertsOfItsGroupJoinTheOtherAlsoAfterARestart) {
  merge("1002", "1001");
  w.restart();
  w.fire(web2);
  EXPECT_EQ(w.incidents().size(), 2u);
  w.resolve(second);
  w.clock.advance(1min);
  w.fire(web);
  EXPECT_EQ(w.incidents().size(), 2u);
  EXPECT_EQ(incident(1001).status, IncidentStatus::open);
}

TEST_F(Merge, ARefireWithinTheReopenWindowReopensTheOneThatWentOn) {
  merge("1002", "1001");
  w.resolve(first);
  w.resolve(second);
  w.restart();
  w.clock.advance(5min);
  w.fire(web2);
  EXPECT_EQ(w.incidents().size(), 2u);
  EXPECT_EQ(incident(1001).status, IncidentStatus::open);
}

TEST_F(Merge, LongAfterTheEndTheGroupOpensAnIncidentOfItsOwnAgain) {
  merge("1002", "1001");
  w.resolve(first);
  w.resolve(second);
  w.clock.advance(1h);
  w.fire(web);
  EXPECT_EQ(w.incidents().size(), 3u);
}

TEST_F(Merge, ItsLadderStopsAndTheOthersGoesOn) {
  w.pass(1min);
  merge("1002", "1001");
  EXPECT_EQ(w.told(), (Told{"sms>first:UPDATE", "sms>first:UPDATE"}));
  w.pass(4min);
  EXPECT_EQ(w.told(), (Told{"sms>second:FIRING"}));
}

TEST_F(Merge, WhoWasToldOfItHearsOfTheEndOfTheOther) {
  w.act(w.desk->page("1002", {"mail:contact.second"}, "", "alice", w.now()));
  merge("1002", "1001");
  w.told();
  w.restart();
  w.resolve(first);
  w.resolve(second);
  EXPECT_EQ(w.told(), (Told{"sms>first:RESOLVED", "mail>second:RESOLVED"}));
}

TEST_F(Merge, TakesTheHigherSeverityTagsAndLinksAlong) {
  w.fire({{"alertname", "Worse"}}, Severity::critical);
  w.act(w.desk->tag("1003", {"night"}, {}, "alice", w.now()));
  w.act(w.desk->link("1003", {"Board", "https://grafana/1"}, "alice", w.now()));
  EXPECT_EQ(merge("1003", "1001"), "");
  EXPECT_EQ(incident(1001).severity, Severity::critical);
  EXPECT_EQ(incident(1001).tags, (std::vector<std::string>{"night"}));
  ASSERT_EQ(incident(1001).links.size(), 1u);
}

TEST_F(Merge, AChainOfMergesEndsInTheLast) {
  w.fire({{"alertname", "Third"}});
  merge("1002", "1001");
  EXPECT_EQ(merge("1001", "1003"), "");
  w.restart();
  w.fire(web2);
  EXPECT_EQ(w.incidents().size(), 3u);
  w.resolve(first);
  w.resolve(second);
  EXPECT_EQ(incident(1003).status, IncidentStatus::open);
}

TEST_F(Merge, AMergedOneIsNotReopened) {
  merge("1002", "1001");
  const auto refused = w.set(incident(1002), IncidentStatus::open);
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().message().find("was merged into incident 1001; reopen that one"), std::string::npos);
}

TEST_F(Merge, RefusesWhatMakesNoSense) {
  EXPECT_NE(merge("1001", "1001").find("into itself"), std::string::npos);
  EXPECT_NE(merge("1001", "1009").find("no incident 1009"), std::string::npos);
  merge("1002", "1001");
  EXPECT_NE(merge("1002", "1001").find("merged into another already"), std::string::npos);
  EXPECT_NE(merge("1001", "1002").find("is CLOSED; merge into one that is OPEN"), std::string::npos);
}

TEST(MergeTickets, TheTicketOfTheOneThatEndedIsResolved) {
  model::Routing r = ladder_routing();
  r.channels["jira"] = tracker("jira");
  World w(r);
  w.fire(db);
  w.fire(web);
  w.keep(w.desk->on_ticket({w.incidents()[1].correlation_id, "jira", "OPS-2", "https://jira/OPS-2", "", "", w.now()},
                           w.now()));
  w.told();
  w.act(w.desk->merge("1002", "1001", "alice", w.now()));
  const Told told = w.told();
  EXPECT_NE(std::ranges::find(told, "jira:RESOLVED"), told.end());
}

}  // namespace
}  // namespace tocsin::incidents::testing
