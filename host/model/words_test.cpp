// The model's enumerations, names and small decisions.
#include <gtest/gtest.h>

#include "model/changes.hpp"
#include "model/routing.hpp"

namespace tocsin::model {
namespace {

TEST(Words, AreReadBackAsTheyAreWritten) {
  for (int i = 1; i <= 4; ++i) EXPECT_EQ(parse_severity(to_string(Severity(i))).value(), Severity(i));
  for (int i = 1; i <= 4; ++i) EXPECT_EQ(parse_category(to_string(Category(i))).value(), Category(i));
  for (int i = 0; i <= 13; ++i) EXPECT_EQ(parse_aggregate(to_string(Aggregate(i))).value(), Aggregate(i));
  for (int i = 0; i <= 3; ++i) EXPECT_EQ(parse_alert_state(to_string(AlertState(i))).value(), AlertState(i));
  for (int i = 1; i <= 5; ++i)
    EXPECT_EQ(parse_incident_status(to_string(IncidentStatus(i))).value(), IncidentStatus(i));
  EXPECT_EQ(to_string(MessageKind::test), "test");
  EXPECT_EQ(to_string(DeliveryState::shadow), "SHADOW");
}

TEST(Words, AreTakenWithoutCaseAndHintedAt) {
  EXPECT_EQ(parse_severity("critical").value(), Severity::critical);
  EXPECT_EQ(parse_incident_status("in_progress").value(), IncidentStatus::in_progress);
  auto wrong = parse_severity("CRITCAL");
  ASSERT_FALSE(wrong);
  EXPECT_NE(wrong.error().message().find("did you mean CRITICAL?"), std::string::npos);
  EXPECT_FALSE(parse_severity("NONE"));
  EXPECT_FALSE(parse_severity(""));
}

TEST(Rule, CoolsDownFiveMinutesUnlessCriticalOrTold) {
  Rule rule;
  rule.severity = Severity::high;
  EXPECT_EQ(rule.effective_cooldown(), std::chrono::minutes(5));
  rule.severity = Severity::critical;
  EXPECT_EQ(rule.effective_cooldown(), base::Duration(0));
  rule.cooldown = std::chrono::hours(1);
  EXPECT_EQ(rule.effective_cooldown(), std::chrono::hours(1));
}

TEST(Expand, ReplacesKnownNamesAndLeavesOthers) {
  auto lookup = [](std::string_view name) -> std::optional<std::string> {
    return name == "host" ? std::optional<std::string>("n1") : std::nullopt;
  };
  EXPECT_EQ(expand("on {{ host }} and {{other}} {{", lookup), "on n1 and {{other}} {{");
}

TEST(AlertId, DependsOnRuleLabelsAndStartAlone) {
  Labels labels{{"host", "n1"}};
  std::string id = alert_id("r", labels, base::from_ns(5));
  EXPECT_EQ(id.size(), 16u);
  EXPECT_EQ(id, alert_id("r", labels, base::from_ns(5)));
  EXPECT_NE(id, alert_id("r", labels, base::from_ns(6)));
  EXPECT_NE(id, alert_id("r2", labels, base::from_ns(5)));
  EXPECT_NE(id, alert_id("r", {{"host", "n2"}}, base::from_ns(5)));
}

TEST(AlertTitle, IsTheRuleAndItsByValues) {
  EXPECT_EQ(alert_title("disk_filling", {{"host", "n1"}, {"mount", "/"}}), "disk_filling host=n1, mount=/");
  EXPECT_EQ(alert_title("loader_silent", {}), "loader_silent");
}

TEST(IncidentStatus, MovesOnlyAsTheWordsSay) {
  using enum IncidentStatus;
  EXPECT_EQ(next_statuses(open), (std::vector{acknowledged, in_progress, resolved}));
  EXPECT_EQ(next_statuses(acknowledged), (std::vector{in_progress, resolved}));
  EXPECT_EQ(next_statuses(in_progress), (std::vector{resolved}));
  EXPECT_EQ(next_statuses(resolved), (std::vector{open, closed}));
  EXPECT_EQ(next_statuses(closed), (std::vector{open}));
}

TEST(SeverityMap, KnowsOurWordsAlwaysAndOthersAsMapped) {
  SeverityMap severities{{{"page", Severity::critical}, {"low", Severity::medium}}, Severity::high};
  EXPECT_EQ(severities.of("Page"), Severity::critical);
  EXPECT_EQ(severities.of("CRITICAL"), Severity::critical);
  EXPECT_EQ(severities.of("low"), Severity::medium);
  EXPECT_EQ(severities.of("banana"), Severity::high);
  EXPECT_EQ(severities.of(""), Severity::high);
}

TEST(Changes, AppendInOrderAndKnowWhenTheyAreEmpty) {
  Changes first, second;
  EXPECT_TRUE(first.empty());
  first.journal_position = 7;
  first.alerts.resize(1);
  first.alerts[0].id = "a";
  second.journal_position = 5;
  second.alerts.resize(1);
  second.alerts[0].id = "b";
  second.kv.emplace_back("k", "v");
  first.append(std::move(second));
  ASSERT_EQ(first.alerts.size(), 2u);
  EXPECT_EQ(first.alerts[1].id, "b");
  EXPECT_EQ(first.kv.size(), 1u);
  EXPECT_EQ(first.journal_position, 7u);
  EXPECT_FALSE(first.empty());
}

}  // namespace
}  // namespace tocsin::model
