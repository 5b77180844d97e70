// The plugin and a server of the test's own that says what a test wants; the clock is set by hand.
#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <unistd.h>

#include <cmath>
#include <optional>

#include "positions.hpp"
#include "settings.hpp"
#include "tocsin/testing/fake_host.hpp"
#include "tocsin/testing/scripted_server.hpp"

namespace {

using namespace std::chrono_literals;
using tsn::Value;
using tsn::testing::body_of;
using tsn::testing::FakeHost;
using tsn::testing::QueryRow;
using tsn::testing::Row;
using tsn::testing::ScriptedServer;

constexpr tsn::Time start_of_test = 1'795'168'800'000'000'000;  // of the fake host's clock
constexpr const char* start_text = "1795168800";

std::string success(const std::string& type, const std::string& result, const std::string& more = "") {
  return "200 {\"status\":\"success\"" + more + ",\"data\":{\"resultType\":\"" + type + "\",\"result\":" + result +
         "}}";
}
/// One series: `metric` is the inside of its labels.
std::string series(const std::string& metric, const std::string& value, const std::string& at = start_text) {
  return "{\"metric\":{" + metric + "},\"value\":[" + at + ",\"" + value + "\"]}";
}
std::string vector(const std::string& all) {
  return success("vector", "[" + all + "]");
}
bool has(const std::string& text, std::string_view part) {
  return text.find(part) != text.npos;
}
Value query(std::initializer_list<std::pair<const char*, Value>> keys) {
  return Value::table(keys);
}
const std::string one_up = vector(series(R"("__name__":"up","job":"node")", "1"));

/// A port of loopback on which nothing listens.
int closed_port() {
  const int s = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in at{};
  at.sin_family = AF_INET;
  at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof at;
  ::bind(s, reinterpret_cast<sockaddr*>(&at), size);
  ::getsockname(s, reinterpret_cast<sockaddr*>(&at), &size);
  ::close(s);
  return ntohs(at.sin_port);
}

/// Takes connections and never says a word.
class Silent {
 public:
  explicit Silent(int port = 0) : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in at{};
    at.sin_family = AF_INET;
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    at.sin_port = htons(static_cast<std::uint16_t>(port));
    const int yes = 1;
    ::setsockopt(socket_, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    socklen_t size = sizeof at;
    EXPECT_EQ(::bind(socket_, reinterpret_cast<sockaddr*>(&at), size), 0);
    EXPECT_EQ(::listen(socket_, 16), 0);
    ::getsockname(socket_, reinterpret_cast<sockaddr*>(&at), &size);
    port_ = ntohs(at.sin_port);
  }
  ~Silent() { ::close(socket_); }
  std::string url() const { return "http://127.0.0.1:" + std::to_string(port_); }
  bool was_called() const {
    pollfd one{socket_, POLLIN, 0};
    return ::poll(&one, 1, 0) == 1;
  }

 private:
  int socket_, port_ = 0;
};

class Prometheus : public ::testing::Test {
 protected:
  void script(std::vector<std::string> answers) { server_.emplace(std::move(answers)); }
  void begin(std::vector<Value> queries, std::initializer_list<std::pair<const char*, Value>> options = {}) {
    auto config = Value::table({{"url", server_ ? server_->url() : "http://127.0.0.1:1"}});
    for (const auto& [key, value] : options) config.set(key, value);
    auto list = Value::array();
    for (auto& each : queries) list.push(std::move(each));
    config.set("query", std::move(list));
    instance_ = host_.create("prometheus", config, "metrics");
  }
  /// A poll; what came by "name{labels}".
  std::map<std::string, Row> poll(tsn_status expected = TSN_OK, std::chrono::nanoseconds time = 10s) {
    host_.clear();
    const auto answer = instance_->pull(time);
    failure_ = answer.text;
    EXPECT_EQ(answer.status, expected) << answer.text;
    std::map<std::string, Row> rows;
    for (auto& row : host_.rows()) {
      std::string labels;
      for (const auto& [name, value] : row.labels) labels += (labels.empty() ? "" : ",") + name + "=" + value;
      rows[labels.empty() ? row.name : row.name + "{" + labels + "}"] = row;
    }
    return rows;
  }
  /// A question of a rule.
  tsn::testing::Answer ask(const std::string& expr, std::chrono::nanoseconds time = 10s) {
    rows_.clear();
    return instance_->query(Value::table({{"expr", expr}}), rows_, time, 3);
  }
  tsn::testing::Answer answer_of_rule(std::string answer, std::initializer_list<std::pair<const char*, Value>> o = {}) {
    script({std::move(answer)});
    begin({}, o);
    return ask("up");
  }
  double metric(const std::string& part) {
    double sum = 0;
    for (const auto& [name, value] : host_.metrics())
      if (has(name, part)) sum += value;
    return sum;
  }
  std::string refusal(std::vector<Value> queries, std::initializer_list<std::pair<const char*, Value>> options = {}) {
    try {
      begin(std::move(queries), options);
      return {};
    } catch (const tsn::Failure& failure) {
      EXPECT_EQ(failure.status().value(), TSN_INVALID);
      return failure.what();
    }
  }

