// Promises about inhibition: Alertmanager's rules, kept up to date as alerts come and go.
#include "incidents/inhibitor.hpp"

#include <gtest/gtest.h>

#include <optional>
#include <random>

#include "incidents/desk_world.hpp"

namespace tocsin::incidents::testing {
namespace {

model::InhibitRule rule(std::vector<std::string> source, std::vector<std::string> target,
                        std::vector<std::string> equal, std::string name = "") {
  return {std::move(name), matchers(source), matchers(target), std::move(equal)};
}

class Inhibition : public ::testing::Test {
 protected:
  void rules(std::vector<model::InhibitRule> rules) {
    routing_.inhibit_rules = std::move(rules);
    inhibitor_.emplace(routing_);
  }
  static Alert alert(Labels labels, Severity severity = Severity::none) {
    Alert a;
    a.labels = labels;
    a.fingerprint = labels.fingerprint();
    a.id = base::hex16(a.fingerprint);
    a.severity = severity;
    a.state = AlertState::firing;
    a.active_at = a.fired_at = a.updated_at = base::ManualClock().now();
    a.title = std::string(labels.get("alertname"));
    return a;
  }
  void fires(const Labels& labels) { inhibitor_->put(alert(labels)); }
  void resolves(const Labels& labels) {
    Alert a = alert(labels);
    a.state = AlertState::resolved;
    inhibitor_->put(a);
  }
  /// "TITLE by RULE", or "".
  std::string by(const Labels& labels) {
    const auto inhibition = inhibitor_->of(alert(labels));
    return inhibition ? inhibition->title + " by " + inhibition->rule : "";
  }

