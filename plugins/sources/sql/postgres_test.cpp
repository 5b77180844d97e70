// Against a real PostgreSQL.
#include <gtest/gtest.h>

#include "servers_test.hpp"
#include "tocsin/testing/fake_host.hpp"

namespace {

using namespace tocsin_plugins::sql;
using namespace std::chrono_literals;
using tsn::Value;
using tsn::testing::FakeHost;
using tsn::testing::Row;

class SqlPostgres : public ::testing::Test {
 protected:
  void SetUp() override {
    server_ = TestServer::shared(TestServer::Kind::postgres);
    if (!server_) GTEST_SKIP() << TestServer::why();
    server_->run(
        "DROP SCHEMA public CASCADE; CREATE SCHEMA public; GRANT USAGE ON SCHEMA public TO public;"
        "CREATE TABLE runs(id bigint, loader_code text, status text, n numeric, at timestamptz);"
        "DO $$ BEGIN CREATE ROLE reader LOGIN PASSWORD 's3cret-of-the-test'; EXCEPTION WHEN duplicate_object THEN END "
        "$$;"
        "GRANT SELECT ON ALL TABLES IN SCHEMA public TO reader; ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO "
        "reader;");
  }
  Value config(const std::string& query, const std::string& account = "reader") const {
    return Value::table({{"url", server_->url(account)},
                         {"password", TestServer::password()},
                         {"query", query},
                         {"signal", "etl.run"}});
  }
  /// The rows of a loader, without what the source says of itself.
  static std::vector<Row> loaded(const FakeHost& host) {
    auto rows = host.rows();
    std::erase_if(rows, [](const Row& row) { return row.name.starts_with("sql."); });
    return rows;
  }
  static double up(const FakeHost& host, const std::string& loader = "test") {
    double last = -1;
    for (const auto& row : host.rows())
      if (row.name == "sql.up" && row.label("loader") == loader) last = row.value;
    return last;
  }
  std::vector<Row> rows_of(const std::string& query) {
    FakeHost host;
    auto instance = host.create({}, config(query));
    instance->start();
    const auto answer = instance->pull();
    EXPECT_EQ(answer.status, TSN_OK) << answer.text;
    instance->stop();
    rejected_ = host.rejected();
    EXPECT_EQ(host.violations(), std::vector<std::string>());
    return loaded(host);
  }
  std::string failure_of(const std::string& query, std::chrono::nanoseconds time = 10s) {
    FakeHost host;
    auto instance = host.create({}, config(query));
    instance->start();
    return instance->pull(time).text;
  }
  static bool has(const std::string& text, std::string_view part) { return text.find(part) != text.npos; }

