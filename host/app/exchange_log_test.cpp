// Promises about the log of trackers' calls: written together, never without bound, and what is lost is counted.
#include "app/exchange_log.hpp"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>

namespace tocsin::app {
namespace {

class LogOfCalls : public ::testing::Test {
 protected:
  LogOfCalls() {
    char name[] = "/tmp/tocsin-exchanges-XXXXXX";
    folder_ = ::mkdtemp(name);
    storage::StoreSettings settings;
    settings.data_dir = folder_;
    store = storage::open_store(settings, series).value();
    log = std::make_unique<ExchangeLog>(*store, metrics, [this](base::Duration delay, runtime::Task task) {
      EXPECT_EQ(delay, ExchangeLog::delay);
      tasks.push_back(std::move(task));
    });
  }
  ~LogOfCalls() override {
    log.reset();
    store.reset();
    std::filesystem::remove_all(folder_);
  }
  static model::Exchange call(const std::string& target, std::string response = "") {
    model::Exchange out;
    out.target = target;
    out.response = std::move(response);
    out.at = base::from_ns(1'700'000'000'000'000'000);
    return out;
  }
  std::vector<std::string> kept() {
    std::vector<std::string> out;
    const auto found = store->exchanges({"", {10'000, ""}}).value();
    for (const auto& each : found.items) {
      out.push_back(each.instance + each.target);
    }
    return out;
  }
  model::SeriesTable series;
  telemetry::Metrics metrics;
  std::unique_ptr<storage::Store> store;
  std::vector<runtime::Task> tasks;
  std::unique_ptr<ExchangeLog> log;

 private:
  std::string folder_;
};
using Kept = std::vector<std::string>;

TEST_F(LogOfCalls, WritesWhatWaitsTogetherALittleLater) {
  ASSERT_TRUE(log->take("tracker.jira", call("/a")));
  ASSERT_TRUE(log->take("tracker.jira", call("/b")));
  EXPECT_EQ(kept(), Kept{});
  ASSERT_EQ(tasks.size(), 1u);
  tasks[0]();
  EXPECT_EQ(kept(), (Kept{"jira/b", "jira/a"}));
  ASSERT_TRUE(log->take("tracker.jira", call("/c")));
  EXPECT_EQ(tasks.size(), 2u);
}

TEST_F(LogOfCalls, WritesAtOnceWhenTheAgentStops) {
  ASSERT_TRUE(log->take("tracker.jira", call("/a")));
  log->flush();
  EXPECT_EQ(kept(), Kept{"jira/a"});
  tasks[0]();
  EXPECT_EQ(kept(), Kept{"jira/a"});
}

TEST_F(LogOfCalls, RefusesWhatItHasNoRoomForAndCountsIt) {
  for (std::size_t i = 0; i < ExchangeLog::most_waiting; ++i) ASSERT_TRUE(log->take("tracker.jira", call("/a")));
  const auto refused = log->take("tracker.jira", call("/one-too-many"));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().fault(), base::Fault::exhausted);
  EXPECT_NE(metrics.text(false).find("tocsin_exchange_log_dropped_total 1"), std::string::npos);
  log->flush();
  EXPECT_TRUE(log->take("tracker.jira", call("/b")));
}

TEST_F(LogOfCalls, IsBoundedInBytesToo) {
  std::size_t taken = 0;
  while (taken < ExchangeLog::most_waiting && log->take("tracker.jira", call("/a", std::string(16 * 1024, 'x'))))
    ++taken;
  EXPECT_LT(taken, ExchangeLog::most_bytes / (16 * 1024) + 1);
  EXPECT_GT(taken, 400u);
}

}  // namespace
}  // namespace tocsin::app
