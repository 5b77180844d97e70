// Logs of containers: CRI and Docker's json-file, partial lines, the kubelet's paths and rotation, restarts anywhere.
#include "container_line.hpp"
#include "logtail_fixture.hpp"
#include "pod_path.hpp"

namespace tocsin_plugins::logtail {
namespace {

std::string cri(const std::string& stream, const std::string& tags, const std::string& text) {
  return "2026-11-20T09:59:59.5Z " + stream + " " + tags + " " + text + "\n";
}
std::string docker(const std::string& stream, const std::string& text) {
  return R"({"log":")" + text + R"(","stream":")" + stream + R"(","time":"2026-11-20T09:59:59.5Z"})" + "\n";
}

TEST(CriLine, IsReadAsKubernetesDescribesIt) {
  ContainerLine line;
  ASSERT_TRUE(read_cri("2016-10-06T00:17:09.669794202Z stdout F The content of the log entry 1", line));
  EXPECT_EQ(line.text, "The content of the log entry 1");
  EXPECT_EQ(line.stream, "stdout");
  EXPECT_FALSE(line.partial);
  EXPECT_EQ(*line.written, 1'475'713'029'669'794'202);
  ASSERT_TRUE(read_cri("2016-10-06T00:17:09+03:00 stderr P:TAG2:F  two  blanks ", line));
  EXPECT_EQ(line.text, " two  blanks ");
  EXPECT_TRUE(line.partial);
  for (const char* empty : {"2016-10-06T00:17:09Z stdout F ", "2016-10-06T00:17:09Z stdout F"}) {
    ASSERT_TRUE(read_cri(empty, line)) << empty;
    EXPECT_EQ(line.text, "");
  }
}
TEST(CriLine, IsNothingElse) {
  ContainerLine line;
  for (const char* other :
       {"", "plain", "2016-10-06T00:17:09Z", "2016-10-06T00:17:09Z stdout", "2016-10-06T00:17:09Z stdin F x",
        "2016-10-06T00:17:09Z stdout X x", "2016-10-06 00:17:09 stdout F x", "2016-13-06T00:17:09Z stdout F x",
        "2016-10-06T00:17:09Z stdout FP x", "2016-10-06T00:17:09Z  stdout F x"})
    EXPECT_FALSE(read_cri(other, line)) << other;
}
TEST(DockerLine, IsReadWithItsEscapes) {
  Unwrapper unwrapper;
  ContainerLine line;
  ASSERT_TRUE(unwrapper.unwrap(
      R"({"log":"a \"b\" \u003c\r\n","stream":"stderr","attrs":{"tag":"x"},"time":"2016-10-06T00:17:09.1Z"})",
      Format::docker, line));
  EXPECT_EQ(line.text, "a \"b\" <");
  EXPECT_EQ(line.stream, "stderr");
  EXPECT_FALSE(line.partial);
  ASSERT_TRUE(
      unwrapper.unwrap(R"({"log":"a","stream":"stdout","time":"2016-10-06T00:17:09Z"})", Format::automatic, line));
  EXPECT_TRUE(line.partial);
  for (const char* other : {R"({"log":"a"})", R"({"log":1,"time":"2016-10-06T00:17:09Z"})", R"({"log":"a)", "[]", ""}) {
    EXPECT_FALSE(unwrapper.unwrap(other, Format::docker, line)) << other;
    ASSERT_TRUE(unwrapper.unwrap(other, Format::automatic, line)) << other;
    EXPECT_EQ(line.text, other);
  }
}
TEST(PodPath, IsReadFromTheKubeletsPaths) {
  const auto pod = pod_of("/var/log/pods/shop_api-7d9_6f1c3ad2-1/app/12.log");
  ASSERT_TRUE(pod);
  EXPECT_EQ(pod->space + "|" + pod->name + "|" + pod->uid + "|" + pod->container, "shop|api-7d9|6f1c3ad2-1|app");
  const auto link = pod_of("/host/var/log/containers/api-7d9_shop_my-app-0123456789abcdef.log");
  ASSERT_TRUE(link);
  EXPECT_EQ(link->space + "|" + link->name + "|" + link->uid + "|" + link->container, "shop|api-7d9||my-app");
  EXPECT_TRUE(pod_of("/var/log/pods/a_b_c/app/0.log.20160102-150405"));
  for (const char* other : {"/var/log/syslog", "/var/log/pods/a_b/app/0.log", "/var/log/pods/a_b_c/app/x.log",
                            "/var/log/containers/a_b_c.log", "/var/log/containers/a_b_c-zz.log", "0.log", ""})
    EXPECT_FALSE(pod_of(other)) << other;
}

