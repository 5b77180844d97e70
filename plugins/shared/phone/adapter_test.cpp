// What a provider's Lua script may do, what it is told, and what becomes of what it raises.
#include <gtest/gtest.h>

#include "phone/lua_adapter.hpp"
#include "phone/scripted_provider.hpp"
#include "tocsin/testing/fake_host.hpp"

// A plugin that hands its context to the test.
struct Stage {
  static constexpr auto id = "stage", version = "1.0.0", doc = "Of the test";
  tsn::Context ctx;
  static inline const tsn::Context* last = nullptr;
  Stage() { last = &ctx; }
  tsn::Status deliver(const tsn::Message&) { return tsn::ok; }
};
TOCSIN_PLUGIN(Stage)

namespace {

using namespace tocsin_plugins;
using namespace std::chrono_literals;
using tsn::testing::FakeHost;
using tsn::testing::sample_message;

struct AdapterTest : testing::Test {
  FakeHost host;
  std::unique_ptr<tsn::testing::FakeInstance> instance = host.create();
  HttpClient client{{}};
  std::unique_ptr<LuaAdapter> adapter;

  void load(const std::string& text, bool calls = false, LuaBudgets budgets = {}) {
    adapter = std::make_unique<LuaAdapter>(
        *Stage::last, client,
        AdapterSettings{"/etc/tocsin/adapters/modem.lua", text, {{"token", "s3cret-token"}}, budgets}, calls);
  }
  std::string refused(const std::string& text) {
    try {
      load(text);
    } catch (const tsn::Failure& failure) {
      EXPECT_EQ(failure.status().value(), TSN_INVALID);
      return failure.what();
    }
    return "it was taken";
  }
  static tsn::Deadline soon() { return {tsn::now() + tsn::Time(5'000'000'000)}; }
  /// What send returned as the id, or the status and text.
  std::string sent(const NamedTexts& fields = {{"recipient", "+966500000001"}, {"text", "disk full"}}) {
    std::string id;
    status = adapter->send(fields, soon(), id);
    return status ? id : status.text();
  }
  /// The value of a Lua expression as text.
  std::string value(const std::string& expression) {
    load("function send(message) return tostring(" + expression + ") end");
    return sent();
  }
  tsn::Status status = tsn::ok;
};

TEST_F(AdapterTest, ReturnsTheProvidersId) {
  load("function send(message) return message.recipient .. '/' .. message.text end");
  EXPECT_EQ(sent(), "+966500000001/disk full");
  load("function send() return 42 end");
  EXPECT_EQ(sent(), "42");
  load("function send() end");
  EXPECT_EQ(sent(), "");
  EXPECT_TRUE(status);
}

TEST_F(AdapterTest, GetsTheIncidentAsATable) {
  auto message = sample_message();
  auto fields = adapter_fields(message);
  fields.emplace_back("text", "t");
  fields.emplace_back("service", "");  // what is unknown is not there
  load(
      "function send(m) return m.kind .. ' ' .. m.incident.number .. ' ' .. m.incident.severity .. ' ' .. "
      "tostring(m.incident.labels ~= nil) .. ' ' .. tostring(m['incident.number']) .. ' ' .. tostring(m.service) end");
  EXPECT_EQ(sent(fields), "firing 1042 HIGH true nil nil");
}

TEST_F(AdapterTest, MakesTheRequestsItDescribes) {
  ScriptedProvider provider({"202 X-Ref: r9\r\n{\"messages\": [{\"id\": \"m-7\"}]}"});
  load(
      "function send(m)\n"
      "  local answer = http.request{ method = 'POST', url = '" +
      provider.url() +
      "/sms', timeout = 3,\n"
      "    headers = { Authorization = 'Bearer ' .. secret('token'), ['Content-Type'] = 'application/json' },\n"
      "    body = json.encode{ to = m.recipient, text = m.text, tags = json.array{} } }\n"
      "  return answer.status .. ' ' .. json.decode(answer.body).messages[1].id .. ' ' .. answer.headers['x-ref']\n"
      "end");
  EXPECT_EQ(sent(), "202 m-7 r9");
  const auto& request = provider.requests().at(0);
  EXPECT_TRUE(request.starts_with("POST /sms HTTP/1.1\r\n")) << request;
  EXPECT_NE(request.find("\r\nAuthorization: Bearer s3cret-token\r\n"), std::string::npos);
  EXPECT_EQ(body_in(request), R"({"tags":[],"text":"disk full","to":"+966500000001"})");
}

TEST_F(AdapterTest, WhatItRaisesIsJudged) {
  const std::pair<const char*, tsn_status> cases[] = {
      {"error('no line')", TSN_FAILED},
      {"error{ message = 'no line' }", TSN_FAILED},
      {"error{ permanent = true, message = 'no such number' }", TSN_INVALID},
      {"error{ retry_after = 5, message = 'too fast' }", TSN_RETRY},
      {"error(nil)", TSN_FAILED},
      {"local x = nil; return x.y", TSN_FAILED}};
  for (const auto& [body, expected] : cases) {
    load(std::string("function send()\n  ") + body + "\nend");
    sent();
    EXPECT_EQ(status.value(), expected) << body;
    EXPECT_TRUE(status.text().starts_with("/etc/tocsin/adapters/modem.lua:")) << status.text();
    EXPECT_EQ(status.retry_after_ms(), expected == TSN_RETRY ? 5000u : 0u) << body;
  }
  load("function send()\n  error('no line')\nend");
  EXPECT_EQ(sent(), "/etc/tocsin/adapters/modem.lua:2: no line");
}

TEST_F(AdapterTest, ALostAnswerMayHaveArrived) {
  ScriptedProvider provider({""});  // reads, and closes without an answer
  load("function send() http.request{ url = '" + provider.url() + "', body = 'x' } end");
  sent();
  EXPECT_EQ(status.value(), TSN_UNKNOWN) << status.text();
  load("function send() http.request{ url = 'http://127.0.0.1:1/' } end");
  sent();
  EXPECT_EQ(status.value(), TSN_FAILED) << status.text();
}

TEST_F(AdapterTest, NothingIsRequestedAfterTheDeadline) {
  load("function send() http.request{ url = 'http://127.0.0.1:1/' } end");
  std::string id;
  status = adapter->send({}, tsn::Deadline{tsn::now()}, id);
  EXPECT_NE(status.text().find("no time is left"), std::string::npos) << status.text();
}

TEST_F(AdapterTest, HasBudgets) {
  load("function send() while true do end end");
  EXPECT_NE(sent().find("budget of instructions"), std::string::npos) << status.text();
  load("function send() local t = {} for i = 1, 1e9 do t[i] = ('x'):rep(1000) .. i end end", false,
       {.memory = 1u << 20, .instructions = 100'000'000});
  EXPECT_NE(sent().find("memory budget"), std::string::npos) << status.text();
  load(
      "function send() for i = 1, 30 do pcall(http.request, { url = 'http://127.0.0.1:1/' }) end http.request{ url = "
      "'http://127.0.0.1:1/' } end");
  EXPECT_NE(sent().find("more than 20 requests"), std::string::npos) << status.text();
}

TEST_F(AdapterTest, ReachesNothingElse) {
  for (const char* name :
       {"io", "os", "package", "require", "debug", "dofile", "load", "loadstring", "sleep", "coroutine"})
    EXPECT_EQ(value(name), "nil") << name;
}

TEST_F(AdapterTest, KeepsWhatItRemembersBetweenCalls) {
  load("local session\nfunction send() session = (session or 0) + 1 return session end");
  EXPECT_EQ(sent(), "1");
  EXPECT_EQ(sent(), "2");
}

TEST_F(AdapterTest, HasToolsForSignatures) {
  EXPECT_EQ(value("hmac_sha256('Jefe', 'what do ya want for nothing?')"),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
  EXPECT_EQ(value("#hmac_sha256('k', 't', 'raw')"), "32");
  EXPECT_EQ(value("sha256('abc')"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(value("base64('foobar')"), "Zm9vYmFy");
  EXPECT_EQ(value("url_encode('a b&ش')"), "a%20b%26%D8%B4");
  EXPECT_EQ(value("form.encode{ To = '+1 5', From = 7 }"), "From=7&To=%2B1%205");
  EXPECT_EQ(value("form.decode('a=1+2&b=%26').a .. form.decode('b=%26').b"), "1 2&");
  EXPECT_EQ(value("utc(now())"), "2026-11-20T10:00:00Z");
}

TEST_F(AdapterTest, JsonGoesBothWays) {
  EXPECT_EQ(value(R"(json.encode(json.decode('{"a":[1,2.5,"x",true,null,{}],"b":[]}')))"),
            R"({"a":[1,2.5,"x",true,null,{}],"b":[]})");
  EXPECT_NE(value("json.decode('{')").find("json.decode: not JSON"), std::string::npos);
  EXPECT_NE(value("json.decode(('['):rep(100))").find("not JSON, or nested deeper"), std::string::npos);
  EXPECT_EQ(value("json.encode(nil)"), "null");
  EXPECT_NE(value("json.encode(type)").find("has no JSON"), std::string::npos);
  EXPECT_NE(value("(function() local t = {} t.t = t return json.encode(t) end)()").find("a table within itself"),
            std::string::npos);
}

TEST_F(AdapterTest, SecretsAreNeverShown) {
  load("function send() log.info('token ' .. secret('token')) error('with ' .. secret('token')) end");
  EXPECT_EQ(sent(), "/etc/tocsin/adapters/modem.lua:1: with ***");
  EXPECT_TRUE(host.logged("token ***"));
  EXPECT_FALSE(host.logged("s3cret"));
  EXPECT_NE(value("secret('other')").find("add it to [notifier.test.secrets]"), std::string::npos) << status.text();
}

TEST_F(AdapterTest, WhatIsWrongIsNamedByFileAndLine) {
  EXPECT_TRUE(refused("x = 1\nfunction send(").starts_with("/etc/tocsin/adapters/modem.lua:2: "))
      << refused("function send(");
  EXPECT_TRUE(refused("\nerror('at once')").starts_with("/etc/tocsin/adapters/modem.lua:2: at once"));
  EXPECT_EQ(refused("function status() end"),
            "/etc/tocsin/adapters/modem.lua: expected a function send(message) that returns the id");
  EXPECT_NE(refused("http.request{ url = 'http://127.0.0.1/' }").find("only within send and status"),
            std::string::npos);
}

TEST_F(AdapterTest, TellsTheStateInFourWords) {
  const std::string send = "function send() end ";
  load(send + "function status(id) return 'delivered', 'DELIVRD ' .. id end");
  std::string state;
  EXPECT_TRUE(adapter->status("m1", soon(), state));
  EXPECT_EQ(state, "delivered: DELIVRD m1");
  load(send + "function status() return 'no_answer' end");
  EXPECT_FALSE(adapter->status("m1", soon(), state));
  load(send + "function status() return 'no_answer' end", true);
  EXPECT_TRUE(adapter->status("m1", soon(), state));
  load(send + "function status() return 'DELIVRD' end");
  const auto wrong = adapter->status("m1", soon(), state);
  EXPECT_NE(wrong.text().find("the state \"DELIVRD\"; expected \"delivered\""), std::string::npos) << wrong.text();
}

}  // namespace
