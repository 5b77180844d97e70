// The parts that need no host: one message, and messages in a stream.
#include "message.hpp"

#include <gtest/gtest.h>

#include "framer.hpp"
#include "timestamp/timestamp.hpp"

namespace tocsin_plugins::syslog {
namespace {

using Form = Message::Form;
const tsn::Time now = *parse_rfc3339("2026-11-20T10:00:00Z");

Message parse(std::string_view text, std::string_view zone = "UTC") {
  return Parser(zone).parse(text, now);
}

TEST(Rfc5424, ReadsEveryField) {
  const auto m = parse(
      "<165>1 2026-11-20T09:14:15.003+03:00 mymachine.example.com evntslog 8710 ID47 "
      "[exampleSDID@32473 iut=\"3\" eventSource=\"Application\"][x@1 a=\"b\"] \xef\xbb\xbf"
      "An event");
  EXPECT_EQ(m.form, Form::rfc5424);
  EXPECT_EQ(facility_name(m.facility), "local4");
  EXPECT_EQ(severity_name(m.severity), "notice");
  EXPECT_EQ(m.at, parse_rfc3339("2026-11-20T06:14:15.003Z"));
  EXPECT_EQ(m.host, "mymachine.example.com");
  EXPECT_EQ(m.app, "evntslog");
  EXPECT_EQ(m.procid, "8710");
  EXPECT_EQ(m.msgid, "ID47");
  ASSERT_EQ(m.data.size(), 3u);
  EXPECT_EQ(m.data[0].id, "exampleSDID@32473");
  EXPECT_EQ(m.data[1].name, "eventSource");
  EXPECT_EQ(m.data[1].value, "Application");
  EXPECT_EQ(m.text, "An event");
}

TEST(Rfc5424, TakesNilForWhatIsNotSaid) {
  const auto m = parse("<0>1 - - - - - -");
  EXPECT_EQ(m.form, Form::rfc5424);
  EXPECT_FALSE(m.at);
  EXPECT_TRUE(m.host.empty() && m.app.empty() && m.procid.empty() && m.msgid.empty() && m.data.empty() &&
              m.text.empty());
  EXPECT_EQ(severity_name(m.severity), "emerg");
}

TEST(Rfc5424, UndoesTheThreeEscapesAndNoOther) {
  const auto m = parse(R"(<34>1 - - - - - [a b="\"\]\\\n" c=""] x)");
  ASSERT_EQ(m.data.size(), 2u);
  EXPECT_EQ(m.data[0].value, R"("]\\n)");
  EXPECT_EQ(m.data[1].value, "");
  EXPECT_EQ(m.text, "x");
}

TEST(Rfc5424, LosesNoMessageWhoseHeaderIsDamaged) {
  for (const char* text : {"<34>1 yesterday host app - - - text", "<34>1 - host app - - [a b=\"c\" text",
                           "<34>1 - host", "<34>1 - host app - - [a b=c] text", "<34>1 - host app - - -text",
                           "<34>1  - - - - - x", "<34>1 - host app - - [] text"}) {
    const auto m = parse(text);
    EXPECT_NE(m.form, Form::rfc5424) << text;
    EXPECT_EQ(severity_name(m.severity), "crit") << text;
    EXPECT_FALSE(m.text.empty()) << text;
    EXPECT_TRUE(m.data.empty()) << text;
  }
}

TEST(Rfc3164, ReadsTheExampleOfTheRfc) {
  const auto m = parse("<34>Oct 11 22:14:15 mymachine su: 'su root' failed for lonvick on /dev/pts/8");
  EXPECT_EQ(m.form, Form::rfc3164);
  EXPECT_EQ(facility_name(m.facility), "auth");
  EXPECT_EQ(m.at, parse_rfc3339("2026-10-11T22:14:15Z"));
  EXPECT_EQ(m.host, "mymachine");
  EXPECT_EQ(m.app, "su");
  EXPECT_EQ(m.text, "'su root' failed for lonvick on /dev/pts/8");
}

TEST(Rfc3164, ReadsTimestampsInTheZone) {
  EXPECT_EQ(parse("<34>Nov 20 12:59:00 h a: x", "Asia/Riyadh").at, parse_rfc3339("2026-11-20T09:59:00Z"));
  EXPECT_EQ(parse("<34>2026-11-20T12:59:00.5+03:00 h a: x", "UTC").at, parse_rfc3339("2026-11-20T09:59:00.5Z"));
}

