#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <nlohmann/json.hpp>
#include <string>
#include <thread>

#include "amqp/address.hpp"
#include "event.hpp"
#include "tocsin/testing/fake_host.hpp"
#include "tocsin/testing/hostile.hpp"

// What needs a broker is in tests/acceptance/amqp_test.py, with a real one.
namespace {

using namespace tocsin_plugins;
using nlohmann::json;
using tsn::Value;
using tsn::testing::FakeHost;
using tsn::testing::sample_message;

tsn::Message incident_message(tsn_message_kind kind, std::string_view provider_id = {}) {
  auto message = sample_message();
  message.group.reset();
  message.kind = kind;
  message.provider_id = provider_id;
  return message;
}

TEST(AmqpEvent, AGroupsFlushIsAnAlert) {
  auto message = sample_message();
  EXPECT_EQ(amqp_routing_key(message), "alert.triggered");
  message.kind = TSN_MSG_RESOLVED;
  EXPECT_EQ(amqp_routing_key(message), "alert.resolved");
}

TEST(AmqpEvent, TheFirstOfAnIncidentIsItsCreation) {
  EXPECT_EQ(amqp_routing_key(incident_message(TSN_MSG_FIRING)), "incident.created");
  EXPECT_EQ(amqp_routing_key(incident_message(TSN_MSG_FIRING, "c1")), "incident.updated");
  EXPECT_EQ(amqp_routing_key(incident_message(TSN_MSG_UPDATE)), "incident.updated");
  EXPECT_EQ(amqp_routing_key(incident_message(TSN_MSG_RESOLVED)), "incident.updated");
}

TEST(AmqpEvent, ATestIsNoAlert) {
  EXPECT_EQ(amqp_routing_key(incident_message(TSN_MSG_TEST)), "alert.test");
}

TEST(AmqpEvent, AnAlertsBodyIsAlertmanagersPayload) {
  const auto body = json::parse(amqp_body(sample_message()));
  EXPECT_EQ(body["version"], "4");
  EXPECT_EQ(body["status"], "firing");
  EXPECT_EQ(body["alerts"].size(), 2u);
}

TEST(AmqpEvent, AnIncidentsBodyIsTheIncident) {
  const auto body = json::parse(amqp_body(incident_message(TSN_MSG_FIRING)));
  EXPECT_EQ(body["event"], "incident.created");
  EXPECT_EQ(body["number"], 1042);
  EXPECT_EQ(body["correlation_id"], "0193489c-8a40-7c3e-9d5f-1f0a2b3c4d5e");
  EXPECT_EQ(body["severity"], "HIGH");
  EXPECT_EQ(body["detected_at"], "2026-11-20T10:00:00Z");
  EXPECT_TRUE(body["resolved_at"].is_null());
  EXPECT_EQ(body["alerts"][0]["labels"]["loader"], "DAILY_SALES");
  EXPECT_EQ(body["alerts"][0]["message"], "Loader failed \"twice\" <b>& more</b>\nفشل التحميل");
}

TEST(AmqpEvent, WhatIsNotUtf8IsStillJson) {
  auto message = incident_message(TSN_MSG_UPDATE);
  message.title = message.text = message.incident.title = "\xff\xfe broken";
  EXPECT_TRUE(json::accept(amqp_body(message)));
}

TEST(AmqpEvent, IsJsonWhateverComes) {
  for (const auto& hostile : tsn::testing::hostile_messages()) {
    auto message = hostile.message;
    EXPECT_TRUE(json::accept(amqp_body(message))) << hostile.name;
    message.group.reset();
    EXPECT_TRUE(json::accept(amqp_body(message))) << hostile.name;
    EXPECT_FALSE(amqp_routing_key(message).empty()) << hostile.name;
  }
}

TEST(AmqpEvent, ALongKeyIsHashedIntoAMessageId) {
  EXPECT_EQ(amqp_message_id("n-1"), "n-1");
  const std::string wide(300, 'k');
  EXPECT_LE(amqp_message_id(wide).size(), 255u);
  EXPECT_EQ(amqp_message_id(wide), amqp_message_id(wide));
  EXPECT_NE(amqp_message_id(wide), amqp_message_id(wide + "k"));
}

TEST(AmqpAddress, ReadsWhatRabbitMqsUrisSay) {
  auto address = amqp_address("amqp://mq.corp");
  EXPECT_EQ(address.text() + address.user + address.vhost, "mq.corp:5672guest/");
  EXPECT_FALSE(address.tls);
  address = amqp_address("amqps://tocsin@mq.corp/prod%2Fops");
  EXPECT_EQ(address.text() + address.user + address.vhost, "mq.corp:5671tocsinprod/ops");
  EXPECT_TRUE(address.tls);
  EXPECT_EQ(amqp_address("amqp://a@h:45672/").vhost, "/");
}

TEST(AmqpAddress, RefusesWhatItCannotRead) {
  for (const char* url :
       {"http://x", "amqp://u:s3cret@h", "amqp://h?heartbeat=1", "amqp://h:x", "amqp:", "amqp://h:0"}) {
    try {
      amqp_address(url);
      ADD_FAILURE() << url;
    } catch (const tsn::Failure& failure) {
      EXPECT_EQ(failure.status().value(), TSN_INVALID);
      EXPECT_EQ(failure.status().text().find("s3cret"), std::string::npos);
    }
  }
}

/// Takes one connection, reads, and says `hello`; then it waits until the other side leaves.
class SilentBroker {
 public:
  explicit SilentBroker(std::string hello) {
    listener_ = socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(bind(listener_, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    EXPECT_EQ(listen(listener_, 4), 0);
    socklen_t size = sizeof address;
    getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size);
    port_ = ntohs(address.sin_port);
    thread_ = std::thread([this, hello = std::move(hello)] {
      const int line = accept(listener_, nullptr, nullptr);
      if (line < 0) return;
      char buffer[4096];
      if (read(line, buffer, sizeof buffer) > 0) send(line, hello.data(), hello.size(), MSG_NOSIGNAL);
      while (read(line, buffer, sizeof buffer) > 0) {
      }
      close(line);
    });
  }
  ~SilentBroker() {
    shutdown(listener_, SHUT_RDWR);
    thread_.join();
    close(listener_);
  }
  std::string url() const { return "amqp://127.0.0.1:" + std::to_string(port_); }

 private:
  int listener_ = -1, port_ = 0;
  std::thread thread_;
};

tsn::testing::Answer published(const std::string& url, const char* timeout = "10s") {
  FakeHost host;
  auto amqp = host.create({}, Value::table({{"url", url}, {"password", "s3cret"}, {"timeout", timeout}}));
  const auto answer = amqp->deliver(sample_message());
  EXPECT_EQ(answer.text.find("s3cret"), std::string::npos);
  return answer;
}

TEST(Amqp, ABrokerThatIsNotThereCannotHaveTheMessage) {
  const auto answer = published("amqp://127.0.0.1:9");
  EXPECT_EQ(answer.status, TSN_FAILED);
  EXPECT_NE(answer.text.find("127.0.0.1:9"), std::string::npos) << answer.text;
}

TEST(Amqp, ALookSaysWhatIsWrongAndNoPassword) {
  FakeHost host;
  SilentBroker silent("");
  for (const std::string& url : {std::string("amqp://127.0.0.1:9"), silent.url()}) {
    auto amqp = host.create({}, Value::table({{"url", url}, {"password", "s3cret"}, {"timeout", "200ms"}}));
    std::string report;
    EXPECT_EQ(amqp->probe(report).status, TSN_OK);
    EXPECT_TRUE(report.starts_with("error: amqp: ")) << report;
    EXPECT_EQ(report.find("s3cret"), std::string::npos);
  }
}

TEST(Amqp, ABrokerThatSaysNothingIsGivenUpInTime) {
  SilentBroker broker("");
  EXPECT_EQ(published(broker.url(), "200ms").status, TSN_FAILED);
}

TEST(Amqp, WhatIsNoBrokerIsSaid) {
  SilentBroker broker("HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n");
  EXPECT_EQ(published(broker.url(), "300ms").status, TSN_FAILED);
}

TEST(Amqp, TlsIsNeverLeftOut) {
  SilentBroker broker("AMQP in the clear");
  EXPECT_EQ(published("amqps" + broker.url().substr(4), "300ms").status, TSN_FAILED);
}

TEST(Amqp, RefusesAPasswordInTheUrlAndAnExchangeWithoutAName) {
  FakeHost host;
  EXPECT_THROW(host.create({}, Value::table({{"url", "amqp://u:p@h"}})), tsn::Failure);
  EXPECT_THROW(host.create({}, Value::table({{"url", "amqp://h"}, {"exchange", ""}})), tsn::Failure);
}

}  // namespace
