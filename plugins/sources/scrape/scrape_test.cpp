// The plugin and a small HTTP server of the test's own, scrape by scrape; the clock is set by hand.
#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <unistd.h>

#include <atomic>
#include <mutex>
#include <thread>

#include "target.hpp"
#include "tocsin/testing/fake_host.hpp"

namespace {

using namespace std::chrono_literals;
using tsn::Value;
using tsn::testing::FakeHost;
using tsn::testing::Row;

/// Answers every request with what was set last.
class Server {
 public:
  Server() : listener_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in at{};
    at.sin_family = AF_INET;
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof at;
    EXPECT_EQ(::bind(listener_, reinterpret_cast<sockaddr*>(&at), size), 0);
    EXPECT_EQ(::listen(listener_, 16), 0);
    ::getsockname(listener_, reinterpret_cast<sockaddr*>(&at), &size);
    port = ntohs(at.sin_port);
    thread_ = std::thread([this] { serve(); });
  }
  ~Server() {
    ::shutdown(listener_, SHUT_RDWR);
    thread_.join();
    ::close(listener_);
  }
  void say(std::string body, std::string head = "HTTP/1.1 200 OK\r\nContent-Type: text/plain; version=0.0.4\r\n") {
    const std::lock_guard lock(mutex_);
    answer_ = head + "Content-Length: " + std::to_string(body.size()) + "\r\nConnection: close\r\n\r\n" + body;
  }
  std::string url(const std::string& path = "/metrics") const {
    return "http://127.0.0.1:" + std::to_string(port) + path;
  }
  std::string request() {
    const std::lock_guard lock(mutex_);
    return request_;
  }
  int port = 0;

 private:
  void serve() {
    for (int line; (line = ::accept(listener_, nullptr, nullptr)) >= 0; ::close(line)) {
      std::string got;
      char buffer[4096];
      while (got.find("\r\n\r\n") == got.npos) {
        const auto n = ::recv(line, buffer, sizeof buffer, 0);
        if (n <= 0) break;
        got.append(buffer, static_cast<std::size_t>(n));
      }
      const std::lock_guard lock(mutex_);
      request_ = got;
      for (std::size_t sent = 0; sent < answer_.size();) {
        const auto n = ::send(line, answer_.data() + sent, answer_.size() - sent, MSG_NOSIGNAL);
        if (n <= 0) break;
        sent += static_cast<std::size_t>(n);
      }
    }
  }
  int listener_;
  std::mutex mutex_;
  std::string answer_, request_;
  std::thread thread_;
};

class Scrape : public ::testing::Test {
 protected:
  void begin(Value config = Value::table()) {
    if (!config.find("urls")) config.set("urls", Value::array({Value(server_.url())}));
    instance_ = host_.create("scrape", config, "node");
    instance_->start();
  }
  /// One scrape, 15 s after the last one; rows by "name{labels}" without job and instance.
  std::map<std::string, Row> scrape(tsn_status expected = TSN_OK) {
    host_.clear();
    host_.advance(15s);
    const auto answer = instance_->pull();
    EXPECT_EQ(answer.status, expected) << answer.text;
    std::map<std::string, Row> rows;
    for (auto& row : host_.rows()) {
      std::string key = row.name, labels;
      for (const auto& [name, value] : row.labels)
        if (name != "job" && name != "instance") labels += (labels.empty() ? "" : ",") + name + "=" + value;
      rows[labels.empty() ? key : key + "{" + labels + "}"] = row;
    }
    return rows;
  }
  std::map<std::string, Row> scrape_of(const std::string& text) {
    server_.say(text);
    return scrape();
  }

  Server server_;
  FakeHost host_;
  std::unique_ptr<tsn::testing::FakeInstance> instance_;
};

TEST_F(Scrape, TakesSamplesUnderTheirNamesWithJobAndInstance) {
  begin();
  auto rows = scrape_of("load{cpu=\"0\"} 1.5\nreqs_total 7\n");
  ASSERT_EQ(rows.size(), 5u);
  EXPECT_EQ(rows["load{cpu=0}"].value, 1.5);
  EXPECT_EQ(rows["load{cpu=0}"].ts, host_.now());
  EXPECT_EQ(rows["reqs_total"].label("job"), "node");
  EXPECT_EQ(rows["reqs_total"].label("instance"), "127.0.0.1:" + std::to_string(server_.port));
  EXPECT_EQ(rows["up"].value, 1);
  EXPECT_EQ(rows["scrape.samples"].value, 2);
  EXPECT_TRUE(rows.contains("scrape.duration"));
  EXPECT_NE(server_.request().find("Accept: application/openmetrics-text"), std::string::npos);
  EXPECT_NE(server_.request().find("gzip"), std::string::npos);
}

