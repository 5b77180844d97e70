#include "jira_fixture.hpp"

namespace {

using namespace jira_testing;

struct JiraProbe : JiraTest {
  std::string probe(const tsn::Upsert* change = nullptr) {
    std::string report;
    const auto answer = tracker().probe(report, change);
    EXPECT_EQ(answer.status, TSN_OK) << answer.text;
    EXPECT_EQ(report.find("t0ken"), std::string::npos) << report;
    EXPECT_EQ(jira.changes(), 0u);
    return report;
  }
  void says(const std::string& line, const std::string& report) {
    EXPECT_NE(("\n" + report).find("\n" + line), std::string::npos) << line << "\nin:\n" << report;
  }
};

TEST_F(JiraProbe, OfWhatIsRightThereIsNoError) {
  config.set("status", Value::table({{"IN_PROGRESS", "in progress"}})).set("resolve_transition", "Done");
  config.set("fields", Value::table({{"Correlation ID", "x"}}));
  const auto report = probe();
  EXPECT_EQ(report.find("error: "), std::string::npos) << report;
  says("ok: signed in at " + jira.url() + " as bot-account (bot-account)", report);
  says("ok: OPS: this user may see, create, move and comment on issues", report);
  says("ok: OPS has the issue type Incident", report);
  says("ok: OPS: the field \"Correlation ID\" is customfield_10042", report);
  says("ok: OPS: status.IN_PROGRESS is the status \"in progress\"", report);
  says("warning: OPS: reopen_transition = \"Reopen\" is no status", report);
  says("ok: changes are found by search", report);
}

TEST_F(JiraProbe, NamesWhatDoesNotExist) {
  config.set("priority", Value::table({{"HIGH", "Hihg"}}));
  config.set("fields", Value::table({{"Corelation", "x"}, {"customfield_77", "y"}}));
  const auto report = probe();
  says("error: OPS: there is no priority \"Hihg\" for HIGH; there are: Highest, High", report);
  says("error: OPS: jira: there is no field \"Corelation\"", report);
  says("warning: OPS: the field \"customfield_77\" (customfield_77) is not on the create screen", report);
  config.set("issue_type", "Incidnet");
  instance.reset();
  says("error: OPS has no issue type \"Incidnet\"; it has: Incident, Task", probe());
}

TEST_F(JiraProbe, NamesWhatJiraNeedsAndTheConfigurationDoesNotGive) {
  jira.screen.push_back(JiraStub::field("customfield_5", "Team", true));
  jira.screen.erase(1);  // Labels
  const auto report = probe();
  says("error: OPS: Incident needs the field \"Team\" (customfield_5): give it in [tracker.test.fields]", report);
  says("error: OPS: Labels is not on the create screen", report);
}

TEST_F(JiraProbe, NamesPermissionsThatAreMissing) {
  jira.forbidden = {"TRANSITION_ISSUES", "ASSIGN_ISSUES"};
  const auto report = probe();
  says("error: OPS: this user may not move issues: give it the permission TRANSITION_ISSUES", report);
  says("warning: OPS: this user may not assign issues", report);
}

TEST_F(JiraProbe, LooksAtEveryProject) {
  config.set("projects",
             Value::array({Value::table({{"matchers", Value::array({"service=x"})}, {"project", "NONE"}})}));
  says("warning: the create screen of NONE could not be looked at", probe());
}

TEST_F(JiraProbe, AWrongTokenIsTheOneError) {
  jira.instead = [](const JiraStub::Call&) { return JiraStub::Answer{401, {}}; };
  const auto report = probe();
  says("error: jira: sign in: HTTP 401; check [tracker.test] username and token", report);
  EXPECT_EQ(std::ranges::count(report, '\n'), 1);
}

TEST_F(JiraProbe, AJiraThatIsNotThereCouldNotBeLookedAt) {
  config.set("api_url", "http://127.0.0.1:9");
  std::string report;
  EXPECT_EQ(tracker().probe(report).status, TSN_FAILED);
}

TEST_F(JiraProbe, ADryRunShowsWhatWouldBeSentAndSendsNothing) {
  config.set("fields", Value::table({{"Correlation ID", "{{incident.correlation_id}}"}}));
  const auto change = tsn::testing::sample_upsert();
  const auto before = host.kv();
  const auto report = probe(&change);
  says("ok: would send POST /rest/api/3/issue {", report);
  EXPECT_NE(report.find("\"customfield_10042\":\"" + correlation + "\""), std::string::npos);
  EXPECT_EQ(host.kv(), before);
}

TEST_F(JiraProbe, ADryRunOfAnEndShowsCommentAndTransition) {
  open();
  jira.calls.clear();
  auto change = tsn::testing::sample_upsert();
  change.change = TSN_CHANGE_RESOLVED;
  change.incident.status = TSN_INC_RESOLVED;
  change.incident.ticket_key = "OPS-1";
  change.note = "made room";
  const auto report = probe(&change);
  says("ok: would send POST /rest/api/3/issue/OPS-1/comment {", report);
  says("ok: would send POST /rest/api/3/issue/OPS-1/transitions {\"transition\":{\"id\":\"31\"}}", report);
}

}  // namespace
