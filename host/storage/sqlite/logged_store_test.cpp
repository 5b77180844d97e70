// What the decision log adds to the store's contract (store_contract_test.cpp runs over it as well).
#include "storage/sqlite/logged_store.hpp"

#include <gtest/gtest.h>
#include <sqlite3.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>

#include "storage/scratch_test.hpp"
#include "storage/sqlite/open.hpp"

namespace tocsin::storage::sqlite {
namespace {

namespace fs = std::filesystem;

class LoggedStores : public ::testing::Test {
 protected:
  std::unique_ptr<Store> open() {
    series_ = std::make_unique<model::SeriesTable>();
    StoreSettings settings;
    settings.report = [this](const base::Error& error) { reported_.push_back(error.message()); };
    return must(open_sqlite(path_, settings, *series_));
  }
  /// Runs `what` in a process that is killed right after it.
  template <class What>
  void in_a_process_that_is_killed(What what) {
    const pid_t child = ::fork();
    if (child == 0) {
      auto store = open();
      what(*store);
      ::kill(::getpid(), SIGKILL);
    }
    int status = 0;
    ::waitpid(child, &status, 0);
    EXPECT_TRUE(WIFSIGNALED(status));
  }
  void run(const char* statement) const {
    sqlite3* db = nullptr;
    ASSERT_EQ(sqlite3_open(path_.c_str(), &db), SQLITE_OK);
    EXPECT_EQ(sqlite3_exec(db, statement, nullptr, nullptr, nullptr), SQLITE_OK) << sqlite3_errmsg(db);
    sqlite3_close(db);
  }
  static model::Changes opened(const std::string& id) {
    model::Changes c;
    c.incidents.resize(1);
    c.incidents[0].correlation_id = id;
    c.incidents[0].title = "disk full";
    c.timeline.push_back({id, base::from_ns(1), "tocsin", "opened", "", "", ""});
    return c;
  }
  static model::Changes noted(const std::string& id) {
    model::Changes c;
    c.timeline.push_back({id, base::from_ns(2), "tocsin", "note", "", "", "x"});
    return c;
  }

  Scratch scratch_;
  const std::string path_ = scratch_ / "tocsin.db";
  std::unique_ptr<model::SeriesTable> series_;
  std::vector<std::string> reported_;
};

TEST_F(LoggedStores, WhatWasCommittedSurvivesAKillBeforeItIsInTheDatabase) {
  in_a_process_that_is_killed([](Store& store) {
    must(store.commit(opened("i-1")));
    must(store.commit(noted("i-1")));
  });
  auto store = open();
  EXPECT_EQ(must(store->incident("i-1"))->number, 1001u);
  EXPECT_EQ(must(store->timeline("i-1")).size(), 2u);
}

TEST_F(LoggedStores, NumbersGoOnAfterAKill) {
  in_a_process_that_is_killed([](Store& store) { must(store.commit(opened("i-1"))); });
  in_a_process_that_is_killed([](Store& store) {
    EXPECT_EQ(must(store.commit(opened("i-2"))).numbers.at("i-2"), 1002u);
    // Not learned yet: the same number, in the log or in the database.
    EXPECT_EQ(must(store.commit(opened("i-2"))).numbers.at("i-2"), 1002u);
    EXPECT_EQ(must(store.commit(opened("i-1"))).numbers.at("i-1"), 1001u);
  });
  EXPECT_EQ(must(open()->commit(opened("i-3"))).numbers.at("i-3"), 1003u);
}

TEST_F(LoggedStores, WhatIsInTheDatabaseIsNotTakenFromTheLogOnceMore) {
  const std::string log = path_ + ".decisions", copy = scratch_ / "copy";
  in_a_process_that_is_killed([&](Store& store) {
    must(store.commit(opened("i-1")));
    fs::copy(log, copy);
  });
  open().reset();
  for (const auto& entry : fs::directory_iterator(copy))
    if (entry.path().extension() == ".tj") fs::copy(entry, log);
  EXPECT_EQ(must(open()->timeline("i-1")).size(), 1u);
  EXPECT_TRUE(reported_.empty());
}

TEST_F(LoggedStores, ACleanStopLeavesTheLogEmpty) {
  auto store = open();
  must(store->commit(opened("i-1")));
  store.reset();
  for (const auto& entry : fs::directory_iterator(path_ + ".decisions")) EXPECT_EQ(entry.path().filename(), "lock");
}

TEST_F(LoggedStores, RefusesWhatRefersToAnIncidentThatIsNowhere) {
  auto store = open();
  const auto refused = store->commit(noted("nobody"));
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().message().find("nobody"), std::string::npos);
  EXPECT_EQ(must(store->commit(opened("i-1"))).numbers.at("i-1"), 1001u);
}

TEST_F(LoggedStores, ADecisionThatTheDatabaseRefusesIsNamedAndCostsNoOther) {
  auto store = open();
  must(store->commit(opened("i-1")));
  settle(*store);
  run("CREATE TRIGGER no_notes BEFORE INSERT ON incident_timeline WHEN NEW.event_type = 'note' "
      "BEGIN SELECT RAISE(ABORT, 'no notes here'); END");
  const auto note = noted("i-1"), other = opened("i-2");
  must(store->commit_all({&note, &other}));
  EXPECT_EQ(must(store->timeline("i-1")).size(), 1u);
  EXPECT_TRUE(must(store->incident("i-2")));
  ASSERT_EQ(reported_.size(), 1u);
  EXPECT_NE(reported_[0].find("no notes here"), std::string::npos);
}

TEST_F(LoggedStores, DecisionsAreTakenWhileSomebodyElseHoldsTheDatabase) {
  auto store = open();
  sqlite3* other = nullptr;
  ASSERT_EQ(sqlite3_open(path_.c_str(), &other), SQLITE_OK);
  ASSERT_EQ(sqlite3_exec(other, "BEGIN IMMEDIATE", nullptr, nullptr, nullptr), SQLITE_OK);
  must(store->commit(opened("i-1")));
  must(store->commit(noted("i-1")));
  ASSERT_EQ(sqlite3_exec(other, "ROLLBACK", nullptr, nullptr, nullptr), SQLITE_OK);
  sqlite3_close(other);
  EXPECT_EQ(must(store->timeline("i-1")).size(), 2u);
}

}  // namespace
}  // namespace tocsin::storage::sqlite
