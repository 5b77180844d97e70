// What a server said, as rows or as a failure. The answers are those of OpenSearch 2.19 and Elasticsearch 8, cut to
// what matters.
#include <gtest/gtest.h>

#include <cmath>

#include "answer.hpp"
#include "failure.hpp"
#include "mapping.hpp"
#include "positions.hpp"
#include "tocsin/testing/values.hpp"

namespace answers_test {

using namespace tocsin_plugins;
using namespace tocsin_plugins::elasticsearch;

Question question(const std::string& text = R"({"index": "logs-*"})", const Limits& limits = {}) {
  auto value = tsn::testing::from_json(text);
  Question defaults;
  defaults.over = std::chrono::minutes(5);
  return read_question(tsn::Config(value.view()), defaults, limits, "query");
}

std::string search(const std::string& aggregations) {
  return R"({"took":3,"timed_out":false,"_shards":{"total":2,"successful":2,"skipped":0,"failed":0},)"
         R"("hits":{"max_score":null,"hits":[]},"aggregations":)" +
         aggregations + "}";
}

/// "a=1 b=2: 7" for each row, in order.
std::vector<std::string> rows(const std::string& body, const Question& asked, const Limits& limits = {}) {
  std::vector<std::string> out;
  for (const auto& row : read_answer(body, asked, limits).rows) {
    std::string text;
    for (const auto& [name, value] : row.labels) text += name + "=" + value + " ";
    if (row.bucket) text += "@" + std::to_string(row.bucket) + " ";
    out.push_back(text + std::to_string(row.value));
  }
  return out;
}

tsn::Status refusal(const std::string& body, const Question& asked = question(), const Limits& limits = {}) {
  try {
    (void)read_answer(body, asked, limits);
  } catch (const tsn::Failure& failure) {
    return failure.status();
  }
  return tsn::ok;
}

bool says(const std::string& text, const std::string& part) {
  return text.find(part) != text.npos;
}

using Texts = std::vector<std::string>;

TEST(Answers, OfACountAreOneRow) {
  EXPECT_EQ(rows(R"({"count":39,"_shards":{"total":2,"successful":2,"skipped":0,"failed":0}})", question()),
            Texts{"39.000000"});
}

TEST(Answers, OfGroupsAreARowForEach) {
  const auto asked = question(R"({"index": "a", "group_by": ["service", "ok"], "metric": "avg", "field": "ms"})");
  const auto body = search(
      R"({"g0":{"doc_count_error_upper_bound":0,"sum_other_doc_count":0,"buckets":[)"
      R"({"key":"auth","doc_count":13,"g1":{"doc_count_error_upper_bound":0,"sum_other_doc_count":0,"buckets":[)"
      R"({"key":1,"key_as_string":"true","doc_count":7,"m":{"value":30.5}},)"
      R"({"key":0,"key_as_string":"false","doc_count":6,"m":{"value":null}}]}},)"
      R"({"key":"pay","doc_count":1,"g1":{"sum_other_doc_count":0,"buckets":[{"key":5,"doc_count":1,"m":{"value":2}}]}}]}})");
  EXPECT_EQ(rows(body, asked), (Texts{"service=auth ok=true 30.500000", "service=pay ok=5 2.000000"}));
}

TEST(Answers, CountDocumentsOfGroupsThatAreLeftOut) {
  const std::string body = search(
      R"({"g0":{"doc_count_error_upper_bound":2,"sum_other_doc_count":13,"buckets":[{"key":"auth","doc_count":13}]}})");
  auto asked = question(R"({"index": "a", "group_by": ["service"], "max_groups": 1})");
  const auto answer = read_answer(body, asked, {});
  EXPECT_EQ(answer.others, 13u);
  EXPECT_TRUE(answer.approximate);
  EXPECT_EQ(answer.rows.size(), 1u);
  asked.refuse_others = true;
  EXPECT_TRUE(says(refusal(body, asked).text(), "13 documents are in groups beyond max_groups = 1"));
}

TEST(Answers, OfBucketsKeepTheirTime) {
  const auto asked = question(R"({"index": "a", "bucket": "1m", "group_by": ["s"]})");
  const auto body =
      search(R"({"t":{"buckets":[{"key_as_string":"2026-11-27T10:00:00.000Z","key":1795773600000,"doc_count":8,)"
             R"("g0":{"sum_other_doc_count":0,"buckets":[{"key":"x","doc_count":8}]}}]}})");
  EXPECT_EQ(rows(body, asked), Texts{"s=x @1795773600000 8.000000"});
}

TEST(Answers, OfPercentilesHaveALabelWhereTheyAreSeveral) {
  const auto body =
      search(R"({"m":{"values":[{"key":50.0,"value":3.5},{"key":99.9,"value":57.0},{"key":100.0,"value":"NaN"}]}})");
  EXPECT_EQ(rows(body, question(R"({"index": "a", "metric": "percentiles", "field": "ms"})")),
            (Texts{"percentile=50 3.500000", "percentile=99.9 57.000000"}));
  EXPECT_EQ(rows(search(R"({"m":{"values":[{"key":99.0,"value":57.0}]}})"),
                 question(R"({"index": "a", "metric": "p99", "field": "ms"})")),
            Texts{"57.000000"});
}

TEST(Answers, OfStatsAreASummary) {
  const auto asked = question(R"({"index": "a", "metric": "stats", "field": "ms"})");
  const auto answer = read_answer(search(R"({"m":{"count":2,"min":1.0,"max":3.0,"avg":2.0,"sum":4.0}})"), asked, {});
  ASSERT_EQ(answer.rows.size(), 1u);
  ASSERT_TRUE(answer.rows[0].summary);
  EXPECT_EQ(answer.rows[0].summary->max, 3.0);
  EXPECT_TRUE(rows(search(R"({"m":{"count":0,"min":null,"max":null,"avg":null,"sum":0.0}})"), asked).empty());
}

TEST(Answers, OfAggregationsOfOnesOwnAreFlattened) {
  const auto asked = question(R"({"index": "a", "aggs": {"x": {}}})");
  EXPECT_EQ(
      rows(
          search(R"({"by_level":{"sum_other_doc_count":0,"buckets":[)"
                 R"({"key":"ERROR","doc_count":3,"ms":{"value":1.5},"p":{"values":{"99.0":7.0,"99.0_as_string":"7"}}},)"
                 R"({"key":"INFO","doc_count":9,"ms":{"value":2.5},"p":{"values":{"99.0":8.0}}}]},)"
                 R"("failed":{"doc_count":4},"spread":{"count":2,"min":1.0,"max":3.0}})"),
          asked),
      (Texts{"by_level=ERROR agg=ms 1.500000", "by_level=ERROR percentile=99.0 agg=p 7.000000",
             "by_level=INFO agg=ms 2.500000", "by_level=INFO percentile=99.0 agg=p 8.000000", "agg=failed 4.000000",
             "agg=spread.count 2.000000", "agg=spread.min 1.000000", "agg=spread.max 3.000000"}));
  EXPECT_EQ(
      rows(search(R"({"c":{"after_key":{"s":"b"},"buckets":[{"key":{"s":"a","ok":true,"n":null},"doc_count":6}]}})"),
           asked),
      Texts{"s=a ok=true 6.000000"});
  EXPECT_EQ(rows(search(R"({"f":{"buckets":{"slow":{"doc_count":1},"fast":{"doc_count":2}}}})"), asked),
            (Texts{"f=slow 1.000000", "f=fast 2.000000"}));
  EXPECT_EQ(
      refusal(search(R"({"f":{"buckets":[{"key":"a","doc_count":1},{"key":"a","doc_count":2}]}})"), asked).value(),
      TSN_INVALID);
}

TEST(Answers, ThatArePartialAreNoAnswers) {
  const auto shards = refusal(
      R"({"count":3,"_shards":{"total":5,"successful":4,"failed":1,"failures":[{"shard":0,"reason":{"type":"es_rejected_execution_exception","reason":"queue full"}}]}})");
  EXPECT_EQ(shards.value(), TSN_FAILED);
  EXPECT_TRUE(says(shards.text(), "1 of 5 shards failed")) << shards.text();
  EXPECT_TRUE(says(shards.text(), "queue full"));
  const auto late = refusal(R"({"timed_out":true,"_shards":{"total":1,"failed":0},"aggregations":{}})");
  EXPECT_EQ(late.value(), TSN_DEADLINE);
  const auto cut = refusal(R"({"terminated_early":true,"count":9,"_shards":{"total":1,"failed":0}})");
  EXPECT_EQ(cut.value(), TSN_INVALID);
  EXPECT_TRUE(says(cut.text(), "max_docs"));
  for (const auto* what : {"skipped", "partial", "failed", "running"})
    EXPECT_TRUE(says(refusal(R"({"count":9,"_shards":{"total":1,"failed":0},"_clusters":{"total":2,")" +
                             std::string(what) + "\":1}}")
                         .text(),
                     "remote cluster"))
        << what;
}

