#include "telemetry/log.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <regex>
#include <thread>
#include <vector>

namespace tocsin::telemetry {
namespace {

struct Log : testing::Test {
  void SetUp() override {
    path = std::filesystem::temp_directory_path() / ("tocsin_log_test_" + std::to_string(::getpid()) + ".log");
    std::filesystem::remove(path);
  }
  void TearDown() override {
    setup_log({.level = Level::info, .json = false, .file = {}});
    std::filesystem::remove(path);
  }
  void begin(bool json, Level level = Level::info) { setup_log({.level = level, .json = json, .file = path.string()}); }
  std::vector<std::string> lines() const {
    std::vector<std::string> all;
    std::ifstream file(path);
    for (std::string line; std::getline(file, line);) all.push_back(line);
    return all;
  }
  std::filesystem::path path;
};

TEST_F(Log, WritesOneJsonObjectPerLine) {
  begin(true);
  log_warn("source.auth", "cannot read \"x\"\n", {{"correlation_id", "0192"}, {"file", "/var/log/a"}});
  ASSERT_EQ(lines().size(), 1u);
  std::regex expected(R"(\{"ts":"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z","level":"warn","component":"source\.auth",)"
                      R"("msg":"cannot read \\"x\\"\\n","correlation_id":"0192","file":"/var/log/a"\})");
  EXPECT_TRUE(std::regex_match(lines()[0], expected)) << lines()[0];
}

TEST_F(Log, WritesTextThatCannotForgeALine) {
  begin(false);
  log_error("delivery", "gave up\nINFO fake", {{"instance", "mail"}, {"cause", "no route"}, {"empty", ""}});
  ASSERT_EQ(lines().size(), 1u);
  std::regex expected(R"re(\S+ ERROR delivery: "gave up\\nINFO fake" instance=mail cause="no route" empty="")re");
  EXPECT_TRUE(std::regex_match(lines()[0], expected)) << lines()[0];
}

TEST_F(Log, LeavesOutWhatIsBelowTheLevel) {
  begin(true, Level::warn);
  log_info("a", "no");
  log_warn("a", "yes");
  EXPECT_EQ(lines().size(), 1u);
  EXPECT_FALSE(log_enabled(Level::info));
}

TEST_F(Log, KeepsLinesWholeBetweenThreads) {
  begin(true);
  std::string longer(8'000, 'x');
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 200; ++i) log_info("t", longer);
    });
  }
  for (std::thread& thread : threads) thread.join();
  auto all = lines();
  ASSERT_EQ(all.size(), 800u);
  for (const std::string& line : all) ASSERT_EQ(line.size(), all[0].size());
}

TEST_F(Log, OpensTheFileAnewWhenSetUpAgain) {
  begin(true);
  log_info("a", "before");
  std::filesystem::remove(path);  // as rotation does
  begin(true);
  log_info("a", "after");
  ASSERT_EQ(lines().size(), 1u);
  EXPECT_NE(lines()[0].find("after"), std::string::npos);
}

TEST_F(Log, CountsLinesThatCannotBeWritten) {
  setup_log({.level = Level::info, .json = true, .file = "/dev/full"});
  std::uint64_t before = log_lines_lost();
  log_info("a", "nowhere");
  EXPECT_EQ(log_lines_lost(), before + 1);
}

TEST_F(Log, FallsBackToStandardErrorWhenTheFileCannotBeOpened) {
  testing::internal::CaptureStderr();
  setup_log({.level = Level::info, .json = true, .file = "/nonexistent/x.log"});
  log_info("a", "still here");
  std::string written = testing::internal::GetCapturedStderr();
  EXPECT_NE(written.find("cannot open log file /nonexistent/x.log"), std::string::npos);
  EXPECT_NE(written.find("still here"), std::string::npos);
}

TEST(LogLevel, IsReadWithoutCase) {
  EXPECT_EQ(parse_level("WARNING"), Level::warn);
  EXPECT_EQ(parse_level("debug"), Level::debug);
  EXPECT_EQ(parse_level("loud"), std::nullopt);
}

}  // namespace
}  // namespace tocsin::telemetry
