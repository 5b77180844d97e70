// Data points to rows.
#include <cmath>
#include <thread>

#include "distribution.hpp"
#include "otlp_fixture.hpp"

namespace {

using namespace otlp_test;
using tsn::Value;

const std::string path = "/v1/metrics";

std::string gauge(const std::string& name, const std::string& points) {
  return sub(2, sub(1, name) + sub(5, points));
}
std::string sum(const std::string& name, int temporality, const std::string& points) {
  return sub(2, sub(1, name) + sub(7, points + num(2, static_cast<std::uint64_t>(temporality)) + num(3, 1)));
}
std::string number(double value, std::int64_t start, std::int64_t time, const std::string& more = {}) {
  return sub(1, times(start, time) + real(4, value) + more);
}
std::string packed(const std::vector<std::uint64_t>& values) {
  std::string out;
  for (const auto value : values) out.append(reinterpret_cast<const char*>(&value), 8);
  return out;
}
std::string packed(const std::vector<double>& values) {
  std::string out;
  for (const auto value : values) out.append(reinterpret_cast<const char*>(&value), 8);
  return out;
}
std::string histogram(int temporality, std::int64_t start, std::int64_t time, double total,
                      const std::vector<std::uint64_t>& counts, const std::string& more = {}) {
  std::uint64_t count = 0;
  for (const auto each : counts) count += each;
  return sub(2, sub(1, "http.server.request.duration") +
                    sub(9, sub(1, times(start, time) + fix(4, count) + real(5, total) + sub(6, packed(counts)) +
                                      sub(7, packed(std::vector<double>{0.1, 0.5, 1})) + more) +
                               num(2, static_cast<std::uint64_t>(temporality))));
}

class OtlpMetrics : public Source {
 protected:
  void take(const std::string& metrics, const std::string& service = "shop") {
    const auto answer = post(path, request(service, metrics));
    EXPECT_EQ(answer.response.status, 200u);
    EXPECT_EQ(answer.response.body, "");
  }
};

TEST_F(OtlpMetrics, TakesAGaugeUnderItsNameWithItsAttributesAndItsResources) {
  take(gauge("queue.depth",
             number(7, 0, at, attribute(7, "http.route", "/pay") + sub(7, sub(1, "code") + sub(2, num(3, 200))))));
  const auto got = row("queue.depth");
  EXPECT_EQ(got.value, 7);
  EXPECT_EQ(got.ts, at);
  EXPECT_EQ(got.labels,
            (std::map<std::string, std::string>{{"http_route", "/pay"}, {"code", "200"}, {"service", "shop"}}));
}

TEST_F(OtlpMetrics, TakesIntegersAndFieldsInAnyOrder) {
  const auto metric = sub(2, sub(5, sub(1, fix(6, static_cast<std::uint64_t>(-3)) + fix(3, at))) + sub(1, "late.name"));
  const auto answer = post(path, sub(1, sub(2, metric) + resource("behind")));
  EXPECT_EQ(answer.response.status, 200u);
  EXPECT_EQ(row("late.name").value, -3);
  EXPECT_EQ(row("late.name").label("service"), "behind");
}

TEST_F(OtlpMetrics, LeavesOutWhatIsNotAllowedOfAResource) {
  const auto body = sub(1, sub(1, attribute(1, "k8s.pod.name", "p1") + attribute(1, "process.pid", "77") +
                                      attribute(1, "host.name", "h")) +
                               sub(2, gauge("g", number(1, 0, at))));
  post(path, body);
  EXPECT_EQ(row("g").labels, (std::map<std::string, std::string>{{"k8s_pod_name", "p1"}, {"host_name", "h"}}));
}

TEST_F(OtlpMetrics, TakesLabelsByTheOptions) {
  config_.set("resource_labels", Value::array({"service.name=app"})).set("drop_attributes", Value::array({"user.*"}));
  take(gauge("g", number(1, 0, at, attribute(7, "user.id", "9") + attribute(7, "zone", "a"))));
  EXPECT_EQ(row("g").labels, (std::map<std::string, std::string>{{"app", "shop"}, {"zone", "a"}}));
}

TEST_F(OtlpMetrics, TellsCumulativeSumsAsTheyStand) {
  take(sum("requests", 2, number(10, at - second, at)));
  take(sum("requests", 2, number(15, at - second, at + second)));
  EXPECT_EQ(count("requests"), 2u);
  EXPECT_EQ(row("requests", 1).value, 15);
}

TEST_F(OtlpMetrics, AddsDeltasUpToACounterThatBeginsWithZero) {
  take(sum("requests", 1, number(10, at - second, at)));
  take(sum("requests", 1, number(5, at, at + second)));
  ASSERT_EQ(count("requests"), 3u);
  EXPECT_EQ(row("requests", 0).value, 0);
  EXPECT_EQ(row("requests", 0).ts, at - second + 1);
  EXPECT_EQ(row("requests", 1).value, 10);
  EXPECT_EQ(row("requests", 2).value, 15);
}

TEST_F(OtlpMetrics, CountsADeltaOnceThatComesAgain) {
  const auto metric = sum("requests", 1, number(10, at - second, at));
  take(metric);
  take(metric);
  EXPECT_EQ(count("requests"), 2u);
  EXPECT_EQ(host_.metrics().at("points_repeated"), 1);
}

TEST_F(OtlpMetrics, CountsNoDeltaThatTheAgentDidNotTake) {
  const auto metric = sum("requests", 1, number(10, at - second, at));
  host_.refuse_submits(1);
  EXPECT_EQ(post(path, request("shop", metric)).response.status, 503u);
  take(metric);
  EXPECT_EQ(row("requests", 1).value, 10);
}

TEST_F(OtlpMetrics, AddsUpDeltasOfOneBodyThatBecameOneSeries) {
  config_.set("drop_attributes", Value::array({"user"}));
  take(sum(
      "requests", 1,
      number(10, at - second, at, attribute(7, "user", "a")) + number(7, at - second, at, attribute(7, "user", "b"))));
  EXPECT_EQ(row("requests", 2).value, 17);
}

TEST_F(OtlpMetrics, AddsUpDeltasThatBecameOneSeriesAlsoFromSeveralBodies) {
  config_.set("drop_attributes", Value::array({"user"}));
  take(sum("requests", 1, number(10, at - second, at, attribute(7, "user", "a"))));
  take(sum("requests", 1, number(7, at - second, at, attribute(7, "user", "b"))));
  EXPECT_EQ(row("requests", 2).value, 17);
}

TEST_F(OtlpMetrics, AddsUpWhatManyThreadsSendAtATime) {
  post(path, "");
  std::vector<std::thread> threads;
  for (int t = 0; t < 8; ++t)
    threads.emplace_back([&, t] {
      for (int i = 0; i < 20; ++i) take(sum("requests", 1, number(1, 0, at + (t * 20 + i))));
    });
  for (auto& thread : threads) thread.join();
  double most = 0;
  for (const auto& each : host_.rows()) most = std::max(most, each.value);
  EXPECT_EQ(most, 160);
  EXPECT_EQ(host_.rows().size(), 160u);
}

TEST_F(OtlpMetrics, TakesNoAttributeForTheAgentsOwnLabels) {
  take(gauge("g", number(1, 0, at, attribute(7, "__name__", "x") + attribute(7, "1st", "y"))));
  EXPECT_EQ(row("g").labels,
            (std::map<std::string, std::string>{{"attribute__name__", "x"}, {"_1st", "y"}, {"service", "shop"}}));
}

TEST_F(OtlpMetrics, MakesASummaryCountersAndQuantilesOfADeltaHistogram) {
  take(histogram(1, at - second, at, 4, {0, 10, 0, 0}, real(11, 0.2) + real(12, 0.45)));
  const std::string name = "http.server.request.duration";
  ASSERT_TRUE(row(name).summary);
  EXPECT_EQ(row(name).summary->count, 10);
  EXPECT_EQ(row(name).summary->min, 0.2);
  EXPECT_EQ(row(name).summary->max, 0.45);
  EXPECT_DOUBLE_EQ(row(name).summary->avg, 0.4);
  EXPECT_EQ(row(name + ".count").value, 10);
  EXPECT_EQ(row(name + ".sum").value, 4);
  EXPECT_DOUBLE_EQ(row(name + ".p50").value, 0.3);
  EXPECT_DOUBLE_EQ(row(name + ".p99").value, 0.45) << "never beyond the point's own max";
  take(histogram(1, at, at + second, 1, {2, 0, 0, 0}));
  EXPECT_EQ(row(name + ".count", 1).value, 12);
}

TEST_F(OtlpMetrics, TakesTheDifferenceOfCumulativeHistograms) {
  const std::string name = "http.server.request.duration";
  take(histogram(2, at - 3600 * second, at, 5000, {10'000, 0, 0, 0}));
  EXPECT_EQ(count(name), 0u) << "what was counted before the agent listened is not of now";
  EXPECT_EQ(row(name + ".count").value, 10'000);
  take(histogram(2, at - 3600 * second, at + second, 5007.5, {10'000, 0, 10, 0}));
  ASSERT_EQ(count(name), 1u);
  EXPECT_EQ(row(name).summary->count, 10);
  EXPECT_DOUBLE_EQ(row(name).summary->avg, 0.75);
  EXPECT_EQ(row(name).summary->min, 0.5);
  EXPECT_EQ(row(name).summary->max, 1);
  EXPECT_DOUBLE_EQ(row(name + ".p50").value, 0.75);
}

TEST_F(OtlpMetrics, TakesACumulativeHistogramWholeThatBeganAnewOrWhileItListened) {
  const std::string name = "http.server.request.duration";
  post(path, "");
  host_.advance(std::chrono::seconds(60));
  const auto now = host_.now();
  take(histogram(2, now - second, now, 3, {0, 0, 4, 0}));
  EXPECT_EQ(row(name).summary->count, 4);
  take(histogram(2, now + second, now + 2 * second, 1, {0, 0, 2, 0}));
  EXPECT_EQ(row(name, 1).summary->count, 2);
}

TEST_F(OtlpMetrics, TakesALatePointForNoNewBeginning) {
  const std::string name = "http.server.request.duration";
  const auto begun = at - 3600 * second;
  take(histogram(2, begun, at + 2 * second, 50, {0, 100, 0, 0}));
  take(histogram(2, begun, at + second, 45, {0, 90, 0, 0}));
  take(histogram(2, begun - second, at + 3 * second, 450, {0, 900, 0, 0}));
  EXPECT_EQ(count(name), 0u);
  EXPECT_EQ(host_.metrics().at("points_older"), 2);
  take(histogram(2, begun, at + 4 * second, 55, {0, 110, 0, 0}));
  EXPECT_EQ(row(name).summary->count, 10);
}

TEST_F(OtlpMetrics, RefusesASeriesOfTooManyLabels) {
  std::string many;
  for (int i = 0; i < 65; ++i) many += attribute(7, "a" + std::to_string(i), "x");
  const auto answer = post(path, request("shop", gauge("g", number(1, 0, at, many))));
  EXPECT_NE(answer.response.body.find("more than 64"), std::string::npos);
  EXPECT_TRUE(host_.rows().empty());
}

std::string exponential(int temporality, std::int64_t time, int scale, std::uint64_t total, double sum_of,
                        std::int64_t offset, const std::vector<std::uint64_t>& counts) {
  std::string side = zigzag(1, offset);
  std::string numbers;
  for (const auto each : counts) tocsin_plugins::protobuf::put_varint(numbers, each);
  side += sub(2, numbers);
  return sub(2, sub(1, "latency") + sub(10, sub(1, times(at - 3600 * second, time) + fix(4, total) + real(5, sum_of) +
                                                       zigzag(6, scale) + sub(8, side)) +
                                                num(2, static_cast<std::uint64_t>(temporality))));
}

TEST_F(OtlpMetrics, ReadsExponentialBuckets) {
  take(exponential(1, at, 0, 4, 10, 1, {4}));  // (2, 4]
  EXPECT_EQ(row("latency").summary->min, 2);
  EXPECT_EQ(row("latency").summary->max, 4);
  EXPECT_DOUBLE_EQ(row("latency.p50").value, 3);
}

TEST_F(OtlpMetrics, ComparesExponentialBucketsOfACoarserScale) {
  take(exponential(2, at, 1, 4, 10, 2, {2, 2}));  // both halves of (2, 4]
  take(exponential(2, at + second, 0, 9, 25, 1, {4, 5}));
  EXPECT_EQ(row("latency").summary->count, 5);
  EXPECT_EQ(row("latency").summary->min, 3) << "the average is below the bucket, which a sum of the sender's can be";
  EXPECT_EQ(row("latency").summary->max, 8);
}

TEST_F(OtlpMetrics, TellsASummaryByItsQuantiles) {
  const auto quantile = [](double q, double value) { return sub(6, real(1, q) + real(2, value)); };
  take(sub(2, sub(1, "gc") + sub(11, sub(1, times(0, at) + fix(4, 5) + real(5, 9) + quantile(0, 1) + quantile(0.5, 2) +
                                                quantile(0.999, 3) + quantile(1, 4)))));
  EXPECT_EQ(row("gc.count").value, 5);
  EXPECT_EQ(row("gc.sum").value, 9);
  EXPECT_EQ(row("gc.min").value, 1);
  EXPECT_EQ(row("gc.p50").value, 2);
  EXPECT_EQ(row("gc.p99.9").value, 3);
  EXPECT_EQ(row("gc.max").value, 4);
}

TEST_F(OtlpMetrics, EndsASeriesThatHasNoValueAnyMore) {
  take(gauge("g", sub(1, times(0, at) + num(8, 1))));
  EXPECT_EQ(row("g").flags, TSN_ROW_STALE);
}

TEST_F(OtlpMetrics, SaysWhatItDidNotTakeAndTakesTheRest) {
  const auto bad = gauge("nan", number(NAN, 0, at)) + gauge("", number(1, 0, at)) +
                   gauge("none", sub(1, times(0, at))) + gauge("old", number(1, 0, INT64_MIN)) +
                   sub(2, sub(1, "untyped"));
  const auto answer = post(path, request("shop", bad + gauge("good", number(1, 0, at))));
  EXPECT_EQ(answer.response.status, 200u);
  EXPECT_EQ(answer.response.body, sub(1, num(1, 4) + sub(2, "a value is no finite number")));
  EXPECT_EQ(host_.rows().size(), 1u);
  EXPECT_EQ(host_.metrics().at("points_refused"), 4);
  ASSERT_EQ(host_.rejected().size(), 1u);
  EXPECT_EQ(host_.rejected()[0].count, 4u);
}

TEST_F(OtlpMetrics, RefusesBucketsThatCannotBe) {
  for (const auto& counts : {std::vector<std::uint64_t>{1, 2}, std::vector<std::uint64_t>(2000, 1)}) {
    const auto answer = post(path, request("shop", histogram(1, at - second, at, 4, counts)));
    EXPECT_NE(answer.response.body, "");
  }
  EXPECT_NE(post(path, request("shop", exponential(1, at, 99, 4, 10, 1, {4}))).response.body, "");
  EXPECT_TRUE(host_.rows().empty());
}

TEST_F(OtlpMetrics, TakesNoMoreSeriesThanThereMayBe) {
  host_.max_series = 2;
  const auto answer = post(path, request("shop", gauge("a", number(1, 0, at)) + gauge("b", number(1, 0, at)) +
                                                     gauge("c", number(1, 0, at)) + gauge("a", number(2, 0, at + 1))));
  EXPECT_TRUE(answer.response.body.starts_with(std::string("\x0a")));
  EXPECT_EQ(host_.rows().size(), 3u);
  EXPECT_EQ(host_.rejected().at(0).error_type, "cardinality");
}

TEST_F(OtlpMetrics, TakesTextsThatAreNoUtf8) {
  take(gauge("g\xff", number(1, 0, at, attribute(7, "k\xfe", std::string("v\0\xff", 3)))));
  EXPECT_EQ(row("g\xef\xbf\xbd").label("k_"), "v\xef\xbf\xbd\xef\xbf\xbd");
}

TEST(Distribution, HasQuantilesWithinItsBuckets) {
  using namespace tocsin_plugins::otlp;
  const Bucket buckets[] = {{0, 1, 50}, {1, 2, 50}};
  EXPECT_DOUBLE_EQ(*quantile(buckets, 0.5), 1);
  EXPECT_DOUBLE_EQ(*quantile(buckets, 0.75), 1.5);
  EXPECT_FALSE(quantile({}, 0.5));
}

TEST(Distribution, PutsNegativeValuesBeforeZeroAndPositiveOnesBehind) {
  using namespace tocsin_plugins::otlp;
  Distribution of;
  of.zero_count = 1;
  of.positive = {0, {2}};
  of.negative = {0, {3, 4}};
  const auto buckets = buckets_of(of);
  ASSERT_EQ(buckets.size(), 4u);
  EXPECT_EQ(buckets[0].lower, -4);
  EXPECT_EQ(buckets[1].lower, -2);
  EXPECT_EQ(buckets[2].upper, 0);
  EXPECT_EQ(buckets[3].upper, 2);
}

}  // namespace
