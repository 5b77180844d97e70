// The protocol: encodings, packings, answers, and JSON.
#include <fstream>
#include <sstream>

#include "otlp_fixture.hpp"
#include "unpack/packing_test.hpp"

namespace {

using namespace otlp_test;
using Labels = std::map<std::string, std::string>;

using tocsin_plugins::packing::zstd;

std::string gzipped(const std::string& text) {
  return tocsin_plugins::packing::gzip(text);
}

std::string gauge(double value = 7) {
  return request("shop", sub(2, sub(1, "g") + sub(5, sub(1, times(0, at) + real(4, value)))));
}

const std::string json_gauge =
    R"({"resourceMetrics":[{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"shop"}}]},)"
    R"("scopeMetrics":[{"scope":{"name":"s"},"metrics":[{"name":"g","unit":"1","gauge":{"dataPoints":[{"asInt":"7",)"
    R"("timeUnixNano":"1795168740000000000","unknown":[1,{"x":null}],)"
    R"("attributes":[{"key":"code","value":{"intValue":"200"}}]}]}}]}]}]})";

class OtlpAnswers : public Source {};

TEST_F(OtlpAnswers, AnswersInTheEncodingOfTheRequest) {
  auto answer = post("/v1/metrics", gauge());
  EXPECT_EQ(answer.response.status, 200u);
  EXPECT_EQ(answer.response.header("content-type"), "application/x-protobuf");
  EXPECT_EQ(answer.response.body, "");
  answer = json("/v1/metrics", json_gauge);
  EXPECT_EQ(answer.response.status, 200u);
  EXPECT_EQ(answer.response.header("content-type"), "application/json");
  EXPECT_EQ(answer.response.body, "{}");
  EXPECT_EQ(row("g", 1).labels, (Labels{{"service", "shop"}, {"code", "200"}}));
}

TEST_F(OtlpAnswers, TakesAnEmptyRequest) {
  EXPECT_EQ(post("/v1/traces", "").response.status, 200u);
  EXPECT_EQ(json("/v1/logs", "{}").response.body, "{}");
  EXPECT_EQ(host_.batches(), 0u);
}

TEST_F(OtlpAnswers, UnpacksGzip) {
  EXPECT_EQ(post("/v1/metrics", gzipped(gauge()), "application/x-protobuf", "gzip").response.status, 200u);
  EXPECT_EQ(post("/v1/metrics", gzipped(json_gauge), "application/json; charset=utf-8", "gzip").response.status, 200u);
  const auto two = gzipped(gauge().substr(0, 9)) + gzipped(gauge().substr(9));
  EXPECT_EQ(post("/v1/metrics", two, "application/x-protobuf", "gzip").response.status, 200u) << "members in a row";
  EXPECT_EQ(count("g"), 3u);
}

TEST_F(OtlpAnswers, UnpacksZstd) {
  EXPECT_EQ(post("/v1/metrics", zstd(gauge()), "application/x-protobuf", "zstd").response.status, 200u);
  EXPECT_EQ(post("/v1/metrics", zstd(json_gauge), "application/json", "zstd").response.status, 200u);
  EXPECT_EQ(count("g"), 2u);
  const auto cut = post("/v1/metrics", zstd(gauge()).substr(0, 20), "application/x-protobuf", "zstd");
  EXPECT_EQ(cut.response.status, 400u);
  EXPECT_NE(cut.response.body.find("no whole zstd"), std::string::npos);
}

TEST_F(OtlpAnswers, Refuses413WhatIsOrUnpacksToTooMuch) {
  config_.set("max_size", 4096);
  const std::string large(1 << 20, '\0');
  EXPECT_EQ(post("/v1/metrics", large).response.status, 413u);
  const auto bomb = gzipped(large);
  ASSERT_LT(bomb.size(), 4096u);
  const auto answer = post("/v1/metrics", bomb, "application/x-protobuf", "gzip");
  EXPECT_EQ(answer.response.status, 413u);
  EXPECT_NE(answer.response.body.find("max_size"), std::string::npos);
  EXPECT_EQ(post("/v1/metrics", zstd(large), "application/x-protobuf", "zstd").response.status, 413u);
}

TEST_F(OtlpAnswers, Refuses400WhatItCannotReadWithAStatus) {
  auto answer = post("/v1/metrics", "\x0a\xff");
  EXPECT_EQ(answer.response.status, 400u);
  EXPECT_EQ(answer.response.header("content-type"), "application/x-protobuf");
  EXPECT_EQ(answer.response.body, num(1, 3) + sub(2, "the body is no ExportMetricsServiceRequest in protobuf"));
  answer = json("/v1/logs", R"({"resourceLogs":7})");
  EXPECT_EQ(answer.response.status, 400u);
  EXPECT_EQ(answer.response.body, R"({"code":3,"message":"\"resourceLogs\": expected an array"})");
  EXPECT_EQ(json("/v1/logs", "{").response.status, 400u);
  EXPECT_EQ(json("/v1/logs", "[]").response.status, 400u);
  EXPECT_EQ(post("/v1/metrics", gzipped(gauge()).substr(0, 20), "application/x-protobuf", "gzip").response.status,
            400u);
  EXPECT_EQ(host_.metrics().at("bodies_refused"), 5);
}

