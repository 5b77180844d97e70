// The plugin on real sockets of loopback; flushes are polls, and the clock is set by hand.
#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/un.h>
#include <unistd.h>

#include <filesystem>

#include "tocsin/testing/fake_host.hpp"

namespace {

using namespace std::chrono_literals;
using tsn::testing::FakeHost;
using tsn::testing::from_json;
using tsn::testing::Row;

class Client {
 public:
  Client(int family, int type, const void* address, socklen_t size) : fd_(::socket(family, type | SOCK_CLOEXEC, 0)) {
    connected = ::connect(fd_, static_cast<const sockaddr*>(address), size) == 0;
  }
  ~Client() { ::close(fd_); }
  void send(std::string_view text) const {
    EXPECT_EQ(::send(fd_, text.data(), text.size(), MSG_NOSIGNAL), static_cast<ssize_t>(text.size()));
  }
  bool connected = false;

 private:
  int fd_;
};

class Statsd : public ::testing::Test {
 protected:
  void begin(const char* config = R"({"listen": ["udp://127.0.0.1:0"]})") {
    instance_ = host_.create("statsd", from_json(config));
    ASSERT_EQ(instance_->start().status, TSN_OK);
    for (const auto& line : host_.logs()) said_.push_back(line.text);
  }
  /// The port of the address with this scheme, which the log tells.
  std::uint16_t port(const std::string& scheme = "udp") const {
    const std::string before = "listening on " + scheme + "://127.0.0.1:";
    for (const auto& line : said_)
      if (line.starts_with(before)) return static_cast<std::uint16_t>(std::stoi(line.substr(before.size())));
    return 0;
  }
  Client client(const std::string& scheme = "udp") const {
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    to.sin_port = htons(port(scheme));
    return Client(AF_INET, scheme == "udp" ? SOCK_DGRAM : SOCK_STREAM, &to, sizeof to);
  }
  /// Sends each text as a datagram and lets the plugin read them.
  void send(std::initializer_list<std::string_view> texts) {
    const auto from = client();
    for (const auto text : texts) from.send(text);
    host_.pump(5s);
  }
  std::vector<Row> flush() {
    host_.clear();
    EXPECT_EQ(instance_->pull().status, TSN_OK);
    return host_.rows();
  }
  std::vector<Row> flush_after(std::initializer_list<std::string_view> texts) {
    send(texts);
    return flush();
  }

