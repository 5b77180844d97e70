// What both stores keep of heartbeats and of rules in the database.
#include <cmath>

#include "storage/store_contract_test.hpp"

namespace tocsin::storage {
namespace {

using model::BeatKind;
using std::chrono::seconds;

class StoreDuties : public StoreContract {
 protected:
  void beat(BeatKind kind, base::Time at, int exit_status = -1, const std::string& note = {},
            base::Duration took = {}) {
    model::Changes changes;
    changes.beats.push_back({"nightly", kind, at, exit_status, took, note});
    commit(changes);
  }
  model::HeartbeatRecord record() {
    const auto all = must(store->heartbeats());
    EXPECT_EQ(all.size(), 1u);
    return all.empty() ? model::HeartbeatRecord{} : all.front();
  }
};

TEST_P(StoreDuties, AHeartbeatsRowSaysWhatItsPingsSaid) {
  beat(BeatKind::watched, now);
  beat(BeatKind::start, now + seconds(1));
  beat(BeatKind::fail, now + seconds(2), 3, "disk \"full\"\n", seconds(1));
  beat(BeatKind::start, now + seconds(3));
  reopen();
  const auto row = record();
  EXPECT_EQ(row.name, "nightly");
  EXPECT_EQ(row.since, now);
  EXPECT_EQ(row.last_ping, now + seconds(3));
  EXPECT_EQ(row.last_kind, BeatKind::start);
  EXPECT_EQ(row.last_start, now + seconds(3));
  EXPECT_EQ(row.last_failure, now + seconds(2));
  EXPECT_EQ(row.last_success, base::no_time);
  EXPECT_EQ(row.exit_status, 3);
  EXPECT_EQ(row.last_duration, seconds(1));
  EXPECT_EQ(row.note, "disk \"full\"\n");
  EXPECT_EQ(row.pings, 3u);
}

TEST_P(StoreDuties, ASuccessClearsStatusAndNote) {
  beat(BeatKind::fail, now, 3, "disk full");
  beat(BeatKind::success, now + seconds(1));
  EXPECT_EQ(record().exit_status, -1);
  EXPECT_EQ(record().note, "");
}

TEST_P(StoreDuties, PingsThatArriveOutOfOrderDoNotTurnTimeBack) {
  beat(BeatKind::success, now + seconds(9), 0, "newer");
  beat(BeatKind::start, now);
  beat(BeatKind::success, now + seconds(5), 1, "older");
  beat(BeatKind::watched, now + seconds(20));
  const auto row = record();
  EXPECT_EQ(row.last_success, now + seconds(9));
  EXPECT_EQ(row.last_start, now);
  EXPECT_EQ(row.last_ping, now + seconds(9));
  EXPECT_EQ(row.note, "newer");
  EXPECT_EQ(row.exit_status, 0);
  EXPECT_EQ(row.pings, 3u);
}

TEST_P(StoreDuties, ApplyingInMemoryAndInTheStoreAgree) {
  model::HeartbeatRecord memory;
  const std::vector<model::Beat> beats{{"nightly", BeatKind::watched, now, -1, {}, {}},
                                       {"nightly", BeatKind::start, now + seconds(1), -1, {}, "begins"},
                                       {"nightly", BeatKind::fail, now + seconds(4), 2, seconds(3), "no"},
                                       {"nightly", BeatKind::start, now + seconds(5), -1, {}, ""},
                                       {"nightly", BeatKind::success, now + seconds(7), 0, seconds(2), "yes"}};
  for (const auto& each : beats) {
    apply(each, memory);
    model::Changes changes;
    changes.beats.push_back(each);
    commit(changes);
    const auto row = record();
    EXPECT_EQ(row.note, memory.note);
    EXPECT_EQ(row.exit_status, memory.exit_status);
    EXPECT_EQ(row.last_duration, memory.last_duration);
    EXPECT_EQ(row.last_kind, memory.last_kind);
    EXPECT_EQ(row.pings, memory.pings);
  }
}

TEST_P(StoreDuties, OtherAgentsOfTheStoreSeeTheSameHeartbeats) {
  beat(BeatKind::success, now);
  close();
  open("another agent");
  EXPECT_EQ(record().last_success, now);
}

TEST_P(StoreDuties, AnAlertRemembersItsKeeper) {
  model::Changes changes;
  changes.alerts.push_back(alert("a-1"));
  changes.alerts.back().keeper = "heartbeats";
  commit(changes);
  EXPECT_EQ(restore().alerts.at(0).keeper, "heartbeats");
}

TEST_P(StoreDuties, AnEvaluationOfARuleThatIsGoneIsKeptAllTheSame) {
  model::Changes changes;
  changes.evaluations.push_back({77, "gone", now, 5, 3, true, "", 1});
  commit(changes);
  EXPECT_TRUE(must(store->rule_rows()).empty());
}

INSTANTIATE_TEST_SUITE_P(Duties, StoreDuties, ::testing::Values("sqlite", "postgres"),
                         [](const auto& param) { return std::string(param.param); });

}  // namespace
}  // namespace tocsin::storage