TEST_F(Scrape, KeepsWhatATargetCallsJobAndInstanceUnderOtherNames) {
  begin();
  auto rows = scrape_of("a{job=\"theirs\",instance=\"i\"} 1\n");
  EXPECT_TRUE(rows.contains("a{exported_instance=i,exported_job=theirs}"));
  begin(Value::table({{"honor_labels", true}}));
  rows = scrape_of("a{job=\"theirs\"} 1\n");
  EXPECT_EQ(rows["a"].label("job"), "theirs");
}

TEST_F(Scrape, EndsASeriesThatTheTextHasNoMore) {
  begin();
  scrape_of("a 1\nb 2\n");
  auto rows = scrape_of("a 1\n");
  EXPECT_EQ(rows["b"].flags, TSN_ROW_STALE);
  EXPECT_EQ(rows["a"].flags, 0u);
  EXPECT_FALSE(scrape_of("a 1\n").contains("b"));
}

TEST_F(Scrape, EndsAllSeriesOfATargetThatIsDownAndSaysWhy) {
  begin();
  scrape_of("a 1\nb 2\n");
  server_.say("gone", "HTTP/1.1 500 Internal Server Error\r\n");
  auto rows = scrape(TSN_FAILED);
  EXPECT_EQ(rows["a"].flags, TSN_ROW_STALE);
  EXPECT_EQ(rows["b"].flags, TSN_ROW_STALE);
  EXPECT_EQ(rows["up"].value, 0);
  EXPECT_TRUE(host_.logged("HTTP 500"));
  rows = scrape(TSN_FAILED);
  EXPECT_EQ(rows.size(), 3u);
  EXPECT_FALSE(host_.logged("HTTP 500")) << "said once";
  EXPECT_EQ(scrape_of("a 1\n")["up"].value, 1);
  EXPECT_TRUE(host_.logged("up again"));
}

TEST_F(Scrape, TakesNothingOfATextWithAMistake) {
  begin();
  server_.say("good 1\nbad\n");
  auto rows = scrape(TSN_FAILED);
  EXPECT_FALSE(rows.contains("good"));
  EXPECT_EQ(rows["up"].value, 0);
  EXPECT_TRUE(host_.logged("line 2"));
}

TEST_F(Scrape, TakesNothingOfATextWhoseLabelsCannotBe) {
  begin();
  for (const char* text : {"a{x=\"1\",x=\"2\"} 1\n", "a{__name__=\"b\"} 1\n", "a{x=\"\xff\"} 1\n"}) {
    server_.say(std::string("good 1\n") + text);
    EXPECT_EQ(scrape(TSN_FAILED)["up"].value, 0) << text;
  }
}

TEST_F(Scrape, LeavesSeriesWithTimestampsOfTheirOwnAlone) {
  begin();
  EXPECT_EQ(scrape_of("a 1 1795168000000\n")["a"].ts, 1'795'168'000'000'000'000);
  EXPECT_FALSE(scrape_of("b 1\n").contains("a"));
}

TEST_F(Scrape, CountsWhatItDoesNotTake) {
  host_.max_series = 6;
  begin(Value::table({{"drop", Value::array({Value("go_*")})}}));
  auto rows = scrape_of("a NaN\nb +Inf\nc 1\nc 2\ngo_x 1\ngo_y 2\n");
  EXPECT_EQ(rows["c"].value, 1);
  const auto metrics = host_.metrics();
  EXPECT_EQ(metrics.at("samples"), 6);
  EXPECT_EQ(metrics.at("samples_not_finite"), 2);
  EXPECT_EQ(metrics.at("samples_duplicate"), 1);
  EXPECT_EQ(metrics.at("samples_dropped"), 2);
}

