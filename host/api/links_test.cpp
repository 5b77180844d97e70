// Promises about action links: a page to look at, one button, and nothing done before it is pressed.
#include <array>
#include <cstdio>

#include "api/link_page.hpp"
#include "api/testing/fleet.hpp"

namespace tocsin::api {
namespace {

using testing::RawAnswer;

class Links : public testing::FleetTest {
 protected:
  static bool has(const RawAnswer& answer, std::string_view text) {
    return answer.body.find(text) != std::string::npos;
  }
};

TEST_F(Links, OpeningOneShowsWhatItWouldDoWithOneButtonAndNoScript) {
  start();
  const RawAnswer page = ask("GET", "/a/good");
  EXPECT_EQ(page.status, 200u);
  for (const char* part : {"#1042 disk_filling host=&quot;n1&quot;, mount=/", "HIGH", "OPEN", "2026-11-20 10:00:00 UTC",
                           "<form method=\"post\"><button type=\"submit\">Acknowledge</button></form>", "first",
                           "width=device-width", "prefers-color-scheme:dark"}) {
    EXPECT_TRUE(has(page, part)) << part << "\n" << page.body;
  }
  EXPECT_FALSE(has(page, "<script"));
  EXPECT_FALSE(has(page, "<input"));
}

TEST_F(Links, OpeningOneOftenChangesNothing) {
  start();
  for (const char* method : {"GET", "HEAD", "OPTIONS"}) {
    for (int i = 0; i < 10; ++i) EXPECT_LT(ask(method, "/a/good?utm_source=scanner").status, 300u) << method;
  }
  EXPECT_EQ(backend.followed, 0);
  EXPECT_EQ(backend.incidents_.front().status, model::IncidentStatus::open);
}

TEST_F(Links, APageIsKeptByNobodyAndLeadsNowhere) {
  start();
  for (const char* target : {"/a/good", "/a/forged", "/a/late", "/a/gone"}) {
    RawAnswer page = ask("GET", target);
    EXPECT_EQ(page.headers["content-type"], "text/html; charset=utf-8") << target;
    EXPECT_EQ(page.headers["cache-control"], "no-store") << target;
    EXPECT_EQ(page.headers["referrer-policy"], "no-referrer") << target;
    EXPECT_EQ(page.headers["x-robots-tag"], "noindex, nofollow") << target;
    EXPECT_TRUE(page.headers["content-security-policy"].starts_with("default-src 'none'; style-src 'sha256-"))
        << target;
    EXPECT_FALSE(has(page, target)) << "the address is repeated";
  }
}

TEST_F(Links, ThePolicyNamesTheHashOfTheStyle) {
  const std::string command =
      "printf %s '" + std::string(link_page_style()) + "' | openssl dgst -sha256 -binary | base64";
  std::FILE* out = ::popen(command.c_str(), "r");
  ASSERT_NE(out, nullptr);
  std::array<char, 128> line{};
  const bool read = std::fgets(line.data(), line.size(), out) != nullptr;
  EXPECT_EQ(::pclose(out), 0);
  ASSERT_TRUE(read) << "the openssl command is needed";
  std::string hash = line.data();
  hash.erase(hash.find_last_not_of('\n') + 1);
  EXPECT_NE(link_page_policy().find("'sha256-" + hash + "'"), std::string_view::npos) << hash;
}

TEST_F(Links, TheButtonDoesItOnce) {
  start();
  const RawAnswer done = ask("POST", "/a/good");
  EXPECT_EQ(done.status, 200u);
  EXPECT_TRUE(has(done, "Done: 1042 acknowledged by first.")) << done.body;
  const RawAnswer again = ask("POST", "/a/good");
  EXPECT_EQ(again.status, 200u);
  EXPECT_TRUE(has(again, "Nothing was changed: 1042 was acknowledged before by first.")) << again.body;
  const RawAnswer later = ask("GET", "/a/good");
  EXPECT_TRUE(has(later, "first has this incident in hand already."));
  EXPECT_FALSE(has(later, "<form"));
}

TEST_F(Links, APageWithoutReferrerMayPressIt) {
  start();
  // What a browser says of a form on a page with Referrer-Policy: no-referrer.
  EXPECT_EQ(ask("POST", "/a/good", "", "Origin: null\r\nSec-Fetch-Site: same-origin\r\n").status, 200u);
  EXPECT_EQ(ask("POST", "/api/v1/incidents/1042/escalate", "", "Origin: null\r\n").status, 403u);
  EXPECT_EQ(backend.followed, 1);
}

TEST_F(Links, WhatIsNoneSaysSoWithItsOwnStatus) {
  start();
  for (const char* method : {"GET", "POST"}) {
    EXPECT_EQ(ask(method, "/a/forged").status, 403u);
    EXPECT_EQ(ask(method, "/a/gone").status, 404u);
    EXPECT_EQ(ask(method, "/a/late").status, 410u);
    RawAnswer limited = ask(method, "/a/flooded");
    EXPECT_EQ(limited.status, 429u);
    EXPECT_EQ(limited.headers["retry-after"], "60");
  }
  EXPECT_EQ(backend.followed, 0);
  EXPECT_EQ(backend.last_remote, "127.0.0.1");
}

TEST_F(Links, OneThatIsOverTellsNothingOfTheIncidentButItsNumber) {
  start();
  const RawAnswer page = ask("GET", "/a/late");
  EXPECT_TRUE(has(page, "#1042"));
  EXPECT_FALSE(has(page, "disk_filling"));
}

TEST_F(Links, WhatIsNotPossibleAnyMoreSaysWhy) {
  backend.link_refusal = "1042 has <no> ladder";
  start();
  const RawAnswer refused = ask("POST", "/a/good");
  EXPECT_EQ(refused.status, 409u);
  EXPECT_TRUE(has(refused, "1042 has &lt;no&gt; ladder")) << refused.body;
}

TEST_F(Links, OfAnIncidentThatIsOverThereIsNothingToDo) {
  backend.incidents_.front().status = model::IncidentStatus::resolved;
  backend.link_kind = model::AnswerKind::escalate;
  start();
  const RawAnswer page = ask("GET", "/a/good");
  EXPECT_EQ(page.status, 200u);
  EXPECT_FALSE(has(page, "<form"));
}

TEST_F(Links, EveryTextOfOutsideIsEscaped) {
  backend.incidents_.front().title = "<script>alert(1)</script>";
  backend.incidents_.front().service_name = "\"><img src=x>";
  start();
  const RawAnswer page = ask("GET", "/a/good");
  EXPECT_FALSE(has(page, "<script"));
  EXPECT_FALSE(has(page, "<img"));
  EXPECT_TRUE(has(page, "&lt;script&gt;alert(1)&lt;/script&gt;"));
}

TEST_F(Links, AFormThatCarriesMuchIsRefused) {
  start();
  EXPECT_EQ(ask("POST", "/a/good", std::string(5000, 'x')).status, 413u);
  EXPECT_EQ(ask("POST", "/a/good", "ok=1").status, 200u);
  EXPECT_EQ(backend.followed, 1);
}

TEST_F(Links, RefusalsArePagesToo) {
  start();
  RawAnswer away = ask("GET", "/a/broken");
  EXPECT_EQ(away.status, 503u);
  EXPECT_EQ(away.headers["content-type"], "text/html; charset=utf-8");
  EXPECT_TRUE(has(away, "the store &lt;is&gt; away")) << away.body;
}

TEST_F(Links, AnyAgentOfAFleetShowsOneAndTheDeciderDoesIt) {
  start();
  join();
  other_backend.name(url());
  EXPECT_EQ(ask_other("GET", "/a/good").status, 200u);
  EXPECT_EQ(passed("answered"), 0);
  RawAnswer done = ask_other("POST", "/a/good");
  EXPECT_EQ(done.status, 200u);
  EXPECT_TRUE(has(done, "Done: 1042 acknowledged by first.")) << done.body;
  EXPECT_EQ(done.headers["referrer-policy"], "no-referrer");
  EXPECT_TRUE(done.headers["content-security-policy"].starts_with("default-src 'none'"));
  EXPECT_EQ(backend.followed, 1);
  EXPECT_EQ(other_backend.followed, 0);
}

TEST_F(Links, WhereNobodyDecidesThePersonIsToldOnAPage) {
  start();
  join(impatient());
  other_backend.name(base::fail(base::Fault::unavailable, "the lease is free"));
  RawAnswer none = ask_other("POST", "/a/good");
  EXPECT_EQ(none.status, 503u);
  EXPECT_EQ(none.headers["content-type"], "text/html; charset=utf-8");
}

}  // namespace
}  // namespace tocsin::api
