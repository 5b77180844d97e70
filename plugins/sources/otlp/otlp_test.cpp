// Logs and spans to rows.
#include <fstream>
#include <sstream>

#include "log_writer.hpp"
#include "otlp_fixture.hpp"

namespace {

using namespace otlp_test;
using tsn::Value;
using Labels = std::map<std::string, std::string>;

class OtlpLogs : public Source {
 protected:
  void take(const std::string& records) {
    const auto answer = post("/v1/logs", request("shop", records));
    EXPECT_EQ(answer.response.status, 200u);
    EXPECT_EQ(answer.response.body, "");
  }
};

std::string record(int severity, const std::string& body, const std::string& more = {}) {
  return sub(2, fix(1, at) + num(2, static_cast<std::uint64_t>(severity)) + sub(5, sub(1, body)) + more);
}

TEST_F(OtlpLogs, MakesASignalOfEachRecord) {
  take(record(17, "payment failed", attribute(6, "order", "77")) + record(9, "paid"));
  ASSERT_EQ(host_.rows().size(), 2u);
  const auto got = row("log.record");
  EXPECT_EQ(got.value, 1);
  EXPECT_EQ(got.ts, at);
  EXPECT_EQ(got.text, "payment failed");
  EXPECT_EQ(got.severity, 17u);
  EXPECT_EQ(got.labels, (Labels{{"service", "shop"}, {"severity", "error"}}));
  EXPECT_EQ(row("log.record", 1).label("severity"), "info");
}

TEST_F(OtlpLogs, MakesSignalsByPatterns) {
  config_.set(
      "match",
      Value::array({Value::table(
          {{"signal", "order.slow"}, {"pattern", R"(took (?<ms>\d+) ms for (?<shop>\w+))"}, {"value", "ms"}})}));
  take(record(9, "took 320 ms for riyadh") + record(9, "nothing of it"));
  ASSERT_EQ(host_.rows().size(), 1u);
  EXPECT_EQ(row("order.slow").value, 320);
  EXPECT_EQ(row("order.slow").labels, (Labels{{"shop", "riyadh"}, {"service", "shop"}, {"severity", "info"}}));
  EXPECT_EQ(host_.metrics().at("log_records_unmatched"), 1);
}

TEST_F(OtlpLogs, TakesLabelsOfTheRecordBeforeThoseOfItsResource) {
  config_.set("log_labels", Value::array({"service.name=service", "http.route"}));
  take(record(0, "x", attribute(6, "service.name", "own") + attribute(6, "http.route", "/a") + sub(3, "WARN")));
  EXPECT_EQ(row("log.record").labels, (Labels{{"service", "own"}, {"http_route", "/a"}, {"severity", "warn"}}));
  EXPECT_EQ(row("log.record").severity, 13u);
}

TEST_F(OtlpLogs, TellsABodyThatIsAMapAsJson) {
  const auto entry = [](const std::string& key, const std::string& value) {
    return sub(1, sub(1, key) + sub(2, value));
  };
  const auto map = sub(6, entry("a\"", num(3, static_cast<std::uint64_t>(-1))) +
                              entry("b", sub(5, sub(1, num(2, 1)) + sub(1, sub(1, "x")))) +
                              entry("c", sub(7, "\xab\x01")) + entry("d", "") + entry("e", real(4, 0.5)));
  take(sub(2, fix(11, at) + sub(5, map)));
  EXPECT_EQ(row("log.record").text, R"({"a\"":-1,"b":[true,"x"],"c":"qwE=","d":null,"e":0.5})");
  EXPECT_EQ(row("log.record").ts, at) << "the time it was observed";
}

TEST_F(OtlpLogs, TakesTheTimeOfArrivalForOneThatIsMissingOrAhead) {
  const auto ahead = static_cast<std::uint64_t>(host_.now() + 3600 * second);
  take(sub(2, sub(5, sub(1, "a"))) + sub(2, fix(1, ahead) + sub(5, sub(1, "b"))));
  EXPECT_EQ(row("log.record", 0).ts, host_.now());
  EXPECT_EQ(row("log.record", 1).ts, host_.now());
}

