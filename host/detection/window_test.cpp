#include "detection/window.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <random>

namespace tocsin::detection {
namespace {

using model::Aggregate;

constexpr std::int64_t sec = 1'000'000'000;
constexpr std::int64_t look_back = 300 * sec;

struct Event {
  std::int64_t ts;
  double value;
  std::uint32_t series;
};

double per_series(std::vector<Event> in, Aggregate aggregate) {
  std::map<std::uint32_t, std::vector<Event>> by_series;
  for (const Event& e : in) by_series[e.series].push_back(e);
  double sum = 0;
  bool any = false;
  for (const auto& [series, list] : by_series) {
    if (list.size() < 2) continue;
    if (aggregate == Aggregate::delta) {
      sum += list.back().value - list.front().value;
      any = true;
      continue;
    }
    if (list.back().ts == list.front().ts) continue;
    double increase = 0;
    for (std::size_t i = 1; i < list.size(); ++i)
      increase += list[i].value < list[i - 1].value ? list[i].value : list[i].value - list[i - 1].value;
    sum += increase / (static_cast<double>(list.back().ts - list.front().ts) / 1e9);
    any = true;
  }
  return any ? sum : no_value;
}

double quantile(std::vector<double> values, double q) {
  std::sort(values.begin(), values.end());
  const double rank = q * static_cast<double>(values.size() - 1);
  const auto low = static_cast<std::size_t>(rank);
  const std::size_t high = std::min(low + 1, values.size() - 1);
  return values[low] + (rank - static_cast<double>(low)) * (values[high] - values[low]);
}

/// The definition, from all events ever: slow and plain.
double recompute(const std::vector<Event>& all, const ColumnPlan& column, std::int64_t t) {
  std::vector<Event> in;
  for (const Event& e : all)
    if (e.ts > t - column.offset - column.over && e.ts <= t - column.offset) in.push_back(e);
  std::stable_sort(in.begin(), in.end(), [](const Event& a, const Event& b) { return a.ts < b.ts; });
  if (column.aggregate == Aggregate::count) return static_cast<double>(in.size());
  if (in.empty()) return no_value;
  std::vector<double> values;
  double sum = 0, squares = 0;
  for (const Event& e : in) values.push_back(e.value), sum += e.value;
  const double mean = sum / static_cast<double>(in.size());
  for (const double v : values) squares += (v - mean) * (v - mean);
  switch (column.aggregate) {
    case Aggregate::last:
      return in.back().value;
    case Aggregate::avg:
      return mean;
    case Aggregate::sum:
      return sum;
    case Aggregate::min:
      return *std::min_element(values.begin(), values.end());
    case Aggregate::max:
      return *std::max_element(values.begin(), values.end());
    case Aggregate::rate:
    case Aggregate::delta:
      return per_series(in, column.aggregate);
    case Aggregate::stddev:
      return std::sqrt(squares / static_cast<double>(in.size()));
    case Aggregate::p50:
      return quantile(values, 0.5);
    case Aggregate::p90:
      return quantile(values, 0.9);
    case Aggregate::p95:
      return quantile(values, 0.95);
    case Aggregate::p99:
      return quantile(values, 0.99);
    case Aggregate::last_seen:
      return static_cast<double>(in.back().ts) / 1e9;
    case Aggregate::count:
      break;
  }
  return no_value;
}

bool same(double a, double b) {
  if (std::isnan(a) || std::isnan(b)) return std::isnan(a) && std::isnan(b);
  return std::abs(a - b) <= 1e-9 * std::max({1.0, std::abs(a), std::abs(b)});
}

class Aggregates : public testing::TestWithParam<int> {};

TEST_P(Aggregates, EqualTheirDefinitionOverAnyDataOutOfOrderIncluded) {
  std::mt19937_64 random(static_cast<std::uint64_t>(GetParam()));
  WindowPlan plan;
  plan.look_back = look_back;
  for (int a = 0; a <= static_cast<int>(Aggregate::last_seen); ++a) {
    const auto aggregate = static_cast<Aggregate>(a);
    plan.add(aggregate, 60 * sec, 0, static_cast<std::uint32_t>(plan.columns.size()));
    plan.add(aggregate, 20 * sec, 0, static_cast<std::uint32_t>(plan.columns.size()));
    plan.add(aggregate, 30 * sec, 45 * sec, static_cast<std::uint32_t>(plan.columns.size()));
  }
  plan.settle();
  Window window;
  std::vector<Event> all;
  std::vector<double> cells(plan.columns.size());
  std::int64_t clock = 1000 * sec, t = 0;
  for (int i = 0; i < 1500; ++i) {
    clock += static_cast<std::int64_t>(random() % 100 == 0 ? 90 * sec : random() % (2 * sec));
    const bool late = random() % 4 == 0;
    std::int64_t ts = late ? clock - static_cast<std::int64_t>(random() % (130 * sec)) : clock;
    if (random() % 3 == 0) ts = ts / sec * sec;
    const double value = random() % 10 == 0 ? 1e9 : static_cast<double>(random() % 1000) / 8;
    const Event event{ts, value, static_cast<std::uint32_t>(random() % 3)};
    all.push_back(event);
    window.add(plan, event.ts, event.value, event.series, nullptr);
    if (random() % 5 == 0) continue;
    t = std::max(t, ts) + (random() % 7 == 0 ? static_cast<std::int64_t>(random() % (5 * sec)) : 0);
    clock = std::max(clock, t);
    window.read(plan, t, cells.data());
    for (const ColumnPlan& column : plan.columns) {
      const double want = recompute(all, column, t);
      ASSERT_TRUE(same(cells[column.cell], want))
          << model::to_string(column.aggregate) << " over " << column.over / sec << " offset " << column.offset / sec
          << " step " << i << ": " << cells[column.cell] << " not " << want;
      ASSERT_TRUE(same(window.scan(column, look_back, t), want)) << "scan of " << model::to_string(column.aggregate);
    }
  }
}
INSTANTIATE_TEST_SUITE_P(Window, Aggregates, testing::Range(1, 5));

WindowPlan plan_of(Aggregate aggregate, std::int64_t over) {
  WindowPlan plan;
  plan.look_back = look_back;
  plan.add(aggregate, over, 0, 0);
  plan.settle();
  return plan;
}

double read(Window& window, const WindowPlan& plan, std::int64_t t) {
  double cell = no_value;
  window.read(plan, t, &cell);
  return cell;
}

TEST(Window, KeepsNoSamplesWhereOnlyTheNewestIsAskedFor) {
  const WindowPlan plan = plan_of(Aggregate::last, 0);
  Window window;
  window.add(plan, 1 * sec, 5, 0, nullptr);
  EXPECT_TRUE(window.empty());
  EXPECT_EQ(read(window, plan, 1 * sec), 5);
}

TEST(Window, TheNewestValueGoesAfterTheLookBack) {
  const WindowPlan plan = plan_of(Aggregate::last, 0);
  Window window;
  window.add(plan, 1 * sec, 5, 0, nullptr);
  EXPECT_EQ(read(window, plan, 300 * sec), 5);
  EXPECT_TRUE(std::isnan(read(window, plan, 301 * sec)));
  EXPECT_EQ(window.due(plan), 301 * sec);
}

TEST(Window, FallsBackToAnotherSeriesWhenTheNewestEnds) {
  const WindowPlan plan = plan_of(Aggregate::last, 0);
  Window window;
  window.add(plan, 1 * sec, 5, 0, nullptr);
  window.add(plan, 2 * sec, 6, 1, nullptr);
  window.end_series(1, 3 * sec);
  EXPECT_EQ(read(window, plan, 3 * sec), 5);
  EXPECT_FALSE(window.ended());
  window.end_series(0, 4 * sec);
  EXPECT_TRUE(window.ended());
}

TEST(Window, ASeriesThatComesAgainLivesAgain) {
  const WindowPlan plan = plan_of(Aggregate::last, 0);
  Window window;
  window.add(plan, 1 * sec, 5, 0, nullptr);
  window.end_series(0, 2 * sec);
  window.add(plan, 1 * sec + 1, 7, 0, nullptr);
  EXPECT_TRUE(window.ended());
  window.add(plan, 3 * sec, 8, 0, nullptr);
  EXPECT_EQ(read(window, plan, 3 * sec), 8);
}

TEST(Window, SummariesCountOnceAndWeighByTheirCount) {
  const model::Summary summary{10, 1, 9, 4, 40};
  Window window;
  WindowPlan plan;
  plan.look_back = look_back;
  const Aggregate asked[] = {Aggregate::count, Aggregate::sum, Aggregate::avg,
                             Aggregate::min,   Aggregate::max, Aggregate::p99};
  for (std::uint32_t i = 0; i < 6; ++i) plan.add(asked[i], 60 * sec, 0, i);
  plan.settle();
  window.add(plan, 1 * sec, 26, 0, nullptr);
  window.add(plan, 2 * sec, summary.avg, 0, &summary);
  double cells[6];
  window.read(plan, 2 * sec, cells);
  EXPECT_EQ(cells[0], 2);
  EXPECT_EQ(cells[1], 66);
  EXPECT_EQ(cells[2], 6);
  EXPECT_EQ(cells[3], 1);
  EXPECT_EQ(cells[4], 26);
  EXPECT_TRUE(std::isnan(cells[5]));
}

TEST(Window, RateSeesACounterStartAnew) {
  const WindowPlan plan = plan_of(Aggregate::rate, 60 * sec);
  Window window;
  window.add(plan, 10 * sec, 100, 0, nullptr);
  window.add(plan, 20 * sec, 150, 0, nullptr);
  window.add(plan, 30 * sec, 10, 0, nullptr);
  EXPECT_EQ(read(window, plan, 30 * sec), 3);
}

TEST(Window, StaysSmallWhenNobodyReadsIt) {
  const WindowPlan plan = plan_of(Aggregate::count, 10 * sec);
  Window window;
  for (int i = 0; i < 100'000; ++i) window.add(plan, i * sec, 1, 0, nullptr);
  EXPECT_GT(window.oldest_sample(), 99'000 * sec);
  EXPECT_EQ(read(window, plan, 99'999 * sec), 10);
}

TEST(Window, LateSignalsOutsideEveryWindowAreNotKept) {
  const WindowPlan plan = plan_of(Aggregate::count, 10 * sec);
  Window window;
  window.add(plan, 100 * sec, 1, 0, nullptr);
  read(window, plan, 100 * sec);
  window.add(plan, 90 * sec, 1, 0, nullptr);
  EXPECT_EQ(window.oldest_sample(), 100 * sec);
}

}  // namespace
}  // namespace tocsin::detection
