#include <gtest/gtest.h>

#include <map>
#include <string>

#include "timestamp/timestamp.hpp"
#include "tocsin/testing/fake_host.hpp"
#include "unpack/packing_test.hpp"

namespace {

using tsn::testing::FakeHost;
using tsn::testing::HttpRequest;

using tocsin_plugins::packing::zstd;

std::string gzipped(const std::string& text) {
  return tocsin_plugins::packing::gzip(text);
}

class Http : public ::testing::Test {
 protected:
  tsn::testing::Answer push(std::string body, std::string type = "application/json", std::string coding = {}) {
    HttpRequest request;
    request.path = "/api/v1/signals/bulk";
    request.body = std::move(body);
    request.headers.emplace_back("content-type", std::move(type));
    if (!coding.empty()) request.headers.emplace_back("content-encoding", std::move(coding));
    return instance_->handle(request);
  }
  FakeHost host_;
  std::unique_ptr<tsn::testing::FakeInstance> instance_ = host_.create();
};

TEST_F(Http, TakesSignalsWithLabelsAndAnswers202) {
  const auto answer = push(
      R"({"signals":[{"name":"etl.run","ts":"2026-11-20T10:00:00Z","value":1,"labels":{"loader":"A","status":"FAILED"}}]})");
  EXPECT_EQ(answer.response.status, 202u);
  EXPECT_EQ(answer.response.body, R"({"accepted":1,"rejected":[]})");
  ASSERT_EQ(host_.rows().size(), 1u);
  const auto row = host_.rows().front();
  EXPECT_EQ(row.name, "etl.run");
  EXPECT_EQ(row.label("status"), "FAILED");
  EXPECT_EQ(row.ts, 1'795'168'800'000'000'000);
}

TEST_F(Http, TellsSecondsMillisecondsAndNanosecondsApart) {
  push(R"({"signals":[{"name":"x","ts":1795168800,"value":1},{"name":"x","ts":1795168800.5,"value":2},
          {"name":"x","ts":1795168800500,"value":3},{"name":"x","ts":1795168800500000000,"value":4}]})");
  const auto rows = host_.rows();
  ASSERT_EQ(rows.size(), 4u);
  EXPECT_EQ(rows[0].ts, 1'795'168'800'000'000'000);
  for (int i = 1; i < 4; ++i) EXPECT_EQ(rows[i].ts, 1'795'168'800'500'000'000) << i;
}

TEST_F(Http, TakesASummaryInsteadOfAValue) {
  push(R"({"signals":[{"name":"etl.duration","ts":1795168800,"count":5,"min":1,"max":9,"avg":4,"sum":20}]})");
  ASSERT_EQ(host_.rows().size(), 1u);
  ASSERT_TRUE(host_.rows()[0].summary);
  EXPECT_EQ(host_.rows()[0].summary->sum, 20);
}

TEST_F(Http, RefusesItemsOneByOneWithTheirIndexAndReason) {
  const auto answer =
      push(R"({"signals":[{"value":1},{"name":"a"},{"name":"a","value":"x"},{"name":"a","value":1,"ts":"yesterday"},
      7,{"name":"a","value":1,"labels":[1]},{"name":"a","count":1,"value":null},{"name":"good","value":2}]})");
  EXPECT_EQ(answer.response.status, 202u);
  EXPECT_NE(answer.response.body.find(R"("accepted":1)"), std::string::npos) << answer.response.body;
  for (const char* part :
       {R"({"index":0,"error_type":"name")", R"({"index":1,"error_type":"value")", R"({"index":2,"error_type":"value")",
        R"({"index":3,"error_type":"timestamp")", R"({"index":4,"error_type":"json")",
        R"({"index":5,"error_type":"labels")", R"({"index":6,"error_type":"value")"}) {
    EXPECT_NE(answer.response.body.find(part), std::string::npos) << part << " in " << answer.response.body;
  }
  ASSERT_EQ(host_.rows().size(), 1u);
  EXPECT_EQ(host_.rows()[0].name, "good");
}

TEST_F(Http, KeepsWhatItRefused) {
  push(R"({"signals":[{"name":"a","value":"x","labels":{"loader":"L7"}}]})");
  ASSERT_EQ(host_.rejected().size(), 1u);
  EXPECT_EQ(host_.rejected()[0].loader, "L7");
  EXPECT_NE(host_.rejected()[0].raw.find("L7"), std::string::npos);
}