  std::optional<ScriptedServer> server_;
  FakeHost host_;
  std::unique_ptr<tsn::testing::FakeInstance> instance_;
  std::string failure_;
  std::vector<QueryRow> rows_;
};

TEST_F(Prometheus, ResultsBecomeSignalsUnderTheirNamesWithTheirTimesAndLabels) {
  script({vector(series(R"("__name__":"up","job":"node")", "1", "1795168799.5") + "," +
                 series(R"("__name__":"up","job":"db")", "0"))});
  begin({query({{"expr", "up"}})});
  auto rows = poll();
  EXPECT_EQ(rows["up{job=node}"].value, 1);
  EXPECT_EQ(rows["up{job=node}"].ts, start_of_test - 500'000'000);
  EXPECT_EQ(rows["up{job=db}"].value, 0);
  EXPECT_EQ(rows["prometheus.up{query=up}"].value, 1);
  EXPECT_EQ(rows["prometheus.samples{query=up}"].value, 2);
  EXPECT_EQ(rows.size(), 5u);
  EXPECT_EQ(metric("samples"), 2);
}

TEST_F(Prometheus, AQuestionIsAFormWithTheTimeAndATimeLimitForTheServer) {
  script({one_up});
  begin({query({{"expr", "sum(rate(a{b=\"c d\"}[5m])) & é"}})});
  poll();
  const auto request = server_->request();
  EXPECT_TRUE(request.starts_with("POST /api/v1/query HTTP/1.1\r\n")) << request;
  EXPECT_TRUE(has(request, "Content-Type: application/x-www-form-urlencoded"));
  EXPECT_EQ(
      body_of(request),
      "query=sum%28rate%28a%7Bb%3D%22c%20d%22%7D%5B5m%5D%29%29%20%26%20%C3%A9&time=1795168800.000&timeout=8100ms");
}

TEST_F(Prometheus, SignalAndLabelsOfAQueryReplaceThoseOfTheResult) {
  script({vector(series(R"("__name__":"x","job":"node","pod":"p1")", "3"))});
  begin({query({{"expr", "x"},
                {"signal", "load"},
                {"labels", Value::table({{"job", "mine"}, {"tier", "base"}, {"pod", ""}})}})});
  EXPECT_EQ(poll()["load{job=mine,tier=base}"].value, 3);
}

TEST_F(Prometheus, AScalarIsASignalWithoutLabels) {
  script({success("scalar", R"([1795168800,"42"])")});
  begin({query({{"expr", "42"}, {"signal", "answer"}})});
  EXPECT_EQ(poll()["answer"].value, 42);
}

TEST_F(Prometheus, ValuesThatAreNotFiniteAreCountedAndNotTaken) {
  script({vector(series(R"("__name__":"a")", "NaN") + "," + series(R"("__name__":"b")", "+Inf") + "," +
                 series(R"("__name__":"c")", "1"))});
  begin({query({{"expr", "x"}})});
  const auto rows = poll();
  EXPECT_TRUE(rows.contains("c"));
  EXPECT_FALSE(rows.contains("a") || rows.contains("b"));
  EXPECT_EQ(metric("samples_not_finite"), 2);
}

TEST_F(Prometheus, ASeriesThatTheNextAnswerHasNoMoreIsMarkedStaleOnce) {
  script({vector(series(R"("__name__":"a")", "1") + "," + series(R"("__name__":"b")", "2")),
          vector(series(R"("__name__":"a")", "1")), vector(series(R"("__name__":"a")", "1"))});
  begin({query({{"expr", "x"}})});
  EXPECT_EQ(poll()["b"].flags, 0u);
  host_.advance(60s);
  auto rows = poll();
  EXPECT_EQ(rows["b"].flags, TSN_ROW_STALE);
  EXPECT_EQ(rows["b"].ts, host_.now());
  EXPECT_EQ(rows["a"].flags, 0u);
  host_.advance(60s);
  EXPECT_FALSE(poll().contains("b"));
}

TEST_F(Prometheus, AFailureMarksNothingStale) {
  script({vector(series(R"("__name__":"a")", "1")), "500 broken"});
  begin({query({{"expr", "x"}})});
  poll();
  host_.advance(60s);
  auto rows = poll(TSN_FAILED);
  EXPECT_FALSE(rows.contains("a"));
  EXPECT_EQ(rows["prometheus.up{query=x}"].value, 0);
}

TEST_F(Prometheus, NamelessResultsNeedASignal) {
  script({vector(series(R"("job":"node")", "1")),
          vector(series(R"("job":"node")", "1") + "," + series(R"("__name__":"a")", "1"))});
  begin({query({{"expr", "rate(x[5m])"}})});
  poll(TSN_INVALID);
  EXPECT_TRUE(has(failure_, "signal")) << failure_;
  host_.advance(60s);
  EXPECT_TRUE(poll().contains("a")) << "one among named ones costs only itself";
  ASSERT_EQ(host_.rejected().size(), 1u);
  EXPECT_EQ(host_.rejected()[0].error_type, "name");
}

TEST_F(Prometheus, TwoResultsThatAreTheSameSignalCostOnlyTheSecond) {
  script({vector(series(R"("__name__":"a","x":"1")", "1") + "," + series(R"("__name__":"b","x":"1")", "2"))});
  begin({query({{"expr", "x"}, {"signal", "s"}})});
  EXPECT_EQ(poll()["s{x=1}"].value, 1);
  ASSERT_EQ(host_.rejected().size(), 1u);
  EXPECT_EQ(host_.rejected()[0].error_type, "duplicate");
  EXPECT_EQ(metric("samples_duplicate"), 1);
}

TEST_F(Prometheus, NativeHistogramsAreCountedAndSaid) {
  script({vector(R"({"metric":{"__name__":"h"},"histogram":[1,{"count":"1"}]},)" + series(R"("__name__":"a")", "1"))});
  begin({query({{"expr", "x"}})});
  EXPECT_TRUE(poll().contains("a"));
  EXPECT_EQ(metric("histograms_skipped"), 1);
  EXPECT_TRUE(host_.logged("histogram_quantile"));
}

TEST_F(Prometheus, QueriesAreAskedAtTheirOwnPace) {
  script({one_up, one_up, one_up, one_up, one_up});
  begin({query({{"expr", "a"}}), query({{"expr", "b"}, {"every", "2m"}})}, {{"at_once", 1}});
  poll();
  host_.advance(60s);
  poll();
  host_.advance(60s);
  poll();
  std::string order;
  for (const auto& request : server_->requests()) order += body_of(request).substr(6, 1);
  EXPECT_EQ(order, "abaab");
}

// --- range queries ---

std::string matrix(std::initializer_list<std::pair<int, int>> samples) {
  std::string all;
  for (const auto& [at, value] : samples)
    all.append(all.empty() ? "[" : ",[") += std::to_string(at) + ",\"" + std::to_string(value) + "\"]";
  return success("matrix", R"([{"metric":{"__name__":"m"},"values":[)" + all + "]}]");
}
Value range_query() {
  return query({{"expr", "m"}, {"range", "2m"}, {"step", "1m"}});
}

TEST_F(Prometheus, ARangeTakesEachSampleWithItsOwnTime) {
  script({matrix({{1795168740, 1}, {1795168800, 2}})});
  begin({range_query()});
  poll();
  std::map<tsn::Time, double> got;
  for (const auto& row : host_.rows())
    if (row.name == "m") got[row.ts] = row.value;
  EXPECT_EQ(got, (std::map<tsn::Time, double>{{start_of_test - 60'000'000'000, 1}, {start_of_test, 2}}));
  const auto request = server_->request();
  EXPECT_TRUE(request.starts_with("POST /api/v1/query_range "));
  EXPECT_TRUE(has(body_of(request), "start=1795168740.000&end=1795168800.000&step=60.000&")) << request;
}

TEST_F(Prometheus, ARangeGoesOnAfterTheKeptPositionInPiecesOfItsLength) {
  script({matrix({{1795168500, 1}}), matrix({{1795168620, 1}}), matrix({{1795168740, 1}})});
  begin({range_query()});
  ASSERT_EQ(instance_->start("prometheus/1\n1795168440000000000 m\n").status, TSN_OK);
  host_.advance(-30s);
  poll();
  const auto& requests = server_->requests();
  ASSERT_EQ(requests.size(), 3u);
  EXPECT_TRUE(has(body_of(requests[0]), "start=1795168500.000&end=1795168560.000&")) << body_of(requests[0]);
  EXPECT_TRUE(has(body_of(requests[1]), "start=1795168620.000&end=1795168680.000&"));
  EXPECT_TRUE(has(body_of(requests[2]), "start=1795168740.000&end=1795168740.000&"));
  EXPECT_EQ(host_.cursor(), "prometheus/1\n1795168740000000000 m\n");
}

TEST_F(Prometheus, ARangeWithNoStepOverAsksNothing) {
  script({one_up});
  begin({range_query()});
  ASSERT_EQ(instance_->start("prometheus/1\n1795168800000000000 m\n").status, TSN_OK);
  poll();
  EXPECT_EQ(server_->requests().size(), 0u);
}

TEST_F(Prometheus, ARangeThatFailsIsAskedForAgain) {
  script({"503 busy", matrix({{1795168740, 1}})});
  begin({range_query()});
  poll(TSN_FAILED);
  EXPECT_EQ(host_.cursor(), std::nullopt);
  host_.advance(60s);
  poll();
  const auto& requests = server_->requests();
  ASSERT_EQ(requests.size(), 2u);
  EXPECT_EQ(host_.cursor(), "prometheus/1\n1795168860000000000 m\n");
}

TEST_F(Prometheus, RowsThatTheHostDoesNotTakeYetComeWithTheirPositionLater) {
  script({matrix({{1795168740, 1}, {1795168800, 2}}), matrix({{1795168860, 3}})});
  begin({range_query()});
  host_.refuse_submits(1);
  poll(TSN_OK);
  host_.advance(60s);
  std::vector<double> values;
  instance_->pull();
  for (const auto& row : host_.rows())
    if (row.name == "m") values.push_back(row.value);
  EXPECT_EQ(values, (std::vector<double>{1, 2, 3}));
  EXPECT_EQ(host_.cursor(), "prometheus/1\n1795168860000000000 m\n");
}

TEST_F(Prometheus, RowsThatTheHostNeverTakesAreAskedForOnceAPoll) {
  script({matrix({{1795168560, 1}}), matrix({{1795168560, 1}})});
  begin({range_query()});
  ASSERT_EQ(instance_->start("prometheus/1\n1795168440000000000 m\n").status, TSN_OK);
  host_.refuse_submits(1, TSN_INVALID);
  poll();
  EXPECT_EQ(server_->requests().size(), 1u);
  EXPECT_TRUE(host_.logged("were not taken"));
}

TEST_F(Prometheus, SamplesOutsideOfWhatWasAskedForAreRefused) {
  script({matrix({{1795168740, 1}, {1795168801, 2}})});
  begin({range_query()});
  poll();
  ASSERT_EQ(host_.rejected().size(), 1u);
  EXPECT_EQ(host_.rejected()[0].error_type, "timestamp");
}

TEST_F(Prometheus, ACursorOfAnotherFormIsRefused) {
  begin({range_query()});
  EXPECT_NE(instance_->start("rubbish").status, TSN_OK);
}

TEST(PrometheusPositions, ComeBackAsTheyWereWritten) {
  using namespace tocsin_plugins::prometheus;
  const Positions some{{"a", 17}, {"sum by (x) (y)", 1'795'168'800'000'000'000}};
  EXPECT_EQ(read_positions(written(some)), some);
  EXPECT_EQ(read_positions(written({})), Positions());
  for (const auto* bad : {"", "prometheus/2\n", "prometheus/1\n1 a", "prometheus/1\nx a\n", "prometheus/1\n-1 a\n",
                          "prometheus/1\n1a\n", "prometheus/1\n1 \n", "prometheus/1\n99999999999999999999 a\n"})
    EXPECT_EQ(read_positions(bad), std::nullopt) << bad;
}

// --- failures ---

TEST_F(Prometheus, ABadExpressionIsInvalidAndNamesItsPlace) {
  const auto answer = answer_of_rule(
      R"(400 {"status":"error","errorType":"bad_data","error":"invalid parameter \"query\": 1:5: parse error: unexpected end of input"})");
  EXPECT_EQ(answer.status, TSN_INVALID);
  EXPECT_TRUE(has(answer.text, "bad_data: expr, line 1, column 5: unexpected end of input")) << answer.text;
  EXPECT_EQ(metric("rule_question_failures"), 1);
}

TEST_F(Prometheus, FailuresOfEachKindAreToldApart) {
  struct Case {
    const char *answer, *text;
    tsn_status status;
  };
  const auto garbage = success("vector", "[{]");
  const Case cases[] = {
      {R"(422 {"status":"error","errorType":"execution","error":"many-to-many"})", "execution: many-to-many",
       TSN_INVALID},
      {R"(200 {"status":"error","errorType":"execution","error":"odd"})", "execution: odd", TSN_INVALID},
      {R"(200 {"status":"error","errorType":"internal","error":"odd"})", "internal: odd", TSN_FAILED},
      {R"(503 {"status":"error","errorType":"timeout","error":"timed out"})", "raise timeout", TSN_FAILED},
      {"503 Retry-After: 7\r\n{}", "HTTP 503", TSN_RETRY},
      {"429 Retry-After: 7\r\nslow down", "HTTP 429: slow down", TSN_RETRY},
      {"401 Unauthorized", "check bearer", TSN_DENIED},
      {"403 <html>", "check bearer", TSN_DENIED},
      {"404 404 page not found", "before /api/v1", TSN_FAILED},
      {"302 Location: /login\r\n", "redirects are not followed", TSN_FAILED},
      {"502 <html><body>Bad Gateway", "an HTML page", TSN_FAILED},
      {"200 <!DOCTYPE html>", "an HTML page", TSN_FAILED},
      {"400 remote error", "HTTP 400: remote error", TSN_INVALID},
      {"500 \x01\xff", "HTTP 500", TSN_FAILED},
      {R"(200 {"status":"success","data":{"resultType":"vector","resu)", "cut short", TSN_FAILED},
      {"200 ", "cut short", TSN_FAILED},
      {"204 ", "cut short", TSN_FAILED},
      {garbage.c_str(), "cannot be read", TSN_FAILED},
      {"HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n{\"status\"", "127.0.0.1", TSN_FAILED},
      {"", "127.0.0.1", TSN_FAILED},
  };
  for (const auto& each : cases) {
    const auto answer = answer_of_rule(each.answer);
    EXPECT_EQ(answer.status, each.status) << each.answer << "\n" << answer.text;
    EXPECT_TRUE(has(answer.text, each.text)) << each.answer << "\n" << answer.text;
    EXPECT_TRUE(has(answer.text, server_->url())) << answer.text;
  }
  EXPECT_EQ(metric("rule_question_failures"), static_cast<double>(std::size(cases)));
  EXPECT_EQ(metric("busy"), 2);
  EXPECT_EQ(metric("denied"), 2);
  EXPECT_EQ(metric("no_answer"), 2);
}

TEST_F(Prometheus, HowLongTheServerWantsToBeLeftAloneIsKept) {
  EXPECT_EQ(answer_of_rule("429 Retry-After: 7\r\n").retry_after_ms, 7000u);
}

TEST_F(Prometheus, AnAnswerLongerThanMaxSizeIsNotRead) {
  const auto answer = answer_of_rule("200 " + std::string(3000, ' '), {{"max_size", "1KiB"}});
  EXPECT_EQ(answer.status, TSN_INVALID);
  EXPECT_TRUE(has(answer.text, "max_size = 1024")) << answer.text;
}

TEST_F(Prometheus, AnAnswerWithMoreThanMaxSamplesIsNotTaken) {
  const auto answer =
      answer_of_rule(vector(series(R"("a":"1")", "1") + "," + series(R"("a":"2")", "1")), {{"max_samples", 1}});
  EXPECT_EQ(answer.status, TSN_INVALID);
  EXPECT_TRUE(has(answer.text, "max_samples = 1")) << answer.text;
}

TEST_F(Prometheus, AnIncompleteAnswerIsAFailureUnlessItIsAllowed) {
  const auto partial = success("vector", "[" + series("", "1") + "]", R"(,"warnings":["store s3 is away"])");
  const auto answer = answer_of_rule(partial);
  EXPECT_EQ(answer.status, TSN_FAILED);
  EXPECT_TRUE(has(answer.text, "store s3 is away")) << answer.text;
  EXPECT_TRUE(has(answer.text, "allow_partial"));
  EXPECT_EQ(answer_of_rule(partial, {{"allow_partial", true}}).status, TSN_OK);
}

TEST_F(Prometheus, RemarksOnAnExpressionAreToldOnceAndCostNothing) {
  const auto remarked =
      success("vector", "[" + series(R"("__name__":"a")", "1") + "]",
              R"(,"warnings":["PromQL warning: quantile value should be between 0 and 1"],"infos":["PromQL info: x"])");
  script({remarked, remarked});
  begin({query({{"expr", "x"}})});
  EXPECT_TRUE(poll().contains("a"));
  EXPECT_TRUE(host_.logged("quantile value"));
  host_.advance(60s);
  EXPECT_TRUE(poll().contains("a"));
  EXPECT_FALSE(host_.logged("quantile value"));
}

TEST_F(Prometheus, OneQueryThatFailsCostsOnlyItself) {
  script({"400 bad", one_up});
  begin({query({{"expr", "bad("}}), query({{"expr", "up"}})}, {{"at_once", 1}});
  auto rows = poll(TSN_OK);
  EXPECT_TRUE(rows.contains("up{job=node}"));
  EXPECT_EQ(rows["prometheus.up{query=bad(}"].value, 0);
  EXPECT_TRUE(host_.logged("query \"bad(\""));
}

TEST_F(Prometheus, AServerThatIsGoneFailsThePollThoughOtherQueriesAreNotDue) {
  script({one_up, one_up, "500 x", "500 x", one_up, one_up});
  begin({query({{"expr", "a"}}), query({{"expr", "b"}, {"every", "1h"}})}, {{"at_once", 1}});
  poll();
  host_.advance(60s);
  poll(TSN_FAILED);
  host_.advance(60s);
  poll(TSN_FAILED);
  host_.advance(60s);
  EXPECT_TRUE(poll().contains("up{job=node}"));
}

TEST_F(Prometheus, AServerThatDoesNotAnswerCostsNoMoreThanTheDeadline) {
  Silent server;
  begin({query({{"expr", "a"}}), query({{"expr", "b"}})}, {{"url", server.url()}});
  const auto begin_of_poll = std::chrono::steady_clock::now();
  poll(TSN_FAILED, 200ms);
  EXPECT_LT(std::chrono::steady_clock::now() - begin_of_poll, 5s);
  EXPECT_TRUE(has(failure_, server.url())) << failure_;
  const auto answer = ask("up", 200ms);
  EXPECT_EQ(answer.status, TSN_FAILED);
}

TEST_F(Prometheus, AServerThatCannotBeReachedIsLeftAloneForAMoment) {
  const int port = closed_port();
  begin({}, {{"url", "http://127.0.0.1:" + std::to_string(port)}});
  const auto first = ask("up");
  EXPECT_EQ(first.status, TSN_FAILED);
  const Silent server(port);
  EXPECT_EQ(ask("up").text, first.text);
  EXPECT_FALSE(server.was_called());
  host_.advance(1s);
  EXPECT_NE(ask("up", 100ms).text, first.text);
  EXPECT_TRUE(server.was_called());
}

TEST_F(Prometheus, QueriesOfAServerThatIsBackAreAskedAtTheNextPoll) {
  const std::string looked = vector(series("", "1"));
  script({"500 x", "500 x", "500 x", "500 look", "500 x", looked, one_up});
  begin({query({{"expr", "up"}, {"every", "1h"}})});
  for (int minute = 0; minute < 5; ++minute) {
    poll(TSN_FAILED);
    host_.advance(60s);
  }
  EXPECT_FALSE(poll().contains("up{job=node}"));
  host_.advance(60s);
  EXPECT_TRUE(poll().contains("up{job=node}"));
  EXPECT_TRUE(has(body_of(server_->requests()[3]), "query=vector%281%29"));
}

TEST_F(Prometheus, AServerThatSaysWhenToComeAgainIsLeftAloneUntilThen) {
  script({"429 Retry-After: 100\r\n", one_up});
  begin({query({{"expr", "up"}})});
  poll(TSN_RETRY);
  host_.advance(60s);
  poll(TSN_RETRY);
  host_.advance(40s);
  EXPECT_TRUE(poll().contains("up{job=node}"));
  EXPECT_EQ(server_->requests().size(), 2u);
}

TEST_F(Prometheus, WithoutQueriesAPollLooksWhetherTheServerAnswers) {
  script({vector(series("", "1")), "500 x"});
  begin({});
  EXPECT_EQ(poll()["prometheus.up"].value, 1);
  host_.advance(60s);
  EXPECT_EQ(poll(TSN_FAILED)["prometheus.up"].value, 0);
  EXPECT_TRUE(has(body_of(server_->requests()[0]), "query=vector%281%29"));
}

// --- questions of rules ---

TEST_F(Prometheus, AVectorAnswersARuleWithARowForEachLabelSet) {
  const auto answer = answer_of_rule(vector(series(R"("__name__":"up","job":"node")", "1", "1795168790") + "," +
                                            series(R"("__name__":"up","job":"db")", "NaN")));
  ASSERT_EQ(answer.status, TSN_OK) << answer.text;
  ASSERT_EQ(rows_.size(), 2u);
  EXPECT_EQ(rows_[0].labels, (std::map<std::string, std::string>{{"job", "node"}}));
  EXPECT_EQ(rows_[0].value, 1);
  EXPECT_EQ(rows_[0].ts, start_of_test - 10'000'000'000);
  EXPECT_TRUE(std::isnan(rows_[1].value));
  EXPECT_EQ(metric("rule_questions"), 1);
}

TEST_F(Prometheus, AScalarAnswersARuleWithOneRowWithoutLabels) {
  ASSERT_EQ(answer_of_rule(success("scalar", R"([1795168800,"+Inf"])")).status, TSN_OK);
  ASSERT_EQ(rows_.size(), 1u);
  EXPECT_TRUE(rows_[0].labels.empty());
  EXPECT_EQ(rows_[0].value, INFINITY);
}

TEST_F(Prometheus, AMatrixATextAndHistogramsAreNoAnswerForARule) {
  const std::pair<std::string, const char*> cases[] = {
      {matrix({{1, 1}}), "rate()"},
      {success("string", R"([1,"x"])"), "a number is needed"},
      {vector(R"({"metric":{},"histogram":[1,{}]})"), "histogram_quantile()"}};
  for (const auto& [body, text] : cases) {
    const auto answer = answer_of_rule(body);
    EXPECT_EQ(answer.status, TSN_INVALID);
    EXPECT_TRUE(has(answer.text, text)) << answer.text;
  }
}

TEST_F(Prometheus, TooManyRowsAndRowsThatAreTheSameAreRefused) {
  EXPECT_EQ(answer_of_rule(vector(series(R"("a":"1")", "1") + "," + series(R"("a":"2")", "1") + "," +
                                  series(R"("a":"3")", "1") + "," + series(R"("a":"4")", "1")))
                .status,
            TSN_CARDINALITY);
  EXPECT_EQ(
      answer_of_rule(vector(series(R"("__name__":"x","a":"1")", "1") + "," + series(R"("__name__":"y","a":"1")", "1")))
          .status,
      TSN_INVALID);
}

TEST_F(Prometheus, AnOffsetAsksForAnEarlierState) {
  script({one_up});
  begin({});
  instance_->query(Value::table({{"expr", "up"}, {"offset", "1m"}}), rows_);
  EXPECT_TRUE(has(body_of(server_->request()), "time=1795168740.000"));
}

TEST_F(Prometheus, AnEmptyQuestionIsRefusedWithoutAsking) {
  begin({});
  EXPECT_EQ(ask(" \n").status, TSN_INVALID);
}

// --- access ---

TEST_F(Prometheus, WhoAsksIsShownToTheServerAndInNoText) {
  script({"500 you sent Bearer s3cret-token and shop-tenant"});
  begin({}, {{"bearer", "s3cret-token"}, {"headers", Value::table({{"X-Scope-OrgID", "shop-tenant"}})}});
  const auto answer = ask("up");
  EXPECT_FALSE(has(answer.text, "s3cret-token") || has(answer.text, "shop-tenant")) << answer.text;
  const auto request = server_->request();
  EXPECT_TRUE(has(request, "Authorization: Bearer s3cret-token\r\n"));
  EXPECT_TRUE(has(request, "X-Scope-OrgID: shop-tenant\r\n"));
}

TEST_F(Prometheus, BasicAuthenticationIsSent) {
  script({one_up});
  begin({}, {{"username", "ana"}, {"password", "pass"}});
  ask("up");
  EXPECT_TRUE(has(server_->request(), "Authorization: Basic YW5hOnBhc3M=\r\n"));
}

TEST_F(Prometheus, AServerThatTakesNoPostIsAskedByGetFromThenOn) {
  script({"405 no", one_up, one_up});
  begin({});
  EXPECT_EQ(ask("up").status, TSN_OK);
  EXPECT_EQ(ask("up").status, TSN_OK);
  const auto& requests = server_->requests();
  ASSERT_EQ(requests.size(), 3u);
  EXPECT_TRUE(requests[1].starts_with("GET /api/v1/query?query=up&time=")) << requests[1];
  EXPECT_TRUE(requests[2].starts_with("GET ")) << requests[2];
}

TEST_F(Prometheus, TheAddressIsThatBeforeTheApi) {
  script({one_up});
  begin({}, {{"url", server_->url("/prefix/api/v1/")}});
  ask("up");
  EXPECT_TRUE(server_->request().starts_with("POST /prefix/api/v1/query ")) << server_->request();
}

TEST_F(Prometheus, AProbeTellsTheVersionAndWhatEachQueryGives) {
  script({R"(200 {"status":"success","data":{"version":"2.42.0"}})", one_up, "400 bad"});
  begin({query({{"expr", "up"}}), query({{"expr", "bad("}})});
  std::string report;
  EXPECT_EQ(instance_->probe(report).status, TSN_OK);
  EXPECT_TRUE(has(report, "has version 2.42.0\n")) << report;
  EXPECT_TRUE(has(report, "ok: query \"up\": 1 series, 1 samples\n")) << report;
  EXPECT_TRUE(has(report, "error: query \"bad(\": ")) << report;
}

TEST_F(Prometheus, AProbeOfAServerThatTellsNoVersionGoesOn) {
  script({"404 no", one_up});
  begin({});
  std::string report;
  instance_->probe(report);
  EXPECT_TRUE(has(report, "warning: ")) << report;
  EXPECT_TRUE(has(report, "ok: it answers PromQL")) << report;
}

// --- options ---

TEST_F(Prometheus, WrongOptionsAreRefusedWithTheKeyAndTheRemedy) {
  const std::pair<const char*, const char*> urls[] = {{"ftp://x", "http://"},
                                                      {"http://", "no host"},
                                                      {"http://u:hunter2@h", "username"},
                                                      {"http://h/?a=b", "without ?"},
                                                      {"http://h /", "white space"}};
  for (const auto& [url, text] : urls) {
    const auto why = refusal({}, {{"url", url}});
    EXPECT_TRUE(has(why, text)) << why;
    EXPECT_FALSE(has(why, "hunter2"));
  }
  EXPECT_TRUE(has(refusal({}, {{"bearer", "a"}, {"username", "b"}}), "not both"));
  EXPECT_TRUE(has(refusal({}, {{"bearer", "a\nb"}}), "one line"));
  EXPECT_TRUE(has(refusal({}, {{"key_file", "/x"}}), "cert_file"));
  EXPECT_TRUE(has(refusal({}, {{"headers", Value::table({{"A b", "x"}})}}), "headers"));
  EXPECT_TRUE(has(refusal({}, {{"headers", Value::table({{"A", "x\r\nB: y"}})}}), "one line"));
}

TEST_F(Prometheus, WrongQueriesAreRefusedWithTheKeyAndTheRemedy) {
  const auto why = [&](std::initializer_list<std::pair<const char*, Value>> keys) { return refusal({query(keys)}); };
  EXPECT_TRUE(has(why({{"signal", "x"}}), "query 1: expr is missing"));
  EXPECT_TRUE(has(why({{"exrp", "x"}}), "unknown key \"exrp\""));
  EXPECT_TRUE(has(why({{"expr", "x"}, {"range", "5m"}}), "belong together"));
  EXPECT_TRUE(has(why({{"expr", "x"}, {"range", "10s"}, {"step", "15s"}}), "shorter than step"));
  EXPECT_TRUE(has(why({{"expr", "x"}, {"range", "30s"}, {"step", "15s"}}), "shorter than every"));
  EXPECT_TRUE(has(why({{"expr", "x"}, {"range", "7d"}, {"step", "15s"}}), "11000"));
  EXPECT_TRUE(has(why({{"expr", "x"}, {"every", "1s"}}), "fastest query"));
  EXPECT_TRUE(has(why({{"expr", "x"}, {"every", "soon"}}), "expected a duration"));
  EXPECT_TRUE(has(why({{"expr", std::string(200, 'x')}}), "write a name"));
  EXPECT_TRUE(has(why({{"expr", "x"}, {"labels", Value::table({{"__name__", "y"}})}}), "signal"));
  EXPECT_TRUE(has(refusal({query({{"expr", "x"}}), query({{"expr", "x"}})}), "there already"));
  EXPECT_EQ(refusal({query({{"expr", "x"}}), query({{"expr", "x"}, {"name", "y"}})}), "");
}

}  // namespace