class Container : public LogtailFixture {
 protected:
  static constexpr auto log = "pods/shop_api-7d9_6f1c/app/0.log";
  Container() { fs::create_directories(path("pods/shop_api-7d9_6f1c/app")); }
  using Labels = std::map<std::string, std::string>;
};

TEST_F(Container, GivesItsNamesToEverySignal) {
  append(log, cri("stdout", "F", "hello") + cri("stderr", "F", "failed: x"));
  start_from_beginning(
      R"js("match": [{"signal": "failed", "pattern": "failed: (?<what>.*)"}, {"signal": "any", "pattern": "."}])js",
      {log});
  poll();
  const auto rows = host_.rows();
  ASSERT_EQ(rows.size(), 3u);
  EXPECT_EQ(rows[0].labels,
            (Labels{{"stream", "stdout"}, {"namespace", "shop"}, {"pod", "api-7d9"}, {"container", "app"}}));
  EXPECT_EQ(
      rows[1].labels,
      (Labels{{"stream", "stderr"}, {"namespace", "shop"}, {"pod", "api-7d9"}, {"container", "app"}, {"what", "x"}}));
  EXPECT_EQ(rows[0].text, "hello");
  EXPECT_EQ(rows[0].ts, ten_o_clock - second / 2);
}
TEST_F(Container, GivesItsUidOnlyWhereAsked) {
  append(log, cri("stdout", "F", "x"));
  start_from_beginning(R"("fields": ["pod_uid"])", {log});
  poll();
  EXPECT_EQ(host_.rows().at(0).labels, (Labels{{"pod_uid", "6f1c"}}));
  EXPECT_NE(refused(R"("fields": ["pid"])").text.find("pod_uid"), std::string::npos);
}
TEST_F(Container, JoinsPartialLinesOfEachStreamApart) {
  append("a.log", cri("stdout", "P", "one ") + cri("stderr", "P", "ONE ") + cri("stdout", "P", "two ") +
                      cri("stderr", "F", "TWO") + cri("stdout", "F", "three") + cri("stdout", "F", "next"));
  start_from_beginning(R"("format": "cri")");
  poll();
  EXPECT_EQ(texts(), (Texts{"ONE TWO", "one two three", "next"}));
  EXPECT_EQ(host_.rows()[1].origin_line, 1u);
  EXPECT_EQ(host_.rows()[1].origin_offset, 0u);
}
TEST_F(Container, JoinsWhatDockerSplit) {
  append("a.log",
         docker("stdout", "a") + docker("stderr", R"(E\n)") + docker("stdout", "b") + docker("stdout", R"(c\n)"));
  start_from_beginning(R"("format": "docker")");
  poll();
  EXPECT_EQ(texts(), (Texts{"E", "abc"}));
}
TEST_F(Container, TellsFormatsApartLineByLine) {
  append("a.log",
         cri("stdout", "F", "cri") + docker("stdout", R"(docker\n)") + "plain\n" + R"({"log":"no time"})" + "\n");
  start_from_beginning();
  poll();
  EXPECT_EQ(texts(), (Texts{"cri", "docker", "plain", R"({"log":"no time"})"}));
  EXPECT_EQ(host_.rows()[2].labels, (Labels{{"file", path("a.log")}}));
}
TEST_F(Container, LeavesLinesAsTheyAreWhereTheyArePlain) {
  append("a.log", cri("stdout", "P", "x"));
  start_from_beginning(R"("format": "plain")");
  poll();
  EXPECT_EQ(texts(), (Texts{"2026-11-20T09:59:59.5Z stdout P x"}));
}
TEST_F(Container, KeepsAndCountsWhatIsNotOfItsFormat) {
  append("a.log", "torn line\n" + cri("stdout", "F", "x"));
  start_from_beginning(R"("format": "cri")");
  poll();
  EXPECT_EQ(texts(), (Texts{"torn line", "x"}));
  EXPECT_EQ(metric("lines_malformed"), 1);
}
TEST_F(Container, CutsAJoinedLineOnceAndCountsIt) {
  append("a.log", cri("stdout", "P", std::string(600, 'a')) + cri("stdout", "P", std::string(600, 'b')) +
                      cri("stdout", "P", std::string(600, 'c')) + cri("stdout", "F", "end") + cri("stdout", "F", "x"));
  start_from_beginning(R"("max_line": 1000)");
  poll();
  EXPECT_EQ(texts(), (Texts{std::string(600, 'a') + std::string(400, 'b'), "x"}));
  EXPECT_EQ(metric("lines_cut"), 1);
}
TEST_F(Container, PrefersTheConfiguredTimestampToTheRuntimes) {
  append("a.log", cri("stdout", "F", "2026-11-20T09:00:00Z x") + cri("stdout", "F", "none"));
  start_from_beginning(R"("timestamp": {"format": "rfc3339"})");
  poll();
  EXPECT_EQ(host_.rows().at(0).ts, ten_o_clock - 3600 * second);
  EXPECT_EQ(host_.rows().at(1).ts, ten_o_clock - second / 2);
}
TEST_F(Container, TakesAnUnfinishedLineWhenItsWriterSaysNoMore) {
  append("a.log", cri("stderr", "P", "fatal: no newline"));
  start_from_beginning();
  poll();
  EXPECT_EQ(texts(), Texts{});
  host_.advance(29s);
  EXPECT_EQ(texts(), Texts{});
  host_.advance(3s);
  EXPECT_EQ(texts(), (Texts{"fatal: no newline"}));
  kill();
  restart();
  host_.advance(60s);
  EXPECT_EQ(texts(), (Texts{"fatal: no newline"})) << "not again after a restart";
}
TEST_F(Container, JoinsAPartialLineAcrossARestart) {
  append("a.log", cri("stdout", "P", "one ") + cri("stderr", "F", "E1") + cri("stderr", "F", "E2"));
  start_from_beginning();
  poll();
  EXPECT_EQ(texts(), (Texts{"E1", "E2"}));
  kill();
  append("a.log", cri("stderr", "F", "E3") + cri("stdout", "F", "two"));
  restart();
  poll();
  EXPECT_EQ(texts(), (Texts{"E1", "E2", "E3", "one two"}));
  EXPECT_EQ(host_.rows()[3].origin_line, 1u);
  EXPECT_EQ(host_.rows()[2].origin_line, 4u);
}
TEST_F(Container, JoinsAPartialLineAcrossTheKubeletsRotation) {
  append(log, cri("stdout", "P", "one "));
  start_from_beginning("", {"pods/*/*/*.log"});
  poll();
  rename(log, std::string(log) + ".20261120-100000");
  append(log, cri("stdout", "F", "two") + cri("stdout", "F", "three"));
  poll();
  host_.advance(2s);
  EXPECT_EQ(texts(), (Texts{"one two", "three"}));
}
TEST_F(Container, WaitsForTheEndOfAPartialLineInTheOldFile) {
  append(log, cri("stdout", "P", "one "));
  start_from_beginning("", {"pods/*/*/*.log"});
  poll();
  const auto old = std::string(log) + ".20261120-100000";
  rename(log, old);
  append(log, cri("stdout", "F", "next"));
  poll();
  append(old, cri("stdout", "F", "two"));
  host_.advance(3s);
  EXPECT_EQ(texts(), (Texts{"one two", "next"}));
}
TEST_F(Container, ReadsALongOldFileBeforeTheOneThatHasItsName) {
  append(log, cri("stdout", "F", "0"));
  start_from_beginning("", {"pods/*/*/*.log"});
  poll();
  std::string lines;
  for (int i = 1; i < 60'000; ++i) lines += cri("stdout", i % 3 ? "F" : "P", std::to_string(i) + " ");
  append(log, lines + cri("stdout", "P", "60000 "));
  rename(log, std::string(log) + ".20261120-100000");
  append(log, cri("stdout", "F", "60001 "));
  for (int i = 0; i < 5; ++i) poll();
  host_.advance(2s);
  std::string all;
  for (const auto& text : texts()) all += text;
  std::string expected = "0";
  for (int i = 1; i <= 60'001; ++i) expected += std::to_string(i) + " ";
  EXPECT_TRUE(all == expected) << all.size() << " of " << expected.size() << " bytes in order";
}
TEST_F(Container, JoinsAPartialLineAcrossARotationThatItSleptThrough) {
  append(log, cri("stdout", "F", "zero") + cri("stdout", "P", "one "));
  start_from_beginning("", {"pods/*/*/*.log"});
  poll();
  kill();
  append(log, cri("stdout", "P", "two "));
  rename(log, std::string(log) + ".20261120-100000");
  append(log, cri("stdout", "F", "three") + cri("stdout", "F", "four"));
  restart();
  poll();
  host_.advance(2s);
  EXPECT_EQ(texts(), (Texts{"zero", "one two three", "four"}));
}
TEST_F(Container, ReadsWhatTheKubeletRotatedTwiceAndCompressedWhileItWasDown) {
  host_.data_dir = path("data");
  const auto line = [](const std::string& tag, const std::string& text) {
    return "2026-11-20T10:00:0" + text.substr(0, 1) + "Z stdout " + tag + " " + text + "\n";
  };
  append(log, cri("stdout", "F", "0"));
  start_from_beginning("", {"pods/*/*/*.log"});
  poll();
  kill();
  append(log, line("F", "1") + line("P", "2 begins "));
  rename(log, std::string(log) + ".20261120-100002");
  append(log, line("P", "3 in the middle "));
  rename(log, std::string(log) + ".20261120-100003");
  ASSERT_EQ(std::system(("gzip " + path(log) + ".20261120-100002").c_str()), 0);
  append(log, line("F", "4 ends") + line("F", "5"));
  restart();
  poll();
  host_.advance(3s);
  const Texts expected{"0", "1", "2 begins 3 in the middle 4 ends", "5"};
  EXPECT_EQ(texts(), expected);
  kill();
  restart();
  poll();
  host_.advance(3s);
  EXPECT_EQ(texts(), expected) << "and not again";
  EXPECT_TRUE(fs::is_empty(path("data/logtail")));
}
TEST_F(Container, ReadsAFileOnceThatIsCompressedWhileItIsFollowed) {
  host_.data_dir = path("data");
  const auto line = [](const std::string& text) { return "2026-11-20T10:00:01Z stdout F " + text + "\n"; };
  append(log, line("1"));
  start_from_beginning("", {"pods/*/*/*.log"});
  poll();
  for (const char* number : {"2", "3", "4", "5"}) {
    const auto old = path(log) + ".20261120-10000" + number;
    fs::rename(path(log), old);
    append(log, line(number));
    if (number[0] % 2) poll();
    ASSERT_EQ(std::system(("gzip -k " + old).c_str()), 0);  // both are there for a moment
    poll();
    fs::remove(old);
    if (number[0] == '4') kill(), restart();
    poll();
  }
  host_.advance(3s);
  EXPECT_EQ(texts(), (Texts{"1", "2", "3", "4", "5"}));
}
TEST_F(Container, DoesNotUnpackWhatItFollows) {
  host_.data_dir = path("data");
  append(log, cri("stdout", "F", "1"));
  start_from_beginning("", {"pods/*/*/*.log"});
  poll();
  const auto old = path(log) + ".20261120-100002";
  fs::rename(path(log), old);
  append(log, cri("stdout", "F", "2"));
  poll();
  ASSERT_EQ(std::system(("gzip " + old).c_str()), 0);
  fs::rename(path(log), path(log) + ".20261120-100003");
  append(log, cri("stdout", "F", "3"));
  poll();
  EXPECT_EQ(texts(), (Texts{"1", "2", "3"}));
  EXPECT_FALSE(fs::exists(path("data/logtail"))) << "where it unpacks";
}
TEST_F(Container, FindsARotatedFileBehindTheKubeletsLinks) {
  fs::create_directories(path("containers"));
  const std::string link = "containers/api-7d9_shop_app-0123456789abcdef.log";
  append(log, cri("stdout", "F", "1"));
  fs::create_symlink(path(log), path(link));
  start_from_beginning("", {"containers/*.log"});
  poll();
  kill();
  append(log, cri("stdout", "F", "2"));
  rename(log, std::string(log) + ".20261120-100000");
  append(log, cri("stdout", "F", "3"));
  restart();
  poll();
  EXPECT_EQ(texts(), (Texts{"1", "2", "3"}));
  EXPECT_EQ(host_.rows()[2].label("pod"), "api-7d9");
}
TEST_F(Container, HandsOverWhatATruncationLeftUnfinished) {
  append("a.log", cri("stdout", "F", "a rather long first line") + cri("stdout", "P", "half"));
  start_from_beginning();
  poll();
  overwrite("a.log", cri("stdout", "F", "new"));
  poll();
  EXPECT_EQ(texts(), (Texts{"a rather long first line", "half", "new"}));
}

/// A container that writes two streams with partial lines and traces; every record is known.
class Writer {
 public:
  explicit Writer(std::uint32_t seed) : random_(seed) {}
  unsigned pick(unsigned n) { return random_() % n; }

  /// One raw line of the file.
  std::string next(bool docker_format) {
    const auto stream = pick(2);
    auto& open = open_[stream];
    if (open.empty()) open = (pick(3) ? "rec " : "  at ") + std::to_string(count_++) + " ";
    const bool ends = pick(3) > 0;
    std::string piece;
    if (!begun_[stream]) piece = open;
    piece += std::string(1 + pick(5), static_cast<char>('a' + pick(26)));
    whole_[stream] += piece;
    begun_[stream] = !ends;
    if (ends) {
      lines.push_back(whole_[stream]);
      whole_[stream].clear();
      open.clear();
    }
    const auto name = stream ? "stderr" : "stdout";
    return docker_format ? docker(name, piece + (ends ? R"(\n)" : "")) : cri(name, ends ? "F" : "P", piece);
  }
  std::vector<std::string> lines;

 private:
  std::mt19937 random_;
  int count_ = 0;
  std::string open_[2], whole_[2];
  bool begun_[2] = {};
};

/// Lines of records, whatever records they were joined to.
std::vector<std::string> split(const std::vector<std::string>& records) {
  std::vector<std::string> all;
  for (const auto& record : records) {
    std::size_t begin = 0;
    for (auto end = record.find('\n'); end != record.npos; begin = end + 1, end = record.find('\n', begin))
      all.push_back(record.substr(begin, end - begin));
    all.push_back(record.substr(begin));
  }
  return all;
}

TEST_F(Container, MakesTheSameRecordsHoweverItIsCutAndRestarted) {
  for (std::uint32_t seed = 0; seed < 80; ++seed) {
    Writer writer(seed);
    const bool docker_format = seed % 3 == 2, multiline = seed % 2;
    host_.clear();
    source_.reset();
    fs::remove_all(path("pods/shop_api-7d9_6f1c/app"));
    fs::create_directories(path("pods/shop_api-7d9_6f1c/app"));
    std::string whole;
    for (int i = 0; i < 60; ++i) whole += writer.next(docker_format);
    const std::string options = multiline ? R"("multiline": {"continue": "^\\s"})" : "";
    // Once without any disturbance.
    append("whole.log", whole);
    start_from_beginning(options, {"whole.log"});
    poll();
    host_.advance(40s);
    const auto expected = texts();
    source_.reset();
    fs::remove(path("whole.log"));
    host_.clear();
    // And cut at any byte, with restarts, refusals and rotations at the ends of lines.
    start_from_beginning(options, {"pods/*/*/*.log"});
    int rotations = 0;
    bool known = false;
    for (std::size_t at = 0; at < whole.size();) {
      const auto step = std::min<std::size_t>(1 + writer.pick(160), whole.size() - at);
      append(log, whole.substr(at, step));
      at += step;
      switch (writer.pick(6)) {
        case 0:
          kill(), restart();
          break;
        case 1:
          source_.reset(), restart();
          break;
        case 2:
          host_.refuse_submits(1 + writer.pick(3));
          poll();
          host_.refuse_submits(0);
          break;
        case 3:
          if (!known) break;
          if (const auto end = whole.find('\n', at - 1) + 1; end > at) {
            append(log, whole.substr(at, end - at));  // runtimes rotate between lines
            at = end;
          }
          rename(log, std::string(log) + ".20261120-1000" + std::to_string(10 + rotations++));
          known = false;
          break;
        default:
          poll();
          known = true;
      }
    }
    poll();
    host_.advance(40s);
    auto found = texts(), wanted = expected;
    std::ranges::sort(found), std::ranges::sort(wanted);
    ASSERT_EQ(found, wanted) << "seed " << seed;
    auto lines = split(found), written = writer.lines;
    std::ranges::sort(lines), std::ranges::sort(written);
    std::erase_if(lines, [&](const auto& line) { return !std::ranges::binary_search(written, line); });
    ASSERT_EQ(lines, written) << "seed " << seed;
  }
}

}  // namespace
}  // namespace tocsin_plugins::logtail