TEST(Answers, ThatAreNoneSayWhatIsWrong) {
  for (const auto* body : {"", "<html>", "{", "[]", "{}", "null", R"({"_shards":{}})", R"({"_shards":{"failed":0}})",
                           R"({"count":-1,"_shards":{"failed":0}})", R"({"count":"9","_shards":{"failed":0}})",
                           "{\"count\":1,\"_shards\":{\"failed\":0},\"x\":\"\xff\"}"}) {
    const auto status = refusal(body);
    EXPECT_EQ(status.value(), TSN_FAILED) << body;
    EXPECT_TRUE(says(status.text(), "none of Elasticsearch")) << body;
  }
  const auto grouped = question(R"({"index": "a", "group_by": ["s"]})");
  for (const auto* aggregations :
       {"{}", R"({"g0":1})", R"({"g0":{"buckets":{}}})", R"({"g0":{"sum_other_doc_count":0,"buckets":[{}]}})",
        R"({"g0":{"sum_other_doc_count":0,"buckets":[{"key":[],"doc_count":1}]}})"})
    EXPECT_EQ(refusal(search(aggregations), grouped).value(), TSN_FAILED) << aggregations;
  EXPECT_TRUE(says(refusal(std::string(100, '[')).text(), "nested too deep"));
}

TEST(Answers, WithTooManyBucketsAreRefused) {
  Limits limits;
  limits.max_buckets = 1;
  const auto asked = question(R"({"index": "a", "group_by": ["s"]})");
  const auto body =
      search(R"({"g0":{"sum_other_doc_count":0,"buckets":[{"key":"a","doc_count":1},{"key":"b","doc_count":1}]}})");
  EXPECT_TRUE(says(refusal(body, asked, limits).text(), "more than max_buckets = 1"));
}

