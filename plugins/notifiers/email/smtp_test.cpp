#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <map>
#include <string>
#include <thread>

#include "tocsin/testing/fake_host.hpp"

namespace {

using tsn::Value;
using tsn::testing::FakeHost;

using Script = std::map<std::string, std::string>;

/// A server that follows a script: the answer to each verb, "" to hang up there, "HANG" to say nothing more. Verbs that
/// are not named get 250.
class ScriptedServer {
 public:
  explicit ScriptedServer(Script script = {}) : script_(std::move(script)) {
    listener_ = socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(bind(listener_, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    EXPECT_EQ(listen(listener_, 4), 0);
    socklen_t size = sizeof address;
    getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size);
    port_ = ntohs(address.sin_port);
    thread_ = std::thread([this] { serve(); });
  }
  ~ScriptedServer() { finish(); }
  /// What came, once the connection is over.
  const std::string& heard() {
    finish();
    return heard_;
  }
  std::string place() const { return "127.0.0.1:" + std::to_string(port_); }

 private:
  void finish() {
    if (!thread_.joinable()) return;
    shutdown(listener_, SHUT_RDWR);
    thread_.join();
    close(listener_);
  }
  void serve() {
    line_ = accept(listener_, nullptr, nullptr);
    if (line_ < 0) return;
    timeval patience{10, 0};
    setsockopt(line_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    for (std::string verb = "connect", got; answer(verb);) {
      const bool in_mail = verb == "DATA" && answers_to("DATA").starts_with('3');
      if (!read_until(in_mail ? "\r\n.\r\n" : "\r\n", got)) break;
      verb = in_mail ? "." : verb == "AUTH" && !got.starts_with("MAIL") ? "secret" : got.substr(0, 4);
    }
    close(line_);
  }
  std::string answers_to(const std::string& verb) const {
    if (const auto at = script_.find(verb); at != script_.end()) return at->second;
    if (verb == "connect") return "220 hello";
    if (verb == "EHLO") return "250-here\r\n250 AUTH PLAIN";
    if (verb == "AUTH" || verb == "secret") return "235 ok";
    if (verb == "DATA") return "354 go on";
    if (verb == "QUIT") return "221 bye";
    return "250 ok";
  }
  bool answer(const std::string& verb) {
    const auto text = answers_to(verb);
    if (text.empty()) return false;
    if (std::string rest; text == "HANG") {
      while (read_until("\r\n", rest)) {
      }
      return false;
    }
    const std::string bytes = text + "\r\n";
    return ::send(line_, bytes.data(), bytes.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(bytes.size()) &&
           verb != "QUIT";
  }
  bool read_until(const std::string& end, std::string& got) {
    got.clear();
    char c;
    while (!got.ends_with(end)) {
      if (recv(line_, &c, 1, 0) != 1) return false;
      got += c;
    }
    heard_ += got;
    return true;
  }

  Script script_;
  std::string heard_;
  int listener_ = -1, line_ = -1, port_ = 0;
  std::thread thread_;
};

struct Smtp : testing::Test {
  FakeHost host;
  Value config(const std::string& place) {
    return Value::table({{"url", "smtp://" + place}, {"from", "tocsin@corp"}, {"starttls", "never"}});
  }
  tsn::testing::Answer sent(const Value& options) {
    return host.create({}, options, "mail")->deliver(tsn::testing::sample_message());
  }
  tsn::testing::Answer sent(ScriptedServer& server) { return sent(config(server.place())); }
  tsn::testing::Answer sent_as_tocsin(ScriptedServer& server) {
    return sent(config(server.place()).set("username", "tocsin").set("password", "hunter2"));
  }
};

TEST_F(Smtp, DeliversAndGivesTheThreadAsProviderId) {
  ScriptedServer server;
  const auto answer = sent(server);
  EXPECT_EQ(answer.status, TSN_OK) << answer.text;
  EXPECT_TRUE(answer.delivered.provider_id.starts_with("<incident-")) << answer.delivered.provider_id;
  EXPECT_NE(server.heard().find("MAIL FROM:<tocsin@corp>"), std::string::npos);
  EXPECT_NE(server.heard().find("RCPT TO:<first@example.com>"), std::string::npos);
  EXPECT_NE(server.heard().find("\r\nMessage-ID: " + answer.delivered.provider_id + "\r\n"), std::string::npos);
}

TEST_F(Smtp, LooksWithoutAMail) {
  ScriptedServer server(Script{{"AUTH", "334 "}});
  auto mail = host.create({}, config(server.place()).set("username", "tocsin").set("password", "hunter2"), "mail");
  std::string report;
  EXPECT_EQ(mail->probe(report).status, TSN_OK);
  EXPECT_EQ(report, "ok: " + server.place() + " answers, in the clear, and takes tocsin and its password");
  const std::string heard = server.heard();
  for (const char* said : {"AUTH ", "NOOP", "QUIT"}) EXPECT_NE(heard.find(said), std::string::npos) << said;
  for (const char* unsaid : {"MAIL", "RCPT", "DATA"}) EXPECT_EQ(heard.find(unsaid), std::string::npos) << unsaid;
}

TEST_F(Smtp, SaysWhatALookFound) {
  ScriptedServer server(Script{{"secret", "535 5.7.8 no"}, {"AUTH", "535 5.7.8 no"}});
  auto mail = host.create({}, config(server.place()).set("username", "tocsin").set("password", "hunter2"), "mail");
  std::string report;
  EXPECT_EQ(mail->probe(report).status, TSN_OK);
  EXPECT_TRUE(report.starts_with("error: email: 535 authentication failed")) << report;
  EXPECT_EQ(report.find("hunter2"), std::string::npos);
  server.heard();
  mail = host.create({}, config("127.0.0.1:9"), "mail");
  EXPECT_EQ(mail->probe(report).status, TSN_OK);
  EXPECT_TRUE(report.starts_with("error: email: 127.0.0.1:9")) << report;
}

TEST_F(Smtp, AFourHundredAnswerIsWorthARetryAtEveryStep) {
  for (const char* verb : {"MAIL", "RCPT", "DATA", "."}) {
    ScriptedServer server(Script{{verb, "451 4.7.1 try later"}});
    const auto answer = sent(server);
    EXPECT_EQ(answer.status, TSN_FAILED) << verb << ": " << answer.text;
    EXPECT_EQ(answer.code, 451) << verb;
    EXPECT_NE(answer.text.find("451 4.7.1 try later"), std::string::npos) << answer.text;
  }
}

TEST_F(Smtp, AFiveHundredAnswerAboutTheMailIsFinal) {
  for (const char* verb : {"MAIL", "RCPT", "DATA", "."}) {
    ScriptedServer server(Script{{verb, "550 5.1.1 no such user"}});
    const auto answer = sent(server);
    EXPECT_EQ(answer.status, TSN_INVALID) << verb << ": " << answer.text;
    EXPECT_EQ(answer.code, 550) << verb;
    EXPECT_NE(answer.text.find("550 5.1.1 no such user"), std::string::npos) << answer.text;
  }
}

TEST_F(Smtp, AServerThatTurnsEverybodyAwayMayBeMended) {
  ScriptedServer server(Script{{"connect", "554 not today"}});
  EXPECT_EQ(sent(server).status, TSN_FAILED);
}

TEST_F(Smtp, AWrongPasswordIsDeniedAndNotShown) {
  ScriptedServer server(
      Script{{"AUTH", "535 5.7.8 bad: AHRvY3NpbgBodW50ZXIy"}, {"secret", "535 5.7.8 bad: AHRvY3NpbgBodW50ZXIy"}});
  const auto answer = sent_as_tocsin(server);
  EXPECT_EQ(answer.status, TSN_DENIED);
  EXPECT_EQ(answer.code, 535);
  EXPECT_EQ(answer.text, "email: 535 authentication failed at " + server.place() +
                             " as \"tocsin\"; check [notifier.mail] username and password");
  for (const auto& line : host.logs()) EXPECT_EQ(line.text.find("hunter2"), std::string::npos) << line.text;
}

TEST_F(Smtp, AuthenticationThatIsNotPossibleForNowIsTriedAgain) {
  ScriptedServer server(Script{{"AUTH", "454 4.7.0 later"}, {"secret", "454 4.7.0 later"}});
  EXPECT_EQ(sent_as_tocsin(server).status, TSN_FAILED);
}

TEST_F(Smtp, AServerThatAsksForANameIsAnswerAboutTheConfiguration) {
  ScriptedServer server(Script{{"MAIL", "530 5.7.0 authentication required"}});
  const auto answer = sent(server);
  EXPECT_EQ(answer.status, TSN_DENIED);
  EXPECT_NE(answer.text.find("[notifier.mail] username"), std::string::npos) << answer.text;
}

TEST_F(Smtp, WithoutStarttlsNothingIsSaid) {
  ScriptedServer server;
  const auto answer =
      sent(config(server.place()).set("starttls", "required").set("username", "tocsin").set("password", "hunter2"));
  EXPECT_EQ(answer.status, TSN_FAILED);
  EXPECT_NE(answer.text.find("offers no STARTTLS"), std::string::npos) << answer.text;
  EXPECT_NE(answer.text.find("starttls = \"never\""), std::string::npos) << answer.text;
  EXPECT_EQ(server.heard().find("AUTH"), std::string::npos);
  EXPECT_EQ(server.heard().find("MAIL"), std::string::npos);
}

TEST_F(Smtp, StarttlsThatIsRefusedEndsIt) {
  ScriptedServer server(Script{{"EHLO", "250-here\r\n250 STARTTLS"}, {"STAR", "454 TLS not available"}});
  const auto answer = sent(config(server.place()).set("starttls", "required"));
  EXPECT_EQ(answer.status, TSN_FAILED);
  EXPECT_NE(answer.text.find("STARTTLS"), std::string::npos) << answer.text;
  EXPECT_EQ(server.heard().find("MAIL"), std::string::npos);
}

TEST_F(Smtp, ALineThatBreaksBeforeTheMailIsWholeMeansNotDelivered) {
  for (const char* verb : {"connect", "EHLO", "MAIL", "RCPT", "DATA"}) {
    ScriptedServer server(Script{{verb, ""}});
    EXPECT_EQ(sent(server).status, TSN_FAILED) << verb;
  }
}

TEST_F(Smtp, ALineThatBreaksAfterTheMailIsAnUnknownOutcome) {
  ScriptedServer server(Script{{".", ""}});
  const auto answer = sent(server);
  EXPECT_EQ(answer.status, TSN_UNKNOWN) << answer.text;
}

TEST_F(Smtp, OnceTheMailIsTakenALineThatBreaksChangesNothing) {
  ScriptedServer server(Script{{"QUIT", ""}});
  EXPECT_EQ(sent(server).status, TSN_OK);
}

TEST_F(Smtp, AServerThatFallsSilentIsLeftAtTheDeadline) {
  for (const auto& [verb, expected] : {std::pair("connect", TSN_FAILED), {"RCPT", TSN_FAILED}, {".", TSN_UNKNOWN}}) {
    ScriptedServer server(Script{{verb, "HANG"}});
    auto email = host.create({}, config(server.place()));
    const auto answer = email->deliver(tsn::testing::sample_message(), std::chrono::milliseconds(300));
    EXPECT_EQ(answer.status, expected) << verb << ": " << answer.text;
    EXPECT_NE(answer.text.find(server.place()), std::string::npos) << answer.text;
  }
}

TEST_F(Smtp, AGoodbyeThatIsNotAnsweredDoesNotHoldUpTheMail) {
  ScriptedServer server(Script{{"QUIT", "HANG"}});
  const auto began = std::chrono::steady_clock::now();
  EXPECT_EQ(sent(server).status, TSN_OK);
  EXPECT_LT(std::chrono::steady_clock::now() - began, std::chrono::seconds(8)) << "of a deadline of ten";
}

TEST_F(Smtp, AServerThatIsNotThereIsNamed) {
  auto email = host.create({}, config("127.0.0.1:9"));
  const auto answer = email->deliver(tsn::testing::sample_message());
  EXPECT_EQ(answer.status, TSN_FAILED);
  EXPECT_NE(answer.text.find("127.0.0.1:9"), std::string::npos) << answer.text;
}

TEST_F(Smtp, GreetsByTheNameItIsGiven) {
  ScriptedServer server;
  EXPECT_EQ(sent(config(server.place()).set("helo", "node-7.corp")).status, TSN_OK);
  EXPECT_NE(server.heard().find("EHLO node-7.corp\r\n"), std::string::npos);
}

}  // namespace
