#include <gtest/gtest.h>

#include <cstring>

#include "phone/auth.hpp"
#include "phone/digest.hpp"
#include "phone/fill.hpp"
#include "phone/provider.hpp"
#include "phone/verdict.hpp"

namespace {

using namespace tocsin_plugins;
using tsn::Value;

std::string hex(const std::string& bytes) {
  std::string out;
  for (const unsigned char c : bytes) {
    out += "0123456789abcdef"[c >> 4];
    out += "0123456789abcdef"[c & 15];
  }
  return out;
}

// FIPS 180-4's own examples, and RFC 4231's cases 2 and 6.
TEST(PhoneDigest, IsSha256) {
  EXPECT_EQ(hex(sha256("")), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(hex(sha256("abc")), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(hex(sha256("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq")),
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
}

TEST(PhoneDigest, IsHmacWithSha256) {
  EXPECT_EQ(hmac_sha256_hex("Jefe", "what do ya want for nothing?"),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
  EXPECT_EQ(hmac_sha256_hex(std::string(131, '\xaa'), "Test Using Larger Than Block-Size Key - Hash Key First"),
            "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
}

TEST(PhoneDigest, IsBase64) {
  EXPECT_EQ(base64_of("") + "," + base64_of("f") + "," + base64_of("fo") + "," + base64_of("foobar"),
            ",Zg==,Zm8=,Zm9vYmFy");
}

TEST(PhoneFill, EscapesForWhereATextStands) {
  const Fields fields = {{"text", "a \"b\"\n\\ & <c> فشل"}};
  EXPECT_EQ(fill("{\"t\": \"{{text}}\"}", fields, Place::json), "{\"t\": \"a \\\"b\\\"\\n\\\\ & <c> فشل\"}");
  EXPECT_EQ(fill("t={{ text }}", fields, Place::url), "t=a%20%22b%22%0A%5C%20%26%20%3Cc%3E%20%D9%81%D8%B4%D9%84");
  EXPECT_EQ(fill("{{text}}", fields, Place::xml), "a &quot;b&quot;\n\\ &amp; &lt;c&gt; فشل");
  EXPECT_EQ(fill("X {{text}}", fields, Place::header), "X a \"b\" \\ & <c> فشل");
}

TEST(PhoneFill, NamesAFieldThatIsNone) {
  EXPECT_EQ(unknown_field("{{to}} {{recipient}}", {"recipient"}), "{{to}}");
  EXPECT_EQ(unknown_field("{{recipient", {"recipient"}), "{{ without }}");
  EXPECT_EQ(unknown_field("{{ recipient }}", {"recipient"}), "");
}

TEST(PhoneNetworks, HoldTheirAddresses) {
  const auto inside = [](const char* network, const char* remote) {
    Network parsed;
    return parse_network(network, parsed) && contains(parsed, remote);
  };
  EXPECT_TRUE(inside("10.20.0.0/16", "10.20.255.1:40000"));
  EXPECT_FALSE(inside("10.20.0.0/16", "10.21.0.1:40000"));
  EXPECT_TRUE(inside("10.20.0.0/15", "10.21.0.1"));
  EXPECT_TRUE(inside("10.0.0.1", "::ffff:10.0.0.1"));
  EXPECT_TRUE(inside("fd00::/8", "[fd12::1]:443"));
  EXPECT_FALSE(inside("fd00::/8", "10.0.0.1:443"));
  EXPECT_TRUE(inside("0.0.0.0/0", "192.0.2.1:1"));
  EXPECT_FALSE(inside("0.0.0.0/0", "fd12::1"));
  EXPECT_FALSE(inside("10.0.0.0/8", ""));
  Network parsed;
  for (const char* wrong : {"", "10.0.0.0/33", "10.0.0.0/", "corp", "10.0.0.0/-1", "::/129"})
    EXPECT_FALSE(parse_network(wrong, parsed)) << wrong;
}

TEST(PhoneWords, WhatNoListHasIsOnItsWay) {
  const Words words{{"DELIVRD"}, {"UNDELIV"}, {"busy"}};
  EXPECT_EQ(words.outcome("delivrd"), Outcome::delivered);
  EXPECT_EQ(words.outcome("UNDELIV"), Outcome::failed);
  EXPECT_EQ(words.outcome("Busy"), Outcome::no_answer);
  EXPECT_EQ(words.outcome("ACCEPTD"), Outcome::on_its_way);
}

TEST(PhoneDocument, ReadsJsonAndForms) {
  const Document json(R"({"data": [{"id": 17}], "ok": true, "none": null})", "application/json");
  EXPECT_EQ(json.at("/data/0/id"), "17");
  EXPECT_EQ(json.at("/ok"), "true");
  EXPECT_FALSE(json.at("/none"));
  EXPECT_FALSE(json.at("/data/x/id"));
  EXPECT_FALSE(json.at("/data/7/id"));
  const Document form("MessageSid=SM1&From=%2B966500000001&Body=1042+a&x", "application/x-www-form-urlencoded");
  EXPECT_EQ(form.at("/From"), "+966500000001");
  EXPECT_EQ(form.at("/Body"), "1042 a");
  EXPECT_FALSE(Document(std::string(100'000, '['), "").at("/id"));
}

TEST(PhoneVerdict, OnlyWhatIsNamedPermanentIsGivenUp) {
  SendTable send;
  send.permanent = {400, 422};
  const auto judged = [&](long code) {
    HttpAnswer answer;
    answer.status = code;
    return send_verdict(send, answer, "sms: POST", 0).value();
  };
  EXPECT_EQ(judged(202), TSN_OK);
  EXPECT_EQ(judged(422), TSN_INVALID);
  EXPECT_EQ(judged(404), TSN_FAILED);
  EXPECT_EQ(judged(503), TSN_FAILED);
  send.ok = {200};
  EXPECT_EQ(judged(202), TSN_FAILED);
  HttpAnswer answer;
  answer.status = 429, answer.headers["retry-after"] = "7";
  const auto later = send_verdict(send, answer, "sms: POST", 0);
  EXPECT_EQ(later.value(), TSN_RETRY);
  EXPECT_EQ(later.retry_after_ms(), 7000u);
}

std::string refusal(Value config, bool calls = false) {
  try {
    (void)read_provider(tsn::Config(config.view()), {}, calls);
  } catch (const tsn::Failure& failure) {
    return failure.what();
  }
  return "";
}

Value sending(const char* body = "{\"to\": \"{{recipient}}\", \"n\": {{number}}}") {
  return Value::table({{"url", "https://m.corp/sms"}, {"body", body}, {"id", "/id"}});
}
Value with_auth(Value auth) {
  return Value::table({{"send", sending()},
                       {"callback", Value::table({{"path", "/cb"}, {"id", "/id"}, {"state", "/s"}, {"auth", auth}})}});
}

TEST(PhoneProvider, SaysWhichKeyIsWrong) {
  const auto says = [](const std::string& text, const char* part) { return text.find(part) != text.npos; };
  EXPECT_EQ(refusal(Value::table({{"send", sending()}})), "");
  EXPECT_TRUE(says(refusal(Value::table({{"send", Value::table({{"url", "m.corp"}})}})), "\"send.url\""));
  EXPECT_TRUE(says(refusal(Value::table({{"send", sending("{{to}}")}})), "\"send.body\""));
  EXPECT_TRUE(says(refusal(Value::table({{"send", sending("{\"to\": {{recipient}}}")}})), "valid JSON"));
  auto unknown = sending();
  unknown.set("uri", "x");
  EXPECT_TRUE(says(refusal(Value::table({{"send", unknown}})), "\"send.uri\""));
  auto pointer = sending();
  pointer.set("id", "id");
  EXPECT_TRUE(says(refusal(Value::table({{"send", pointer}})), "\"send.id\""));
  EXPECT_TRUE(says(refusal(Value::table({{"send", sending()}, {"status", Value::table({{"url", "https://m"}})}})),
                   "\"status.state\""));
}

TEST(PhoneProvider, ACallbackNeedsSomethingToAskFor) {
  EXPECT_EQ(refusal(with_auth(Value::table({{"type", "hmac"}, {"secret", "s"}}))), "");
  EXPECT_EQ(refusal(with_auth(Value::table({{"allow_from", Value::array({"10.0.0.0/8"})}}))), "");
  EXPECT_NE(refusal(with_auth(Value::table({}))).find("callback.auth.type"), std::string::npos);
  EXPECT_NE(refusal(with_auth(Value::table({{"type", "hmac"}}))).find("callback.auth.secret"), std::string::npos);
  EXPECT_NE(refusal(with_auth(Value::table({{"type", "none"}}))).find("callback.auth.type"), std::string::npos);
  EXPECT_NE(refusal(with_auth(Value::table({{"allow_from", Value::array({"corp"})}}))).find("allow_from[0]"),
            std::string::npos);
}

bool lets_in(Value auth, const char* certificate) {
  auto table = Value::table({{"auth", auth}});
  const CallbackAuth who(tsn::Config(table.view()));
  tsn_request request{};
  request.size = sizeof request;
  request.certificate = {certificate, static_cast<std::uint32_t>(std::strlen(certificate))};
  return who.admits(tsn::Request(&request));
}

TEST(PhoneAuth, ACertificateThatTheListenerVerifiedIsEnough) {
  EXPECT_TRUE(lets_in(Value::table({{"type", "mtls"}}), "CN=gateway,O=Corp"));
  EXPECT_FALSE(lets_in(Value::table({{"type", "mtls"}}), "")) << "no certificate was asked for";
}

TEST(PhoneAuth, OneCertificateMayBeNamed) {
  const auto named = [] { return Value::table({{"type", "mtls"}, {"subject", "CN=gateway,O=Corp"}}); };
  EXPECT_TRUE(lets_in(named(), "CN=gateway,O=Corp"));
  for (const char* other : {"CN=gateway", "CN=gateway,O=Corp,C=SA", "cn=gateway,o=corp", ""})
    EXPECT_FALSE(lets_in(named(), other)) << other;
}

TEST(PhoneProvider, AFormIsTakenForOne) {
  auto config = Value::table({{"send", sending("To={{recipient}}&Body={{text}}")}});
  const auto provider = read_provider(tsn::Config(config.view()), {}, false);
  EXPECT_EQ(provider.send->request.body_place, Place::url);
  EXPECT_EQ(provider.send->request.headers.at(0).second, "application/x-www-form-urlencoded");
}

}  // namespace