TEST_F(OtlpAnswers, Refuses415WhatIsEncodedOrPackedOtherwise) {
  EXPECT_EQ(post("/v1/metrics", "", "text/plain").response.status, 415u);
  EXPECT_EQ(post("/v1/metrics", "", "application/grpc").response.status, 415u);
  EXPECT_EQ(post("/v1/metrics", "", "application/x-protobuf", "br").response.status, 415u);
}

TEST_F(OtlpAnswers, AsksToComeBackWhenTheAgentIsBusy) {
  host_.refuse_submits(1);
  const auto answer = json("/v1/metrics", json_gauge);
  EXPECT_EQ(answer.response.status, 503u);
  EXPECT_EQ(answer.response.header("retry-after"), "1");
  EXPECT_EQ(answer.response.body, R"({"code":14,"message":"the agent is busy"})");
  EXPECT_EQ(json("/v1/metrics", json_gauge).response.status, 200u);
  EXPECT_EQ(host_.rows().size(), 1u);
}

TEST_F(OtlpAnswers, TellsPartialSuccessInJson) {
  const auto answer =
      json("/v1/traces", R"({"resourceSpans":[{"scopeSpans":[{"spans":[{"name":"a","startTimeUnixNano":"9",)"
                         R"("endTimeUnixNano":5,"kind":2}]}]}]})");
  EXPECT_EQ(answer.response.body,
            R"({"partialSuccess":{"rejectedSpans":"1","errorMessage":"a span ends before it begins"}})");
}

TEST_F(OtlpAnswers, ReadsEveryKindOfMetricInJson) {
  const std::string head = R"({"resourceMetrics":[{"scopeMetrics":[{"metrics":[)", tail = "]}]}]}";
  const std::string time = R"("startTimeUnixNano":"1795168730000000000","timeUnixNano":"1795168740000000000",)";
  const auto answer =
      json("/v1/metrics",
           head + R"({"name":"s","sum":{"aggregationTemporality":1,"isMonotonic":true,"dataPoints":[{)" + time +
               R"("asDouble":2.5}]}},{"name":"h","histogram":{"aggregationTemporality":1,"dataPoints":[{)" + time +
               R"("count":"4","sum":6,"bucketCounts":["0",4,"0"],"explicitBounds":[1,2]}]}},)"
               R"({"name":"e","exponentialHistogram":{"aggregationTemporality":1,"dataPoints":[{)" +
               time +
               R"("count":4,"sum":12,"scale":0,"positive":{"offset":1,"bucketCounts":["4"]}}]}},)"
               R"({"name":"q","summary":{"dataPoints":[{)" +
               time +
               R"("count":"3","sum":2,"quantileValues":[{"quantile":0.9,"value":3}]}]}},)"
               R"({"name":"gone","gauge":{"dataPoints":[{)" +
               time + R"("flags":1}]}})" + tail);
  EXPECT_EQ(answer.response.body, "{}");
  EXPECT_EQ(row("s", 1).value, 2.5);
  EXPECT_DOUBLE_EQ(row("h.p50").value, 1.5);
  EXPECT_EQ(row("h").summary->sum, 6);
  EXPECT_DOUBLE_EQ(row("e.p50").value, 3);
  EXPECT_EQ(row("q.p90").value, 3);
  EXPECT_EQ(row("gone").flags, TSN_ROW_STALE);
}

