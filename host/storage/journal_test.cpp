#include "storage/journal.hpp"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cmath>
#include <csignal>
#include <fstream>
#include <set>
#include <thread>

#include "storage/crc32c.hpp"
#include "storage/scratch_test.hpp"

namespace tocsin::storage {
namespace {

namespace fs = std::filesystem;

/// A journal in a scratch folder, with the series table of one process.
class JournalTest : public ::testing::Test {
 protected:
  std::unique_ptr<Journal> open(Journal::Settings settings = {}) {
    settings.directory = scratch / "journal";
    settings.report = [this](const base::Error& e) { reported.push_back(e.message()); };
    return must(Journal::open(std::move(settings), series));
  }
  /// What another process would find: a table that knows nothing yet.
  std::unique_ptr<Journal> open_elsewhere(model::SeriesTable& table) {
    return must(Journal::open(
        {scratch / "journal", false, 64u << 20, 0, [this](const base::Error& e) { reported.push_back(e.message()); }},
        table));
  }
  static std::vector<model::SharedBatch> all(Journal& journal, std::uint64_t from = 1) {
    std::vector<model::SharedBatch> out;
    must(journal.read(from, [&](model::SharedBatch b) { return out.push_back(std::move(b)), true; }));
    return out;
  }
  std::vector<fs::path> files() const {
    std::vector<fs::path> out;
    for (const auto& entry : fs::directory_iterator(scratch / "journal"))
      if (entry.path().extension() == ".tj") out.push_back(entry.path());
    std::sort(out.begin(), out.end());
    return out;
  }
  model::SeriesId id(const std::string& name) { return series.intern({name, {{"host", "n1"}}}); }