TEST_F(OtlpLogs, CutsALongBodyBetweenTwoCharacters) {
  std::string text = "a";
  while (text.size() < 40'000) text += "\xd8\xb3";
  take(record(9, text));
  EXPECT_EQ(row("log.record").text.size(), 16'383u);
}

TEST(SeverityWord, IsOfTheNumberElseOfTheText) {
  using tocsin_plugins::otlp::severity_word;
  EXPECT_EQ(severity_word(1, ""), "trace");
  EXPECT_EQ(severity_word(24, ""), "fatal");
  EXPECT_EQ(severity_word(0, "Error"), "error");
  EXPECT_EQ(severity_word(25, "NOTICE"), "NOTICE");
}

class OtlpTraces : public Source {
 protected:
  void take(const std::string& spans, const std::string& service = "shop") {
    const auto answer = post("/v1/traces", request(service, spans));
    EXPECT_EQ(answer.response.status, 200u);
    EXPECT_EQ(answer.response.body, "");
  }
};

std::string span(const std::string& name, int kind, std::int64_t ms, int status, const std::string& more = {}) {
  return sub(2,
             sub(1, std::string(16, '\x01')) + sub(2, std::string(8, '\x02')) + sub(5, name) +
                 num(6, static_cast<std::uint64_t>(kind)) + fix(7, static_cast<std::uint64_t>(at - ms * 1'000'000)) +
                 fix(8, at) +
                 (status ? sub(15, sub(2, "no funds") + num(3, static_cast<std::uint64_t>(status))) : std::string()) +
                 more);
}

TEST_F(OtlpTraces, CountsRequestsAndErrorsOfEachOperation) {
  take(span("POST /pay", 2, 10, 0) + span("POST /pay", 2, 20, 0) + span("POST /pay", 2, 30, 2));
  EXPECT_EQ(row("span.requests", 0).value, 2);
  EXPECT_EQ(row("span.requests", 0).labels,
            (Labels{{"service", "shop"}, {"operation", "POST /pay"}, {"kind", "server"}, {"status", "unset"}}));
  EXPECT_EQ(row("span.requests", 1).value, 1);
  EXPECT_EQ(row("span.requests", 1).label("status"), "error");
  ASSERT_EQ(count("span.errors"), 1u);
  EXPECT_EQ(row("span.errors").value, 1);
  EXPECT_EQ(row("span.errors").labels, (Labels{{"service", "shop"}, {"operation", "POST /pay"}, {"kind", "server"}}));
}

TEST_F(OtlpTraces, TellsThatThereWereNoErrors) {
  take(span("GET /", 2, 10, 1));
  EXPECT_EQ(row("span.errors").value, 0);
}

TEST_F(OtlpTraces, TellsEveryDurationAndKeepsTheSlowestAsAnExemplar) {
  take(span("GET /", 2, 10, 2) + span("GET /", 2, 500, 2) + span("GET /", 2, 20, 2));
  ASSERT_EQ(count("span.duration"), 3u);
  EXPECT_DOUBLE_EQ(row("span.duration", 1).value, 0.5);
  EXPECT_EQ(row("span.duration", 0).text, "");
  EXPECT_EQ(
      row("span.duration", 1).text,
      R"({"trace_id":"01010101010101010101010101010101","span_id":"0202020202020202","duration":0.5,"message":"no funds"})");
}

TEST_F(OtlpTraces, WritesDurationsInTheOrderOfTheirTimes) {
  const auto ended = [](std::int64_t time) {
    return sub(2, sub(5, "a") + fix(7, static_cast<std::uint64_t>(time)) + fix(8, static_cast<std::uint64_t>(time)));
  };
  take(ended(at + 2) + ended(at) + ended(at + 1));
  for (std::size_t i = 0; i < 3; ++i) EXPECT_EQ(row("span.duration", i).ts, at + static_cast<std::int64_t>(i));
}

TEST_F(OtlpTraces, TellsASummaryOfDurationsWhereThatIsWanted) {
  config_.set("span_durations", "summary");
  take(span("GET /", 2, 10, 0) + span("GET /", 2, 30, 0));
  ASSERT_EQ(count("span.duration"), 1u);
  ASSERT_TRUE(row("span.duration").summary);
  EXPECT_EQ(row("span.duration").summary->count, 2);
  EXPECT_DOUBLE_EQ(row("span.duration").summary->max, 0.03);
  EXPECT_NE(row("span.duration").text, "");
}

TEST_F(OtlpTraces, KnowsWhichServiceCallsWhich) {
  take(span("a", 3, 1, 0, attribute(9, "server.address", "10.0.0.7") + attribute(9, "peer.service", "payments")) +
       span("b", 3, 1, 0, attribute(9, "db.system", "postgresql")) +
       span("c", 2, 1, 0, attribute(9, "peer.service", "x")) + span("d", 3, 1, 0));
  ASSERT_EQ(count("service.calls"), 2u);
  EXPECT_EQ(row("service.calls", 0).labels, (Labels{{"client", "shop"}, {"server", "payments"}}));
  EXPECT_EQ(row("service.calls", 1).label("server"), "postgresql");
}

TEST_F(OtlpTraces, TellsOnlySoManyOperationsApart) {
  config_.set("max_operations", 2);
  take(span("/user/1", 2, 1, 0) + span("/user/2", 2, 1, 0) + span("/user/3", 2, 1, 0) + span("/user/4", 2, 1, 0) +
       span("/user/1", 2, 1, 0));
  EXPECT_EQ(row("span.requests", 0).value, 2);
  EXPECT_EQ(row("span.requests", 2).label("operation"), "other");
  EXPECT_EQ(row("span.requests", 2).value, 2);
  EXPECT_EQ(host_.metrics().at("spans_of_other"), 2);
}

TEST_F(OtlpTraces, RefusesASpanThatEndsBeforeItBegins) {
  const auto answer = post("/v1/traces", request("shop", span("a", 2, -5, 0) + span("b", 2, 5, 0)));
  EXPECT_EQ(answer.response.body, sub(1, num(1, 1) + sub(2, "a span ends before it begins")));
  EXPECT_EQ(count("span.duration"), 1u);
}

TEST_F(OtlpTraces, SaysHowManySpansTheHostDidNotTake) {
  const auto ahead = static_cast<std::uint64_t>(host_.now() + 3600 * second);
  const auto answer = post("/v1/traces", request("shop", sub(2, sub(5, "a") + fix(7, ahead) + fix(8, ahead))));
  EXPECT_EQ(answer.response.status, 200u);
  EXPECT_NE(answer.response.body.find("more than a minute ahead"), std::string::npos);
}

}  // namespace
