#include <sys/wait.h>
#include <unistd.h>

#include <cmath>
#include <csignal>
#include <cstdio>
#include <map>
#include <random>

#include "storage/store_contract_test.hpp"

namespace tocsin::storage {

using std::chrono::hours;
using std::chrono::seconds;

void StoreContract::fold(model::SignalBatch batch, std::uint64_t position) {
  batch.position = position;
  must(store->append_history({std::make_shared<const model::SignalBatch>(std::move(batch))}));
}

namespace {

constexpr std::int64_t second = 1'000'000'000;
const std::int64_t t0 = 1'700'000'000 * second;

std::size_t count(const std::vector<SeriesSamples>& all) {
  std::size_t n = 0;
  for (const auto& s : all) n += s.samples.size();
  return n;
}
model::Matcher matcher(std::string_view text) {
  return must(model::Matcher::parse(text));
}

TEST_P(StoreContract, FindsSamplesWhileTheyWaitAndAfterTheyAreWritten) {
  fold(batch_of(id("cpu"), 10, t0), 1);
  EXPECT_EQ(count(samples({.name = "cpu"})), 10u);
  EXPECT_EQ(must(store->flush_history()), 1u);
  EXPECT_EQ(count(samples({.name = "cpu"})), 10u);
  fold(batch_of(id("cpu"), 5, t0 + 10 * second, 11), 2);
  const auto found = samples({.name = "cpu"});
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(found[0].key.labels, (model::Labels{{"host", "n1"}}));
  ASSERT_EQ(found[0].samples.size(), 15u);
  for (std::size_t i = 0; i < 15; ++i) {
    EXPECT_EQ(found[0].samples[i].ts, t0 + static_cast<std::int64_t>(i) * second);
    EXPECT_EQ(found[0].samples[i].value, 1.0 + static_cast<double>(i));
  }
  EXPECT_TRUE(found[0].summaries.empty());
}

TEST_P(StoreContract, KeepsEveryAcceptedSignalAlsoAtEqualTimes) {
  auto batch = batch_of(id("etl.run"), 3, t0);
  batch.ts = {t0, t0, t0};
  fold(batch, 1);
  must(store->flush_history());
  fold(batch, 2);
  EXPECT_EQ(count(samples({.name = "etl.run"})), 6u);
}

TEST_P(StoreContract, CountsAPositionOnce) {
  fold(batch_of(id("cpu"), 10), 1);
  fold(batch_of(id("cpu"), 10), 1);
  must(store->flush_history());
  fold(batch_of(id("cpu"), 10), 1);
  EXPECT_EQ(count(samples({.name = "cpu"})), 10u);
}

TEST_P(StoreContract, ContinuesHistoryAfterARestartFromItsPosition) {
  for (std::uint64_t position = 1; position <= 3; ++position) fold(batch_of(id("cpu"), 10), position);
  EXPECT_EQ(must(store->flush_history()), 3u);
  fold(batch_of(id("cpu"), 10), 4);
  reopen();
  EXPECT_EQ(store->history_position(), 3u);
  EXPECT_EQ(series->size(), 1u);
  EXPECT_EQ(count(samples({.name = "cpu"})), 30u);
  for (std::uint64_t position = 2; position <= 4; ++position) fold(batch_of(id("cpu"), 10), position);
  EXPECT_EQ(count(samples({.name = "cpu"})), 40u);
}

TEST_P(StoreContract, BatchesThatOvertakeOthersAreNeitherLostNorDoubled) {
  fold(batch_of(id("cpu"), 10), 1);
  fold(batch_of(id("cpu"), 10), 3);
  EXPECT_EQ(must(store->flush_history()), 1u);
  reopen();
  EXPECT_EQ(store->history_position(), 1u);
  fold(batch_of(id("cpu"), 10), 2);
  fold(batch_of(id("cpu"), 10), 3);
  EXPECT_EQ(must(store->flush_history()), 3u);
  EXPECT_EQ(count(samples({.name = "cpu"})), 30u);
}

TEST_P(StoreContract, BothBoundsOfTheTimeRangeAreInside) {
  fold(batch_of(id("cpu"), 3000, t0), 1);
  must(store->flush_history());
  const SampleQuery q{
      .name = "cpu", .from = base::from_ns(t0 + 1000 * second), .to = base::from_ns(t0 + 1999 * second)};
  const auto found = samples(q);
  ASSERT_EQ(count(found), 1000u);
  EXPECT_EQ(found[0].samples.front().value, 1001);
  EXPECT_EQ(found[0].samples.back().value, 2000);
  EXPECT_EQ(count(samples({.name = "cpu", .from = base::from_ns(t0 + 9999 * second)})), 0u);
}

TEST_P(StoreContract, SelectsSeriesByNamePrefixAndMatchers) {
  fold(batch_of(id("etl.run", {{"loader", "DAILY"}, {"status", "FAILED"}}), 1), 1);
  fold(batch_of(id("etl.run", {{"loader", "HOURLY"}}), 2), 2);
  fold(batch_of(id("etl.rows", {}), 4), 3);
  fold(batch_of(id("cpu", {}), 8), 4);
  for (int flushed = 0; flushed < 2; ++flushed) {
    EXPECT_EQ(count(samples({.name = "etl.run"})), 3u);
    EXPECT_EQ(count(samples({.name = "etl.*"})), 7u);
    EXPECT_EQ(count(samples({})), 15u);
    EXPECT_EQ(count(samples({.name = "etl.run", .matchers = {matcher("loader=\"DAILY\"")}})), 1u);
    EXPECT_EQ(count(samples({.name = "etl.run", .matchers = {matcher("status!=\"FAILED\"")}})), 2u);
    EXPECT_EQ(count(samples({.matchers = {matcher("loader=~\"D.*|H.*\"")}})), 3u);
    EXPECT_EQ(count(samples({.name = "etl"})), 0u);
    must(store->flush_history());
  }
}

TEST_P(StoreContract, SamplesComeInTheOrderOfTime) {
  auto batch = batch_of(id("late"), 4, t0);
  batch.ts = {t0 + 3 * second, t0, t0 + 2 * second, t0 + second};
  fold(batch, 1);
  must(store->flush_history());
  fold(batch_of(id("late"), 1, t0 - second), 2);
  const auto found = samples({.name = "late"});
  ASSERT_EQ(found[0].samples.size(), 5u);
  for (std::size_t i = 1; i < 5; ++i) EXPECT_LT(found[0].samples[i - 1].ts, found[0].samples[i].ts);
}

TEST_P(StoreContract, KeepsSummariesAndCountsAPlainValueAsOne) {
  auto batch = batch_of(id("etl.load", {{"loader", "DAILY"}}), 3, t0);
  batch.value = {std::nan(""), 7, std::nan("")};
  batch.summary = {{5, 1, 9, 3, 15}, {std::nan(""), 0, 0, 0, 0}, {2, 4, 6, 5, 10}};
  fold(batch, 1);
  for (int flushed = 0; flushed < 2; ++flushed) {
    const auto found = samples({.name = "etl.load"});
    ASSERT_EQ(found.size(), 1u);
    ASSERT_EQ(found[0].summaries.size(), 3u);
    EXPECT_EQ(found[0].summaries[0].count, 5);
    EXPECT_EQ(found[0].summaries[0].min, 1);
    EXPECT_EQ(found[0].summaries[0].max, 9);
    EXPECT_EQ(found[0].summaries[0].sum, 15);
    EXPECT_EQ(found[0].samples[0].value, 3);
    EXPECT_EQ(found[0].summaries[1].count, 1);
    EXPECT_EQ(found[0].summaries[1].sum, 7);
    EXPECT_EQ(found[0].summaries[2].avg, 5);
    must(store->flush_history());
  }
}

TEST_P(StoreContract, TheEndOfASeriesIsNoSample) {
  auto batch = batch_of(id("cpu"), 2);
  batch.flags = {model::row_old, model::row_stale};
  fold(batch, 1);
  EXPECT_EQ(count(samples({.name = "cpu"})), 1u);
}

TEST_P(StoreContract, RefusesAQuestionWithTooManySamples) {
  fold(batch_of(id("cpu"), 2000), 1);
  fold(batch_of(id("mem"), 2000), 2);
  for (int flushed = 0; flushed < 2; ++flushed) {
    const auto found = store->samples({.most_samples = 3999});
    ASSERT_FALSE(found);
    EXPECT_EQ(found.error().fault(), base::Fault::exhausted);
    EXPECT_EQ(count(samples({.most_samples = 4000})), 4000u);
    must(store->flush_history());
  }
}

/// What the history API makes of the samples: buckets of five minutes, over several chunks and flushes.
TEST_P(StoreContract, BucketsHoldExactlyWhatWasSent) {
  std::map<std::int64_t, std::pair<int, double>> want, got;
  std::uint64_t position = 0;
  for (int part = 0; part < 25; ++part) {
    auto batch = batch_of(id("cpu"), 100, t0 + part * 100 * 7 * second, part);
    for (std::size_t i = 0; i < batch.rows(); ++i) {
      batch.ts[i] = t0 + (part * 100 + static_cast<std::int64_t>(i)) * 7 * second;
      auto& bucket = want[batch.ts[i] / (300 * second)];
      bucket.first++, bucket.second += batch.value[i];
    }
    fold(std::move(batch), ++position);
    if (part % 4 == 0) must(store->flush_history());
  }
  const auto found = samples({.name = "cpu"});
  for (const Sample& s : found.at(0).samples) {
    auto& bucket = got[s.ts / (300 * second)];
    bucket.first++, bucket.second += s.value;
  }
  EXPECT_EQ(got, want);
}

TEST_P(StoreContract, ListsSeriesWithTheirRangeAndCount) {
  fold(batch_of(id("etl.run", {{"loader", "DAILY"}}), 5, t0), 1);
  must(store->flush_history());
  fold(batch_of(id("etl.run", {{"loader", "DAILY"}}), 5, t0 + 100 * second), 2);
  fold(batch_of(id("cpu"), 1, t0), 3);
  const auto all = must(store->series(""));
  EXPECT_EQ(all.size(), 2u);
  for (const char* pattern : {"etl.run", "etl.*", "{loader=\"DAILY\"}"}) {
    const auto found = must(store->series(pattern));
    ASSERT_EQ(found.size(), 1u) << pattern;
    EXPECT_EQ(found[0].key.name, "etl.run");
    EXPECT_EQ(found[0].samples, 10u);
    EXPECT_EQ(found[0].first, base::from_ns(t0));
    EXPECT_EQ(found[0].last, base::from_ns(t0 + 104 * second));
  }
}

TEST_P(StoreContract, KeepsRejectedSignalsWithTheirReason) {
  std::vector<model::RejectedSignal> rejected;
  for (int i = 0; i < 3; ++i)
    rejected.push_back({now + seconds(i), "source.http", "http", "missing_name", "no name", "n" + std::to_string(i),
                        "DAILY", "{\"a\": 1}", 4});
  must(store->append_rejected(rejected));
  const auto first = must(store->rejected({2, ""}));
  ASSERT_EQ(first.items.size(), 2u);
  EXPECT_EQ(first.items[0].name, "n2");
  EXPECT_EQ(first.items[0].at, now + seconds(2));
  EXPECT_EQ(first.items[0].instance, "source.http");
  EXPECT_EQ(first.items[0].source, "http");
  EXPECT_EQ(first.items[0].error_type, "missing_name");
  EXPECT_EQ(first.items[0].reason, "no name");
  EXPECT_EQ(first.items[0].loader, "DAILY");
  EXPECT_EQ(first.items[0].raw, "{\"a\": 1}");
  EXPECT_EQ(first.items[0].count, 4u);
  const auto second_page = must(store->rejected({2, first.next}));
  ASSERT_EQ(second_page.items.size(), 1u);
  EXPECT_TRUE(second_page.next.empty());
  EXPECT_TRUE(samples({}).empty());
}

TEST_P(StoreContract, ExpiresOldHistoryAndGoesOn) {
  const std::int64_t old = base::to_ns(now - hours(24 * 30));
  fold(batch_of(id("old"), 10, old), 1);
  fold(batch_of(id("cpu"), 10, t0), 2);
  must(store->append_rejected({{now - hours(24 * 30), "i", "s", "e", "r", "n", "l", "raw", 1}}));
  must(store->flush_history());
  must(store->expire(now, {}));
  EXPECT_EQ(count(samples({})), 10u);
  EXPECT_EQ(must(store->series("")).size(), 1u);
  EXPECT_TRUE(must(store->rejected({})).items.empty());
  fold(batch_of(id("old"), 3, t0), 3);
  fold(batch_of(id("cpu"), 3, t0 + 100 * second), 4);
  must(store->flush_history());
  reopen();
  EXPECT_EQ(count(samples({.name = "old"})), 3u);
  EXPECT_EQ(count(samples({.name = "cpu"})), 13u);
}

/// Buckets made of the samples themselves: what the store's must be, to the last digit.
std::vector<Bucket> plain(const SeriesSamples& series, base::Duration width) {
  std::vector<Bucket> out;
  for (std::size_t i = 0; i < series.samples.size(); ++i) {
    if (series.summaries.empty())
      add_sample(out, width, series.samples[i].ts, series.samples[i].value);
    else
      add_sample(out, width, series.samples[i].ts, series.summaries[i]);
  }
  return out;
}
std::string text(const std::vector<Bucket>& buckets) {
  std::string out;
  char line[200];
  for (const Bucket& b : buckets) {
    std::snprintf(line, sizeof line, "%lld: %.17g %.17g %.17g %.17g\n", static_cast<long long>(b.start / second),
                  b.of.count, b.of.min, b.of.max, b.of.total());
    out += line;
  }
  return out;
}
void roll_all(Store& store, base::Time now) {
  while (must(store.roll_up(now))) {
  }
}

/// Series of every kind, in irregular flushes, with late samples and questions of any range and width between them.
TEST_P(StoreContract, BucketsAreThoseOfTheSamplesToTheLastDigit) {
  std::mt19937_64 random(20261127);
  const auto up_to = [&](std::uint64_t n) { return static_cast<std::int64_t>(random() % n); };
  std::uint64_t position = 0;
  std::int64_t clock = t0;
  for (int round = 0; round < 60; ++round) {
    auto batch = batch_of(id("m", {{"host", "n" + std::to_string(round % 3)}}), 1 + up_to(120), clock);
    const bool summaries = round % 3 == 2 && round % 2 == 0;
    for (std::size_t i = 0; i < batch.rows(); ++i) {
      // Now and then hours late; values with decimals, and such that only a careful sum keeps the small ones.
      clock += up_to(90) * second;
      batch.ts[i] = up_to(20) == 0 ? clock - up_to(5 * 3600) * second : clock + up_to(1000) * 1'000'000;
      batch.value[i] =
          up_to(9) == 0 ? 1e12 * static_cast<double>(up_to(3) - 1) : static_cast<double>(up_to(10000)) / 100;
      if (!summaries) continue;
      const double v = batch.value[i];
      batch.summary.push_back({static_cast<double>(1 + up_to(9)), v - 1, v + 1, v, v * 3});
    }
    fold(std::move(batch), ++position);
    if (round % 4 == 1) must(store->flush_history());
    if (round % 5 == 2) roll_all(*store, base::from_ns(clock));
    if (round % 11 == 7) reopen(), position = store->history_position();
    SampleQuery q{.name = "m"};
    if (round % 2) q.from = base::from_ns(t0 + up_to(30 * 3600) * second), q.to = q.from + seconds(up_to(40 * 3600));
    for (const base::Duration width :
         {base::Duration(seconds(60)), base::Duration(seconds(300)), base::Duration(seconds(900)),
          base::Duration(hours(1)), base::Duration(hours(24))}) {
      std::map<std::string, std::string> want, got;
      for (const auto& s : samples(q)) want[std::string(s.key.labels.get("host"))] = text(plain(s, width));
      for (const auto& s : must(store->buckets(q, width))) got[std::string(s.key.labels.get("host"))] = text(s.buckets);
      ASSERT_EQ(got, want) << "round " << round << ", width " << width.count() / second << " s";
    }
  }
}

TEST_P(StoreContract, RollupsOutliveTheSamplesAndGoInTheirTurn) {
  const auto day = hours(24);
  const std::int64_t begin = floor_to(base::to_ns(now), day);
  for (int i = 0; i < 60; ++i)
    fold(batch_of(id("cpu"), 60, begin + i * 60 * second), static_cast<std::uint64_t>(i) + 1);
  must(store->flush_history());
  roll_all(*store, base::from_ns(begin) + day);
  SampleQuery q{.name = "cpu", .from = base::from_ns(begin), .to = base::from_ns(begin) + hours(2)};
  const auto five = base::Duration(seconds(300));
  const auto before = must(store->buckets(q, five)), hour = must(store->buckets(q, hours(1)));
  ASSERT_EQ(before.at(0).buckets.size(), 12u);

  const Retention r{.signals = {.raw = day * 2, .five_minutes = day * 30, .hours = day * 90}, .classes = {}};
  must(store->expire(base::from_ns(begin) + day * 4, r));
  EXPECT_EQ(count(samples({})), 0u);
  const auto after = must(store->buckets(q, five));
  ASSERT_EQ(after.size(), 1u);
  EXPECT_EQ(text(after[0].buckets), text(before[0].buckets));
  q.from += seconds(7), q.to -= seconds(7);
  EXPECT_EQ(text(must(store->buckets(q, five)).at(0).buckets), text(before[0].buckets))
      << "a bound cuts a bucket whose samples are gone: it is given whole";

  must(store->expire(base::from_ns(begin) + day * 60, r));
  EXPECT_TRUE(must(store->buckets(q, five)).empty());
  EXPECT_EQ(text(must(store->buckets(q, hours(1))).at(0).buckets), text(hour.at(0).buckets));
  must(store->expire(base::from_ns(begin) + day * 200, r));
  EXPECT_TRUE(must(store->buckets(q, hours(1))).empty());
}

TEST_P(StoreContract, EachClassOfSeriesIsKeptForItsOwnTime) {
  const auto day = hours(24);
  fold(batch_of(id("cpu"), 10, t0), 1);
  fold(batch_of(id("host.disk"), 20, t0), 2);
  fold(batch_of(id("x", {{"loader", "STATS-PERF"}}), 40, t0), 3);
  must(store->flush_history());
  Retention r{.signals = {.raw = day}, .classes = {}};
  r.classes.push_back({must(model::Selector::parse("host.*")), {.raw = day * 10}});
  r.classes.push_back({must(model::Selector::parse("{loader=~\"STATS-.*\"}")), {.raw = day * 30}});
  const auto left = [&](int days) {
    must(store->expire(base::from_ns(t0) + day * days, r));
    return count(samples({}));
  };
  EXPECT_EQ(left(0), 70u);
  EXPECT_EQ(left(3), 60u);
  EXPECT_EQ(left(12), 40u);
  EXPECT_EQ(left(32), 0u);
}

TEST_P(StoreContract, RefusesBucketsOfTooManySamples) {
  fold(batch_of(id("cpu"), 2000), 1);
  const auto refused = store->buckets({.most_samples = 1999}, seconds(60));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().fault(), base::Fault::exhausted);
  EXPECT_EQ(must(store->buckets({.most_samples = 2000}, seconds(60))).size(), 1u);
}

/// The child folds and flushes until it is killed; the parent reads the journal again from the stored position.
TEST_P(StoreContract, AKillDuringFoldingNeitherLosesNorDoublesASample) {
  constexpr std::uint64_t batches = 400;
  const auto batch = [](model::SeriesTable& table, std::uint64_t position) {
    return batch_of(table.intern({"cpu", {{"host", "n" + std::to_string(position % 3)}}}), 40,
                    t0 + static_cast<std::int64_t>(position) * 40 * second);
  };
  std::uint64_t known = 0;
  for (int round = 0; round < 3; ++round) {
    close();
    int ends[2];
    ASSERT_EQ(::pipe(ends), 0);
    const pid_t child = ::fork();
    if (child == 0) {
      open();
      for (std::uint64_t p = store->history_position() + 1; p <= batches; ++p) {
        fold(batch(*series, p), p);
        if (p % 7 != 0) continue;
        const std::uint64_t through = store->flush_history().value_or(0);
        if (::write(ends[1], &through, sizeof through) != sizeof through) ::_exit(1);
      }
      for (;;) ::pause();
    }
    ::close(ends[1]);
    std::uint64_t through = 0;
    for (int flushes = 0; flushes < 5 && ::read(ends[0], &through, sizeof through) == sizeof through; ++flushes)
      known = through;
    ::kill(child, SIGKILL);
    ::waitpid(child, nullptr, 0);
    ::close(ends[0]);
    open();
    EXPECT_GE(store->history_position(), known);
  }
  EXPECT_GT(known, 0u);
  for (std::uint64_t p = store->history_position() + 1; p <= batches; ++p) fold(batch(*series, p), p);
  const auto found = samples({.name = "cpu"});
  EXPECT_EQ(found.size(), 3u);
  EXPECT_EQ(count(found), batches * 40);
}

}  // namespace
}  // namespace tocsin::storage
