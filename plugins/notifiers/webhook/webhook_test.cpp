#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <functional>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>

#include "alertmanager_payload/payload.hpp"
#include "tocsin/testing/fake_host.hpp"

namespace {

using nlohmann::json;
using tsn::Value;
using tsn::testing::FakeHost;

/// Answers one HTTP request with the given bytes (empty: closes without an answer) and keeps what came.
class OneShotServer {
 public:
  explicit OneShotServer(std::string answer) {
    listener_ = socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(bind(listener_, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    EXPECT_EQ(listen(listener_, 4), 0);
    socklen_t size = sizeof address;
    getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size);
    port_ = ntohs(address.sin_port);
    thread_ = std::thread([this, answer = std::move(answer)] { serve(answer); });
  }
  ~OneShotServer() {
    shutdown(listener_, SHUT_RDWR);
    thread_.join();
    close(listener_);
  }
  std::string url() const { return "http://127.0.0.1:" + std::to_string(port_) + "/hook?token=s3cret"; }
  std::string request;

 private:
  void serve(const std::string& answer) {
    const int line = accept(listener_, nullptr, nullptr);
    if (line < 0) return;
    char buffer[65536];
    std::size_t need = std::string::npos;
    while (request.size() < need) {
      const auto n = read(line, buffer, sizeof buffer);
      if (n <= 0) break;
      request.append(buffer, static_cast<std::size_t>(n));
      const auto head = request.find("\r\n\r\n");
      if (head != std::string::npos && need == std::string::npos) {
        need = head + 4 + std::strtoul(request.c_str() + request.find("Content-Length: ") + 16, nullptr, 10);
      }
    }
    if (!answer.empty()) {
      EXPECT_EQ(write(line, answer.data(), answer.size()), static_cast<ssize_t>(answer.size()));
    }
    close(line);
  }
  int listener_ = -1, port_ = 0;
  std::thread thread_;
};

tsn::testing::Answer deliver(const std::string& url, FakeHost& host) {
  auto instance =
      host.create({}, Value::table({{"url", url}, {"headers", Value::table({{"Authorization", "Bearer t0ken"}})}}));
  return instance->deliver(tsn::testing::sample_message());
}

TEST(Webhook, PostsThePayloadWithHeadersAndIdempotencyKey) {
  FakeHost host;
  OneShotServer server("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
  EXPECT_EQ(deliver(server.url(), host).status, TSN_OK);
  EXPECT_NE(server.request.find("POST /hook?token=s3cret HTTP/1.1"), std::string::npos);
  EXPECT_NE(server.request.find("Authorization: Bearer t0ken"), std::string::npos);
  EXPECT_NE(server.request.find("Idempotency-Key: "), std::string::npos);
}

TEST(Webhook, ShowsNameAndPassword) {
  FakeHost host;
  OneShotServer server("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
  auto instance = host.create({}, Value::table({{"url", server.url()}, {"username", "am"}, {"password", "pw"}}));
  EXPECT_EQ(instance->deliver(tsn::testing::sample_message()).status, TSN_OK);
  EXPECT_NE(server.request.find("Authorization: Basic YW06cHc="), std::string::npos);
}

TEST(Webhook, TriesAgainAfterAServerErrorAndRespectsRetryAfter) {
  FakeHost host;
  OneShotServer server("HTTP/1.1 503 Busy\r\nRetry-After: 7\r\nContent-Length: 0\r\n\r\n");
  const auto answer = deliver(server.url(), host);
  EXPECT_EQ(answer.status, TSN_RETRY);
  EXPECT_EQ(answer.retry_after_ms, 7000u);
  EXPECT_EQ(answer.code, 503);
}

TEST(Webhook, AClientErrorIsFinal) {
  FakeHost host;
  OneShotServer server("HTTP/1.1 400 Bad Request\r\nContent-Length: 4\r\n\r\nnope");
  const auto answer = deliver(server.url(), host);
  EXPECT_EQ(answer.status, TSN_INVALID);
  EXPECT_NE(answer.text.find("nope"), std::string::npos);
}

TEST(Webhook, ALostAnswerIsAnUnknownOutcome) {
  FakeHost host;
  OneShotServer server("");
  EXPECT_EQ(deliver(server.url(), host).status, TSN_UNKNOWN);
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
