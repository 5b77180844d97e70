// Several lines that are one record.
#include "logtail_fixture.hpp"

namespace tocsin_plugins::logtail {
namespace {

class MultilineLog : public LogtailFixture {
 protected:
  /// What a file with this text becomes.
  Texts records(const std::string& multiline, const std::string& text) {
    host_.clear();
    overwrite("a.log", text);
    start_from_beginning(R"("multiline": )" + multiline);
    poll();
    host_.advance(3s);
    source_.reset();
    return texts();
  }
};

TEST_F(MultilineLog, BeginsARecordWithEachLineThatMatchesStart) {
  EXPECT_EQ(records(R"js({"start": "^\\d+:"})js", "lost\n1: a\n b\nc\n2: d\n3: e\nf\n"),
            (Texts{"lost", "1: a\n b\nc", "2: d", "3: e\nf"}));
}
TEST_F(MultilineLog, GoesOnWithEachLineThatMatchesContinue) {
  EXPECT_EQ(records(R"({"continue": "^\\s"})", " lost\na\n b\n c\nd\n"), (Texts{" lost", "a\n b\n c", "d"}));
}
TEST_F(MultilineLog, JoinsTracesOfJava) {
  const std::string trace =
      "java.lang.IllegalStateException: no\n\tat a.B.c(B.java:1)\n\t... 3 more\nCaused by: java.io.IOException: disk\n"
      "\tat d.E.f(E.java:2)";
  EXPECT_EQ(records(R"({"preset": "java"})", "INFO a\nERROR b\n" + trace + "\nINFO c\n" + trace + "\n" + trace + "\n"),
            (Texts{"INFO a", "ERROR b\n" + trace, "INFO c\n" + trace, trace}));
  EXPECT_EQ(records(R"({"preset": "java"})",
                    "x\nException in thread \"main\" java.lang.Error: y\n\tat a.B.c(B.java:1)\nnext\n"),
            (Texts{"x", "Exception in thread \"main\" java.lang.Error: y\n\tat a.B.c(B.java:1)", "next"}));
}
TEST_F(MultilineLog, JoinsTracesOfPython) {
  const std::string first = "Traceback (most recent call last):\n  File \"a.py\", line 1, in f\n    g()\nKeyError: 'x'";
  const std::string second_trace =
      "\n\nDuring handling of the above exception, another exception occurred:\n\n" + first;
  EXPECT_EQ(records(R"({"preset": "python"})", "INFO a\nERROR b\n" + first + "\nINFO c\n"),
            (Texts{"INFO a", "ERROR b\n" + first, "INFO c"}));
  EXPECT_EQ(records(R"({"preset": "python"})", first + second_trace + "\nINFO c\n" + first + "\n" + first + "\n"),
            (Texts{first + second_trace, "INFO c\n" + first, first}));
}
TEST_F(MultilineLog, JoinsTracesOfGo) {
  const std::string trace =
      "panic: runtime error: index out of range [5] with length 3\n\ngoroutine 1 [running]:\nmain.main()\n"
      "\t/tmp/x.go:8 +0x1d\ncreated by main.start\n\t/tmp/x.go:3 +0x5\nexit status 2";
  EXPECT_EQ(records(R"({"preset": "go"})", "a\n" + trace + "\nb\nc (not a call)\n"),
            (Texts{"a", trace, "b", "c (not a call)"}));
  const std::string served =
      "http: panic serving 127.0.0.1:5: boom\ngoroutine 34 [running]:\nnet/http.(*conn).serve.func1()\n\tserver.go:1";
  EXPECT_EQ(records(R"({"preset": "go"})", served + "\nnext\n"), (Texts{served, "next"}));
}
TEST_F(MultilineLog, EndsTheLastRecordByItsTimeout) {
  append("a.log", "a\n b\n");
  start_from_beginning(R"("multiline": {"continue": "^ ", "timeout": "5s"})");
  poll();
  host_.advance(4s);
  EXPECT_EQ(texts(), Texts{});
  append("a.log", " c\n");
  host_.advance(4s);
  EXPECT_EQ(texts(), Texts{}) << "a line begins the time anew";
  host_.advance(6s);
  EXPECT_EQ(texts(), (Texts{"a\n b\n c"}));
  append("a.log", " d\ne\n");
  host_.advance(2s);
  EXPECT_EQ(texts(), (Texts{"a\n b\n c", " d"}));
}
TEST_F(MultilineLog, SplitsARecordThatIsTooLongAndCountsIt) {
  EXPECT_EQ(records(R"({"continue": "^ ", "max_lines": 2})", "a\n b\n c\n d\n e\nf\n"),
            (Texts{"a\n b", " c\n d", " e", "f"}));
  EXPECT_EQ(metric("records_split"), 2);
  const std::string line(60, 'x');
  EXPECT_EQ(records(R"({"continue": "^ ", "max_bytes": "100B"})", line + "\n " + line + "\n"),
            (Texts{line, " " + line}));
}
TEST_F(MultilineLog, MakesARecordWholeAcrossARestart) {
  append("a.log", "2026-11-20T09:00:00Z a\n b\n");
  start_from_beginning(R"("multiline": {"continue": "^ "})");
  poll();
  kill();
  append("a.log", " c\nnext\n");
  restart();
  poll();
  ASSERT_EQ(texts(), (Texts{"2026-11-20T09:00:00Z a\n b\n c"}));
  EXPECT_EQ(host_.rows()[0].ts, ten_o_clock - 3600 * second);
  EXPECT_EQ(host_.rows()[0].origin_line, 1u);
}
TEST_F(MultilineLog, JoinsPartialLinesOfContainersFirst) {
  const auto cri = [](const char* tag, const char* text) {
    return std::string("2026-11-20T09:59:59Z stderr ") + tag + " " + text + "\n";
  };
  append("a.log", cri("F", "boom") + cri("P", "\tat a.B") + "2026-11-20T09:59:59Z stdout F between\n" +
                      cri("F", ".c(B.java:1)") + cri("F", "next"));
  start_from_beginning(R"("multiline": {"preset": "java"})");
  poll();
  host_.advance(3s);
  auto all = texts();
  std::ranges::sort(all);
  EXPECT_EQ(all, (Texts{"between", "boom\n\tat a.B.c(B.java:1)", "next"}));
}
TEST_F(MultilineLog, MatchesAPatternOnTheWholeRecord) {
  append("a.log", "ERROR x\n\tat a.B.c(B.java:7)\nINFO\n");
  start_from_beginning(
      R"js("multiline": {"preset": "java"}, "match": [{"signal": "trace", "pattern": "(?s)^ERROR (?<what>\\w+).*B.java:(?<line>\\d+)"}])js");
  poll();
  ASSERT_EQ(host_.rows().size(), 1u);
  EXPECT_EQ(host_.rows()[0].label("line"), "7");
}
TEST_F(MultilineLog, ReplaysTheLastRecordToo) {
  host_.replay = true;
  append("a.log", "a\n b\nc\n d");
  start(R"("multiline": {"continue": "^ "})");
  host_.refuse_submits(1);
  for (int i = 0; i < 10 && poll() != TSN_END; ++i) continue;
  EXPECT_EQ(texts(), (Texts{"a\n b", "c\n d"}));
}
TEST_F(MultilineLog, RefusesAConfigurationWithAReason) {
  const std::pair<const char*, const char*> cases[] = {{R"({"preset": "cobol"})", "java, python, go"},
                                                       {R"({"max_lines": 3})", "start, continue"},
                                                       {R"({"start": "a", "continue": "b"})", "start, continue"},
                                                       {R"js({"start": "("})js", "multiline.start"},
                                                       {R"({"preset": "go", "max_lines": 0})", "max_lines"},
                                                       {R"({"preset": "go", "timeout": "soon"})", "timeout"},
                                                       {R"({"preset": "go", "max_bytes": "1GiB"})", "max_bytes"},
                                                       {R"({"begin": "x"})", "begin"}};
  for (const auto& [json, part] : cases) {
    const auto answer = refused(R"("multiline": )" + std::string(json));
    EXPECT_EQ(answer.status, TSN_INVALID) << json;
    EXPECT_NE(answer.text.find(part), std::string::npos) << json << " answered " << answer.text;
  }
}

}  // namespace
}  // namespace tocsin_plugins::logtail
