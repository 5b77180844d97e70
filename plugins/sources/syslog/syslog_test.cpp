// The plugin on real sockets of loopback, the clock set by hand.
#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <unistd.h>

#include "timestamp/timestamp.hpp"
#include "tocsin/testing/fake_host.hpp"

namespace {

using namespace std::chrono_literals;
using tsn::testing::FakeHost;
using tsn::testing::from_json;
using tsn::testing::Row;

constexpr const char* on_udp = R"({"listen": ["udp://127.0.0.1:0"], "zone": "UTC"})";
constexpr const char* on_tcp = R"({"listen": ["tcp://127.0.0.1:0"], "zone": "UTC"})";

class Syslog : public ::testing::Test {
 protected:
  ~Syslog() override {
    instance_.reset();
    for (const int fd : open_) ::close(fd);
  }
  void begin(const char* config = on_udp) {
    instance_ = host_.create("syslog", from_json(config));
    ASSERT_EQ(instance_->start().status, TSN_OK);
  }
  /// A socket connected to what the log says is listened on.
  int client(const std::string& scheme = "udp") {
    const std::string before = "listening on " + scheme + "://127.0.0.1:";
    int port = 0;
    for (const auto& line : host_.logs())
      if (line.text.starts_with(before)) port = std::stoi(line.text.substr(before.size()));
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    to.sin_port = htons(static_cast<std::uint16_t>(port));
    const int fd = ::socket(AF_INET, (scheme == "udp" ? SOCK_DGRAM : SOCK_STREAM) | SOCK_CLOEXEC, 0);
    EXPECT_EQ(::connect(fd, reinterpret_cast<sockaddr*>(&to), sizeof to), 0) << port;
    open_.push_back(fd);
    return fd;
  }
  void send(int fd, std::string_view text) {
    EXPECT_EQ(::send(fd, text.data(), text.size(), MSG_NOSIGNAL), static_cast<ssize_t>(text.size()));
  }
  /// The rows of datagrams that are sent one by one.
  std::vector<Row> rows_of(std::initializer_list<std::string_view> messages) {
    const int fd = client();
    for (const auto message : messages) send(fd, message);
    host_.pump(5s);
    return host_.rows();
  }
  double metric(const std::string& name) {
    instance_->pull();
    const auto all = host_.metrics();
    const auto at = all.find(name);
    return at == all.end() ? 0 : at->second;
  }
  tsn::Time at(std::string_view text) { return *tocsin_plugins::parse_rfc3339(text); }

  FakeHost host_;
  std::unique_ptr<tsn::testing::FakeInstance> instance_;
  std::vector<int> open_;
};

TEST_F(Syslog, MakesASignalOfEachMessageWithItsFieldsAsLabels) {
  begin();
  const auto rows =
      rows_of({"<34>Nov 20 09:59:59 web1 su[12]: 'su root' failed\n",
               "<165>1 2026-11-20T12:59:00+03:00 db1 app - ID1 [shop@32473 order=\"7\"][meta x=\"1\"] done"});
  ASSERT_EQ(rows.size(), 2u);
  EXPECT_EQ(rows[0].name, "syslog");
  EXPECT_EQ(rows[0].value, 1);
  EXPECT_EQ(rows[0].text, "'su root' failed");
  EXPECT_EQ(rows[0].severity, 18u);
  EXPECT_EQ(rows[0].ts, at("2026-11-20T09:59:59Z"));
  EXPECT_EQ(rows[0].labels, (std::map<std::string, std::string>{
                                {"facility", "auth"}, {"severity", "crit"}, {"app", "su"}, {"host", "web1"}}));
  EXPECT_EQ(rows[1].ts, at("2026-11-20T09:59:00Z"));
  EXPECT_EQ(rows[1].labels,
            (std::map<std::string, std::string>{
                {"facility", "local4"}, {"severity", "notice"}, {"app", "app"}, {"host", "db1"}, {"shop_order", "7"}}));
}

TEST_F(Syslog, NamesTheSenderWhereTheMessageDoesNot) {
  begin();
  const auto rows = rows_of({"<34>Nov 20 09:59:59 su: x"});
  ASSERT_EQ(rows.size(), 1u);
  EXPECT_EQ(rows[0].label("host"), "127.0.0.1");
}

TEST_F(Syslog, EmitsWhatItsPatternsFind) {
  begin(R"json({"listen": ["udp://127.0.0.1:0"], "zone": "UTC", "fields": ["host"], "match": [
    {"signal": "auth.failure", "pattern": "Failed password for (?<user>\\S+)", "labels": {"service": "ssh"}},
    {"signal": "took", "pattern": "took (?<ms>\\d+) ms", "value": "ms"}]})json");
  const auto rows = rows_of({"<38>Nov 20 09:00:00 web1 sshd[1]: Failed password for root from 10.0.0.9 port 22",
                             "<38>Nov 20 09:00:00 web1 app: it took 250 ms", "<38>Nov 20 09:00:00 web1 app: quiet"});
  ASSERT_EQ(rows.size(), 2u);
  EXPECT_EQ(rows[0].name, "auth.failure");
  EXPECT_EQ(rows[0].labels,
            (std::map<std::string, std::string>{{"user", "root"}, {"service", "ssh"}, {"host", "web1"}}));
  EXPECT_EQ(rows[1].value, 250);
  EXPECT_EQ(metric("messages_unmatched"), 1);
}

