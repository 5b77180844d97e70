#include "runtime/channel.hpp"

#include <gtest/gtest.h>

#include <memory>
#include <thread>
#include <vector>

namespace tocsin::runtime {
namespace {

using namespace std::chrono_literals;

TEST(Channel, GivesItemsInOrder) {
  Channel<int> channel(3);
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(channel.try_push(i));
  for (int i = 0; i < 3; ++i) EXPECT_EQ(channel.try_pop(), i);
  EXPECT_EQ(channel.try_pop(), std::nullopt);
}

TEST(Channel, RefusesWhatIsBeyondItsCapacity) {
  Channel<std::unique_ptr<int>> channel(1);
  EXPECT_TRUE(channel.try_push(std::make_unique<int>(1)));
  EXPECT_FALSE(channel.try_push(std::make_unique<int>(2)));
  EXPECT_EQ(channel.size(), 1u);
}

TEST(Channel, IsEmptiedAfterItIsClosed) {
  Channel<int> channel(4);
  channel.push(1);
  channel.close();
  EXPECT_FALSE(channel.push(2));
  EXPECT_FALSE(channel.try_push(2));
  EXPECT_EQ(channel.pop(20s), 1);
  EXPECT_EQ(channel.pop(20s), std::nullopt);
  EXPECT_TRUE(channel.closed());
}

TEST(Channel, StopsWaitingWhenTheTimeIsUp) {
  Channel<int> channel(1);
  EXPECT_EQ(channel.pop(1ms), std::nullopt);
}

TEST(Channel, TakesATimeoutWithoutEndAsFromNowOn) {
  Channel<int> channel(1);
  std::thread writer([&] { channel.push(1); });
  EXPECT_EQ(channel.pop(base::Duration::max()), 1);
  writer.join();
}

TEST(Channel, WakesAWriterThatWaitsForRoomWhenClosed) {
  Channel<int> channel(1);
  channel.push(1);
  std::thread writer([&] { EXPECT_FALSE(channel.push(2)); });
  channel.close();
  writer.join();
}

TEST(Channel, LosesNothingBetweenManyWritersAndReaders) {
  Channel<int> channel(8);
  constexpr int each = 5'000;
  std::vector<std::thread> writers, readers;
  std::vector<std::vector<int>> got(2);
  for (int w = 0; w < 3; ++w) {
    writers.emplace_back([&, w] {
      for (int i = 0; i < each; ++i) EXPECT_TRUE(channel.push(w * each + i));
    });
  }
  for (auto& mine : got) {
    readers.emplace_back([&] {
      while (auto item = channel.pop(20s)) mine.push_back(*item);
    });
  }
  for (std::thread& writer : writers) writer.join();
  channel.close();
  for (std::thread& reader : readers) reader.join();
  std::vector<bool> seen(3 * each);
  for (auto& mine : got) {
    for (int item : mine) {
      EXPECT_FALSE(seen[item]);
      seen[item] = true;
    }
  }
  EXPECT_EQ(got[0].size() + got[1].size(), 3u * each);
}

}  // namespace
}  // namespace tocsin::runtime
