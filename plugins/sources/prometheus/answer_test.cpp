// Answers of the API as texts, without a server.
#include "answer.hpp"

#include <gtest/gtest.h>

#include <cmath>

namespace {

using namespace tocsin_plugins::prometheus;

std::string why_not(const std::string& body, Answer& out, std::size_t most = 100) {
  bool too_many = false;
  return read_answer(body, most, out, too_many);
}
Answer answer_from(const std::string& body) {
  Answer out;
  EXPECT_EQ(why_not(body, out), "") << body;
  return out;
}
std::string json_of(const std::string& type, const std::string& result) {
  return R"({"status":"success","data":{"resultType":")" + type + R"(","result":)" + result + "}}";
}

TEST(PrometheusAnswer, AVectorHasLabelsTimesAndValues) {
  const auto answer = answer_from(json_of("vector", R"([
    {"metric":{"__name__":"up","job":"node"},"value":[1435781451.781,"1"]},
    {"metric":{},"value":[1435781451,"-2.5e-3"]}])"));
  ASSERT_EQ(answer.series.size(), 2u);
  EXPECT_EQ(answer.series[0].name, "up");
  EXPECT_EQ(answer.series[0].labels, (Labels{{"job", "node"}}));
  EXPECT_EQ(answer.samples[0].at, 1'435'781'451'781'000'000);
  EXPECT_EQ(answer.samples[0].value, 1);
  EXPECT_EQ(answer.series[1].name, "");
  EXPECT_EQ(answer.samples[1].value, -2.5e-3);
}

TEST(PrometheusAnswer, ValuesMayBeWhateverGoWritesForADouble) {
  const auto answer = answer_from(json_of("matrix", R"([{"metric":{"__name__":"a"},"values":[
    [1,"NaN"],[2,"+Inf"],[3,"-Inf"],[4,"1e+06"],[5,"+7"],[6,8]]}])"));
  ASSERT_EQ(answer.samples.size(), 6u);
  EXPECT_TRUE(std::isnan(answer.samples[0].value));
  EXPECT_EQ(answer.samples[1].value, INFINITY);
  EXPECT_EQ(answer.samples[2].value, -INFINITY);
  EXPECT_EQ(answer.samples[3].value, 1e6);
  EXPECT_EQ(answer.samples[4].value, 7);
  EXPECT_EQ(answer.samples[5].value, 8);
  EXPECT_EQ(answer.series[0].count, 6u);
}

TEST(PrometheusAnswer, AScalarIsASeriesWithoutLabels) {
  const auto answer = answer_from(json_of("scalar", R"([10.5,"42"])"));
  EXPECT_EQ(answer.type, Answer::Type::scalar);
  ASSERT_EQ(answer.series.size(), 1u);
  EXPECT_TRUE(answer.series[0].labels.empty());
  EXPECT_EQ(answer.samples[0].value, 42);
  EXPECT_EQ(answer_from(json_of("string", R"([10,"hello"])")).type, Answer::Type::string);
}

TEST(PrometheusAnswer, NativeHistogramsArePassedOverAndCounted) {
  const auto vector = answer_from(json_of("vector", R"([
    {"metric":{"__name__":"h"},"histogram":[1,{"count":"2","sum":"3","buckets":[[0,"0","1","2"]]}]},
    {"metric":{"__name__":"a"},"value":[1,"5"]}])"));
  EXPECT_EQ(vector.histograms, 1u);
  ASSERT_EQ(vector.series.size(), 1u);
  EXPECT_EQ(vector.series[0].name, "a");
  const auto matrix = answer_from(json_of("matrix", R"([
    {"metric":{"__name__":"h"},"values":[[1,"5"]],"histograms":[[2,{"count":"1"}],[3,{"count":"1"}]]},
    {"metric":{"__name__":"i"},"histograms":[[2,{"count":"1"}]]}])"));
  EXPECT_EQ(matrix.histograms, 3u);
  EXPECT_EQ(matrix.series.size(), 1u);
}

TEST(PrometheusAnswer, ErrorsWarningsAndInfosAreKept) {
  const auto failed = answer_from(R"({"status":"error","errorType":"bad_data","error":"no","warnings":["w"]})");
  EXPECT_TRUE(failed.failed);
  EXPECT_EQ(failed.error_type, "bad_data");
  EXPECT_EQ(failed.error, "no");
  EXPECT_EQ(failed.warnings, std::vector<std::string>{"w"});
  const auto good = answer_from(R"({"status":"success","infos":["i"],"warnings":null,)"
                                R"("data":{"resultType":"vector","result":[]}})");
  EXPECT_EQ(good.infos, std::vector<std::string>{"i"});
}

TEST(PrometheusAnswer, WhatIsNoAnswerIsRefusedWithAReason) {
  for (const auto& [body, part] : std::vector<std::pair<std::string, std::string>>{
           {"", "no JSON"},
           {"<html>", "no JSON"},
           {R"({"status":"success","data":{"resultType":"vector","result":[{"metric":{"a":"b"},"val)", "cut short"},
           {"[]", "object"},
           {"{}", "status"},
           {R"({"status":"maybe"})", "status"},
           {R"({"status":"success"})", "data"},
           {R"({"status":"success","data":[]})", "data"},
           {json_of("vectors", "[]"), "resultType"},
           {json_of("vector", "{}"), "result"},
           {json_of("vector", "[1]"), "series"},
           {json_of("vector", R"([{"value":[1,"1"]}])"), "metric"},
           {json_of("vector", R"([{"metric":{"a":1},"value":[1,"1"]}])"), "label"},
           {json_of("vector", R"([{"metric":{}}])"), "value"},
           {json_of("vector", R"([{"metric":{},"value":[1]}])"), "pair"},
           {json_of("vector", R"([{"metric":{},"value":[1,"one"]}])"), "number"},
           {json_of("vector", R"([{"metric":{},"value":[1,"1 "]}])"), "number"},
           {json_of("vector", R"([{"metric":{},"value":[1,"++1"]}])"), "number"},
           {json_of("vector", R"([{"metric":{},"value":[1,null]}])"), "number"},
           {json_of("vector", R"([{"metric":{},"value":["1","1"]}])"), "time"},
           {json_of("vector", R"([{"metric":{},"value":[-1,"1"]}])"), "time"},
           {json_of("vector", R"([{"metric":{},"value":[1e300,"1"]}])"), "time"},
           {json_of("matrix", R"([{"metric":{}}])"), "values"},
           {json_of("scalar", R"({"a":1})"), "pair"}}) {
    Answer out;
    const auto why = why_not(body, out);
    EXPECT_NE(why.find(part), why.npos) << body << "\n" << why;
  }
}

TEST(PrometheusAnswer, MoreSamplesThanAreTakenAreRefused) {
  Answer out;
  bool too_many = false;
  const auto body = json_of("matrix", R"([{"metric":{},"values":[[1,"1"],[2,"2"],[3,"3"]]}])");
  EXPECT_EQ(read_answer(body, 3, out, too_many), "");
  EXPECT_FALSE(too_many);
  EXPECT_NE(read_answer(body, 2, out, too_many), "");
  EXPECT_TRUE(too_many);
}

TEST(PrometheusAnswer, AVersionIsFoundWhereItIsTold) {
  EXPECT_EQ(read_version(R"({"status":"success","data":{"version":"2.42.0","revision":"x"}})"), "2.42.0");
  EXPECT_EQ(read_version(R"({"status":"success","data":{}})"), "");
  EXPECT_EQ(read_version("<html>"), "");
}

}  // namespace
