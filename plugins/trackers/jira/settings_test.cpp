#include "settings.hpp"

#include <gtest/gtest.h>

#include "placeholders.hpp"
#include "tocsin/testing/samples.hpp"

namespace {

using namespace tocsin_plugins::jira;
using tsn::Value;

bool matches(const char* matcher) {
  return Matcher(matcher).matches(tsn::testing::sample_incident());
}

TEST(JiraMatcher, KnowsTheFourOperators) {
  EXPECT_TRUE(matches(R"(service="etl")"));
  EXPECT_FALSE(matches(R"(service="ETL")"));
  EXPECT_TRUE(matches(R"(service != "x")"));
  EXPECT_TRUE(matches(R"(service=~"e.l|x")"));
  EXPECT_TRUE(matches(R"(service!~"et")"));
  EXPECT_TRUE(matches("service=etl"));
}

TEST(JiraMatcher, IsAnchored) {
  EXPECT_FALSE(matches(R"(service=~"t")"));
}

TEST(JiraMatcher, AMissingLabelIsEmpty) {
  EXPECT_TRUE(matches(R"(team="")"));
  EXPECT_TRUE(matches(R"(team!="payments")"));
}

TEST(JiraMatcher, SeverityIsComparedWithoutCaseAndCategoryIsTheIncidents) {
  EXPECT_TRUE(matches(R"(severity="high")"));
  EXPECT_TRUE(matches(R"(severity!="critical")"));
  EXPECT_TRUE(matches(R"(category="ETL")"));
}

TEST(JiraMatcher, RefusesWhatIsNone) {
  for (const char* wrong : {"", "service", "=\"x\"", "service=\"x", "service=\"x\"y", "service=~\"(\"", "service!x"}) {
    EXPECT_THROW(Matcher{wrong}, tsn::Failure) << wrong;
  }
}

TEST(JiraNames, AreEqualWithoutCaseInAnyScript) {
  EXPECT_TRUE(same_name("In Progress", "in progress"));
  EXPECT_TRUE(same_name("ÜBERPRÜFT (2)", "überprüft (2)"));
  EXPECT_FALSE(same_name("Done", "Done."));
}

TEST(JiraPlaceholders, AreFilledWithTextWhateverItHolds) {
  auto incident = tsn::testing::sample_incident();
  EXPECT_EQ(filled("{{ incident.number }}/{{labels.service}}{{labels.none}} {{", incident), "1042/etl {{");
  EXPECT_EQ(filled_json(nlohmann::json{{"value", {"{{incident.title}}", 5}}}, incident)["value"],
            (nlohmann::json{"loader_failing DAILY_SALES \"<test>\"", 5}));
}

TEST(JiraPlaceholders, RefuseUnknownNames) {
  EXPECT_THROW(filled("{{incident.nmber}}", {}), tsn::Failure);
  EXPECT_THROW(filled("{{service}}", {}), tsn::Failure);
}

struct JiraSettings : testing::Test {
  Settings read() { return read_settings(tsn::Config(config.view())); }
  void refused(const std::string& part) {
    try {
      read();
      ADD_FAILURE() << "accepted; expected a refusal that says " << part;
    } catch (const tsn::Failure& why) {
      EXPECT_NE(std::string(why.what()).find(part), std::string::npos) << why.what();
    }
  }
  Value config = Value::table({{"api_url", "https://corp.example.com/jira/"}, {"token", "t"}, {"project", "OPS"}});
};

TEST_F(JiraSettings, TheSectionIsTheLastProjectAndMatchesEverything) {
  config.set("projects", Value::array({Value::table({{"matchers", Value::array({"team=\"x\""})}, {"project", "X"}})}));
  const auto settings = read();
  EXPECT_EQ(settings.api_url, "https://corp.example.com/jira");
  EXPECT_EQ(project_of(settings, tsn::testing::sample_incident()).key, "OPS");
}

TEST_F(JiraSettings, AProjectInheritsWhatItDoesNotGive) {
  config.set("extra_labels", Value::array({"a"})).set("resolve_transition", "Done");
  config.set("projects", Value::array({Value::table(
                             {{"matchers", Value::array({"service=etl"})}, {"extra_labels", Value::array({"b"})}})}));
  const auto settings = read();
  const auto& project = project_of(settings, tsn::testing::sample_incident());
  EXPECT_EQ(project.labels, std::vector<std::string>{"b"});
  EXPECT_EQ(project.resolve_transition + "/" + project.key, "Done/OPS");
}

TEST_F(JiraSettings, RefusesWhatItCannotKeep) {
  config.set("api_url", "corp.example.com");
  refused("http://");
  config.set("api_url", "https://bot:secret@corp.example.com");
  refused("username and token");
  config.set("api_url", "https://corp.example.com").set("priority", Value::table({{"High", "High"}}));
  refused("CRITICAL");
  config.set("priority", Value()).set("fields", Value::table({{"labels", "x"}}));
  refused("\"labels\"");
  config.set("fields", Value::table({{"a", "{{incident.x}}"}}));
  refused("{{incident.x}}");
  config.set("fields", Value()).set("projects", Value::array({Value::table({{"project", "X"}})}));
  refused("without matchers");
  config.set("projects", Value::array({Value::table({{"matcher", "x"}})}));
  refused("\"matcher\"");
}

TEST_F(JiraSettings, ReadsTheWayBack) {
  config.set("poll", std::chrono::nanoseconds(std::chrono::seconds(30))).set("max_new", "20/h");
  config.set("users", Value::table({{"nora", "5c5f"}}));
  config.set("webhook", Value::table({{"path", "/hook"}, {"secret", "s"}}));
  const auto settings = read();
  EXPECT_EQ(settings.poll, std::chrono::seconds(30));
  EXPECT_EQ(settings.max_new.most, 20u);
  EXPECT_EQ(settings.max_new.window, std::chrono::hours(1));
  EXPECT_EQ(settings.users.at("nora"), "5c5f");
  EXPECT_EQ(settings.webhook_path + settings.webhook_secret, "/hooks");
}

TEST_F(JiraSettings, RefusesAWayBackThatIsNone) {
  config.set("poll", std::chrono::nanoseconds(std::chrono::seconds(1)));
  refused("at least \"5s\"");
  config.set("poll", Value()).set("webhook", Value::table({{"path", "/hook"}}));
  refused("webhook.secret");
  config.set("webhook", Value::table({{"path", "hook"}, {"secret", "s"}}));
  refused("webhook.path");
  config.set("webhook", Value::table({{"path", "/hook"}, {"secrte", "s"}}));
  refused("\"secrte\"");
  config.set("webhook", Value()).set("users", Value::table({{"nora", ""}}));
  refused("\"nora\" has no account");
  config.set("users", Value());
  for (const char* wrong : {"20", "0/h", "20/y", "x/h", "-1/h", "5000/h"}) {
    config.set("max_new", wrong);
    refused("such as \"20/h\"");
  }
}

}  // namespace
