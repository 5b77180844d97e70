// Each kind of check against a server of the test's own.
#include <openssl/ssl.h>
#include <sys/eventfd.h>

#include <csignal>
#include <cstdlib>
#include <filesystem>

#include "check.hpp"
#include "dns_message.hpp"
#include "local_server.hpp"
#include "tocsin/testing/values.hpp"

namespace {

using namespace std::chrono_literals;
using namespace tocsin_plugins::probing;
using namespace tocsin_plugins::probing::testing;

tsn::Time real_now() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::system_clock::now().time_since_epoch())
      .count();
}

class Check : public ::testing::Test {
 protected:
  Check() { ::signal(SIGPIPE, SIG_IGN); }  // the plugin's threads block it
  ~Check() override { ::close(stop_); }

  Outcome of(const std::string& members, std::chrono::milliseconds time = 10s) {
    auto value = tsn::testing::from_json("[{\"name\": \"t\", " + members + "}]");
    const auto targets = read_targets(tsn::Config(value.view()), {30s, 5s, {}});
    return check(targets.front(), at_, {std::chrono::steady_clock::now() + time, stop_});
  }
  Outcome at(const std::string& url, const std::string& more = {}, std::chrono::milliseconds time = 10s) {
    return of("\"url\": \"" + url + "\"" + (more.empty() ? "" : ", " + more), time);
  }

  int stop_ = ::eventfd(0, EFD_CLOEXEC);
  tsn::Time at_ = real_now();
};

// --- tcp ---

TEST_F(Check, FindsAListeningPortUpAndAClosedOneDown) {
  LocalServer server([](int) {});
  EXPECT_TRUE(at(server.url("tcp")).up);
  server.end();
  const auto down = at(server.url("tcp"));
  EXPECT_FALSE(down.up);
  EXPECT_NE(down.why.find("Connection refused"), std::string::npos) << down.why;
}

TEST_F(Check, SendsItsWordAndExpectsTheAnswer) {
  LocalServer server([](int line) { say(line, read_until(line, "\n") == "ping\n" ? "say: pong\n" : "what?\n"); });
  EXPECT_TRUE(at(server.url("tcp"), R"("send": "ping\n", "expect": "pong")").up);
  const auto other = at(server.url("tcp"), R"("send": "pang\n", "expect": "pong")");
  EXPECT_NE(other.why.find("before it said"), std::string::npos) << other.why;
}

TEST_F(Check, GivesUpOnAServerThatHangsWhenItsTimeIsOver) {
  LocalServer server(keep_silent);
  const auto hung = at(server.url("tcp"), R"("expect": "hello")", 100ms);
  EXPECT_EQ(hung.why, "no answer in time");
  EXPECT_GE(hung.seconds, 0.09);
  for (const char* scheme : {"http", "tls", "redis", "postgres"})
    EXPECT_FALSE(at(server.url(scheme), {}, 100ms).up) << scheme;
}

TEST_F(Check, EndsAtOnceWhenThePluginStops) {
  LocalServer server(keep_silent);
  const std::uint64_t one = 1;
  ASSERT_EQ(::write(stop_, &one, sizeof one), static_cast<ssize_t>(sizeof one));
  for (const char* scheme : {"http", "tls", "redis", "postgres"})
    EXPECT_TRUE(at(server.url(scheme), {}, 60s).stopped) << scheme;
}

TEST_F(Check, StopsReadingWhatHasNoEnd) {
  LocalServer server([](int line) {
    const std::string much(8192, 'x');
    while (::send(line, much.data(), much.size(), MSG_NOSIGNAL) > 0) {
    }
  });
  EXPECT_NE(at(server.url("tcp"), R"("expect": "never")").why.find("64 KiB"), std::string::npos);
  EXPECT_NE(at(server.url("redis")).why.find("not Redis' protocol"), std::string::npos);
}

TEST_F(Check, SaysThatANameIsNone) {
  EXPECT_NE(at("tcp://no-such-host.invalid:1").why.find("cannot be resolved"), std::string::npos);
}

// --- http ---