TEST_F(Http, RefusesABodyThatIsNotOursAsAWhole) {
  for (const char* body : {"", "{", "[]", "null", R"({"signals":5})", R"({"signals":[{"name":"a","value":1})",
                           R"({"other":[]})", R"({"signals":[{"name":"a","value":1,]})"}) {
    const auto answer = push(body);
    EXPECT_EQ(answer.response.status, 400u) << body;
    EXPECT_NE(answer.response.body.find("\"detail\""), std::string::npos) << body;
  }
  EXPECT_TRUE(host_.rows().empty());
}

TEST_F(Http, AsksToComeBackWhenTheAgentIsBusy) {
  host_.refuse_submits(1);
  const auto answer = push(R"({"signals":[{"name":"a","value":1}]})");
  EXPECT_EQ(answer.response.status, 503u);
  EXPECT_EQ(answer.response.header("retry-after"), "1");
  EXPECT_TRUE(host_.rows().empty());
  EXPECT_EQ(push(R"({"signals":[{"name":"b","value":1}]})").response.status, 202u);
  ASSERT_EQ(host_.rows().size(), 1u);
  EXPECT_EQ(host_.rows()[0].name, "b");
}

TEST_F(Http, KnowsASeriesWhateverTheOrderOfItsLabels) {
  push(
      R"({"signals":[{"name":"a","value":1,"labels":{"x":"1","y":"2"}},{"name":"a","value":2,"labels":{"y":"2","x":"1"}},
          {"labels":{"x":"1","y":"2"},"value":3,"name":"a"}]})");
  ASSERT_EQ(host_.rows().size(), 3u);
  EXPECT_EQ(host_.rows()[0].labels, host_.rows()[1].labels);
  EXPECT_EQ(host_.rows()[0].labels, host_.rows()[2].labels);
}

TEST_F(Http, TakesABodyPackedWithGzip) {
  const auto answer = push(gzipped(R"({"signals":[{"name":"a","value":1}]})"), "application/json", "gzip");
  EXPECT_EQ(answer.response.body, R"({"accepted":1,"rejected":[]})");
  EXPECT_EQ(host_.rows().size(), 1u);
}

TEST_F(Http, TakesABodyPackedWithZstd) {
  const std::string lines = "{\"name\":\"a\",\"value\":1}\n{\"name\":\"a\",\"value\":2}\n";
  const auto answer = push(zstd(lines), "application/x-ndjson", "zstd");
  EXPECT_EQ(answer.response.body, R"({"accepted":2,"rejected":[]})");
  EXPECT_EQ(host_.rows().size(), 2u);
}

TEST_F(Http, RefusesWhatItCannotUnpackAndTakesNothing) {
  const std::string whole = gzipped(R"({"signals":[{"name":"a","value":1}]})");
  EXPECT_EQ(push(whole.substr(0, whole.size() - 9), "application/json", "gzip").response.status, 400u);
  const auto unknown = push("x", "application/json", "br");
  EXPECT_EQ(unknown.response.status, 415u);
  EXPECT_EQ(unknown.response.header("accept-encoding"), "gzip, zstd");
  EXPECT_EQ(push(gzipped(std::string(80u << 20, ' ')), "application/json", "gzip").response.status, 413u) << "a bomb";
  EXPECT_EQ(push(zstd(std::string(80u << 20, ' ')), "application/json", "zstd").response.status, 413u) << "a bomb";
  EXPECT_EQ(push(zstd(whole).substr(0, 30), "application/json", "zstd").response.status, 400u);
  EXPECT_TRUE(host_.rows().empty());
}

TEST_F(Http, Refuses413WhatHoldsMoreSignalsThanOneBatch) {
  std::string lines;
  for (int i = 0; i <= 1 << 20; ++i) lines += "{\"name\":\"a\",\"value\":1}\n";
  const auto answer = push(lines, "application/x-ndjson");
  EXPECT_EQ(answer.response.status, 413u);
  EXPECT_NE(answer.response.body.find("send it in parts"), std::string::npos);
  EXPECT_TRUE(host_.rows().empty());
}

TEST_F(Http, ListsSoManyRejectionsAndCountsTheRest) {
  std::string lines = "{\"name\":\"a\",\"value\":1}\n";
  for (int i = 0; i < 5000; ++i) lines += "{}\n";
  for (int i = 0; i < 1000; ++i) lines += "no JSON\n";
  lines += "{\"name\":\"a\",\"value\":2}\n";
  const auto answer = push(lines, "application/x-ndjson");
  EXPECT_EQ(answer.response.status, 202u);
  EXPECT_TRUE(answer.response.body.starts_with(R"({"accepted":2,"rejected":[{"index":1,"error_type":"name",)"));
  EXPECT_TRUE(answer.response.body.ends_with(R"("reason":"\"name\" is missing"}],"rejected_more":1904})"));
  EXPECT_EQ(host_.rows().size(), 2u);
  std::map<std::string, std::uint64_t> counted;
  for (const auto& item : host_.rejected()) counted[item.error_type] += item.count;
  EXPECT_EQ(counted, (std::map<std::string, std::uint64_t>{{"name", 5000}, {"json", 1000}}));
}

