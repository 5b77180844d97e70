// Calls that hang: found by the watch, refused from then on, left behind where they do not come back. The plugin is
// wire.so, whose functions block until the test lets them go; time is the test's.
#include <gtest/gtest.h>

#include <atomic>
#include <future>

#include "plugin_host/call_watch.hpp"
#include "plugin_host/testdata/fake_port.hpp"

namespace tocsin::plugin_host {
namespace {

using testing::test_of;
using testing::WireTest;

class Quarantined : public WireTest {
 public:
  ~Quarantined() override {
    let_go();
    event_.wait([&] { return inside == 0; });  // what hung uses this object until it has come back
  }
  /// Called in the plugin: blocks until let_go().
  void hang() {
    event_.notify([&] { ++inside; });
    event_.wait([&] { return go; });
    event_.notify([&] { --inside; });
  }
  void let_go() {
    event_.notify([&] { go = true; });
  }
  void wait_inside(int n) {
    ASSERT_TRUE(event_.wait([&] { return inside == n; }));
  }
  /// Time passes, and the watch looks as often as it does in the agent.
  void pass(base::Duration time) {
    for (const base::Time end = watch_now_ + time; watch_now_ < end; watch_now_ += CallWatch::every) {
      watch_.look(watch_now_);
    }
  }
  std::future<int> deliver() {
    auto told = std::make_shared<std::promise<int>>();
    auto future = told->get_future();
    port_.pool().post([this, told] {
      instance_->deliver(delivery_, "", "", in(std::chrono::seconds(2)),
                         [told](Instance::Sent sent) { told->set_value(sent.status); });
    });
    return future;
  }
  static int status_of(std::future<int>& future) {
    return future.wait_for(testing::patience) == std::future_status::ready ? future.get() : 999;
  }
  void hang_in_deliver() {
    wire_.deliver = [](wire* w, tsn_token, const tsn_message*, tsn_delivered*, tsn_err*) -> tsn_status {
      test_of<Quarantined>(w).hang();
      return TSN_OK;
    };
    make_started();
  }

  int inside = 0;
  bool go = false;
  model::Delivery delivery_;
  CallWatch watch_;
  base::Time watch_now_ = base::from_ns(1'000'000'000);
};

TEST_F(Quarantined, EndsTheCallThatHangsAndRefusesTheNext) {
  hang_in_deliver();
  auto first = deliver();
  wait_inside(1);
  pass(std::chrono::seconds(2));
  EXPECT_FALSE(instance_->quarantine());
  pass(std::chrono::seconds(2));
  ASSERT_TRUE(instance_->quarantine());
  EXPECT_EQ(instance_->quarantine()->call, "deliver");
  EXPECT_TRUE(instance_->quarantine()->inside);
  EXPECT_EQ(status_of(first), TSN_DEADLINE);
  auto next = deliver();
  EXPECT_EQ(status_of(next), TSN_RETRY);
  EXPECT_EQ(inside, 1);
}

TEST_F(Quarantined, LetsGoWhoWaitsForItsTurn) {
  hang_in_deliver();
  auto first = deliver();
  wait_inside(1);
  auto second = deliver();
  pass(std::chrono::seconds(4));
  EXPECT_NE(status_of(second), TSN_OK);
}

TEST_F(Quarantined, StaysSoWhenTheCallComesBack) {
  hang_in_deliver();
  auto first = deliver();
  wait_inside(1);
  pass(std::chrono::seconds(4));
  let_go();
  wait_inside(0);
  while (instance_->quarantine()->inside) pass(CallWatch::every);
  auto next = deliver();
  EXPECT_EQ(status_of(next), TSN_RETRY);
  EXPECT_FALSE(port_.logged("completed a call and answered"));
}

TEST_F(Quarantined, IsLeftBehindAtOnceWhileTheCallIsInside) {
  hang_in_deliver();
  auto first = deliver();
  wait_inside(1);
  pass(std::chrono::seconds(4));
  instance_->stop();
  EXPECT_TRUE(port_.logged("left behind"));
  EXPECT_EQ(host()->submit(host(), id(), nullptr, nullptr, nullptr, nullptr), TSN_CANCELLED);
}

TEST_F(Quarantined, StopsAsEverOnceTheCallIsBack) {
  static std::atomic<int> stops;
  stops = 0;
  wire_.stop = [](wire*) { ++stops; };
  hang_in_deliver();
  auto first = deliver();
  wait_inside(1);
  pass(std::chrono::seconds(4));
  let_go();
  wait_inside(0);
  while (instance_->quarantine()->inside) pass(CallWatch::every);
  instance_.reset();
  EXPECT_EQ(stops, 1);
}

TEST_F(Quarantined, AStartThatHangsGivesItsCallerBack) {
  wire_.start = [](wire* w, tsn_bytes, tsn_err*) -> tsn_status {
    test_of<Quarantined>(w).hang();
    return TSN_OK;
  };
  make();
  auto started = std::async(std::launch::async, [this] { return instance_->start("").has_value(); });
  wait_inside(1);
  pass(std::chrono::seconds(11));
  EXPECT_FALSE(started.get());
  EXPECT_EQ(instance_->quarantine()->call, "start");
}

TEST_F(Quarantined, AShortCallIsNeverFoundHoweverOftenItComes) {
  wire_.deliver = [](wire* w, tsn_token, const tsn_message*, tsn_delivered*, tsn_err*) -> tsn_status {
    test_of<Quarantined>(w).pass(CallWatch::every);  // the watch sees each of them under way
    return TSN_OK;
  };
  make_started();
  for (int i = 0; i < 100; ++i) {
    auto one = deliver();
    ASSERT_EQ(status_of(one), TSN_OK);
  }
  EXPECT_FALSE(instance_->quarantine());
}

TEST_F(Quarantined, AMachineThatStoodStillBlamesNobody) {
  hang_in_deliver();
  auto first = deliver();
  wait_inside(1);
  pass(CallWatch::every);
  watch_now_ += std::chrono::hours(1);
  pass(CallWatch::every);
  EXPECT_FALSE(instance_->quarantine());
}

}  // namespace
}  // namespace tocsin::plugin_host
