// URLs, configuration, DNS messages and Redis' protocol, without a network.
#include <gtest/gtest.h>

#include "dns_message.hpp"
#include "resp.hpp"
#include "target.hpp"
#include "tocsin/testing/values.hpp"

namespace {

using namespace std::chrono_literals;
using namespace tocsin_plugins::probing;

std::vector<Target> targets(const std::string& json) {
  auto value = tsn::testing::from_json(json);
  const TargetDefaults defaults{30s, 5s, {}};
  return read_targets(tsn::Config(value.view()), defaults);
}
Target target(const std::string& members) {
  return targets("[{\"name\": \"t\", " + members + "}]").front();
}
std::string refusal(const std::string& members) {
  try {
    target(members);
  } catch (const tsn::Failure& failure) {
    EXPECT_EQ(failure.status().value(), TSN_INVALID);
    return failure.what();
  }
  return "(taken)";
}

TEST(ProbeUrl, IsReadInItsParts) {
  Url url;
  EXPECT_EQ(read_url("https://shop.example:8443/a/b?c=d#e", url), "");
  EXPECT_EQ(url.scheme, "https");
  EXPECT_EQ(url.host, "shop.example");
  EXPECT_EQ(url.port, 8443);
  EXPECT_EQ(url.path, "/a/b");
  EXPECT_EQ(url.query, "c=d");
  EXPECT_EQ(read_url("redis://watch%40er@[::1]:7000", url), "");
  EXPECT_EQ(url.user, "watch@er");
  EXPECT_EQ(url.host, "::1");
  EXPECT_EQ(url.origin(), "redis://[::1]:7000");
}

TEST(ProbeUrl, IsRefusedWithTheReasonAndWithoutItsText) {
  for (const char* bad : {"shop.example", "tcp://h:0", "tcp://h:70000", "tcp://h:1x", "tcp://[::1", "tcp://[::1]x",
                          "redis://u:hunter2@h", "redis://u%zz@h", "redis://u%0@h", "tcp://a b:1", "tcp://h:"}) {
    Url url;
    const auto why = read_url(bad, url);
    EXPECT_NE(why, "") << bad;
    EXPECT_EQ(why.find("hunter2"), why.npos);
  }
}

TEST(ProbeTarget, HasTheSourcesDefaultsAndItsOwnWord) {
  auto plain = target(R"("url": "tcp://h:1")");
  EXPECT_EQ(plain.every, 30s);
  EXPECT_EQ(plain.timeout, 5s);
  auto own =
      target(R"("url": "https://h/x", "every": "1m30s", "timeout": "500ms", "status": [200, "3xx"], "redirects": 2)");
  EXPECT_EQ(own.every, 90s);
  EXPECT_EQ(own.timeout, 500ms);
  EXPECT_EQ(own.statuses.size(), 2u);
  EXPECT_EQ(own.url.port, 443);
  EXPECT_EQ(target(R"("url": "tcp://h:1", "every": "2s")").timeout, 2s) << "a time-out is no longer than the interval";
}

TEST(ProbeTarget, HasAPasswordOrABearer) {
  EXPECT_EQ(target(R"("url": "https://h", "bearer": "hunter2")").bearer, "hunter2");
  EXPECT_EQ(target(R"("url": "https://h", "password": "hunter2", "username": "u")").password, "hunter2");
  auto redis = target(R"("url": "redis://u@h", "password": "hunter2")");
  EXPECT_EQ(redis.username, "u");
  EXPECT_EQ(redis.password, "hunter2");
}

TEST(ProbeTarget, IsRefusedWithItsNameAndTheKey) {
  EXPECT_NE(refusal(R"("url": "tcp://h:1", "method": "GET")").find("\"t\""), std::string::npos);
  for (const auto& [members, part] : std::initializer_list<std::pair<const char*, const char*>>{
           {R"("url": "gopher://h")", "url: expected http"},
           {R"("url": "tcp://h")", "url: it names no port"},
           {R"("url": "tcp://")", "url: it names no host"},
           {R"("url": "tcp://h:1/x")", "url: expected nothing behind the port"},
           {R"("url": "tcp://h:1", "methud": "GET")", "methud: no target has this key"},
           {R"("url": "tcp://h:1", "method": "GET")", "method: a target of the kind tcp"},
           {R"("url": "tcp://h:1", "every": "soon")", "every: expected a duration"},
           {R"("url": "tcp://h:1", "every": "1h1")", "every: expected a duration"},
           {R"("url": "tcp://h:1", "every": "99999999999999999999s")", "every: expected a duration"},
           {R"("url": "tcp://h:1", "every": "1ms")", "every: expected at least"},
           {R"("url": "tcp://h:1", "timeout": "31s")", "timeout: expected at most `every`"},
           {R"("url": "http://u@h")", "url: it has no user"},
           {R"("url": "http://h", "username": "u")", "username: username and password go together"},
           {R"("url": "http://h", "bearer": "b", "username": "u", "password": "hunter2")", "bearer: either"},
           {R"("url": "http://h", "bearer": "hunter2\nb")", "bearer: it has several lines"},
           {R"("url": "http://h", "status": [99])", "status: expected"},
           {R"("url": "http://h", "status": ["9xx"])", "status: expected"},
           {R"("url": "http://h", "body_pattern": "[")", "body_pattern: no regular"},
           {R"("url": "http://h", "headers": {"A\nB": "c"})", "headers: "},
           {R"("url": "http://h", "headers": {"A": "c\r\nd"})", "headers: "},
           {R"("url": "http://h", "redirects": 11)", "redirects: expected"},
           {R"("url": "dns://h")", "url: expected dns://SERVER/NAME"},
           {R"("url": "dns:///n?type=ANY")", "url: expected type="},
           {R"("url": "postgres://u@h/db?password=hunter2")", "url: leave the password out"},
           {R"("url": "postgres://u@h/db?pass%77ord=hunter2")", "url: leave the password out"},
           {R"("url": "postgres://u@h/db?host=other")", "url: host and port"},
           {R"("url": "redis://u:hunter2@h")", "url: leave the password out"},
           {R"("url": "redis://h", "role": "boss")", "role: expected"}}) {
    const auto why = refusal(members);
    EXPECT_NE(why.find(part), why.npos) << members << ": " << why;
    EXPECT_EQ(why.find("hunter2"), why.npos) << why;
  }
}

TEST(ProbeTarget, HasANameOfItsOwnInItsDataCentre) {
  EXPECT_THROW(targets(R"([{"name": "a", "url": "tcp://h:1"}, {"name": "a", "url": "tcp://h:2"}])"), tsn::Failure);
  EXPECT_EQ(
      targets(R"([{"name": "a", "dc": "x", "url": "tcp://h:1"}, {"name": "a", "dc": "y", "url": "tcp://h:2"}])").size(),
      2u);
  EXPECT_THROW(targets("[]"), tsn::Failure);
  EXPECT_THROW(targets(R"([{"url": "tcp://h:1"}])"), tsn::Failure);
  EXPECT_THROW(targets(R"(["tcp://h:1"])"), tsn::Failure);
}

/// An answer to `question`: its bytes, the flags of an answer, and records.
std::string answer_to(const std::string& question, unsigned flags, const std::vector<std::string>& records) {
  std::string out = question;
  out[2] = static_cast<char>(0x80 | flags >> 8);
  out[3] = static_cast<char>(flags & 0xff);
  out[7] = static_cast<char>(records.size());
  for (const auto& record : records) out += record;
  return out;
}
std::string record(DnsType type, const std::string& data, const std::string& name = "\xc0\x0c") {
  return name + std::string(1, '\0') + static_cast<char>(type) + std::string("\0\1\0\0\0\x3c\0", 7) +
         static_cast<char>(data.size()) + data;
}

TEST(ProbeDns, AsksAndReadsEachTypeOfAnswer) {
  const std::string to_question = "\xc0\x0c";
  for (const auto& [type, data, text] : std::initializer_list<std::tuple<DnsType, std::string, std::string>>{
           {DnsType::a, "\xc0\x01\x02\x03", "192.1.2.3"},
           {DnsType::aaaa, std::string("\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\1", 16), "2001:db8::1"},
           {DnsType::cname, "\3WWW" + to_question, "www.shop.example"},
           {DnsType::ns, to_question, "shop.example"},
           {DnsType::mx, std::string("\0\x0a", 2) + "\4mail" + to_question, "10 mail.shop.example"},
           {DnsType::txt, "\2ab\1c", "abc"}}) {
    const auto question = dns_question(7, "Shop.example.", type);
    DnsAnswer answer;
    ASSERT_TRUE(read_dns_answer(answer_to(question, 0, {record(type, data)}), question, answer)) << text;
    ASSERT_EQ(answer.values.size(), 1u) << text;
    EXPECT_EQ(answer.values[0], text);
  }
}

TEST(ProbeDns, PassesOverRecordsOfOtherTypes) {
  const auto question = dns_question(7, "shop.example", DnsType::a);
  DnsAnswer answer;
  ASSERT_TRUE(read_dns_answer(
      answer_to(question, 0, {record(DnsType::cname, "\1x\xc0\x0c"), record(DnsType::a, "\1\1\1\1", "\1x\xc0\x0c")}),
      question, answer));
  EXPECT_EQ(answer.values, std::vector<std::string>{"1.1.1.1"});
}

TEST(ProbeDns, KnowsWhatIsNoAnswerToItsQuestion) {
  const auto question = dns_question(7, "shop.example", DnsType::a);
  const auto good = answer_to(question, 0, {record(DnsType::a, "\1\1\1\1")});
  DnsAnswer answer;
  EXPECT_TRUE(read_dns_answer(good, question, answer));
  EXPECT_FALSE(read_dns_answer(good, dns_question(8, "shop.example", DnsType::a), answer)) << "another id";
  EXPECT_FALSE(read_dns_answer(good, dns_question(7, "shop.examplf", DnsType::a), answer)) << "another name";
  EXPECT_FALSE(read_dns_answer(question, question, answer)) << "a question";
  for (std::size_t n = 0; n < good.size(); ++n) EXPECT_FALSE(read_dns_answer(good.substr(0, n), question, answer)) << n;
  EXPECT_FALSE(read_dns_answer(answer_to(question, 0, {record(DnsType::a, "\1\1\1")}), question, answer))
      << "a short address";
}

TEST(ProbeDns, DoesNotFollowPointersInACircle) {
  const auto question = dns_question(7, "a", DnsType::cname);
  const auto here = static_cast<char>(question.size());
  DnsAnswer answer;
  EXPECT_FALSE(read_dns_answer(answer_to(question, 0, {record(DnsType::cname, "\1x", std::string("\xc0") + here)}),
                               question, answer));
}

TEST(ProbeDns, SaysWhatTheServerRefuses) {
  const auto question = dns_question(7, "shop.example", DnsType::a);
  DnsAnswer answer;
  ASSERT_TRUE(read_dns_answer(answer_to(question, 3, {}), question, answer));
  EXPECT_EQ(dns_code_text(answer.code), "NXDOMAIN");
  EXPECT_EQ(dns_code_text(9), "RCODE 9");
}

TEST(ProbeDns, AsksForNoNameThatCannotBe) {
  for (const std::string bad : {"", ".", "a..b", ".a"}) EXPECT_EQ(dns_question(1, bad, DnsType::a), "") << bad;
  EXPECT_EQ(dns_question(1, std::string(64, 'a'), DnsType::a), "");
  EXPECT_EQ(dns_question(1, std::string(254, 'a'), DnsType::a), "");
}

TEST(ProbeRedis, ReadsRepliesPieceByPiece) {
  for (const auto& [bytes, text, error] :
       std::initializer_list<std::tuple<std::string, std::string, bool>>{{"+PONG\r\n", "PONG", false},
                                                                         {"-NOAUTH x\r\n", "NOAUTH x", true},
                                                                         {":12\r\n", "12", false},
                                                                         {"$5\r\na\r\nbc\r\n", "a\r\nbc", false},
                                                                         {"$0\r\n\r\n", "", false},
                                                                         {"$-1\r\n", "", false}}) {
    RespReply reply;
    std::size_t used = 0;
    for (std::size_t n = 0; n < bytes.size(); ++n)
      EXPECT_EQ(read_resp(bytes.substr(0, n), reply, used), RespRead::more) << bytes << n;
    ASSERT_EQ(read_resp(bytes + "+next\r\n", reply, used), RespRead::whole) << bytes;
    EXPECT_EQ(used, bytes.size());
    EXPECT_EQ(reply.text, text);
    EXPECT_EQ(reply.error, error);
  }
}

TEST(ProbeRedis, RefusesWhatIsNoReplyOrTooLong) {
  RespReply reply;
  std::size_t used = 0;
  for (const std::string bad :
       {"HTTP/1.1 400\r\n", "$x\r\n", "$-2\r\n", "$99999999999\r\n", "*1\r\n", "$1\r\nabc", "\r\n"})
    EXPECT_EQ(read_resp(bad, reply, used), RespRead::bad) << bad;
  EXPECT_EQ(read_resp("+" + std::string(100, 'a'), reply, used, 50), RespRead::bad);
}

TEST(ProbeRedis, TellsLagOfReplicasAndPrimaries) {
  RedisReplication seen;
  ASSERT_TRUE(read_replication(
      "# Replication\r\nrole:slave\r\nmaster_link_status:up\r\nmaster_last_io_seconds_ago:3\r\n", seen));
  EXPECT_TRUE(seen.replica);
  EXPECT_EQ(seen.lag, 3);
  ASSERT_TRUE(read_replication(
      "role:slave\r\nmaster_link_status:down\r\nmaster_last_io_seconds_ago:-1\r\nmaster_link_down_since_seconds:70\r\n",
      seen));
  EXPECT_EQ(seen.lag, 70);
  ASSERT_TRUE(read_replication("role:slave\r\nmaster_link_status:down\r\nmaster_link_down_since_seconds:-1\r\n", seen));
  EXPECT_FALSE(seen.lag);
  ASSERT_TRUE(
      read_replication("role:master\r\nslave0:ip=1,port=2,state=online,offset=3,lag=1\r\nslave1:ip=1,lag=4\r\n", seen));
  EXPECT_FALSE(seen.replica);
  EXPECT_EQ(seen.lag, 4);
  ASSERT_TRUE(read_replication("role:master\nslave_repl_offset:1", seen));
  EXPECT_FALSE(seen.lag);
  EXPECT_FALSE(read_replication("nothing", seen));
}

}  // namespace