TEST_F(OtlpAnswers, ReadsLogsAndSpansInJson) {
  json("/v1/logs", R"({"resourceLogs":[{"scopeLogs":[{"logRecords":[{"timeUnixNano":"1795168740000000000",)"
                   R"("severityText":"ERROR","body":{"kvlistValue":{"values":[{"key":"a","value":{"intValue":"5"}},)"
                   R"({"key":"b","value":{"arrayValue":{"values":[{"boolValue":true},{"doubleValue":0.5},{}]}}},)"
                   R"({"key":"c","value":{"bytesValue":"qwE="}}]}}}]}]}]})");
  EXPECT_EQ(row("log.record").text, R"({"a":5,"b":[true,0.5,null],"c":"qwE="})");
  EXPECT_EQ(row("log.record").severity, 17u);
  json(
      "/v1/traces",
      R"({"resourceSpans":[{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"web"}}]},)"
      R"("scopeSpans":[{"spans":[{"traceId":"5B8EFFF798038103D269B633813FC60C","spanId":"EEE19B7EC3C1B174",)"
      R"("name":"call","kind":3,"startTimeUnixNano":"1795168739000000000","endTimeUnixNano":"1795168740000000000",)"
      R"("status":{"code":2,"message":"late"},"attributes":[{"key":"peer.service","value":{"stringValue":"bank"}}]}]}]}]})");
  EXPECT_EQ(row("span.errors").value, 1);
  EXPECT_EQ(row("span.duration").value, 1);
  EXPECT_NE(row("span.duration").text.find("5B8EFFF798038103D269B633813FC60C"), std::string::npos);
  EXPECT_EQ(row("service.calls").labels, (Labels{{"client", "web"}, {"server", "bank"}}));
}

TEST_F(OtlpAnswers, NamesTheMemberThatIsWrongInJson) {
  for (const auto& [body, part] :
       {std::pair{R"({"resourceLogs":[{"scopeLogs":[{"logRecords":[{"timeUnixNano":"x"}]}]}]})", "timeUnixNano"},
        std::pair{R"({"resourceLogs":[{"scopeLogs":[{"logRecords":[{"timeUnixNano":-1}]}]}]})", "timeUnixNano"},
        std::pair{R"({"resourceLogs":[{"scopeLogs":[{"logRecords":[{"body":"text"}]}]}]})", "body"},
        std::pair{R"({"resourceLogs":[{"scopeLogs":[7]}]})", "scopeLogs"},
        std::pair{R"({"resourceLogs":[{"resource":{"attributes":{}}}]})", "attributes"}}) {
    const auto answer = json("/v1/logs", body);
    EXPECT_EQ(answer.response.status, 400u) << body;
    EXPECT_NE(answer.response.body.find(part), std::string::npos) << answer.response.body;
  }
  EXPECT_TRUE(host_.rows().empty());
}

TEST_F(OtlpAnswers, TakesNothingOfABodyThatBreaksOffBehindGoodItems) {
  EXPECT_EQ(post("/v1/metrics", gauge() + "\x0a\x7f").response.status, 400u);
  EXPECT_TRUE(host_.rows().empty());
  EXPECT_EQ(post("/v1/metrics", gauge()).response.status, 200u);
  EXPECT_EQ(host_.rows().size(), 1u);
}

