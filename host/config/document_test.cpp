#include "config/document.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

namespace tocsin::config {
namespace {

namespace fs = std::filesystem;
using base::Value;

Environment environment(std::map<std::string, std::string> variables) {
  return [variables](const std::string& name) -> std::optional<std::string> {
    auto it = variables.find(name);
    return it == variables.end() ? std::nullopt : std::optional(it->second);
  };
}

struct Parsed {
  Value root;
  Diagnostics diagnostics;
  std::string texts() const {
    std::string out;
    for (const Diagnostic& d : diagnostics) out += d.text() + "\n";
    return out;
  }
};

Parsed parse(std::string_view text, std::map<std::string, std::string> variables = {}) {
  Parsed parsed;
  if (auto root = parse_toml(text, "agent.toml", environment(std::move(variables)), parsed.diagnostics))
    parsed.root = *root;
  return parsed;
}

std::string text_of(const Parsed& parsed, std::string_view key) {
  const Value* value = parsed.root.find(key);
  return value && value->string() ? *value->string() : "(none)";
}

class Folder : public testing::Test {
 protected:
  void SetUp() override {
    directory_ = fs::temp_directory_path() / ("tocsin-config-" + std::to_string(getpid()) + "-" +
                                              testing::UnitTest::GetInstance()->current_test_info()->name());
    fs::remove_all(directory_);
    fs::create_directories(directory_ / "conf.d");
  }
  void TearDown() override { fs::remove_all(directory_); }
  void write(const std::string& name, std::string_view text) { std::ofstream(directory_ / name) << text; }
  Tree read() { return read_tree((directory_ / "agent.toml").string(), Environment(), last_good_); }
  std::string texts(const Tree& tree) {
    std::string out;
    for (const Diagnostic& d : tree.diagnostics) {
      std::string line = d.text();
      for (std::size_t at; (at = line.find(directory_.string() + "/")) != line.npos;)
        line.erase(at, directory_.string().size() + 1);
      out += line + "\n";
    }
    return out;
  }

