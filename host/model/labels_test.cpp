#include "model/labels.hpp"

#include <gtest/gtest.h>

#include "base/id.hpp"

namespace tocsin::model {
namespace {

TEST(Labels, HaveTheFingerprintThatAlertmanagerGives) {
  Labels labels{{"severity", "warning"}, {"alertname", "Manual"}, {"node", "n1"}};
  EXPECT_EQ(base::hex16(labels.fingerprint()), "172e140873e2d000");
}

TEST(Labels, AreSortedOnceEachAndNeverEmpty) {
  Labels labels(std::vector<Labels::Pair>{{"b", "2"}, {"a", "1"}, {"c", ""}, {"b", "3"}, {"d", "4"}, {"d", ""}});
  EXPECT_EQ(labels.text(), R"({a="1",b="3"})");
  EXPECT_EQ(labels.size(), 2u);
}

TEST(Labels, TreatMissingAndEmptyAlike) {
  Labels labels{{"a", "1"}};
  EXPECT_EQ(labels.get("b"), "");
  EXPECT_FALSE(labels.has("b"));
  labels.set("a", "");
  EXPECT_TRUE(labels.empty());
}

TEST(Labels, KeepTheirOrderWhenSet) {
  Labels labels{{"m", "1"}};
  labels.set("z", "2");
  labels.set("a", "3");
  labels.set("m", "4");
  EXPECT_EQ(labels, (Labels{{"a", "3"}, {"m", "4"}, {"z", "2"}}));
  labels.erase("m");
  labels.erase("nothing");
  EXPECT_EQ(labels, (Labels{{"a", "3"}, {"z", "2"}}));
}

TEST(Labels, ThatWereCopiedDoNotChangeWithEachOther) {
  const Labels first{{"a", "1"}, {"b", "2"}};
  Labels second = first, third = first, fourth = first;
  second.set("a", "3");
  third.erase("b");
  fourth.add_missing({{"c", "4"}});
  EXPECT_EQ(first, (Labels{{"a", "1"}, {"b", "2"}}));
  EXPECT_EQ(second, (Labels{{"a", "3"}, {"b", "2"}}));
  EXPECT_EQ(third, (Labels{{"a", "1"}}));
  EXPECT_EQ(fourth, (Labels{{"a", "1"}, {"b", "2"}, {"c", "4"}}));
}

TEST(Labels, AddOnlyWhatIsMissing) {
  Labels labels{{"a", "mine"}, {"c", "mine"}};
  labels.add_missing({{"a", "theirs"}, {"b", "theirs"}, {"d", "theirs"}});
  EXPECT_EQ(labels, (Labels{{"a", "mine"}, {"b", "theirs"}, {"c", "mine"}, {"d", "theirs"}}));
}

TEST(Labels, GiveTheNamedOnes) {
  std::vector<std::string> by{"host", "missing", "dc"};
  EXPECT_EQ((Labels{{"dc", "r1"}, {"host", "n1"}, {"x", "y"}}).only(by), (Labels{{"dc", "r1"}, {"host", "n1"}}));
}

TEST(Labels, AreWrittenWithQuotesEscaped) {
  EXPECT_EQ((Labels{{"path", "C:\\a \"b\"\n"}}).text(), R"({path="C:\\a \"b\"\n"})");
  EXPECT_EQ(Labels().text(), "{}");
}

}  // namespace
}  // namespace tocsin::model
