#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>

#include "alertmanager_payload/payload.hpp"
#include "tocsin/testing/fake_host.hpp"
#include "tocsin/testing/scripted_server.hpp"

namespace {

using nlohmann::json;
using tsn::Value;
using tsn::testing::FakeHost;
using tsn::testing::ScriptedServer;

constexpr auto hook_path = "/hook?token=s3cret";

tsn::testing::Answer deliver(const std::string& url, FakeHost& host) {
  auto instance =
      host.create({}, Value::table({{"url", url}, {"headers", Value::table({{"Authorization", "Bearer t0ken"}})}}));
  EXPECT_EQ(instance->start().status, TSN_OK);
  return instance->deliver(tsn::testing::sample_message());
}

TEST(Webhook, PostsThePayloadWithHeadersAndIdempotencyKey) {
  FakeHost host;
  ScriptedServer server({"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"});
  EXPECT_EQ(deliver(server.url(hook_path), host).status, TSN_OK);
  EXPECT_NE(server.request().find("POST /hook?token=s3cret HTTP/1.1"), std::string::npos);
  EXPECT_NE(server.request().find("Authorization: Bearer t0ken"), std::string::npos);
  EXPECT_NE(server.request().find("Idempotency-Key: "), std::string::npos);
}

TEST(Webhook, ShowsNameAndPassword) {
  FakeHost host;
  ScriptedServer server({"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"});
  auto instance =
      host.create({}, Value::table({{"url", server.url(hook_path)}, {"username", "am"}, {"password", "pw"}}));
  EXPECT_EQ(instance->start().status, TSN_OK);
  EXPECT_EQ(instance->deliver(tsn::testing::sample_message()).status, TSN_OK);
  EXPECT_NE(server.request().find("Authorization: Basic YW06cHc="), std::string::npos);
}

TEST(Webhook, TriesAgainAfterAServerErrorAndRespectsRetryAfter) {
  FakeHost host;
  ScriptedServer server({"HTTP/1.1 503 Busy\r\nRetry-After: 7\r\nContent-Length: 0\r\n\r\n"});
  const auto answer = deliver(server.url(hook_path), host);
  EXPECT_EQ(answer.status, TSN_RETRY);
  EXPECT_EQ(answer.retry_after_ms, 7000u);
  EXPECT_EQ(answer.code, 503);
}

TEST(Webhook, AClientErrorIsFinal) {
  FakeHost host;
  ScriptedServer server({"HTTP/1.1 400 Bad Request\r\nContent-Length: 4\r\n\r\nnope"});
  const auto answer = deliver(server.url(hook_path), host);
  EXPECT_EQ(answer.status, TSN_INVALID);
  EXPECT_NE(answer.text.find("nope"), std::string::npos);
}

TEST(Webhook, ALostAnswerIsAnUnknownOutcome) {
  FakeHost host;
  ScriptedServer server({""});
  EXPECT_EQ(deliver(server.url(hook_path), host).status, TSN_UNKNOWN);
}

TEST(Webhook, AServerThatIsNotThereCannotHaveReceivedIt) {
  FakeHost host;
  const auto answer = deliver("http://127.0.0.1:9/hook?token=s3cret", host);
  EXPECT_EQ(answer.status, TSN_FAILED);
  EXPECT_EQ(answer.text.find("s3cret"), std::string::npos) << answer.text;
}

TEST(Webhook, RefusesAUrlOfAnotherScheme) {
  FakeHost host;
  EXPECT_THROW(deliver("file:///etc/passwd", host), tsn::Failure);
}

TEST(WebhookPayload, TellsOfTheFirstAndCountsTheRest) {
  auto message = tsn::testing::sample_message();
  auto& alerts = message.incident.alerts;
  while (alerts.size() < 5) alerts.push_back(alerts.front());
  const auto body = json::parse(tocsin_plugins::webhook_payload(message, 2));
  EXPECT_EQ(body["alerts"].size(), 2u);
  EXPECT_EQ(body["truncatedAlerts"], 3);
}

TEST(WebhookPayload, HasEveryMemberOfVersion4) {
  const auto body = json::parse(tocsin_plugins::webhook_payload(tsn::testing::sample_message()));
  for (const char* key : {"receiver", "status", "alerts", "groupLabels", "commonLabels", "commonAnnotations",
                          "externalURL", "version", "groupKey", "truncatedAlerts"}) {
    EXPECT_TRUE(body.contains(key)) << key;
  }
  EXPECT_EQ(body["version"], "4");
  for (const auto& alert : body["alerts"]) {
    for (const char* key : {"status", "labels", "annotations", "startsAt", "endsAt", "generatorURL", "fingerprint"})
      EXPECT_TRUE(alert.contains(key)) << key;
    if (alert["status"] == "firing") {
      EXPECT_EQ(alert["endsAt"], "0001-01-01T00:00:00Z");
    }
  }
}

TEST(WebhookPayload, IsResolvedWhenEveryAlertIs) {
  auto message = tsn::testing::sample_message();
  for (auto& alert : message.incident.alerts) alert.firing = false, alert.ends_at = 1'700'000'000'500'000'000;
  const auto body = json::parse(tocsin_plugins::webhook_payload(message));
  EXPECT_EQ(body["status"], "resolved");
  EXPECT_EQ(body["alerts"][0]["endsAt"], "2023-11-14T22:13:20.5Z");
}

TEST(WebhookPayload, CommonLabelsAreThoseOfEveryAlert) {
  auto message = tsn::testing::sample_message();
  message.incident.alerts[0].labels.assign({{"a", "1"}, {"b", "2"}});
  message.incident.alerts[1].labels.assign({{"a", "1"}, {"b", "3"}});
  const auto body = json::parse(tocsin_plugins::webhook_payload(message));
  EXPECT_EQ(body["commonLabels"], (json{{"a", "1"}}));
}

}  // namespace
