#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <thread>
#include <tocsin/testing/fake_host.hpp>

namespace {

using namespace std::chrono_literals;
using tsn::Value;
using tsn::testing::FakeHost;

/// Answers one line on each connection.
class ModemServer {
 public:
  explicit ModemServer(std::vector<std::string> answers) : answers_(std::move(answers)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    EXPECT_EQ(bind(listener_, reinterpret_cast<sockaddr*>(&address), size), 0);
    EXPECT_EQ(listen(listener_, 4), 0);
    getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size);
    server = "127.0.0.1:" + std::to_string(ntohs(address.sin_port));
    thread_ = std::thread([this] {
      for (const auto& answer : answers_) {
        const int line = accept(listener_, nullptr, nullptr);
        if (line < 0) return;
        char buffer[512];
        const auto n = read(line, buffer, sizeof buffer);
        asked.emplace_back(buffer, n > 0 ? static_cast<std::size_t>(n) - 1 : 0);
        EXPECT_EQ(write(line, answer.data(), answer.size()), static_cast<ssize_t>(answer.size()));
        close(line);
      }
    });
  }
  ~ModemServer() {
    shutdown(listener_, SHUT_RDWR);
    thread_.join();
    close(listener_);
  }
  std::string server;
  std::vector<std::string> asked;

 private:
  std::vector<std::string> answers_;
  int listener_ = socket(AF_INET, SOCK_STREAM, 0);
  std::thread thread_;
};

tsn::Message text_message() {
  auto message = tsn::testing::sample_message();
  message.recipient = {"rack_sms:contact.first", "first", "+15550100"};
  message.text = "disk full\nSEND +1 x";
  return message;
}
Value rack_config(const std::string& server) {
  return Value::table({{"server", server}, {"token", "t0ken"}});
}

TEST(RackSms, SendsOneLineAndAsksUntilTheEndIsKnown) {
  ModemServer modem({"OK m-17\n", "QUEUED\n", "DELIVERED\n"});
  FakeHost host;
  auto sms = host.create({}, rack_config(modem.server));
  sms->start();
  const auto answer = sms->deliver(text_message());
  ASSERT_EQ(answer.status, TSN_OK) << answer.text;
  EXPECT_EQ(answer.delivered.provider_id, "m-17");
  host.advance(1min);
  EXPECT_EQ(modem.asked, (std::vector<std::string>{"SEND +15550100 disk full SEND +1 x", "STATE m-17", "STATE m-17"}));
  ASSERT_EQ(host.receipts().size(), 2u);
  EXPECT_EQ(host.receipts()[1].state, TSN_RECEIPT_DELIVERED);
  EXPECT_EQ(host.timers(), 0u);
}

TEST(RackSms, TakesCallbacksThatShowTheToken) {
  ModemServer modem({"OK m-17\n"});
  FakeHost host;
  auto sms = host.create({}, rack_config(modem.server));
  sms->start();
  ASSERT_EQ(sms->deliver(text_message()).status, TSN_OK);
  const auto call = [&](const char* token) {
    return sms->handle({.path = "/callbacks/rack_sms", .headers = {{"authorization", token}}, .body = "m-17 LOST"})
        .response.status;
  };
  EXPECT_EQ(call("Bearer guess"), 401u);
  EXPECT_EQ(call("Bearer t0ken"), 200u);
  ASSERT_EQ(host.receipts().size(), 1u);
  EXPECT_EQ(host.receipts()[0].state, TSN_RECEIPT_FAILED);
  EXPECT_EQ(host.receipts()[0].key, std::string(text_message().key));
}

TEST(RackSms, ALostAnswerMayHaveArrivedAndARefusalIsFinal) {
  const std::pair<const char*, tsn_status> cases[] = {
      {"", TSN_UNKNOWN}, {"NO such number\n", TSN_INVALID}, {"BUSY\n", TSN_RETRY}};
  for (const auto& [said, status] : cases) {
    ModemServer modem({said});
    FakeHost host;
    EXPECT_EQ(host.create({}, rack_config(modem.server))->deliver(text_message()).status, status) << said;
  }
}

TEST(RackSms, ARestartForgetsNobody) {
  ModemServer modem({"OK m-17\n", "DELIVERED\n"});
  FakeHost host;
  host.create({}, rack_config(modem.server))->deliver(text_message());
  auto again = host.create({}, rack_config(modem.server));
  again->start();
  host.advance(15s);
  ASSERT_EQ(host.receipts().size(), 1u);
}

}  // namespace