struct HttpServer {
  explicit HttpServer(std::string answer)
      : server([this, answer](int line) {
          request = read_until(line, "\r\n\r\n");
          say(line, answer);
        }) {}
  std::string request;
  LocalServer server;
};
std::string http_answer(int status, const std::string& body, const std::string& more = {}) {
  return "HTTP/1.1 " + std::to_string(status) + " X\r\n" + more + "Content-Length: " + std::to_string(body.size()) +
         "\r\nConnection: close\r\n\r\n" + body;
}

TEST_F(Check, FindsAnHttpServerUpWithItsStatusAndTimes) {
  HttpServer shop(http_answer(200, "ok"));
  const auto seen = at(shop.server.url("http", "/health?a=b"));
  EXPECT_TRUE(seen.up) << seen.why;
  EXPECT_EQ(seen.status, 200);
  ASSERT_TRUE(seen.first_byte);
  EXPECT_LE(*seen.first_byte, seen.seconds);
  EXPECT_TRUE(shop.request.starts_with("GET /health?a=b HTTP/1.1\r\n")) << shop.request;
}

TEST_F(Check, ExpectsAStatus) {
  HttpServer shop(http_answer(503, "no"));
  const auto seen = at(shop.server.url("http"));
  EXPECT_FALSE(seen.up);
  EXPECT_EQ(seen.status, 503);
  EXPECT_EQ(seen.why, "it answered HTTP 503");
  EXPECT_TRUE(at(shop.server.url("http"), R"("status": [401, "5xx"])").up);
}

