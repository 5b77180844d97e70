// A crash put down to who ran: in a forked child that dies, read by the test from shared memory.
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <thread>

#include "plugin_host/crash_record.hpp"
#include "plugin_host/testdata/fake_port.hpp"

namespace tocsin::plugin_host {
namespace {

using testing::test_of;
using testing::WireTest;

/// Fills the stack, page by page.
[[gnu::noinline]] int deeper(volatile char* above, int depth) {
  volatile char page[4096];
  page[0] = above == nullptr ? '\0' : above[0];
  return depth == 0 ? page[0] : deeper(page, depth - 1) + page[1];
}

class Crashes : public WireTest {
 public:
  Crashes() {
    void* memory = ::mmap(nullptr, sizeof(Findings), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    findings = new (memory) Findings;
  }
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  void SetUp() override {
    GTEST_SKIP() << "a child forked beside other threads may wait for ever for a lock of the sanitizer's";
  }
#endif
  ~Crashes() override { ::munmap(findings, sizeof(Findings)); }

  /// The signal that ended a child which recorded crashes and did `what`; 0: it ended by itself.
  int dies_of(const std::function<void()>& what) {
    const pid_t child = ::fork();
    if (child == 0) {
      for (int fault : {SIGSEGV, SIGABRT}) ::signal(fault, SIG_DFL);  // a sanitizer's own would end it otherwise
      record_crashes(*findings);
      what();
      ::_exit(0);
    }
    int status = 0;
    ::waitpid(child, &status, 0);
    return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
  }
  void pull() { (void)instance_->pull(in(std::chrono::seconds(5))); }
  InstanceSettings with_identity() {
    auto out = settings();
    out.identity = 77;
    return out;
  }

  Findings* findings;
};

TEST_F(Crashes, NameTheInstanceThatRan) {
  wire_.pull = [](wire*, tsn_token, std::int64_t, tsn_err*) -> tsn_status {
    static volatile int* volatile nowhere = reinterpret_cast<int*>(8);
    *nowhere = 1;
    return TSN_OK;
  };
  EXPECT_EQ(dies_of([&] { make(with_identity()), pull(); }), SIGSEGV);
  ASSERT_EQ(findings->count, 1u);
  const Finding& found = findings->items[0];
  EXPECT_STREQ(found.instance, "source.wired");
  EXPECT_STREQ(found.plugin, "wire");
  EXPECT_STREQ(found.call, "pull");
  EXPECT_EQ(found.signal, SIGSEGV);
  EXPECT_EQ(found.address, 8u);
  EXPECT_EQ(found.identity, 77u);
  EXPECT_GT(found.at, 0);
}

TEST_F(Crashes, OfAbortAreRecordedToo) {
  wire_.pull = [](wire*, tsn_token, std::int64_t, tsn_err*) -> tsn_status { std::abort(); };
  EXPECT_EQ(dies_of([&] { make(), pull(); }), SIGABRT);
  ASSERT_EQ(findings->count, 1u);
  EXPECT_STREQ(findings->items[0].instance, "source.wired");
}

TEST_F(Crashes, OfAnOverflownStackAreRecorded) {
  wire_.pull = [](wire*, tsn_token, std::int64_t, tsn_err*) -> tsn_status { return deeper(nullptr, 1 << 20); };
  EXPECT_EQ(dies_of([&] {
              make();
              std::thread([&] { pull(); }).join();
            }),
            SIGSEGV);
  ASSERT_EQ(findings->count, 1u);
  EXPECT_STREQ(findings->items[0].call, "pull");
}

TEST_F(Crashes, OfAPluginsOwnThreadAreTheInstances) {
  wire_.start = [](wire* w, tsn_bytes, tsn_err*) -> tsn_status {
    auto& test = test_of<Crashes>(w);
    tsn_thread thread = 0;
    test.host()->spawn(
        test.host(), test.id(), testing::text("own"), [](void*) { ::raise(SIGSEGV); }, nullptr, &thread, nullptr);
    test.host()->join(test.host(), test.id(), thread);
    return TSN_OK;
  };
  EXPECT_EQ(dies_of([&] { make_started(); }), SIGSEGV);
  ASSERT_EQ(findings->count, 1u);
  EXPECT_STREQ(findings->items[0].instance, "source.wired");
  EXPECT_STREQ(findings->items[0].call, "thread");
}

TEST_F(Crashes, OfTheAgentItselfNameNobody) {
  EXPECT_EQ(dies_of([&] {
              make_started();
              ::raise(SIGSEGV);
            }),
            SIGSEGV);
  ASSERT_EQ(findings->count, 1u);
  EXPECT_STREQ(findings->items[0].instance, "");
}

TEST_F(Crashes, OnManyThreadsAtOnceEndTheProcess) {
  wire_.pull = [](wire*, tsn_token, std::int64_t, tsn_err*) -> tsn_status { return ::raise(SIGSEGV); };
  EXPECT_EQ(dies_of([&] {
              make();
              std::vector<std::thread> others;
              for (int i = 0; i < 8; ++i) others.emplace_back([] { ::raise(SIGSEGV); });
              pull();
              for (auto& each : others) each.join();
            }),
            SIGSEGV);
  EXPECT_EQ(findings->count, 1u);
}

TEST_F(Crashes, AHangThatEndsTheProcessIsRecorded) {
  EXPECT_EQ(dies_of([&] { end_for_hang("detector.lua", "lua", 5, "evaluate"); }), SIGABRT);
  ASSERT_EQ(findings->count, 1u);
  EXPECT_EQ(findings->items[0].signal, 0);
  EXPECT_STREQ(findings->items[0].call, "evaluate");
}

}  // namespace
}  // namespace tocsin::plugin_host
