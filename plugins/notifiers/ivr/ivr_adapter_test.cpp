// Calls by a Lua script: nobody answers, is called again; digits come by its callback.
#include <gtest/gtest.h>

#include "phone/scripted_provider.hpp"
#include "tocsin/testing/fake_host.hpp"

namespace {

using namespace tocsin_plugins;
using namespace std::chrono_literals;
using tsn::Value;
using tsn::testing::FakeHost;

constexpr auto exchange_script = R"(
local states = { answered = 'delivered', busy = 'no_answer', error = 'failed' }
function send(m)
  local answer = http.request{ url = exchange .. '/calls', body = json.encode{ to = m.recipient, say = m.text, ref = m.key, title = m.incident.title } }
  return json.decode(answer.body).call
end
function callback(request)
  local said = json.decode(request.body)
  return { id = said.call, state = states[said.outcome], digits = said.pressed }
end
)";

struct ScriptedCall : testing::Test {
  ScriptedProvider exchange{{R"(200 {"call": "c1"})", R"(200 {"call": "c2"})"}};
  FakeHost host;
  std::unique_ptr<tsn::testing::FakeInstance> ivr;
  tsn::Message message = tsn::testing::sample_message();

  void SetUp() override {
    const auto auth = Value::table({{"type", "bearer"}, {"token", "t"}});
    ivr = host.create({}, Value::table({{"adapter", "adapters/calls.lua"},
                                        {"adapter_text", "local exchange = '" + exchange.url() + "'" + exchange_script},
                                        {"retries", 1},
                                        {"callback", Value::table({{"path", "/callbacks/ivr"}, {"auth", auth}})}}));
    message.recipient = {"ivr:contact.first", "first", "+966500000001"};
    ASSERT_EQ(ivr->start().status, TSN_OK);
    const auto answer = ivr->deliver(message);
    ASSERT_EQ(answer.status, TSN_OK) << answer.text;
  }
  std::uint32_t called_back(const std::string& body) {
    return ivr->handle({.path = "/callbacks/ivr", .headers = {{"authorization", "Bearer t"}}, .body = body})
        .response.status;
  }
};

TEST_F(ScriptedCall, IsMadeAgainWhenNobodyAnswers) {
  EXPECT_EQ(called_back(R"({"call": "c1", "outcome": "busy"})"), 200u);
  host.advance(61s);
  EXPECT_EQ(called_back(R"({"call": "c2", "outcome": "answered"})"), 200u);
  ASSERT_EQ(host.receipts().size(), 2u);
  EXPECT_EQ(host.receipts()[0].detail, "no_answer, calling again");
  EXPECT_EQ(host.receipts()[1].state, TSN_RECEIPT_DELIVERED);
  const auto& requests = exchange.requests();
  ASSERT_EQ(requests.size(), 2u);
  const std::string key(message.key);
  EXPECT_NE(requests[0].find("\"ref\":\"" + key + "\""), std::string::npos) << requests[0];
  EXPECT_NE(requests[1].find("\"ref\":\"" + key + "-1\""), std::string::npos) << requests[1];
  EXPECT_NE(requests[1].find("\"title\":"), std::string::npos) << "the incident is told again too";
}

TEST_F(ScriptedCall, DigitsAreAnswers) {
  EXPECT_EQ(called_back(R"({"call": "c1", "pressed": "1#"})"), 200u);
  ASSERT_EQ(host.answers().size(), 1u);
  EXPECT_EQ(host.answers()[0].kind, TSN_ANSWER_ACKNOWLEDGE);
  EXPECT_EQ(host.answers()[0].provider_id, "c1");
}

TEST_F(ScriptedCall, SaysWhatToPress) {
  EXPECT_NE(exchange.requests().at(0).find("Press 1 to acknowledge"), std::string::npos);
}

}  // namespace
