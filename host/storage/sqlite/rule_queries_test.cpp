// Rules in the embedded database: their queries read, and can do nothing else.
#include <gtest/gtest.h>
#include <sqlite3.h>

#include <cmath>

#include "storage/scratch_test.hpp"
#include "storage/sqlite/open.hpp"

namespace tocsin::storage::sqlite {
namespace {

using std::chrono::milliseconds;

class SqliteRules : public ::testing::Test {
 protected:
  /// As a user's own program would.
  void run(const std::string& statement) const {
    sqlite3* db = nullptr;
    EXPECT_EQ(sqlite3_open(path.c_str(), &db), SQLITE_OK);
    EXPECT_EQ(sqlite3_exec(db, statement.c_str(), nullptr, nullptr, nullptr), SQLITE_OK) << sqlite3_errmsg(db);
    sqlite3_close(db);
  }
  base::Result<model::RuleAnswer> query(const std::string& text, base::Duration timeout = std::chrono::seconds(5)) {
    return store->rule_queries().ask(text, timeout, 100);
  }
  std::vector<model::RuleAnswer::Row> rows(const std::string& text) { return must(query(text)).rows; }

  Scratch scratch;
  const std::string path = scratch / "tocsin.db";
  model::SeriesTable series;
  const std::unique_ptr<Store> store = must(open_sqlite(path, {}, series));
};

TEST_F(SqliteRules, ARowIsANumberAndLabels) {
  run("CREATE TABLE logins (client_ip TEXT, loader_code TEXT, \"2nd try\" INTEGER, note TEXT)");
  run("INSERT INTO logins VALUES ('10.0.0.9', 'DAILY', 1, NULL), ('10.0.0.9', 'DAILY', 1, NULL)");
  const auto all = rows("SELECT client_ip, loader_code, \"2nd try\", note, count(*) AS value FROM logins GROUP BY 1;");
  ASSERT_EQ(all.size(), 1u);
  EXPECT_EQ(all[0].value, 2);
  EXPECT_EQ(all[0].labels.text(), R"({_2nd_try="1",client_ip="10.0.0.9",loader="DAILY"})");
}

TEST_F(SqliteRules, WithoutAColumnValueTheFirstOneOfNumbersIsTheNumber) {
  const auto all = rows("SELECT 'a' AS client_ip, NULL AS x, 3 AS failed, 0.5 AS share");
  EXPECT_EQ(all.at(0).value, 3);
  EXPECT_EQ(all.at(0).labels.text(), R"({client_ip="a",share="0.5"})");
}

TEST_F(SqliteRules, AnswersWithoutNumberOrRowsAreAnswers) {
  EXPECT_TRUE(rows("SELECT 1 AS value WHERE 0").empty());
  EXPECT_TRUE(std::isnan(rows("SELECT 'x' AS what").at(0).value));
  EXPECT_TRUE(std::isnan(rows("SELECT NULL AS value").at(0).value));
  EXPECT_EQ(rows("SELECT '2.5' AS value").at(0).value, 2.5);
}

TEST_F(SqliteRules, WhatIsNoNumberOrNoLabelIsAnError) {
  EXPECT_NE(query("SELECT 'many' AS value").error().message().find("\"many\", which is no number"), std::string::npos);
  EXPECT_NE(query("SELECT x'00ff' AS body, 1 AS value").error().message().find("\"body\" holds bytes"),
            std::string::npos);
}

TEST_F(SqliteRules, RecursiveAndCommentedQueriesRunAsTheyStand) {
  EXPECT_EQ(rows("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 7) SELECT sum(i) AS value "
                 "FROM n -- all of them")
                .at(0)
                .value,
            28);
}

TEST_F(SqliteRules, AQueryCanChangeNothing) {
  run("CREATE TABLE theirs (n int)");
  for (const char* text : {"DELETE FROM theirs", "WITH gone AS (DELETE FROM theirs RETURNING n) SELECT * FROM gone",
                           "SELECT 1); INSERT INTO theirs VALUES (1); SELECT * FROM (SELECT 1", "PRAGMA query_only = 0",
                           "SELECT * FROM pragma_journal_mode", "SELECT load_extension('x') AS value", "COMMIT", ""}) {
    const auto answer = query(text);
    ASSERT_FALSE(answer) << text;
    EXPECT_NE(answer.error().fault(), base::Fault::unavailable) << text;
  }
  EXPECT_EQ(rows("SELECT count(*) AS value FROM theirs").at(0).value, 0);
}

TEST_F(SqliteRules, AQueryThatTakesTooLongIsEnded) {
  const std::string endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT max(i) FROM n";
  const auto answer = query(endless, milliseconds(20));
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().fault(), base::Fault::deadline) << answer.error().message();
  EXPECT_EQ(rows("SELECT 1 AS value").size(), 1u) << "the next one has its own time";
}

TEST_F(SqliteRules, TooManyRowsAreAnError) {
  const std::string numbers = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ";
  const auto answer = query(numbers + "101) SELECT i AS value FROM n");
  ASSERT_FALSE(answer);
  EXPECT_NE(answer.error().message().find("more than 100 rows"), std::string::npos);
  EXPECT_EQ(rows(numbers + "100) SELECT i AS value FROM n").size(), 100u);
}

TEST_F(SqliteRules, AQuerySeesWhatWasCommittedMeanwhile) {
  run("CREATE TABLE theirs (n int)");
  EXPECT_EQ(rows("SELECT count(*) AS value FROM theirs").at(0).value, 0);
  run("INSERT INTO theirs VALUES (1)");
  EXPECT_EQ(rows("SELECT count(*) AS value FROM theirs").at(0).value, 1);
}

TEST_F(SqliteRules, ARuleRowComesWithAllItSays) {
  run("INSERT INTO incident_detection_rules (rule_name, rule_type, metric_query, query_type, threshold_value, "
      "threshold_operator, severity, alert_message_template, evaluation_interval_seconds, cooldown_period_seconds) "
      "VALUES ('r', 'LOG', 'SELECT 1', 'SQL', 0.05, 'GT', 'CRITICAL', '{{value}}', 30, 0), ('p', 'LOG', 'up == 0', "
      "'PROMETHEUS', NULL, 'EXISTS', 'LOW', NULL, 60, 300)");
  const auto all = must(store->rule_rows());
  ASSERT_EQ(all.size(), 2u);
  EXPECT_EQ(all[0].name, "r");
  EXPECT_EQ(all[0].query, "SELECT 1");
  EXPECT_EQ(all[0].threshold, 0.05);
  EXPECT_EQ(all[0].severity, model::Severity::critical);
  EXPECT_EQ(all[0].every, std::chrono::seconds(30));
  EXPECT_TRUE(all[0].enabled);
  EXPECT_EQ(all[1].query_type, "PROMETHEUS");
  EXPECT_TRUE(std::isnan(all[1].threshold));
}

TEST_F(SqliteRules, AnEvaluationIsWrittenBack) {
  run("INSERT INTO incident_detection_rules (rule_name, rule_type, metric_query, query_type, threshold_value, "
      "threshold_operator, severity) VALUES ('r', 'LOG', 'SELECT 7 AS value', 'SQL', 5, 'GT', 'LOW')");
  model::Changes changes;
  changes.evaluations.push_back({1, "r", base::from_ns(5'000'000'000), 7, 5, true, "", 2});
  must(store->commit(changes));
  settle(*store);
  EXPECT_EQ(rows("SELECT metric_value AS value FROM alert_evaluations WHERE fired").at(0).value, 7);
  EXPECT_EQ(must(store->rule_rows()).at(0).trigger_count, 2u);
  EXPECT_EQ(must(store->rule_rows()).at(0).last_triggered_at, base::from_ns(5'000'000'000));
}

}  // namespace
}  // namespace tocsin::storage::sqlite
