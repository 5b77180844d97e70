// The plugin and a server that answers as scripted, run by run; the clock is set by hand. A real server:
// tests/acceptance/elasticsearch_test.py.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <thread>

#include "tocsin/testing/fake_host.hpp"
#include "tocsin/testing/scripted_server.hpp"

namespace plugin_test {

using namespace std::chrono_literals;
using nlohmann::json;
using tsn::Value;
using tsn::testing::body_of;
using tsn::testing::FakeHost;
using tsn::testing::from_json;
using tsn::testing::Row;
using tsn::testing::ScriptedServer;

constexpr std::int64_t start_ms = 1'795'168'800'000;  // of the fake host's clock

const std::string fields =
    R"(200 {"indices":["logs-1"],"fields":{"@timestamp":{"date":{"aggregatable":true}},"ms":{"long":{"aggregatable":true}},)"
    R"("service":{"keyword":{"aggregatable":true}},"msg":{"text":{"aggregatable":false}}}})";

std::string count(int n) {
  return "200 {\"count\":" + std::to_string(n) + R"(,"_shards":{"total":2,"successful":2,"skipped":0,"failed":0}})";
}

std::string found(const std::string& aggregations) {
  return R"(200 {"took":1,"timed_out":false,"_shards":{"total":1,"successful":1,"failed":0},"hits":{"hits":[]},"aggregations":)" +
         aggregations + "}";
}

/// Buckets of minutes by their number since the start of the clock, with how many documents.
std::string minutes(std::initializer_list<std::pair<int, int>> all) {
  std::string list;
  for (const auto& [minute, documents] : all)
    list += (list.empty() ? "" : ",") + ("{\"key\":" + std::to_string(start_ms + minute * 60'000)) +
            ",\"doc_count\":" + std::to_string(documents) + "}";
  return found("{\"t\":{\"buckets\":[" + list + "]}}");
}

std::string groups(std::initializer_list<std::pair<const char*, int>> all, int others = 0) {
  std::string list;
  for (const auto& [key, documents] : all)
    list += (list.empty() ? "" : ",") + ("{\"key\":\"" + std::string(key)) +
            "\",\"doc_count\":" + std::to_string(documents) + "}";
  return found(R"({"g0":{"doc_count_error_upper_bound":0,"sum_other_doc_count":)" + std::to_string(others) +
               ",\"buckets\":[" + list + "]}}");
}

class Elasticsearch : public ::testing::Test {
 protected:
  void serve(std::vector<std::string> answers) { server_ = std::make_unique<ScriptedServer>(std::move(answers)); }
  /// A source with these entries of `query`, JSON; and more options.
  void begin(const std::string& queries, const std::string& more = "", const std::string& cursor = "") {
    instance_.reset();
    instance_ = host_.create(
        "elasticsearch",
        from_json(R"({"url": ")" + server_->url() + R"(", "index": "logs-*", "query": [)" + queries + "]" + more + "}"),
        "logs");
    const auto answer = instance_->start(cursor);
    ASSERT_EQ(answer.status, TSN_OK) << answer.text;
  }
  tsn::testing::Answer poll(std::chrono::nanoseconds later = 60s) {
    host_.clear();
    host_.advance(later);
    return instance_->pull();
  }
  /// "label=value,… @milliseconds-since-start: value" of the rows of `name`.
  std::vector<std::string> rows(const std::string& name) const {
    std::vector<std::string> out;
    for (const auto& row : host_.rows()) {
      if (row.name != name) continue;
      std::string text;
      for (const auto& [label, value] : row.labels) text += label + "=" + value + " ";
      text += "@" + std::to_string(row.ts / 1'000'000 - start_ms) + " ";
      out.push_back(text + (row.flags & TSN_ROW_STALE ? "stale" : std::to_string(static_cast<int>(row.value))));
    }
    return out;
  }
  /// The bodies that were sent, without those of _field_caps.
  std::vector<json> bodies() {
    std::vector<json> out;
    for (const auto& request : server_->requests())
      if (request.starts_with("POST")) out.push_back(json::parse(body_of(request)));
    return out;
  }

  std::unique_ptr<ScriptedServer> server_;
  FakeHost host_;
  std::unique_ptr<tsn::testing::FakeInstance> instance_;
};

using Texts = std::vector<std::string>;

TEST_F(Elasticsearch, CountsTheWindowThatEndsAWhileAgo) {
  serve({fields, count(7), count(0)});
  begin(R"({"signal": "errors", "lucene": "level:ERROR", "over": "60s", "labels": {"team": "pay"}})");
  EXPECT_EQ(poll().status, TSN_OK);
  EXPECT_EQ(rows("errors"), Texts{"team=pay @30000 7"});
  EXPECT_EQ(rows("elasticsearch.up"), Texts{"query=errors @60000 1"});
  EXPECT_EQ(rows("elasticsearch.duration").size(), 1u);
  poll();
  EXPECT_EQ(rows("errors"), Texts{"team=pay @90000 0"});
  const auto sent = bodies();
  ASSERT_EQ(sent.size(), 2u);
  const auto& range = sent[0]["query"]["bool"]["filter"][1]["range"]["@timestamp"];
  EXPECT_EQ(range["gt"], std::to_string(start_ms - 30'000));
  EXPECT_EQ(range["lte"], std::to_string(start_ms + 30'000));
  // What one window ends with, the next begins after.
  EXPECT_EQ(sent[1]["query"]["bool"]["filter"][1]["range"]["@timestamp"]["gt"], std::to_string(start_ms + 30'000));
}

TEST_F(Elasticsearch, EndsAGroupThatIsNoMoreThere) {
  serve({fields, groups({{"pay", 3}, {"shop", 1}}), groups({{"pay", 2}})});
  begin(R"({"signal": "errors", "group_by": ["service"]})");
  poll();
  EXPECT_EQ(rows("errors"), (Texts{"service=pay @30000 3", "service=shop @30000 1"}));
  EXPECT_EQ(rows("elasticsearch.other"), Texts{"query=errors @60000 0"});
  poll();
  EXPECT_EQ(rows("errors"), (Texts{"service=pay @90000 2", "service=shop @90000 stale"}));
}

TEST_F(Elasticsearch, SaysHowManyDocumentsAreInGroupsThatAreLeftOut) {
  serve({fields, groups({{"pay", 3}}, 12)});
  begin(R"({"signal": "errors", "group_by": ["service"], "max_groups": 1})");
  poll();
  EXPECT_EQ(rows("errors"), Texts{"service=pay @30000 3"});
  EXPECT_EQ(rows("elasticsearch.other"), Texts{"query=errors @60000 12"});
  EXPECT_TRUE(host_.logged("12 documents are in groups beyond max_groups = 1"));
}

TEST_F(Elasticsearch, TakesEachFinishedBucketOnceAndEmptyOnesAsZero) {
  serve({fields, minutes({{0, 4}}), minutes({{1, 5}, {2, 6}}), minutes({{3, 0}})});
  begin(R"({"signal": "errors", "bucket": "1m", "over": "1h"})");
  poll(90s);  // 10:01:30, less 30 s: the first minute is over
  EXPECT_EQ(rows("errors"), Texts{"@60000 4"});
  poll(59s);  // 10:02:29: the second is not yet
  EXPECT_EQ(rows("errors"), Texts{});
  EXPECT_EQ(rows("elasticsearch.up").size(), 1u);
  poll(61s);
  EXPECT_EQ(rows("errors"), (Texts{"@120000 5", "@180000 6"}));
  poll(60s);
  EXPECT_EQ(rows("errors"), Texts{"@240000 0"});
  const auto sent = bodies();
  ASSERT_EQ(sent.size(), 3u);
  EXPECT_EQ(sent[1]["query"]["bool"]["filter"][0]["range"]["@timestamp"]["gte"], std::to_string(start_ms + 60'000));
  EXPECT_EQ(sent[1]["query"]["bool"]["filter"][0]["range"]["@timestamp"]["lt"], std::to_string(start_ms + 180'000));
}

TEST_F(Elasticsearch, NeitherSkipsNorRepeatsABucketOverARestart) {
  serve({fields, minutes({{0, 4}}), fields, minutes({{1, 5}, {2, 6}, {3, 7}})});
  const auto query = R"({"signal": "errors", "bucket": "1m"})";
  begin(query);
  poll(90s);
  const auto cursor = host_.cursor();
  ASSERT_TRUE(cursor);
  begin(query, "", *cursor);
  poll(180s);
  EXPECT_EQ(rows("errors"), (Texts{"@120000 5", "@180000 6", "@240000 7"}));
  EXPECT_EQ(bodies()[1]["query"]["bool"]["filter"][0]["range"]["@timestamp"]["gte"], std::to_string(start_ms + 60'000));
}

TEST_F(Elasticsearch, KeepsItsPlaceOverBucketsOfNothing) {
  const auto query = R"({"signal": "errors", "bucket": "1m", "group_by": ["service"]})";
  serve({fields, minutes({}), fields, minutes({})});
  begin(query);
  poll(90s);
  EXPECT_EQ(rows("errors"), Texts{});
  const auto cursor = host_.cursor();
  ASSERT_TRUE(cursor);
  begin(query, "", *cursor);
  poll(120s);
  EXPECT_EQ(bodies()[1]["query"]["bool"]["filter"][0]["range"]["@timestamp"]["gte"], std::to_string(start_ms + 60'000));
}

TEST_F(Elasticsearch, TakesABucketLaterWhenTheServerFailed) {
  serve({fields, minutes({{0, 4}}), "500 {\"error\":\"x\"}", minutes({{1, 5}, {2, 6}})});
  begin(R"({"signal": "errors", "bucket": "1m"})");
  poll(90s);
  EXPECT_EQ(poll().status, TSN_FAILED);
  EXPECT_EQ(rows("errors"), Texts{});
  EXPECT_EQ(rows("elasticsearch.up"), Texts{"query=errors @150000 0"});
  poll();
  EXPECT_EQ(rows("errors"), (Texts{"@120000 5", "@180000 6"}));
}

TEST_F(Elasticsearch, TakesABucketOnceWhenTheHostTookItLate) {
  serve({fields, minutes({{0, 4}}), minutes({{1, 5}})});
  begin(R"({"signal": "errors", "bucket": "1m"})");
  host_.refuse_submits(2);  // of the query, and of the poll's end
  poll(90s);
  EXPECT_EQ(rows("errors"), Texts{});
  poll(60s);
  EXPECT_EQ(rows("errors"), (Texts{"@60000 4", "@120000 5"}));
}

TEST_F(Elasticsearch, CatchesUpInPartsThatTheLimitOfBucketsAllows) {
  serve({fields, minutes({{0, 1}}), minutes({{1, 1}, {2, 1}}), minutes({{3, 1}})});
  const auto query = R"({"signal": "errors", "bucket": "1m"})";
  begin(query, R"(, "max_buckets": 2)");
  poll(90s);
  poll(180s);
  EXPECT_EQ(rows("errors"), (Texts{"@120000 1", "@180000 1"}));
  poll(60s);
  EXPECT_EQ(rows("errors").size(), 2u);
  EXPECT_EQ(rows("errors").at(0), "@240000 1");
}

TEST_F(Elasticsearch, BeginsAsFarBackAsSinceSays) {
  serve({fields, minutes({{-2, 1}, {0, 3}})});
  begin(R"({"signal": "errors", "bucket": "1m", "since": "3m"})");
  poll(90s);
  EXPECT_EQ(rows("errors"), (Texts{"@-60000 1", "@0 0", "@60000 3"}));
}

TEST_F(Elasticsearch, IsRefusedACursorOfAnotherPlugin) {
  serve({});
  auto instance = host_.create("elasticsearch", from_json(R"({"url": "http://127.0.0.1:1"})"), "logs");
  EXPECT_NE(instance->start("sql/1\n").text.find("not one of this plugin"), std::string::npos);
}

TEST_F(Elasticsearch, TellsAStatsQueryAsASummary) {
  serve({fields, found(R"({"m":{"count":2,"min":1.0,"max":3.0,"avg":2.0,"sum":4.0}})")});
  begin(R"({"signal": "ms", "metric": "stats", "field": "ms"})");
  poll();
  for (const auto& row : host_.rows())
    if (row.name == "ms") {
      ASSERT_TRUE(row.summary);
      EXPECT_EQ(row.summary->sum, 4.0);
      return;
    }
  FAIL() << "no row";
}

TEST_F(Elasticsearch, OneQueryThatFailsCostsNoOther) {
  serve({fields,
         R"(400 {"error":{"root_cause":[{"type":"parsing_exception","reason":"unknown query [x]","line":1,"col":5}]}})",
         fields, count(3)});
  begin(R"({"signal": "bad", "query": {"x": {}}}, {"signal": "good"})", R"(, "connections": 1)");
  EXPECT_EQ(poll().status, TSN_OK);
  EXPECT_EQ(rows("good"), Texts{"@30000 3"});
  EXPECT_EQ(rows("elasticsearch.up"), (Texts{"query=bad @60000 0", "query=good @60000 1"}));
  EXPECT_TRUE(host_.logged("query \"bad\": " + server_->url() + ": HTTP 400 parsing_exception: unknown query [x]"));
}

TEST_F(Elasticsearch, RefusesAFieldOfTextBeforeItAsks) {
  serve({fields});
  begin(R"({"signal": "bad", "group_by": ["msg"]})");
  const auto answer = poll();
  EXPECT_EQ(answer.status, TSN_INVALID);
  EXPECT_NE(answer.text.find("the field \"msg\" is text"), std::string::npos) << answer.text;
  EXPECT_TRUE(bodies().empty());
}

TEST_F(Elasticsearch, AsksWithoutLookingAtFieldsWhereItMayOnlySearch) {
  serve(
      {R"(403 {"error":{"root_cause":[{"type":"security_exception","reason":"action [indices:data/read/field_caps] is unauthorized"}]}})",
       count(3), count(4)});
  begin(R"({"signal": "errors"})");
  EXPECT_EQ(poll().status, TSN_OK);
  poll();
  EXPECT_EQ(rows("errors"), Texts{"@90000 4"});
}

TEST_F(Elasticsearch, LeavesAServerAloneThatHasTooMuchToDo) {
  serve(
      {fields,
       "429 Retry-After: "
       "150\r\n{\"error\":{\"root_cause\":[{\"type\":\"es_rejected_execution_exception\",\"reason\":\"queue full\"}]}}",
       count(3)});
  begin(R"({"signal": "errors"})");
  EXPECT_EQ(poll().status, TSN_FAILED);
  EXPECT_EQ(poll().status, TSN_FAILED);  // not asked: 60 of 150 s
  EXPECT_EQ(rows("elasticsearch.up"), Texts{});
  EXPECT_EQ(poll(90s).status, TSN_OK);
  EXPECT_EQ(rows("errors"), Texts{"@180000 3"});
  EXPECT_EQ(host_.metrics()["overloaded,query=errors"], 1);
}

TEST_F(Elasticsearch, RestsShortlyWhenAServerThatWasDownIsNotReadyYet) {
  std::vector<std::string> answers(6, "500 {}");
  answers.insert(answers.end(), {"503 {}", fields, count(3)});
  serve(answers);
  begin(R"({"signal": "errors"})", R"(, "every": "1s")");
  for (int i = 0; i < 7; ++i) poll(1s);
  EXPECT_EQ(poll(2s).status, TSN_OK);
  EXPECT_EQ(rows("errors").size(), 1u);
}

TEST_F(Elasticsearch, AsksTheNextAddressWhenOneIsDown) {
  serve({fields, count(3), count(4)});
  ScriptedServer busy({"503 ", "503 "});
  std::string gone;
  {
    const ScriptedServer closed({});
    gone = closed.url();
  }
  instance_ = host_.create("elasticsearch",
                           from_json(R"({"url": [")" + gone + "\", \"" + busy.url() + "\", \"" + server_->url() +
                                     R"("], "index": "a", "query": [{"signal": "errors"}]})"),
                           "logs");
  instance_->start();
  EXPECT_EQ(poll().status, TSN_OK);
  EXPECT_EQ(rows("errors"), Texts{"@30000 3"});
  EXPECT_TRUE(host_.logged("asks " + server_->url() + " from now on"));
  poll();
  EXPECT_EQ(rows("errors"), Texts{"@90000 4"});
  EXPECT_EQ(busy.requests().size(), 1u);  // the one that answered is asked first
}

TEST_F(Elasticsearch, GivesUpAServerThatDoesNotAnswer) {
  serve({});  // takes the connection, and never answers
  begin(R"({"signal": "errors"})");
  host_.advance(60s);
  const auto begun = std::chrono::steady_clock::now();
  const auto answer = instance_->pull(300ms);
  EXPECT_EQ(answer.status, TSN_FAILED) << answer.text;
  EXPECT_LT(std::chrono::steady_clock::now() - begun, 5s);
}

TEST_F(Elasticsearch, RefusesAnAnswerThatIsTooLong) {
  serve({"200 " + std::string(5000, ' ')});
  begin(R"({"signal": "errors"})", R"(, "max_result_bytes": "1KiB")");
  const auto answer = poll();
  EXPECT_EQ(answer.status, TSN_INVALID);
  EXPECT_NE(answer.text.find("max_result_bytes"), std::string::npos) << answer.text;
}

TEST_F(Elasticsearch, SignsInAndShowsNoSecret) {
  serve({"401 no", "401 no"});
  begin(R"({"signal": "errors"})", R"(, "api_key": "the-id:the-secret-key")");
  const auto answer = poll();
  EXPECT_EQ(answer.status, TSN_DENIED);
  EXPECT_EQ(answer.text.find("secret"), std::string::npos);
  EXPECT_FALSE(host_.logged("secret"));
  const auto request = server_->request();
  EXPECT_NE(request.find("Authorization: ApiKey dGhlLWlkOnRoZS1zZWNyZXQta2V5\r\n"), std::string::npos) << request;
  EXPECT_NE(request.find("X-Opaque-Id: tocsin-logs\r\n"), std::string::npos);
  EXPECT_NE(request.find("GET /logs-*/_field_caps?allow_no_indices=false"), std::string::npos);
}

// --- questions of rules ---

TEST_F(Elasticsearch, AnswersARuleWithARowForEachGroup) {
  serve({fields, groups({{"pay", 3}, {"shop", 1}}), groups({{"pay", 4}})});
  begin("");
  std::vector<tsn::testing::QueryRow> answer;
  const auto question =
      from_json(R"({"query": "{\"term\": {\"level\": \"ERROR\"}}", "over": "10m", "group_by": ["service"]})");
  const auto told = instance_->query(question, answer);
  EXPECT_EQ(told.status, TSN_OK) << told.text;
  ASSERT_EQ(answer.size(), 2u);
  EXPECT_EQ(answer[0].labels, (std::map<std::string, std::string>{{"service", "pay"}}));
  EXPECT_EQ(answer[0].value, 3);
  instance_->query(question, answer);  // the fields are known: one request
  ASSERT_EQ(answer.size(), 1u);
  EXPECT_EQ(answer[0].value, 4);
  const auto range = bodies().at(0)["query"]["bool"]["filter"][1]["range"]["@timestamp"];
  EXPECT_EQ(range["gt"], std::to_string(start_ms - 630'000));
  EXPECT_EQ(range["lte"], std::to_string(start_ms - 30'000));
}

TEST_F(Elasticsearch, AnswersACountWithOneRowEvenOfNothing) {
  serve({fields, count(0)});
  begin("");
  std::vector<tsn::testing::QueryRow> answer;
  EXPECT_EQ(instance_->query(from_json(R"({"query": "level:ERROR"})"), answer).status, TSN_OK);
  ASSERT_EQ(answer.size(), 1u);
  EXPECT_EQ(answer[0].value, 0);
}

TEST_F(Elasticsearch, RefusesARuleAnAnswerThatIsNotOfAllDocuments) {
  serve({fields, groups({{"pay", 3}}, 9), groups({{"pay", 3}}, 9), groups({{"a", 1}, {"b", 1}, {"c", 1}})});
  begin("");
  std::vector<tsn::testing::QueryRow> answer;
  const auto told = instance_->query(from_json(R"({"group_by": ["service"]})"), answer);
  EXPECT_EQ(told.status, TSN_INVALID);
  EXPECT_NE(told.text.find("9 documents are in groups beyond"), std::string::npos) << told.text;
  EXPECT_EQ(instance_->query(from_json(R"({"group_by": ["service"], "others": "tell"})"), answer).status, TSN_OK);
  EXPECT_EQ(instance_->query(from_json(R"({"group_by": ["service"]})"), answer, 10s, 2).status, TSN_CARDINALITY);
}

TEST_F(Elasticsearch, RefusesARuleWhatItMayNotAsk) {
  serve({});
  begin("");
  std::vector<tsn::testing::QueryRow> answer;
  for (const auto* table : {R"({"index": "*"})", R"({"query": {"script": {"script": "1"}}})", R"({"query": "{"})",
                            R"({"metric": "stats", "field": "ms"})", R"({"metric": "avg"})"}) {
    const auto told = instance_->query(from_json(table), answer);
    EXPECT_EQ(told.status, TSN_INVALID) << table;
    EXPECT_TRUE(told.text.starts_with("query: ")) << told.text;
  }
  EXPECT_TRUE(server_->requests().empty());
}

TEST_F(Elasticsearch, TellsARuleToWaitWhenTheServerHasTooMuchToDo) {
  serve({fields,
         "429 Retry-After: "
         "7\r\n{\"error\":{\"root_cause\":[{\"type\":\"circuit_breaking_exception\",\"reason\":\"x\"}]}}"});
  begin("");
  std::vector<tsn::testing::QueryRow> answer;
  const auto told = instance_->query(Value::table(), answer);
  EXPECT_EQ(told.status, TSN_RETRY);
  EXPECT_EQ(told.retry_after_ms, 7000u);
}

TEST_F(Elasticsearch, AnswersRulesWhileItPolls) {
  std::vector<std::string> answers;
  // Whoever comes first: every answer fits both requests.
  const std::string both =
      R"(200 {"count":1,"_shards":{"total":1,"failed":0},"indices":["a"],"fields":{"@timestamp":{"date":{"aggregatable":true}}}})";
  for (int i = 0; i < 102; ++i) answers.push_back(both);
  serve(std::move(answers));
  begin(R"({"signal": "errors"})");
  std::atomic<int> right{0};
  std::thread rules([&] {
    std::vector<tsn::testing::QueryRow> answer;
    for (int i = 0; i < 50; ++i)
      if (instance_->query(from_json(R"({"query": "a:b"})"), answer).status == TSN_OK && answer.size() == 1) ++right;
  });
  for (int i = 0; i < 50; ++i) EXPECT_EQ(poll().status, TSN_OK);
  rules.join();
  EXPECT_EQ(right, 50);
}

TEST_F(Elasticsearch, WithoutAScheduleAPollSaysWhetherTheServerIsThere) {
  serve({R"(200 {"version":{"number":"8.15.0"}})", "429 Retry-After: 7\r\n", "403 {}", "401 {}"});
  begin("");
  EXPECT_EQ(poll().status, TSN_OK);
  EXPECT_EQ(poll().status, TSN_FAILED);
  EXPECT_EQ(poll().status, TSN_OK);  // who may search need not be told the version
  EXPECT_EQ(poll().status, TSN_DENIED);
}

// --- the look of `tocsin check --online` ---

TEST_F(Elasticsearch, ProbesTheServerTheFieldsAndEachQuery) {
  serve({R"(200 {"version":{"distribution":"opensearch","number":"2.19.6"}})", fields, count(3), fields,
         R"(404 {"error":{"root_cause":[{"type":"index_not_found_exception","reason":"no such index"}]}})"});
  begin(R"({"signal": "a"}, {"signal": "b", "group_by": ["msg"]}, {"signal": "c", "index": "gone-*"})");
  std::string report;
  EXPECT_EQ(instance_->probe(report).status, TSN_OK);
  EXPECT_NE(report.find("is OpenSearch 2.19.6\n"), std::string::npos) << report;
  EXPECT_NE(report.find("ok: query \"a\": 1 row, 3"), std::string::npos) << report;
  EXPECT_NE(report.find("error: query \"b\": the field \"msg\" is text"), std::string::npos) << report;
  EXPECT_NE(report.find("error: query \"c\": "), std::string::npos) << report;
  EXPECT_NE(report.find("there is no index gone-*"), std::string::npos) << report;
}

TEST_F(Elasticsearch, ProbesAServerThatIsNone) {
  serve({"200 <html>hello</html>"});
  begin(R"({"signal": "a"})");
  std::string report;
  instance_->probe(report);
  EXPECT_NE(report.find("error: its answer names no version"), std::string::npos) << report;
}

}  // namespace plugin_test
