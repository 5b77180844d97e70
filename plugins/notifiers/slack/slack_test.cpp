#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <nlohmann/json.hpp>
#include <string>
#include <thread>
#include <vector>

#include "blocks.hpp"
#include "tocsin/testing/fake_host.hpp"
#include "verdict.hpp"

namespace {

using namespace tocsin_plugins;
using nlohmann::json;
using tsn::Value;
using tsn::testing::FakeHost;
using tsn::testing::sample_message;

// --- the blocks ---

/// Characters as Slack counts them: UTF-16 units.
std::size_t length(const std::string& text) {
  std::size_t count = 0;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if ((byte & 0xc0) != 0x80) count += byte >= 0xf0 ? 2 : 1;
  }
  return count;
}

void expect_text(const json& text, std::size_t most) {
  ASSERT_TRUE(text.is_object());
  const auto value = text.at("text").get<std::string>();
  EXPECT_GE(length(value), 1u);
  EXPECT_LE(length(value), most) << value;
  if (text.at("type") == "mrkdwn")
    for (auto at = value.find('&'); at != value.npos; at = value.find('&', at + 1)) {
      EXPECT_TRUE(value.compare(at, 5, "&amp;") == 0 || value.compare(at, 4, "&lt;") == 0 ||
                  value.compare(at, 4, "&gt;") == 0)
          << value.substr(at, 8);
    }
}

