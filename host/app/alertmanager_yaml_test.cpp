#include "app/alertmanager_yaml.hpp"

#include <gtest/gtest.h>

namespace tocsin::app {
namespace {

model::Matchers matchers(const char* text) {
  return {model::Matcher::parse(text).value()};
}

TEST(AlertmanagerYaml, WithoutRoutesNamesAReceiverThatIsNobody) {
  EXPECT_EQ(alertmanager_yaml({}),
            "# Made from the agent's own configuration, for Alertmanager's clients.\n"
            "global:\n  resolve_timeout: 300s\n"
            "route:\n  receiver: \"none\"\n  group_wait: 30s\n  group_interval: 300s\n  repeat_interval: 14400s\n"
            "receivers:\n- name: \"none\"\n");
}

TEST(AlertmanagerYaml, WritesTheTreeWithItsMatchersQuoted) {
  model::Routing routing;
  model::Route root, child, odd;
  root.name = "root";
  root.group_by = {"alertname", "odd.label"};
  child.name = "team \"x\"";
  child.matchers = matchers("team=~\"x|\\\"y\"");
  child.continues = true;
  child.group_wait = std::chrono::milliseconds(1500);
  odd.name = "odd";
  odd.matchers = matchers("odd.label=x");
  root.routes = {child, odd};
  routing.root = root;
  routing.inhibit_rules = {{"", matchers("severity=critical"), matchers("severity=warning"), {"node"}}};
  const std::string text = alertmanager_yaml(routing);
  EXPECT_NE(text.find("  group_by: [\"alertname\"]\n"), std::string::npos) << text;
  EXPECT_NE(text.find("  routes:\n  -\n    receiver: \"team \\\"x\\\"\"\n    group_wait: 1500ms\n"), std::string::npos)
      << text;
  EXPECT_NE(text.find("    matchers: [\"team=~\\\"x|\\\\\\\"y\\\"\"]\n    continue: true\n"), std::string::npos)
      << text;
  EXPECT_NE(text.find("  # left out: \"odd\", for the names of its labels\n"), std::string::npos) << text;
  EXPECT_NE(text.find("receivers:\n- name: \"root\"\n- name: \"team \\\"x\\\"\"\n- name: \"odd\"\n"), std::string::npos)
      << text;
  EXPECT_NE(text.find("inhibit_rules:\n- source_matchers: [\"severity=\\\"critical\\\"\"]\n"), std::string::npos)
      << text;
}

}  // namespace
}  // namespace tocsin::app