TEST(Rfc3164, TakesTheNewestYearThatIsNotAhead) {
  EXPECT_EQ(parse("<34>Dec 31 23:59:59 h a: x").at, parse_rfc3339("2025-12-31T23:59:59Z"));
  EXPECT_EQ(parse("<34>Jan  1 00:00:00 h a: x").at, parse_rfc3339("2026-01-01T00:00:00Z"));
}

TEST(Rfc3164, TakesTagsAsProgramsWriteThem) {
  struct Case {
    const char *text, *host, *app, *procid, *rest;
  };
  for (const Case& c :
       {Case{"<38>Nov 20 09:00:00 web1 sshd[1234]: Failed password", "web1", "sshd", "1234", "Failed password"},
        Case{"<38>Nov 20 09:00:00 sshd[1234]: local", "", "sshd", "1234", "local"},
        Case{"<38>Nov 20 09:00:00 cron: local", "", "cron", "", "local"},
        Case{"<38>sshd[1]: no time", "", "sshd", "1", "no time"},
        Case{"<38>Nov 20 09:00:00 fe80::1 docker/abc_d[7]: x", "fe80::1", "docker/abc_d", "7", "x"},
        Case{"<38>Nov 20 09:00:00 web1 text without a tag", "web1", "", "", "text without a tag"},
        Case{"<38>Nov 20 09:00:00 web1 http://x/ is down", "web1", "", "", "http://x/ is down"},
        Case{"<38>Nov 20 09:00:00.123 sw1 link-1.service: x", "sw1", "link-1.service", "", "x"}}) {
    const auto m = parse(c.text);
    EXPECT_EQ(m.host, c.host) << c.text;
    EXPECT_EQ(m.app, c.app) << c.text;
    EXPECT_EQ(m.procid, c.procid) << c.text;
    EXPECT_EQ(m.text, c.rest) << c.text;
  }
}

TEST(Message, WithoutAHeaderIsATextOfUserNotice) {
  for (const char* text : {"anything at all", "<999>x y", "<>x", "<12", "<12345>x", "<1a>x", "http://x y"}) {
    const auto m = parse(text);
    EXPECT_EQ(m.form, Form::bare) << text;
    EXPECT_EQ(m.text, text);
    EXPECT_EQ(facility_name(m.facility), "user");
    EXPECT_EQ(severity_name(m.severity), "notice");
  }
  EXPECT_EQ(parse("<191>plain").text, "plain");
}

TEST(Message, SurvivesEveryTruncation) {
  const std::string whole = R"(<165>1 2026-11-20T09:14:15Z h app 1 ID [a@1 b="c\"d"][e f="g"] text)";
  for (std::size_t n = 0; n <= whole.size(); ++n) EXPECT_NO_THROW(parse(whole.substr(0, n))) << n;
}

std::vector<std::string> frames(std::string_view stream, std::size_t piece, std::size_t most = 64) {
  std::vector<std::string> all;
  Framer framer(most, [&](std::string_view m, bool cut) { all.push_back(std::string(m) + (cut ? "…" : "")); });
  for (std::size_t at = 0; at < stream.size(); at += piece) framer.take(stream.substr(at, piece));
  framer.end();
  return all;
}

TEST(Framer, TakesBothFramingsMixedWhateverThePieces) {
  const std::string stream = "8 <34>a\nb\n<34>line\r\n6 <34>cd12 <34>1 octets\n2026-11-20 text\n10 <34>1 begun";
  for (std::size_t piece = 1; piece <= stream.size(); ++piece)
    EXPECT_EQ(frames(stream, piece), (std::vector<std::string>{"<34>a\nb\n", "<34>line\r", "<34>cd", "<34>1 octets",
                                                               "2026-11-20 text", "<34>1 begu", "n"}))
        << piece;
}

TEST(Framer, CutsWhatIsTooLongAndGoesOnBehindIt) {
  const std::string stream = "20 <34>56789012345678907 <34>abc<34>567890123\n<34>x\n99 <34>y";
  for (std::size_t piece = 1; piece <= stream.size(); ++piece)
    EXPECT_EQ(frames(stream, piece, 10),
              (std::vector<std::string>{"<34>567890…", "<34>abc", "<34>567890…", "<34>x", "<34>y…"}))
        << piece;
}

TEST(Framer, TakesALongNumberForText) {
  EXPECT_EQ(frames("1234567890123 x\n", 3), std::vector<std::string>{"1234567890123 x"});
}

}  // namespace
}  // namespace tocsin_plugins::syslog
