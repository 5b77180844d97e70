#include "app/signal_tail.hpp"

#include <gtest/gtest.h>

#include <filesystem>

namespace tocsin::app {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

class Tail : public testing::Test {
 protected:
  Tail() : directory_(fs::temp_directory_path() / ("tocsin-tail-" + std::to_string(::getpid()))) {
    fs::remove_all(directory_);
    storage::Journal::Settings settings;
    settings.directory = directory_;
    journal_ = *storage::Journal::open(settings, series_);
    tail_ = std::make_unique<SignalTail>(series_, *journal_, metrics_, limits());
  }
  ~Tail() override { fs::remove_all(directory_); }

  static TailLimits limits() {
    TailLimits limits;
    limits.rows = 10;
    limits.most_text = 8;
    return limits;
  }
  /// As the port takes a batch: into the journal first.
  void comes(const std::string& name, std::vector<double> values, std::string text = "") {
    auto batch = std::make_shared<model::SignalBatch>();
    batch->instance = "source.x";
    for (const double value : values) {
      batch->ts.push_back(++ts_ * 1'000'000'000);
      batch->value.push_back(value);
      batch->series.push_back(series_.intern({name, model::Labels{{"k", "v"}}}));
      if (!text.empty()) batch->text.push_back(text);
    }
    ASSERT_TRUE(journal_->append(*batch));
    tail_->offer(batch, now_);
  }
  /// What an answer holds: "etl.run=1 etl.run=2".
  std::string ask(const std::string& selector = "", std::size_t last = 0, std::int64_t since = 0) {
    api::SignalTailQuery query;
    if (!selector.empty()) query.selector = *model::Selector::parse(selector);
    query.after = cursor_;
    query.limit = limit_;
    query.last = last;
    if (since) query.since = base::from_ns(since * 1'000'000'000);
    auto page = tail_->read(query, now_);
    if (!page) return page.error().message();
    cursor_ = page->next;
    lost_ = page->lost;
    std::string out;
    for (const auto& each : page->items) {
      out += (out.empty() ? "" : " ") + each.name + "=" + std::to_string(static_cast<int>(each.value));
      if (!each.text.empty()) out += ":" + each.text;
    }
    return out;
  }

  const fs::path directory_;
  model::SeriesTable series_;
  telemetry::Metrics metrics_;
  std::unique_ptr<storage::Journal> journal_;
  std::unique_ptr<SignalTail> tail_;
  SignalTail::Steady::time_point now_ = SignalTail::Steady::time_point(1h);
  std::int64_t ts_ = 1'000'000;
  std::string cursor_;
  std::size_t limit_ = 1000;
  std::optional<std::uint64_t> lost_;
};

TEST_F(Tail, ShowsWhatComesAfterItBegan) {
  comes("before", {1});
  EXPECT_EQ(ask(), "");
  comes("etl.run", {1, 2});
  comes("etl.rows", {3});
  EXPECT_EQ(ask(), "etl.run=1 etl.run=2 etl.rows=3");
  EXPECT_EQ(ask(), "");
  comes("etl.run", {4});
  EXPECT_EQ(ask(), "etl.run=4");
  EXPECT_EQ(lost_, 0u);
}

TEST_F(Tail, BeginsWithTheLastOfTheJournalAndShowsNoneTwice) {
  for (int i = 0; i < 3000; ++i) comes("a", {1});
  comes("b", {1, 2, 3});
  comes("c", {4});
  EXPECT_EQ(ask("", 3), "b=2 b=3 c=4");
  comes("b", {5});
  EXPECT_EQ(ask("b"), "b=5");
  cursor_.clear();
  EXPECT_EQ(ask("b", 10), "b=1 b=2 b=3 b=5") << "found in a wider window";
  cursor_.clear();
  EXPECT_EQ(ask("", 10, ts_ - 1), "c=4 b=5") << "since then";
}

TEST_F(Tail, SelectsByNameAndLabels) {
  ask();
  comes("etl.run", {1});
  comes("host.cpu", {2});
  const std::string begin = cursor_;
  EXPECT_EQ(ask("etl.*"), "etl.run=1");
  cursor_ = begin;
  EXPECT_EQ(ask(R"(host.cpu{k="v"})"), "host.cpu=2");
  cursor_ = begin;
  EXPECT_EQ(ask(R"({k!="v"})"), "");
}

TEST_F(Tail, GoesOnWhereAFullAnswerEnded) {
  ask();
  comes("a", {1, 2, 3});
  comes("a", {4, 5});
  limit_ = 2;
  EXPECT_EQ(ask(), "a=1 a=2");
  EXPECT_EQ(ask(), "a=3 a=4");
  EXPECT_EQ(ask(), "a=5");
}

TEST_F(Tail, TellsASlowReaderHowManyAreGone) {
  ask();
  comes("a", {1, 2, 3, 4});
  comes("a", {5, 6, 7, 8});
  comes("a", {9, 10, 11});
  EXPECT_EQ(ask(), "a=5 a=6 a=7 a=8 a=9 a=10 a=11");
  EXPECT_EQ(lost_, 4u);
  EXPECT_NE(metrics_.text(false).find("tocsin_signal_tail_lost_total 4"), std::string::npos);
  EXPECT_EQ(ask(), "");
  EXPECT_EQ(lost_, 0u) << "told once";
}

TEST_F(Tail, KeepsTheNewestBatchHoweverLongItIs) {
  ask();
  comes("a", std::vector<double>(50, 1));
  limit_ = 3;
  EXPECT_EQ(ask(), "a=1 a=1 a=1");
}

TEST_F(Tail, KeepsNothingWhereNobodyAsksAnyMore) {
  ask();
  now_ += 2min;
  comes("a", {1});
  EXPECT_EQ(ask(), "");
  EXPECT_EQ(lost_, std::nullopt) << "nobody counted";
  comes("a", {2});
  EXPECT_EQ(ask(), "a=2");
}

TEST_F(Tail, KnowsNoCursorOfAnotherRun) {
  ask();
  cursor_ = "5-0-0";
  EXPECT_EQ(ask(), "");
  EXPECT_EQ(lost_, std::nullopt);
  for (const char* bad : {"x", "1", "1-2", "1-2-", "1-2-3-4", "-1-2-3", "99999999999999999999-0-0"}) {
    cursor_ = bad;
    EXPECT_EQ(ask(), "parameter after: \"" + std::string(bad) + "\" given; valid: the \"next\" of an earlier answer");
  }
}

TEST_F(Tail, CutsLongTexts) {
  ask();
  comes("log", {1}, "Failed password for root");
  EXPECT_EQ(ask(), "log=1:Failed p…");
}

TEST_F(Tail, CallsWhoWaitsAndNotForEveryBatch) {
  int called = 0;
  tail_->on_signals([&] { ++called; });
  ask();
  comes("a", {1});
  EXPECT_EQ(called, 0) << "nobody waits";
  ask();
  ask();
  comes("a", {2});
  EXPECT_EQ(called, 1);
  ask();
  comes("a", {3});
  EXPECT_EQ(called, 1) << "not so soon again";
  now_ += 1s;
  comes("a", {4});
  EXPECT_EQ(called, 2);
  tail_->on_signals({});
  ask();
  now_ += 1s;
  comes("a", {5});
  EXPECT_EQ(called, 2);
}

}  // namespace
}  // namespace tocsin::app