TEST_F(Check, ExpectsABody) {
  HttpServer shop(http_answer(200, "{\"state\": \"ready\"}"));
  EXPECT_TRUE(at(shop.server.url("http"), R"("body_pattern": "\"state\":\\s*\"ready\"")").up);
  EXPECT_EQ(at(shop.server.url("http"), R"("body_pattern": "broken")").why, "its answer does not fit body_pattern");
}

TEST_F(Check, SendsMethodHeadersBodyAndToken) {
  HttpServer shop(http_answer(204, ""));
  EXPECT_TRUE(at(shop.server.url("http"),
                 R"("method": "PUT", "headers": {"X-From": "tocsin"}, "body": "hello", "bearer": "hunter2")")
                  .up);
  EXPECT_TRUE(shop.request.starts_with("PUT / HTTP/1.1\r\n")) << shop.request;
  EXPECT_NE(shop.request.find("X-From: tocsin\r\n"), std::string::npos);
  EXPECT_NE(shop.request.find("Content-Length: 5\r\n"), std::string::npos);
  EXPECT_NE(shop.request.find("Authorization: Bearer hunter2\r\n"), std::string::npos);
}

TEST_F(Check, FollowsNoRedirectUnlessItMay) {
  HttpServer shop(http_answer(200, "here"));
  HttpServer old(http_answer(302, "", "Location: " + shop.server.url("http", "/new") + "\r\n"));
  EXPECT_EQ(at(old.server.url("http")).why, "it answered HTTP 302");
  const auto followed =
      at(old.server.url("http"), R"("redirects": 1, "bearer": "hunter2", "method": "POST", "headers": {"X-Key": "k"})");
  EXPECT_TRUE(followed.up) << followed.why;
  EXPECT_NE(old.request.find("hunter2"), std::string::npos);
  EXPECT_TRUE(shop.request.starts_with("GET /new HTTP/1.1\r\n")) << shop.request;
  EXPECT_EQ(shop.request.find("hunter2"), std::string::npos) << "another server does not get the token";
  EXPECT_EQ(shop.request.find("X-Key"), std::string::npos);
}

TEST_F(Check, FollowsRedirectsOnlySoOften) {
  HttpServer circle(http_answer(301, "", "Location: /again\r\n"));
  EXPECT_NE(at(circle.server.url("http"), R"("redirects": 3)").why.find("more often"), std::string::npos);
}

TEST_F(Check, ShowsNoSecretThatAServerSendsBack) {
  LocalServer server([](int line) {
    read_until(line, "hunter2");
    say(line, "-ERR bad password hunter2\x1b[2J\r\n");
  });
  const auto down = at(server.url("redis"), R"("password": "hunter2")");
  EXPECT_NE(down.why.find("bad password"), std::string::npos) << down.why;
  EXPECT_EQ(down.why.find("hunter2"), std::string::npos) << down.why;
  EXPECT_EQ(down.why.find('\x1b'), std::string::npos);
}

// --- tls ---

class TlsCheck : public Check {
 protected:
  void SetUp() override {
    std::string name = (std::filesystem::temp_directory_path() / "tocsin-probe-XXXXXX").string();
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    folder_ = name;
    const std::string command =
        "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 20 -subj /CN=shop "
        "-addext subjectAltName=IP:127.0.0.1,DNS:shop.example -keyout " +
        file("key") + " -out " + file("crt") + " 2>/dev/null";
    ASSERT_EQ(std::system(command.c_str()), 0) << "the openssl command is needed: " << command;
    at_ = real_now();  // not before the certificate was made
    context_ = SSL_CTX_new(TLS_server_method());
    ASSERT_EQ(SSL_CTX_use_certificate_file(context_, file("crt").c_str(), SSL_FILETYPE_PEM), 1);
    ASSERT_EQ(SSL_CTX_use_PrivateKey_file(context_, file("key").c_str(), SSL_FILETYPE_PEM), 1);
    server_ = std::make_unique<LocalServer>([this](int line) { serve(line); });
  }
  void TearDown() override {
    server_.reset();
    SSL_CTX_free(context_);
    std::filesystem::remove_all(folder_);
  }
  void serve(int line) {
    SSL* ssl = SSL_new(context_);
    SSL_set_fd(ssl, line);
    char buffer[1024];
    if (SSL_accept(ssl) == 1) {
      const int got = SSL_read(ssl, buffer, sizeof buffer);
      if (got > 0) SSL_write(ssl, answer_.data(), static_cast<int>(answer_.size()));
      SSL_shutdown(ssl);
    }
    SSL_free(ssl);
  }
  std::string file(const std::string& name) const { return (folder_ / name).string(); }
  std::string ca() const { return "\"ca_file\": \"" + file("crt") + "\""; }

  std::filesystem::path folder_;
  SSL_CTX* context_ = nullptr;
  std::string answer_ = "pong";
  std::unique_ptr<LocalServer> server_;
};

TEST_F(TlsCheck, TellsTheDaysThatACertificateIsGoodFor) {
  const auto seen = at(server_->url("tls"), ca());
  EXPECT_TRUE(seen.up) << seen.why;
  ASSERT_TRUE(seen.expiry);
  EXPECT_NEAR(seen.expiry->leaf, 20, 0.1);
  EXPECT_NEAR(seen.expiry->chain, 20, 0.1);
}

TEST_F(TlsCheck, TellsSinceWhenACertificateHasExpired) {
  at_ += std::chrono::nanoseconds(25 * 24h).count();
  const auto seen = at(server_->url("tls"), ca());
  EXPECT_FALSE(seen.up);
  EXPECT_NE(seen.why.find("expired"), std::string::npos) << seen.why;
  ASSERT_TRUE(seen.expiry);
  EXPECT_NEAR(seen.expiry->leaf, -5, 0.1);
}

TEST_F(TlsCheck, TrustsNobodyItDoesNotKnowAndNoOtherName) {
  const auto stranger = at(server_->url("tls"));
  EXPECT_FALSE(stranger.up);
  EXPECT_TRUE(stranger.expiry);
  EXPECT_TRUE(at(server_->url("tls"), ca() + R"(, "server_name": "shop.example")").up);
  EXPECT_NE(at(server_->url("tls"), ca() + R"(, "server_name": "bank.example")").why.find("bank.example"),
            std::string::npos);
}

TEST_F(TlsCheck, SaysWhichFileIsNoCertificate) {
  EXPECT_NE(at(server_->url("tls"), R"("ca_file": "/nowhere.pem")").why.find("/nowhere.pem"), std::string::npos);
}

TEST_F(TlsCheck, TalksInsideOfTls) {
  EXPECT_TRUE(at(server_->url("tls"), ca() + R"(, "send": "ping", "expect": "pong")").up);
  answer_ = http_answer(200, "ok");
  EXPECT_TRUE(at(server_->url("https"), ca()).up);
  EXPECT_NE(at(server_->url("https")).why.find("ca_file"), std::string::npos);
}

TEST_F(TlsCheck, FindsAServerWithoutTlsDown) {
  LocalServer plain([](int line) {
    read_until(line, "\x16");
    say(line, "HTTP/1.1 400 Bad Request\r\n\r\n");
  });
  EXPECT_NE(at(plain.url("tls"), {}, 2s).why.find("TLS handshake failed"), std::string::npos);
}

// --- redis ---

TEST_F(Check, LogsInToRedisAndTellsItsLag) {
  std::string heard;
  LocalServer server([&heard](int line) {
    heard = read_until(line, "hunter2\r\n");
    say(line, "+OK\r\n");
    read_until(line, "PING\r\n");
    say(line, "+PONG\r\n");
    read_until(line, "replication\r\n");
    const std::string info = "role:slave\r\nmaster_link_status:up\r\nmaster_last_io_seconds_ago:2\r\n";
    say(line, "$" + std::to_string(info.size()) + "\r\n" + info + "\r\n");
  });
  const auto url = "redis://watcher@127.0.0.1:" + std::to_string(server.port());
  const auto seen = at(url, R"("password": "hunter2", "role": "replica")");
  EXPECT_TRUE(seen.up) << seen.why;
  EXPECT_EQ(seen.lag, 2);
  EXPECT_EQ(heard, "*3\r\n$4\r\nAUTH\r\n$7\r\nwatcher\r\n$7\r\nhunter2\r\n");
  const auto other = at(url, R"("password": "hunter2", "role": "primary")");
  EXPECT_FALSE(other.up);
  EXPECT_EQ(other.why, "it is a replica, and role says primary");
}

// --- dns ---

/// Answers each question with `records` behind it; `flags` are those of the answer.
struct NameServer {
  explicit NameServer(std::string records, int count, unsigned flags = 0)
      : server(
            [=, this](int socket) {
              char buffer[512];
              sockaddr_in from{};
              socklen_t size = sizeof from;
              const auto got = ::recvfrom(socket, buffer, sizeof buffer, 0, reinterpret_cast<sockaddr*>(&from), &size);
              if (got < 12 || asked++ < swallow) return;
              std::string answer(buffer, static_cast<std::size_t>(got));
              answer[2] = static_cast<char>(0x80 | flags >> 8);
              answer[3] = static_cast<char>(flags & 0xff);
              answer[7] = static_cast<char>(count);
              answer += records;
              ::sendto(socket, answer.data(), answer.size(), 0, reinterpret_cast<sockaddr*>(&from), size);
            },
            SOCK_DGRAM) {}
  std::atomic<int> asked{0}, swallow{0};
  LocalServer server;
};
const std::string one_address("\xc0\x0c\0\1\0\1\0\0\0\x3c\0\4\xc0\0\2\1", 16);

TEST_F(Check, AsksANameServerAndKnowsTheAddressesThatMayBe) {
  NameServer names(one_address, 1);
  EXPECT_TRUE(at(names.server.url("dns", "/shop.example")).up);
  EXPECT_TRUE(at(names.server.url("dns", "/shop.example?type=A"), R"("expect": ["192.0.2.9", "192.0.2.1"])").up);
  EXPECT_EQ(at(names.server.url("dns", "/shop.example"), R"("expect": ["192.0.2.9"])").why,
            "the server answered 192.0.2.1, which `expect` does not name");
  EXPECT_EQ(at(names.server.url("dns", "/shop.example?type=AAAA")).why, "the name has no record of type AAAA");
}

TEST_F(Check, AsksANameServerAgainThatLostTheQuestion) {
  NameServer names(one_address, 1);
  names.swallow = 1;
  EXPECT_TRUE(at(names.server.url("dns", "/shop.example"), {}, 900ms).up);
  EXPECT_EQ(names.asked, 2);
}

TEST_F(Check, SaysThatANameServerRefusesOrIsSilent) {
  NameServer names("", 0, 3);
  EXPECT_EQ(at(names.server.url("dns", "/shop.example")).why, "the server answered NXDOMAIN");
  names.swallow = 99;
  EXPECT_EQ(at(names.server.url("dns", "/shop.example"), {}, 150ms).why, "the server did not answer in time");
}

}  // namespace
