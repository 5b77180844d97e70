// The notifier with a Lua script in place of its tables.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "phone/scripted_provider.hpp"
#include "tocsin/testing/fake_host.hpp"

namespace {

using namespace tocsin_plugins;
using namespace std::chrono_literals;
using tsn::Value;
using tsn::testing::FakeHost;
using tsn::testing::sample_message;

constexpr auto adapter_path = "/etc/tocsin/adapters/modem.lua";

Value by_script(const std::string& text) {
  const auto bearer = Value::table({{"type", "bearer"}, {"token", "cb-s3cret"}});
  return Value::table({{"adapter", adapter_path},
                       {"adapter_text", text},
                       {"secrets", Value::table({{"key", "gw-s3cret"}})},
                       {"callback", Value::table({{"path", "/callbacks/sms"}, {"auth", bearer}})}});
}

std::string gateway_script(const std::string& url) {
  return "local gateway = '" + url + "'\n" + R"(
local function call(method, path, body)
  local answer = http.request{ method = method, url = gateway .. path, body = body and json.encode(body),
                               headers = { ['X-Key'] = secret('key') } }
  if answer.status == 429 then error{ retry_after = 7, message = 'too fast' } end
  if answer.status == 422 then error{ permanent = true, message = 'refused ' .. answer.body } end
  if answer.status >= 300 then error('HTTP ' .. answer.status .. ' with ' .. secret('key')) end
  return json.decode(answer.body)
end
function send(m) return call('POST', '/messages', { to = m.recipient, text = m.text, ref = m.key }).id end
function status(id)
  local word = call('GET', '/messages/' .. url_encode(id)).state
  return ({ DELIVERED = 'delivered', LOST = 'failed' })[word] or 'pending', word
end
function callback(request)
  local said = form.decode(request.body)
  if said.kind == 'ping' then return nil end
  if said.kind == 'broken' then error('what is this?') end
  if said.kind == 'inbound' then return { from = said.sender, text = said.body, id = said.id } end
  return { id = said.id, state = said.state == 'DELIVERED' and 'delivered' or 'pending', detail = said.state }
end
)";
}

tsn::Message to_first() {
  auto message = sample_message();
  message.recipient = {"sms:contact.first", "first", "+966500000001"};
  return message;
}

tsn::testing::Answer called_back(tsn::testing::FakeInstance& sms, const std::string& body,
                                 const std::string& token = "cb-s3cret") {
  return sms.handle({.path = "/callbacks/sms", .headers = {{"authorization", "Bearer " + token}}, .body = body});
}

TEST(SmsAdapter, SendsAndAsksUntilTheEndIsKnown) {
  ScriptedProvider gateway(
      {R"(200 {"id": "m/1"})", R"(200 {"state": "QUEUED"})", "500 ", R"(200 {"state": "DELIVERED"})"});
  FakeHost host;
  auto sms = host.create({}, by_script(gateway_script(gateway.url())));
  ASSERT_EQ(sms->start().status, TSN_OK);
  const auto answer = sms->deliver(to_first());
  ASSERT_EQ(answer.status, TSN_OK) << answer.text;
  EXPECT_EQ(answer.delivered.provider_id, "m/1");
  host.advance(10min);
  const auto receipts = host.receipts();
  ASSERT_EQ(receipts.size(), 2u);
  EXPECT_EQ(receipts[0].state, TSN_RECEIPT_ON_ITS_WAY);
  EXPECT_EQ(receipts[0].detail, "pending: QUEUED");
  EXPECT_EQ(receipts[1].state, TSN_RECEIPT_DELIVERED);
  EXPECT_EQ(receipts[1].detail, "delivered: DELIVERED");
  const auto& requests = gateway.requests();
  ASSERT_EQ(requests.size(), 4u);
  EXPECT_TRUE(requests[1].starts_with("GET /messages/m%2F1 HTTP/1.1\r\n")) << requests[1];
  EXPECT_EQ(nlohmann::json::parse(body_in(requests[0]))["ref"], std::string(to_first().key));
  EXPECT_TRUE(host.logged("HTTP 500 with ***"));
}

TEST(SmsAdapter, AnswersAreJudgedByTheScript) {
  const std::pair<const char*, tsn_status> cases[] = {
      {"422 bad number", TSN_INVALID}, {"500 ", TSN_FAILED}, {"429 ", TSN_RETRY}, {"200 not json", TSN_FAILED}};
  for (const auto& [said, status] : cases) {
    ScriptedProvider gateway({said});
    FakeHost host;
    auto sms = host.create({}, by_script(gateway_script(gateway.url())));
    ASSERT_EQ(sms->start().status, TSN_OK);
    const auto answer = sms->deliver(to_first());
    EXPECT_EQ(answer.status, status) << said << answer.text;
    EXPECT_TRUE(answer.text.starts_with("sms: /etc/tocsin/adapters/modem.lua:")) << answer.text;
    EXPECT_EQ(answer.text.find("s3cret"), std::string::npos) << answer.text;
  }
}

