// Against a real MariaDB.
#include <gtest/gtest.h>

#include "servers_test.hpp"
#include "tocsin/testing/fake_host.hpp"

namespace {

using namespace tocsin_plugins::sql;
using namespace std::chrono_literals;
using tsn::Value;
using tsn::testing::FakeHost;
using tsn::testing::Row;

class SqlMariadb : public ::testing::Test {
 protected:
  void SetUp() override {
    server_ = TestServer::shared(TestServer::Kind::mariadb);
    if (!server_) GTEST_SKIP() << TestServer::why();
    server_->run(
        "DROP DATABASE IF EXISTS shop; CREATE DATABASE shop CHARACTER SET utf8mb4; USE shop;"
        "CREATE TABLE runs(id BIGINT, loader_code TEXT, status TEXT, n DECIMAL(20,4), at DATETIME(6));"
        "CREATE OR REPLACE USER reader@'127.0.0.1' IDENTIFIED BY 's3cret-of-the-test';"
        "CREATE OR REPLACE USER writer@'127.0.0.1' IDENTIFIED BY 's3cret-of-the-test';"
        "GRANT SELECT ON shop.* TO reader@'127.0.0.1';"
        "GRANT SELECT, INSERT, DELETE ON shop.* TO writer@'127.0.0.1'; GRANT FILE ON *.* TO writer@'127.0.0.1';");
  }
  Value config(const std::string& query, const std::string& account = "reader") const {
    return Value::table({{"url", server_->url(account)},
                         {"password", TestServer::password()},
                         {"query", query},
                         {"signal", "etl.run"}});
  }
  static std::vector<Row> loaded(const FakeHost& host) {
    auto rows = host.rows();
    std::erase_if(rows, [](const Row& row) { return row.name.starts_with("sql."); });
    return rows;
  }
  static std::vector<double> values(const FakeHost& host) {
    std::vector<double> out;
    for (const auto& row : loaded(host)) out.push_back(row.value);
    return out;
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

TEST_F(SqlMariadb, RowsBecomeSignals) {
  server_->run("USE shop; INSERT INTO runs VALUES (1, 'DAILY', 'خطأ', 2.5, '2026-11-20 10:00:00')");
  const auto rows = rows_of("SELECT loader_code, 'eu' AS segment_code, status, n AS value, at AS ts FROM runs;");
  ASSERT_EQ(rows.size(), 1u);
  EXPECT_EQ(rows[0].value, 2.5);
  EXPECT_EQ(rows[0].ts, 1'795'168'800'000'000'000);
  EXPECT_EQ(rows[0].labels,
            (std::map<std::string, std::string>{{"loader", "DAILY"}, {"segment", "eu"}, {"status", "خطأ"}}));
}

TEST_F(SqlMariadb, EveryTypeOfANumberIsAValue) {
  for (const auto& [expression, value] : std::initializer_list<std::pair<const char*, double>>{
           {"CAST(1 AS SIGNED)", 1},
           {"CAST(18446744073709551615 AS UNSIGNED)", 18446744073709551615.0},
           {"1.25", 1.25},
           {"true", 1},
           {"1e300", 1e300},
           {"CAST(0.5 AS FLOAT)", 0.5},
           {"'12'", 12},
           {"DATE '2026-11-20'", 1'795'132'800},
           {"TIMESTAMP '2026-11-20 10:00:00.5'", 1'795'168'800.5},
           {"count(*)", 1}}) {
    const auto rows = rows_of(std::string("SELECT ") + expression + " AS value");
    ASSERT_EQ(rows.size(), 1u) << expression;
    EXPECT_DOUBLE_EQ(rows[0].value, value) << expression;
  }
}

TEST_F(SqlMariadb, BadBytesNulsAndNullsDoNoHarm) {
  const auto rows = rows_of("SELECT x'61FF620063' AS k, NULL AS m, 1 AS value");
  ASSERT_EQ(rows.size(), 1u);
  EXPECT_EQ(rows[0].label("k"),
            "a\xef\xbf\xbd"
            "b\xef\xbf\xbd"
            "c");
  EXPECT_FALSE(rows[0].labels.contains("m"));
  EXPECT_TRUE(rows_of("SELECT NULL AS value").empty());
  EXPECT_EQ(rejected_.at(0).error_type, "value");
}

TEST_F(SqlMariadb, ALongCellIsRefusedAndAHugeOneDoesNoHarm) {
  const auto rows = rows_of(
      "SELECT repeat('x', 1024) AS k, 1 AS value UNION ALL SELECT repeat('x', 1025), 1 "
      "UNION ALL SELECT repeat('x', 5000000), 1");
  EXPECT_EQ(rows.size(), 1u);
  ASSERT_EQ(rejected_.size(), 1u);
  EXPECT_EQ(rejected_[0].count, 2u);
}

TEST_F(SqlMariadb, ColumnsOfWhichNothingCanBeMadeFailTheLoaderWithAReason) {
  EXPECT_TRUE(has(failure_of("SELECT 1 AS value, POINT(1, 2) AS k"), "type geometry"));
  EXPECT_TRUE(has(failure_of("SELECT 1 AS k"), "AS value"));
  EXPECT_TRUE(has(failure_of("SELECT ? AS value"), "a ? of its own"));
  EXPECT_TRUE(has(failure_of("SELECT * FROM nowhere"), "nowhere"));
}

TEST_F(SqlMariadb, ALoaderCannotWriteWhateverTheAccountMay) {
  server_->run("USE shop; INSERT INTO runs(id) VALUES (7)");
  for (const auto* query : {"INSERT INTO runs(id) VALUES (1)", "INSERT INTO runs(id) VALUES (1) RETURNING id AS value",
                            "DELETE FROM runs", "SELECT 1 AS value; DELETE FROM runs", "COMMIT"}) {
    FakeHost host;
    auto instance = host.create({}, config(query, "writer"));
    instance->start();
    EXPECT_NE(instance->pull().status, TSN_OK) << query;
  }
  EXPECT_EQ(server_->run("SELECT count(*) FROM shop.runs"), "1");
}

TEST_F(SqlMariadb, AnAccountThatMayWriteIsNamedAndRefusedWhereThatIsAskedFor) {
  FakeHost host;
  auto strict = config("SELECT 1 AS value", "writer");
  strict.set("require_read_only", true);
  auto instance = host.create({}, strict);
  instance->start();
  const auto answer = instance->pull();
  EXPECT_EQ(answer.status, TSN_DENIED);
  for (const auto* right : {"FILE on everything", "INSERT on shop.*", "DELETE on shop.*"})
    EXPECT_TRUE(has(answer.text, right)) << answer.text;
  std::string report;
  host.create({}, config("SELECT 1 AS value"), "reader")->probe(report);
  EXPECT_TRUE(has(report, "ok: signed in to MariaDB")) << report;
  EXPECT_TRUE(has(report, "ok: the account may only read")) << report;
}

TEST_F(SqlMariadb, AWrongPasswordIsDeniedAndShownNowhere) {
  FakeHost host;
  auto wrong = config("SELECT 1 AS value");
  wrong.set("password", "not-the-s3cret");
  auto instance = host.create({}, wrong);
  instance->start();
  const auto answer = instance->pull();
  EXPECT_EQ(answer.status, TSN_DENIED) << answer.text;
  EXPECT_FALSE(has(answer.text, "not-the-s3cret"));
}

TEST_F(SqlMariadb, AServerWithoutTlsIsRefusedWhereTlsIsAskedFor) {
  server_->kill();
  server_->start_again(false);
  FakeHost host;
  auto strict = config("SELECT 1 AS value");
  strict.set("sslmode", "require");
  auto instance = host.create({}, strict);
  instance->start();
  const auto answer = instance->pull();
  EXPECT_NE(answer.status, TSN_OK);
  EXPECT_TRUE(has(answer.text, "TLS") || has(answer.text, "SSL")) << answer.text;
  EXPECT_EQ(rows_of("SELECT 1 AS value").size(), 1u) << "prefer goes on without";
  server_->kill();
  server_->start_again();
}

TEST_F(SqlMariadb, AServersCertificateIsVerifiedWhereThatIsAskedFor) {
  for (const bool right : {true, false}) {
    FakeHost host;
    auto strict = config(
        "SELECT length(variable_value) > 0 AS value FROM information_schema.session_status WHERE variable_name = "
        "'SSL_CIPHER'");
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

TEST_F(SqlMariadb, TheServerItselfEndsAStatementThatTakesTooLong) {
  const auto text = failure_of("SELECT SLEEP(60) AS value", 500ms);
  EXPECT_TRUE(has(text, "raise timeout")) << text;
}

TEST_F(SqlMariadb, AServerThatSaysNothingIsNotWaitedForLongerThanTheTimeout) {
  FakeHost host;
  auto instance = host.create({}, config("SELECT 1 AS value"));
  instance->start();
  ASSERT_EQ(instance->pull().text, "");
  host.advance(60s);
  server_->stall(true);
  const auto answer = instance->pull(500ms);
  host.advance(60s);
  const auto connecting = instance->pull(500ms);
  server_->stall(false);
  EXPECT_EQ(answer.status, TSN_DEADLINE) << answer.text;
  EXPECT_EQ(connecting.status, TSN_DEADLINE) << connecting.text;
  host.advance(60s);
  EXPECT_EQ(instance->pull().text, "");
}

TEST_F(SqlMariadb, AServerThatWasKilledIsConnectedToAgain) {
  FakeHost host;
  auto instance = host.create({}, config("SELECT 1 AS value"));
  instance->start();
  ASSERT_EQ(instance->pull().text, "");
  server_->kill();
  host.advance(60s);
  EXPECT_NE(instance->pull().status, TSN_OK);
  server_->start_again();
  host.advance(60s);
  EXPECT_EQ(instance->pull().text, "");
}

TEST_F(SqlMariadb, ACursorTakesEachRowOnceAlsoOverARestartAndBeyondWhatADoubleHolds) {
  server_->run(
      "USE shop; INSERT INTO runs VALUES (9007199254740993,'L','',1,now()), (9007199254740992,'L','',2,now())");
  auto following = config("SELECT id, n AS value FROM runs WHERE id > {{cursor}} -- the end");
  following.set("cursor", "id");
  following.set("cursor_start", "9007199254740991");
  following.set("max_rows", 1);
  std::string cursor;
  {
    FakeHost host;
    auto instance = host.create({}, following);
    instance->start();
    EXPECT_EQ(instance->pull().text, "");
    EXPECT_EQ(values(host), std::vector<double>{2});
    cursor = host.cursor().value();
  }
  FakeHost host;
  auto instance = host.create({}, following);
  instance->start(cursor);
  EXPECT_EQ(instance->pull().text, "");
  host.advance(60s);
  EXPECT_EQ(instance->pull().text, "");
  EXPECT_EQ(values(host), std::vector<double>{1});
}

TEST_F(SqlMariadb, ATimeCanBeACursorAndAHostileOneIsAValue) {
  server_->run(
      "USE shop; INSERT INTO runs VALUES (1,'x''; DROP TABLE runs; -- \\\\','',1,'2026-11-20 10:00:00.000001')");
  for (const auto& [column, start] :
       {std::pair("at", "2026-01-01"), std::pair("loader_code", "' OR 1; DROP TABLE runs; --")}) {
    FakeHost host;
    auto some = config(std::string("SELECT ") + column + ", n AS value FROM runs WHERE " + column + " > {{cursor}}");
    some.set("cursor", column);
    some.set("cursor_start", start);
    auto instance = host.create({}, some);
    instance->start();
    EXPECT_EQ(instance->pull().text, "");
    host.advance(60s);
    EXPECT_EQ(instance->pull().text, "");
    EXPECT_EQ(values(host), std::vector<double>{1}) << column;
  }
  EXPECT_EQ(server_->run("SELECT count(*) FROM shop.runs"), "1");
}

TEST_F(SqlMariadb, RowsBeyondTheLimitAreLeftAndToldOf) {
  FakeHost host;
  auto limited = config("SELECT seq AS k, 1 AS value FROM seq_1_to_1000000");
  limited.set("max_rows", 100);
  auto instance = host.create({}, limited);
  instance->start();
  EXPECT_EQ(instance->pull().text, "");
  EXPECT_EQ(loaded(host).size(), 100u);
  EXPECT_TRUE(host.logged("max_rows"));
  host.advance(60s);
  EXPECT_EQ(instance->pull().text, "");
}

}  // namespace
