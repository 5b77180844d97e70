// The book of crashes, on a real directory.
#include "app/crash_book.hpp"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <cstring>
#include <filesystem>
#include <fstream>

#include "app/supervisor.hpp"

namespace tocsin::app {
namespace {

namespace fs = std::filesystem;

class Book : public ::testing::Test {
 public:
  Book() {
    char name[] = "/tmp/tocsin-crashes-XXXXXX";
    directory = ::mkdtemp(name);
  }
  ~Book() override { fs::remove_all(directory); }
  std::unique_ptr<CrashBook> open() { return std::move(*CrashBook::open(directory + "/crashes.json")); }
  static Crash crash(const std::string& instance, std::uint64_t identity, const std::string& plugin = "logtail") {
    return {instance, plugin, identity, "SIGSEGV", "pull", base::from_ns(1'700'000'000'000'000'000), 1};
  }
  static plugin_host::Found file(std::uint64_t identity, const std::string& plugin = "logtail",
                                 std::uint32_t kinds = model::kind_source) {
    plugin_host::Found out;
    out.identity = identity;
    out.descriptor.types.emplace_back();
    out.descriptor.types.back().id = plugin;
    out.descriptor.types.back().kinds = kinds;
    return out;
  }
  std::string directory;
};

TEST_F(Book, IsolatesEveryInstanceOfTheFileThatCrashed) {
  auto book = open();
  EXPECT_FALSE(book->isolates("source.a", "logtail", 7));
  ASSERT_TRUE(book->note(crash("source.a", 7)));
  EXPECT_TRUE(book->isolates("source.a", "logtail", 7));
  EXPECT_TRUE(book->isolates("source.b", "logtail", 7));
  EXPECT_FALSE(book->isolates("source.a", "logtail", 8));
}

TEST_F(Book, IsKeptOverARestartAndCounts) {
  ASSERT_TRUE(open()->note(crash("source.a", 0xfedcba9876543210)));
  ASSERT_TRUE(open()->note(crash("source.a", 0xfedcba9876543210)));
  auto book = open();
  ASSERT_EQ(book->all().size(), 1u);
  EXPECT_EQ(book->all()[0].count, 2u);
  EXPECT_TRUE(book->isolates("source.a", "logtail", 0xfedcba9876543210));
  EXPECT_EQ(text_of(book->all()[0]), "crashed SIGSEGV in pull 2023-11-14T22:13:20Z (2 times)");
}

TEST_F(Book, ForgetsAFileOnceAnotherIsInItsPlace) {
  auto book = open();
  ASSERT_TRUE(book->note(crash("source.a", 7)));
  EXPECT_TRUE(book->forget_exchanged({file(7)}).empty());
  EXPECT_TRUE(book->forget_exchanged({file(9, "other")}).empty()) << "the file may come back as it was";
  EXPECT_TRUE(book->forget_exchanged({file(9, "logtail", model::kind_notifier)}).empty()) << "another of that id";
  EXPECT_EQ(book->forget_exchanged({file(8)}).size(), 1u);
  EXPECT_FALSE(book->isolates("source.a", "logtail", 7));
  EXPECT_TRUE(open()->all().empty());
}

TEST_F(Book, ThatIsDamagedIsPutAside) {
  std::ofstream(directory + "/crashes.json") << "{\"crashes\": [";
  EXPECT_TRUE(open()->all().empty());
  EXPECT_TRUE(fs::exists(directory + "/crashes.json.damaged"));
  ASSERT_TRUE(open()->note(crash("source.a", 7)));
  EXPECT_EQ(open()->all().size(), 1u);
}

TEST_F(Book, TakesEachFindingOnceAndNoneThatNamesNobody) {
  plugin_host::Findings findings;
  std::strcpy(findings.at(0).instance, "source.a");
  std::strcpy(findings.at(0).plugin, "logtail");
  findings.at(0).signal = 11;
  findings.count = 2;  // the second is of the agent itself
  auto book = open();
  take_findings(findings, *book);
  take_findings(findings, *book);
  ASSERT_EQ(book->all().size(), 1u);
  EXPECT_EQ(book->all()[0].signal, "SIGSEGV");
  EXPECT_EQ(book->all()[0].count, 1u);
}

TEST(RestartPace, DoublesUntilAWorkerRanWell) {
  using namespace std::chrono_literals;
  RestartPace pace;
  EXPECT_EQ(pace.after(false, 1s), 0s);
  EXPECT_EQ(pace.after(true, 1s), 10ms);
  EXPECT_EQ(pace.after(false, 60s), 20ms) << "it never was ready";
  for (int i = 0; i < 20; ++i) pace.after(false, 1s);
  EXPECT_EQ(pace.after(false, 1s), 30s);
  EXPECT_EQ(pace.after(true, 10s), 0s);
  EXPECT_EQ(pace.after(true, 1s), 10ms);
}

}  // namespace
}  // namespace tocsin::app
