// Records of JSON and logfmt: conditions, labels, values, timestamps, severities.
#include "logtail_fixture.hpp"

namespace tocsin_plugins::logtail {
namespace {

class Records : public LogtailFixture {
 protected:
  using Labels = std::map<std::string, std::string>;
  std::vector<tsn::testing::Row> rows_of(const std::string& options, const std::string& text) {
    host_.clear();
    overwrite("a.log", text);
    start_from_beginning(options);
    poll();
    source_.reset();
    return host_.rows();
  }
  /// How many of the records fit the conditions.
  std::size_t fitting(const std::string& where, const std::string& text) {
    return rows_of(R"("parser": "json", "match": [{"signal": "s", "where": )" + where + "}]", text).size();
  }
};

TEST_F(Records, MakeLabelsAndValuesOfFields) {
  const auto rows = rows_of(
      R"("parser": "json", "match": [{"signal": "http.ms", "where": {"level": "error", "/http/status": ">=500"},
         "value": "/http/ms", "labels": {"service": "{/service}", "place": "{zone}-{/http/status}", "team": "shop",
         "none": "{/absent}"}}])",
      R"({"level":"error","service":"api","zone":"a","http":{"status":503,"ms":12.5}})"
      "\n"
      R"({"level":"error","service":"api","zone":"a","http":{"status":404,"ms":1}})"
      "\n"
      R"({"level":"info","service":"api","http":{"status":500,"ms":1}})"
      "\n"
      R"({"level":"error","http":{"status":"500","ms":"7"}})"
      "\n");
  ASSERT_EQ(rows.size(), 2u);
  EXPECT_EQ(rows[0].labels, (Labels{{"service", "api"}, {"place", "a-503"}, {"team", "shop"}}));
  EXPECT_EQ(rows[0].value, 12.5);
  EXPECT_EQ(rows[1].labels, (Labels{{"place", "-500"}, {"team", "shop"}})) << "what is not there is no label";
  EXPECT_EQ(rows[1].value, 7) << "a number in a text is one";
}
TEST_F(Records, FitByEachKindOfCondition) {
  const std::string record = R"({"n":5,"s":"abc","t":true,"z":null,"l":[1],"neg":-2.5,"big":18446744073709551615})";
  const char* fits[] = {R"({"n": 5})",      R"({"n": "5"})",    R"({"n": ">4"})",
                        R"({"n": ">= 5"})", R"({"n": "<6"})",   R"({"n": "<=5"})",
                        R"({"n": "!=6"})",  R"({"s": "abc"})",  R"({"s": "=abc"})",
                        R"({"s": "~^a"})",  R"({"s": "!~x"})",  R"({"s": "!=x"})",
                        R"({"t": true})",   R"({"q": "!=x"})",  R"({"q": "!~x"})",
                        R"({"/l/0": 1})",   R"({"neg": -2.5})", R"({"big": "18446744073709551615"})"};
  const char* misses[] = {R"({"n": 6})",          R"({"n": ">5"})",  R"({"n": "<5"})",  R"({"s": "ab"})",
                          R"({"s": ">1"})",       R"({"s": "~^b"})", R"({"s": "!~a"})", R"({"t": false})",
                          R"({"z": "null"})",     R"({"l": "[1]"})", R"({"q": "x"})",   R"({"q": "~."})",
                          R"({"n": 5, "s": "x"})"};
  for (const auto* where : fits) EXPECT_EQ(fitting(where, record + "\n"), 1u) << where;
  for (const auto* where : misses) EXPECT_EQ(fitting(where, record + "\n"), 0u) << where;
}
TEST_F(Records, TakeTimestampAndSeverityFromFields) {
  const auto rows =
      rows_of(R"("parser": "json", "message": "msg")", R"({"time":"2026-11-20T09:00:00Z","level":"WARN","msg":"hello"})"
                                                       "\n"
                                                       R"({"ts":1795165200.25,"level":50,"msg":"x"})"
                                                       "\n"
                                                       R"({"ts":1795165200250,"severity":"error"})"
                                                       "\n");
  ASSERT_EQ(rows.size(), 3u);
  EXPECT_EQ(rows[0].ts, ten_o_clock - 3600 * second);
  EXPECT_EQ(rows[0].severity, 13u);
  EXPECT_EQ(rows[0].text, "hello");
  EXPECT_EQ(rows[1].ts, ten_o_clock - 3600 * second + second / 4);
  EXPECT_EQ(rows[1].severity, 17u);
  EXPECT_EQ(rows[2].ts, ten_o_clock - 3600 * second + second / 4);
  EXPECT_EQ(rows[2].severity, 0u);
  EXPECT_EQ(rows[2].text, R"({"ts":1795165200250,"severity":"error"})") << "whole where there is no message";
}
TEST_F(Records, TakeTheFieldsThatAreNamed) {
  const auto rows = rows_of(
      R"js("parser": "json", "severity": "/log/level", "timestamp": {"field": "/at", "format": "%d.%m.%Y %H:%M", "zone": "UTC"})js",
      R"({"at":"20.11.2026 09:00","time":"2026-01-01T00:00:00Z","log":{"level":"fatal"}})"
      "\n");
  EXPECT_EQ(rows.at(0).ts, ten_o_clock - 3600 * second);
  EXPECT_EQ(rows.at(0).severity, 21u);
}
TEST_F(Records, LeaveLinesThatAreNoneToThePatterns) {
  const auto rows = rows_of(R"js("parser": "json", "match": [{"signal": "record", "where": {"a": 1}},
                               {"signal": "text", "pattern": "panic: (?<why>.*)"}])js",
                            "panic: x\n{\"a\":1}\n{\"a\":1\n[1]\n\n{\"a\":1} {\n");
  ASSERT_EQ(rows.size(), 2u);
  EXPECT_EQ(rows[0].label("why"), "x");
  EXPECT_EQ(rows[1].name, "record");
  EXPECT_EQ(metric("lines_unparsed"), 5);
  EXPECT_EQ(metric("lines_unmatched"), 4);
}
TEST_F(Records, AreLogfmtToo) {
  const auto rows = rows_of(
      R"("parser": "logfmt", "match": [{"signal": "s", "where": {"level": "error", "retry": true}, "value": "took",
         "labels": {"msg": "{msg}"}}])",
      R"(ts=2026-11-20T09:00:00Z level=error msg="a \"b\"\tc" took=1.5 retry other=)"
      "\nlevel=error msg=\"open took=1\nno fields here\n");
  ASSERT_EQ(rows.size(), 1u);
  EXPECT_EQ(rows[0].labels, (Labels{{"msg", "a \"b\"\tc"}}));
  EXPECT_EQ(rows[0].value, 1.5);
  EXPECT_EQ(rows[0].severity, 17u);
  EXPECT_EQ(rows[0].ts, ten_o_clock - 3600 * second);
  EXPECT_EQ(metric("lines_unparsed"), 2);
}
TEST_F(Records, AreParsedForOneEntryWhereOnlyThatAsks) {
  const auto rows = rows_of(R"("match": [{"signal": "j", "parser": "json", "where": {"a": "x"}},
                               {"signal": "l", "parser": "logfmt", "where": {"a": "x"}},
                               {"signal": "p", "pattern": "a"}])",
                            "{\"a\":\"x\"}\na=x\n");
  std::vector<std::string> names;
  for (const auto& row : rows) names.push_back(row.name);
  EXPECT_EQ(names, (std::vector<std::string>{"j", "p", "l", "p"}));
}
TEST_F(Records, RefuseAValueThatIsNoNumber) {
  const auto rows = rows_of(R"("parser": "json", "match": [{"signal": "s", "value": "ms"}])",
                            "{\"ms\":\"fast\"}\n{\"ms\":3}\n{\"other\":3}\n");
  EXPECT_EQ(rows.size(), 1u);
  ASSERT_EQ(host_.rejected().size(), 1u);
  EXPECT_NE(host_.rejected()[0].reason.find("the field \"ms\""), std::string::npos);
}
TEST_F(Records, SurviveWhatJsonMayHold) {
  const auto rows =
      rows_of(R"("parser": "json", "match": [{"signal": "s", "labels": {"a": "{a}"}}])",
              "{\"a\":\"x\\u0000y\"}\n{\"a\":\"" + std::string(3000, 'z') + "\"}\n{\"a\":\"\"}\n{\"a\":1,\"a\":2}\n");
  ASSERT_EQ(rows.size(), 4u);
  EXPECT_EQ(rows[0].label("a"), "x\xef\xbf\xbdy");
  EXPECT_EQ(rows[1].label("a"), std::string(1024, 'z'));
  EXPECT_EQ(rows[2].labels, Labels{});
  EXPECT_EQ(rows[3].label("a"), "1");
}
TEST_F(Records, AreReadFromWhatContainersWrap) {
  const auto rows = rows_of(R"("parser": "json", "match": [{"signal": "s", "where": {"level": "error"}}])",
                            "2026-11-20T09:59:59Z stdout P {\"level\":\"er\n2026-11-20T09:59:59Z stdout F ror\"}\n"
                            R"({"log":"{\"level\":\"error\"}\n","stream":"stderr","time":"2026-11-20T09:59:59Z"})"
                            "\n");
  ASSERT_EQ(rows.size(), 2u);
  EXPECT_EQ(rows[0].text, R"({"level":"error"})");
  EXPECT_EQ(rows[1].label("stream"), "stderr");
}
TEST_F(Records, AreReadFromJsonOverSeveralLines) {
  host_.replay = true;
  append("a.log", "{\n  \"a\": 1\n}\n{\n  \"a\": 2\n}\n");
  start(R"js("parser": "json", "multiline": {"start": "^\\{"}, "match": [{"signal": "s", "value": "a"}])js");
  while (poll() == TSN_OK) continue;
  ASSERT_EQ(host_.rows().size(), 2u);
  EXPECT_EQ(host_.rows()[1].value, 2);
}
TEST_F(Records, RefuseAConfigurationWithAReason) {
  const std::pair<const char*, const char*> cases[] = {
      {R"("match": [{"signal": "s", "where": {"a": 1}}])", "parser"},
      {R"("parser": "json", "match": [{"signal": "s", "where": {"a": ">x"}}])", "match[0].where.a"},
      {R"js("parser": "json", "match": [{"signal": "s", "where": {"a": "~("}}])js", "match[0].where.a"},
      {R"("parser": "json", "match": [{"signal": "s", "where": {"/a~": 1}}])", "JSON Pointer"},
      {R"("parser": "json", "match": [{"signal": "s", "where": {"": 1}}])", "name of a field"},
      {R"("parser": "json", "match": [{"signal": "s", "labels": {"a": "{b"}}])", "close"},
      {R"("match": [{"signal": "s", "parser": "xml"}])", "json, logfmt"},
      {R"("timestamp": {"feild": "x"})", "feild"}};
  for (const auto& [json, part] : cases) {
    const auto answer = refused(json);
    EXPECT_EQ(answer.status, TSN_INVALID) << json;
    EXPECT_NE(answer.text.find(part), std::string::npos) << json << " answered " << answer.text;
  }
}

}  // namespace
}  // namespace tocsin_plugins::logtail
