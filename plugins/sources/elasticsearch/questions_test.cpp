// What is asked: how a question is read, what is refused, and the request that it becomes. testdata/requests.json holds
// requests that the vendor's schema is held against too (tests/acceptance/elasticsearch_test.py).
#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "json_text.hpp"
#include "question.hpp"
#include "request.hpp"
#include "settings.hpp"
#include "tocsin/testing/values.hpp"

namespace questions_test {

using namespace tocsin_plugins::elasticsearch;
using namespace std::chrono_literals;
using nlohmann::json;

Question read(const std::string& text, const Limits& limits = {}) {
  auto value = tsn::testing::from_json(text);
  Question defaults;
  defaults.over = 5min;
  return read_question(tsn::Config(value.view()), defaults, limits, "query \"q\"");
}

std::string refusal(const std::string& text, const Limits& limits = {}) {
  try {
    read(text, limits);
  } catch (const tsn::Failure& failure) {
    EXPECT_EQ(failure.status().value(), TSN_INVALID);
    return failure.what();
  }
  return "it was taken";
}

bool says(const std::string& text, const std::string& part) {
  return text.find(part) != text.npos;
}

TEST(Questions, BecomeTheRequestsOfTheTestData) {
  std::ifstream file(TESTDATA "/requests.json");
  const auto all = json::parse(file);
  ASSERT_GT(all.size(), 8u);
  for (const auto& [name, each] : all.items()) {
    const auto question = read(each["question"].dump());
    const bool always = question.over.count() == 0;
    Limits limits;
    limits.max_docs = each.value("max_docs", 0u);
    const auto request = request_for(question, limits, always ? std::nullopt : std::optional(Span{1000, 61'000}), 5s);
    EXPECT_EQ(request.path, each["path"]) << name;
    EXPECT_EQ(json::parse(request.body), each["body"]) << name << ": " << request.body;
  }
}

TEST(Questions, ATextWithoutABraceIsAQueryString) {
  EXPECT_EQ(read(R"({"index": "a", "query": "level:ERROR"})").lucene, "level:ERROR");
  EXPECT_EQ(read(R"({"index": "a", "query": " {\"match_all\": {}}"})").query, R"({"match_all":{}})");
  EXPECT_EQ(read(R"({"index": "a", "query": {"term": {"n": 1}}})").query, R"({"term":{"n":1}})");
}

TEST(Questions, ThatAreNoJsonSayWhere) {
  EXPECT_TRUE(says(refusal(R"({"index": "a", "query": "{\"term\":\n {\"a\" 1}}"})"), "line 2, column 7 of the text"));
  EXPECT_TRUE(says(refusal(R"({"index": "a", "aggs": "[]"})"), "expected a JSON object"));
  EXPECT_TRUE(says(refusal(R"({"index": "a", "aggs": ")" + std::string(100, '[') + R"("})"), "64 levels"));
}

TEST(Questions, ToEveryIndexNeedLeave) {
  for (const auto* index : {"*", "_all", "a,*", "**", "remote:*", "*,-b"})
    EXPECT_TRUE(says(refusal(std::string(R"({"index": ")") + index + "\"}"), "allow_all_indices")) << index;
  Limits limits;
  limits.all_indices = true;
  EXPECT_EQ(read(R"({"index": "*"})", limits).index, "*");
  EXPECT_EQ(read(R"({"index": "*:logs-*,-logs-old"})").index, "*:logs-*,-logs-old");
}

TEST(Questions, OfAnIndexThatIsNoneAreRefused) {
  EXPECT_TRUE(says(refusal("{}"), "index is missing"));
  for (const auto* index : {"..", ".", "a b", "a?b", "a#", "_cluster", "a,,b", "a,", "-a", "+a", "a|b", "x:"})
    EXPECT_TRUE(says(refusal(std::string(R"({"index": ")") + index + "\"}"), "no name or pattern")) << index;
  // Date math keeps its slash, which is encoded: it cannot lead to another path.
  EXPECT_EQ(request_for(read(R"({"index": "<logs-{now/d}>"})"), {}, {}, 1s).path.substr(0, 32),
            "/%3Clogs-%7Bnow%2Fd%7D%3E/_count");
}

TEST(Questions, WithScriptsNeedLeave) {
  for (const auto* query :
       {R"({"script": {"script": "1"}})", R"({"bool": {"must": [{"function_score": {"script_score": {}}}]}})",
        R"({"wrapper": {"query": "eyJ9"}})"})
    EXPECT_TRUE(says(refusal(std::string(R"({"index": "a", "query": )") + query + "}"), "allow_scripts")) << query;
  EXPECT_TRUE(says(refusal(R"({"index": "a", "aggs": "{\"x\": {\"scripted_metric\": {}}}"})"), "allow_scripts"));
  Limits limits;
  limits.scripts = true;
  EXPECT_FALSE(read(R"({"index": "a", "query": {"script": {"script": "1"}}})", limits).query.empty());
}

TEST(Questions, SayWhatIsWrongWithAMetric) {
  EXPECT_TRUE(says(refusal(R"({"index": "a", "metric": "median", "field": "x"})"), "expected count, avg"));
  EXPECT_TRUE(says(refusal(R"({"index": "a", "metric": "p0", "field": "x"})"), "above 0"));
  EXPECT_TRUE(says(refusal(R"({"index": "a", "metric": "p101", "field": "x"})"), "at most 100"));
  EXPECT_TRUE(says(refusal(R"({"index": "a", "metric": "avg"})"), "field is missing"));
  EXPECT_TRUE(says(refusal(R"({"index": "a", "field": "x"})"), "a count has none"));
  EXPECT_TRUE(says(refusal(R"({"index": "a", "metric": "avg", "field": "x", "percents": [1]})"), "percents: only"));
  EXPECT_EQ(read(R"({"index": "a", "metric": "p99.9", "field": "x"})").metric.percents, std::vector<double>{99.9});
}

TEST(Questions, SayWhatIsWrongWithGroups) {
  EXPECT_TRUE(says(refusal(R"({"index": "a", "group_by": ["a.b", "a_b"]})"), "two labels would be \"a_b\""));
  EXPECT_TRUE(says(refusal(R"({"index": "a", "group_by": [""]})"), "empty"));
  EXPECT_TRUE(says(refusal(R"({"index": "a", "aggs": {}, "group_by": ["a"]})"), "aggs stands for itself"));
  const auto question = read(R"({"index": "a", "group_by": {"who": "user.name.keyword"}})");
  EXPECT_EQ(question.group_by.at(0).field, "user.name.keyword");
  EXPECT_EQ(question.group_by.at(0).label, "who");
}

TEST(Questions, NameLabelsAfterFields) {
  EXPECT_EQ(label_of("service.name"), "service_name");
  EXPECT_EQ(label_of("service.name.keyword"), "service_name");
  EXPECT_EQ(label_of("@timestamp"), "timestamp");
  EXPECT_EQ(label_of("5xx"), "_5xx");
  EXPECT_EQ(label_of(".keyword"), "_keyword");
}

TEST(Questions, ReadDurationsAndRefuseOthers) {
  const auto duration = [](tsn::Value value) { return read_duration(tsn::Config(value.view()), "x"); };
  EXPECT_EQ(duration("1h30m"), 90min);
  EXPECT_EQ(duration("250ms"), 250ms);
  EXPECT_EQ(duration(0), 0s);
  EXPECT_EQ(duration(60'000'000'000), 60s);
  for (const auto* bad : {"", "5", "5x", "-5s", "s", "1e30w", "nan s"})
    EXPECT_THROW(duration(bad), tsn::Failure) << bad;
  EXPECT_THROW(duration(60), tsn::Failure);
  EXPECT_TRUE(says(refusal(R"({"index": "a", "bucket": "10ms"})"), "at least 1s"));
}

std::string settings_refusal(const std::string& text) {
  auto value = tsn::testing::from_json(text);
  try {
    read_settings(tsn::Config(value.view()), "logs");
  } catch (const tsn::Failure& failure) {
    return failure.what();
  }
  return "it was taken";
}

TEST(Settings, SayWhatIsWrongWithAnAddress) {
  EXPECT_TRUE(says(settings_refusal(R"({"url": "es:9200"})"), "expected http:// or https://"));
  EXPECT_TRUE(says(settings_refusal(R"({"url": "http://u:p@es"})"), "ends up in logs"));
  EXPECT_TRUE(says(settings_refusal(R"({"url": "http://"})"), "expected a host"));
  EXPECT_TRUE(says(settings_refusal(R"({"url": []})"), "at least one"));
  EXPECT_TRUE(says(settings_refusal(R"({"url": "http://es/x?y=1"})"), "expected a host"));
}

TEST(Settings, TakeOneWayToSignIn) {
  EXPECT_TRUE(says(settings_refusal(R"({"url": "http://es", "api_key": "k", "bearer": "b"})"), "one of them"));
  EXPECT_TRUE(says(settings_refusal(R"({"url": "http://es", "password": "p"})"), "username is missing"));
  EXPECT_TRUE(says(settings_refusal(R"({"url": "http://es", "key_file": "p"})"), "cert_file is missing"));
  EXPECT_TRUE(says(settings_refusal(R"({"url": "http://es", "bearer": "a\r\nX: y"})"), "more than one line"));
}

TEST(Settings, NameTheQueryAndTheKeyThatIsWrong) {
  const auto query = [](const std::string& text) {
    return settings_refusal(R"({"url": "http://es", "index": "a", "every": 60000000000, "query": [)" + text + "]}");
  };
  EXPECT_TRUE(says(query(R"({"signal": "s", "querry": "x"})"), "query 1: unknown key \"querry\""));
  EXPECT_TRUE(says(query(R"({"name": "n"})"), "query \"n\": signal is missing"));
  EXPECT_TRUE(says(query(R"({"signal": "s", "every": "1s"})"), "shorter than that of the source"));
  EXPECT_TRUE(says(query(R"({"signal": "s", "since": "1h"})"), "since: only with bucket"));
  EXPECT_TRUE(says(query(R"({"signal": "s"}, {"signal": "s"})"), "the name is there already"));
  EXPECT_TRUE(says(query(R"({"signal": "s"}, {"signal": "s", "name": "n"})"), "makes the same series"));
  EXPECT_TRUE(says(query(R"({"signal": "s", "labels": {"a": "1"}, "group_by": ["a"]})"), "label of group_by already"));
  EXPECT_TRUE(says(query(R"({"signal": "s", "labels": {"a": 1}})"), "expected a string"));
}

}  // namespace questions_test