  model::Routing routing_;
  std::optional<Inhibitor> inhibitor_;
};

TEST_F(Inhibition, HoldsWhileTheSourceFires) {
  rules({rule({R"(alertname="Down")"}, {R"(alertname="Slow")"}, {}, "down")});
  EXPECT_EQ(by({{"alertname", "Slow"}}), "");
  fires({{"alertname", "Down"}});
  EXPECT_EQ(by({{"alertname", "Slow"}}), "Down by down");
  EXPECT_EQ(by({{"alertname", "Other"}}), "");
  resolves({{"alertname", "Down"}});
  EXPECT_EQ(by({{"alertname", "Slow"}}), "");
}

TEST_F(Inhibition, NeedsTheSameValuesOfTheEqualLabels) {
  rules({rule({R"(alertname="Down")"}, {R"(alertname="Slow")"}, {"dc", "host"})});
  fires({{"alertname", "Down"}, {"dc", "r"}, {"host", "1"}});
  EXPECT_EQ(by({{"alertname", "Slow"}, {"dc", "r"}, {"host", "1"}}), "Down by inhibit_rules[0]");
  EXPECT_EQ(by({{"alertname", "Slow"}, {"dc", "r"}, {"host", "2"}}), "");
  EXPECT_EQ(by({{"alertname", "Slow"}, {"dc", "r"}}), "");
}

TEST_F(Inhibition, TakesAMissingLabelForAnEmptyOne) {
  rules({rule({R"(alertname="Down")"}, {R"(alertname="Slow")"}, {"host"})});
  fires({{"alertname", "Down"}});
  EXPECT_NE(by({{"alertname", "Slow"}}), "");
  EXPECT_EQ(by({{"alertname", "Slow"}, {"host", "1"}}), "");
}

TEST_F(Inhibition, ValuesDoNotRunIntoEachOther) {
  rules({rule({R"(alertname="Down")"}, {R"(alertname="Slow")"}, {"a", "b"})});
  fires({{"alertname", "Down"}, {"a", "xy"}});
  EXPECT_EQ(by({{"alertname", "Slow"}, {"a", "x"}, {"b", "y"}}), "");
}

// Alertmanager's table (inhibit_test.go): an alert that matches both sides.
TEST_F(Inhibition, DoesNotHoldWhatMatchesBothSidesByAnotherThatAlsoDoes) {
  rules({rule({R"(s="1")"}, {R"(t="1")"}, {"e"})});
  fires({{"s", "1"}, {"t", "1"}, {"e", "f"}, {"alertname", "both"}});
  EXPECT_EQ(by({{"s", "1"}, {"t", "1"}, {"e", "f"}, {"alertname", "both"}}), "") << "not by itself";
  EXPECT_EQ(by({{"s", "1"}, {"t", "1"}, {"e", "f"}, {"alertname", "another"}}), "") << "nor by another such";
  EXPECT_NE(by({{"t", "1"}, {"e", "f"}}), "") << "but a plain target is";
  fires({{"s", "1"}, {"e", "f"}, {"alertname", "plain"}});
  EXPECT_EQ(by({{"s", "1"}, {"t", "1"}, {"e", "f"}, {"alertname", "both"}}), "plain by inhibit_rules[0]")
      << "a plain source inhibits also what matches both sides";
}

TEST_F(Inhibition, TakesTheFirstRuleThatHolds) {
  rules({rule({R"(alertname="A")"}, {R"(x=~".+")"}, {}, "first"),
         rule({R"(alertname="B")"}, {R"(x="1")"}, {}, "second")});
  fires({{"alertname", "B"}});
  EXPECT_EQ(by({{"x", "1"}}), "B by second");
  fires({{"alertname", "A"}});
  EXPECT_EQ(by({{"x", "1"}}), "A by first");
}

TEST_F(Inhibition, ComparesTheMappedSeverityWithoutCase) {
  routing_.severity.map["page"] = Severity::critical;
  rules({rule({R"(severity="critical")"}, {R"(severity=~"high|medium")"}, {"host"})});
  fires({{"alertname", "Down"}, {"severity", "page"}, {"host", "1"}});
  EXPECT_NE(by({{"alertname", "Slow"}, {"severity", "HIGH"}, {"host", "1"}}), "");
  EXPECT_EQ(by({{"alertname", "Slow"}, {"severity", "low"}, {"host", "1"}}), "");
}

TEST_F(Inhibition, ComparesTheRulesCategory) {
  rules({rule({R"(category="infrastructure")"}, {R"(category="LOG")"}, {})});
  Alert source = alert({{"alertname", "Node"}});
  source.category = model::Category::infrastructure;
  inhibitor_->put(source);
  Alert target = alert({{"alertname", "Errors"}});
  target.category = model::Category::log;
  EXPECT_TRUE(inhibitor_->of(target));
}

TEST_F(Inhibition, FollowsAnAlertWhoseSeverityRises) {
  rules({rule({R"(severity="critical")"}, {R"(alertname="Slow")"}, {}),
         rule({R"(severity="high")"}, {R"(alertname="Log")"}, {})});
  Alert a = alert({{"alertname", "Down"}, {"severity", "high"}});
  inhibitor_->put(a);
  a.labels.set("severity", "critical");
  a.fingerprint = a.labels.fingerprint();
  EXPECT_TRUE(inhibitor_->put(a)) << "what it was before is gone";
  EXPECT_NE(by({{"alertname", "Slow"}}), "");
  EXPECT_EQ(by({{"alertname", "Log"}}), "");
}

TEST_F(Inhibition, TheEndOfAnOlderOccurrenceEndsNothing) {
  rules({rule({R"(alertname="Down")"}, {R"(alertname="Slow")"}, {})});
  fires({{"alertname", "Down"}});
  Alert old = alert({{"alertname", "Down"}});
  old.id = "old";
  old.active_at -= 1h;
  old.state = AlertState::resolved;
  EXPECT_FALSE(inhibitor_->put(old));
  EXPECT_NE(by({{"alertname", "Slow"}}), "");
}

TEST_F(Inhibition, AnAlertInShadowInhibitsNobody) {
  rules({rule({R"(alertname="Down")"}, {R"(alertname="Slow")"}, {})});
  Alert a = alert({{"alertname", "Down"}});
  a.shadow = true;
  inhibitor_->put(a);
  EXPECT_EQ(by({{"alertname", "Slow"}}), "");
  a.shadow = false;  // its pack went live
  inhibitor_->put(a);
  EXPECT_NE(by({{"alertname", "Slow"}}), "");
}

TEST_F(Inhibition, SaysWhenASourceIsGone) {
  rules({rule({R"(alertname="Down")"}, {R"(alertname="Slow")"}, {})});
  Alert a = alert({{"alertname", "Down"}});
  EXPECT_FALSE(inhibitor_->put(a));
  EXPECT_FALSE(inhibitor_->put(a));
  a.state = AlertState::resolved;
  EXPECT_TRUE(inhibitor_->put(a));
  EXPECT_FALSE(inhibitor_->put(a));
}

/// Against the plain reading of the rules, on random alerts.
TEST_F(Inhibition, AnswersAsAWalkOverAllSourcesDoes) {
  std::mt19937 random(7);
  const auto pick = [&](int below) { return std::to_string(std::uniform_int_distribution<int>(0, below - 1)(random)); };
  std::vector<model::InhibitRule> all;
  for (int i = 0; i < 12; ++i) {
    all.push_back(rule(
        {"a=\"" + pick(3) + "\"", "b=~\"" + pick(3) + "|" + pick(3) + "\""},
        i % 3 ? std::vector<std::string>{"c=\"" + pick(3) + "\""} : std::vector<std::string>{"c!=\"" + pick(3) + "\""},
        i % 2 ? std::vector<std::string>{"d"} : std::vector<std::string>{}));
  }
  rules(all);
  std::map<std::uint64_t, Alert> firing;
  for (int i = 0; i < 3000; ++i) {
    Alert a = alert({{"a", pick(3)}, {"b", pick(4)}, {"c", pick(3)}, {"d", pick(3)}});
    bool inhibited = false;
    for (const auto& r : all) {
      if (!model::matches(r.target, a.labels)) continue;
      const bool both = model::matches(r.source, a.labels);
      for (const auto& [fingerprint, s] : firing) {
        if (!model::matches(r.source, s.labels) || (both && model::matches(r.target, s.labels))) continue;
        if (r.equal.empty() || s.labels.get("d") == a.labels.get("d")) inhibited = true;
      }
    }
    ASSERT_EQ(inhibitor_->of(a).has_value(), inhibited) << a.labels.text();
    if (random() % 2) {
      firing[a.fingerprint] = a;
    } else {
      firing.erase(a.fingerprint);
      a.state = AlertState::resolved;
    }
    inhibitor_->put(a);
  }
}

}  // namespace
}  // namespace tocsin::incidents::testing
