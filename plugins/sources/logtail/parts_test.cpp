// The parts that need no host: patterns, text, globs, checkpoints, lines of a file.
#include <gtest/gtest.h>
#include <re2/re2.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <random>

#include "checkpoint.hpp"
#include "glob.hpp"
#include "pattern.hpp"
#include "text.hpp"
#include "tocsin/plugin.hpp"

namespace tocsin_plugins::logtail {
namespace {

TEST(Pattern, TakesNamedGroupsInBothSpellings) {
  for (const char* text : {R"(from (?<ip>\S+) as (?<user>\w+))", R"(from (?P<ip>\S+) as (?P<user>\w+))"}) {
    Pattern pattern(text, "p");
    ASSERT_EQ(pattern.named_groups().size(), 2u) << text;
    ASSERT_TRUE(pattern.find("login from 10.0.0.1 as root now"));
    EXPECT_EQ(pattern.group(pattern.named_groups()[0].index), "10.0.0.1");
    EXPECT_EQ(pattern.group(pattern.named_groups()[1].index), "root");
  }
}
TEST(Pattern, LeavesEscapesClassesAndLookBehindAlone) {
  EXPECT_EQ(translate_groups(R"(\(?<a> [(?<b>] (?<c>x) \Q(?<d>\E)"), R"(\(?<a> [(?<b>] (?P<c>x) \Q(?<d>\E)");
  EXPECT_EQ(translate_groups("(?<=a)(?<!b)"), "(?<=a)(?<!b)");
}
TEST(Pattern, SaysWhatIsWrongAndWhere) {
  for (const char* bad : {"(", "(?<=a)b", "(?<1a>x)", "a**", R"(\1)"}) {
    try {
      Pattern pattern(bad, "match[3].pattern");
      FAIL() << bad << " was taken";
    } catch (const tsn::Failure& failure) {
      EXPECT_EQ(failure.status().value(), TSN_INVALID);
      EXPECT_NE(failure.status().text().find("match[3].pattern"), std::string::npos);
    }
  }
}
TEST(Pattern, GivesAnEmptyTextForAGroupThatTookNoPart) {
  Pattern pattern("a(?<x>b)?(?<y>c)", "p");
  ASSERT_TRUE(pattern.find("ac"));
  EXPECT_EQ(pattern.group(1), "");
  EXPECT_EQ(pattern.group(2), "c");
}
TEST(Pattern, FindsTheLiteralThatEveryMatchContains) {
  EXPECT_EQ(required_literal(R"(Failed password for (?:invalid user )?(?<user>.*?) from (?<ip>\S+) port)"),
            "Failed password for ");
  EXPECT_EQ(required_literal("abc?"), "ab");
  EXPECT_EQ(required_literal("ab|cdef"), "");
  EXPECT_EQ(required_literal("(?i)abc"), "");
  EXPECT_EQ(required_literal(R"(\[error\] x{0,2}y)"), "[error] ");
  EXPECT_EQ(required_literal(R"(\x41bc\d)"), "bc");
  EXPECT_EQ(required_literal("foo{b|c}"), "");
  EXPECT_EQ(required_literal("(a|b)[xyz]+"), "");
}
TEST(Pattern, NeverLosesALineToItsLiteral) {
  std::mt19937 random(11);
  const char* pieces[] = {"a",      "b",     "ab",     "c?",      "b*",        "a+",      "(ab)",   "(a|b)",
                          "(?:c)?", "[abc]", "[^a]",   R"(\w)",   R"(\.)",     ".",       "x{2}",   "a{0,1}",
                          "|",      "^",     "$",      R"(\x61)", R"(\Qab\E)", R"(\141)", R"(\pL)", "(?<n>b)",
                          "{",      "[]a]",  "(?i:b)", "é",       "é?"};
  RE2::Options quiet;
  quiet.set_log_errors(false);
  int tried = 0;
  for (int i = 0; i < 8'000; ++i) {
    std::string text;
    for (auto n = 1 + random() % 5; n > 0; --n) text += pieces[random() % std::size(pieces)];
    const RE2 plain(translate_groups(text), quiet);
    if (!plain.ok()) continue;
    ++tried;
    Pattern pattern(text, "p");
    for (int j = 0; j < 8; ++j) {
      std::string line;
      for (auto n = random() % 8; n > 0; --n) line += "abcx.{B"[random() % 7];
      if (j == 0) line += "é";
      ASSERT_EQ(pattern.find(line), RE2::PartialMatch(line, plain)) << text << " on " << line;
    }
  }
  EXPECT_GT(tried, 2000);
}

TEST(Text, LeavesGoodUtf8AsItIs) {
  std::string scratch;
  for (const char* good : {"", "plain ascii of more than eight bytes", "مرحبا", "é€😀", "tab\tand\x7f"}) {
    const std::string text = good;
    EXPECT_EQ(clean(text, scratch).data(), text.data());
  }
}
TEST(Text, ReplacesEachBadByteAndNul) {
  std::string scratch;
  EXPECT_EQ(clean(std::string_view("a\xff"
                                   "b\0c",
                                   5),
                  scratch),
            "a\xef\xbf\xbd"
            "b\xef\xbf\xbd"
            "c");
  EXPECT_EQ(clean("\xc0\x80", scratch), "\xef\xbf\xbd\xef\xbf\xbd");                  // overlong
  EXPECT_EQ(clean("\xed\xa0\x80", scratch), "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd");  // a surrogate
  EXPECT_EQ(clean("eight by\xe2\x82", scratch), "eight by\xef\xbf\xbd\xef\xbf\xbd");  // cut short
}
TEST(Text, IsCutBetweenCharacters) {
  EXPECT_EQ(cut("aé", 2), "a");
  EXPECT_EQ(cut("aé", 3), "aé");
  EXPECT_EQ(cut("abc", 2), "ab");
}

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
    Position at{1000 + i, 10 + i, i % 2 == 0, i % 3 == 0, {64, 0x1234567890abcdef + i}, {}};
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
