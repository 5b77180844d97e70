#include "alertmanager/words.hpp"

#include <gtest/gtest.h>

namespace tocsin::alertmanager {
namespace {

using namespace std::chrono_literals;

TEST(Words, ReadsPrometheusDurations) {
  EXPECT_EQ(parse_duration("1h30m").value(), 90min);
  EXPECT_EQ(parse_duration("1d").value(), 24h);
  EXPECT_EQ(parse_duration("1y2w3d4h5m6s7ms").value(), 24h * (365 + 14 + 3) + 4h + 5min + 6s + 7ms);
  EXPECT_EQ(parse_duration("0").value(), 0s);
  for (const char* bad : {"", "5", "s", "1.5h", "-1s", "1m1h", "1s1s", "1h ", "99999999999999999999s", "300000y"})
    EXPECT_FALSE(parse_duration(bad)) << bad;
}

TEST(Words, ReadsGosDurations) {
  EXPECT_EQ(parse_go_duration("1.5h").value(), 90min);
  EXPECT_EQ(parse_go_duration("120h").value(), 120h);
  EXPECT_EQ(parse_go_duration("1m1h").value(), 61min);
  EXPECT_EQ(parse_go_duration("-1s").value(), -1s);
  EXPECT_EQ(parse_go_duration("0").value(), 0s);
  for (const char* bad : {"", "1d", "5", "h", "1..5h", "1h-", "-"}) EXPECT_FALSE(parse_go_duration(bad)) << bad;
}

std::string texts(const char* line) {
  const auto parsed = parse_matchers(line);
  if (!parsed) return "refused";
  std::string out;
  for (const auto& matcher : *parsed) out += matcher.text() + " ";
  return out;
}

TEST(Words, ReadsMatchersAloneAndInBraces) {
  EXPECT_EQ(texts("a=b"), "a=\"b\" ");
  EXPECT_EQ(texts("{a=\"b\", c=~\"d,e\" , f!=g}"), "a=\"b\" c=~\"d,e\" f!=\"g\" ");
  EXPECT_EQ(texts("a=\"say \\\"hi, you\\\"\",b!~x"), "a=\"say \\\"hi, you\\\"\" b!~\"x\" ");
  EXPECT_EQ(texts("{}"), "");
  EXPECT_EQ(texts("a=b,"), "a=\"b\" ");
  for (const char* bad : {"a", "=b", "a=b,,c=d", "a-b=c", "a=~(", "a=\"b"}) EXPECT_EQ(texts(bad), "refused") << bad;
}

TEST(Words, SortsMatchersAsAlertmanagerDoes) {
  auto matchers = parse_matchers("b=1,a=2,a!=1,a=1").value();
  sort(matchers);
  std::string out;
  for (const auto& matcher : matchers) out += matcher.text() + " ";
  EXPECT_EQ(out, "a=\"1\" a!=\"1\" a=\"2\" b=\"1\" ");
}

TEST(Words, TakesUserAndPasswordOutOfAUrl) {
  const auto url = parse_url("https://a%40b:c%3Ad@host:8443/x?y=1").value();
  EXPECT_EQ(url.without_user, "https://host:8443/x?y=1");
  EXPECT_EQ(url.user, "a@b");
  EXPECT_EQ(url.password, "c:d");
  for (const char* bad : {"", "ftp://x", "http://", "http:///x", "x.example", "http://a b/"})
    EXPECT_FALSE(parse_url(bad)) << bad;
}

TEST(Words, KnowsTheFlagsOfYaml11) {
  EXPECT_EQ(parse_flag("yes"), true);
  EXPECT_EQ(parse_flag("Off"), false);
  EXPECT_EQ(parse_flag("tRue"), std::nullopt);
}

}  // namespace
}  // namespace tocsin::alertmanager