  fs::path directory_;
  std::map<std::string, std::string> last_good_;
};

TEST(ParseToml, EveryValueAndKeyKnowsItsPlace) {
  auto parsed = parse("[agent]\nname = \"x\"\n  labels = { dc = \"r\" }\n");
  const Value* labels = parsed.root.find("agent")->find("labels");
  EXPECT_EQ(labels->find("dc")->place.text(), "agent.toml:3:19");
  EXPECT_EQ(parsed.root.find("agent")->table()->at(1).key_place.text(), "agent.toml:3:3");
}

TEST(ParseToml, ColumnsCountCharactersNotBytes) {
  EXPECT_EQ(parse("a = [\"مرحبا\", 7]").root.find("a")->array()->at(1).place.text(), "agent.toml:1:15");
}

TEST(ParseToml, KeepsTheOrderOfTheFile) {
  auto parsed = parse("zebra = 1\nant = 2\n[b]\n[a]\n");
  std::string order;
  for (const auto& member : *parsed.root.table()) order += member.key + " ";
  EXPECT_EQ(order, "zebra ant b a ");
}

TEST(ParseToml, KeepsEveryTypeAsItIs) {
  auto parsed = parse(
      "i = -3\nr = 2.5\nb = true\ns = 'x'\na = [1, 'y']\nd = 2027-01-01\nt = 07:30:00\nz = 2026-11-20T10:00:00+03:00");
  EXPECT_EQ(
      base::to_json(parsed.root),
      R"({"i":-3,"r":2.5,"b":true,"s":"x","a":[1,"y"],"d":"2027-01-01","t":"07:30:00","z":"2026-11-20T10:00:00+03:00"})");
}

TEST(ParseToml, ASyntaxErrorIsOneDiagnosticWithItsPlace) {
  auto parsed = parse("[agent]\nname = \"x\nsecond = [\n");
  ASSERT_EQ(parsed.diagnostics.size(), 1u);
  EXPECT_TRUE(parsed.texts().starts_with("agent.toml:2:10: error: syntax: ")) << parsed.texts();
}

TEST(ParseToml, AKeyGivenTwiceIsRefused) {
  EXPECT_TRUE(parse("a = 1\na = 2\n").texts().starts_with("agent.toml:2:5: error: syntax: "))
      << parse("a = 1\na = 2\n").texts();
}

TEST(ParseToml, ReplacesVariablesAndDefaults) {
  auto parsed = parse("a = 'x-${NODE}-y'\nb = '${MISSING:-fall back}'\nc = '${EMPTY:-d}'\ne = '${NODE}${NODE}'",
                      {{"NODE", "n7"}, {"EMPTY", ""}});
  EXPECT_EQ(text_of(parsed, "a") + "|" + text_of(parsed, "b") + "|" + text_of(parsed, "c") + "|" + text_of(parsed, "e"),
            "x-n7-y|fall back|d|n7n7");
}

TEST(ParseToml, DoubledDollarIsALiteral) {
  EXPECT_EQ(text_of(parse("a = '$${NODE}'"), "a"), "${NODE}");
}

TEST(ParseToml, LeavesSecretFilesForLater) {
  EXPECT_EQ(text_of(parse("a = 'Bearer ${file:/x}'"), "a"), "Bearer ${file:/x}");
}

TEST(ParseToml, AVariableThatIsNotSetIsAnErrorAtItsPlace) {
  EXPECT_EQ(
      parse("[http]\nlisten = '${LISTEN}'").texts(),
      "agent.toml:2:10: error: the environment variable LISTEN is not set; set it, or write \"${LISTEN:-default}\"\n");
}

TEST(ParseToml, AnOpenBraceIsAnErrorAtItsPlace) {
  EXPECT_EQ(parse("a = 'x${y'").texts(),
            "agent.toml:1:5: error: \"${\" without \"}\"; write \"$${\" for a literal \"${\"\n");
}

TEST(ParseToml, RefusesKeysNestedBeyondAllSense) {
  std::string deep = "[a";
  for (int i = 0; i < 500'000; ++i) deep += ".a";
  EXPECT_EQ(parse(deep + "]").texts(), "agent.toml: error: a key nested more than 200 deep\n");
  EXPECT_EQ(parse("x = { " + deep.substr(1) + " = 1 }").texts(),
            "agent.toml: error: a key nested more than 200 deep\n");
}

TEST(ParseToml, RefusesArraysNestedBeyondAllSense) {
  EXPECT_TRUE(has_errors(parse("a = " + std::string(100'000, '[')).diagnostics));
}

TEST(ParseToml, AHeaderThatBeginsBadlyIsOnlyAnError) {
  for (const char* text : {"[=", "[[=", "[.a]", "[ ,]"}) EXPECT_TRUE(has_errors(parse(text).diagnostics)) << text;
}

TEST(ParseToml, LettersOfAnyScriptOutsideAStringAreOnlyAnError) {
  for (const char* text : {"a = \u00e4", "\u00e9 = 1", "[\u0441]", "a \u3001= 1", "a = 1 \ufefe"}) {
    EXPECT_TRUE(has_errors(parse(text).diagnostics)) << text;
  }
  EXPECT_EQ(text_of(parse("a = \"\"\"x\\\n  \u00e9\"\"\""), "a"), "x\u00e9");
}

TEST(ParseToml, ACommentMayHoldAnyNumberOfDots) {
  EXPECT_EQ(parse("# " + std::string(1000, '.') + "\na = 1").texts(), "");
}

// A file may break off or rot anywhere: that is an error or another tree, never a crash.
TEST(ParseToml, SurvivesTruncationAndRot) {
  const std::string text =
      "[agent]\nname = \"${NODE:-node-7}\"\nlabels = { dc = \"ri\\u0061\", \"quoted key\" = 'x' }\n[[rule]]\nname='a'\n"
      "tiers = [ { threshold = 85.5e1, severity = \"HIGH\" }, 0x1F, 1979-05-27T07:32:00Z, inf, nan ]\nmessage = "
      "'''\nx{{y}}'''\na.b.\"c\" = true\n";
  std::uint64_t random = 42;
  int parsed_well = 0;
  for (std::size_t cut = 0; cut <= text.size(); ++cut) parsed_well += parse(text.substr(0, cut)).diagnostics.empty();
  for (int round = 0; round < 4000; ++round) {
    std::string rotten = text;
    for (int flips = 0; flips <= round % 4; ++flips) {
      random = random * 6364136223846793005ull + 1442695040888963407ull;
      rotten[(random >> 33) % rotten.size()] = static_cast<char>(random >> 17);
    }
    parsed_well += parse(rotten).diagnostics.empty();
  }
  EXPECT_GT(parsed_well, 0);
}

TEST_F(Folder, MergesConfDInOrderOfName) {
  write("agent.toml", "[agent]\nname = 'a'\n[[rule]]\nname = 'first'\n");
  write("conf.d/20-b.toml", "[[rule]]\nname = 'third'\n");
  write("conf.d/10-a.toml", "[agent]\nmax_series = 7\n[[rule]]\nname = 'second'\n[source.x]\n");
  write("conf.d/ignored.txt", "nonsense");
  Tree tree = read();
  EXPECT_EQ(
      base::to_json(tree.root),
      R"({"agent":{"name":"a","max_series":7},"rule":[{"name":"first"},{"name":"second"},{"name":"third"}],"source":{"x":{}}})");
  EXPECT_EQ(texts(tree), "");
}

TEST_F(Folder, AnythingGivenTwiceNamesBothPlaces) {
  write("agent.toml", "[agent]\nname = 'a'\n");
  write("conf.d/a.toml", "\n[agent]\n  name = 'b'\n");
  EXPECT_EQ(texts(read()),
            "conf.d/a.toml:3:3: error: agent.name is given twice; it stands at agent.toml:2:1 already: keep one of the "
            "two\n");
}

TEST_F(Folder, OneSyntaxErrorPerFile) {
  write("agent.toml", "a = \nb = \n");
  write("conf.d/a.toml", "c = \nd = \n");
  EXPECT_EQ(read().diagnostics.size(), 2u);
}

TEST_F(Folder, ABadFileKeepsItsLastGoodContentAtReload) {
  write("agent.toml", "[agent]\nname = 'a'\n");
  write("conf.d/a.toml", "[[rule]]\nname = 'kept'\n");
  read();
  write("conf.d/a.toml", "[[rule]\n");
  Tree tree = read();
  EXPECT_EQ(base::to_json(*tree.root.find("rule")), R"([{"name":"kept"}])");
  EXPECT_FALSE(has_errors(tree.diagnostics));
  EXPECT_TRUE(texts(tree).starts_with("conf.d/a.toml:1:8: warning: syntax: ")) << texts(tree);
  EXPECT_TRUE(texts(tree).ends_with("(this file keeps its last good content)\n")) << texts(tree);
}

TEST_F(Folder, ABadFileAtTheFirstReadIsAnError) {
  write("agent.toml", "");
  write("conf.d/a.toml", "[[rule]\n");
  EXPECT_TRUE(has_errors(read().diagnostics));
}

TEST_F(Folder, ABadMainFileIsAnErrorAlsoAtReload) {
  write("agent.toml", "[agent]\n");
  read();
  write("agent.toml", "[agent\n");
  EXPECT_TRUE(has_errors(read().diagnostics));
}

TEST_F(Folder, AHeldFileIsNotRead) {
  write("agent.toml", "");
  write("conf.d/a.toml", "x = 1\n");
  read();
  write("conf.d/a.toml", "x = 2\n");
  Tree tree = read_tree((directory_ / "agent.toml").string(), Environment(), last_good_,
                        {(directory_ / "conf.d/a.toml").string()});
  EXPECT_EQ(base::to_json(tree.root), R"({"x":1})");
}

TEST_F(Folder, FollowsSymlinksAsMountedConfigMapsNeedThem) {
  fs::create_directories(directory_ / "..data");
  write("..data/agent.toml", "[agent]\nname = 'a'\n");
  write("..data/more.toml", "[log]\n");
  fs::create_symlink("..data/agent.toml", directory_ / "agent.toml");
  fs::create_symlink("../..data/more.toml", directory_ / "conf.d/more.toml");
  EXPECT_EQ(base::to_json(read().root), R"({"agent":{"name":"a"},"log":{}})");
}

TEST_F(Folder, AMissingFileIsNamed) {
  EXPECT_EQ(texts(read()), "agent.toml: error: cannot be read: No such file or directory\n");
}

}  // namespace
}  // namespace tocsin::config