TEST_F(OtlpAnswers, TakesOnlySoManyItemsOfABody) {
  std::string items;
  for (int i = 0; i < 500'010; ++i) items += sub(2, "");
  const auto answer = post("/v1/traces", request("shop", items));
  EXPECT_EQ(answer.response.status, 200u);
  EXPECT_EQ(answer.response.body,
            sub(1, num(1, 10) + sub(2, "a body has more than 500000 items; send smaller batches")));
  EXPECT_EQ(count("span.duration"), 500'000u);
}

TEST_F(OtlpAnswers, ListensOnOtherPaths) {
  config_.set("traces_path", "/otel/spans");
  const auto body = request("shop", sub(2, sub(5, "a") + fix(7, at) + fix(8, at)));
  EXPECT_EQ(post("/otel/spans", body).response.status, 200u);
  EXPECT_EQ(count("span.requests"), 1u);
}

TEST_F(OtlpAnswers, RefusesValuesThatAreTooDeepInEitherEncoding) {
  std::string any = sub(1, "x"), text = R"({"stringValue":"x"})";
  for (int i = 0; i < 200; ++i) any = sub(5, sub(1, any)), text = R"({"arrayValue":{"values":[)" + text + "]}}";
  EXPECT_EQ(post("/v1/logs", request("shop", sub(2, sub(5, any)))).response.status, 400u);
  EXPECT_EQ(
      json("/v1/logs", R"({"resourceLogs":[{"scopeLogs":[{"logRecords":[{"body":)" + text + "}]}]}]}").response.status,
      400u);
}

TEST_F(OtlpAnswers, SurvivesEveryTruncation) {
  const auto body = gauge();
  for (std::size_t n = 1; n < body.size(); ++n)
    EXPECT_NE(post("/v1/metrics", body.substr(0, n)).response.status, 200u) << n;
  for (std::size_t n = 0; n < json_gauge.size(); ++n)
    EXPECT_EQ(json("/v1/metrics", json_gauge.substr(0, n)).response.status, 400u) << n;
  EXPECT_TRUE(host_.rows().empty());
}

TEST_F(OtlpAnswers, RefusesOptionsThatCannotBe) {
  for (const auto* key : {"resource_labels", "log_labels", "span_labels", "drop_attributes"})
    for (const auto* bad : {"", "=x", "a=", "a=b c", "a*b", "a*=b"}) {
      config_ = tsn::Value::table({{key, tsn::Value::array({bad})}});
      EXPECT_THROW(host_.create("otlp", config_), tsn::Failure) << key << " " << bad;
    }
  config_ = tsn::Value::table({{"quantiles", tsn::Value::array({1.5})}});
  EXPECT_THROW(host_.create("otlp", config_), tsn::Failure);
}

std::string fixture(const std::string& file) {
  std::ifstream in(TESTDATA "/" + file);
  std::stringstream text;
  text << in.rdbuf();
  return text.str();
}

/// Written by protobuf's own classes for Python, of opentelemetry-proto 1.45.
TEST_F(OtlpAnswers, TakesWhatProtobufsOwnClassesWrite) {
  for (const auto* signal : {"metrics", "logs", "traces"}) {
    const auto answer = post(std::string("/v1/") + signal, fixture(std::string(signal) + ".pb"));
    EXPECT_EQ(answer.response.status, 200u);
    EXPECT_EQ(answer.response.body, "") << signal;
  }
  EXPECT_EQ(row("queue.depth").value, -4);
  EXPECT_EQ(row("queue.depth").labels, (Labels{{"lane", "3"}, {"service", "shop"}, {"host_name", "h1"}}));
  EXPECT_EQ(row("requests", 1).value, 12.5);
  EXPECT_EQ(row("latency").summary->max, 0.9);
  EXPECT_NEAR(row("latency.p50").value, 0.41667, 1e-5);
  EXPECT_EQ(row("size").summary->count, 7);
  EXPECT_EQ(row("size").summary->min, 0);
  EXPECT_DOUBLE_EQ(row("size.p50").value, 1.75);
  EXPECT_EQ(row("gc.p50").value, 2);
  EXPECT_EQ(row("log.record", 0).text, "payment 7 failed");
  EXPECT_EQ(row("log.record", 1).text, R"({"a":1,"b":0.5})");
  EXPECT_EQ(row("span.errors", 0).label("operation"), "POST /pay");
  EXPECT_EQ(row("service.calls").label("server"), "postgresql");
}

/// The examples of the protocol's own repository, where they are at hand.
TEST_F(OtlpAnswers, TakesTheExamplesOfTheProtocol) {
  const char* shared = std::getenv("TOCSIN_SHARED");
  const std::string folder = std::string(shared ? shared : "/nonexistent") + "/contracts/otlp/examples/";
  const std::pair<const char*, const char*> all[] = {{"metrics.json", "/v1/metrics"},
                                                     {"logs.json", "/v1/logs"},
                                                     {"events.json", "/v1/logs"},
                                                     {"trace.json", "/v1/traces"}};
  for (const auto& [file, where] : all) {
    std::ifstream in(folder + file);
    if (!in) GTEST_SKIP() << "no " << folder << file << "; set TOCSIN_SHARED to where the contracts are";
    std::stringstream text;
    text << in.rdbuf();
    const auto answer = json(where, text.str());
    EXPECT_EQ(answer.response.status, 200u) << file;
    EXPECT_EQ(answer.response.body, "{}") << file;
  }
  EXPECT_EQ(row("my.gauge").value, 10);
  EXPECT_EQ(row("my.counter").value, 5);
  ASSERT_TRUE(row("my.histogram").summary);
  EXPECT_EQ(row("log.record").text, "Example log record");
  EXPECT_EQ(row("span.duration").value, 1);
}

}  // namespace
