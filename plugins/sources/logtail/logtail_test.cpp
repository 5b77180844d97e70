// The plugin on real temporary files and a host whose clock stands still.
#include "logtail_fixture.hpp"

namespace tocsin_plugins::logtail {
namespace {

class Logtail : public LogtailFixture {};

// --- what becomes of a line ---

constexpr auto failed_login =
    R"("match": [{"signal": "auth.failure", "pattern": "Failed password for (?:invalid user )?(?<user>.*?) from (?<client_ip>\\S+) port"}])";

TEST_F(Logtail, MakesASignalWithTheNamedGroupsAsLabels) {
  append("a.log",
         "Nov 20 09:59:59 gate sshd[1]: Failed password for invalid user bob from 198.51.100.7 port 22 ssh2\n");
  start_from_beginning(R"("timestamp": {"format": "rfc3164", "zone": "UTC"},)" + std::string(failed_login));
  poll();
  ASSERT_EQ(host_.rows().size(), 1u);
  const auto row = host_.rows()[0];
  EXPECT_EQ(row.name, "auth.failure");
  EXPECT_EQ(row.labels, (std::map<std::string, std::string>{{"user", "bob"}, {"client_ip", "198.51.100.7"}}));
  EXPECT_EQ(row.value, 1);
  EXPECT_EQ(row.ts, ten_o_clock - second);
}

TEST_F(Logtail, TellsWhereALineStands) {
  append("a.log", "one\ntwo x\n");
  start_from_beginning(R"("match": [{"signal": "s", "pattern": "x"}])");
  poll();
  const auto row = host_.rows().at(0);
  EXPECT_EQ(row.origin_file, path("a.log"));
  EXPECT_EQ(row.origin_offset, 4u);
  EXPECT_EQ(row.origin_line, 2u);
  EXPECT_EQ(row.text, "two x");
}

TEST_F(Logtail, EmitsForEveryEntryThatMatches) {
  append("a.log", "error in payment\n");
  start_from_beginning(
      R"("match": [{"signal": "a", "pattern": "error"}, {"signal": "b", "pattern": "nothing"}, {"signal": "c", "pattern": "payment"}])");
  poll();
  ASSERT_EQ(host_.rows().size(), 2u);
  EXPECT_EQ(host_.rows()[0].name, "a");
  EXPECT_EQ(host_.rows()[1].name, "c");
}

TEST_F(Logtail, MakesEveryLineASignalWhereNothingIsToBeMatched) {
  append("a.log", "anything\n");
  start_from_beginning();
  poll();
  ASSERT_EQ(host_.rows().size(), 1u);
  EXPECT_EQ(host_.rows()[0].name, "log.line");
  EXPECT_EQ(host_.rows()[0].label("file"), path("a.log"));
}

TEST_F(Logtail, TakesTheValueFromAGroupAndAddsStaticLabels) {
  append("a.log", "took 12.5 ms\ntook - ms\n");
  start_from_beginning(
      R"("match": [{"signal": "d", "pattern": "took (?P<ms>\\S+) ms", "value": "ms", "labels": {"team": "x"}}])");
  poll();
  ASSERT_EQ(host_.rows().size(), 1u);
  EXPECT_EQ(host_.rows()[0].value, 12.5);
  EXPECT_EQ(host_.rows()[0].labels, (std::map<std::string, std::string>{{"team", "x"}}));
  ASSERT_EQ(host_.rejected().size(), 1u);
  EXPECT_EQ(host_.rejected()[0].error_type, "value");
}

TEST_F(Logtail, GivesALineWithoutTimestampTheLastOneOfItsFile) {
  append("a.log", "first\n2026-11-20T09:00:00Z x\n  at frame 1\n");
  append("b.log", "other\n");
  start_from_beginning("", {"a.log", "b.log"});
  poll();
  const auto rows = host_.rows();
  ASSERT_EQ(rows.size(), 4u);
  EXPECT_EQ(rows[0].ts, ten_o_clock);
  EXPECT_EQ(rows[1].ts, ten_o_clock - 3600 * second);
  EXPECT_EQ(rows[2].ts, ten_o_clock - 3600 * second);
  EXPECT_EQ(rows[3].ts, ten_o_clock);
}

TEST_F(Logtail, InheritsTheLastTimestampAcrossARestart) {
  append("a.log", "2026-11-20T09:00:00Z x\n");
  start_from_beginning();
  poll();
  source_.reset();
  append("a.log", "  at frame 1\n");
  restart();
  poll();
  ASSERT_EQ(host_.rows().size(), 2u);
  EXPECT_EQ(host_.rows()[1].ts, ten_o_clock - 3600 * second);
}

TEST_F(Logtail, FindsTimestampsWhereTheyStand) {
  struct Case {
    const char* timestamp;
    const char* line;
  };
  const Case cases[] = {
      {R"({"format": "clf"})", R"(10.0.0.1 - - [20/Nov/2026:12:00:00 +0300] "GET /" 200 5)"},
      {R"js({"format": "epoch_ms", "pattern": "\"time\":(?<ts>\\d+)"})js", R"({"level":"x","time":1795165200000})"},
      {R"({"format": "%d.%m.%Y %H:%M:%S", "zone": "Asia/Riyadh"})", "20.11.2026 12:00:00 x"},
      {R"({"format": "iso8601", "zone": "Asia/Riyadh"})", "[2026-11-20 12:00:00,000] INFO x"},
      {R"({"format": "rfc3339"})", "2026-11-20T09:00:00Z x"},
      {R"({"format": "epoch"})", "1795165200 x"}};
  for (const auto& [timestamp, line] : cases) {
    host_.clear();
    overwrite("a.log", std::string(line) + "\n");
    start_from_beginning(R"("timestamp": )" + std::string(timestamp));
    poll();
    source_.reset();
    ASSERT_EQ(host_.rows().size(), 1u) << timestamp;
    EXPECT_EQ(host_.rows()[0].ts, ten_o_clock - 3600 * second) << timestamp;
  }
}

TEST_F(Logtail, MarksLinesOlderThanMaxAge) {
  append("a.log", "2026-11-20T09:49:59Z old\n2026-11-20T09:50:00Z young\n");
  start_from_beginning(R"("max_age": "10m")");
  poll();
  EXPECT_EQ(host_.rows().at(0).flags, std::uint32_t{TSN_ROW_OLD});
  EXPECT_EQ(host_.rows().at(1).flags, 0u);
}

TEST_F(Logtail, TakesWindowsLineEndsAndEmptyLines) {
  append("a.log", "one\r\n\r\n\ntwo\n");
  start_from_beginning();
  poll();
  EXPECT_EQ(texts(), (Texts{"one", "", "", "two"}));
}

TEST_F(Logtail, ReplacesWhatIsNoUtf8AndGoesOn) {
  append("a.log", std::string("bin \xff\xfe\0 x\n", 10) + "good\n");
  start_from_beginning();
  poll();
  EXPECT_EQ(texts(), (Texts{"bin \xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd x", "good"}));
}

TEST_F(Logtail, SurvivesBinaryGarbage) {
  std::mt19937 random(5);
  std::string garbage(300'000, 0);
  for (auto& c : garbage) c = static_cast<char>(random());
  append("a.log", garbage + "\nlast\n");
  start_from_beginning(
      R"js("match": [{"signal": "s", "pattern": "^last$"}, {"signal": "n", "pattern": "(?<w>\\w+)"}])js");
  poll();
  EXPECT_EQ(host_.rows().back().text, "last");
  const auto lines = std::count(garbage.begin(), garbage.end(), '\n') + 2;
  EXPECT_EQ(metric("lines_read"), static_cast<double>(lines));
}

TEST_F(Logtail, CutsLongLinesAndCountsThem) {
  for (const std::size_t length : {999u, 1000u, 1001u, 70'000u, 200'000u}) {
    host_.clear();
    overwrite("a.log", std::string(length, 'x') + "\nnext\n");
    start_from_beginning(
        R"("max_line": 1000, "match": [{"signal": "s", "pattern": "^x+$"}, {"signal": "n", "pattern": "next"}])");
    poll();
    source_.reset();
    ASSERT_EQ(host_.rows().size(), 2u) << length;
    EXPECT_EQ(host_.rows()[0].text.size(), std::min<std::size_t>(length, 1000)) << length;
    EXPECT_EQ(host_.rows()[1].origin_line, 2u) << length;
    EXPECT_EQ(host_.rows()[1].origin_offset, length + 1) << length;
  }
  EXPECT_EQ(metric("lines_cut"), 3);
}

TEST_F(Logtail, TakesALongLineOnceWhileItStillGrows) {
  append("a.log", std::string(150'000, 'x'));
  start_from_beginning(R"("max_line": 1000)");
  poll();
  append("a.log", std::string(150'000, 'x'));
  poll();
  kill();
  restart();
  append("a.log", "end\nnext\n");
  poll();
  ASSERT_EQ(host_.rows().size(), 2u);
  EXPECT_EQ(host_.rows()[0].text, std::string(1000, 'x'));
  EXPECT_EQ(host_.rows()[1].text, "next");
}

TEST_F(Logtail, CarriesAtMostSixteenKiBOfALine) {
  append("a.log", std::string(500'000, 'x') + "needle\n");
  start_from_beginning(R"("match": [{"signal": "s", "pattern": "needle"}])");
  poll();
  EXPECT_EQ(host_.rows().at(0).text.size(), 16'384u);
}

TEST_F(Logtail, WaitsForTheEndOfTheLastLine) {
  append("a.log", "whole\nbegun");
  start_from_beginning();
  poll();
  EXPECT_EQ(texts(), (Texts{"whole"}));
  append("a.log", " and ended\n");
  poll();
  EXPECT_EQ(texts(), (Texts{"whole", "begun and ended"}));
}

TEST_F(Logtail, CountsWhatItDoes) {
  append("a.log", "error\nfine\nerror\n");
  start_from_beginning(R"("match": [{"signal": "s", "pattern": "error"}])");
  poll();
  EXPECT_EQ(metric("lines_read"), 3);
  EXPECT_EQ(metric("lines_matched"), 2);
  EXPECT_EQ(metric("lines_unmatched"), 1);
  EXPECT_EQ(metric("bytes"), 17);
}

TEST_F(Logtail, ReportsLinesBeyondTheLimitOfSeries) {
  host_.max_series = 2;
  append("a.log", "u=1\nu=2\nu=3\nu=1\n");
  start_from_beginning(R"js("match": [{"signal": "s", "pattern": "u=(?<u>\\d)"}])js");
  poll();
  EXPECT_EQ(texts(), (Texts{"u=1", "u=2", "u=1"}));
  ASSERT_EQ(host_.rejected().size(), 1u);
  EXPECT_EQ(host_.rejected()[0].error_type, "cardinality");
}

// --- where reading begins ---

TEST_F(Logtail, BeginsAtTheEndByDefault) {
  append("a.log", "old\n");
  start();
  append("a.log", "new\n");
  poll();
  EXPECT_EQ(texts(), (Texts{"new"}));
  EXPECT_EQ(host_.rows()[0].origin_line, 0u)
      << "the number of a line is unknown where nobody counted from the beginning";
}
TEST_F(Logtail, TakesALineWholeThatWasBegunBeforeTheStart) {
  append("a.log", "old\nbeg");
  start();
  append("a.log", "un\n");
  poll();
  EXPECT_EQ(texts(), (Texts{"begun"}));
}
TEST_F(Logtail, ReadsFilesThatAppearLaterFromTheirBeginning) {
  append("a.log", "old\n");
  start("", {"*.log"});
  poll();
  append("b.log", "first\n");
  poll();
  EXPECT_EQ(texts(), (Texts{"first"}));
}
TEST_F(Logtail, KnowsNoStartOnceThereIsACheckpoint) {
  append("a.log", "old\n");
  start("", {"*.log"});
  poll();
  kill();
  append("a.log", "while down\n");
  append("b.log", "new file\n");
  restart();
  poll();
  EXPECT_EQ(texts(), (Texts{"while down", "new file"}));
}
TEST_F(Logtail, BeginsAnewWithACursorThatIsNotIts) {
  append("a.log", "line\n");
  config_ = config(R"("start": "beginning")", {"a.log"});
  source_ = host_.create("logtail", config_);
  EXPECT_EQ(source_->start("\x01 something else").status, TSN_OK);
  poll();
  EXPECT_EQ(texts(), (Texts{"line"}));
  EXPECT_TRUE(host_.logged("checkpoint"));
}
TEST_F(Logtail, LeavesOutWhatIsExcluded) {
  append("a.log", "a\n");
  append("a.log.1", "b\n");
  append("a.log.gz", "c\n");
  start_from_beginning(R"("exclude": ["*.gz", "*.[0-9]"])", {"a.log*"});
  poll();
  EXPECT_EQ(texts(), (Texts{"a"}));
}
TEST_F(Logtail, ReadsAFileOnceThatHasTwoNames) {
  append("a.log", "a\n");
  fs::create_symlink(path("a.log"), path("b.log"));
  fs::create_hard_link(path("a.log"), path("c.log"));
  start_from_beginning("", {"*.log"});
  poll();
  EXPECT_EQ(texts(), (Texts{"a"}));
}
TEST_F(Logtail, LeavesDirectoriesAndPipesAlone) {
  fs::create_directory(path("d.log"));
  ASSERT_EQ(::mkfifo(path("p.log").c_str(), 0600), 0);
  append("a.log", "a\n");
  start_from_beginning("", {"*.log"});
  poll();
  EXPECT_EQ(texts(), (Texts{"a"}));
}
TEST_F(Logtail, SaysThatNoFileMatchesYet) {
  start("", {"none.log"});
  EXPECT_EQ(poll(), TSN_OK);
  EXPECT_TRUE(host_.logged("no file matches"));
}
TEST_F(Logtail, FollowsManyFiles) {
  for (int i = 0; i < 700; ++i) append("f" + std::to_string(1000 + i) + ".log", "first " + std::to_string(i) + "\n");
  start_from_beginning("", {"*.log"});
  poll();
  EXPECT_EQ(host_.rows().size(), 700u);
  for (int i = 0; i < 700; ++i) append("f" + std::to_string(1000 + i) + ".log", "second " + std::to_string(i) + "\n");
  kill();
  restart();
  poll();
  ASSERT_EQ(host_.rows().size(), 1400u);
  const auto all = texts();
  for (int i = 0; i < 700; ++i) EXPECT_EQ(all[700 + i], "second " + std::to_string(i));
}

// --- rotation ---

TEST_F(Logtail, FollowsARenamedFileToItsEnd) {
  append("a.log", "1\n");
  start_from_beginning();
  poll();
  append("a.log", "2\n");
  rename("a.log", "a.log.1");
  append("a.log.1", "3\n");
  append("a.log", "4\n");
  poll();
  append("a.log.1", "5\n");
  append("a.log", "6\n");
  poll();
  EXPECT_EQ(texts(), (Texts{"1", "2", "3", "4", "5", "6"}));
  EXPECT_EQ(metric("rotations"), 1);
}
TEST_F(Logtail, DoesNotReadARotatedFileAgainUnderItsNewName) {
  append("a.log", "1\n");
  start_from_beginning("", {"a.log*"});
  poll();
  rename("a.log", "a.log.1");
  append("a.log", "2\n");
  poll();
  kill();
  restart();
  poll();
  EXPECT_EQ(texts(), (Texts{"1", "2"}));
}
TEST_F(Logtail, ReadsTheRestOfAFileThatWasRotatedWhileItWasDown) {
  append("a.log", "1\n");
  start_from_beginning(R"("exclude": ["*.1"])", {"a.log*"});
  poll();
  kill();
  append("a.log", "2\n");
  rename("a.log", "a.log.1");
  append("a.log", "3\n");
  restart();
  poll();
  EXPECT_EQ(texts(), (Texts{"1", "2", "3"}));
}
TEST_F(Logtail, BeginsAnewInATruncatedFile) {
  append("a.log", "1\n2\n");
  start_from_beginning();
  poll();
  overwrite("a.log", "3\n");
  poll();
  EXPECT_EQ(texts(), (Texts{"1", "2", "3"}));
  EXPECT_EQ(host_.rows()[2].origin_line, 1u);
  EXPECT_EQ(metric("truncations"), 1);
}
TEST_F(Logtail, NoticesATruncatedFileThatHasGrownBeyondItsOldSize) {
  append("a.log", "1\n2\n");
  start_from_beginning();
  poll();
  overwrite("a.log", "3\n4\n5\n");
  poll();
  EXPECT_EQ(texts(), (Texts{"1", "2", "3", "4", "5"}));
}
TEST_F(Logtail, NoticesATruncationWhileItWasDown) {
  append("a.log", "1\n2\n");
  start_from_beginning();
  poll();
  kill();
  overwrite("a.log", "3\n4\n5\n");
  restart();
  poll();
  EXPECT_EQ(texts(), (Texts{"1", "2", "3", "4", "5"}));
}
TEST_F(Logtail, LetsADeletedFileGoWhenItIsRead) {
  append("a.log", "1\n");
  start_from_beginning();
  poll();
  append("a.log", "2\n");
  const auto open = std::distance(fs::directory_iterator("/proc/self/fd"), {});
  fs::remove(path("a.log"));
  poll();
  EXPECT_EQ(texts(), (Texts{"1", "2"}));
  host_.advance(31s);
  EXPECT_EQ(std::distance(fs::directory_iterator("/proc/self/fd"), {}), open - 1);
}
TEST_F(Logtail, KnowsAFileAgainThatWasAwayForAWhile) {
  append("a.log", "1\n");
  start_from_beginning();
  poll();
  rename("a.log", "elsewhere");
  host_.advance(60s);
  append("elsewhere", "2\n");
  rename("elsewhere", "a.log");
  poll();
  EXPECT_EQ(texts(), (Texts{"1", "2"}));
}

// --- once, and only once ---

TEST_F(Logtail, KeepsRowsAndPositionWhenTheIntakeIsFull) {
  append("a.log", "1\n2\n");
  start_from_beginning();
  host_.refuse_submits(2);
  EXPECT_EQ(poll(), TSN_RETRY);
  append("a.log", "3\n");
  EXPECT_EQ(poll(), TSN_RETRY);
  EXPECT_EQ(poll(), TSN_OK);
  EXPECT_EQ(texts(), (Texts{"1", "2", "3"}));
}
TEST_F(Logtail, HoldsNoMoreThanOneBatchWhileTheIntakeIsFull) {
  std::string lines;
  for (int i = 0; i < 20'000; ++i) lines += std::to_string(i) + "\n";
  append("a.log", lines);
  start_from_beginning();
  host_.refuse_submits(1);
  poll();
  EXPECT_EQ(metric("lines_read"), 4096);
  poll();
  const auto all = texts();
  ASSERT_EQ(all.size(), 20'000u);
  for (int i = 0; i < 20'000; ++i) ASSERT_EQ(all[i], std::to_string(i));
}
TEST_F(Logtail, NeverEndsABatchWithinALine) {
  std::string lines;
  for (int i = 0; i < 5'000; ++i) lines += std::to_string(i) + "\n";
  append("a.log", lines);
  start_from_beginning(
      R"("match": [{"signal": "a", "pattern": "."}, {"signal": "b", "pattern": "."}, {"signal": "c", "pattern": "."}])");
  poll();
  const auto rows = host_.rows();
  ASSERT_EQ(rows.size(), 15'000u);
  for (std::size_t i = 0; i < rows.size(); ++i) ASSERT_EQ(rows[i].text, std::to_string(i / 3));
  EXPECT_EQ(host_.batches(), 4u) << "4095 rows each: whole lines of three";
}
TEST_F(Logtail, SubmitsAPositionWhereNothingMatchesToo) {
  append("a.log", "x\n");
  start_from_beginning(R"("match": [{"signal": "s", "pattern": "never"}])");
  poll();
  const auto first = host_.cursor();
  append("a.log", "y\n");
  host_.advance(6s);
  EXPECT_NE(host_.cursor(), first);
}

/// What happens to a log in its life, at random, with every line known by its number.
class Life {
 public:
  explicit Life(std::uint32_t seed) : random_(seed) {}
  unsigned pick(unsigned n) { return random_() % n; }
  std::string next_line() { return "line " + std::to_string(written++); }
  int written = 0;

 private:
  std::mt19937 random_;
};

TEST_F(Logtail, KeepsEveryLineOnceThroughAnyLife) {
  for (std::uint32_t seed = 0; seed < 60; ++seed) {
    Life life(seed);
    host_.clear();
    for (const auto& entry : fs::directory_iterator(root_)) fs::remove(entry);
    start_from_beginning();
    bool known = false, exists = false, half = false;  // known: to a durable checkpoint
    int rotated = 0;
    for (int step = 0; step < 120; ++step) {
      const auto what = life.pick(12);
      if (what < 4) {
        std::string text = half ? " and its end\n" : "";
        half = false;
        for (auto n = life.pick(5); n > 0; --n) text += life.next_line() + "\n";
        if (life.pick(4) == 0) text += life.next_line(), half = true;
        append("a.log", text);
        exists = true;
      } else if (what < 6) {
        if (!known || !exists || half) continue;
        rename("a.log", "a.log." + std::to_string(++rotated));
        known = exists = false;
      } else if (what < 8) {
        poll(), known = exists;
      } else if (what == 8) {
        host_.refuse_submits(1 + life.pick(3));
        poll();
        host_.refuse_submits(0);
      } else if (what == 9) {
        kill(), restart();
      } else if (what == 10) {
        source_.reset(), restart();
      } else {
        host_.advance(std::chrono::seconds(1 + life.pick(40))), known = exists;
      }
      std::set<std::string> seen;
      for (const auto& text : texts())
        ASSERT_TRUE(seen.insert(text).second) << "seed " << seed << " step " << step << ": twice: " << text;
    }
    if (half) append("a.log", "\n");
    poll();
    std::set<int> found;
    for (const auto& text : texts()) found.insert(std::stoi(text.substr(5)));
    ASSERT_EQ(found.size(), static_cast<std::size_t>(life.written)) << "seed " << seed;
    source_.reset();
  }
}

// --- by itself ---

TEST_F(Logtail, ReadsByItsTimerWithoutBeingPolled) {
  start_from_beginning();
  append("a.log", "1\n");
  host_.advance(5s);
  EXPECT_EQ(texts(), (Texts{"1"}));
}
TEST_F(Logtail, SeesANewLineAtOnceThroughInotify) {
  append("a.log", "");
  start_from_beginning();
  host_.advance(0s);
  append("a.log", "1\n");
  host_.pump(5s);
  EXPECT_EQ(texts(), (Texts{"1"}));
  host_.advance(50ms);  // watches again
  rename("a.log", "a.log.1");
  append("a.log", "2\n");
  host_.pump(5s);
  EXPECT_EQ(texts(), (Texts{"1", "2"}));
}
TEST_F(Logtail, GoesOnByItselfAfterTheIntakeWasFull) {
  append("a.log", "1\n");
  start_from_beginning();
  host_.refuse_submits(3);
  host_.advance(2s);
  EXPECT_EQ(texts(), (Texts{"1"}));
}
TEST_F(Logtail, WorksThroughABacklogOfManyRounds) {
  const std::string line(1000, 'x');
  std::ofstream out(path("a.log"));
  for (int i = 0; i < 20'000; ++i) out << i << ' ' << line << '\n';
  out.close();
  append("b.log", "the other\n");
  start_from_beginning(R"("match": [{"signal": "s", "pattern": "^\\d+ x"}, {"signal": "o", "pattern": "other"}])",
                       {"a.log", "b.log"});
  host_.advance(0s);
  EXPECT_EQ(host_.rows().size(), 20'001u);
}
TEST_F(Logtail, FailsThePollWhereNothingCanBeRead) {
  append("a.log", "x\n");
  ::chmod(path("a.log").c_str(), 0);
  ::chmod(root_.c_str(), 0755);
  const auto me = ::geteuid();
  if (me == 0) {  // root reads everything
    ASSERT_EQ(::seteuid(65534), 0);
  }
  start_from_beginning();
  const auto answer = source_->pull();
  ASSERT_EQ(::seteuid(me), 0);
  EXPECT_EQ(answer.status, TSN_FAILED);
  EXPECT_NE(answer.text.find("a.log: Permission denied"), std::string::npos) << answer.text;
  ::chmod(path("a.log").c_str(), 0644);
  EXPECT_EQ(poll(), TSN_OK);
  EXPECT_EQ(texts(), (Texts{"x"}));
}
TEST_F(Logtail, GoesOnInAFileThatCouldNotBeReadForAWhileAfterARestart) {
  append("a.log", "1\n");
  start_from_beginning();
  poll();
  kill();
  append("a.log", "2\n");
  ::chmod(path("a.log").c_str(), 0);
  ::chmod(root_.c_str(), 0755);
  const auto me = ::geteuid();
  if (me == 0) {  // root reads everything
    ASSERT_EQ(::seteuid(65534), 0);
  }
  restart();
  source_->pull();
  ASSERT_EQ(::seteuid(me), 0);
  EXPECT_EQ(texts(), (Texts{"1"}));
  ::chmod(path("a.log").c_str(), 0644);
  poll();
  EXPECT_EQ(texts(), (Texts{"1", "2"}));
}

// --- replay ---

TEST_F(Logtail, ReplaysFilesOnceFromBeginningToEnd) {
  host_.replay = true;
  append("a.log", "old\n2020-01-01T00:00:00Z a\nlast without end");
  append("b.log", "b\n");
  start(R"("timestamp": {"format": "rfc3339"}, "max_age": "1s")", {"a.log", "b.log"});
  tsn_status status = TSN_OK;
  while (status == TSN_OK) status = poll();
  EXPECT_EQ(status, TSN_END);
  EXPECT_EQ(texts(), (Texts{"old", "2020-01-01T00:00:00Z a", "last without end", "b"}));
  EXPECT_EQ(host_.rows()[2].origin_line, 3u);
  EXPECT_EQ(host_.rows()[2].ts, 1'577'836'800 * second);
  for (const auto& row : host_.rows()) EXPECT_EQ(row.flags, 0u);
  EXPECT_FALSE(host_.cursor());
  EXPECT_EQ(host_.timers() + host_.watches(), 0u);
}
TEST_F(Logtail, ReplaysInChunksAndWaitsForTheIntake) {
  host_.replay = true;
  std::ofstream out(path("a.log"));
  for (int i = 0; i < 30'000; ++i) out << "line " << i << std::string(1000, '.') << '\n';
  out.close();
  start();
  host_.refuse_submits(2);
  int calls = 0;
  for (tsn_status status = TSN_OK; status != TSN_END && calls < 1000; ++calls) status = poll();
  EXPECT_GT(calls, 3);
  EXPECT_EQ(host_.rows().size(), 30'000u);
}
TEST_F(Logtail, ReplaysAYearlessLogAcrossNewYear) {
  host_.replay = true;
  host_.set_now(days_from_civil(2027, 3, 1) * 86400 * second);
  config_ = tsn::testing::from_json(R"({"timestamp": {"format": "rfc3164", "zone": "UTC"}, )" +
                                    std::string(failed_login) + "}");
  config_.set("paths", Value::array({Value(TESTDATA "/sshd.log")}));
  source_ = host_.create("logtail", config_);
  source_->start();
  while (poll() == TSN_OK) continue;
  const auto rows = host_.rows();
  ASSERT_EQ(rows.size(), 6u);
  const auto new_year = days_from_civil(2027, 1, 1) * 86400 * second;
  EXPECT_EQ(rows[0].ts, new_year - 20 * second);
  EXPECT_EQ(rows[2].ts, new_year + 2 * second);
  EXPECT_EQ(rows[3].origin_line, 7u) << "a repeated message counts once";
  EXPECT_EQ(rows[4].labels, (std::map<std::string, std::string>{{"client_ip", "203.0.113.99"}}))
      << "an empty group is no label";
  EXPECT_EQ(rows[5].label("user"), "dana") << "the last line has no end";
}
TEST_F(Logtail, RefusesToReplayAFileThatIsNotThere) {
  host_.replay = true;
  source_ = host_.create("logtail", config("", {"none.log"}));
  const auto started = source_->start();
  EXPECT_EQ(started.status, TSN_INVALID);
  EXPECT_NE(started.text.find("none.log"), std::string::npos);
}

// --- configuration ---

TEST_F(Logtail, RefusesAConfigurationWithAReason) {
  struct Case {
    const char* json;
    const char* part;
  };
  const Case cases[] = {{R"("timestamp": {"format": "rfc1"})", "rfc1"},
                        {R"("timestamp": {"zone": "Mars/Olympus"})", "Mars/Olympus"},
                        {R"("timestamp": {"fromat": "rfc3164"})", "fromat"},
                        {R"("timestamp": {"pattern": "no group"})", "(?<ts>"},
                        {R"("match": [{"pattern": "x"}])", "match[0]"},
                        {R"("match": [{"signal": "s"}])", "pattern"},
                        {R"("match": [{"signal": "s", "pattern": "("}])", "match[0].pattern"},
                        {R"("match": [{"signal": "s", "pattern": "x", "value": "v"}])", "(?<v>"},
                        {R"("match": [{"signal": "s", "pattern": "x", "vlaue": "v"}])", "vlaue"},
                        {R"("match": [{"signal": "s", "pattern": "x", "labels": {"a b": "c"}}])", "a b"},
                        {R"js("match": [{"signal": "s", "pattern": "(?<a>x)", "labels": {"a": "c"}}])js", "group"}};
  for (const auto& [json, part] : cases) {
    const auto answer = refused(json);
    EXPECT_EQ(answer.status, TSN_INVALID) << json;
    EXPECT_NE(answer.text.find(part), std::string::npos) << json << " answered " << answer.text;
  }
  EXPECT_NE(refused("", {}).text.find("paths"), std::string::npos);
}

}  // namespace
}  // namespace tocsin_plugins::logtail
