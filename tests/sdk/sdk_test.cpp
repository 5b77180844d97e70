#include <gtest/gtest.h>

#include <cmath>

#include "tocsin/templates.hpp"
#include "tocsin/testing/fake_host.hpp"

using namespace std::chrono_literals;
using tsn::Value;
using tsn::testing::FakeHost;

namespace {

TEST(Source, SubmitsWhatItPushedWithItsCursor) {
  FakeHost host;
  auto lines = host.create("lines");
  lines->start("40");
  EXPECT_EQ(lines->pull().status, TSN_OK);
  ASSERT_EQ(host.rows().size(), 3u);
  EXPECT_EQ(host.rows()[2].value, 42);
  EXPECT_EQ(host.rows()[2].label("n"), "1");
  EXPECT_EQ(host.cursor(), "43");
}

TEST(Source, KeepsRowsThatTheHostRefusedAndReadsNothingNewUntilTheyAreTaken) {
  FakeHost host;
  auto lines = host.create("lines");
  lines->start();
  host.refuse_submits(2);
  EXPECT_EQ(lines->pull().status, TSN_RETRY);
  EXPECT_EQ(lines->pull().status, TSN_RETRY);
  EXPECT_EQ(host.rows().size(), 0u);
  EXPECT_EQ(lines->pull().status, TSN_OK);
  ASSERT_EQ(host.rows().size(), 6u);
  for (int i = 0; i < 6; ++i) EXPECT_EQ(host.rows()[i].value, i);
}

TEST(Source, LosesNoRowWhenAFullBatchIsRefused) {
  FakeHost host;
  auto lines = host.create("lines", Value::table({{"count", 3000}}));
  lines->start();
  host.refuse_submits(1);
  EXPECT_EQ(lines->pull().status, TSN_OK);
  ASSERT_EQ(host.rows().size(), 3000u);
  EXPECT_EQ(host.rows()[2999].value, 2999);
  EXPECT_EQ(host.cursor(), "3000");
}

TEST(Source, StopsReadingAtTheBoundOfKeptRows) {
  FakeHost host;
  auto lines = host.create("lines", Value::table({{"count", 200'000}}));
  lines->start();
  host.refuse_submits(100);
  EXPECT_EQ(lines->pull().status, TSN_RETRY);
  host.refuse_submits(0);
  lines->stop();
  EXPECT_EQ(host.rows().size(), std::size_t{tsn::Batch::bound});
}

TEST(Barrier, TurnsExceptionsIntoStatusAndText) {
  FakeHost host;
  const auto fault = [&](const char* kind) { return host.create("lines", Value::table({{"fault", kind}}))->pull(); };
  EXPECT_EQ(fault("std").status, TSN_FAILED);
  EXPECT_EQ(fault("std").text, "cannot read \"lines\"");
  EXPECT_EQ(fault("other").status, TSN_FAILED);
  EXPECT_EQ(fault("failure").status, TSN_DENIED);
  EXPECT_EQ(fault("failure").code, 403);
  EXPECT_EQ(fault("status").retry_after_ms, 250u);
}

TEST(Barrier, CutsALongTextToFit) {
  FakeHost host;
  auto message = tsn::testing::sample_message();
  message.title = "throw";
  EXPECT_EQ(host.create("later")->deliver(message).text, std::string(240, 'x'));
}

TEST(Barrier, CutsBetweenCharacters) {
  tsn_err err = tsn::detail::empty_err();
  tsn::detail::write_error(&err, std::string(239, 'x') + "é", 0, 0);
  EXPECT_EQ(err.n, 239u);
}

TEST(Config, ReadsDeclaredDefaultsAndTypedValues) {
  FakeHost host;
  auto lines = host.create("lines", Value::table({{"token", "s3cret"}}));
  EXPECT_EQ(lines->reconfigure(Value::table({{"token", "other"}})).status, TSN_OK);
  EXPECT_EQ(lines->reconfigure(Value::table({{"count", 9}})).status, TSN_NEEDS_RESTART);
}

TEST(Config, NamesKeyAndLineOfAWrongType) {
  auto value = Value::table({{"paths", Value(7).at_line(12)}});
  try {
    (void)tsn::Config(value.view()).str("paths");
    FAIL();
  } catch (const tsn::Failure& failure) {
    EXPECT_STREQ(failure.what(), "option \"paths\" at line 12: expected a string");
  }
}

TEST(Config, WalksTablesInArrays) {
  auto value = tsn::testing::from_json(R"({"match": [{"signal": "a", "n": 1.5}, {"signal": "b"}], "one": "x"})");
  const tsn::Config config(value.view());
  std::string seen;
  for (const auto& match : config.array("match")) seen += match.str("signal");
  EXPECT_EQ(seen, "ab");
  EXPECT_EQ(config.strings("one"), std::vector<std::string>{"x"});
  EXPECT_EQ(config.array("none").count(), 0u);
  EXPECT_DOUBLE_EQ(config.array("match").at(0).number("n"), 1.5);
}

TEST(State, SurvivesIntoASuccessor) {
  FakeHost host;
  auto before = host.create("lines");
  before->start("7");
  auto after = host.create("lines");
  EXPECT_EQ(after->load(before->save()).status, TSN_OK);
  after->pull();
  EXPECT_EQ(host.rows().at(0).value, 7);
}

TEST(Batch, CarriesEveryColumnAndSubmitsWhenFull) {
  FakeHost host;
  auto columns = host.create("columns");
  EXPECT_EQ(columns->handle({.path = "/push", .body = "full"}).response.status, 202u);
  ASSERT_EQ(host.rows().size(), 4u);
  EXPECT_EQ(host.batches(), 2u);
  EXPECT_EQ(host.rows()[1].summary->max, 3);
  EXPECT_TRUE(std::isnan(host.rows()[1].value));
  EXPECT_EQ(host.rows()[1].flags, TSN_ROW_OLD);
  const auto row = host.rows()[2];
  EXPECT_EQ(row.text + row.attributes + row.body + row.origin_file, "text{}[]/a.log");
  EXPECT_EQ(row.origin_offset + row.origin_line + row.severity, 42u + 7u + 17u);
  EXPECT_EQ(host.rows()[3].text, "");
  EXPECT_EQ(host.violations(), std::vector<std::string>{});
}

TEST(Batch, ReportsRejectedRowsByTheirNumber) {
  FakeHost host;
  const auto answer = host.create("columns")->handle({.path = "/push"});
  EXPECT_EQ(answer.response.body, "2;1:2");
  EXPECT_EQ(answer.response.header("content-type"), "application/json");
}

TEST(Lifetime, LeavesNoTimerNorThreadBehindStop) {
  FakeHost host;
  auto columns = host.create("columns");
  columns->start();
  EXPECT_TRUE(host.wait_for_rows(1));
  EXPECT_EQ(host.rows()[0].text, "from a thread");
  EXPECT_EQ(host.timers(), 1u);
  columns->stop();
  EXPECT_EQ(host.timers() + host.threads(), 0u);
  EXPECT_TRUE(host.logged("worker ends"));
  EXPECT_EQ(host.violations(), std::vector<std::string>{});
}

TEST(Lifetime, FiresATimerOnce) {
  FakeHost host;
  auto columns = host.create("columns");
  columns->start();
  host.advance(20s);
  EXPECT_TRUE(host.logged("timer"));
  EXPECT_EQ(host.timers(), 0u);
}

struct Notifier : testing::Test {
  FakeHost host;
  std::unique_ptr<tsn::testing::FakeInstance> later = host.create("later");
  tsn::Message message = tsn::testing::sample_message();
  tsn_token begin(const char* title) {
    later->start();
    message.title = title;
    return later->begin_deliver(message);
  }
};

TEST_F(Notifier, AnswersAtOnceWithAProviderId) {
  const auto answer = later->deliver(message);
  EXPECT_EQ(answer.status, TSN_OK);
  EXPECT_EQ(answer.delivered.provider_id, "first@example.com/n-1042-1");
}

TEST_F(Notifier, AnswersLaterOnce) {
  const auto token = begin("later");
  EXPECT_FALSE(later->completed(token));
  host.advance(1s);
  EXPECT_EQ(later->finish(token).delivered.provider_id, "late");
  EXPECT_EQ(host.violations(), std::vector<std::string>{});
}

TEST_F(Notifier, AnswersACancelledCallOnce) {
  const auto token = begin("later");
  later->cancel(token);
  host.advance(5s);
  EXPECT_EQ(later->finish(token).status, TSN_CANCELLED);
  EXPECT_EQ(host.violations(), std::vector<std::string>{});
}

TEST_F(Notifier, AnswersForADroppedToken) {
  EXPECT_EQ(later->finish(begin("drop")).status, TSN_FAILED);
  EXPECT_EQ(host.violations(), std::vector<std::string>{});
}

TEST_F(Notifier, AnswersForATokenThatStopAbandons) {
  const auto token = begin("later");
  later->stop();
  EXPECT_EQ(later->finish(token).status, TSN_FAILED);
  EXPECT_EQ(host.violations(), std::vector<std::string>{});
}

TEST_F(Notifier, StaysPendingWhenTheCallThrowsAfterTakingTheToken) {
  const auto token = begin("take and throw");
  EXPECT_FALSE(later->completed(token));
  later->cancel(token);
  EXPECT_EQ(later->finish(token).status, TSN_CANCELLED);
  EXPECT_EQ(host.violations(), std::vector<std::string>{});
}

TEST_F(Notifier, RefusesAnIdThatDoesNotFit) {
  message.title = "long id";
  EXPECT_EQ(later->deliver(message).status, TSN_INVALID);
}

TEST(Tracker, RemembersItsTicketInTheStore) {
  FakeHost host;
  auto tickets = host.create("tickets");
  EXPECT_TRUE(tickets->upsert(tsn::testing::sample_upsert()).ticket.created);
  const auto second = tickets->upsert(tsn::testing::sample_upsert()).ticket;
  EXPECT_FALSE(second.created);
  EXPECT_EQ(second.key + " " + second.status, "OPS-1 To Do");
}

TEST(Detector, JudgesEachRow) {
  FakeHost host;
  auto above = host.create("above");
  auto program = above->compile({.over = 60s, .by = {"host"}, .table = Value::table({{"limit", 5}})});
  ASSERT_EQ(program->answer.status, TSN_OK);
  EXPECT_EQ(program->inputs.at(0).over, 60s);
  const auto verdicts =
      above->evaluate(*program, {{{4}, {{"host", "a"}}}, {{9}, {{"host", "b"}}}, {{NAN}, {{"host", "c"}}}});
  EXPECT_EQ(verdicts[0].state, TSN_VERDICT_OK);
  EXPECT_EQ(verdicts[1].state, TSN_VERDICT_FIRING);
  EXPECT_EQ(verdicts[1].message, "b is above");
  EXPECT_EQ(verdicts[2].state, TSN_VERDICT_NO_DATA);
  above->release(*program);
}

TEST(Detector, ReportsTheRulesOfAScript) {
  FakeHost host;
  auto above = host.create("above");
  std::vector<tsn::testing::FakeInstance::LoadedRule> rules;
  EXPECT_EQ(above->load_script("a.rules", "bad", rules).text, "line 1: expected a rule");
  ASSERT_EQ(above->load_script("a.rules", "mine", rules).status, TSN_OK);
  EXPECT_EQ(tsn::Config(rules.at(0).table.view()).strings("by"), (std::vector<std::string>{"host", "mount"}));
  above->unload_script("a.rules");
  EXPECT_TRUE(host.logged("unload a.rules"));
}

TEST(Testing, RefusesUnknownAndMissingOptions) {
  FakeHost host;
  EXPECT_THROW(host.create("lines", Value::table({{"cuont", 1}})), std::invalid_argument);
  EXPECT_THROW(host.create("lines", Value::table({{"pause", "1 parsec"}})), std::invalid_argument);
}

TEST_F(Notifier, ReceivesAlertsLinksTimelineAndGroup) {
  message.title = "echo";
  EXPECT_EQ(later->deliver(message).delivered.provider_id,
            "HOURLY_STOCK https://grafana.example.com/d/etl looking at it {}:{alertname=\"loader_failing\"}");
}

TEST(Templates, LeaveNoPlaceholder) {
  for (const auto kind : tocsin::templates::kinds()) {
    const auto files = tocsin::templates::files(kind, "load_average");
    ASSERT_EQ(files.size(), 5u) << kind;
    for (const auto& [path, text] : files) {
      EXPECT_EQ(text.find('@'), std::string::npos) << path;
      EXPECT_EQ(path.find("NAME"), std::string::npos) << path;
    }
  }
}

TEST(Templates, AreNotThereForAnUnknownKindOrABadName) {
  for (const auto name : {"", "Upper", "../up", "1st", "a-b"})
    EXPECT_TRUE(tocsin::templates::files("source", name).empty());
  EXPECT_TRUE(tocsin::templates::files("sauce", "name").empty());
}

}  // namespace