TEST_F(Http, TakesASignalOnEachLine) {
  const auto answer = push("{\"name\":\"a\",\"value\":1}\n\n{\"name\":\"b\",\"value\":2,\"labels\":{\"x\":\"1\"}}\r\n",
                           "application/x-ndjson");
  EXPECT_EQ(answer.response.body, R"({"accepted":2,"rejected":[]})");
  ASSERT_EQ(host_.rows().size(), 2u);
  EXPECT_EQ(host_.rows()[1].label("x"), "1");
}

TEST_F(Http, ABadLineCostsNoOtherLine) {
  const auto answer = push(
      "{\"name\":\"a\",\"value\":1}\n{\"name\":\"b\",\n[1]\n{\"name\":\"c\",\"value\":1} "
      "{}\n{\"name\":\"d\",\"value\":4}",
      "application/x-ndjson; charset=utf-8");
  EXPECT_EQ(answer.response.status, 202u);
  for (const char* part : {R"("accepted":2)", R"({"index":1,"error_type":"json")", R"({"index":2,"error_type":"json")",
                           R"({"index":3,"error_type":"json")"})
    EXPECT_NE(answer.response.body.find(part), std::string::npos) << part << " in " << answer.response.body;
  ASSERT_EQ(host_.rows().size(), 2u);
  EXPECT_EQ(host_.rows()[1].name, "d");
  ASSERT_EQ(host_.rejected().size(), 3u);
  EXPECT_EQ(host_.rejected()[0].raw, "{\"name\":\"b\",");
}

TEST_F(Http, ASampleThatIsNotANumberCostsItselfAlone) {
  const auto answer = push(
      R"({"signals":[{"name":"a","value":NaN},{"name":"a","value":"Infinity"},{"name":"a","value":1e999},
          {"name":"a","count":1,"min":-Infinity,"max":1,"avg":1,"sum":1},{"name":"good","value":2}]})");
  EXPECT_EQ(answer.response.status, 202u) << answer.response.body;
  EXPECT_NE(answer.response.body.find("leave a sample out that is NaN or infinite"), std::string::npos);
  EXPECT_EQ(host_.rejected().size(), 4u);
  ASSERT_EQ(host_.rows().size(), 1u);
  EXPECT_EQ(host_.rows()[0].name, "good");
}

TEST_F(Http, TakesThousandsInOneBody) {
  std::string body = R"({"signals":[)";
  for (int i = 0; i < 10'000; ++i)
    body += (i ? "," : "") + std::string(R"({"name":"n","ts":1795168800,"value":)") + std::to_string(i) + "}";
  const auto answer = push(body + "]}");
  EXPECT_EQ(answer.response.body, R"({"accepted":10000,"rejected":[]})");
  EXPECT_EQ(host_.rows().size(), 10'000u);
}

TEST_F(Http, SurvivesEveryTruncationOfABody) {
  const std::string body =
      R"({"signals":[{"name":"etl.run","ts":"2026-11-20T10:00:00Z","value":1.5,"labels":{"loader":"A","q":"\"\u00e9"}}]})";
  for (std::size_t n = 0; n < body.size(); ++n) {
    const auto answer = push(body.substr(0, n));
    EXPECT_TRUE(answer.response.status == 400u || answer.response.status == 202u) << n;
  }
}

TEST(Timestamp, ReadsRfc3339WithOffsetsAndFractions) {
  using tocsin_plugins::parse_rfc3339;
  EXPECT_EQ(parse_rfc3339("1970-01-01T00:00:00Z"), 0);
  EXPECT_EQ(parse_rfc3339("2026-11-20T13:00:00.25+03:00"), parse_rfc3339("2026-11-20T10:00:00.250Z"));
  EXPECT_EQ(parse_rfc3339("2024-02-29T00:00:00Z"), 1'709'164'800'000'000'000);
  for (const char* bad : {"", "2026-11-20", "2026-13-01T00:00:00Z", "2025-02-29T00:00:00Z", "2026-11-20T10:00:00",
                          "2026-11-20T10:00:00Zx", "2026-11-20T24:00:00Z", "2026-11-20T10:00:00.Z"}) {
    EXPECT_FALSE(parse_rfc3339(bad)) << bad;
  }
}

}  // namespace
