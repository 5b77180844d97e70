// Promises about `tocsin check --online`: the token is asked about, nobody gets a message, no line shows the token.
#include "look.hpp"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <thread>

#include "tocsin/testing/fake_host.hpp"

namespace {

using namespace tocsin_plugins;

/// Answers one request.
class OneAnswer {
 public:
  explicit OneAnswer(std::string body, std::string status = "200 OK") {
    listener_ = socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(bind(listener_, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    EXPECT_EQ(listen(listener_, 4), 0);
    socklen_t size = sizeof address;
    getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size);
    port_ = ntohs(address.sin_port);
    const std::string answer = "HTTP/1.1 " + status + "\r\nContent-Length: " + std::to_string(body.size()) +
                               "\r\nConnection: close\r\n\r\n" + body;
    thread_ = std::thread([this, answer] {
      const int line = accept(listener_, nullptr, nullptr);
      if (line < 0) return;
      char buffer[4096];
      while (heard_.find("\r\n\r\n") == heard_.npos) {
        const auto n = read(line, buffer, sizeof buffer);
        if (n <= 0) break;
        heard_.append(buffer, static_cast<std::size_t>(n));
      }
      ::send(line, answer.data(), answer.size(), MSG_NOSIGNAL);
      close(line);
    });
  }
  ~OneAnswer() { finish(); }
  std::string url() const { return "http://127.0.0.1:" + std::to_string(port_); }
  const std::string& heard() {
    finish();
    return heard_;
  }

 private:
  void finish() {
    if (!thread_.joinable()) return;
    shutdown(listener_, SHUT_RDWR);
    thread_.join();
    close(listener_);
  }
  std::string heard_;
  int listener_ = -1, port_ = 0;
  std::thread thread_;
};

std::string look(const std::string& url, const std::string& webhook = "") {
  HttpClient client({});
  const auto deadline = tsn::Deadline{tsn::now() + 5'000'000'000};
  const std::string report =
      look_at_slack(client, {url, webhook.empty() ? "xoxb-s3cret" : "", webhook, "[notifier.slack]"}, deadline);
  EXPECT_EQ(report.find("s3cret"), std::string::npos);
  return report;
}

TEST(SlackLook, SaysWhoTheTokenIs) {
  OneAnswer slack(R"({"ok":true,"team":"Corp","user":"tocsin"})");
  EXPECT_EQ(look(slack.url()), "ok: signed in to Corp as tocsin");
  EXPECT_TRUE(slack.heard().starts_with("POST /auth.test ")) << slack.heard();
  EXPECT_NE(slack.heard().find("Bearer xoxb-s3cret"), std::string::npos);
}

TEST(SlackLook, SaysSlacksWordForATokenThatIsNone) {
  OneAnswer slack(R"({"ok":false,"error":"invalid_auth"})");
  EXPECT_EQ(look(slack.url()), "error: slack: auth.test: invalid_auth; check token and api_url of [notifier.slack]");
}

TEST(SlackLook, SaysWhatIsNoSlack) {
  OneAnswer page("<html>", "404 Not Found");
  EXPECT_TRUE(look(page.url()).starts_with("error: slack: auth.test: HTTP 404")) << "a page";
  OneAnswer text("hello");
  EXPECT_TRUE(look(text.url()).starts_with("error: slack: auth.test: the answer is no JSON")) << "a text";
  EXPECT_TRUE(look("http://127.0.0.1:9").starts_with("error: slack: ")) << "nobody";
}

TEST(SlackLook, AsksAWebhookNothing) {
  EXPECT_TRUE(look("http://127.0.0.1:9", "http://127.0.0.1:9/x").starts_with("warning: an incoming webhook"));
}

}  // namespace