TEST_F(Scrape, RefusesSeriesBeyondTheLimitAndTellsOnce) {
  host_.max_series = 5;
  begin();
  scrape_of("a 1\n");
  server_.say("a 1\nb 1\nc 1\nd 1\n");
  auto rows = scrape();
  EXPECT_EQ(rows["up"].value, 1);
  ASSERT_EQ(host_.rejected().size(), 1u);
  EXPECT_EQ(host_.rejected()[0].error_type, "cardinality");
  EXPECT_EQ(host_.rejected()[0].count, 2u);
}

TEST_F(Scrape, ReadsNoTextThatIsTooLong) {
  begin(Value::table({{"max_size", 1024}}));
  server_.say("a{b=\"" + std::string(2000, 'x') + "\"} 1\n");
  EXPECT_EQ(scrape(TSN_FAILED)["up"].value, 0);
}

TEST_F(Scrape, ReadsOpenMetricsByItsContentTypeAndRefusesHalfOfIt) {
  begin();
  const std::string head = "HTTP/1.1 200 OK\r\nContent-Type: application/openmetrics-text; version=1.0.0\r\n";
  server_.say("a_total 1 # {t=\"1\"} 1\n# EOF\n", head);
  EXPECT_TRUE(scrape().contains("a_total"));
  server_.say("a_total 1\n", head);
  EXPECT_EQ(scrape(TSN_FAILED)["a_total"].flags, TSN_ROW_STALE);
}

TEST_F(Scrape, GoesOnWithTheOtherTargetsWhenOneIsDown) {
  Server other;
  other.say("a 1\n");
  server_.say("", "HTTP/1.1 404 Not Found\r\n");
  begin(Value::table({{"urls", Value::array({Value(server_.url()), Value(other.url("/probe")),
                                             Value("http://127.0.0.1:1/metrics")})}}));
  const auto rows = scrape();
  EXPECT_TRUE(rows.contains("a{path=/probe}"));
  double up = 0;
  for (const auto& row : host_.rows())
    if (row.name == "up") up += row.value;
  EXPECT_EQ(up, 1);
}

TEST_F(Scrape, ShowsItsCredentialsToTheTargetAndToNobodyElse) {
  begin(Value::table({{"bearer", "s3cret"}}));
  scrape_of("a 1\n");
  EXPECT_NE(server_.request().find("Authorization: Bearer s3cret"), std::string::npos);
  server_.say("", "HTTP/1.1 401 Unauthorized\r\n");
  scrape(TSN_FAILED);
  EXPECT_FALSE(host_.logged("s3cret"));
}

TEST_F(Scrape, LooksAtItsTargetsOnceAndWritesNothing) {
  server_.say("a 1\nb 2\n");
  auto instance = host_.create(
      "scrape", Value::table({{"urls", Value::array({Value(server_.url()), Value("http://127.0.0.1:1/")})}}));
  std::string report;
  EXPECT_EQ(instance->probe(report).status, TSN_OK);
  EXPECT_NE(report.find("ok: " + server_.url("") + " has 2 samples\n"), std::string::npos) << report;
  EXPECT_NE(report.find("error: http://127.0.0.1:1: "), std::string::npos) << report;
  EXPECT_TRUE(host_.rows().empty());
}

TEST_F(Scrape, SaysWhatIsWrongWithItsUrls) {
  for (const char* bad : {"127.0.0.1:9100", "ftp://x/", "http://user:pw@x/metrics", "http:///metrics"}) {
    try {
      host_.create("scrape", Value::table({{"urls", Value::array({Value(bad)})}}));
      FAIL() << bad << " was taken";
    } catch (const tsn::Failure& failure) {
      EXPECT_TRUE(std::string(failure.what()).starts_with("urls: ")) << failure.what();
      EXPECT_EQ(std::string(failure.what()).find("pw"), std::string::npos);
    }
  }
}

TEST(Glob, FitsWithStarsAnywhere) {
  using tocsin_plugins::scrape::fits;
  for (const auto& [glob, name] :
       {std::pair{"go_*", "go_gc"}, {"*", ""}, {"*_total", "a_total"}, {"a*b*c", "axxbxbc"}, {"a", "a"}})
    EXPECT_TRUE(fits(glob, name)) << glob;
  for (const auto& [glob, name] : {std::pair{"go_*", "ngo_x"}, {"a", "ab"}, {"*_total", "total"}, {"", "a"}})
    EXPECT_FALSE(fits(glob, name)) << glob;
}

}  // namespace
