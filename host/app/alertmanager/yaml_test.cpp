#include "alertmanager/yaml.hpp"

#include "alertmanager/trial_test.hpp"

namespace tocsin::alertmanager {
namespace {

std::string json(const std::string& text) {
  config::Diagnostics diagnostics;
  const auto value = parse_yaml(text, "a.yml", diagnostics);
  return value ? base::to_json(*value) : lines(diagnostics);
}

TEST(Yaml, LeavesEveryScalarAText) {
  EXPECT_EQ(json("a: 30s\nb: yes\nc: 0\nd: '1'\ne: ~\nf:\ng: \"x\\ny\"\n"),
            R"({"a":"30s","b":"yes","c":"0","d":"1","e":null,"f":null,"g":"x\ny"})");
}

TEST(Yaml, ReadsListsAndMapsInBothStyles) {
  EXPECT_EQ(json("a: [x, {b: c}]\nd:\n- e\n- f: g\n"), R"({"a":["x",{"b":"c"}],"d":["e",{"f":"g"}]})");
}

TEST(Yaml, KnowsWhereEverythingStands) {
  config::Diagnostics diagnostics;
  const auto value = parse_yaml("a:\n  b: [x,\n      y]\n", "a.yml", diagnostics);
  ASSERT_TRUE(value);
  const auto& list = *value->find("a")->find("b");
  EXPECT_EQ((*list.array())[1].place.text(), "a.yml:3:7");
  EXPECT_EQ(value->find("a")->table()->front().key_place.text(), "a.yml:2:3");
}

TEST(Yaml, CopiesAnchorsAndMergesMaps) {
  EXPECT_EQ(json("d: &d {a: 1, b: 2}\ne: *d\nf:\n  <<: *d\n  b: 3\n"),
            R"({"d":{"a":"1","b":"2"},"e":{"a":"1","b":"2"},"f":{"b":"3","a":"1"}})");
}

TEST(Yaml, AnEmptyTextIsNull) {
  EXPECT_EQ(json(""), "null");
  EXPECT_EQ(json("# nothing\n"), "null");
}

TEST(Yaml, RefusesTheSameKeyTwice) {
  EXPECT_EQ(json("a: 1\nb: 2\na: 3\n"), "a.yml:3:1: error: YAML: the key \"a\" stands here twice\n");
}

TEST(Yaml, RefusesKeysThatAreNoWords) {
  EXPECT_EQ(json("[a, b]: 1\n"), "a.yml:1:1: error: YAML: a key must be a single word\n");
}

TEST(Yaml, NamesThePlaceOfBadSyntax) {
  EXPECT_TRUE(json("a:\n  - b\n c: d\n").starts_with("a.yml:3:")) << json("a:\n  - b\n c: d\n");
}

TEST(Yaml, RefusesAliasesThatMultiply) {
  std::string text = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n";
  for (int i = 1; i < 9; ++i) {
    const std::string before = "*a" + std::to_string(i - 1);
    text += "a" + std::to_string(i) + ": &a" + std::to_string(i) + " [";
    for (int k = 0; k < 10; ++k) text += (k > 0 ? ", " : "") + before;
    text += "]\n";
  }
  EXPECT_NE(json(text).find("too many values"), std::string::npos) << json(text).substr(0, 200);
}

TEST(Yaml, RefusesWhatNestsBeyondReason) {
  EXPECT_NE(json(std::string(100'000, '[')).find("error: YAML"), std::string::npos);
}

TEST(Yaml, RefusesTextThatIsNotUtf8) {
  EXPECT_EQ(json("a: \xff\n"), "a.yml: error: is not UTF-8\n");
}

}  // namespace
}  // namespace tocsin::alertmanager
