#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "digest/digest.hpp"
#include "event.hpp"
#include "jira_fixture.hpp"

namespace {

using namespace jira_testing;
using tocsin_plugins::jira::EventKind;
using tocsin_plugins::jira::hook_of;

const std::string hook_path = "/api/v1/integrations/jira/webhook";

struct JiraWebhook : JiraTest {
  JiraWebhook() { config.set("webhook", Value::table({{"path", hook_path}, {"secret", "s3cret"}})); }
  static std::string signature(const std::string& body, const std::string& secret = "s3cret") {
    return "sha256=" + tocsin_plugins::hmac_sha256_hex(secret, body);
  }
  std::uint32_t post(const std::string& body, const std::string& signed_as) {
    tsn::testing::HttpRequest request;
    request.path = hook_path;
    request.body = body;
    if (!signed_as.empty()) request.headers = {{"x-hub-signature", signed_as}};
    last = tracker().handle(request).response;
    return last.status;
  }
  std::uint32_t post(const json& body) { return post(body.dump(), signature(body.dump())); }
  json done_hook(const std::string& id = "10700") {
    return {{"timestamp", host.now() / 1'000'000},
            {"webhookEvent", "jira:issue_updated"},
            {"user", {{"accountId", "nora"}, {"displayName", "Nora N."}}},
            {"issue",
             {{"key", "OPS-1"},
              {"fields", {{"status", JiraStub::status_json("Done")}, {"resolution", {{"name", "Won't Do"}}}}}}},
            {"changelog",
             {{"id", id},
              {"items",
               {{{"field", "status"},
                 {"fieldId", "status"},
                 {"fieldtype", "jira"},
                 {"fromString", "To Do"},
                 {"toString", "Done"}}}}}}};
  }
  void take() { host.advance(0s); }
  tsn::testing::HttpResponse last;
};

TEST_F(JiraWebhook, ASignedOneIsTaken) {
  begin();
  EXPECT_EQ(post(done_hook()), 200u);
  take();
  ASSERT_EQ(answers(TSN_ANSWER_STATUS).size(), 1u);
  EXPECT_EQ(answers(TSN_ANSWER_STATUS)[0].id, "changelog:10700");
  EXPECT_EQ(answers(TSN_ANSWER_STATUS)[0].text, "Jira: Won't Do by Nora N.");
  EXPECT_TRUE(logged_exchange("POST", hook_path));
}

TEST_F(JiraWebhook, WithoutARightSignatureItChangesNothing) {
  begin();
  const auto body = done_hook().dump();
  for (const auto& wrong : {std::string(), std::string("sha256="), signature(body, "other"), signature(body + " "),
                            signature(body).substr(7), "sha1=" + signature(body).substr(7)}) {
    EXPECT_EQ(post(body, wrong), 401u) << wrong;
    EXPECT_EQ(last.body.find("s3cret"), std::string::npos);
  }
  host.advance(1h);
  EXPECT_EQ(host.answers().size(), 0u);
  EXPECT_FALSE(logged_exchange("POST", hook_path));
  EXPECT_EQ(post(body, "sha256=" + std::string(signature(body).substr(7))), 200u);
}

TEST_F(JiraWebhook, TheSignatureIsThatOfJirasOwnExample) {
  EXPECT_EQ(signature("Hello World!", "It's a Secret to Everybody"),
            "sha256=a4771c39fbe90f317c7824e83ddef3caae9cb3d976c214ace1f2937e133263c9");
}

TEST_F(JiraWebhook, TheSameByWebhookAndByPollIsTakenOnce) {
  begin();
  const auto id = jira.moves("OPS-1", "Done");
  const auto comment = jira.comments("OPS-1", "x");
  EXPECT_EQ(post(done_hook(id)), 200u);
  EXPECT_EQ(post(done_hook(id)), 200u);  // Jira sends again what it thinks was lost
  poll();
  EXPECT_EQ(post({{"webhookEvent", "comment_created"},
                  {"issue", {{"key", "OPS-1"}}},
                  {"comment", {{"id", comment}, {"body", "x"}, {"author", {{"accountId", "nora"}}}}}}),
            200u);
  poll();
  EXPECT_EQ(answers(TSN_ANSWER_STATUS).size(), 1u);
  EXPECT_EQ(answers(TSN_ANSWER_NOTE).size(), 1u);
}

TEST_F(JiraWebhook, WhatWasAnsweredForIsNotLostWithTheAgent) {
  begin();
  EXPECT_EQ(post(done_hook()), 200u);
  instance.reset();  // before it was taken
  EXPECT_EQ(host.answers().size(), 0u);
  tracker().start();
  take();
  EXPECT_EQ(answers(TSN_ANSWER_STATUS).size(), 1u);
}

TEST_F(JiraWebhook, WhatCannotBeKeptIsNotAnsweredFor) {
  begin();
  host.answer_everything(TSN_FAILED);
  EXPECT_EQ(post(done_hook()), 503u);
  EXPECT_EQ(last.header("Retry-After"), "30");
}

TEST_F(JiraWebhook, TooManyThatWaitAreRefused) {
  begin();
  std::uint32_t status = 200;
  int taken = 0;
  for (; status == 200 && taken < 1000; ++taken) status = post(done_hook(std::to_string(20000 + taken)));
  EXPECT_EQ(status, 503u);
  EXPECT_EQ(taken, 501);
}

TEST_F(JiraWebhook, OurOwnAndUnknownEventsChangeNothing) {
  begin();
  auto own = done_hook();
  own["user"]["accountId"] = JiraStub::bot;
  EXPECT_EQ(post(own), 200u);
  EXPECT_EQ(post({{"webhookEvent", "sprint_started"}}), 200u);
  EXPECT_EQ(post({{"webhookEvent", 5}}), 200u);
  EXPECT_EQ(post(json::object()), 200u);
  take();
  EXPECT_EQ(host.answers().size(), 0u);
}

TEST_F(JiraWebhook, WhatIsNoJsonIsRefused) {
  begin();
  for (const auto& body : {std::string("x"), std::string(), std::string("[]"), std::string(100'000, '[')})
    EXPECT_EQ(post(body, signature(body)), 400u);
}

TEST_F(JiraWebhook, ADeletedIssueIsSaid) {
  begin();
  EXPECT_EQ(post({{"webhookEvent", "jira:issue_deleted"}, {"issue", {{"key", "OPS-1"}}}}), 200u);
  EXPECT_TRUE(host.logged("OPS-1 was deleted in Jira"));
}

TEST_F(JiraWebhook, ACommentThatNamesNoIssueIsReadAtOnce) {
  begin();
  jira.comments("OPS-1", "from Data Center");
  EXPECT_EQ(post({{"webhookEvent", "comment_created"}, {"comment", {{"id", "1"}, {"body", "from Data Center"}}}}),
            200u);
  take();
  EXPECT_EQ(answers(TSN_ANSWER_NOTE).size(), 1u);
}

TEST_F(JiraWebhook, AReopeningIsCheckedAgainstTheHistory) {
  begin();
  jira.moves("OPS-1", "Done");
  poll();
  host.advance(25h);
  const auto id = jira.moves("OPS-1", "To Do");
  auto hook = done_hook(id);
  hook["issue"]["fields"] = {{"status", JiraStub::status_json("To Do")}, {"resolution", nullptr}};
  hook["changelog"]["items"][0]["fromString"] = "Done";
  hook["changelog"]["items"][0]["toString"] = "To Do";
  EXPECT_EQ(post(hook), 200u);
  take();
  EXPECT_EQ(answers(TSN_ANSWER_STATUS).size(), 1u);  // the end alone
}

TEST_F(JiraTest, WithoutAWebhookNothingIsServed) {
  tsn::testing::HttpRequest request;
  request.path = hook_path;
  EXPECT_EQ(tracker().handle(request).response.status, 404u);
}

TEST(JiraHook, ReadsWhatDataCenterWrites) {
  const json body{
      {"timestamp", 1'561'757'536'066},
      {"webhookEvent", "jira:issue_updated"},
      {"issue_event_type_name", "issue_commented"},
      {"user", {{"name", "nora"}, {"key", "JIRAUSER1"}}},
      {"issue", {{"key", "OPS-4"}, {"fields", {{"assignee", {{"name", "omar"}, {"key", "JIRAUSER2"}}}}}}},
      {"changelog", {{"id", 10508}, {"items", {{{"field", "assignee"}, {"fieldtype", "jira"}, {"to", "JIRAUSER2"}}}}}},
      {"comment",
       {{"id", "10118"},
        {"body", "look"},
        {"author", {{"name", "nora"}}},
        {"created", "2019-06-28T21:32:16.066+0000"},
        {"updated", "2019-06-28T21:32:16.066+0000"}}}};
  const auto hook = hook_of(body);
  ASSERT_EQ(hook.events.size(), 2u);
  EXPECT_EQ(hook.events[0].kind, EventKind::assigned);
  EXPECT_EQ(hook.events[0].id, "changelog:10508:assignee");
  EXPECT_EQ(hook.events[0].assignee.name, "omar");
  EXPECT_EQ(hook.events[0].author.name, "nora");
  EXPECT_EQ(hook.events[1].id, "comment:10118");
  EXPECT_EQ(hook.events[1].text, "look");
}

TEST(JiraHook, AFieldOfTheSameNameIsNotTheStatus) {
  const json body{
      {"webhookEvent", "jira:issue_updated"},
      {"issue", {{"key", "OPS-4"}}},
      {"changelog", {{"id", "1"}, {"items", {{{"field", "status"}, {"fieldtype", "custom"}, {"toString", "Done"}}}}}}};
  EXPECT_TRUE(hook_of(body).events.empty());
}

TEST(JiraHook, AnEditHasAnIdOfItsOwn) {
  const json body{{"webhookEvent", "comment_updated"},
                  {"issue", {{"key", "OPS-4"}}},
                  {"comment",
                   {{"id", "7"},
                    {"body", "b"},
                    {"created", "2026-11-20T10:00:00.000+0000"},
                    {"updated", "2026-11-20T10:05:00.000+0000"}}}};
  ASSERT_EQ(hook_of(body).events.size(), 1u);
  EXPECT_EQ(hook_of(body).events[0].id, "comment:7:1795169100000");
}

/// Webhooks that were captured from real Jiras, where the contracts are at hand.
struct JiraCaptured : testing::Test {
  json load(const std::string& name) {
    const char* shared = std::getenv("TOCSIN_SHARED");
    // As the acceptance tests find them: beside the source, which is four folders above testdata/.
    const auto source = std::filesystem::path(TESTDATA).parent_path().parent_path().parent_path().parent_path();
    const auto file = (shared ? std::filesystem::path(shared) : source.parent_path() / "shared") / "contracts" / name;
    std::ifstream in(file);
    std::stringstream text;
    text << in.rdbuf();
    return json::parse(text.str(), nullptr, false);
  }
};

TEST_F(JiraCaptured, WebhooksAreUnderstood) {
  struct Expected {
    const char* file;
    const char* ticket;
    std::vector<std::string> ids;
    const char* status = "";
  };
  const Expected all[] = {
      {"jira-cloud/webhooks/webhook-issue-updated-resolved.json", "TES-41", {"changelog:10228"}, "Done"},
      {"jira-cloud/webhooks/webhook-issue-updated-reopened.json", "TES-41", {"changelog:10229"}, "To Do"},
      {"jira-cloud/webhooks/webhook-issue-updated-assigned.json", "TES-41", {"changelog:10230:assignee"}},
      {"jira-cloud/webhooks/webhook-issue-updated-raised-priority.json", "TES-41", {}},
      {"jira-cloud/webhooks/webhook-issue-created.json", "TES-41", {}},
      {"jira-cloud/webhooks/webhook-issue-deleted.json", "IDT-19", {}},
      {"jira-cloud/webhooks/webhook-cloud-comment-created.json", "TES-41", {"comment:10019"}},
      {"jira-cloud/webhooks/webhook-cloud-comment-updated.json", "TES-41", {"comment:10019:1550286728432"}},
      {"jira-cloud/webhooks/webhook-cloud-comment-deleted.json", "KT-7", {}},
      {"jira-cloud/webhooks/webhook-cloud-issue-updated-custom-field.json", "TES-14", {}},
      {"jira-dc/webhooks/webhook-server-issue-updated-resolved.json", "TES-4", {"changelog:10414"}, "Resolved"},
      {"jira-dc/webhooks/webhook-server-issue-updated-reopened.json", "TES-4", {"changelog:10507"}, "Reopened"},
      {"jira-dc/webhooks/webhook-server-issue-updated-in-progress.json", "TES-4", {"changelog:10508"}, "In Progress"},
      {"jira-dc/webhooks/webhook-server-issue-updated-closed.json", "TES-4", {"changelog:10511"}, "Closed"},
      {"jira-dc/webhooks/webhook-server-issue-updated-commented-2.json", nullptr, {"comment:10118"}},
      {"jira-dc/webhooks/webhook-server-old-issue-updated-no-event-type-assigned.json",
       "TES-41",
       {"changelog:10230:assignee"}},
      {"jira-dc/webhooks/webhook-server-comment-created.json", "", {}},
  };
  if (load(all[0].file).is_discarded())
    GTEST_SKIP() << "no contracts at $TOCSIN_SHARED or beside the source: webhooks are held to the fixtures of these "
                    "tests alone";
  for (const auto& expected : all) {
    const auto hook = hook_of(load(expected.file));
    std::vector<std::string> ids;
    for (const auto& event : hook.events) ids.push_back(event.id);
    EXPECT_EQ(ids, expected.ids) << expected.file;
    if (expected.ticket) {
      EXPECT_EQ(hook.ticket, expected.ticket) << expected.file;
    }
    if (*expected.status) {
      EXPECT_EQ(hook.events.at(0).to, expected.status) << expected.file;
      EXPECT_TRUE(hook.events.at(0).author.known()) << expected.file;
    }
  }
}

}  // namespace
