// The parts that need no host: globs, checkpoints, lines of a file.
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <random>

#include "checkpoint.hpp"
#include "glob.hpp"
#include "rotated_files.hpp"
#include "tocsin/plugin.hpp"

namespace tocsin_plugins::logtail {
namespace {

class Directory : public ::testing::Test {
 protected:
  Directory() {
    std::string name = ::testing::TempDir() + "logtail_XXXXXX";
    root = ::mkdtemp(name.data());
  }
  ~Directory() override { std::filesystem::remove_all(root); }
  void touch(const std::string& name) {
    std::filesystem::create_directories(std::filesystem::path(root + "/" + name).parent_path());
    std::ofstream(root + "/" + name) << name;
  }
  std::vector<std::string> names(const std::string& pattern) {
    auto found = expand(root + "/" + pattern);
    for (auto& path : found) path.erase(0, root.size() + 1);
    return found;
  }
  std::string root;
};
using Names = std::vector<std::string>;

TEST_F(Directory, IsExpandedByWildcards) {
  for (const char* name : {"a.log", "b.log", ".hidden.log", "x/c.log", "x/y/d.log", "z.txt"}) touch(name);
  EXPECT_EQ(names("*.log"), (Names{"a.log", "b.log"}));
  EXPECT_EQ(names("?/*.log"), (Names{"x/c.log"}));
  EXPECT_EQ(names("**/*.log"), (Names{"a.log", "b.log", "x/c.log", "x/y/d.log"}));
  EXPECT_EQ(names("[ab].log"), (Names{"a.log", "b.log"}));
  EXPECT_EQ(names("x/**/d.log"), (Names{"x/y/d.log"}));
  EXPECT_EQ(names("none*"), Names{});
  EXPECT_EQ(names("z.txt"), (Names{"z.txt"}));
}
TEST_F(Directory, HoldsAFileWhoseNameLooksLikeAGlob) {
  touch("a[1].log");
  EXPECT_EQ(names("a[1].log"), (Names{"a[1].log"}));
}
TEST_F(Directory, TellsItsRotatedFilesOldestFirst) {
  for (const char* name :
       {"0.log", "0.log.20160102-150405", "0.log.20160101-150405.gz", "0.log.1", "0.log.20160102-1504",
        "0.log.20160102-150405.gz.tmp", "1.log.20160102-150405", "0.log.2016010a-150405"})
    touch(name);
  const auto found = rotated_files(root + "/0.log");
  ASSERT_EQ(found.size(), 2u);
  EXPECT_EQ(found[0].path, root + "/0.log.20160101-150405.gz");
  EXPECT_TRUE(found[0].compressed);
  EXPECT_FALSE(found[1].compressed);
}
TEST_F(Directory, HoldsNothingUnpackedOfABrokenFile) {
  std::ofstream(root + "/a.gz") << "\x1f\x8b\x08 broken";
  EXPECT_EQ(unpack(root + "/a.gz", root + "/scratch"), "");
  EXPECT_EQ(unpack(root + "/none.gz", root + "/scratch"), "");
  EXPECT_TRUE(std::filesystem::is_empty(root + "/scratch"));
}
TEST(Glob, KnowsWhereNewFilesMayAppear) {
  EXPECT_EQ(fixed_directory("/var/log/*.log"), "/var/log");
  EXPECT_EQ(fixed_directory("/var/log/auth.log"), "/var/log");
  EXPECT_EQ(fixed_directory("/*.log"), "/");
  EXPECT_EQ(fixed_directory("*.log"), ".");
  EXPECT_EQ(fixed_directory("/var/*/x/y.log"), "/var");
}
TEST(Glob, ExcludesByNameOrPath) {
  EXPECT_TRUE(excluded_by("*.gz", "/var/log/a.gz"));
  EXPECT_TRUE(excluded_by("/var/log/private/*", "/var/log/private/x/a.log"));
  EXPECT_FALSE(excluded_by("*.gz", "/var/log/a.log"));
}

Checkpoint sample(std::size_t files) {
  Checkpoint made;
  made.written = 1'795'168'800'000'000'000;
  for (std::size_t i = 0; i < files; ++i) {
    Position at{1000 + i, 10 + i, i % 2 == 0, i % 3 == 0, {64, 0x1234567890abcdef + i}, {}, {}};
    if (i % 7 == 1) at.taken = {at.offset + 100, i % 2 ? 0 : at.offset + 1};
    if (i % 4) at.last_time = 1'795'168'800'000'000'000 - static_cast<tsn::Time>(i);
    made.files.push_back({"/var/log/containers/service-" + std::to_string(i) + ".log",
                          {2049, 100'000 + i},
                          at,
                          i % 5 == 0,
                          static_cast<tsn::Time>(i)});
  }
  return made;
}
TEST(Checkpoint, ComesBackAsItWas) {
  const auto before = sample(20);
  const auto after = Checkpoint::decode(before.encode());
  ASSERT_TRUE(after);
  EXPECT_TRUE(after->complete);
  EXPECT_EQ(after->written, before.written);
  ASSERT_EQ(after->files.size(), 20u);
  for (const auto& entry : after->files) {
    const auto at =
        std::find_if(before.files.begin(), before.files.end(), [&](const auto& e) { return e.path == entry.path; });
    ASSERT_NE(at, before.files.end());
    EXPECT_EQ(entry.id, at->id);
    EXPECT_EQ(entry.position.offset, at->position.offset);
    EXPECT_EQ(entry.position.lines, at->position.lines);
    EXPECT_EQ(entry.position.numbered, at->position.numbered);
    EXPECT_EQ(entry.position.within_line, at->position.within_line);
    EXPECT_EQ(entry.position.fingerprint.hash, at->position.fingerprint.hash);
    EXPECT_EQ(entry.position.last_time, at->position.last_time);
    EXPECT_EQ(entry.position.taken, at->position.taken);
  }
}
TEST(Checkpoint, LeavesOutGoneFilesFirstThenTheLongestIdle) {
  const auto whole = sample(5000);
  const auto bytes = whole.encode();
  EXPECT_LE(bytes.size(), 65'536u);
  const auto after = Checkpoint::decode(bytes);
  ASSERT_TRUE(after);
  EXPECT_FALSE(after->complete);
  ASSERT_GT(after->files.size(), 1000u);
  for (const auto& entry : after->files) {
    const auto i = entry.id.inode - 100'000;
    EXPECT_NE(i % 5, 0u) << "a gone file was kept";
    EXPECT_GT(i, 5000 - after->files.size() * 5 / 4 - 10) << "an idle file was kept";
  }
}
TEST(Checkpoint, HoldsThousandFilesOfContainers) {
  EXPECT_TRUE(Checkpoint::decode(sample(1000).encode())->complete);
}
TEST(Checkpoint, IsRefusedWhereItIsBroken) {
  const auto good = sample(5).encode();
  for (std::size_t n = 0; n < good.size(); ++n) EXPECT_FALSE(Checkpoint::decode(good.substr(0, n))) << n;
  EXPECT_FALSE(Checkpoint::decode(good + "x"));
  std::mt19937 random(3);
  for (int i = 0; i < 20'000; ++i) {
    auto bad = good;
    for (int k = 0; k < 3; ++k) bad[random() % bad.size()] = static_cast<char>(random());
    if (const auto read = Checkpoint::decode(bad)) {
      EXPECT_LE(read->files.size(), 5u + 250u);
    }
  }
}

}  // namespace
}  // namespace tocsin_plugins::logtail
