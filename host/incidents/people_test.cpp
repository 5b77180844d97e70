// Promises about targets, matchers of routes, and what `tocsin check` says of them.
#include "incidents/people.hpp"

#include <gtest/gtest.h>

#include "incidents/desk_world.hpp"
#include "incidents/tree.hpp"

namespace tocsin::incidents::testing {
namespace {

Told reached(const model::Routing& r, const std::string& target) {
  Told out;
  for (const auto& recipient : find_people(r, target).recipients) {
    out.push_back(recipient.instance + "|" + recipient.name + "|" + recipient.address);
  }
  return out;
}

TEST(Target, NamesAContactAGroupAChannelOrAnInstance) {
  model::Routing r = routing();
  r.channels["slack"] = channel("slack", "slack", "slack");
  r.channels["slack"].takes_channels = true;
  EXPECT_EQ(reached(r, "sms:contact.first"), (Told{"sms|first|+1"}));
  EXPECT_EQ(reached(r, "mail:group.platform"), (Told{"mail|first|first@corp", "mail|second|second@corp"}));
  EXPECT_EQ(reached(r, "slack:#ops"), (Told{"slack|#ops|#ops"}));
  EXPECT_EQ(reached(r, "hook"), (Told{"hook||"}));
}

TEST(Target, WithoutAnInstanceTakesTheFirstPreferenceThatWorks) {
  model::Routing r = routing();
  EXPECT_EQ(reached(r, "contact.first"), (Told{"mail|first|first@corp"})) << "without preferences";
  r.contacts["first"].prefer = {{"ivr", 0s}, {"sms", 2min}};
  EXPECT_EQ(reached(r, "contact.first"), (Told{"sms|first|+1"})) << "there is no ivr";
}

TEST(Target, FindsAnAddressInAFieldOfTheUsersOwn) {
  model::Routing r = routing();
  r.channels["pager"] = channel("pager", "pager", "pager_id");
  r.contacts["first"].fields["pager_id"] = "77";
  EXPECT_EQ(reached(r, "pager:contact.first"), (Told{"pager|first|77"}));
}

TEST(Target, AloneUsesTheInstancesDefaultRecipient) {
  model::Routing r = routing();
  r.channels["slack"] = channel("slack", "slack", "slack");
  r.channels["slack"].default_recipient = "#general";
  EXPECT_EQ(reached(r, "slack"), (Told{"slack|#general|#general"}));
}

TEST(Target, WhatCanBeToldAloneMayTellAPersonTooWhereItHasAnAddressField) {
  model::Routing r = routing();
  r.channels["slack"] = channel("slack", "slack", "slack");
  r.channels["slack"].no_recipient = true;
  r.contacts["first"].slack = "U1";
  EXPECT_EQ(reached(r, "slack"), (Told{"slack||"}));
  EXPECT_EQ(reached(r, "slack:contact.first"), (Told{"slack|first|U1"}));
  r.contacts["first"].prefer = {{"slack", 0s}};
  EXPECT_EQ(reached(r, "contact.first"), (Told{"slack|first|U1"}));
}

bool says(const std::vector<std::string>& reports, const std::string& text) {
  return std::any_of(reports.begin(), reports.end(), [&](const auto& r) { return r.find(text) != std::string::npos; });
}

struct Wrong {
  std::string target, expected;
};

class WrongTarget : public ::testing::TestWithParam<Wrong> {};

TEST_P(WrongTarget, IsReportedWithWhyAndTheNearestName) {
  model::Routing r = routing();
  r.channels["jira"] = tracker("jira");
  r.root->notify = {GetParam().target};
  const auto reports = check_routing(r);
  EXPECT_TRUE(says(reports, GetParam().expected)) << ::testing::PrintToString(reports);
  EXPECT_TRUE(says(reports, "route \"root\""));
}

INSTANTIATE_TEST_SUITE_P(
    All, WrongTarget,
    ::testing::Values(Wrong{"mial:contact.first", "there is no notifier \"mial\" (did you mean \"mail\"?)"},
                      Wrong{"mail:contact.frist", "there is no contact \"frist\" (did you mean \"first\"?)"},
                      Wrong{"mail:group.platfrom", "there is no group \"platfrom\" (did you mean \"platform\"?)"},
                      Wrong{"mail:contact.manager", "contact \"manager\" has no email, which \"mail\" needs"},
                      Wrong{"mail:rotation.payments", "there is no rotation \"payments\""},
                      Wrong{"mail:#ops", "takes no channels"}, Wrong{"mail", "needs a recipient"},
                      Wrong{"mail:someone@corp", "is not a recipient"},
                      Wrong{"hook:contact.first", "has no recipients"}, Wrong{"jira", "is a tracker"},
                      Wrong{"contact.nobody", "there is no contact \"nobody\""}));

TEST(Check, FindsNothingWrongWithASoundRouting) {
  EXPECT_EQ(check_routing(routing()), std::vector<std::string>{});
  EXPECT_EQ(check_routing(ladder_routing()), std::vector<std::string>{});
}

TEST(Check, NamesAnUnknownPolicyAndTheNearest) {
  model::Routing r = ladder_routing();
  r.root->policy = "pgae";
  EXPECT_TRUE(says(check_routing(r), "there is no policy \"pgae\" (did you mean \"page\"?)"));
}

TEST(Check, RefusesRoutesOfTheSameName) {
  model::Routing r = routing();
  model::Route child = *r.root;
  child.name = "x";
  child.path = "root/x";
  r.root->routes = {child, child};
  EXPECT_TRUE(says(check_routing(r), "route \"x\": another route has the same name"));
}

TEST(Check, NamesAGroupsUnknownMember) {
  model::Routing r = routing();
  r.groups["platform"].members.push_back("secnd");
  EXPECT_TRUE(says(check_routing(r), "group \"platform\": there is no contact \"secnd\" (did you mean \"second\"?)"));
}

TEST(Check, SaysWhenTheTiersOfARouteReachNobody) {
  model::Routing r = routing();
  r.root->notify.clear();
  r.channels.erase("mail");
  r.channels.erase("sms");
  EXPECT_TRUE(says(check_routing(r), "the tiers reach nobody"));
}

struct Match {
  std::string matcher;
  bool expected;
};

class SeverityMatcher : public ::testing::TestWithParam<Match> {};

TEST_P(SeverityMatcher, SeesTheMappedSeverityWithoutCase) {
  model::Routing r = routing();
  r.severity.map = {{"page", Severity::critical}};
  model::Route child = *r.root;
  child.path = "root/child";
  child.matchers = matchers({GetParam().matcher});
  r.root->routes = {child};
  const Tree tree(r);
  Alert a;
  a.labels = Labels{{"alertname", "A"}, {"severity", "page"}};
  a.category = model::Category::transaction;
  EXPECT_EQ(tree.match(a).front()->route->path == "root/child", GetParam().expected) << GetParam().matcher;
}

INSTANTIATE_TEST_SUITE_P(All, SeverityMatcher,
                         ::testing::Values(Match{R"(severity="CRITICAL")", true}, Match{R"(severity="critical")", true},
                                           Match{R"(severity="page")", false},
                                           Match{R"(severity=~"critical|high")", true},
                                           Match{R"(severity=~"HIGH|CRITICAL")", true},
                                           Match{R"(severity!="critical")", false},
                                           Match{R"(severity!~"crit.*")", false}, Match{R"(severity!~"CRIT.*")", false},
                                           Match{R"(severity!="high")", true}, Match{R"(category="TRANSACTION")", true},
                                           Match{R"(category="LOG")", false}, Match{R"(alertname="a")", false}));

TEST(Tree, DescendsToTheDeepestMatchAndStopsAtTheFirstSibling) {
  model::Routing r = routing();
  model::Route deep = *r.root, child = *r.root, sibling = *r.root;
  deep.path = "root/child/deep";
  deep.matchers = matchers({R"(host="1")"});
  child.path = "root/child";
  child.matchers = matchers({R"(alertname="A")"});
  child.routes = {deep};
  sibling.path = "root/sibling";
  r.root->routes = {child, sibling};
  const Tree tree(r);
  Alert a;
  a.labels = Labels{{"alertname", "A"}, {"host", "1"}};
  const auto nodes = tree.match(a);
  ASSERT_EQ(nodes.size(), 1u);
  EXPECT_EQ(nodes[0]->route->path, "root/child/deep");
  a.labels = Labels{{"alertname", "A"}, {"host", "2"}};
  EXPECT_EQ(tree.match(a).front()->route->path, "root/child");
}

TEST(Tree, ThreeDotsGroupByEveryLabel) {
  model::Route route;
  route.group_by = {"..."};
  const Labels labels{{"a", "1"}, {"b", "2"}};
  EXPECT_EQ(group_labels(route, labels), labels);
}

}  // namespace
}  // namespace tocsin::incidents::testing
