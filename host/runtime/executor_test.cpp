#include "runtime/executor.hpp"

#include <gtest/gtest.h>
#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <future>
#include <numeric>
#include <thread>
#include <vector>

namespace tocsin::runtime {
namespace {

using namespace std::chrono_literals;

constexpr auto patience = 20s;

/// Something that another thread will tell.
template <class T>
class Told {
 public:
  void tell(T value) { promise_.set_value(std::move(value)); }
  T wait() {
    EXPECT_EQ(future_.wait_for(patience), std::future_status::ready);
    return future_.get();
  }
  bool yet() { return future_.wait_for(0s) == std::future_status::ready; }

 private:
  std::promise<T> promise_;
  std::future<T> future_ = promise_.get_future();
};

struct Pair {
  Pair() { EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0); }
  ~Pair() {
    for (int end : ends) ::close(end);
  }
  int ends[2];
};

TEST(Pool, RunsWhatIsQueuedBeforeItStops) {
  std::atomic<int> done{0};
  Pool pool("t", 2);
  for (int i = 0; i < 1'000; ++i) pool.post([&] { ++done; });
  pool.stop();
  EXPECT_EQ(done, 1'000);
}

TEST(Pool, DropsWhatComesAfterStop) {
  Pool pool("t", 1);
  pool.stop();
  pool.stop();
  auto held = std::make_shared<int>(1);
  pool.post([held] { FAIL(); });
  EXPECT_EQ(held.use_count(), 1);
  EXPECT_EQ(pool.queued(), 0u);
}

TEST(Pool, NamesItsThreads) {
  Told<std::string> name;
  Pool pool("worker", 1);
  pool.post([&] {
    char text[16];
    pthread_getname_np(pthread_self(), text, sizeof text);
    name.tell(text);
  });
  EXPECT_EQ(name.wait(), "worker-0");
}

TEST(Pool, CanBeStoppedByItsOwnTask) {
  Told<bool> stopped;
  auto pool = std::make_unique<Pool>("t", 2);
  pool->post([&] {
    pool->stop();
    stopped.tell(true);
  });
  EXPECT_TRUE(stopped.wait());
}

TEST(Pool, GoesOnBesideAWorkerThatHangs) {
  Told<bool> hangs, go, done;
  Pool pool("t", 1);
  pool.post([&] {
    hangs.tell(true);
    go.wait();
  });
  ASSERT_TRUE(hangs.wait());
  ASSERT_TRUE(pool.replace_one());
  pool.post([&] { done.tell(true); });
  EXPECT_TRUE(done.wait());
  go.tell(true);
  pool.give_back_one();
}

TEST(Pool, ReplacesSixteenWorkersAtMost) {
  Pool pool("t", 1);
  for (std::size_t i = 0; i < Pool::most_replaced; ++i) EXPECT_TRUE(pool.replace_one());
  EXPECT_FALSE(pool.replace_one());
  pool.give_back_one();  // of the one that was not replaced
  EXPECT_FALSE(pool.replace_one());
  for (std::size_t i = 0; i <= Pool::most_replaced; ++i) pool.give_back_one();
  EXPECT_TRUE(pool.replace_one());
  pool.give_back_one();
}

TEST(Pool, StopsWithoutWaitingForAWorkerThatHangs) {
  struct Shared {
    Told<bool> hangs, go;
  };
  auto shared = std::make_shared<Shared>();
  Pool pool("t", 2);
  pool.post([shared] {
    shared->hangs.tell(true);
    shared->go.wait();
  });
  ASSERT_TRUE(shared->hangs.wait());
  ASSERT_TRUE(pool.replace_one());
  pool.stop();
  shared->go.tell(true);
}

TEST(Pool, CountsWhatWaits) {
  Told<bool> started, go;
  Pool pool("t", 1);
  pool.post([&] {
    started.tell(true);
    go.wait();
  });
  started.wait();
  pool.post([] {});
  pool.post([] {});
  EXPECT_EQ(pool.queued(), 2u);
  go.tell(true);
}

TEST(Strand, KeepsOrderAndNeverRunsTwoAtOnce) {
  std::vector<int> order;
  std::atomic<int> inside{0};
  std::atomic<bool> overlapped{false};
  {
    Pool pool("t", 4);
    Strand strand(pool);
    for (int i = 0; i < 5'000; ++i) {
      strand.post([&, i] {
        if (inside.fetch_add(1) != 0) overlapped = true;
        order.push_back(i);
        inside.fetch_sub(1);
      });
    }
    pool.stop();
  }
  std::vector<int> expected(5'000);
  std::iota(expected.begin(), expected.end(), 0);
  EXPECT_FALSE(overlapped);
  EXPECT_EQ(order, expected);
}

TEST(Strand, SharesTheOrderBetweenCopies) {
  std::vector<int> order;
  Pool pool("t", 4);
  Strand strand(pool);
  Strand copy = strand;
  for (int i = 0; i < 100; ++i) (i % 2 ? copy : strand).post([&, i] { order.push_back(i); });
  pool.stop();
  EXPECT_TRUE(std::is_sorted(order.begin(), order.end()));
  EXPECT_EQ(order.size(), 100u);
}

TEST(Strand, LetsOthersHaveTheirTurn) {
  Pool pool("t", 1);
  Strand busy(pool), other(pool);
  Told<int> seen;
  int done = 0;  // one worker: no two tasks at once
  for (int i = 0; i < 10'000; ++i) busy.post([&] { ++done; });
  other.post([&] { seen.tell(done); });
  int when_other_ran = seen.wait();
  pool.stop();
  EXPECT_LT(when_other_ran, 10'000);
  EXPECT_EQ(done, 10'000);
}

TEST(Strand, LetsGoOfTasksThatComeAfterThePoolStopped) {
  Pool pool("t", 1);
  Strand strand(pool);
  pool.stop();
  auto held = std::make_shared<int>(1);
  strand.post([held] { FAIL(); });
  EXPECT_EQ(held.use_count(), 1);
  EXPECT_EQ(strand.queued(), 0u);
}

TEST(Reactor, RunsPostedTasksInOrder) {
  Told<bool> last;
  std::vector<int> order;
  Reactor reactor("r");
  for (int i = 0; i < 1'000; ++i) reactor.post([&, i] { order.push_back(i); });
  reactor.post([&] { last.tell(true); });
  last.wait();
  EXPECT_EQ(order.size(), 1'000u);
  EXPECT_TRUE(std::is_sorted(order.begin(), order.end()));
}

TEST(Reactor, RunsTimersInTheOrderTheyAreDue) {
  Told<bool> last;
  std::vector<int> order;
  Reactor reactor("r");
  auto start = std::chrono::steady_clock::now();
  reactor.after(30ms, [&] {
    order.push_back(3);
    last.tell(true);
  });
  reactor.after(20ms, [&] { order.push_back(2); });
  reactor.after(-1s, [&] { order.push_back(1); });
  last.wait();
  EXPECT_EQ(order, (std::vector{1, 2, 3}));
  EXPECT_GE(std::chrono::steady_clock::now() - start, 30ms);
}

TEST(Reactor, TakesADelayWithoutEndAsNever) {
  Told<bool> soon;
  Reactor reactor("r");
  Reactor::Id never = reactor.after(base::Duration::max(), [] { FAIL(); });
  reactor.after(1ms, [&] { soon.tell(true); });
  soon.wait();
  EXPECT_TRUE(reactor.cancel(never));
}

TEST(Reactor, CancelsATimerOnce) {
  Reactor reactor("r");
  auto held = std::make_shared<int>(1);
  Reactor::Id id = reactor.after(1h, [held] { FAIL(); });
  EXPECT_TRUE(reactor.cancel(id));
  EXPECT_FALSE(reactor.cancel(id));
  EXPECT_FALSE(reactor.cancel(0));
  EXPECT_EQ(held.use_count(), 1);
}

TEST(Reactor, TellsOnceWhenADescriptorBecomesReadable) {
  Pair pair;
  Told<std::uint32_t> ready;
  std::atomic<int> calls{0};
  Reactor reactor("r");
  reactor.watch(pair.ends[0], 1, [&](std::uint32_t events) {
    ++calls;
    ready.tell(events);
  });
  ASSERT_EQ(::write(pair.ends[1], "xy", 2), 2);
  EXPECT_EQ(ready.wait(), 1u);
  Told<bool> later;
  reactor.after(5ms, [&] { later.tell(true); });
  later.wait();
  EXPECT_EQ(calls, 1);
}

TEST(Reactor, KeepsSeveralWatchesOnOneDescriptorApart) {
  Pair pair;
  Told<std::uint32_t> reader, writer;
  Reactor reactor("r");
  reactor.watch(pair.ends[0], 1, [&](std::uint32_t events) { reader.tell(events); });
  reactor.watch(pair.ends[0], 2, [&](std::uint32_t events) { writer.tell(events); });
  EXPECT_EQ(writer.wait(), 2u);
  EXPECT_FALSE(reader.yet());
  ASSERT_EQ(::write(pair.ends[1], "x", 1), 1);
  EXPECT_EQ(reader.wait(), 1u);
}

TEST(Reactor, TellsAHangUpAsReadable) {
  Pair pair;
  Told<std::uint32_t> ready;
  Reactor reactor("r");
  reactor.watch(pair.ends[0], 1, [&](std::uint32_t events) { ready.tell(events); });
  ::shutdown(pair.ends[1], SHUT_RDWR);
  EXPECT_EQ(ready.wait(), 1u);
}

TEST(Reactor, TakesWhatCannotBeWaitedForAsReady) {
  std::FILE* file = std::tmpfile();
  Told<std::uint32_t> regular, closed;
  Reactor reactor("r");
  reactor.watch(::fileno(file), 1, [&](std::uint32_t events) { regular.tell(events); });
  reactor.watch(1'000'000, 2, [&](std::uint32_t events) { closed.tell(events); });
  EXPECT_EQ(regular.wait(), 1u);
  EXPECT_EQ(closed.wait(), 2u);
  std::fclose(file);
}

TEST(Reactor, CancelsAWatchAndTakesTheDescriptorAgain) {
  Pair pair;
  Told<std::uint32_t> ready;
  Reactor reactor("r");
  Reactor::Id id = reactor.watch(pair.ends[0], 1, [](std::uint32_t) { FAIL(); });
  EXPECT_TRUE(reactor.cancel(id));
  EXPECT_FALSE(reactor.cancel(id));
  ASSERT_EQ(::write(pair.ends[1], "x", 1), 1);
  reactor.watch(pair.ends[0], 3, [&](std::uint32_t events) { ready.tell(events); });
  EXPECT_EQ(ready.wait(), 3u);
}

TEST(Reactor, WatchesADescriptorNumberThatWasClosedAndUsedAgain) {
  Reactor reactor("r");
  for (int round = 0; round < 3; ++round) {
    Pair pair;  // the kernel gives the same numbers each round
    Told<std::uint32_t> ready;
    reactor.watch(pair.ends[0], 1, [&](std::uint32_t events) { ready.tell(events); });
    ASSERT_EQ(::write(pair.ends[1], "x", 1), 1);
    EXPECT_EQ(ready.wait(), 1u);
  }
}

TEST(Reactor, DropsEverythingAtStop) {
  auto held = std::make_shared<int>(1);
  {
    Pair pair;
    Reactor reactor("r");
    reactor.after(1h, [held] {});
    reactor.watch(pair.ends[0], 1, [held](std::uint32_t) {});
    reactor.stop();
    reactor.stop();
    EXPECT_EQ(reactor.after(0s, [held] {}), 0u);
    EXPECT_EQ(reactor.watch(pair.ends[0], 2, [held](std::uint32_t) {}), 0u);
  }
  EXPECT_EQ(held.use_count(), 1);
}

TEST(Reactor, CanBeStoppedByItsOwnTask) {
  Told<bool> stopped;
  Reactor reactor("r");
  reactor.post([&] {
    reactor.stop();
    stopped.tell(true);
  });
  EXPECT_TRUE(stopped.wait());
}

TEST(Reactor, TakesWorkFromManyThreads) {
  std::atomic<int> ran{0};
  constexpr int each = 2'000;
  Told<bool> all;
  Reactor reactor("r");
  auto count = [&] {
    if (++ran == 4 * each) all.tell(true);
  };
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < each; ++i) {
        if (i % 2)
          reactor.post(count);
        else
          reactor.after(std::chrono::microseconds(i % 50), count);
        reactor.cancel(reactor.after(1h, [] { FAIL(); }));
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_TRUE(all.wait());
}

}  // namespace
}  // namespace tocsin::runtime
