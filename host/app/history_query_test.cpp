#include "app/history_query.hpp"

#include <gtest/gtest.h>

#include <cmath>

namespace tocsin::app {
namespace {

constexpr std::int64_t second = 1'000'000'000;

storage::SeriesSamples series(std::initializer_list<std::pair<int, double>> at_seconds) {
  storage::SeriesSamples made;
  for (const auto& [at, value] : at_seconds) made.samples.push_back({at * second, value});
  return made;
}

TEST(HistoryQuery, AlignsBucketsToMultiplesOfTheirLength) {
  const auto points = aggregate(series({{61, 1}, {119, 3}, {120, 5}}), "avg", std::chrono::minutes(1));
  ASSERT_TRUE(points);
  ASSERT_EQ(points->size(), 2u);
  EXPECT_EQ((*points)[0].timestamp, 60);
  EXPECT_EQ((*points)[0].value, 2);
  EXPECT_EQ((*points)[1].timestamp, 120);
}

TEST(HistoryQuery, GivesEveryAggregateOfTheSpec) {
  const auto samples = series({{0, 4}, {1, 1}, {2, 3}, {3, 2}});
  const std::pair<const char*, double> expected[] = {{"avg", 2.5}, {"sum", 10},  {"min", 1},    {"max", 4},
                                                     {"count", 4}, {"p50", 2.5}, {"p95", 3.85}, {"p99", 3.97}};
  for (const auto& [name, value] : expected) {
    const auto points = aggregate(samples, name, std::chrono::minutes(1));
    ASSERT_TRUE(points && points->size() == 1) << name;
    EXPECT_NEAR(points->front().value, value, 1e-9) << name;
  }
}

TEST(HistoryQuery, WeighsSummariesByTheirCount) {
  auto samples = series({{0, std::nan("")}, {1, 10}});
  samples.summaries = {{9, 0, 2, 1, 9}, {std::nan(""), 0, 0, 0, 0}};
  const auto points = aggregate(samples, "avg", std::chrono::minutes(1));
  ASSERT_TRUE(points);
  EXPECT_DOUBLE_EQ(points->front().value, 1.9);
}

TEST(HistoryQuery, NamesTheValidAggregationsWhenRefusingAnother) {
  const auto refused = aggregate(series({{0, 1}}), "mean", std::chrono::minutes(1));
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().message().find("avg"), std::string::npos);
}

TEST(HistoryQuery, KeepsPeaksWhenDownsampling) {
  std::vector<api::Point> points;
  for (int i = 0; i < 10'000; ++i) points.push_back({static_cast<double>(i), i == 4321 ? 100.0 : std::sin(i * 0.01)});
  const auto kept = downsample(points, 200);
  ASSERT_EQ(kept.size(), 200u);
  EXPECT_EQ(kept.front().timestamp, 0);
  EXPECT_EQ(kept.back().timestamp, 9999);
  EXPECT_TRUE(std::any_of(kept.begin(), kept.end(), [](const auto& p) { return p.value == 100.0; }));
}

TEST(HistoryQuery, AnAnswerOfManySeriesIsBounded) {
  EXPECT_EQ(points_each(10'000, 1), 10'000u);
  EXPECT_EQ(points_each(10'000, 100), 10'000u);
  EXPECT_EQ(points_each(10'000, 1000), 1000u);
  EXPECT_EQ(points_each(10'000, 10'000'000), 1u);
}

TEST(HistoryQuery, BucketsOfAStoreGiveThePointsOfItsSamples) {
  const auto samples = series({{0, 4}, {299, 1}, {300, 3}, {900, 2}});
  std::vector<storage::Bucket> stored;
  for (const auto& s : samples.samples) storage::add_sample(stored, std::chrono::minutes(5), s.ts, s.value);
  for (const char* aggregation : {"avg", "sum", "min", "max", "count"}) {
    ASSERT_TRUE(adds_up(aggregation));
    const auto points = points_of(stored, aggregation),
               want = *aggregate(samples, aggregation, std::chrono::minutes(5));
    ASSERT_EQ(points.size(), 3u);
    for (std::size_t i = 0; i < 3; ++i) {
      EXPECT_EQ(points[i].timestamp, want[i].timestamp);
      EXPECT_EQ(points[i].value, want[i].value);
    }
  }
  for (const char* aggregation : {"raw", "p50", "p99"}) EXPECT_FALSE(adds_up(aggregation));
}

TEST(HistoryQuery, LeavesFewPointsAlone) {
  EXPECT_EQ(downsample({{1, 1}, {2, 2}}, 10).size(), 2u);
}

}  // namespace
}  // namespace tocsin::app
