#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tocsin/testing/fake_host.hpp"
#include "window_object.hpp"

namespace {

using tsn::Value;
using tsn::testing::FakeHost;
using tsn::testing::RowSample;
using tsn::testing::RuleSample;

/// One rule of one script, compiled.
class LuaRule {
 public:
  explicit LuaRule(const std::string& text, std::vector<std::string> by = {}, Value config = Value::table())
      : detector(host.create({}, config)) {
    detector->start();
    loaded = detector->load_script("rules.d/test.lua", text, rules);
    if (loaded.status != TSN_OK || rules.empty()) return;
    RuleSample rule;
    rule.name = rules[0].table.find("name")->text();
    rule.by = std::move(by);
    rule.script = rules[0].script;
    program = detector->compile(rule);
  }
  ~LuaRule() {
    if (program && program->answer.status == TSN_OK) detector->release(*program);
    detector->stop();
  }
  tsn::testing::Verdict of(std::vector<double> cells) {
    return detector->evaluate(*program, {RowSample{std::move(cells), labels}}, &answer).at(0);
  }

  FakeHost host;
  std::unique_ptr<tsn::testing::FakeInstance> detector;
  std::vector<tsn::testing::FakeInstance::LoadedRule> rules;
  tsn::testing::Answer loaded, answer;
  std::unique_ptr<tsn::testing::FakeInstance::Program> program;
  std::vector<std::pair<std::string, std::string>> labels;
};

std::string checking(const std::string& body) {
  return "rule \"r\" {\n  severity = \"HIGH\", signals = { x = \"m\" },\n  check = function(s)\n" + body +
         "\n  end,\n}\n";
}

TEST(Lua, FiresWithValueSeverityAndMessage) {
  LuaRule rule(
      checking("local v = s.x:avg('5m'); if v and v > 3 then return { value = v, severity = 'CRITICAL', message = "
               "('%.1f!'):format(v) } end"));
  ASSERT_EQ(rule.loaded.status, TSN_OK) << rule.loaded.text;
  EXPECT_EQ(rule.of({2}).state, TSN_VERDICT_OK);
  const auto fired = rule.of({4.5});
  EXPECT_EQ(fired.state, TSN_VERDICT_FIRING);
  EXPECT_EQ(fired.severity, TSN_SEV_CRITICAL);
  EXPECT_EQ(fired.value, 4.5);
  EXPECT_EQ(fired.message, "4.5!");
}

TEST(Lua, AsksForItsAggregatesWhenItIsCompiled) {
  LuaRule rule(
      checking("local now = s.x:avg('5m'); local base = s.x:avg('5m', { offset = '1d' })\n"
               "if not (now and base) then return NO_DATA end; return now > 3 * base and (s.x:count('1h') or 0) > 2"));
  ASSERT_EQ(rule.program->answer.status, TSN_OK) << rule.program->answer.text;
  ASSERT_GE(rule.program->inputs.size(), 2u);
  EXPECT_EQ(rule.program->inputs[0].over, std::chrono::minutes(5));
  EXPECT_EQ(rule.program->inputs[1].offset, std::chrono::hours(24));
  EXPECT_EQ(rule.of({1, std::nan("")}).state, TSN_VERDICT_NO_DATA);
}

TEST(Lua, AnInputSeenLateIsDeclaredAndTheRowJudgedAgain) {
  LuaRule rule(checking("if s.x:last() == 42 then return s.x:max('9m') > 1 end"));
  const std::size_t before = rule.program->inputs.size();
  EXPECT_EQ(before, 1u);
  EXPECT_EQ(rule.of({42}).state, TSN_VERDICT_AGAIN);
  EXPECT_EQ(rule.of({42, 5}).state, TSN_VERDICT_FIRING);
}

TEST(Lua, SeesTheGroupsLabels) {
  LuaRule rule(checking("return { message = s.labels.loader .. '/' .. tostring(s.labels.other) }"), {"loader"});
  rule.labels = {{"loader", "DAILY"}};
  EXPECT_EQ(rule.of({1}).message, "DAILY/nil");
}

TEST(Lua, UnderstandsEveryAnswer) {
  for (const auto& [body, state] : {std::pair<const char*, tsn_verdict_state>{"return", TSN_VERDICT_OK},
                                    {"return false", TSN_VERDICT_OK},
                                    {"return nil", TSN_VERDICT_OK},
                                    {"return true", TSN_VERDICT_FIRING},
                                    {"return {}", TSN_VERDICT_FIRING},
                                    {"return NO_DATA", TSN_VERDICT_NO_DATA},
                                    {"return KEEP", TSN_VERDICT_KEEP}}) {
    LuaRule rule(checking(std::string("do ") + body + " end"));
    EXPECT_EQ(rule.of({1}).state, state) << body;
  }
}

TEST(Lua, NamesFileAndLineOfEveryMistake) {
  for (const auto& [text, part] :
       {std::pair<std::string, const char*>{"rule \"x\" {\n  check = function(s) return nope( end,\n}", "test.lua:2"},
        {"rule \"x\" {\n  severity = \"HIGH\",\n}", "`check`: expected a function"},
        {"rule \"x\" { check = function() end }", "signals"},
        {"rule \"x\" { signals = 5, check = function() end }", "`signals`: expected a table"},
        {"rule(5)(6)", "test.lua:1"},
        {"local x = 1", "expected at least one rule"},
        {"error('boom')", "boom"}}) {
    LuaRule rule(text);
    EXPECT_NE(rule.loaded.status, TSN_OK) << text;
    EXPECT_NE(rule.loaded.text.find(part), std::string::npos) << rule.loaded.text;
  }
}

TEST(Lua, ARuntimeErrorKeepsTheStateAndNamesTheLine) {
  LuaRule rule(checking("return s.x:avg('5m') > nil"));
  EXPECT_EQ(rule.of({1}).state, TSN_VERDICT_KEEP);
  EXPECT_EQ(rule.answer.status, TSN_FAILED);
  EXPECT_NE(rule.answer.text.find("test.lua:4"), std::string::npos) << rule.answer.text;
}

TEST(Lua, HandsTheRulesKeysToTheHost) {
  LuaRule rule(
      "rule \"late\" {\n severity = 'LOW', every = '30s', ['for'] = '2m', by = { 'a', 'b' }, labels = { team = 'x' }, "
      "signal = 'm',\n check = function(s) return (s.value:last() or 0) > 1 end }");
  ASSERT_EQ(rule.loaded.status, TSN_OK) << rule.loaded.text;
  auto& table = rule.rules[0].table;
  EXPECT_EQ(table.find("every")->text(), "30s");
  EXPECT_EQ(table.find("for")->text(), "2m");
  EXPECT_EQ(table.find("labels")->find("team")->text(), "x");
  EXPECT_EQ(table.find("check"), nullptr);
}

TEST(Lua, ReachesNothingOutside) {
  for (const char* what :
       {"io", "os", "package", "require", "debug", "dofile", "loadfile", "load", "collectgarbage", "print", "rawset",
        "setmetatable", "getmetatable", "coroutine", "string.dump", "math.random"}) {
    LuaRule rule(checking(std::string("return { message = tostring(") + what + ") }"));
    EXPECT_EQ(rule.of({1}).message, "nil") << what;
  }
}

TEST(Lua, CannotChangeWhatRulesShare) {
  for (const char* body : {"string.format = nil", "math.huge = 1", "leaked = 1", "s.x = 1", "string.x = 1"}) {
    LuaRule rule(checking(body));
    rule.of({1});
    EXPECT_EQ(rule.answer.status, TSN_FAILED) << body;
  }
}

TEST(Lua, AnEndlessLoopIsCutAndTheNextCallWorks) {
  LuaRule rule(checking("if s.x:last() == 7 then while true do end end return true"), {},
               Value::table({{"max_instructions", 10000}}));
  EXPECT_EQ(rule.of({7}).state, TSN_VERDICT_KEEP);
  EXPECT_NE(rule.answer.text.find("budget of instructions"), std::string::npos);
  EXPECT_EQ(rule.of({1}).state, TSN_VERDICT_FIRING);
}

TEST(Lua, AnEndlessLoopWhileLoadingIsCut) {
  LuaRule rule("while true do end");
  EXPECT_NE(rule.loaded.text.find("budget of instructions"), std::string::npos);
}

TEST(Lua, APcallCannotSwallowTheBudget) {
  LuaRule rule(checking("while true do pcall(function() while true do end end) end"), {},
               Value::table({{"max_instructions", 10000}}));
  ASSERT_EQ(rule.program->answer.status, TSN_OK);
}

TEST(Lua, MemoryHasABudget) {
  LuaRule rule(checking("if s.x:last() == 7 then local t = {} for i = 1, 1e7 do t[i] = { i } end end return true"), {},
               Value::table({{"max_memory", "1MiB"}, {"max_instructions", 100000000}}));
  EXPECT_EQ(rule.of({7}).state, TSN_VERDICT_KEEP);
  EXPECT_NE(rule.answer.text.find("memory budget"), std::string::npos) << rule.answer.text;
  EXPECT_EQ(rule.of({1}).state, TSN_VERDICT_FIRING);
}

TEST(Lua, OneInstructionIsNoEndlessLoop) {
  for (const char* body : {"return ('').rep('', math.maxinteger)", "local s = ('x'):rep(16, 'y'):rep(1 << 60)",
                           "table.move({}, 1, math.maxinteger - 1, 2)"}) {
    LuaRule rule(checking(body));
    ASSERT_EQ(rule.loaded.status, TSN_OK) << body;
    EXPECT_EQ(rule.of({1}).state, TSN_VERDICT_KEEP) << body;
  }
}

TEST(Lua, WorkOfFunctionsHasTheBudgetToo) {
  for (const char* body :
       {"return ('a'):rep(200):find('.-.-.-.-.-.-.-.-b')", "local s = ('a'):rep(1 << 20) while true do s:lower() end",
        "local t = {} for i = 1, 50000 do t[i] = i end while true do table.insert(t, 1, 0) table.remove(t, 1) end",
        "local s = ('a'):rep(1 << 20) while true do local u = s .. 'b' end",
        "return ('x'):rep(1000):gsub('.*', ('%0'):rep(2000))", "for w in ('a'):rep(1 << 20):gmatch('a-a-b') do end"}) {
    LuaRule rule(checking(body));
    ASSERT_EQ(rule.loaded.status, TSN_OK) << body;
    EXPECT_EQ(rule.of({1}).state, TSN_VERDICT_KEEP) << body;
  }
}

TEST(Lua, PatternsAreThoseOfTheManual) {
  struct {
    const char *expression, *says;
  } cases[] = {
      {"('hello world'):find('wor')", "7 9"},
      {"('hello world'):find('l+')", "3 4"},
      {"('hello'):find('l', 1, true)", "3 3"},
      {"('hello'):find('')", "1 0"},
      {"('hello'):find('', 6)", "6 5"},
      {"('hello'):find('', 7)", "nil"},
      {"('hello'):find('l', -2)", "4 4"},
      {"('a.b'):find('.', 2, true)", "2 2"},
      {"('key = value'):match('^(%w+)%s*=%s*(%w+)$')", "key value"},
      {"('  x  '):match('^%s*(.-)%s*$')", "x"},
      {"('2026-11-20'):match('(%d+)-(%d+)-(%d+)')", "2026 11 20"},
      {"('abc'):match('()b()')", "2 3"},
      {"('f(a(b)c)d'):match('%b()')", "(a(b)c)"},
      {"('THE (quick) fox'):find('%((%a+)%)')", "5 11 quick"},
      {"('THE (quick) fox'):gsub('%f[%a]%a+', 'x')", "x (x) x 3"},
      {"('say \"hi\"'):match('([\"\\'])(.-)%1')", "\" hi"},
      {"('a]b-c^'):gsub('[]^-]', '.')", "a.b.c. 3"},
      {"('abc'):gsub('%w', '%0%0')", "aabbcc 3"},
      {"('hello world'):gsub('(%w+) (%w+)', '%2 %1')", "world hello 1"},
      {"('abc'):gsub('', '-')", "-a-b-c- 4"},
      {"('abc def'):gsub('%w+', { abc = 1 })", "1 def 2"},
      {"('abc'):gsub('%w', function(c) if c == 'b' then return 'X' end end)", "aXc 3"},
      {"('aaa'):gsub('a', 'b', 2)", "bba 2"},
      {"('aaa'):gsub('^a', 'b')", "baa 1"},
      {"('x=1,y=2'):gsub('(%w)=(%w)', '%2=%1')", "1=x,2=y 2"},
      {"('a\\0b'):find('\\0')", "2 2"},
      {"('a\\0b'):match('[\\0]b')", "\0b"},
      {"('ab'):match('[^%s]-$')", "ab"},
      {"('éa'):match('[\\xc0-\\xff][\\x80-\\xbf]')", "é"},
      {"select('#', ('abc'):match('z'))", "1"},
      {"pcall(string.match, 'a', '[a')", "false malformed pattern (missing ']')"},
      {"pcall(string.match, 'a', '%')", "false malformed pattern (ends with '%')"},
      {"pcall(string.match, 'a', '(a')", "false unfinished capture"},
      {"pcall(string.match, 'a', 'a)')", "false invalid pattern capture"},
      {"pcall(string.match, 'a', '%1')", "false invalid capture index %1"},
      {"pcall(string.gsub, 'a', 'a', '%2')", "false invalid capture index %2"},
      {"pcall(string.gsub, 'a', 'a', 'x%')", "false invalid use of '%' in replacement string"},
      {"(function() local o = '' for k, v in ('a=1, b=2'):gmatch('(%w+)=(%w+)') do o = o .. k .. v end return o end)()",
       "a1b2"},
      {"(function() local o = '' for p in ('abc'):gmatch('()') do o = o .. p end return o end)()", "1234"},
  };
  for (const auto& [expression, says] : cases) {
    const std::string_view wanted(says, says[0] == '\0' ? 2 : std::char_traits<char>::length(says));
    LuaRule rule(checking(std::string("local t = table.pack(") + expression +
                          ") for i = 1, t.n do t[i] = tostring(t[i]) end return { message = table.concat(t, ' ') }"));
    ASSERT_EQ(rule.loaded.status, TSN_OK) << expression << ": " << rule.loaded.text;
    EXPECT_EQ(rule.of({1}).message, wanted) << expression << ": " << rule.answer.text;
  }
}

TEST(Lua, MovesWithinATableAsLuaDoes) {
  LuaRule rule(
      checking("local t = {1, 2, 3, 4} table.move(t, 1, 3, 2) local u = table.move(t, 2, 4, 1, {})\n"
               "return { message = table.concat(t, ' ') .. ' ' .. table.concat(u, ' ') }"));
  EXPECT_EQ(rule.of({1}).message, "1 1 2 3 1 2 3");
}

TEST(Lua, ARuleThatFilledItsMemoryMayStillAnswer) {
  const std::string fill = "local t = {} pcall(function() for i = 1, 1e7 do t[i] = { i } end end) ";
  const Value small = Value::table({{"max_memory", "1MiB"}, {"max_instructions", 100000000}});
  LuaRule answers(checking(fill + "t.severity = 'HIGH' return t"), {}, small);
  EXPECT_NE(answers.of({1}).state, TSN_VERDICT_OK);
  LuaRule fails(checking(fill + "error(12345.5)"), {}, small);
  EXPECT_EQ(fails.of({1}).state, TSN_VERDICT_KEEP);
}

TEST(Lua, RulesAreDefinedOnlyWhileTheirFileIsRead) {
  LuaRule rule("local late, begun = rule, rule 'late'\n" +
               checking("if s.x:last() == 7 then begun { signal = 'm', check = function() end } end\n"
                        "late 'later' { signal = 'm', check = function() end }"));
  ASSERT_EQ(rule.loaded.status, TSN_OK) << rule.loaded.text;
  for (const double value : {7.0, 1.0}) {
    EXPECT_EQ(rule.of({value}).state, TSN_VERDICT_KEEP);
    EXPECT_NE(rule.answer.text.find("while their file is read"), std::string::npos) << rule.answer.text;
  }
}

TEST(Lua, WhatARuleKeptOfACallSaysNothingLater) {
  const std::string keeps = "rule 'a' { signal = 'm', check = function(s) kept.s, kept.x = s, s.value end }\n";
  const std::string uses = "rule 'b' { signal = 'm', check = function(s) return kept.USE end }\n";
  for (const std::string use : {"x:avg('5m')", "s.now", "s.labels", "x:max('9h')"}) {
    std::string second = uses;
    LuaRule rule("local kept = {}\n" + keeps + second.replace(second.find("kept.USE"), 8, "kept." + use));
    ASSERT_EQ(rule.rules.size(), 2u) << rule.loaded.text;
    RuleSample other;
    other.name = "b";
    other.script = rule.rules[1].script;
    rule.of({1});
    auto program = rule.detector->compile(other);
    const auto judge = [&] {
      return rule.detector->evaluate(*program, {RowSample{{1}, rule.labels}}, &rule.answer).at(0).state;
    };
    EXPECT_EQ(judge(), TSN_VERDICT_KEEP) << use;
    EXPECT_NE(rule.answer.text.find("by its own rule"), std::string::npos) << rule.answer.text;
    rule.detector->release(*rule.program);  // its view is gone
    rule.program.reset();
    EXPECT_EQ(judge(), TSN_VERDICT_KEEP) << use;
    rule.detector->release(*program);
  }
}

TEST(Lua, ATableIsCopiedWithinBounds) {
  const std::string wide =
      "local t = {} for i = 1, 100 do t[i] = 1 end\n"
      "for i = 1, 5 do local u = {} for j = 1, 100 do u[j] = t end t = u end\n";
  const std::string lengthy = "local s, t = ('x'):rep(100000), {} for i = 1, 1000 do t[i] = s end\n";
  for (const std::string& begin : {wide, lengthy}) {
    LuaRule rule(begin + "rule 'x' { signal = 'a', labels = t, check = function() end }");
    EXPECT_EQ(rule.loaded.status, TSN_INVALID);
    EXPECT_NE(rule.loaded.text.find("at most 10000 values"), std::string::npos) << rule.loaded.text;
  }
}

TEST(Lua, AFileReadAgainLeavesWhatIsCompiledAlone) {
  LuaRule rule(checking("return true"));
  std::vector<tsn::testing::FakeInstance::LoadedRule> again;
  ASSERT_EQ(rule.detector->load_script("rules.d/test.lua", checking("return false"), again).status, TSN_OK);
  EXPECT_EQ(rule.of({1}).state, TSN_VERDICT_FIRING);
  rule.detector->unload_script("rules.d/test.lua");
  EXPECT_EQ(rule.of({1}).state, TSN_VERDICT_FIRING);
}

TEST(Lua, BytecodeIsRefused) {
  LuaRule rule(std::string("\x1bLua", 4) + std::string(100, '\0'));
  EXPECT_NE(rule.loaded.status, TSN_OK);
}

TEST(LuaDuration, ReadsWhatTheHostReads) {
  using tocsin_plugins::lua_duration;
  EXPECT_EQ(lua_duration("5m", 2), 300'000'000'000);
  EXPECT_EQ(lua_duration("1h30m", 5), 5'400'000'000'000);
  EXPECT_EQ(lua_duration("250ms", 5), 250'000'000);
  for (const char* bad : {"", "5", "m", "5x", "-5m", "5 m"})
    EXPECT_LT(lua_duration(bad, std::char_traits<char>::length(bad)), 0) << bad;
}

}  // namespace
