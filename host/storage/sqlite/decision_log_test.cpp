#include "storage/sqlite/decision_log.hpp"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "storage/scratch_test.hpp"

namespace tocsin::storage::sqlite {
namespace {

namespace fs = std::filesystem;

class DecisionLogs : public ::testing::Test {
 protected:
  base::Result<std::unique_ptr<DecisionLog>> try_open(std::uint64_t after = 0, std::uint64_t file_bytes = 4 << 20) {
    return DecisionLog::open({.directory = scratch_ / "log",
                              .file_bytes = file_bytes,
                              .after = after,
                              .report = [this](const base::Error& error) { reported_.push_back(error.message()); }});
  }
  static std::vector<std::string> all(DecisionLog& log, std::uint64_t after, std::size_t most = 1) {
    std::vector<std::string> out;
    for (;;) {
      const auto records = must(log.read(after, most));
      if (records.empty()) return out;
      for (const auto& record : records) out.push_back(record.decision);
      after = records.back().position;
    }
  }
  std::vector<std::string> files() const {
    std::vector<std::string> out;
    for (const auto& entry : fs::directory_iterator(scratch_ / "log"))
      if (entry.path().extension() == ".tj") out.push_back(entry.path().string());
    std::ranges::sort(out);
    return out;
  }

  Scratch scratch_;
  std::vector<std::string> reported_;
};

TEST_F(DecisionLogs, WhatWasAppendedIsThereAfterADeath) {
  {
    auto log = must(try_open());
    EXPECT_EQ(must(log->append("one")), 1u);
    EXPECT_EQ(must(log->append("two")), 2u);
  }
  auto log = must(try_open());
  EXPECT_EQ(log->newest(), 2u);
  EXPECT_EQ(all(*log, 0), (std::vector<std::string>{"one", "two"}));
  EXPECT_EQ(all(*log, 1), (std::vector<std::string>{"two"}));
  EXPECT_EQ(must(log->append("three")), 3u);
  EXPECT_EQ(all(*log, 1), (std::vector<std::string>{"two", "three"}));
}

TEST_F(DecisionLogs, IsReadAcrossFilesWhileItIsWritten) {
  auto log = must(try_open(0, 100));
  std::vector<std::string> written;
  std::uint64_t after = 0;
  for (int i = 0; i < 30; ++i) {
    written.push_back(std::string(40, 'a') + std::to_string(i));
    must(log->append(written.back()));
    if (i % 7 == 3) {
      const auto some = must(log->read(after, 2));
      ASSERT_EQ(some.size(), 2u);
      EXPECT_EQ(some[1].decision, written[after + 1]);
      after += 2;
    }
  }
  EXPECT_GT(files().size(), 5u);
  EXPECT_EQ(all(*log, after, 3), std::vector<std::string>(written.begin() + static_cast<int>(after), written.end()));
}

TEST_F(DecisionLogs, ForgetsWhatIsInTheStoreAndLeavesNothingBehind) {
  {
    auto log = must(try_open(0, 100));
    for (int i = 0; i < 10; ++i) must(log->append(std::string(60, 'x')));
    must(log->trim(5));
    EXPECT_EQ(all(*log, 5).size(), 5u);
    must(log->trim(10));
    EXPECT_LE(files().size(), 1u);
    EXPECT_EQ(log->bytes(), 0u);
  }
  EXPECT_TRUE(files().empty());
  EXPECT_EQ(must(try_open(10))->newest(), 10u);
}

TEST_F(DecisionLogs, PositionsGoOnAfterTheStoresWhereFilesAreGone) {
  EXPECT_EQ(must(must(try_open(41))->append("x")), 42u);
}

TEST_F(DecisionLogs, ATornRecordWasNeverAcknowledged) {
  {
    auto log = must(try_open());
    must(log->append("whole"));
    must(log->append("torn away"));
  }
  fs::resize_file(files().at(0), fs::file_size(files().at(0)) - 3);
  auto log = must(try_open());
  EXPECT_EQ(log->newest(), 1u);
  must(log->append("next"));
  EXPECT_EQ(all(*log, 0), (std::vector<std::string>{"whole", "next"}));
}

TEST_F(DecisionLogs, ADamagedRecordIsReportedAndTheOthersAreRead) {
  {
    auto log = must(try_open());
    for (const char* text : {"first", "second", "third"}) must(log->append(text));
  }
  std::fstream file(files().at(0), std::ios::in | std::ios::out | std::ios::binary);
  std::string bytes((std::istreambuf_iterator<char>(file)), {});
  file.seekp(static_cast<std::streamoff>(bytes.find("second")));
  file.put('S');
  file.close();
  auto log = must(try_open());
  EXPECT_EQ(all(*log, 0), (std::vector<std::string>{"first", "third"}));
  ASSERT_EQ(reported_.size(), 1u);
  EXPECT_NE(reported_[0].find("damaged"), std::string::npos);
}

TEST_F(DecisionLogs, BelongsToOneProcess) {
  auto log = must(try_open());
  const auto second = try_open();
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().fault(), base::Fault::conflict);
}

}  // namespace
}  // namespace tocsin::storage::sqlite