  FakeHost host_;
  std::unique_ptr<tsn::testing::FakeInstance> instance_;
  std::vector<std::string> said_;
};

TEST_F(Statsd, AddsACounterUpAndUndoesItsSampling) {
  begin();
  const auto rows = flush_after({"orders:1|c\norders:2|c", "orders:1|c|@0.1\n"});
  ASSERT_EQ(rows.size(), 1u);
  EXPECT_EQ(rows[0].name, "orders");
  EXPECT_EQ(rows[0].value, 13);
  EXPECT_EQ(rows[0].ts, host_.now());
}

TEST_F(Statsd, SaysZeroOfACounterThatRestsUntilItExpires) {
  begin(R"({"listen": ["udp://127.0.0.1:0"], "expire": "30s"})");
  flush_after({"orders:5|c"});
  host_.advance(20s);
  ASSERT_EQ(flush().size(), 1u);
  EXPECT_EQ(host_.rows()[0].value, 0);
  host_.advance(20s);
  flush();
  host_.advance(20s);
  EXPECT_TRUE(flush().empty());
}

TEST_F(Statsd, SetsAndChangesAGaugeAndTellsItOnlyWhenItIsSent) {
  begin();
  EXPECT_EQ(flush_after({"queue:10|g", "queue:+5|g", "queue:-3|g"}).at(0).value, 12);
  EXPECT_TRUE(flush().empty());
  EXPECT_EQ(flush_after({"queue:-2|g"}).at(0).value, 10);
}

TEST_F(Statsd, SumsATimerUpWithItsSampling) {
  begin();
  const auto rows = flush_after({"query:10:30|ms|@0.5", "query:20|h"});
  ASSERT_EQ(rows.size(), 1u);
  ASSERT_TRUE(rows[0].summary);
  EXPECT_EQ(rows[0].summary->count, 5);
  EXPECT_EQ(rows[0].summary->min, 10);
  EXPECT_EQ(rows[0].summary->max, 30);
  EXPECT_EQ(rows[0].summary->sum, 100);
  EXPECT_EQ(rows[0].summary->avg, 20);
  EXPECT_TRUE(flush().empty());
}

TEST_F(Statsd, CountsTheDifferentValuesOfASet) {
  begin();
  EXPECT_EQ(flush_after({"users:a|s", "users:b|s\nusers:a|s", "users:x:y|s"}).at(0).value, 3);
  EXPECT_TRUE(flush().empty());
}

TEST_F(Statsd, MakesLabelsOfTagsWhateverTheirOrder) {
  begin();
  const auto rows = flush_after({"hits:1|c|#env:prod,canary,k8s.pod:p-1", "hits:1|c|#k8s.pod:p-1,canary,env:prod"});
  ASSERT_EQ(rows.size(), 1u);
  EXPECT_EQ(rows[0].value, 2);
  EXPECT_EQ(rows[0].labels,
            (std::map<std::string, std::string>{{"env", "prod"}, {"canary", "true"}, {"k8s_pod", "p-1"}}));
}

TEST_F(Statsd, KeepsTheTimeThatALineBrings) {
  begin();
  const auto rows = flush_after({"orders:4|c|T1795168000", "orders:3|c|T1795168001"});
  ASSERT_EQ(rows.size(), 3u);  // the counter itself stands at 0
  std::map<std::int64_t, double> at;
  for (const auto& row : rows) at[row.ts / 1'000'000'000] = row.value;
  EXPECT_EQ(at[1795168000], 4);
  EXPECT_EQ(at[1795168001], 3);
}

TEST_F(Statsd, CountsWhatItRefusesOnceForEachReason) {
  begin();
  flush_after({"nonsense", "also nonsense", "a:x|c", "good:1|c", "good:1|g", std::string_view(":1|c"), "_e{1,1}:a|b",
               "_sc|x|0"});
  std::map<std::string, std::uint32_t> refused;
  for (const auto& each : host_.rejected()) refused[each.error_type] = each.count;
  EXPECT_EQ(refused, (std::map<std::string, std::uint32_t>{{"format", 2}, {"value", 1}, {"type", 1}, {"name", 1}}));
  const auto metrics = host_.metrics();
  EXPECT_EQ(metrics.at("lines_refused,reason=format"), 2);
  EXPECT_EQ(metrics.at("events_ignored"), 1);
  EXPECT_EQ(metrics.at("service_checks_ignored"), 1);
  EXPECT_EQ(metrics.at("lines_read"), 8);
  ASSERT_EQ(host_.rows().size(), 1u);
}

TEST_F(Statsd, RefusesSeriesBeyondTheLimitAndKeepsTheOthers) {
  host_.max_series = 2;
  begin();
  const auto rows = flush_after({"a:1|c\nb:1|c\nc:1|c\nd:1|c\na:1|c"});
  EXPECT_EQ(rows.size(), 2u);
  ASSERT_EQ(host_.rejected().size(), 1u);
  EXPECT_EQ(host_.rejected()[0].error_type, "cardinality");
  EXPECT_EQ(host_.rejected()[0].count, 2u);
}

TEST_F(Statsd, LosesNothingThatTheAgentCouldNotTakeYet) {
  begin();
  send({"orders:1|c"});
  host_.refuse_submits(1);
  EXPECT_EQ(instance_->pull().status, TSN_RETRY);
  send({"orders:2|c"});
  double sum = 0;
  for (const auto& row : flush()) sum += row.value;
  EXPECT_EQ(sum, 3);
}

TEST_F(Statsd, FlushesWhenItIsStopped) {
  begin();
  const auto from = client();
  from.send("orders:7|c");
  instance_->stop();
  ASSERT_EQ(host_.rows().size(), 1u);
  EXPECT_EQ(host_.rows()[0].value, 7);
  EXPECT_TRUE(host_.violations().empty());
}

TEST_F(Statsd, ReadsLinesOfAStreamInPieces) {
  begin(R"({"listen": ["tcp://127.0.0.1:0"]})");
  const auto from = client("tcp");
  ASSERT_TRUE(from.connected);
  host_.pump(5s);
  for (const auto piece : {"orders:1|", "c\norders:2|c\nor", "ders:4|c\r\n"}) {
    from.send(piece);
    host_.pump(5s);
  }
  EXPECT_EQ(flush().at(0).value, 7);
}

TEST_F(Statsd, SkipsALineOfAStreamThatDoesNotEnd) {
  begin(R"({"listen": ["tcp://127.0.0.1:0"]})");
  const auto from = client("tcp");
  host_.pump(5s);
  from.send(std::string(100'000, 'x') + "\norders:1|c\n");
  while (host_.pump(200ms) > 0) {
  }
  ASSERT_EQ(flush().size(), 1u);
  ASSERT_EQ(host_.rejected().size(), 1u);
  EXPECT_EQ(host_.rejected()[0].error_type, "too_long");
}

TEST_F(Statsd, ListensOnAUnixSocketAndReplacesOneThatIsLeftOver) {
  std::string name = ::testing::TempDir() + "statsd_XXXXXX";
  const std::string path = std::string(::mkdtemp(name.data())) + "/s";
  sockaddr_un to{};
  to.sun_family = AF_UNIX;
  path.copy(to.sun_path, sizeof to.sun_path - 1);
  {
    const int left_over = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    ASSERT_EQ(::bind(left_over, reinterpret_cast<sockaddr*>(&to), sizeof to), 0);
    ::close(left_over);
  }
  begin(("{\"listen\": [\"unixgram://" + path + "\"]}").c_str());
  const Client from(AF_UNIX, SOCK_DGRAM, &to, sizeof to);
  ASSERT_TRUE(from.connected);
  from.send("orders:1|c");
  host_.pump(5s);
  EXPECT_EQ(flush().size(), 1u);
  instance_->stop();
  EXPECT_FALSE(std::filesystem::exists(path));
  std::filesystem::remove_all(name);
}

TEST_F(Statsd, CountsWhatTheKernelDropped) {
  begin(R"({"listen": ["udp://127.0.0.1:0"], "buffer": "4KiB"})");
  const auto from = client();
  const std::string large(2000, '\n');
  for (int i = 0; i < 200; ++i) from.send("a:1|c" + large);
  host_.pump(5s);
  from.send("a:1|c");
  host_.pump(5s);
  const auto rows = flush();
  const auto metrics = host_.metrics();
  ASSERT_EQ(rows.size(), 1u);
  ASSERT_TRUE(metrics.contains("datagrams_dropped"));
  EXPECT_EQ(rows[0].value + metrics.at("datagrams_dropped"), 201);
  EXPECT_TRUE(host_.logged("net.core.rmem_max"));
}

TEST_F(Statsd, TriesAgainWhereThePortIsTaken) {
  begin();
  FakeHost other;
  auto second = other.create("statsd", from_json("{\"listen\": [\"udp://127.0.0.1:" + std::to_string(port()) + "\"]}"));
  EXPECT_EQ(second->start().status, TSN_OK);
  const auto answer = second->pull();
  EXPECT_EQ(answer.status, TSN_FAILED);
  EXPECT_NE(answer.text.find("another program listens there"), std::string::npos) << answer.text;
  instance_->stop();
  EXPECT_EQ(second->pull().status, TSN_OK);
}

TEST_F(Statsd, RefusesAConfigurationThatAnybodyCouldSendTo) {
  const std::pair<const char*, const char*> wrong[] = {
      {R"({"listen": ["udp://0.0.0.0:0"]})", "allow"},
      {R"({"listen": ["udp://[::]:0"]})", "allow"},
      {R"({"listen": []})", "at least one"},
      {R"({"listen": ["127.0.0.1:8125"]})", "scheme"},
      {R"({"listen": ["udp://localhost"]})", "port"},
      {R"({"listen": ["udp://example.org:8125"]})", "not looked up"},
      {R"({"listen": ["unix://relative"]})", "absolute"},
      {R"({"listen": ["udp://0.0.0.0:0"], "allow": ["10.0.0.0/33"]})", "10.0.0.0/33"},
      {R"({"listen": ["tls://127.0.0.1:0"]})", "cert"}};
  for (const auto& [config, part] : wrong) {
    try {
      host_.create("statsd", from_json(config));
      FAIL() << config << " was taken";
    } catch (const tsn::Failure& failure) {
      EXPECT_NE(failure.status().text().find(part), std::string::npos) << failure.what();
    }
  }
  EXPECT_NO_THROW(host_.create("statsd", from_json(R"({"listen": ["udp://0.0.0.0:0"], "allow": ["10.0.0.0/8"]})")));
  EXPECT_NO_THROW(host_.create("statsd", from_json(R"({"listen": ["udp://[::]:0"], "insecure": true})")));
}

}  // namespace
