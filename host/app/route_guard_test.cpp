#include "app/route_guard.hpp"

#include <gtest/gtest.h>

#include "base/base64.hpp"
#include "settings/instances.hpp"

namespace tocsin::app {
namespace {

using settings::RouteAuth;

/// What a request with these headers gets: the user, or the status and the challenge.
struct Door {
  explicit Door(std::optional<RouteAuth> auth) { guard.set(std::move(auth)); }

  std::string asks(std::vector<std::pair<std::string_view, std::string_view>> headers, std::string_view body = "",
                   std::string_view certificate = "", std::string_view remote = "10.20.0.9") {
    RouteGuard::Request request;
    request.method = "POST";
    request.path = "/x";
    request.headers = std::move(headers);
    request.body = body;
    request.certificate = certificate;
    request.remote = remote;
    const auto verdict = guard.admit(request);
    if (verdict) return "in: " + *verdict;
    std::string out = std::to_string(verdict.error().status);
    for (const auto& [name, value] : verdict.error().headers) {
      if (name == "www-authenticate") out += " " + value;
    }
    said += verdict.error().body;
    return out;
  }

  RouteGuard guard{"source.push"};
  std::string said;
};

RouteAuth tokens(std::vector<std::pair<std::string, std::string>> all) {
  RouteAuth auth;
  auth.type = RouteAuth::Type::bearer;
  auth.secrets = std::move(all);
  return auth;
}

TEST(RouteGuard, LetsEverybodyInWithoutAuth) {
  EXPECT_EQ(Door(std::nullopt).asks({}), "in: ");
}

TEST(RouteGuard, TakesAnyOfTheTokensAndNamesWhoseItIs) {
  Door door(tokens({{"old", "one-token"}, {"new", "two-token"}}));
  EXPECT_EQ(door.asks({{"authorization", "Bearer one-token"}}), "in: old");
  EXPECT_EQ(door.asks({{"authorization", "bearer two-token"}}), "in: new") << "schemes have no case (RFC 9110, 11.1)";
}

TEST(RouteGuard, RefusesWrongTokensWithAChallengeAndWithoutRepeatingThem) {
  Door door(tokens({{"a", "right"}}));
  EXPECT_EQ(door.asks({}), "401 Bearer realm=\"source.push\"");
  const std::string invalid = "401 Bearer realm=\"source.push\", error=\"invalid_token\"";
  for (const char* shown : {"Bearer wrong", "Bearer righ", "Bearer rightt", "Bearer Right"})
    EXPECT_EQ(door.asks({{"authorization", shown}}), invalid) << shown;
  for (const char* shown : {"right", "Bearer", "Basic right", "Bearerright"})
    EXPECT_EQ(door.asks({{"authorization", shown}}), "401 Bearer realm=\"source.push\"") << shown;
  EXPECT_EQ(door.said.find("right"), door.said.npos) << door.said;
}

TEST(RouteGuard, ListsWithoutTokensLetNobodyIn) {
  Door door(tokens({}));
  EXPECT_EQ(door.asks({{"authorization", "Bearer "}}).substr(0, 3), "401");
  EXPECT_EQ(door.asks({{"authorization", "Bearer x"}}).substr(0, 3), "401");
}

TEST(RouteGuard, TakesTheNewTokenAndNotTheOldOneAfterAChange) {
  Door door(tokens({{"a", "one"}}));
  door.guard.set(tokens({{"a", "two"}}));
  EXPECT_EQ(door.asks({{"authorization", "Bearer one"}}).substr(0, 3), "401");
  EXPECT_EQ(door.asks({{"authorization", "Bearer two"}}), "in: a");
}

TEST(RouteGuard, ComparesNameAndPasswordOfBasic) {
  RouteAuth auth;
  auth.type = RouteAuth::Type::basic;
  auth.secrets = {{"ann", "p:w"}};
  Door door(auth);
  const auto shows = [&](const std::string& both) {
    const std::string value = "Basic " + base::to_base64(both);
    return door.asks({{"authorization", value}});
  };
  const std::string challenge = "401 Basic realm=\"source.push\", charset=\"UTF-8\"";
  EXPECT_EQ(shows("ann:p:w"), "in: ann");
  for (const char* wrong : {"ann:p", "bob:p:w", "ann", "", "ann:p:w "}) EXPECT_EQ(shows(wrong), challenge) << wrong;
  EXPECT_EQ(door.asks({{"authorization", "Basic %%%"}}), challenge);
  EXPECT_EQ(door.asks({}), challenge);
}

TEST(RouteGuard, ChecksTheBodysSignature) {
  RouteAuth auth;
  auth.type = RouteAuth::Type::hmac;
  auth.secrets = {{"", "key"}};
  Door door(auth);
  // printf body | openssl dgst -sha256 -hmac key
  const std::string right = "sha256=515aae133b435d4000956731f68ae5cf5eb85d4f0dc6a546d2bfcd3595ec1ae1";
  EXPECT_EQ(door.asks({{"x-hub-signature", right}}, "body"), "in: ");
  EXPECT_EQ(door.asks({{"x-hub-signature-256", right}}, "body"), "in: ");
  EXPECT_EQ(door.asks({{"x-hub-signature", right}}, "bodi").substr(0, 3), "401");
  EXPECT_EQ(door.asks({{"x-hub-signature", right.substr(0, 39)}}, "body").substr(0, 3), "401") << "half of one";
  EXPECT_EQ(door.asks({}, "body"), "401 Signature realm=\"source.push\"");
}

TEST(RouteGuard, RefusesBeforeTheBodyWhatNoBodyCouldMend) {
  RouteGuard::Request request;
  request.remote = "10.0.0.1";
  Door door(tokens({{"a", "t"}}));
  EXPECT_TRUE(door.guard.refuse_head(request));
  request.headers = {{"authorization", "Bearer t"}};
  EXPECT_FALSE(door.guard.refuse_head(request));
  RouteAuth signature;
  signature.type = RouteAuth::Type::hmac;
  signature.secrets = {{"", "key"}};
  EXPECT_FALSE(Door(signature).guard.refuse_head(request)) << "the body is what is signed";
  signature.allow_from = {*settings::parse_network("192.168.0.0/16")};
  EXPECT_TRUE(Door(signature).guard.refuse_head(request));
}

TEST(RouteGuard, AsksForTheCertificateThatItNames) {
  RouteAuth auth;
  auth.type = RouteAuth::Type::mtls;
  Door any(auth);
  EXPECT_EQ(any.asks({}, "", "CN=sender"), "in: CN=sender");
  EXPECT_EQ(any.asks({}), "403");
  auth.subject = "CN=other";
  EXPECT_EQ(Door(auth).asks({}, "", "CN=sender"), "403");
}

TEST(RouteGuard, ComparesNetworksBesides) {
  RouteAuth auth = tokens({{"a", "t"}});
  auth.allow_from = {*settings::parse_network("10.20.0.0/16"), *settings::parse_network("fd00::/8")};
  Door door(auth);
  const auto from = [&](std::string_view remote) { return door.asks({{"authorization", "Bearer t"}}, "", "", remote); };
  EXPECT_EQ(from("10.20.255.1"), "in: a");
  EXPECT_EQ(from("fd12::1"), "in: a");
  EXPECT_EQ(from("::ffff:10.20.0.1"), "in: a");
  for (const char* elsewhere : {"10.21.0.1", "fe80::1", "", "10.20.0.1:4000"}) EXPECT_EQ(from(elsewhere), "403");
  EXPECT_EQ(door.asks({}, "", "", "10.20.0.1").substr(0, 3), "401") << "from the right network without the token";
}

}  // namespace
}  // namespace tocsin::app