TEST(Answers, OfNoIndexAreEmptyWhereThatIsAllowed) {
  Limits limits;
  limits.missing_index = true;
  const auto asked = question(R"({"index": "a", "group_by": ["s"]})");
  EXPECT_TRUE(rows(R"({"timed_out":false,"_shards":{"total":0,"failed":0}})", asked, limits).empty());
}

// --- failures ---

tsn::Status failed(int status, const std::string& body, const std::string& sent = "") {
  HttpAnswer answer;
  answer.status = status;
  answer.body = body;
  return failure_of(answer, {"http://es:9200", "logs-*", sent}, 0);
}

TEST(Failures, OfAQuerySayWhereItIsWrong) {
  const auto status = failed(
      400,
      R"({"error":{"root_cause":[{"type":"parsing_exception","reason":"unknown query [nope]","line":1,"col":31}],"type":"parsing_exception","reason":"unknown query [nope]","line":1,"col":31},"status":400})",
      R"({"size":0,"query":{"bool":{"nope":{}}}})");
  EXPECT_EQ(status.value(), TSN_INVALID);
  EXPECT_EQ(status.code(), 400);
  EXPECT_TRUE(says(status.text(), "parsing_exception: unknown query [nope], near")) << status.text();
  EXPECT_TRUE(says(status.text(), R"("nope")")) << status.text();
  EXPECT_LT(status.text().size(), 240u);
}

