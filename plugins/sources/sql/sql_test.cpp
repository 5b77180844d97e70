// What needs no server: the options, addresses, the cursor's form, values.
#include <gtest/gtest.h>

#include "address.hpp"
#include "cursors.hpp"
#include "rights.hpp"
#include "rows.hpp"
#include "settings.hpp"
#include "tocsin/testing/fake_host.hpp"

namespace {

using namespace tocsin_plugins::sql;
using namespace std::chrono_literals;
using tsn::Value;
using tsn::testing::FakeHost;

/// What making an instance with these options is refused with; empty: it is made.
std::string refusal(std::initializer_list<std::pair<const char*, Value>> options) {
  auto config =
      Value::table({{"url", "postgres://etl@127.0.0.1:1/orders"}, {"query", "SELECT 1 AS value"}, {"signal", "x"}});
  for (const auto& [key, value] : options) config.set(key, value);
  FakeHost host;
  try {
    host.create({}, config);
    return {};
  } catch (const tsn::Failure& failure) {
    return failure.what();
  }
}
bool has(const std::string& text, std::string_view part) {
  return text.find(part) != text.npos;
}
Address address(const std::string& url) {
  Value config = Value::table({{"url", url}});
  return read_address(tsn::Config(config.view()));
}

TEST(SqlAddress, APasswordInAUrlIsRefusedWithTheRemedyAndNotShown) {
  for (const auto* url : {"postgres://etl:hunter2@warehouse/orders", "mysql://etl:hunter2@warehouse/orders",
                          "postgres://etl@warehouse/orders?password=hunter2",
                          "postgres://etl@warehouse/orders?password=hunter2&nonsense=1"}) {
    const auto text = refusal({{"url", url}});
    EXPECT_TRUE(has(text, "password = \"file:PATH\"")) << text;
    EXPECT_FALSE(has(text, "hunter2")) << text;
  }
}

TEST(SqlAddress, AnUnknownSchemeNamesThoseThatAreKnown) {
  EXPECT_TRUE(has(refusal({{"url", "oracle://x/y"}}), "mysql://"));
}

TEST(SqlAddress, PartsOfAMysqlUrlAreReadAndDecoded) {
  const auto all = address("mysql://e%40l@db.corp:3307/orders%20old");
  EXPECT_FALSE(all.postgres);
  EXPECT_EQ(all.user, "e@l");
  EXPECT_EQ(all.host, "db.corp");
  EXPECT_EQ(all.port, 3307u);
  EXPECT_EQ(all.database, "orders old");
  EXPECT_EQ(address("mariadb://etl@[::1]:3306/orders").host, "::1");
  EXPECT_EQ(address("mariadb://etl@/orders?socket=/run/m.sock").socket, "/run/m.sock");
}

TEST(SqlAddress, BrokenMysqlUrlsAreRefused) {
  for (const auto* url : {"mysql://etl@db:0/x", "mysql://etl@db:99999/x", "mysql://etl@db:x/x", "mysql://%zz@db/x",
                          "mysql://%00@db/x", "mysql://etl@/x", "mysql://etl@[::1/x", "mysql://etl@db/x?ssl=0"})
    EXPECT_NE(refusal({{"url", url}}), "") << url;
}

TEST(SqlAddress, ARootCertificateMeansThatTheServerIsVerified) {
  Value config = Value::table({{"url", "postgres://h/d"}, {"ca_file", "/etc/ssl/corp.pem"}});
  EXPECT_EQ(read_address(tsn::Config(config.view())).sslmode, "verify-full");
  EXPECT_TRUE(has(refusal({{"ca_file", "/x.pem"}, {"sslmode", "require"}}), "looks at no certificate"));
}

TEST(SqlAddress, AServersTextLosesThePassword) {
  Address some;
  some.password = "hunter2";
  EXPECT_EQ(some.without_password("x hunter2 y hunter2"), "x *** y ***");
  some.password = "***";
  EXPECT_EQ(some.without_password("x ****** y"), "x ****** y") << "a password like the mask is masked once";
}

TEST(SqlSettings, ALoaderNeedsAQueryAndASignal) {
  EXPECT_TRUE(has(refusal({{"query", ""}}), "[[source.test.loader]]"));
  EXPECT_TRUE(has(refusal({{"signal", ""}}), "signal is missing"));
  EXPECT_EQ(refusal({}), "");
}

TEST(SqlSettings, EntriesOfLoaderAreCheckedOneByOne) {
  const auto loaders = [](std::initializer_list<Value> list) {
    return refusal({{"query", ""}, {"loader", Value::array(list)}});
  };
  EXPECT_EQ(loaders({Value::table({{"name", "a"}, {"query", "SELECT 1 AS value"}, {"every", "5m"}})}), "");
  EXPECT_TRUE(has(loaders({Value::table({{"name", "a"}, {"qeury", "SELECT 1"}})}), "unknown key \"qeury\""));
  EXPECT_TRUE(has(loaders({Value::table({{"query", "SELECT 1"}})}), "name"));
  EXPECT_TRUE(
      has(loaders({Value::table({{"name", "a"}, {"query", "S"}}), Value::table({{"name", "a"}, {"query", "S"}})}),
          "there already"));
  EXPECT_TRUE(has(loaders({Value::table({{"name", "a"}, {"query", "S"}, {"every", "5s"}})}), "fastest loader"));
  EXPECT_TRUE(has(loaders({Value::table({{"name", "a"}, {"query", "S"}, {"every", "soon"}})}), "expected a duration"));
  EXPECT_TRUE(has(loaders({Value::table({{"name", "a"}, {"query", "S"}, {"max_rows", -1}})}), "max_rows"));
  EXPECT_TRUE(has(refusal({{"loader", Value::array({Value::table({{"name", "a"}, {"query", "S"}})})}}), "one of them"));
}

TEST(SqlSettings, ACursorAndItsPlaceInTheQueryBelongTogether) {
  EXPECT_TRUE(has(refusal({{"query", "SELECT 1 AS value WHERE 1 > {{cursor}}"}}), "needs cursor ="));
  EXPECT_TRUE(has(refusal({{"cursor", "id"}}), "add WHERE id > {{cursor}}"));
  EXPECT_TRUE(
      has(refusal({{"cursor", "id"}, {"query", "SELECT id, 1 AS value FROM t WHERE id > '{{cursor}}'"}}), "quotes"));
  EXPECT_EQ(refusal({{"cursor", "id"}, {"query", "SELECT id, 1 AS value FROM t WHERE id > {{cursor}}"}}), "");
}

TEST(SqlSettings, DurationsAreReadAsTheHostReadsThem) {
  EXPECT_EQ(read_duration("90s", ""), 90s);
  EXPECT_EQ(read_duration("1h30m", ""), 90min);
  EXPECT_EQ(read_duration("250ms", ""), 250ms);
  for (const auto* bad : {"", "5", "s", "-5s", "5x", "5s ", "1e300s", "nan", "0s"})
    EXPECT_THROW(read_duration(bad, ""), tsn::Failure) << bad;
}

TEST(SqlCursors, ComeBackAsTheyWereWritten) {
  const Cursors some{{"a", "17"}, {"b:\n", "2026-11-20 10:00:00.5+00"}, {"c", ""}};
  EXPECT_EQ(read_cursors(written(some)), some);
  EXPECT_EQ(read_cursors(written({})), Cursors());
}

TEST(SqlCursors, AnotherFormIsNotRead) {
  for (const auto* bad : {"", "sql/2\n", "sql/1\n1", "sql/1\n1:a", "sql/1\n9:a", "sql/1\n1:a99999999999999999999:b",
                          "sql/1\n-1:a1:b", "sql/1\n1a1:b"})
    EXPECT_EQ(read_cursors(bad), std::nullopt) << bad;
}

TEST(SqlCursors, ASourceWithACursorOfAnotherFormDoesNotStart) {
  FakeHost host;
  auto instance = host.create({}, Value::table({{"url", "postgres://h/d"}, {"query", "SELECT 1"}, {"signal", "x"}}));
  EXPECT_NE(instance->start("rubbish").status, TSN_OK);
}

TEST(SqlValues, TimesAreReadAsDatabasesWriteThem) {
  constexpr tsn::Time ten = 1'795'168'800'000'000'000;
  EXPECT_EQ(read_time("2026-11-20 10:00:00+00"), ten);
  EXPECT_EQ(read_time("2026-11-20 10:00:00"), ten);
  EXPECT_EQ(read_time("2026-11-20 13:00:00.25+03"), ten + 250'000'000);
  EXPECT_EQ(read_time("2026-11-20 04:30:00-05:30"), ten);
  EXPECT_EQ(read_time("2026-11-20T10:00:00Z"), ten);
  EXPECT_EQ(read_time("2026-11-20"), ten - 36'000'000'000'000);
  for (const auto* bad : {"", "infinity", "-infinity", "0044-03-15 BC", "0000-00-00 00:00:00", "2026-13-01", "soon"})
    EXPECT_EQ(read_time(bad), std::nullopt) << bad;
}

TEST(SqlValues, NumbersOfEachKind) {
  std::string why;
  EXPECT_EQ(read_number(Kind::number, "-12.5", why), -12.5);
  EXPECT_EQ(read_number(Kind::money, "-$1,234.50", why), -1234.5);
  EXPECT_EQ(read_number(Kind::boolean, "t", why), 1);
  EXPECT_EQ(read_number(Kind::boolean, "f", why), 0);
  EXPECT_EQ(read_number(Kind::text, "17", why), 17);
  EXPECT_EQ(read_number(Kind::time, "2026-11-20 10:00:00+00", why), 1'795'168'800);
  for (const auto* bad : {"NaN", "Infinity", "1e999", "", "12 apples", "0x10"})
    EXPECT_EQ(read_number(Kind::number, bad, why), std::nullopt) << bad;
}

TEST(SqlRights, ALineNamesTheFirstAndCountsTheOthers) {
  EXPECT_EQ(listed({"a", "b"}), "a, b");
  EXPECT_EQ(listed({"a", "b", "c", "d", "e", "f"}), "a, b, c, d and 2 more");
}

}  // namespace