TEST_F(Syslog, TakesTheTimeOfArrivalForAClockThatIsAhead) {
  begin();
  const auto rows = rows_of({"<34>1 2026-11-20T10:00:20Z h a - - - near", "<34>1 2026-11-20T10:05:00Z h a - - - far",
                             "<34>1 2029-01-01T00:00:00Z h a - - - years"});
  ASSERT_EQ(rows.size(), 3u);
  EXPECT_EQ(rows[0].ts, at("2026-11-20T10:00:20Z"));
  EXPECT_EQ(rows[1].ts, host_.now());
  EXPECT_EQ(rows[2].ts, host_.now());
  EXPECT_EQ(metric("clocks_ahead"), 2);
}

TEST_F(Syslog, KeepsOldMessagesAndLetsThemAlertNobody) {
  begin(R"({"listen": ["udp://127.0.0.1:0"], "max_age": "10m"})");
  const auto rows = rows_of({"<34>1 2026-11-20T09:00:00Z h a - - - old", "<34>1 2026-11-20T09:55:00Z h a - - - new"});
  ASSERT_EQ(rows.size(), 2u);
  EXPECT_EQ(rows[0].flags, TSN_ROW_OLD);
  EXPECT_EQ(rows[1].flags, 0u);
}

TEST_F(Syslog, TakesTheTimeOfArrivalWhereItIsTold) {
  begin(R"({"listen": ["udp://127.0.0.1:0"], "time": "received"})");
  EXPECT_EQ(rows_of({"<34>1 2020-01-01T00:00:00Z h a - - - x"}).at(0).ts, host_.now());
}

TEST_F(Syslog, LosesNoMessageThatItCannotRead) {
  begin();
  const auto rows = rows_of({"no header", std::string_view("<34>bad \xff and \0 bytes", 21), "\n", "<34>1 broken"});
  ASSERT_EQ(rows.size(), 3u);
  EXPECT_EQ(rows[0].text, "no header");
  EXPECT_EQ(rows[1].text, "bad \xef\xbf\xbd and \xef\xbf\xbd bytes");
  EXPECT_EQ(rows[2].text, "1 broken");
  EXPECT_EQ(metric("messages_bare"), 3);
  EXPECT_EQ(metric("messages_read"), 3);
}

TEST_F(Syslog, ReadsBothFramingsOfAStream) {
  begin(on_tcp);
  const int fd = client("tcp");
  host_.pump(5s);
  send(fd, "<34>Nov 20 09:00:00 h a: one\n29 <34>Nov 20 09:00:00 h a: t");
  host_.pump(5s);
  send(fd, "wo\n<34>Nov 20 09:00:00 h a: three");
  host_.pump(5s);
  ::shutdown(fd, SHUT_WR);
  host_.pump(5s);
  const auto rows = host_.rows();
  ASSERT_EQ(rows.size(), 3u);
  EXPECT_EQ(rows[0].text, "one");
  EXPECT_EQ(rows[1].text, "two");
  EXPECT_EQ(rows[2].text, "three");
}

TEST_F(Syslog, CutsAMessageThatIsTooLong) {
  begin(R"({"listen": ["tcp://127.0.0.1:0"], "max_message": "1KiB"})");
  const int fd = client("tcp");
  host_.pump(5s);
  send(fd, "<34>" + std::string(5'000, 'x') + "\n<34>next\n");
  host_.pump(5s);
  ASSERT_EQ(host_.rows().size(), 2u);
  EXPECT_EQ(host_.rows()[0].text.size(), 1020u);
  EXPECT_EQ(host_.rows()[1].text, "next");
  EXPECT_EQ(metric("messages_cut"), 1);
}

TEST_F(Syslog, ReadsNothingWhileTheAgentTakesNothingAndLosesNothing) {
  begin(on_tcp);
  const int fd = client("tcp");
  host_.pump(5s);
  host_.refuse_submits(2);
  send(fd, "<34>one\n");
  host_.pump(5s);
  send(fd, "<34>two\n");
  EXPECT_EQ(host_.pump(50ms), 0u);
  EXPECT_TRUE(host_.rows().empty());
  host_.advance(100ms);
  EXPECT_TRUE(host_.rows().empty());
  host_.advance(100ms);
  EXPECT_EQ(host_.rows().size(), 1u);
  host_.pump(5s);
  ASSERT_EQ(host_.rows().size(), 2u);
  EXPECT_EQ(host_.rows()[1].text, "two");
}

TEST_F(Syslog, TakesInWhatLiesInItsSocketsWhenItIsStopped) {
  begin();
  send(client(), "<34>last words");
  instance_->stop();
  EXPECT_EQ(host_.rows().size(), 1u);
  EXPECT_TRUE(host_.violations().empty());
}

TEST_F(Syslog, RefusesConnectionsBeyondItsLimitUntilOneHasBeenSilentForAMinute) {
  begin(R"({"listen": ["tcp://127.0.0.1:0"], "connections": 1})");
  client("tcp");
  host_.pump(5s);
  client("tcp");
  host_.pump(5s);
  EXPECT_EQ(metric("connections_refused"), 1);
  host_.advance(61s);
  const int third = client("tcp");
  host_.pump(5s);
  send(third, "<34>x\n");
  host_.pump(5s);
  EXPECT_EQ(host_.rows().size(), 1u);
}

TEST_F(Syslog, CountsSeriesBeyondTheLimitAndTellsOnce) {
  host_.max_series = 1;
  begin();
  EXPECT_EQ(rows_of({"<34>Nov 20 09:00:00 h a: x", "<34>Nov 20 09:00:00 h b: x", "<34>Nov 20 09:00:00 h c: x"}).size(),
            1u);
  EXPECT_EQ(metric("messages_refused"), 2);
  ASSERT_EQ(host_.rejected().size(), 1u) << "told once";
  EXPECT_EQ(host_.rejected()[0].error_type, "cardinality");
  EXPECT_EQ(host_.rejected()[0].count, 2u);
}

TEST_F(Syslog, SaysWhatIsWrongWithItsConfiguration) {
  const std::pair<const char*, const char*> wrong[] = {
      {R"({"fields": ["hots"]})", "hots"},
      {R"({"zone": "Mars/Olympus"})", "zone"},
      {R"({"match": [{"signal": "x"}]})", "pattern"},
      {R"({"listen": ["tls://127.0.0.1:6514"]})", "cert"},
      {R"({"listen": ["tls://127.0.0.1:6514"], "tls": {"cret": "x"}})", "cret"},
      {R"({"listen": ["udp://0.0.0.0:514"]})", "allow"}};
  for (const auto& [config, part] : wrong) {
    try {
      host_.create("syslog", from_json(config));
      FAIL() << config << " was taken";
    } catch (const tsn::Failure& failure) {
      EXPECT_NE(failure.status().text().find(part), std::string::npos) << failure.what();
    }
  }
}

}  // namespace
