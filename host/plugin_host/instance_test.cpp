// Life cycle, threads, timers and watches of an instance, driven through the real plugin wire.so.
#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <future>
#include <thread>

#include "plugin_host/testdata/fake_port.hpp"

namespace tocsin::plugin_host {
namespace {

using testing::simple_block;
using testing::test_of;
using testing::text;
using testing::WireTest;

class Instances : public WireTest {
 public:
  std::string told(tsn_status status, const tsn_err& err) {
    return std::to_string(status) + " " + std::string(err.msg, err.n);
  }
  std::vector<std::string> order;
  std::atomic<int> inside{0}, overlaps{0}, runs{0}, threads{0};
  std::atomic<bool> stopped{false};
  int pipe_ends[2] = {-1, -1};

  /// Held by every [seq] function under test: counts calls that overlap.
  struct Seq {
    explicit Seq(Instances& t) : test(t) {
      if (test.inside.fetch_add(1) != 0) ++test.overlaps;
    }
    ~Seq() { --test.inside; }
    Instances& test;
  };
  static Instances& self(void* arg) { return *static_cast<Instances*>(arg); }
};

TEST_F(Instances, HandOverNameConfigurationAndCursor) {
  wire_.create = [](wire* w, const tsn_create* in, tsn_err*) -> tsn_status {
    auto& test = test_of<Instances>(w);
    test.order.push_back(text(in->name));
    for (std::uint32_t i = 0; i < in->config->count; ++i) {
      const tsn_value& value = in->config->items[i];
      if (text(in->config->keys[i]) == "list")
        test.order.push_back(text(value.items[0].s) + std::to_string(value.items[1].f));
    }
    return TSN_OK;
  };
  wire_.start = [](wire* w, tsn_bytes cursor, tsn_err*) -> tsn_status {
    test_of<Instances>(w).order.emplace_back(static_cast<const char*>(cursor.p), cursor.n);
    return TSN_OK;
  };
  make();
  ASSERT_TRUE(instance_->start("at 7"));
  EXPECT_EQ(order, (std::vector<std::string>{"wired", "a2.500000", "at 7"}));
}

TEST_F(Instances, StopAndDestroyOnceInOrder) {
  wire_.start = [](wire* w, tsn_bytes, tsn_err*) -> tsn_status {
    return test_of<Instances>(w).order.push_back("start"), TSN_OK;
  };
  wire_.stop = [](wire* w) { test_of<Instances>(w).order.push_back("stop"); };
  wire_.destroy = [](wire* w) { test_of<Instances>(w).order.push_back("destroy"); };
  make_started();
  instance_->stop();
  instance_->stop();
  instance_.reset();
  EXPECT_EQ(order, (std::vector<std::string>{"start", "stop", "destroy"}));
}

TEST_F(Instances, CanBeStartedAgainAfterStop) {
  wire_.start = [](wire* w, tsn_bytes, tsn_err*) -> tsn_status {
    return test_of<Instances>(w).order.push_back("start"), TSN_OK;
  };
  make_started();
  for (int i = 0; i < 100; ++i) {
    instance_->stop();
    ASSERT_TRUE(instance_->start(""));
  }
  EXPECT_EQ(order.size(), 101u);
}

TEST_F(Instances, GiveThePluginsWordsWhenItCannotStart) {
  wire_.start = [](wire*, tsn_bytes, tsn_err* err) -> tsn_status {
    err->n = 9000;  // a lie: only what fits is read
    __builtin_memset(err->msg, 'x', sizeof err->msg);
    return TSN_DENIED;
  };
  make();
  auto started = instance_->start("");
  ASSERT_FALSE(started);
  EXPECT_EQ(started.error().fault(), base::Fault::denied);
  EXPECT_EQ(started.error().message(), "source.wired: start: " + std::string(240, 'x'));
}

TEST_F(Instances, SurviveAStatusThatDoesNotExist) {
  wire_.start = [](wire*, tsn_bytes, tsn_err*) -> tsn_status { return 77; };
  make();
  auto started = instance_->start("");
  ASSERT_FALSE(started);
  EXPECT_EQ(started.error().fault(), base::Fault::internal);
  EXPECT_NE(started.error().message().find("answered with status 77"), std::string::npos);
}

TEST_F(Instances, FailToBeMadeWithThePluginsWords) {
  wire_.create = [](wire*, const tsn_create*, tsn_err*) -> tsn_status { return TSN_INVALID; };
  auto library = load_library(TEST_PLUGINS "/wire.so");
  auto made = Instance::create(*library, settings(), port_);
  ASSERT_FALSE(made);
  EXPECT_EQ(made.error().fault(), base::Fault::invalid);
}

TEST_F(Instances, AnswerReconfigureAsThePluginDoes) {
  make_started();
  base::Value config{base::Value::Table{}};
  EXPECT_FALSE(*instance_->reconfigure(config));
  wire_.reconfigure = [](wire*, const tsn_value*, tsn_err*) -> tsn_status { return TSN_OK; };
  EXPECT_TRUE(*instance_->reconfigure(config));
  wire_.reconfigure = [](wire*, const tsn_value*, tsn_err*) -> tsn_status { return TSN_INVALID; };
  EXPECT_FALSE(instance_->reconfigure(config));
}

TEST_F(Instances, RefuseTheHandleOfAnotherInstance) {
  make_started();
  tsn_series out = 0;
  tsn_err err{};
  err.size = sizeof err;
  EXPECT_EQ(told(host()->series(host(), id() + (1ull << 32), text("x"), nullptr, 0, &out, &err), err),
            "-2 the instance's handle is stale or of another instance");
  EXPECT_EQ(host()->stopping(host(), 0), 1);
  EXPECT_EQ(host()->stopping(host(), id()), 0);
  EXPECT_EQ(host()->service(host(), 0, text("tsn.kv/1")), nullptr);
}

TEST_F(Instances, RefuseHandlesThatAreStaleOrNeverWere) {
  make_started();
  for (std::uint64_t handle : {0ull, 1ull, ~0ull, 1ull << 32, 0x100000001ull}) {
    EXPECT_EQ(host()->join(host(), id(), handle), TSN_INVALID);
    EXPECT_EQ(host()->cancel_timer(host(), id(), handle), TSN_INVALID);
    EXPECT_EQ(host()->unwatch(host(), id(), handle), TSN_INVALID);
    EXPECT_EQ(host()->complete(host(), id(), handle, TSN_OK, nullptr, nullptr), TSN_INVALID);
  }
  tsn_timer timer = 0;
  ASSERT_EQ(host()->timer(host(), id(), 1'000'000'000'000, [](void*) {}, nullptr, &timer, nullptr), TSN_OK);
  EXPECT_EQ(host()->cancel_timer(host(), id(), timer), TSN_OK);
  EXPECT_EQ(host()->cancel_timer(host(), id(), timer), TSN_INVALID);
}

TEST_F(Instances, CutLogLinesBetweenCharacters) {
  make_started();
  std::string line(4095, 'x');
  line += "é and more";
  host()->log(host(), id(), 99, text(line));
  EXPECT_EQ(port_.lines.back(), "source.wired 3 " + std::string(4095, 'x'));
}

TEST_F(Instances, PassMetricsOnAndRefuseImpossibleOnes) {
  make_started();
  tsn_label label{text("queue"), text("a")};
  host()->metric(host(), id(), TSN_METRIC_COUNTER, text("seen"), &label, 1, 2);
  host()->metric(host(), id(), TSN_METRIC_COUNTER, text("bad name"), nullptr, 0, 1);
  host()->metric(host(), id(), 7, text("seen"), nullptr, 0, 1);
  EXPECT_EQ(port_.metrics, (std::map<std::string, double>{{"seen{queue=\"a\"}", 2}}));
}

TEST_F(Instances, KeepSmallStateForThePlugin) {
  make_started();
  const auto* kv = static_cast<const tsn_kv_v1*>(host()->service(host(), id(), text("tsn.kv/1")));
  ASSERT_NE(kv, nullptr);
  EXPECT_EQ(host()->service(host(), id(), text("tsn.kv/2")), nullptr);
  char buffer[4];
  tsn_out out{buffer, sizeof buffer, 0};
  EXPECT_EQ(kv->get(host(), id(), text("k"), &out, nullptr), TSN_END);
  ASSERT_EQ(kv->put(host(), id(), text("k"), {"longer", 6}, nullptr), TSN_OK);
  EXPECT_EQ(kv->get(host(), id(), text("k"), &out, nullptr), TSN_OK);
  EXPECT_EQ(out.n, 6u);
  EXPECT_EQ(std::string(buffer, 4), "long");
  EXPECT_EQ(kv->remove(host(), id(), text("k"), nullptr), TSN_OK);
  EXPECT_EQ(kv->get(host(), id(), text("k"), &out, nullptr), TSN_END);
  EXPECT_EQ(kv->put(host(), id(), text(""), {"v", 1}, nullptr), TSN_INVALID);
  EXPECT_EQ(kv->put(host(), id(), text(std::string(257, 'k')), {"v", 1}, nullptr), TSN_INVALID);
  EXPECT_EQ(kv->put(host(), id(), text("k"), {"v", 65537}, nullptr), TSN_INVALID);
  EXPECT_EQ(kv->put(host(), id(), text("k"), {nullptr, 3}, nullptr), TSN_INVALID);
}

TEST_F(Instances, RunTimersInTurnAndNeverOnTheReactor) {
  make_started();
  auto fn = [](void* arg) {
    Instances& test = self(arg);
    Seq seq(test);
    char name[16] = {};
    pthread_getname_np(pthread_self(), name, sizeof name);
    test.event_.notify([&] { test.order.emplace_back(name); });
  };
  for (int i = 0; i < 50; ++i) ASSERT_EQ(host()->timer(host(), id(), 1000, fn, this, nullptr, nullptr), TSN_OK);
  ASSERT_TRUE(event_.wait([&] { return order.size() == 50; }));
  EXPECT_EQ(overlaps, 0);
  for (const std::string& name : order) EXPECT_NE(name, "test-reactor");
}

TEST_F(Instances, TellWhenADescriptorIsReadableAndOnlyOnce) {
  make_started();
  ASSERT_EQ(::pipe(pipe_ends), 0);
  auto fn = [](void* arg, std::uint32_t events) {
    self(arg).event_.notify([&] { self(arg).order.push_back(std::to_string(events)); });
  };
  tsn_watch watch = 0;
  ASSERT_EQ(host()->watch_fd(host(), id(), pipe_ends[0], 1, fn, this, &watch, nullptr), TSN_OK);
  ASSERT_EQ(::write(pipe_ends[1], "x", 1), 1);
  ASSERT_TRUE(event_.wait([&] { return order.size() == 1; }));
  EXPECT_EQ(order[0], "1");
  EXPECT_EQ(host()->unwatch(host(), id(), watch), TSN_INVALID);
  EXPECT_EQ(host()->watch_fd(host(), id(), 9999, 1, fn, this, &watch, nullptr), TSN_INVALID);
  EXPECT_EQ(host()->watch_fd(host(), id(), pipe_ends[0], 8, fn, this, &watch, nullptr), TSN_INVALID);
  instance_->stop();
  ::close(pipe_ends[0]);
  ::close(pipe_ends[1]);
}

TEST_F(Instances, JoinTheirThreads) {
  make_started();
  auto fn = [](void* arg) { ++self(arg).runs; };
  tsn_thread thread = 0;
  ASSERT_EQ(host()->spawn(host(), id(), text("worker"), fn, this, &thread, nullptr), TSN_OK);
  EXPECT_EQ(host()->join(host(), id(), thread), TSN_OK);
  EXPECT_EQ(runs, 1);
  EXPECT_EQ(host()->join(host(), id(), thread), TSN_INVALID);
}

TEST_F(Instances, RefuseAThreadThatWouldJoinItself) {
  make_started();
  static std::promise<tsn_thread> given;
  auto fn = [](void* arg) {
    tsn_thread own = given.get_future().get();
    self(arg).event_.notify([&] {
      self(arg).order.push_back(std::to_string(self(arg).host()->join(self(arg).host(), self(arg).id(), own)));
    });
  };
  tsn_thread thread = 0;
  ASSERT_EQ(host()->spawn(host(), id(), text("w"), fn, this, &thread, nullptr), TSN_OK);
  given.set_value(thread);
  ASSERT_TRUE(event_.wait([&] { return !order.empty(); }));
  EXPECT_EQ(order[0], "-2");
}

TEST_F(Instances, LimitTheirThreads) {
  make_started();
  auto fn = [](void* arg) {
    while (!self(arg).stopped) std::this_thread::yield();
  };
  int started = 0;
  while (host()->spawn(host(), id(), text("w"), fn, this, nullptr, nullptr) == TSN_OK) ++started;
  EXPECT_EQ(started, 256);
  stopped = true;
  instance_->stop();
}

TEST_F(Instances, TakeTimersAndWatchesFromAPluginThatKeepsThem) {
  make_started();
  ASSERT_EQ(::pipe(pipe_ends), 0);
  ASSERT_EQ(
      host()->timer(host(), id(), 50'000'000, [](void* arg) { ++self(arg).runs; }, this, nullptr, nullptr), TSN_OK);
  ASSERT_EQ(
      host()->watch_fd(
          host(), id(), pipe_ends[0], 1, [](void* arg, std::uint32_t) { ++self(arg).runs; }, this, nullptr, nullptr),
      TSN_OK);
  instance_->stop();
  EXPECT_TRUE(port_.logged("after stop it still held 1 timers and 1 watches"));
  ASSERT_EQ(::write(pipe_ends[1], "x", 1), 1);
  std::promise<void> later;
  port_.reactor().after(std::chrono::milliseconds(80), [&] { later.set_value(); });
  later.get_future().wait();
  EXPECT_EQ(runs, 0);
  ::close(pipe_ends[0]);
  ::close(pipe_ends[1]);
}

TEST_F(Instances, BeginNothingNewWhileTheyStop) {
  wire_.stop = [](wire* w) {
    auto& test = test_of<Instances>(w);
    auto status = [&](tsn_status s) { test.order.push_back(std::to_string(s)); };
    status(w->host->stopping(w->host, w->instance));
    status(w->host->timer(w->host, w->instance, 1, [](void*) {}, nullptr, nullptr, nullptr));
    status(w->host->spawn(w->host, w->instance, text("w"), [](void*) {}, nullptr, nullptr, nullptr));
    status(w->host->watch_fd(w->host, w->instance, 0, 1, [](void*, std::uint32_t) {}, nullptr, nullptr, nullptr));
  };
  make_started();
  instance_->stop();
  EXPECT_EQ(order, (std::vector<std::string>{"1", "-5", "-5", "-5"}));
}

/// Threads submit, timers re-arm themselves and submit, the agent pulls and reads counters, and then all is stopped.
TEST_F(Instances, EndCleanlyUnderLoad) {
  static tsn_series series_of_test;
  static std::int64_t now_of_test;
  struct Work {
    static void submit(Instances& test) {
      auto builder = simple_block(series_of_test, now_of_test, 64);
      test.host()->submit(test.host(), test.id(), builder.block(), nullptr, nullptr, nullptr);
      ++test.runs;
    }
    static void thread(void* arg) {
      while (!self(arg).host()->stopping(self(arg).host(), self(arg).id())) submit(self(arg));
    }
    static void timer(void* arg) {
      Seq seq(self(arg));
      submit(self(arg));
      self(arg).host()->timer(self(arg).host(), self(arg).id(), 100'000, &timer, arg, nullptr, nullptr);
    }
  };
  wire_.start = [](wire* w, tsn_bytes, tsn_err* err) -> tsn_status {
    auto& test = test_of<Instances>(w);
    Seq seq(test);
    for (int i = 0; i < 3; ++i) {
      if (w->host->spawn(w->host, w->instance, text("submitter"), &Work::thread, &test, nullptr, err) != TSN_OK)
        return TSN_FAILED;
      if (w->host->timer(w->host, w->instance, 100'000, &Work::timer, &test, nullptr, err) != TSN_OK) return TSN_FAILED;
    }
    return TSN_OK;
  };
  wire_.stop = [](wire* w) { Seq seq(test_of<Instances>(w)); };
  wire_.pull = [](wire* w, tsn_token, std::int64_t, tsn_err*) -> tsn_status {
    Seq seq(test_of<Instances>(w));
    Work::submit(test_of<Instances>(w));
    return TSN_OK;
  };
  make();
  now_of_test = now();
  series_of_test = series("load");
  for (int round = 1; round <= 20; ++round) {
    ASSERT_TRUE(instance_->start(""));
    std::jthread puller([&](std::stop_token stop) {
      while (!stop.stop_requested()) (void)instance_->pull(in(std::chrono::seconds(1)));
    });
    while (runs < round * 50) std::this_thread::yield();
    instance_->stop();
  }
  int at_stop = runs;
  EXPECT_EQ(overlaps, 0);
  EXPECT_EQ(instance_->usage().signals, port_.rows);
  instance_.reset();
  EXPECT_EQ(runs, at_stop);
  std::vector<bool> seen(port_.rows, false);
  for (auto& batch : port_.batches) {
    for (std::uint64_t seq = batch->first_seq; seq < batch->first_seq + batch->rows(); ++seq) {
      ASSERT_LE(seq, seen.size());
      ASSERT_FALSE(seen[seq - 1]);
      seen[seq - 1] = true;
    }
  }
}

}  // namespace
}  // namespace tocsin::plugin_host