  Scratch scratch;
  model::SeriesTable series;
  std::vector<std::string> reported;
};

TEST(Crc32c, MatchesTheCheckValueOfTheStandard) {
  EXPECT_EQ(crc32c(0, "123456789", 9), 0xe3069283u);
  EXPECT_EQ(crc32c_portable(0, "123456789", 9), 0xe3069283u);
}

TEST(Crc32c, GivesTheSameByInstructionByTableAndInPieces) {
  std::string bytes;
  for (int i = 0; i < 1000; ++i) bytes += static_cast<char>(i * 37);
  for (std::size_t cut : {0, 1, 7, 8, 500, 999})
    EXPECT_EQ(crc32c(crc32c(0, bytes.data(), cut), bytes.data() + cut, 1000 - cut),
              crc32c_portable(0, bytes.data(), 1000));
}

TEST_F(JournalTest, NumbersBatchesFromOneWithoutGaps) {
  auto journal = open();
  for (std::uint64_t want = 1; want <= 5; ++want) {
    auto batch = batch_of(id("a"), 3);
    EXPECT_EQ(must(journal->append(batch)), want);
    EXPECT_EQ(batch.position, want);
  }
  EXPECT_EQ(journal->newest(), 5u);
}

TEST_F(JournalTest, GivesEveryColumnBackAfterARestart) {
  auto batch = batch_of(id("log.line"), 2);
  batch.arrived = base::from_ns(42);
  batch.first_seq = 7;
  batch.flags = {0, model::row_old};
  batch.text = {"first line", std::string("nul \0 inside", 12)};
  batch.summary = {{5, 1, 9, 3, 15}, {std::nan(""), 0, 0, 0, 0}};
  batch.line = {10, 11};
  batch.offset = {100, 200};
  batch.files = {"/var/log/a", "/var/log/b"};
  batch.file = {0, 1};
  batch.has_cursor = true;
  batch.cursor = std::string("cur\0sor", 7);
  must(open()->append(batch));

  model::SeriesTable other;
  other.intern({"taken already", {}});
  auto journal = open_elsewhere(other);
  auto read = all(*journal);
  ASSERT_EQ(read.size(), 1u);
  const model::SignalBatch& b = *read[0];
  EXPECT_EQ(b.position, 1u);
  EXPECT_EQ(b.first_seq, 7u);
  EXPECT_EQ(b.arrived, base::from_ns(42));
  EXPECT_EQ(b.instance, "source.test");
  EXPECT_EQ(b.source, "http");
  EXPECT_EQ(b.ts, batch.ts);
  EXPECT_EQ(b.value, batch.value);
  EXPECT_EQ(b.flags, batch.flags);
  EXPECT_EQ(b.text, batch.text);
  EXPECT_EQ(b.line, batch.line);
  EXPECT_EQ(b.offset, batch.offset);
  EXPECT_EQ(b.files, batch.files);
  EXPECT_EQ(b.file, batch.file);
  EXPECT_EQ(b.cursor, batch.cursor);
  EXPECT_TRUE(b.has_cursor);
  EXPECT_EQ(b.summary[0].sum, 15);
  EXPECT_TRUE(std::isnan(b.summary[1].count));
  EXPECT_EQ(other.key(b.series[0]), series.key(batch.series[0]));
}

TEST_F(JournalTest, ReadsFromAPositionAndStopsWhenTold) {
  auto journal = open();
  for (int i = 0; i < 10; ++i) {
    auto batch = batch_of(id("a"), 1);
    must(journal->append(batch));
  }
  std::vector<std::uint64_t> seen;
  must(journal->read(4, [&](model::SharedBatch b) { return seen.push_back(b->position), seen.size() < 3; }));
  EXPECT_EQ(seen, (std::vector<std::uint64_t>{4, 5, 6}));
}

TEST_F(JournalTest, KeepsCursorAndSequenceOverRestartAndTrim) {
  {
    auto journal = open({.file_bytes = 1});
    auto batch = batch_of(id("a"), 4);
    batch.has_cursor = true;
    batch.cursor = "offset 400";
    must(journal->append(batch));
    auto later = batch_of(id("a"), 2);
    later.first_seq = 4;
    must(journal->append(later));
    auto other = batch_of(id("b"), 1);
    other.instance = "source.other";
    must(journal->append(other));
    must(journal->trim(100));
    EXPECT_EQ(files().size(), 1u);
  }
  auto journal = open();
  EXPECT_EQ(journal->cursor("source.test"), "offset 400");
  EXPECT_EQ(journal->next_seq("source.test"), 6u);
  EXPECT_EQ(journal->cursor("unknown"), "");
  EXPECT_EQ(journal->newest(), 3u);
}

TEST_F(JournalTest, TrimsOnlyFilesThatAreWhollyBefore) {
  auto journal = open({.file_bytes = 1});
  for (int i = 0; i < 4; ++i) {
    auto batch = batch_of(id("a"), 1);
    must(journal->append(batch));
  }
  must(journal->trim(3));
  const auto left = all(*journal);
  ASSERT_EQ(left.size(), 2u);
  EXPECT_EQ(left[0]->position, 3u);
}

TEST_F(JournalTest, EachFileCanBeReadAlone) {
  {
    auto journal = open({.file_bytes = 1});
    for (int i = 0; i < 3; ++i) {
      auto batch = batch_of(id("same series"), 1);
      must(journal->append(batch));
    }
  }
  fs::remove(files()[0]);
  model::SeriesTable other;
  auto journal = open_elsewhere(other);
  const auto read = all(*journal);
  ASSERT_EQ(read.size(), 2u);
  EXPECT_EQ(other.key(read[0]->series[0]).name, "same series");
}

TEST_F(JournalTest, PositionsGoOnAfterTheStoresEvenWhenFilesWereLost) {
  auto journal = open({.after = 500});
  auto batch = batch_of(id("a"), 1);
  EXPECT_EQ(must(journal->append(batch)), 501u);
}

TEST_F(JournalTest, RefusesADirectoryThatAnotherAgentHolds) {
  auto journal = open();
  model::SeriesTable other;
  auto second = Journal::open({.directory = scratch / "journal"}, other);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().fault(), base::Fault::conflict);
}

TEST_F(JournalTest, RefusesColumnsOfDifferentLength) {
  auto journal = open();
  auto batch = batch_of(id("a"), 3);
  batch.value.pop_back();
  auto appended = journal->append(batch);
  ASSERT_FALSE(appended);
  EXPECT_EQ(appended.error().fault(), base::Fault::invalid);
}

TEST_F(JournalTest, AppendsOfManyThreadsAreAllThereOnceWithSync) {
  auto journal = open({.sync = true, .file_bytes = 4096});
  constexpr int threads = 4, each = 50;
  {
    std::vector<std::jthread> running;
    for (int t = 0; t < threads; ++t)
      running.emplace_back([&, t] {
        const model::SeriesId mine = series.intern({"thread " + std::to_string(t), {}});
        for (int i = 0; i < each; ++i) {
          auto batch = batch_of(mine, 2);
          batch.instance = "source." + std::to_string(t);
          batch.first_seq = static_cast<std::uint64_t>(i) * 2;
          EXPECT_TRUE(journal->append(batch));
        }
      });
  }
  std::uint64_t next = 1;
  for (const auto& b : all(*journal)) EXPECT_EQ(b->position, next++);
  EXPECT_EQ(next, threads * each + 1u);
  EXPECT_EQ(journal->next_seq("source.0"), 2u * each);
}

TEST_F(JournalTest, ReadsWhileOthersAppend) {
  auto journal = open({.file_bytes = 2000});
  std::atomic<bool> stop = false;
  const model::SeriesId a = id("a");
  std::jthread writer([&] {
    while (!stop) {
      auto batch = batch_of(a, 3);
      EXPECT_TRUE(journal->append(batch));
    }
  });
  for (int round = 0; round < 20; ++round) {
    const std::uint64_t before = journal->newest();
    std::uint64_t next = 1;
    for (const auto& b : all(*journal)) ASSERT_EQ(b->position, next++);
    EXPECT_GE(next, before + 1);
  }
  stop = true;
  writer.join();
  EXPECT_TRUE(reported.empty());
}

TEST_F(JournalTest, CutsATornRecordAtOpenAndSaysSo) {
  {
    auto journal = open();
    for (int i = 0; i < 2; ++i) {
      auto batch = batch_of(id("a"), 10);
      must(journal->append(batch));
    }
  }
  fs::resize_file(files()[0], fs::file_size(files()[0]) - 5);
  auto journal = open();
  EXPECT_EQ(all(*journal).size(), 1u);
  ASSERT_EQ(reported.size(), 1u);
  EXPECT_NE(reported[0].find("did not finish"), std::string::npos);
  auto batch = batch_of(id("a"), 10);
  EXPECT_EQ(must(journal->append(batch)), 2u);
}

TEST_F(JournalTest, CutsZerosThatALossOfPowerLeaves) {
  {
    auto journal = open();
    auto batch = batch_of(id("a"), 10);
    must(journal->append(batch));
  }
  const auto whole = fs::file_size(files()[0]);
  fs::resize_file(files()[0], whole + 4096);
  auto journal = open();
  EXPECT_EQ(all(*journal).size(), 1u);
  EXPECT_EQ(fs::file_size(files()[0]), whole);
}

std::string contents(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}
void overwrite(const fs::path& path, const std::string& bytes) {
  std::ofstream(path, std::ios::binary | std::ios::trunc)
      .write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
}

/// Every byte of a small file flipped in turn: never a crash, never a wrong value, what is lost is said.
TEST_F(JournalTest, SurvivesAFlippedByteAtEveryOffset) {
  {
    auto journal = open();
    for (int i = 0; i < 3; ++i) {
      auto batch = batch_of(id("series " + std::to_string(i % 2)), 4, 1'700'000'000'000'000'000, i * 100.0);
      batch.text = {"one", "two", "three", "four"};
      must(journal->append(batch));
    }
  }
  const fs::path file = files()[0];
  const std::string good = contents(file);
  for (std::size_t at = 0; at < good.size(); ++at) {
    std::string bad = good;
    bad[at] = static_cast<char>(bad[at] ^ 0x41);
    for (const fs::path& other : files()) fs::remove(other);
    overwrite(file, bad);
    reported.clear();
    model::SeriesTable table;
    auto journal = open_elsewhere(table);
    std::set<std::uint64_t> seen;
    for (const auto& b : all(*journal)) {
      seen.insert(b->position);
      ASSERT_EQ(b->value[0], static_cast<double>(b->position - 1) * 100) << "offset " << at;
      ASSERT_EQ(table.key(b->series[0]).name, "series " + std::to_string((b->position - 1) % 2)) << "offset " << at;
    }
    ASSERT_TRUE(seen.size() == 3 || !reported.empty()) << "silent loss at offset " << at;
    auto batch = batch_of(table.intern({"new", {}}), 1);
    ASSERT_GT(must(journal->append(batch)), 3u) << "a position came twice at offset " << at;
  }
}

TEST_F(JournalTest, StepsOverADamagedRecordInTheMiddle) {
  {
    auto journal = open();
    for (int i = 0; i < 3; ++i) {
      auto batch = batch_of(id("a"), 4, 1'700'000'000'000'000'000, i * 100.0);
      must(journal->append(batch));
    }
  }
  std::string bytes = contents(files()[0]);
  const double value = 102;  // in the second batch
  const std::size_t at = bytes.find(std::string(reinterpret_cast<const char*>(&value), sizeof value));
  ASSERT_NE(at, bytes.npos);
  bytes[at] = static_cast<char>(bytes[at] ^ 1);
  overwrite(files()[0], bytes);
  auto journal = open();
  const auto read = all(*journal);
  ASSERT_EQ(read.size(), 2u);
  EXPECT_EQ(read[1]->position, 3u);
  EXPECT_EQ(reported.size(), 1u);
}

TEST_F(JournalTest, GoesOnWithTheNextFileAfterOneThatCannotBeRead) {
  {
    auto journal = open({.file_bytes = 1});
    for (int i = 0; i < 3; ++i) {
      auto batch = batch_of(id("a"), 4);
      must(journal->append(batch));
    }
  }
  overwrite(files()[1], std::string(500, 'x'));
  auto journal = open();
  const auto read = all(*journal);
  ASSERT_EQ(read.size(), 2u);
  EXPECT_EQ(read[1]->position, 3u);
}

/// In a child with a file size limit: the limit is the process's.
TEST_F(JournalTest, ADiskThatRefusesIsUnavailableAndLeavesTheFileWhole) {
  const pid_t child = ::fork();
  if (child == 0) {
    ::signal(SIGXFSZ, SIG_IGN);
    auto journal = open();
    auto small = batch_of(id("a"), 10);
    if (!journal->append(small)) ::_exit(2);
    const rlimit limit{20'000, 20'000};
    ::setrlimit(RLIMIT_FSIZE, &limit);
    auto large = batch_of(id("b"), 10'000);
    auto refused = journal->append(large);
    if (refused || refused.error().fault() != base::Fault::unavailable) ::_exit(3);
    auto after = batch_of(id("b"), 10);
    if (journal->append(after).value_or(0) != 2) ::_exit(4);
    if (all(*journal).size() != 2) ::_exit(5);
    ::_exit(0);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  ASSERT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 0);
  auto journal = open();
  EXPECT_EQ(all(*journal).size(), 2u);
  EXPECT_TRUE(reported.empty());
}

/// The child says through a pipe what was appended; the parent kills it in the middle and must find all of that.
TEST_F(JournalTest, WhatWasAppendedSurvivesKillNine) {
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  const model::SeriesId a = id("a");
  const pid_t child = ::fork();
  if (child == 0) {
    auto journal = open({.file_bytes = 100'000});
    for (;;) {
      auto batch = batch_of(a, 50);
      auto position = journal->append(batch);
      if (!position || ::write(ends[1], &*position, sizeof *position) != sizeof *position) ::_exit(1);
    }
  }
  ::close(ends[1]);
  std::uint64_t last = 0, told = 0;
  while (last < 2000 && ::read(ends[0], &told, sizeof told) == sizeof told) last = told;
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
  while (::read(ends[0], &told, sizeof told) == sizeof told) last = told;
  ::close(ends[0]);
  ASSERT_GE(last, 2000u);

  auto journal = open();
  EXPECT_GE(journal->newest(), last);
  std::uint64_t next = 1;
  for (const auto& b : all(*journal)) {
    ASSERT_EQ(b->position, next++);
    ASSERT_EQ(b->value[49], 50);
  }
  EXPECT_GT(next, last);
}

}  // namespace
}  // namespace tocsin::storage
