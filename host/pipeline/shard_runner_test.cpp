// A shard's thread: what is queued is bounded, and a stop does not wait for all of it.
#include "pipeline/shard_runner.hpp"

#include <gtest/gtest.h>

#include <future>

namespace tocsin::pipeline {
namespace {

class ShardRunnerTest : public testing::Test {
 protected:
  std::unique_ptr<ShardRunner> runner(base::Duration last_words = std::chrono::hours(1)) {
    auto shard = std::make_unique<detection::Shard>(detection::ShardSettings{}, series,
                                                    [](const std::string&) -> base::Result<detection::Evaluator*> {
                                                      return base::fail(base::Fault::not_found, "no detector");
                                                    });
    return std::make_unique<ShardRunner>(
        0, std::move(shard), clock, [this](Judged judged) { through = judged.position; }, last_words);
  }
  model::SharedBatch batch(std::size_t rows) {
    auto out = std::make_shared<model::SignalBatch>();
    out->position = ++position;
    out->ts.assign(rows, 0);
    out->value.assign(rows, 1);
    out->series.assign(rows, series.intern({"x", {}}));
    out->flags.assign(rows, 0);
    return out;
  }
  /// The thread is busy until the returned promise is kept.
  std::shared_ptr<std::promise<void>> hold(ShardRunner& runner) {
    auto held = std::make_shared<std::promise<void>>();
    auto begun = std::make_shared<std::promise<void>>();
    runner.post([held, begun](detection::Shard&, std::vector<model::Alert>&) {
      begun->set_value();
      held->get_future().wait();
    });
    begun->get_future().wait();
    return held;
  }

  base::ManualClock clock;
  model::SeriesTable series;
  std::uint64_t position = 0, through = 0;
};

TEST_F(ShardRunnerTest, ItsQueueIsBoundedByRowsAndNotByBatchesAlone) {
  auto shard = runner();
  shard->start();
  auto held = hold(*shard);
  shard->judge(batch(200'000));
  EXPECT_TRUE(shard->has_room());
  shard->judge(batch(200'000));
  EXPECT_FALSE(shard->has_room());
  held->set_value();
  shard->errand([](detection::Shard&, std::vector<model::Alert>&) {});
  EXPECT_TRUE(shard->has_room());
}

TEST_F(ShardRunnerTest, OneHugeBatchIsTakenAllTheSame) {
  auto shard = runner();
  shard->start();
  auto held = hold(*shard);
  shard->judge(batch(1'000'000));
  EXPECT_TRUE(shard->has_room());
  held->set_value();
}

TEST_F(ShardRunnerTest, AStopJudgesWhatIsQueued) {
  auto shard = runner();
  shard->start();
  for (int i = 0; i < 10; ++i) shard->judge(batch(1));
  shard->stop();
  EXPECT_EQ(through, 10u);
}

TEST_F(ShardRunnerTest, WhatAStopHasNoTimeForIsLeftToTheJournal) {
  auto shard = runner(base::Duration(0));
  shard->start();
  shard->judge(batch(1));
  shard->errand([](detection::Shard&, std::vector<model::Alert>&) {});
  auto held = hold(*shard);
  for (int i = 0; i < 10; ++i) shard->judge(batch(1));
  std::thread stopping([&] { shard->stop(); });
  while (shard->post([](detection::Shard&, std::vector<model::Alert>&) {})) std::this_thread::yield();
  held->set_value();
  stopping.join();
  EXPECT_EQ(through, 1u) << "the position is where judging ended: a restart reads on from there";
}

}  // namespace
}  // namespace tocsin::pipeline