TEST(Failures, SayTheDeepestCauseWhereTheFirstSaysNothing) {
  const auto status = failed(
      400,
      R"({"error":{"root_cause":[{"type":"parsing_exception","reason":"Failed to parse","line":1,"col":9}],"type":"x","reason":"y","caused_by":{"type":"x","reason":"z","caused_by":{"type":"parsing_exception","reason":"unknown query [nope]\nmore"}}},"status":400})");
  EXPECT_TRUE(says(status.text(), "Failed to parse (unknown query [nope])")) << status.text();
}

TEST(Failures, OfAnAggregationOnTextNameTheKeywordField) {
  const auto status = failed(
      400,
      R"({"error":{"root_cause":[{"type":"illegal_argument_exception","reason":"Fielddata is disabled on [msg] in [logs-1]. Text fields are not optimised for operations that require per-document field data like aggregations and sorting, so these operations are disabled by default. Please use a keyword field instead. Alternatively, set fielddata=true on [msg] in order to load field data by uninverting the inverted index."}],"type":"search_phase_execution_exception","reason":"all shards failed"},"status":400})");
  EXPECT_EQ(status.value(), TSN_INVALID);
  EXPECT_TRUE(says(status.text(), "use \"msg.keyword\"")) << status.text();
  EXPECT_LT(status.text().size(), 240u);
}

TEST(Failures, OfAnAccountNameThePrivilege) {
  const auto elastic = failed(
      403,
      R"({"error":{"root_cause":[{"type":"security_exception","reason":"action [indices:data/read/search] is unauthorized for user [u] with effective roles [r] on indices [logs-1], this action is granted by the index privileges [read,all]"}],"type":"security_exception","reason":"x"},"status":403})");
  EXPECT_EQ(elastic.value(), TSN_DENIED);
  EXPECT_TRUE(says(elastic.text(), "index privilege `read` on logs-*")) << elastic.text();
  const auto open = failed(
      403,
      R"({"error":{"root_cause":[{"type":"security_exception","reason":"no permissions for [cluster:monitor/main] and User [name=u, backend_roles=[]]"}],"type":"security_exception","reason":"x"},"status":403})");
  EXPECT_TRUE(says(open.text(), "cluster privilege `monitor`")) << open.text();
  const auto unknown = failed(401, "Unauthorized");
  EXPECT_EQ(unknown.value(), TSN_DENIED);
  EXPECT_TRUE(says(unknown.text(), "check username and password"));
}

TEST(Failures, ThatMayEndAreTriedAgain) {
  const auto missing = failed(
      404,
      R"({"error":{"root_cause":[{"type":"index_not_found_exception","reason":"no such index [logs-*]"}]},"status":404})");
  EXPECT_EQ(missing.value(), TSN_FAILED);
  EXPECT_TRUE(says(missing.text(), "there is no index logs-*"));
  const auto busy = failed(
      429,
      R"({"error":{"root_cause":[{"type":"es_rejected_execution_exception","reason":"rejected execution"}]},"status":429})");
  EXPECT_EQ(busy.value(), TSN_RETRY);
  EXPECT_EQ(busy.retry_after_ms(), 1000u);
  EXPECT_EQ(failed(503, "").value(), TSN_RETRY);
  EXPECT_EQ(failed(500, R"({"error":"x"})").value(), TSN_FAILED);
  EXPECT_EQ(failed(302, "").value(), TSN_FAILED);
  EXPECT_EQ(failed(204, "").value(), TSN_FAILED);
  EXPECT_EQ(failed(400, "<html>Bad Gateway of sorts</html>").value(), TSN_FAILED);
}

