#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "event.hpp"
#include "tocsin/testing/fake_host.hpp"
#include "tocsin/testing/scripted_server.hpp"
#include "verdict.hpp"

namespace {

using namespace tocsin_plugins;
using nlohmann::json;
using tsn::Value;
using tsn::testing::FakeHost;
using tsn::testing::sample_message;
using tsn::testing::ScriptedServer;

constexpr auto pager_key = "0123456789abcdef0123456789abcdef";

// --- which events a message is ---

/// "trigger KEY, resolve KEY"
std::string events_text(const tsn::Message& message) {
  std::string text;
  for (const auto& event : pager_events(message))
    text += (text.empty() ? "" : ", ") + std::string(pager_action_name(event.action)) + " " + event.dedup_key;
  return text;
}

tsn::Message ladder_message(tsn_message_kind kind, tsn_incident_status status = TSN_INC_OPEN) {
  auto message = sample_message();
  message.group.reset();
  message.kind = kind;
  message.incident.status = status;
  return message;
}

TEST(PagerDutyEvents, TriggerAcknowledgeAndResolveShareOneKey) {
  const std::string key = " tocsin/incident/0193489c-8a40-7c3e-9d5f-1f0a2b3c4d5e";
  EXPECT_EQ(events_text(ladder_message(TSN_MSG_FIRING)), "trigger" + key);
  EXPECT_EQ(events_text(ladder_message(TSN_MSG_UPDATE, TSN_INC_ACKNOWLEDGED)), "acknowledge" + key);
  EXPECT_EQ(events_text(ladder_message(TSN_MSG_UPDATE, TSN_INC_IN_PROGRESS)), "acknowledge" + key);
  EXPECT_EQ(events_text(ladder_message(TSN_MSG_RESOLVED, TSN_INC_RESOLVED)), "resolve" + key);
}

TEST(PagerDutyEvents, AnUpdateOfAnotherKindIsNone) {
  for (const auto status : {TSN_INC_OPEN, TSN_INC_RESOLVED, TSN_INC_CLOSED})
    EXPECT_EQ(events_text(ladder_message(TSN_MSG_UPDATE, status)), "");
}

TEST(PagerDutyEvents, AGroupWithoutAnIncidentHasTheGroupsKey) {
  auto message = sample_message();
  message.incident.correlation_id = "";
  const auto trigger = events_text(message);
  EXPECT_TRUE(trigger.starts_with("trigger tocsin/group/")) << trigger;
  message.kind = TSN_MSG_RESOLVED;
  EXPECT_EQ(events_text(message), "resolve" + trigger.substr(7));
  message.group->group_key = "{}:{alertname=\"other\"}";
  EXPECT_NE(events_text(message), "resolve" + trigger.substr(7));
}

TEST(PagerDutyEvents, AResolvedGroupClosesWhatFiredBeforeItsIncidentOpened) {
  auto message = sample_message();
  message.incident.correlation_id = "";
  const auto before = pager_events(message)[0].dedup_key;
  message.incident.correlation_id = "c1";
  EXPECT_EQ(events_text(message), "trigger tocsin/incident/c1");
  message.kind = TSN_MSG_RESOLVED;
  EXPECT_EQ(events_text(message), "resolve tocsin/incident/c1, resolve " + before);
}

TEST(PagerDutyEvents, AKeyIsPlainAndNoLongerThan255Characters) {
  auto message = ladder_message(TSN_MSG_FIRING);
  for (const std::string& id : {std::string(300, 'x'), std::string("ف\n"), std::string(200, 'y')}) {
    message.incident.correlation_id = id;
    const auto key = pager_events(message).at(0).dedup_key;
    EXPECT_LE(key.size(), 255u);
    EXPECT_EQ(key.find('\n'), key.npos);
    EXPECT_EQ(pager_events(message)[0].dedup_key, key);
  }
}

// --- the event ---

json trigger_of(const tsn::Message& message) {
  return json::parse(pager_body(message, {PagerAction::trigger, "k"}, pager_key, 1'700'000'000'000'000'000));
}

TEST(PagerDutyEvent, TellsTheWholeIncident) {
  const auto body = trigger_of(sample_message());
  EXPECT_EQ(body["routing_key"], pager_key);
  EXPECT_EQ(body["event_action"], "trigger");
  EXPECT_EQ(body["dedup_key"], "k");
  EXPECT_EQ(body["client"], "Tocsin");
  EXPECT_EQ(body["client_url"], "https://tocsin.example.com/incidents/1042");
  EXPECT_FALSE(body.contains("images"));
  const auto& payload = body["payload"];
  EXPECT_TRUE(payload["summary"].get<std::string>().starts_with("loader_failing DAILY_SALES \"<test>\""));
  EXPECT_EQ(payload["source"], "DAILY_SALES");
  EXPECT_EQ(payload["severity"], "error");
  EXPECT_EQ(payload["timestamp"], "2026-11-20T10:00:00.000Z");
  EXPECT_EQ(payload["component"], "etl");
  EXPECT_EQ(payload["group"], "ETL");
  EXPECT_EQ(payload["class"], "loader_failing");
  const auto& details = payload["custom_details"];
  EXPECT_EQ(details["labels"]["service"], "etl");
  EXPECT_EQ(details["alerts"].size(), 2u);
  EXPECT_EQ(details["alerts"][0]["labels"]["loader"], "DAILY_SALES");
  EXPECT_EQ(details["alerts"][0]["annotations"]["summary"], "Loader failing");
  EXPECT_EQ(details["alerts"][0]["message"], "Loader failed \"twice\" <b>& more</b>\nفشل التحميل");
  EXPECT_FALSE(details.contains("alerts_not_listed"));
  std::vector<std::string> hrefs;
  for (const auto& link : body["links"]) hrefs.push_back(link["href"]);
  EXPECT_EQ(hrefs, (std::vector<std::string>{"https://tocsin.example.com/incidents/1042",
                                             "https://wiki.example.com/rb/etl", "https://grafana.example.com/d/etl"}));
}

TEST(PagerDutyEvent, AcknowledgeAndResolveAreTheKeyAlone) {
  for (const auto action : {PagerAction::acknowledge, PagerAction::resolve}) {
    const auto body = json::parse(pager_body(sample_message(), {action, "k"}, pager_key, 0));
    EXPECT_EQ(body,
              (json{{"routing_key", pager_key}, {"event_action", pager_action_name(action)}, {"dedup_key", "k"}}));
  }
}

TEST(PagerDutyEvent, TranslatesSeverities) {
  auto message = sample_message();
  for (const auto& [severity, word] : {std::pair(TSN_SEV_CRITICAL, "critical"),
                                       {TSN_SEV_HIGH, "error"},
                                       {TSN_SEV_MEDIUM, "warning"},
                                       {TSN_SEV_LOW, "info"}}) {
    message.incident.severity = severity;
    EXPECT_EQ(trigger_of(message)["payload"]["severity"], word);
  }
  message.incident.severity = TSN_SEV_NONE;
  EXPECT_EQ(trigger_of(message)["payload"]["severity"], "error") << "that of its alerts";
}

TEST(PagerDutyEvent, AnEmptyMessageHasWhatPagerDutyRequires) {
  tsn::Message message;
  const auto payload = trigger_of(message)["payload"];
  EXPECT_EQ(payload["summary"], "Tocsin");
  EXPECT_EQ(payload["source"], "tocsin");
  EXPECT_EQ(payload["severity"], "info");
  EXPECT_EQ(payload["timestamp"], "2023-11-14T22:13:20.000Z");
}

TEST(PagerDutyEvent, OffersOnlyWebLinks) {
  auto message = sample_message();
  message.incident.url = "javascript:alert(1)";
  message.incident.links = {{"odd", "javascript:x"}, {"long", "https://a.example/"}};
  const std::string wide = "https://a.example/" + std::string(4000, 'x');
  message.incident.links.push_back({"cut it would lead elsewhere", wide});
  const auto body = trigger_of(message);
  EXPECT_FALSE(body.contains("client_url"));
  EXPECT_EQ(body["links"].size(), 2u) << body["links"];  // the runbook and the good one
}

/// Characters of valid UTF-8; fails where it is not.
std::size_t characters(const std::string& text) {
  std::size_t count = 0;
  EXPECT_NO_THROW(static_cast<void>(json(text).dump()));
  for (const char c : text) count += (static_cast<unsigned char>(c) & 0xc0) != 0x80;
  return count;
}

TEST(PagerDutyEvent, StaysWithinPagerDutysLimitsWhateverTheTexts) {
  for (const std::string& piece : {std::string("w"), std::string("\""), std::string("\\"), std::string("ف"),
                                   std::string("😀"), std::string("\xff"), std::string("\n\x01")}) {
    std::string wide;
    while (wide.size() < 1'000'000) wide += piece;
    auto message = sample_message();
    auto& incident = message.incident;
    message.title = message.text = wide;
    incident.title = incident.description = incident.impact = incident.suggestion = incident.service = incident.owner =
        incident.category = wide;
    incident.labels.push_back({wide, wide});
    for (auto& alert : incident.alerts) {
      alert.message = alert.name = alert.fingerprint = wide;
      alert.annotations.push_back({"l", wide});
    }
    const auto whole = pager_body(message, {PagerAction::trigger, "k"}, pager_key, 0);
    EXPECT_LE(whole.size(), most_event_bytes);
    const auto payload = json::parse(whole)["payload"];
    EXPECT_LE(characters(payload["summary"]), 1024u);
    for (const char* word : {"source", "component", "group", "class"})
      EXPECT_LE(characters(payload.value(word, std::string())), 255u) << word;
  }
}

TEST(PagerDutyEvent, CountsTheAlertsThatDoNotFit) {
  auto message = sample_message();
  const std::string text(1500, 't');
  message.incident.alerts[0].message = text;
  message.incident.alerts.resize(1);
  while (message.incident.alerts.size() < 2000) message.incident.alerts.push_back(message.incident.alerts[0]);
  message.group->truncated_alerts = 5;
  const auto whole = pager_body(message, {PagerAction::trigger, "k"}, pager_key, 0);
  EXPECT_LE(whole.size(), most_event_bytes);
  const auto details = json::parse(whole)["payload"]["custom_details"];
  EXPECT_GT(details["alerts"].size(), 100u);
  EXPECT_EQ(details["alerts"].size() + details["alerts_not_listed"].get<std::size_t>(), 2005u);
}

TEST(PagerDutyEvent, AnnotationsWithoutEndAreCutToo) {
  auto message = sample_message();
  const std::string text(2500, 't');
  std::vector<std::string> names;
  for (int i = 0; i < 500; ++i) names.push_back("name" + std::to_string(i));
  for (const auto& name : names) {
    message.incident.labels.push_back({name, text});
    message.group->labels.push_back({name, text});
    for (auto& alert : message.incident.alerts)
      alert.labels.push_back({name, text}), alert.annotations.push_back({name, text});
  }
  const auto whole = pager_body(message, {PagerAction::trigger, "k"}, pager_key, 0);
  EXPECT_LE(whole.size(), most_event_bytes);
  EXPECT_GE(json::parse(whole)["payload"]["custom_details"]["alerts"].size(), 1u);
}

// --- what the answers mean ---

tsn::Status verdict(long status, const std::string& body, std::map<std::string, std::string> headers = {}) {
  HttpAnswer answer;
  answer.status = status;
  answer.body = body;
  answer.headers = std::move(headers);
  return pager_verdict(answer, "trigger", "[notifier.pd]", 0);
}

TEST(PagerDutyAnswer, Only202IsSuccess) {
  EXPECT_TRUE(verdict(202, R"({"status":"success","message":"Event processed","dedup_key":"k"})"));
  EXPECT_EQ(verdict(200, "<html>log in</html>").value(), TSN_FAILED);
}

TEST(PagerDutyAnswer, ARefusedEventIsFinalAndSaysPagerDutysErrors) {
  const auto status = verdict(400, R"({"status":"invalid event","message":"Event object is invalid","errors":)"
                                   R"x(["Length of 'routing_key' is incorrect (should be 32 characters)"]})x");
  EXPECT_EQ(status.value(), TSN_INVALID);
  EXPECT_EQ(status.code(), 400);
  EXPECT_EQ(status.text(),
            "pagerduty: trigger: HTTP 400: Event object is invalid (Length of 'routing_key' is incorrect (should be 32 "
            "characters)); check routing_key of [notifier.pd]");
}

TEST(PagerDutyAnswer, BeingTooFastWaitsAsLongAsPagerDutySays) {
  const auto status = verdict(429, "", {{"retry-after", "30"}});
  EXPECT_EQ(status.value(), TSN_RETRY);
  EXPECT_EQ(status.retry_after_ms(), 30'000u);
  EXPECT_EQ(verdict(429, "").value(), TSN_RETRY);
}

TEST(PagerDutyAnswer, AServersTroubleIsTriedAgain) {
  for (const long code : {500L, 502L, 503L, 408L}) EXPECT_EQ(verdict(code, "").value(), TSN_FAILED) << code;
  EXPECT_EQ(verdict(503, "", {{"retry-after", "3"}}).value(), TSN_RETRY);
}

TEST(PagerDutyAnswer, OthersAreFinalAndSayWhatToCheck) {
  EXPECT_EQ(verdict(404, "not found").value(), TSN_INVALID);
  EXPECT_NE(verdict(302, "").text().find("url of [notifier.pd]"), std::string::npos);
  EXPECT_EQ(verdict(403, "").value(), TSN_DENIED);
}

TEST(PagerDutyAnswer, OddBodiesAreOnlyQuoted) {
  for (const std::string& body : {std::string("[]"), std::string("{}"), std::string("\xff\n<html>"),
                                  std::string(R"({"message":7,"errors":[1,{}]})"), std::string(100'000, '[')}) {
    EXPECT_EQ(verdict(400, body).value(), TSN_INVALID);
    EXPECT_LT(verdict(400, body).text().size(), 240u);
  }
}

// --- the plugin on the line ---

std::string http_answer(const std::string& status, const std::string& body = R"({"status":"success"})",
                        const std::string& headers = "") {
  return "HTTP/1.1 " + status + "\r\nConnection: close\r\n" + headers +
         "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
}

json sent_in(const std::string& request) {
  return json::parse(tsn::testing::body_of(request));
}

tsn::testing::Answer delivered(FakeHost& host, const std::string& url, const tsn::Message& message) {
  auto pager = host.create({}, Value::table({{"routing_key", pager_key}, {"url", url}}));
  return pager->deliver(message);
}

TEST(PagerDuty, PostsTheEvent) {
  ScriptedServer server({http_answer("202 Accepted")});
  FakeHost host;
  const auto answer = delivered(host, server.url("/v2/enqueue"), sample_message());
  EXPECT_EQ(answer.status, TSN_OK) << answer.text;
  const auto& request = server.requests().at(0);
  EXPECT_TRUE(request.starts_with("POST /v2/enqueue HTTP/1.1\r\n"));
  EXPECT_NE(request.find("Content-Type: application/json\r\n"), std::string::npos);
  EXPECT_EQ(sent_in(request)["event_action"], "trigger");
  EXPECT_EQ(sent_in(request)["routing_key"], pager_key);
}

TEST(PagerDuty, SendsNothingForAnotherUpdate) {
  FakeHost host;
  auto message = sample_message();
  message.kind = TSN_MSG_UPDATE;
  EXPECT_EQ(delivered(host, "http://127.0.0.1:9/", message).status, TSN_OK);
}

TEST(PagerDuty, ATestIsTriggeredAndResolvedAtOnce) {
  ScriptedServer server({http_answer("202 Accepted"), http_answer("202 Accepted")});
  FakeHost host;
  auto message = sample_message();
  message.kind = TSN_MSG_TEST;
  EXPECT_EQ(delivered(host, server.url("/v2/enqueue"), message).status, TSN_OK);
  const auto first = sent_in(server.requests().at(0)), second = sent_in(server.requests().at(1));
  EXPECT_EQ(first["event_action"], "trigger");
  EXPECT_TRUE(first["payload"]["summary"].get<std::string>().starts_with("[TEST] "));
  EXPECT_EQ(second["event_action"], "resolve");
  EXPECT_EQ(first["dedup_key"], second["dedup_key"]);
}

TEST(PagerDuty, WaitsWhenToldTo) {
  ScriptedServer server({http_answer("429 Too Many Requests", "", "Retry-After: 7\r\n")});
  FakeHost host;
  const auto answer = delivered(host, server.url("/v2/enqueue"), sample_message());
  EXPECT_EQ(answer.status, TSN_RETRY);
  EXPECT_EQ(answer.retry_after_ms, 7000u);
}

TEST(PagerDuty, ShowsNoRoutingKeyThatAnAnswerRepeats) {
  ScriptedServer server({http_answer("400 Bad Request", R"({"message":")" + std::string(pager_key) + " is bad\"}")});
  FakeHost host;
  const auto answer = delivered(host, server.url("/v2/enqueue"), sample_message());
  EXPECT_EQ(answer.status, TSN_INVALID);
  EXPECT_NE(answer.text.find("*** is bad"), std::string::npos) << answer.text;
}

TEST(PagerDuty, ALostAnswerIsAnUnknownOutcome) {
  ScriptedServer server({""});
  FakeHost host;
  EXPECT_EQ(delivered(host, server.url("/v2/enqueue"), sample_message()).status, TSN_UNKNOWN);
}

TEST(PagerDuty, AServerThatIsNotThereCannotHaveReceivedIt) {
  FakeHost host;
  EXPECT_EQ(delivered(host, "http://127.0.0.1:9/", sample_message()).status, TSN_FAILED);
}

TEST(PagerDuty, RefusesAnotherSchemeAndAnOddKey) {
  FakeHost host;
  EXPECT_THROW(delivered(host, "ftp://x", sample_message()), tsn::Failure);
  EXPECT_THROW(host.create({}, Value::table({{"routing_key", "a b"}})), tsn::Failure);
}

}  // namespace