/// Slack's limits, from its reference of each block.
void expect_within_limits(const json& body) {
  EXPECT_LE(length(body.at("text").get<std::string>()), 40'000u);
  ASSERT_GE(body.at("blocks").size(), 1u);
  EXPECT_LE(body["blocks"].size(), 50u);
  for (const auto& block : body["blocks"]) {
    const auto type = block.at("type").get<std::string>();
    if (type == "header") {
      EXPECT_EQ(block.at("text").at("type"), "plain_text");
      expect_text(block["text"], 150);
    } else if (type == "section") {
      if (block.contains("text")) expect_text(block["text"], 3000);
      if (block.contains("fields")) {
        EXPECT_LE(block["fields"].size(), 10u);
        for (const auto& field : block["fields"]) expect_text(field, 2000);
      }
      EXPECT_TRUE(block.contains("text") || block.contains("fields"));
    } else if (type == "context") {
      EXPECT_LE(block.at("elements").size(), 10u);
      for (const auto& element : block["elements"]) expect_text(element, 3000);
    } else {
      EXPECT_EQ(type, "divider");
    }
  }
}

json body_of(const tsn::Message& message, const SlackPlace& place = {}) {
  return json::parse(slack_body(message, place));
}

TEST(SlackBlocks, TellTheWholeIncidentWithATextForNotices) {
  const auto body = body_of(sample_message());
  expect_within_limits(body);
  EXPECT_EQ(body["blocks"][0]["text"]["text"], "[HIGH] loader_failing DAILY_SALES \"<test>\"");
  EXPECT_TRUE(body["text"].get<std::string>().starts_with("[HIGH] loader_failing DAILY_SALES \"&lt;test&gt;\""));
  const auto all = body["blocks"].dump(-1, ' ', false);
  for (const char* part : {"OPEN", "Reports are late", "التحميل اليومي", "loader=DAILY_SALES", "loader=HOURLY_STOCK",
                           "<https://wiki.example.com/rb/etl|Runbook>", "<https://grafana.example.com/d/etl|Grafana>",
                           "looking at it", "فشل التحميل", "#1042"}) {
    EXPECT_NE(all.find(part), all.npos) << part << " is missing in " << all;
  }
  EXPECT_FALSE(body.contains("channel"));
}

TEST(SlackBlocks, KeepSlacksLimitsWhateverTheTexts) {
  for (const std::string& piece : {std::string("w"), std::string("&"), std::string("<"), std::string("ف"),
                                   std::string("😀"), std::string("`\n|")}) {
    std::string wide;
    while (wide.size() < 12'000) wide += piece;
    auto message = sample_message();
    auto& incident = message.incident;
    message.title = message.text = wide;
    incident.description = incident.impact = incident.suggestion = incident.service = incident.owner =
        incident.resolution_notes = wide;
    for (auto& alert : incident.alerts) alert.message = alert.name = wide, alert.labels.push_back({"l", wide});
    while (incident.alerts.size() < 200) incident.alerts.push_back(incident.alerts[0]);
    const std::string href = "https://a.example/" + std::string(2500, 'x') + "|&<";
    incident.links.assign(60, {wide, href});
    incident.timeline.assign(90, {1, wide, wide, wide, wide, wide});
    expect_within_limits(body_of(message));
  }
}

TEST(SlackBlocks, AnEmptyMessageIsStillOne) {
  expect_within_limits(body_of(tsn::Message{}));
}

TEST(SlackBlocks, OutsideTextCallsNobodyAndMakesNoLink) {
  auto message = sample_message();
  message.title = message.incident.impact = "<!channel> <https://evil|x> & co";
  message.incident.alerts[0].labels.push_back({"l", "`<!here>`"});
  message.incident.links = {{"a|b>c", "https://a/?x=<!channel>"}, {"odd", "javascript:x"}};
  const auto body = body_of(message);
  const auto all = body.dump(-1, ' ', false);
  EXPECT_NE(all.find("&lt;!channel&gt; &lt;https://evil|x&gt; &amp; co"), all.npos);
  for (const auto& block : body["blocks"]) {
    if (block["type"] == "header") continue;  // plain text is shown as it is
    EXPECT_EQ(block.dump().find("<!"), std::string::npos) << block;
    EXPECT_EQ(block.dump().find("javascript"), std::string::npos);
  }
  EXPECT_EQ(body["text"].get<std::string>().find('<'), std::string::npos);
}

TEST(SlackBlocks, CuttingSplitsNoEscapeAndNoCharacter) {
  EXPECT_EQ(mrkdwn("a<b", 6), "a&lt;b");
  EXPECT_EQ(mrkdwn("a<bc", 6), "a&lt;\xe2\x80\xa6");
  EXPECT_EQ(mrkdwn("a<<", 6), "a&lt;\xe2\x80\xa6");
  EXPECT_EQ(mrkdwn("فشل", 2), "ف\xe2\x80\xa6");
  EXPECT_EQ(mrkdwn("😀😀", 3), "😀\xe2\x80\xa6");
}

// --- what the answers mean ---

HttpAnswer answered(long status, std::string body, std::map<std::string, std::string> headers = {}) {
  HttpAnswer answer;
  answer.status = status;
  answer.body = std::move(body);
  answer.headers = std::move(headers);
  return answer;
}
tsn::Status webhook(long status, const std::string& body, std::map<std::string, std::string> headers = {}) {
  return webhook_verdict(answered(status, body, std::move(headers)), "[notifier.slack]", 0);
}
tsn::Status api(const std::string& body, long status = 200, std::map<std::string, std::string> headers = {}) {
  Posted posted;
  return post_message_verdict(answered(status, body, std::move(headers)), "[notifier.slack]", 0, posted);
}

TEST(SlackWebhook, OnlyThePlainOkIsSuccess) {
  EXPECT_TRUE(webhook(200, "ok"));
  EXPECT_EQ(webhook(200, "<html>log in to the proxy</html>").value(), TSN_FAILED);
  EXPECT_EQ(webhook(200, "").value(), TSN_FAILED);
}

TEST(SlackWebhook, ARefusalIsFinalAndSaysSlacksWord) {
  for (const auto& [code, word] : {std::pair(400, "invalid_payload"),
                                   {410, "channel_is_archived"},
                                   {404, "no_service"},
                                   {404, "channel_not_found"}}) {
    const auto status = webhook(code, word);
    EXPECT_EQ(status.value(), TSN_INVALID) << word;
    EXPECT_NE(status.text().find(word), std::string::npos);
    EXPECT_EQ(status.code(), code);
  }
  EXPECT_EQ(webhook(403, "invalid_token").value(), TSN_DENIED);
}

TEST(SlackWebhook, BeingTooFastWaitsAsLongAsSlackSays) {
  const auto status = webhook(429, "", {{"retry-after", "30"}});
  EXPECT_EQ(status.value(), TSN_RETRY);
  EXPECT_EQ(status.retry_after_ms(), 30'000u);
  EXPECT_EQ(webhook(500, "rollup_error").value(), TSN_FAILED);
}

TEST(SlackApi, ReadsTheErrorsThatComeWith200) {
  EXPECT_TRUE(api(R"({"ok":true,"channel":"C1","ts":"1503435956.000247"})"));
  for (const char* word : {"invalid_auth", "not_authed", "token_revoked", "missing_scope"}) {
    const auto status = api(R"({"ok":false,"error":")" + std::string(word) + R"("})");
    EXPECT_EQ(status.value(), TSN_DENIED) << word;
    EXPECT_NE(status.text().find("[notifier.slack] token"), std::string::npos) << status.text();
  }
  for (const char* word :
       {"channel_not_found", "not_in_channel", "is_archived", "invalid_blocks", "a_word_of_tomorrow"}) {
    EXPECT_EQ(api(R"({"ok":false,"error":")" + std::string(word) + R"("})").value(), TSN_INVALID) << word;
  }
  EXPECT_EQ(api(R"({"ok":false,"error":"internal_error"})").value(), TSN_FAILED);
  EXPECT_EQ(api(R"({"ok":false,"error":"fatal_error"})").value(), TSN_UNKNOWN);
}

TEST(SlackApi, RateLimitsWaitWhicheverWayTheyAreSaid) {
  for (const long code : {200L, 429L}) {
    const auto status = api(R"({"ok":false,"error":"ratelimited"})", code, {{"retry-after", "12"}});
    EXPECT_EQ(status.value(), TSN_RETRY);
    EXPECT_EQ(status.retry_after_ms(), 12'000u);
  }
}

TEST(SlackApi, AnAnswerThatIsNotSlacksLeavesTheOutcomeOpen) {
  for (const char* body : {"", "<html>", "[]", "{}", R"({"ok":"true"})"})
    EXPECT_EQ(api(body).value(), TSN_UNKNOWN) << body;
  EXPECT_EQ(api("<html>", 502).value(), TSN_FAILED);
}

TEST(SlackApi, NamesTheScopeThatIsMissing) {
  EXPECT_NE(api(R"({"ok":false,"error":"missing_scope","needed":"chat:write"})").text().find("chat:write"),
            std::string::npos);
}

// --- the plugin on the line ---

/// Gives each connection the next of its answers ("": hangs up) and keeps what came.
class ScriptedSlack {
 public:
  explicit ScriptedSlack(std::vector<std::string> answers) : answers_(std::move(answers)) {
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
  ~ScriptedSlack() { finish(); }
  const std::vector<std::string>& requests() {
    finish();
    return requests_;
  }
  std::string url() const { return "http://127.0.0.1:" + std::to_string(port_); }

 private:
  void finish() {
    if (!thread_.joinable()) return;
    shutdown(listener_, SHUT_RDWR);
    thread_.join();
    close(listener_);
  }
  void serve() {
    for (const auto& answer : answers_) {
      const int line = accept(listener_, nullptr, nullptr);
      if (line < 0) return;
      requests_.push_back(read_request(line));
      if (!answer.empty()) {
        const std::string bytes =
            "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: " + std::to_string(answer.size()) + "\r\n\r\n" +
            answer;
        EXPECT_EQ(::send(line, bytes.data(), bytes.size(), MSG_NOSIGNAL), static_cast<ssize_t>(bytes.size()));
      }
      close(line);
    }
  }
  static std::string read_request(int line) {
    std::string request;
    char buffer[65536];
    for (std::size_t need = std::string::npos; request.size() < need;) {
      const auto n = read(line, buffer, sizeof buffer);
      if (n <= 0) break;
      request.append(buffer, static_cast<std::size_t>(n));
      const auto head = request.find("\r\n\r\n");
      if (head == std::string::npos) continue;
      need = head + 4 + std::strtoul(request.c_str() + request.find("Content-Length: ") + 16, nullptr, 10);
    }
    return request;
  }
  std::vector<std::string> answers_, requests_;
  int listener_ = -1, port_ = 0;
  std::thread thread_;
};

json sent_in(const std::string& request) {
  return json::parse(request.substr(request.find("\r\n\r\n") + 4));
}

constexpr auto posted = R"({"ok":true,"channel":"C024BE91L","ts":"1503435956.000247"})";

TEST(Slack, PostsToItsWebhook) {
  ScriptedSlack server({"ok"});
  FakeHost host;
  auto slack = host.create({}, Value::table({{"webhook_url", server.url() + "/services/T/B/s3cret"}}));
  ASSERT_EQ(slack->start().status, TSN_OK);
  const auto answer = slack->deliver(sample_message());
  EXPECT_EQ(answer.status, TSN_OK) << answer.text;
  EXPECT_TRUE(server.requests().at(0).starts_with("POST /services/T/B/s3cret HTTP/1.1\r\n"));
  EXPECT_FALSE(sent_in(server.requests()[0]).contains("channel"));
}

TEST(Slack, ALostAnswerIsAnUnknownOutcomeAndShowsNoSecret) {
  ScriptedSlack server({""});
  FakeHost host;
  auto slack = host.create({}, Value::table({{"webhook_url", server.url() + "/services/T/B/s3cret"}}));
  const auto answer = slack->deliver(sample_message());
  EXPECT_EQ(answer.status, TSN_UNKNOWN);
  EXPECT_EQ(answer.text.find("s3cret"), std::string::npos) << answer.text;
}

TEST(Slack, LaterMessagesOfAnIncidentAreRepliesToItsFirst) {
  ScriptedSlack server({posted, R"({"ok":true,"channel":"C024BE91L","ts":"1503435999.000001"})"});
  FakeHost host;
  auto slack = host.create({}, Value::table({{"token", "xoxb-s3cret"}, {"api_url", server.url() + "/api/"}}));
  auto message = sample_message();
  message.recipient = {"slack:#ops", "#ops", "#ops"};
  const auto first = slack->deliver(message);
  ASSERT_EQ(first.status, TSN_OK) << first.text;
  EXPECT_EQ(first.delivered.provider_id, "C024BE91L:1503435956.000247");
  message.kind = TSN_MSG_RESOLVED;
  message.provider_id = first.delivered.provider_id;
  EXPECT_EQ(slack->deliver(message).delivered.provider_id, first.delivered.provider_id);
  const auto& requests = server.requests();
  EXPECT_TRUE(requests.at(0).starts_with("POST /api/chat.postMessage HTTP/1.1\r\n"));
  EXPECT_NE(requests[0].find("\r\nAuthorization: Bearer xoxb-s3cret\r\n"), std::string::npos);
  EXPECT_EQ(sent_in(requests[0])["channel"], "#ops");
  EXPECT_FALSE(sent_in(requests[0]).contains("thread_ts"));
  EXPECT_EQ(sent_in(requests.at(1))["channel"], "C024BE91L");
  EXPECT_EQ(sent_in(requests[1])["thread_ts"], "1503435956.000247");
}

TEST(Slack, AThreadThatIsGoneIsBegunAnew) {
  ScriptedSlack server({R"({"ok":false,"error":"message_not_found"})", posted});
  FakeHost host;
  auto slack = host.create({}, Value::table({{"token", "xoxb-1"}, {"api_url", server.url()}}));
  auto message = sample_message();
  message.provider_id = "C1:1.000001";
  EXPECT_EQ(slack->deliver(message).delivered.provider_id, "C024BE91L:1503435956.000247");
  EXPECT_FALSE(sent_in(server.requests().at(1)).contains("thread_ts"));
}

TEST(Slack, WithoutAChannelOfItsOwnAMessageGoesToTheConfiguredOne) {
  ScriptedSlack server({posted});
  FakeHost host;
  auto slack = host.create({}, Value::table({{"token", "xoxb-1"}, {"channel", "#major"}, {"api_url", server.url()}}));
  auto message = sample_message();
  message.recipient = {"slack", "", ""};
  EXPECT_EQ(slack->deliver(message).status, TSN_OK);
  EXPECT_EQ(sent_in(server.requests().at(0))["channel"], "#major");
}

TEST(Slack, NoChannelAtAllIsSaid) {
  FakeHost host;
  auto slack = host.create({}, Value::table({{"token", "xoxb-1"}}));
  auto message = sample_message();
  message.recipient = {"slack", "", ""};
  const auto answer = slack->deliver(message);
  EXPECT_EQ(answer.status, TSN_INVALID);
  EXPECT_NE(answer.text.find("set channel in [notifier.test]"), std::string::npos) << answer.text;
}

TEST(Slack, WantsOneOfWebhookAndToken) {
  FakeHost host;
  EXPECT_EQ(host.create()->start().status, TSN_INVALID);
  EXPECT_EQ(host.create({}, Value::table({{"token", "t"}, {"webhook_url", "https://h"}}))->start().status, TSN_INVALID);
  EXPECT_THROW(host.create({}, Value::table({{"webhook_url", "file:///x"}})), tsn::Failure);
  EXPECT_THROW(host.create({}, Value::table({{"token", "a\r\nX: y"}})), tsn::Failure);
}

}  // namespace
