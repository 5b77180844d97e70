// What the tests of the tracker stand on: a host, a Jira, a configuration, and a small language for changes and events.
#pragma once

#include <gtest/gtest.h>

#include <functional>

#include "jira_stub.hpp"
#include "tocsin/testing/fake_host.hpp"

namespace jira_testing {

using namespace std::chrono_literals;
using nlohmann::json;
using tsn::Value;
using tsn::testing::FakeHost;
using tsn::testing::GivenAnswer;

inline const std::string correlation = "0193489c-8a40-7c3e-9d5f-1f0a2b3c4d5e";

struct JiraTest : testing::Test {
  JiraTest() {
    jira.clock = [this] { return host.now(); };
  }
  tsn::testing::FakeInstance& tracker() {
    if (!instance) instance = host.create({}, config);
    return *instance;
  }
  tsn::testing::Answer upsert(tsn_change_kind kind, const std::function<void(tsn::Upsert&)>& change = {}) {
    auto sample = tsn::testing::sample_upsert();
    sample.change = kind;
    if (change) change(sample);
    return tracker().upsert(sample);
  }
  tsn::testing::Answer open(std::uint32_t attempt = 1, bool unknown = false) {
    return upsert(TSN_CHANGE_OPENED, [&](tsn::Upsert& to) { to.attempt = attempt, to.outcome_unknown = unknown; });
  }
  tsn::testing::Answer status(tsn_incident_status status, tsn_change_kind kind = TSN_CHANGE_STATUS) {
    return upsert(kind, [&](tsn::Upsert& to) { to.incident.ticket_key = "OPS-1", to.incident.status = status; });
  }
  void expect(tsn_status status, const std::string& part, const tsn::testing::Answer& answer) {
    EXPECT_EQ(answer.status, status) << answer.text;
    EXPECT_NE(answer.text.find(part), std::string::npos) << answer.text;
    EXPECT_EQ(answer.text.find("t0ken"), std::string::npos) << answer.text;
  }
  json& issue() { return jira.issues.at(0); }
  void close_issue(const json& resolution, const std::string& at) {
    issue()["fields"]["status"] = {{"name", "Done"}, {"statusCategory", {{"key", "done"}}}};
    issue()["fields"]["resolution"] = resolution;
    issue()["fields"]["resolutiondate"] = at;
  }

  /// The issue of the sample incident is there, and the instance runs.
  void begin() {
    ASSERT_EQ(open().status, TSN_OK);
    ASSERT_EQ(tracker().start().status, TSN_OK);
    poll();
  }
  /// As time goes by: what changed is read.
  void poll() { host.advance(61s); }
  /// Of the answers that went to the host, those of this kind.
  std::vector<GivenAnswer> answers(tsn_answer_kind kind) const {
    auto all = host.answers();
    std::erase_if(all, [&](const GivenAnswer& each) { return each.kind != kind; });
    return all;
  }
  std::vector<GivenAnswer> statuses() const { return answers(TSN_ANSWER_STATUS); }
  std::vector<GivenAnswer> notes() const { return answers(TSN_ANSWER_NOTE); }
  /// `count` more issues of ours, beside the first.
  void more_issues(int count) {
    for (int i = 0; i < count; ++i) {
      const std::string id = "other-" + std::to_string(i);
      upsert(TSN_CHANGE_OPENED, [&](tsn::Upsert& to) { to.incident.correlation_id = id, to.key = id; });
    }
  }
  void answer_with(tsn_status status, const std::string& text = "no") {
    host.on_answer([=](const GivenAnswer&) { return tsn::testing::Answer{status, text, 0, 0, {}, {}, {}}; });
  }
  bool logged_exchange(const std::string& method, const std::string& target) const {
    for (const auto& each : host.exchanges())
      if (each.method == method && each.target.find(target) != each.target.npos) return true;
    return false;
  }

  JiraStub jira;
  FakeHost host;
  Value config =
      Value::table({{"api_url", jira.url()},
                    {"username", "bot"},
                    {"token", "t0ken"},
                    {"project", "OPS"},
                    {"issue_type", "Incident"},
                    {"resolve_transition", "finish"},
                    {"reopen_transition", "Reopen"},
                    {"wont_fix_resolution", "Won't Do"},
                    {"priority", Value::table({{"HIGH", "High"}})},
                    {"status", Value::table({{"IN_PROGRESS", "in progress"}, {"ACKNOWLEDGED", "In Review"}})}});
  std::unique_ptr<tsn::testing::FakeInstance> instance;
};

}  // namespace jira_testing