struct CalledSms : testing::Test {
  ScriptedProvider gateway{{R"(200 {"id": "m1"})"}};
  FakeHost host;
  std::unique_ptr<tsn::testing::FakeInstance> sms = host.create({}, by_script(gateway_script(gateway.url())));
  void SetUp() override {
    ASSERT_EQ(sms->start().status, TSN_OK);
    ASSERT_EQ(sms->deliver(to_first()).status, TSN_OK);
  }
};

TEST_F(CalledSms, ReadsReceipts) {
  EXPECT_EQ(called_back(*sms, "id=m1&state=DELIVERED").response.status, 200u);
  ASSERT_EQ(host.receipts().size(), 1u);
  EXPECT_EQ(host.receipts()[0].state, TSN_RECEIPT_DELIVERED);
}

TEST_F(CalledSms, ReadsReplies) {
  EXPECT_EQ(called_back(*sms, "kind=inbound&sender=%2B966500000001&body=1042a&id=u1").response.status, 200u);
  ASSERT_EQ(host.answers().size(), 1u);
  EXPECT_EQ(host.answers()[0].address, "+966500000001");
  EXPECT_EQ(host.answers()[0].incident, "1042");
  EXPECT_EQ(host.answers()[0].id, "u1");
}

TEST_F(CalledSms, AuthenticatesBeforeTheScriptSeesAnything) {
  EXPECT_EQ(called_back(*sms, "kind=broken", "guess").response.status, 401u);
  EXPECT_FALSE(host.logged("what is this?"));
}

TEST_F(CalledSms, WhatSaysNothingIsTakenAndWhatCannotBeReadIsRefused) {
  EXPECT_EQ(called_back(*sms, "kind=ping").response.status, 200u);
  EXPECT_EQ(called_back(*sms, "kind=broken").response.status, 400u);
  EXPECT_TRUE(host.logged("what is this?"));
  EXPECT_EQ(called_back(*sms, "state=DELIVERED").response.status, 400u);
  EXPECT_TRUE(host.receipts().empty());
}

TEST(SmsAdapter, WithoutACallbackFunctionPointersReadTheProvidersWords) {
  ScriptedProvider gateway({R"(200 {"id": "m1"})"});
  FakeHost host;
  auto config =
      by_script("function send() return json.decode(http.request{ url = '" + gateway.url() + "' }.body).id end");
  config.set("callback", Value::table({{"path", "/callbacks/sms"},
                                       {"auth", Value::table({{"type", "bearer"}, {"token", "cb-s3cret"}})},
                                       {"id", "/id"},
                                       {"state", "/status"}}));
  auto sms = host.create({}, config);
  ASSERT_EQ(sms->start().status, TSN_OK);
  ASSERT_EQ(sms->deliver(to_first()).status, TSN_OK);
  EXPECT_EQ(called_back(*sms, R"({"id": "m1", "status": "DELIVRD"})").response.status, 200u);
  ASSERT_EQ(host.receipts().size(), 1u);
  EXPECT_EQ(host.receipts()[0].state, TSN_RECEIPT_DELIVERED);
}

TEST(SmsAdapter, IsRefusedWhereItCannotWork) {
  const auto refused = [](Value config) {
    FakeHost host;
    try {
      host.create({}, config);
    } catch (const tsn::Failure& failure) {
      return std::string(failure.what());
    }
    return std::string("it was taken");
  };
  const std::string send = "function send() end ";
  EXPECT_NE(refused(by_script("function send(")).find("modem.lua:1: "), std::string::npos);
  EXPECT_NE(refused(by_script("x = 1")).find("expected a function send(message)"), std::string::npos);
  auto config = by_script(send);
  EXPECT_NE(refused(config).find("option \"callback.id\""), std::string::npos)
      << "without callback() it takes pointers";
  config = by_script(send + "function callback() end");
  EXPECT_EQ(refused(config), "it was taken");
  config.set("send", Value::table({{"url", "https://m.corp"}}));
  EXPECT_NE(refused(config).find("take out either"), std::string::npos);
  config = by_script(send + "function callback() end");
  config.set("status", Value::table({{"every", "5s"}}));
  EXPECT_NE(refused(config).find("the adapter has no function status(id)"), std::string::npos);
}

TEST(Sms, NamesTheKeyThatWasMeant) {
  FakeHost host;
  try {
    host.create(
        {}, Value::table({{"send", Value::table({{"url", "https://m.corp"}, {"permanant", Value::array({400})}})}}));
    FAIL();
  } catch (const tsn::Failure& failure) {
    EXPECT_NE(std::string(failure.what()).find("did you mean \"permanent\"?"), std::string::npos) << failure.what();
  }
}

}  // namespace
