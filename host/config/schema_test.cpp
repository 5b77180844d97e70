#include "config/schema.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

namespace tocsin::config {
namespace {

using base::Option;
using base::OptionType;
using base::Value;

const std::vector<Option> options = {
    {.key = "paths", .type = OptionType::array, .required = true, .doc = "Files to read."},
    {.key = "start",
     .type = OptionType::string,
     .fallback = "\"end\"",
     .choices = {"end", "beginning"},
     .doc = "Where to begin."},
    {.key = "max_age",
     .type = OptionType::duration,
     .fallback = "\"10m\"",
     .min = "1s",
     .max = "\"1d\"",
     .doc = "Older lines alert nobody."},
    {.key = "block", .type = OptionType::size, .fallback = "64KiB", .max = "1MiB", .doc = "Read at once."},
    {.key = "limit", .type = OptionType::integer, .min = "1", .max = "100", .doc = "At most so many."},
    {.key = "factor", .type = OptionType::number, .fallback = "2", .min = "0.5", .doc = "Times."},
    {.key = "follow", .type = OptionType::boolean, .fallback = "true", .doc = "Go on reading."},
    {.key = "token", .type = OptionType::string, .secret = true, .doc = "Shown | to nobody."},
    {.key = "tls",
     .type = OptionType::table,
     .doc = "Encryption.",
     .children = {{.key = "cert", .required = true, .doc = "A PEM file."}, {.key = "key", .secret = true}}},
    {.key = "match",
     .type = OptionType::array,
     .doc = "Patterns.",
     .children = {{.key = "pattern", .required = true}, {.key = "every", .type = OptionType::duration}}},
    {.key = "labels",
     .type = OptionType::table,
     .doc = "Added.",
     .children = {{.key = "*", .type = OptionType::string}}},
    {.key = "hosts",
     .type = OptionType::array,
     .doc = "Names.",
     .children = {{.key = "[]", .type = OptionType::string}}},
};

struct Outcome {
  Value value;
  Diagnostics diagnostics;
  std::string texts() const {
    std::string out;
    for (const Diagnostic& d : diagnostics) out += d.text() + "\n";
    return out;
  }
};

Outcome check(const std::string& text) {
  Outcome outcome;
  auto root = parse_toml("[source.auth]\n" + text, "agent.toml", Environment(), outcome.diagnostics);
  if (root)
    outcome.value = validate(*root->find("source")->find("auth"), options, "[source.auth]", outcome.diagnostics);
  return outcome;
}

TEST(Validate, FillsInDefaultsInPlainUnits) {
  EXPECT_EQ(base::to_json(check("paths = ['/x']").value),
            R"({"paths":["/x"],"start":"end","max_age":600000000000,"block":65536,"factor":2.0,"follow":true})");
}

struct BadCase {
  const char* name;
  const char* text;
  const char* says;
};
class BadConfig : public testing::TestWithParam<BadCase> {};

TEST_P(BadConfig, IsNamedWithPlaceAndRemedy) {
  EXPECT_EQ(check(GetParam().text).texts(), GetParam().says);
}

INSTANTIATE_TEST_SUITE_P(
    All, BadConfig,
    testing::Values(
        BadCase{"UnknownKey", "paths = []\n  pathes = 1",
                "agent.toml:3:3: error: [source.auth] unknown key \"pathes\"; did you mean \"paths\"?\n"},
        BadCase{"UnknownFarKey", "paths = []\nzzzzzzz = 1",
                "agent.toml:3:1: error: [source.auth] unknown key \"zzzzzzz\"; known are paths, start, max_age, block, "
                "limit, factor, "
                "follow, token, tls, match, labels, hosts\n"},
        BadCase{"Missing", "start = 'end'", "agent.toml:1:1: error: [source.auth] needs \"paths\": Files to read.\n"},
        BadCase{"ArrayWanted", "paths = '/x'",
                "agent.toml:2:9: error: [source.auth] paths: expected an array, got a string; write [\"/x\"]\n"},
        BadCase{"Choice", "paths = []\nstart = 'begining'",
                "agent.toml:3:9: error: [source.auth] start: expected one of \"end\", \"beginning\", got \"begining\"; "
                "did you mean \"beginning\"?\n"},
        BadCase{"DurationUnit", "paths = []\nmax_age = '10 parsecs'",
                "agent.toml:3:11: error: [source.auth] max_age: expected a duration such as \"30s\" or \"1h30m\", got "
                "\"10 parsecs\"\n"},
        BadCase{"DurationBare", "paths = []\nmax_age = 10",
                "agent.toml:3:11: error: [source.auth] max_age: expected a duration such as \"30s\" or \"1h30m\", got "
                "an integer\n"},
        BadCase{"DurationBelow", "paths = []\nmax_age = '10ms'",
                "agent.toml:3:11: error: [source.auth] max_age: must be at least 1s\n"},
        BadCase{"DurationAbove", "paths = []\nmax_age = '2d'",
                "agent.toml:3:11: error: [source.auth] max_age: must be at most \"1d\"\n"},
        BadCase{"Size", "paths = []\nblock = '64KB2'",
                "agent.toml:3:9: error: [source.auth] block: expected a size such as \"64KiB\" or \"10MB\", got "
                "\"64KB2\"\n"},
        BadCase{"SizeAbove", "paths = []\nblock = '2MiB'",
                "agent.toml:3:9: error: [source.auth] block: must be at most 1MiB\n"},
        BadCase{"SizeNegative", "paths = []\nblock = -1",
                "agent.toml:3:9: error: [source.auth] block: expected a size such as \"64KiB\" or \"10MB\", got an "
                "integer\n"},
        BadCase{"IntegerBelow", "paths = []\nlimit = 0",
                "agent.toml:3:9: error: [source.auth] limit: must be at least 1\n"},
        BadCase{"IntegerReal", "paths = []\nlimit = 1.5",
                "agent.toml:3:9: error: [source.auth] limit: expected an integer, got a number\n"},
        BadCase{"NumberNan", "paths = []\nfactor = nan",
                "agent.toml:3:10: error: [source.auth] factor: expected a number, got a number\n"},
        BadCase{"Boolean", "paths = []\nfollow = 'yes'",
                "agent.toml:3:10: error: [source.auth] follow: expected true or false, got a string\n"},
        BadCase{"NestedUnknown", "paths = []\ntls = { cert = 'c', kye = 'k' }",
                "agent.toml:3:21: error: [source.auth] tls: unknown key \"kye\"; did you mean \"key\"?\n"},
        BadCase{"NestedMissing", "paths = []\ntls = {}",
                "agent.toml:3:7: error: [source.auth] tls: needs \"cert\": A PEM file.\n"},
        BadCase{"NestedEmpty", "paths = []\ntls = { cert = '' }",
                "agent.toml:3:16: error: [source.auth] tls.cert: must not be empty\n"},
        BadCase{"InArray", "paths = []\n[[source.auth.match]]\npattern = 'x'\nevry = '1s'",
                "agent.toml:5:1: error: [source.auth] match: unknown key \"evry\"; did you mean \"every\"?\n"},
        BadCase{"NoTableInArray", "paths = []\nmatch = ['x']",
                "agent.toml:3:10: error: [source.auth] match: expected tables in the array, got a string\n"},
        BadCase{"AnyKeyTyped", "paths = []\nlabels = { a = 'x', b = 5 }",
                "agent.toml:3:25: error: [source.auth] labels.b: expected a string, got an integer\n"},
        BadCase{"ItemTyped", "paths = []\nhosts = ['a', 7]",
                "agent.toml:3:15: error: [source.auth] hosts: expected a string, got an integer\n"},
        BadCase{"SecretOfWrongType", "paths = []\ntoken = ['s3cret']",
                "agent.toml:3:9: error: [source.auth] token: expected a string, got an array\n"}),
    [](const auto& each) { return std::string(each.param.name); });

TEST(Validate, ReportsEverythingAtOnce) {
  EXPECT_EQ(check("limit = 0\nfollow = 1\nnope = 2").diagnostics.size(), 4u);
}

TEST(Validate, ASectionThatIsNoTableIsNamed) {
  Diagnostics diagnostics;
  auto root = parse_toml("[source]\nauth = 5", "agent.toml", Environment(), diagnostics);
  validate(*root->find("source")->find("auth"), options, "[source.auth]", diagnostics);
  EXPECT_EQ(diagnostics.at(0).text(), "agent.toml:2:8: error: [source.auth] expected a table, got an integer");
}

class Secrets : public testing::Test {
 protected:
  void SetUp() override {
    directory_ = std::filesystem::temp_directory_path() / ("tocsin-secrets-" + std::to_string(getpid()));
    std::filesystem::create_directories(directory_);
    std::ofstream(directory_ / "token") << "s3cret\n";
  }
  void TearDown() override { std::filesystem::remove_all(directory_); }
  std::string resolve(const std::string& text) {
    diagnostics_.clear();
    Environment environment = [](const std::string& name) -> std::optional<std::string> {
      return name == "TOKEN" ? std::optional<std::string>("from-env") : std::nullopt;
    };
    auto root = parse_toml(text, (directory_ / "agent.toml").string(), environment, diagnostics_);
    return base::to_json(resolve_secrets(*root, options, environment, diagnostics_));
  }
  std::filesystem::path directory_;
  Diagnostics diagnostics_;
};

TEST_F(Secrets, FileIsReadBesideTheConfigWithoutItsNewline) {
  EXPECT_EQ(resolve("token = 'file:token'"), R"({"token":"s3cret"})");
}
TEST_F(Secrets, EnvironmentIsRead) {
  EXPECT_EQ(resolve("token = 'env:TOKEN'"), R"({"token":"from-env"})");
}
TEST_F(Secrets, StandInsideAnyString) {
  EXPECT_EQ(resolve("headers = { Authorization = 'Bearer ${file:token}' }"),
            R"({"headers":{"Authorization":"Bearer s3cret"}})");
}
TEST_F(Secrets, DoubledDollarStaysLiteral) {
  EXPECT_EQ(resolve("x = '$${file:token}'"), R"({"x":"${file:token}"})");
}
TEST_F(Secrets, AreFoundInDeclaredChildren) {
  EXPECT_EQ(resolve("tls = { cert = 'file:token', key = 'file:token' }"),
            R"({"tls":{"cert":"file:token","key":"s3cret"}})");
}
TEST_F(Secrets, AreFoundByNameWhereNothingIsDeclared) {
  EXPECT_EQ(resolve("auth = { type = 'hmac', secret = 'env:TOKEN' }"),
            R"({"auth":{"type":"hmac","secret":"from-env"}})");
}
TEST_F(Secrets, InTheClearAreAWarningThatDoesNotShowThem) {
  resolve("token = 'hunter2'");
  ASSERT_EQ(diagnostics_.size(), 1u);
  EXPECT_EQ(diagnostics_[0].level, Diagnostic::Level::warning);
  EXPECT_EQ(diagnostics_[0].text().find("hunter2"), std::string::npos);
}
TEST_F(Secrets, AMissingFileIsAnErrorThatNamesIt) {
  resolve("token = 'file:absent'");
  EXPECT_EQ(diagnostics_.at(0).message, "token: the secret's file \"" + (directory_ / "absent").string() +
                                            "\" cannot be read: No such file or directory");
}
TEST_F(Secrets, AMissingVariableIsAnError) {
  resolve("token = 'env:ABSENT'");
  EXPECT_EQ(diagnostics_.at(0).message, "token: the environment variable ABSENT is not set");
}
TEST_F(Secrets, TheStoreIsSaidToBeMissing) {
  resolve("token = 'store:x'");
  EXPECT_TRUE(has_errors(diagnostics_));
}
TEST_F(Secrets, TheirFilesCanBeListedWithoutReadingThem) {
  Diagnostics diagnostics;
  auto root = parse_toml("token = 'file:/a'\nx = '${file:/b} ${file:/a}'", "", Environment(), diagnostics);
  EXPECT_EQ(secret_files(*root, options), (std::vector<std::string>{"/a", "/b"}));
}

TEST(Reference, HasOneRowPerOptionAndChild) {
  const std::string page = reference(options);
  EXPECT_NE(page.find("| `max_age` | duration, 1s to \"1d\" | `\"10m\"` | Older lines alert nobody. |"),
            std::string::npos)
      << page;
  EXPECT_NE(page.find("| `tls.cert` | string | **required** | A PEM file. |"), std::string::npos) << page;
  EXPECT_NE(page.find("Shown \\| to nobody. A secret: `file:PATH` or `env:NAME`."), std::string::npos) << page;
  EXPECT_NE(page.find("| `labels.NAME` |"), std::string::npos) << page;
}

TEST(Sample, ParsesAndIsValid) {
  Diagnostics diagnostics;
  auto root = parse_toml(sample("source.auth", options), "sample", Environment(), diagnostics);
  ASSERT_TRUE(root);
  validate(*root->find("source")->find("auth"), options, "[source.auth]", diagnostics);
  EXPECT_TRUE(diagnostics.empty()) << diagnostics.front().text();
}

TEST(Sample, IsValidWithEveryCommentedKeySwitchedOn) {
  const std::string page = sample("s", options);
  std::string text;
  for (std::string_view rest = page; !rest.empty();) {
    std::string line(rest.substr(0, rest.find('\n') + 1));
    rest.remove_prefix(line.size());
    const bool key = line.starts_with("# ") && line.find(" = ") != line.npos;
    if (key && line.find("tls") == line.npos) line.erase(0, 2);
    text += line;
  }
  Diagnostics diagnostics;
  auto root = parse_toml(text, "sample", Environment(), diagnostics);
  ASSERT_TRUE(root) << text;
  validate(*root->find("s"), options, "[s]", diagnostics);
  EXPECT_TRUE(diagnostics.empty()) << diagnostics.front().text();
}

}  // namespace
}  // namespace tocsin::config