  TestServer* server_ = nullptr;
  std::vector<tsn::testing::Rejected> rejected_;
};

TEST_F(SqlPostgres, RowsBecomeSignals) {
  server_->run("INSERT INTO runs VALUES (1, 'DAILY', 'FAILED', 2.5, '2026-11-20 12:00:00+02')");
  const auto rows = rows_of("SELECT loader_code, 'eu' AS segment_code, status, n AS value, at AS ts FROM runs");
  ASSERT_EQ(rows.size(), 1u);
  EXPECT_EQ(rows[0].name, "etl.run");
  EXPECT_EQ(rows[0].value, 2.5);
  EXPECT_EQ(rows[0].ts, 1'795'168'800'000'000'000);
  EXPECT_EQ(rows[0].labels,
            (std::map<std::string, std::string>{{"loader", "DAILY"}, {"segment", "eu"}, {"status", "FAILED"}}));
}

TEST_F(SqlPostgres, ASummaryIsFiveColumns) {
  const auto rows = rows_of("SELECT 3 AS count, 1 AS min, 9 AS max, 4 AS avg, 12 AS sum;");
  ASSERT_EQ(rows.size(), 1u);
  ASSERT_TRUE(rows[0].summary);
  EXPECT_EQ(rows[0].summary->count, 3);
  EXPECT_EQ(rows[0].summary->sum, 12);
  EXPECT_EQ(rows[0].label("loader"), "test") << "without loader_code a row's loader is the one that brought it";
}

class SqlAnswers : public SqlPostgres {
 protected:
  void SetUp() override {
    SqlPostgres::SetUp();
    if (!server_) return;
    instance_ = host_.create({}, Value::table({{"url", server_->url("root")}, {"password", TestServer::password()}}));
    instance_->start();
  }
  tsn::testing::Answer ask(const std::string& sql, std::chrono::nanoseconds time = 10s) {
    return instance_->query(Value::table({{"sql", sql}}), rows_, time, 3);
  }
  FakeHost host_;
  std::unique_ptr<tsn::testing::FakeInstance> instance_;
  std::vector<tsn::testing::QueryRow> rows_;
};

TEST_F(SqlAnswers, ARuleIsAnsweredByTheRowsOfItsQuestion) {
  server_->run(
      "INSERT INTO runs VALUES (1, 'DAILY', 'FAILED', 2.5, '2026-11-20 12:00:00+02'), (2, 'DAILY', NULL, 7, now())");
  const auto answer = ask("SELECT loader_code, status, n AS value, at AS ts FROM runs ORDER BY id; -- all of them");
  ASSERT_EQ(answer.status, TSN_OK) << answer.text;
  ASSERT_EQ(rows_.size(), 2u);
  EXPECT_EQ(rows_[0].labels, (std::map<std::string, std::string>{{"loader", "DAILY"}, {"status", "FAILED"}}));
  EXPECT_EQ(rows_[0].value, 2.5);
  EXPECT_EQ(rows_[0].ts, 1'795'168'800'000'000'000);
  EXPECT_EQ(rows_[1].labels, (std::map<std::string, std::string>{{"loader", "DAILY"}})) << "a null is no label";
  EXPECT_EQ(instance_->pull().status, TSN_OK) << "a source without loaders polls to see that the server is there";
}

TEST_F(SqlAnswers, WithoutAColumnValueTheFirstNumberIsJudged) {
  ASSERT_EQ(ask("SELECT 'x' AS shop, 4 AS n, 5 AS m").status, TSN_OK);
  EXPECT_EQ(rows_[0].value, 4);
  EXPECT_EQ(rows_[0].labels, (std::map<std::string, std::string>{{"shop", "x"}, {"m", "5"}}));
}

TEST_F(SqlAnswers, NothingCanBeChangedByAQuestion) {
  EXPECT_NE(ask("INSERT INTO runs VALUES (1) RETURNING 1 AS value").status, TSN_OK);
  EXPECT_TRUE(has(ask("SELECT 1 AS value; DROP TABLE runs").text, "multiple commands"));
}

TEST_F(SqlAnswers, WhatCannotBeAnAnswerSaysWhyAndCostsNoOther) {
  EXPECT_TRUE(has(ask("SELECT n FROM nowhere").text, "\"nowhere\" does not exist"));
  EXPECT_EQ(ask("SELECT g, g AS value FROM generate_series(1, 4) AS g").status, TSN_CARDINALITY);
  EXPECT_TRUE(has(ask("SELECT 'a' AS k, 1 AS value UNION ALL SELECT 'a', 2").text, "two rows with the same labels"));
  EXPECT_TRUE(has(ask("SELECT 'many' AS value").text, "\"many\", not a finite number"));
  EXPECT_TRUE(has(ask("SELECT 1 AS value FROM pg_sleep(30)", 1s).text, "statement timeout"));
  EXPECT_EQ(ask("SELECT 1 AS value").status, TSN_OK);
}

TEST_F(SqlPostgres, EveryTypeOfANumberIsAValue) {
  for (const auto& [expression, value] :
       std::initializer_list<std::pair<const char*, double>>{{"1::smallint", 1},
                                                             {"1.25::numeric(10,4)", 1.25},
                                                             {"'-1234.5'::money", -1234.5},
                                                             {"true", 1},
                                                             {"0.1::real", 0.1},
                                                             {"1e300::float8", 1e300},
                                                             {"'12'::text", 12},
                                                             {"'2026-11-20'::date", 1'795'132'800},
                                                             {"count(*)", 1},
                                                             {"timestamptz '2026-11-20 12:00:00+02'", 1'795'168'800}}) {
    const auto rows = rows_of(std::string("SELECT ") + expression + " AS value");
    ASSERT_EQ(rows.size(), 1u) << expression;
    EXPECT_NEAR(rows[0].value, value, 1e-6) << expression;
  }
}

TEST_F(SqlPostgres, WhatIsNoNumberIsRefusedRowByRowWithItsReason) {
  EXPECT_EQ(rows_of("SELECT * FROM (VALUES ('a', 1::numeric), ('b', NULL), ('c', 'NaN')) AS t(k, value)").size(), 1u);
  ASSERT_EQ(rejected_.size(), 2u);
  EXPECT_EQ(rejected_[0].error_type, "value");
  EXPECT_TRUE(has(rejected_[0].reason, "not a finite number"));
  EXPECT_EQ(rejected_[0].raw, "k=c, value=NaN");
  EXPECT_TRUE(has(rejected_[1].reason, "null"));
}

TEST_F(SqlPostgres, ANullLabelIsNoLabelAndANullTimeIsRefused) {
  const auto rows = rows_of("SELECT NULL::text AS k, 1 AS value");
  ASSERT_EQ(rows.size(), 1u);
  EXPECT_FALSE(rows[0].labels.contains("k"));
  EXPECT_TRUE(rows_of("SELECT 1 AS value, NULL::timestamptz AS ts").empty());
  EXPECT_TRUE(rows_of("SELECT 1 AS value, 'infinity'::timestamptz AS ts").empty());
  EXPECT_EQ(rejected_.at(0).error_type, "timestamp");
}

TEST_F(SqlPostgres, ColumnsOfWhichNothingCanBeMadeFailTheLoaderWithAReason) {
  EXPECT_TRUE(has(failure_of("SELECT 1 AS value, ARRAY[1,2] AS k"), "type integer[]"));
  EXPECT_TRUE(has(failure_of("SELECT 1 AS value, '\\x00ff'::bytea AS k"), "type bytea"));
  EXPECT_TRUE(has(failure_of("SELECT 1 AS value, ROW(1, 2) AS k"), "type record"));
  EXPECT_TRUE(has(failure_of("SELECT 1"), "has no name"));
  EXPECT_TRUE(has(failure_of("SELECT 1 AS k"), "AS value"));
  EXPECT_TRUE(has(failure_of("SELECT 1 AS count, 2 AS min"), "missing: max, avg, sum"));
  EXPECT_TRUE(has(failure_of("SELECT 1 AS value, 2 AS value"), "there twice"));
  EXPECT_TRUE(has(failure_of("SELECT 1 AS value, 2 AS k, 3 AS k"), "there twice"));
  EXPECT_TRUE(has(failure_of("SELECT 1 AS value, 2 AS \"Value\""), "there twice"));
}

TEST_F(SqlPostgres, ALongCellIsRefusedAndAHugeOneDoesNoHarm) {
  const auto rows = rows_of(
      "SELECT k, 1 AS value FROM (VALUES (repeat('x', 1024)), (repeat('x', 1025)), "
      "(repeat('x', 30000000))) AS t(k)");
  EXPECT_EQ(rows.size(), 1u);
  ASSERT_EQ(rejected_.size(), 1u);
  EXPECT_EQ(rejected_[0].count, 2u);
  EXPECT_EQ(rejected_[0].error_type, "label");
}

TEST_F(SqlPostgres, HostileNamesAndTextsAreOnlyTexts) {
  const auto rows = rows_of("SELECT 'Robert''); DROP TABLE runs;--' AS \"a\"\"b'; DROP TABLE runs\", 1 AS value");
  ASSERT_EQ(rows.size(), 1u);
  EXPECT_EQ(rows[0].label("a\"b'; DROP TABLE runs"), "Robert'); DROP TABLE runs;--");
  EXPECT_EQ(server_->run("SELECT count(*) FROM runs"), "0");
}

TEST_F(SqlPostgres, ALoaderCannotWriteWhateverTheAccountMay) {
  for (const auto* query :
       {"INSERT INTO runs VALUES (1) RETURNING id AS value",
        "WITH x AS (DELETE FROM runs RETURNING id) SELECT 1 AS value FROM x", "SELECT setval('s', 5) AS value",
        "SELECT 1 AS value; DROP TABLE runs", "COMMIT", "CREATE TABLE evil()"}) {
    server_->run("CREATE SEQUENCE IF NOT EXISTS s; INSERT INTO runs VALUES (7)");
    FakeHost host;
    auto instance = host.create({}, config(query, "root"));
    instance->start();
    EXPECT_NE(instance->pull().status, TSN_OK) << query;
  }
  EXPECT_EQ(server_->run("SELECT count(*) FROM runs WHERE id = 7"), "6");
}

TEST_F(SqlPostgres, AnAccountThatMayWriteIsNamedOnceAndRefusedWhereThatIsAskedFor) {
  FakeHost host;
  auto instance = host.create({}, config("SELECT 1 AS value", "root"));
  instance->start();
  EXPECT_EQ(instance->pull().status, TSN_OK);
  EXPECT_TRUE(host.logged("may do more than read: superuser"));
  auto strict = config("SELECT 1 AS value", "root");
  strict.set("require_read_only", true);
  auto refused = host.create({}, strict, "strict");
  refused->start();
  const auto answer = refused->pull();
  EXPECT_EQ(answer.status, TSN_DENIED);
  EXPECT_TRUE(has(answer.text, "superuser")) << answer.text;
}

TEST_F(SqlPostgres, EachRightToWriteIsNamed) {
  server_->run(
      "GRANT INSERT, TRUNCATE ON runs TO reader; GRANT UPDATE(status) ON runs TO reader;"
      "GRANT CREATE ON SCHEMA public TO reader");
  FakeHost host;
  auto instance = host.create({}, config("SELECT 1 AS value"));
  std::string report;
  EXPECT_EQ(instance->probe(report).status, TSN_OK);
  EXPECT_TRUE(has(report,
                  "warning: the account may do more than read: INSERT on runs, TRUNCATE on runs, UPDATE on runs, "
                  "CREATE in the schema public"))
      << report;
}

TEST_F(SqlPostgres, AProbeSaysThatTheAccountMayOnlyReadAndWhatEachLoaderFinds) {
  FakeHost host;
  auto instance = host.create({}, config("SELECT n AS value FROM (VALUES (1), (NULL)) AS t(n)"));
  std::string report;
  instance->probe(report);
  EXPECT_TRUE(has(report, "ok: signed in to PostgreSQL")) << report;
  EXPECT_TRUE(has(report, "ok: the account may only read")) << report;
  EXPECT_TRUE(has(report, "ok: loader \"test\": 1 rows taken, 1 refused")) << report;
  EXPECT_TRUE(host.rows().empty());
}

TEST_F(SqlPostgres, AWrongPasswordIsDeniedAndShownNowhere) {
  FakeHost host;
  auto wrong = config("SELECT 1 AS value");
  wrong.set("password", "not-the-s3cret");
  auto instance = host.create({}, wrong);
  instance->start();
  const auto answer = instance->pull();
  EXPECT_EQ(answer.status, TSN_DENIED) << answer.text;
  EXPECT_TRUE(has(answer.text, "check the user"));
  EXPECT_FALSE(has(answer.text, "not-the-s3cret"));
  EXPECT_FALSE(host.logged("not-the-s3cret"));
}

TEST_F(SqlPostgres, AServersCertificateIsVerifiedWhereThatIsAskedFor) {
  for (const bool right : {true, false}) {
    FakeHost host;
    auto strict = config("SELECT ssl AS value FROM pg_stat_ssl WHERE pid = pg_backend_pid()");
    strict.set("ca_file", right ? server_->certificate() : server_->other_certificate());
    auto instance = host.create({}, strict);
    instance->start();
    const auto answer = instance->pull();
    EXPECT_EQ(answer.status == TSN_OK, right) << answer.text;
    if (right) {
      EXPECT_EQ(loaded(host).at(0).value, 1);
    }
  }
}

TEST_F(SqlPostgres, TheServerItselfEndsAStatementThatTakesTooLong) {
  const auto text = failure_of("SELECT 1 AS value FROM pg_sleep(60)", 500ms);
  EXPECT_TRUE(has(text, "statement timeout")) << text;
  EXPECT_TRUE(has(text, "raise timeout")) << text;
}

TEST_F(SqlPostgres, AServerThatSaysNothingIsNotWaitedForLongerThanTheTimeout) {
  FakeHost host;
  auto instance = host.create({}, config("SELECT 1 AS value"));
  instance->start();
  ASSERT_EQ(instance->pull().status, TSN_OK);
  host.advance(60s);
  server_->stall(true);
  const auto answer = instance->pull(500ms);
  server_->stall(false);
  EXPECT_EQ(answer.status, TSN_DEADLINE) << answer.text;
  EXPECT_EQ(up(host), 0);
  host.advance(60s);
  EXPECT_EQ(instance->pull().status, TSN_OK);
}

TEST_F(SqlPostgres, AServerThatWasKilledIsConnectedToAgain) {
  FakeHost host;
  auto instance = host.create({}, config("SELECT 1 AS value"));
  instance->start();
  ASSERT_EQ(instance->pull().status, TSN_OK);
  server_->kill();
  host.advance(60s);
  EXPECT_NE(instance->pull().status, TSN_OK);
  server_->start_again();
  EXPECT_NE(instance->pull().status, TSN_OK) << "not before a second has passed";
  host.advance(60s);
  EXPECT_EQ(instance->pull().status, TSN_OK);
  EXPECT_EQ(up(host), 1);
}

TEST_F(SqlPostgres, AConnectionIsUsedAgain) {
  FakeHost host;
  auto instance = host.create({}, config("SELECT pg_backend_pid() AS value"));
  instance->start();
  for (int i = 0; i < 3; ++i, host.advance(60s)) instance->pull();
  const auto rows = loaded(host);
  ASSERT_EQ(rows.size(), 3u);
  EXPECT_EQ(rows[0].value, rows[2].value);
}

TEST_F(SqlPostgres, AFailingLoaderCostsOnlyItself) {
  FakeHost host;
  auto two = config("");
  two.set("loader",
          Value::array({Value::table({{"name", "bad"}, {"query", "SELECT * FROM nowhere"}}),
                        Value::table({{"name", "good"}, {"query", "SELECT 5 AS value"}, {"signal", "fine"}})}));
  auto instance = host.create({}, two);
  instance->start();
  EXPECT_EQ(instance->pull().status, TSN_OK) << "the source is down only when all of its loaders are";
  ASSERT_EQ(loaded(host).size(), 1u);
  EXPECT_EQ(loaded(host)[0].name, "fine");
  EXPECT_EQ(up(host, "bad"), 0);
  EXPECT_EQ(up(host, "good"), 1);
  EXPECT_TRUE(host.logged("loader \"bad\""));
}

TEST_F(SqlPostgres, EachLoaderHasItsOwnPace) {
  FakeHost host;
  auto two = config("");
  two.set("loader", Value::array({Value::table({{"name", "slow"}, {"query", "SELECT 1 AS value"}, {"every", "5m"}}),
                                  Value::table({{"name", "fast"}, {"query", "SELECT 2 AS value"}})}));
  auto instance = host.create({}, two);
  instance->start();
  for (int i = 0; i < 10; ++i, host.advance(60s)) instance->pull();
  int slow = 0, fast = 0;
  for (const auto& row : loaded(host)) (row.label("loader") == "slow" ? slow : fast)++;
  EXPECT_EQ(slow, 2);
  EXPECT_EQ(fast, 10);
}

TEST_F(SqlPostgres, ASourceWhoseLoadersAllFailFailsEachPollAndTriesAtGrowingDistances) {
  FakeHost host;
  auto failing = config("");
  failing.set("loader", Value::array({Value::table({{"name", "bad"}, {"query", "SELECT nothing"}, {"every", "1h"}})}));
  auto instance = host.create({}, failing);
  instance->start();
  for (int i = 0; i < 20; ++i, host.advance(60s)) EXPECT_NE(instance->pull().status, TSN_OK);
  const auto rows = host.rows();
  EXPECT_EQ(std::ranges::count(rows, std::string("sql.up"), &Row::name), 6) << "at 0, 1, 2, 4, 8 and 16 minutes";
}

TEST_F(SqlPostgres, RowsBeyondTheLimitAreLeftAndToldOf) {
  FakeHost host;
  auto limited = config("SELECT g AS k, 1 AS value FROM generate_series(1, 1000000) AS g");
  limited.set("max_rows", 5000);
  auto instance = host.create({}, limited);
  instance->start();
  EXPECT_EQ(instance->pull().status, TSN_OK);
  EXPECT_EQ(loaded(host).size(), 5000u);
  EXPECT_TRUE(host.logged("max_rows"));
}

class SqlPostgresCursor : public SqlPostgres {
 protected:
  Value following(
      const std::string& query = "SELECT id, loader_code, n AS value FROM runs WHERE id > {{cursor}}") const {
    auto out = config(query);
    out.set("cursor", "id");
    return out;
  }
  static std::vector<double> values(const FakeHost& host) {
    std::vector<double> out;
    for (const auto& row : loaded(host)) out.push_back(row.value);
    return out;
  }
};

TEST_F(SqlPostgresCursor, EachRowIsTakenOnceAlsoOverARestart) {
  server_->run("INSERT INTO runs VALUES (1, 'L', '', 1), (2, 'L', '', 2)");
  std::string cursor;
  {
    FakeHost host;
    auto instance = host.create({}, following());
    instance->start();
    instance->pull();
    EXPECT_EQ(values(host), (std::vector<double>{1, 2}));
    cursor = host.cursor().value();
  }
  server_->run("INSERT INTO runs VALUES (3, 'L', '', 3)");
  FakeHost host;
  auto instance = host.create({}, following());
  instance->start(cursor);
  instance->pull();
  EXPECT_EQ(values(host), std::vector<double>{3});
  host.advance(60s);
  instance->pull();
  EXPECT_EQ(values(host), std::vector<double>{3});
}

TEST_F(SqlPostgresCursor, MoreRowsThanARunTakesComeWithTheNextPolls) {
  server_->run("INSERT INTO runs SELECT 26 - g, 'L', '', 26 - g FROM generate_series(1, 25) AS g");
  FakeHost host;
  auto some = following("SELECT id, n AS value FROM runs WHERE id > {{cursor}} -- a comment at the end");
  some.set("max_rows", 10);
  auto instance = host.create({}, some);
  instance->start();
  for (int i = 0; i < 3; ++i, host.advance(60s)) instance->pull();
  std::vector<double> all;
  for (int i = 1; i <= 25; ++i) all.push_back(i);
  EXPECT_EQ(values(host), all);
}

TEST_F(SqlPostgresCursor, RowsWithTheSameValueAreNotTornApart) {
  server_->run("INSERT INTO runs VALUES (1,'','',1), (2,'','',2), (2,'','',3), (2,'','',4), (3,'','',5)");
  FakeHost host;
  auto some = following();
  some.set("max_rows", 3);
  auto instance = host.create({}, some);
  instance->start();
  instance->pull();
  EXPECT_EQ(values(host), std::vector<double>{1});
  host.advance(60s);
  instance->pull();
  EXPECT_EQ(values(host).size(), 4u);
  some.set("max_rows", 2);
  auto narrow = host.create({}, some, "narrow");
  narrow->start();
  narrow->pull();
  host.advance(60s);
  EXPECT_TRUE(has(narrow->pull().text, "raise max_rows"));
}

TEST_F(SqlPostgresCursor, RowsThatTheHostCouldNotTakeAreOfferedAgainWithTheirCursor) {
  server_->run("INSERT INTO runs VALUES (1, 'L', '', 1)");
  FakeHost host;
  auto instance = host.create({}, following());
  instance->start();
  host.refuse_submits(2);
  instance->pull();
  EXPECT_TRUE(loaded(host).empty());
  EXPECT_FALSE(host.cursor());
  server_->run("INSERT INTO runs VALUES (2, 'L', '', 2)");
  host.advance(60s);
  instance->pull();
  EXPECT_EQ(values(host), (std::vector<double>{1, 2}));
}

TEST_F(SqlPostgresCursor, ATimeAndATextCanBeACursorToo) {
  server_->run(
      "INSERT INTO runs VALUES (1,'b','',1,'2026-11-20 10:00:00.000001+00'), (2,'a','',2,'2026-11-20 "
      "10:00:00.000002+00')");
  for (const auto& [column, start, order] :
       std::initializer_list<std::tuple<const char*, const char*, std::vector<double>>>{{"at", "2026-01-01", {1, 2}},
                                                                                        {"loader_code", "", {2, 1}}}) {
    FakeHost host;
    auto some = config(std::string("SELECT ") + column + ", n AS value FROM runs WHERE " + column + " > {{cursor}}");
    some.set("cursor", column);
    some.set("cursor_start", start);
    auto instance = host.create({}, some);
    instance->start();
    EXPECT_EQ(instance->pull().text, "");
    EXPECT_EQ(values(host), order) << column;
    host.advance(60s);
    instance->pull();
    EXPECT_EQ(values(host), order) << column;
  }
}

TEST_F(SqlPostgresCursor, AHostileCursorIsAValueAndItsColumnAName) {
  server_->run(
      "CREATE TABLE t(\"i\"\"d; DROP TABLE runs\" text, value int);"
      "INSERT INTO t VALUES ('x''; DROP TABLE runs; --', 1)");
  FakeHost host;
  auto some = config("SELECT * FROM t WHERE \"i\"\"d; DROP TABLE runs\" > {{cursor}}");
  some.set("cursor", "i\"d; DROP TABLE runs");
  some.set("cursor_start", "' OR true; DROP TABLE runs; --");
  auto instance = host.create({}, some);
  instance->start();
  EXPECT_EQ(instance->pull().text, "");
  host.advance(60s);
  EXPECT_EQ(instance->pull().text, "");
  EXPECT_EQ(values(host), std::vector<double>{1});
  EXPECT_EQ(server_->run("SELECT count(*) FROM runs"), "0");
}

TEST_F(SqlPostgresCursor, WhatTheLoadersCostIsCounted) {
  server_->run("INSERT INTO runs VALUES (1, 'L', '', 1), (2, 'L', '', NULL)");
  FakeHost host;
  auto instance = host.create({}, following());
  instance->start();
  instance->pull();
  double rows = 0, refused = 0, seconds = 0;
  for (const auto& [name, value] : host.metrics()) {
    if (has(name, "loader_rows_refused"))
      refused += value;
    else if (has(name, "loader_rows"))
      rows += value;
    if (has(name, "loader_execution_duration_seconds_count")) seconds += value;
  }
  EXPECT_EQ(rows, 1);
  EXPECT_EQ(refused, 1);
  EXPECT_EQ(seconds, 1);
}

}  // namespace