TEST(Failures, OfTooManyBucketsAreTheQuestions) {
  HttpAnswer answer;
  answer.status = 503;
  answer.body =
      R"({"error":{"root_cause":[],"type":"search_phase_execution_exception","reason":"","phase":"fetch","grouped":true,"failed_shards":[],"caused_by":{"type":"too_many_buckets_exception","reason":"Trying to create too many buckets.","max_buckets":65535}},"status":503})";
  EXPECT_EQ(failure_of(answer, {"h", "i", ""}, 0).value(), TSN_INVALID);
  EXPECT_FALSE(is_another_turn(answer));
  answer.body = "";
  EXPECT_TRUE(is_another_turn(answer));
  answer.status = 429;
  EXPECT_FALSE(is_another_turn(answer));
}

// --- fields ---

Texts found(const std::string& body, const Question& asked) {
  Texts out;
  for (const auto& finding : findings(body, asked)) out.push_back((finding.fatal ? "! " : "? ") + finding.text);
  return out;
}

constexpr auto caps =
    R"({"indices":["logs-1"],"fields":{"msg":{"text":{"type":"text","searchable":true,"aggregatable":false}},)"
    R"("@timestamp":{"date":{"type":"date","searchable":true,"aggregatable":true}},)"
    R"("service":{"keyword":{"type":"keyword","searchable":true,"aggregatable":true}},)"
    R"("body":{"text":{"aggregatable":false}},"mixed":{"keyword":{"aggregatable":true},"text":{"aggregatable":false}},)"
    R"("msg.keyword":{"keyword":{"type":"keyword","searchable":true,"aggregatable":true}}}})";

TEST(Fields, ThatAreThereAreNotSpokenOf) {
  EXPECT_EQ(found(caps, question(R"({"index": "a", "group_by": ["service", "msg.keyword"]})")), Texts{});
  EXPECT_EQ(found(R"({"indices":[],"fields":{}})", question()), Texts{});
}

TEST(Fields, OfTextAreRefusedWithTheRemedy) {
  const auto said = found(caps, question(R"({"index": "a", "group_by": ["msg", "body", "mixed"]})"));
  ASSERT_EQ(said.size(), 3u);
  EXPECT_TRUE(says(said[0], "! the field \"msg\" is text")) << said[0];
  EXPECT_TRUE(says(said[0], "use \"msg.keyword\""));
  EXPECT_TRUE(says(said[1], "map it as keyword"));
  EXPECT_TRUE(says(said[2], "keyword and text"));
}

TEST(Fields, ThatAreMissingAreToldAndOfTimeRefused) {
  const auto said = found(caps, question(R"({"index": "a", "time_field": "at", "group_by": ["gone"]})"));
  ASSERT_EQ(said.size(), 2u);
  EXPECT_TRUE(says(said[0], "! no field \"at\"")) << said[0];
  EXPECT_TRUE(says(said[1], "? no field \"gone\"")) << said[1];
  EXPECT_TRUE(says(found(caps, question(R"({"index": "a", "time_field": "service"})")).at(0), "not a date"));
  EXPECT_EQ(found(caps, question(R"({"index": "a", "time_field": "at", "over": "0s"})")), Texts{});
}

TEST(Positions, AreReadAsTheyWereWritten) {
  const Positions positions{{"errors by minute", 1795773600000}, {"x", 0}};
  EXPECT_EQ(read_positions(written(positions)), positions);
  EXPECT_EQ(read_positions(written({})), Positions{});
  for (const auto* bad : {"", "sql/1\n", "elasticsearch/1\n5", "elasticsearch/1\nx y\n", "elasticsearch/1\n5 \n",
                          "elasticsearch/1\n-5 x\n", "elasticsearch/1\n99999999999999999 x\n"})
    EXPECT_FALSE(read_positions(bad)) << bad;
}

}  // namespace answers_test
