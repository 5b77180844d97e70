#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <sstream>
#include <string>
#include <vector>

#include "body.hpp"
#include "encoding.hpp"
#include "mail.hpp"
#include "tocsin/testing/fake_host.hpp"

namespace {

using namespace tocsin_plugins;
using tsn::Value;
using tsn::testing::FakeHost;
using tsn::testing::sample_message;

/// A mail read back: unfolded headers, the decoded parts by their type.
struct Parsed {
  std::map<std::string, std::string> headers;
  std::map<std::string, std::string> parts;
};

std::string decoded(const std::string& body) {
  std::string out;
  for (std::size_t i = 0; i < body.size(); ++i) {
    if (body[i] != '=') {
      if (body[i] != '\r') out += body[i];
    } else if (body.compare(i, 3, "=\r\n") == 0) {
      i += 2;
    } else {
      out += static_cast<char>(std::stoi(body.substr(i + 1, 2), nullptr, 16));
      i += 2;
    }
  }
  return out;
}

std::map<std::string, std::string> headers_of(const std::string& head) {
  std::map<std::string, std::string> out;
  std::istringstream lines(head);
  std::string line, name;
  while (std::getline(lines, line)) {
    if (line.ends_with('\r')) line.pop_back();
    if (line.starts_with(' ')) {
      out[name] += line;
      continue;
    }
    const auto colon = line.find(": ");
    if (colon == line.npos) continue;
    name = line.substr(0, colon);
    EXPECT_FALSE(out.contains(name)) << "twice: " << name;
    out[name] = line.substr(colon + 2);
  }
  return out;
}

Parsed parsed(const std::string& mail) {
  Parsed out;
  const auto end = mail.find("\r\n\r\n");
  out.headers = headers_of(mail.substr(0, end + 2));
  const auto& type = out.headers["Content-Type"];
  const std::string boundary = "--" + type.substr(type.find('"') + 1, type.rfind('"') - type.find('"') - 1);
  for (auto at = mail.find(boundary); at != mail.npos;) {
    const auto next = mail.find(boundary, at + 1);
    if (next == mail.npos) break;
    const std::string part = mail.substr(at, next - at);
    const auto body = part.find("\r\n\r\n");
    const std::string kind = headers_of(part.substr(0, body + 2))["Content-Type"];
    out.parts[kind.substr(0, kind.find(';'))] = decoded(part.substr(body + 4));
    at = next;
  }
  return out;
}

MailStyle style() {
  return {{"Tocsin", "tocsin@corp"}, {}, ""};
}

Parsed composed(const tsn::Message& message) {
  return parsed(compose(style(), {"", "first@example.com"}, message, 1'795'168'800'000'000'000).bytes);
}

// --- encodings ---

TEST(MailEncoding, QuotedPrintableKeepsLinesWithin76ColumnsAndComesBackWhole) {
  const std::string text = "a = b\nالتحميل اليومي " + std::string(200, 'x') + " \n.\ntrailing \t\n\nend";
  const auto coded = quoted_printable(text);
  std::istringstream lines(coded);
  for (std::string line; std::getline(lines, line);) {
    EXPECT_LE(line.size(), 77u) << line;  // with its CR
    EXPECT_TRUE(line.ends_with('\r'));
    EXPECT_FALSE(line.ends_with(" \r") || line.ends_with("\t\r")) << "white space that a relay may drop";
  }
  EXPECT_EQ(decoded(coded), text + "\n");
}

TEST(MailEncoding, ASubjectInArabicIsEncodedWordsThatSplitNoCharacter) {
  std::string subject;
  for (int i = 0; i < 20; ++i) subject += "فشل التحميل ";
  const auto header = text_header("Subject", subject);
  std::istringstream lines(header);
  int words = 0;
  for (std::string line; std::getline(lines, line); ++words) {
    EXPECT_LE(line.size(), 77u);
    EXPECT_NE(line.find("=?UTF-8?B?"), line.npos) << line;
  }
  EXPECT_GT(words, 5);
  EXPECT_TRUE(header.ends_with("?=\r\n"));
  for (const char c : header) EXPECT_LT(static_cast<unsigned char>(c), 0x7f);
}

TEST(MailEncoding, EncodedWordsAreTheBase64OfTheText) {
  EXPECT_EQ(text_header("Subject", "é"), "Subject: =?UTF-8?B?w6k=?=\r\n");
  EXPECT_EQ(text_header("Subject", "éa"), "Subject: =?UTF-8?B?w6lh?=\r\n");
}

TEST(MailEncoding, ALongSubjectFoldsAtSpaces) {
  std::string subject;
  for (int i = 0; i < 30; ++i) subject += "word" + std::to_string(i) + " ";
  const auto header = text_header("Subject", subject);
  std::istringstream lines(header);
  for (std::string line; std::getline(lines, line);) EXPECT_LE(line.size(), 77u);
  EXPECT_EQ(headers_of(header)["Subject"], subject.substr(0, subject.size() - 1));
}

TEST(MailEncoding, APlainSubjectThatLooksEncodedIsNotTakenForIt) {
  EXPECT_EQ(text_header("Subject", "=?UTF-8?B?w6k=?=").find("Subject: =?UTF-8?B?w6k=?="), std::string::npos);
}

TEST(MailEncoding, ReadsAddressesAndRefusesWhatCouldInject) {
  EXPECT_EQ(parse_address("a@b")->mail, "a@b");
  EXPECT_EQ(parse_address(" \"Tocsin, Riyadh\" <t@corp> ")->name, "Tocsin, Riyadh");
  EXPECT_EQ(parse_address("غرفة العمليات <ops@corp>")->mail, "ops@corp");
  for (const char* bad : {"", "a", "a@", "@b", "a@b@c", "a b@c", "a@b\r\nBcc: x@y", "a@b>,<c@d", "N\r\nBcc: x@y <a@b>",
                          "<a@b", "a@b,c@d", "ä@b"}) {
    EXPECT_FALSE(parse_address(bad)) << bad;
  }
}

TEST(MailEncoding, ADisplayNameIsQuotedOrEncoded) {
  EXPECT_EQ(address_header("From", {"To\"csin", "t@corp"}), "From: \"To\\\"csin\" <t@corp>\r\n");
  EXPECT_EQ(address_header("From", {"é", "t@corp"}), "From: =?UTF-8?B?w6k=?=\r\n <t@corp>\r\n");
}

// --- the mail ---

TEST(Mail, HasTheHeadersThatMailNeeds) {
  const auto headers = composed(sample_message()).headers;
  EXPECT_EQ(headers.at("Date"), "Fri, 20 Nov 2026 10:00:00 +0000");
  EXPECT_EQ(headers.at("From"), "\"Tocsin\" <tocsin@corp>");
  EXPECT_EQ(headers.at("To"), "first@example.com");
  EXPECT_EQ(headers.at("Subject"), "[HIGH] loader_failing DAILY_SALES \"<test>\"");
  EXPECT_EQ(headers.at("MIME-Version"), "1.0");
  EXPECT_EQ(headers.at("Auto-Submitted"), "auto-generated");
  EXPECT_EQ(headers.at("X-Tocsin-Incident"), "0193489c-8a40-7c3e-9d5f-1f0a2b3c4d5e");
  EXPECT_EQ(headers.at("X-Tocsin-Idempotency-Key"), "n-1042-1");
}

TEST(Mail, SaysInTheSubjectWhatHappened) {
  auto message = sample_message();
  message.kind = TSN_MSG_RESOLVED;
  EXPECT_TRUE(composed(message).headers.at("Subject").starts_with("[RESOLVED] loader_failing"));
  message.kind = TSN_MSG_UPDATE;
  EXPECT_TRUE(composed(message).headers.at("Subject").starts_with("[HIGH] UPDATE: loader_failing"));
  message.kind = TSN_MSG_TEST;
  EXPECT_TRUE(composed(message).headers.at("Subject").starts_with("[TEST] "));
}

TEST(Mail, ATitleWithNewlinesAddsNoHeader) {
  auto message = sample_message();
  message.title = "x\r\nBcc: evil@corp\r\n\r\n<b>body</b>";
  message.key = "k\r\nBcc: evil@corp";
  message.incident.correlation_id = "c\r\nBcc: evil@corp";
  message.provider_id = "<a@b>\r\nBcc: evil@corp";
  const auto mail = composed(message);
  EXPECT_FALSE(mail.headers.contains("Bcc"));
  EXPECT_EQ(mail.headers.at("Subject"), "[HIGH] x Bcc: evil@corp <b>body</b>");
  EXPECT_EQ(mail.parts.size(), 2u);
}

TEST(Mail, BothPartsTellTheWholeIncident) {
  const auto mail = composed(sample_message());
  for (const auto& [type, text] : mail.parts) {
    for (const char* part :
         {"OPEN", "HIGH", "etl", "Reports are late", "التحميل اليومي", "loader=DAILY_SALES", "loader=HOURLY_STOCK",
          "loader_failing", "https://tocsin.example.com/incidents/1042", "https://wiki.example.com/rb/etl",
          "https://grafana.example.com/d/etl", "looking at it", "2026-11-20 10:00:05 UTC", "فشل التحميل", "#1042"}) {
      EXPECT_NE(text.find(part), text.npos) << type << " lacks " << part << "\n" << text;
    }
  }
  EXPECT_EQ(mail.parts.size(), 2u);
}

TEST(Mail, HasALinkForWhatItsReaderMayDoInBothParts) {
  const auto mail = composed(sample_message());
  const auto& text = mail.parts.at("text/plain");
  EXPECT_NE(text.find("\nAcknowledge: https://tocsin.example.com/a/AbC.dEf_1-2\n"), text.npos) << text;
  EXPECT_NE(text.find("\nEscalate: https://tocsin.example.com/a/AbC.dEf_1-3\n"), text.npos) << text;
  const auto& html = mail.parts.at("text/html");
  EXPECT_NE(html.find("<a href=\"https://tocsin.example.com/a/AbC.dEf_1-2\" style=\""), html.npos) << html;
  EXPECT_NE(html.find(">Acknowledge</a>"), html.npos) << html;
}

TEST(Mail, WhereThereIsNothingToDoThereAreNoButtons) {
  auto message = sample_message();
  message.actions = {{TSN_ANSWER_ACKNOWLEDGE, "Acknowledge", "javascript:alert(1)"}};
  const auto mail = composed(message);
  EXPECT_EQ(mail.parts.at("text/html").find("Acknowledge</a>"), std::string::npos);
  EXPECT_EQ(mail.parts.at("text/plain").find("Acknowledge:"), std::string::npos);
}

TEST(Mail, TheHtmlPartEscapesEveryText) {
  auto message = sample_message();
  message.incident.impact = "<script>alert(1)</script>";
  message.incident.links = {{"<i>x</i>", "javascript:alert(1)"}, {"\"><img src=x>", "https://a/\"><img src=x>"}};
  message.incident.timeline.push_back({1, "<u>", "note", "", "", "<s>"});
  const auto html = composed(message).parts.at("text/html");
  for (const char* bad : {"<script", "<i>", "<img", "<u>", "<s>", "javascript:", "<test>", "<b>&"}) {
    EXPECT_EQ(html.find(bad), html.npos) << bad;
  }
  EXPECT_NE(html.find("&lt;script&gt;"), html.npos);
}

TEST(Mail, BytesThatAreNoTextBecomeReplacementsAndControlsGo) {
  auto message = sample_message();
  message.incident.impact = "a\xff\x01\x1b[2Jz";
  const auto text = composed(message).parts.at("text/plain");
  EXPECT_NE(text.find("a\xef\xbf\xbd[2Jz"), text.npos) << text;
}

TEST(Mail, ManyAlertsAreListedInPartAndCounted) {
  auto message = sample_message();
  while (message.incident.alerts.size() < 70) message.incident.alerts.push_back(message.incident.alerts[0]);
  for (const auto& [type, text] : composed(message).parts) EXPECT_NE(text.find("and 20 more"), text.npos) << type;
}

TEST(Mail, StaysWithinTheLineLengthOfSmtpWhateverTheTexts) {
  auto message = sample_message();
  const std::string wide(20'000, 'w');
  message.title = message.incident.impact = message.incident.service = wide;
  const auto mail = compose(style(), {"", "first@example.com"}, message, 0);
  std::istringstream lines(mail.bytes);
  for (std::string line; std::getline(lines, line);) ASSERT_LE(line.size(), 200u);
}

// --- threads ---

TEST(MailThread, TheFirstMailsIdIsTheSameForEveryAttemptAndIsTheProviderId) {
  const auto once = compose(style(), {"", "a@b"}, sample_message(), 1),
             again = compose(style(), {"", "a@b"}, sample_message(), 2);
  EXPECT_EQ(once.id, again.id);
  EXPECT_EQ(once.id, once.thread);
  EXPECT_TRUE(once.id.starts_with("<incident-0193489c-8a40-7c3e-9d5f-1f0a2b3c4d5e."));
  EXPECT_NE(once.id, compose(style(), {"", "other@b"}, sample_message(), 1).id);
}

TEST(MailThread, LaterMailsReferToTheFirst) {
  const auto first = compose(style(), {"", "a@b"}, sample_message(), 1);
  auto message = sample_message();
  message.kind = TSN_MSG_RESOLVED;
  message.key = "n-1042-2";
  message.provider_id = first.thread;
  const auto later = compose(style(), {"", "a@b"}, message, 2);
  const auto headers = parsed(later.bytes).headers;
  EXPECT_EQ(headers.at("In-Reply-To"), first.id);
  EXPECT_EQ(headers.at("References"), first.id);
  EXPECT_EQ(headers.at("Message-ID"), later.id);
  EXPECT_NE(later.id, first.id);
  EXPECT_EQ(later.thread, first.id);
}

TEST(MailThread, TwoTrialsAreTwoMails) {
  auto message = sample_message();
  message.kind = TSN_MSG_TEST;
  message.incident.correlation_id = "";
  const auto one = compose(style(), {"", "a@b"}, message, 1);
  message.key = "another";
  EXPECT_NE(one.id, compose(style(), {"", "a@b"}, message, 1).id);
}

// --- the plugin, into a Maildir ---

struct Maildir : testing::Test {
  std::string root = testing::TempDir() + "tocsin-maildir-XXXXXX";
  void SetUp() override { ASSERT_NE(mkdtemp(root.data()), nullptr); }
  void TearDown() override { std::filesystem::remove_all(root); }
  Value config() const { return Value::table({{"url", "maildir:" + root + "/box"}, {"from", "Tocsin <tocsin@corp>"}}); }
  std::vector<std::string> mails() const {
    std::vector<std::string> out;
    for (const auto& file : std::filesystem::directory_iterator(root + "/box/new")) {
      std::ifstream in(file.path());
      out.emplace_back(std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>());
    }
    return out;
  }
};

TEST_F(Maildir, EachMessageIsOneWholeFileInNew) {
  FakeHost host;
  auto email = host.create({}, config());
  const auto first = email->deliver(sample_message());
  ASSERT_EQ(first.status, TSN_OK) << first.text;
  auto message = sample_message();
  message.provider_id = first.delivered.provider_id;
  message.key = "n-1042-2";
  ASSERT_EQ(email->deliver(message).status, TSN_OK);
  ASSERT_EQ(mails().size(), 2u);
  for (const auto& mail : mails()) {
    EXPECT_EQ(mail.find('\r'), mail.npos);
    EXPECT_NE(mail.find("\nSubject: [HIGH] loader_failing"), mail.npos);
  }
  EXPECT_TRUE(std::filesystem::is_empty(root + "/box/tmp"));
  EXPECT_TRUE(std::filesystem::is_directory(root + "/box/cur"));
  EXPECT_TRUE(host.violations().empty());
}

TEST_F(Maildir, SaysWhyItCannotWrite) {
  std::ofstream(root + "/box") << "a file";
  FakeHost host;
  const auto answer = host.create({}, config())->deliver(sample_message());
  EXPECT_EQ(answer.status, TSN_FAILED);
  EXPECT_NE(answer.text.find(root + "/box/tmp"), std::string::npos) << answer.text;
}

TEST_F(Maildir, ARecipientThatIsNoAddressIsRefusedForGood) {
  FakeHost host;
  auto email = host.create({}, config());
  for (const char* bad : {"", "+966500000001", "a@b\r\nBcc: x@y"}) {
    auto message = sample_message();
    message.recipient.address = bad;
    EXPECT_EQ(email->deliver(message).status, TSN_INVALID) << bad;
  }
}

TEST(EmailConfiguration, RefusesWhatCannotWork) {
  const auto made = [](std::initializer_list<std::pair<const char*, Value>> more) {
    FakeHost host;
    auto config = Value::table({{"url", "smtp://h:25"}, {"from", "a@b"}});
    for (const auto& [key, value] : more) config.set(key, value);
    try {
      host.create({}, config);
      return std::string();
    } catch (const tsn::Failure& failure) {
      return std::string(failure.what());
    }
  };
  EXPECT_EQ(made({}), "");
  EXPECT_NE(made({{"url", "http://h"}}).find("url: "), std::string::npos);
  EXPECT_NE(made({{"url", "smtp://user:hunter2@h"}}).find("url: "), std::string::npos);
  EXPECT_EQ(made({{"url", "smtp://user:hunter2@h"}}).find("hunter2"), std::string::npos);
  EXPECT_NE(made({{"url", "maildir:relative"}}).find("url: "), std::string::npos);
  EXPECT_NE(made({{"from", "nobody"}}).find("from: "), std::string::npos);
  EXPECT_NE(made({{"password", "x"}}).find("username"), std::string::npos);
  EXPECT_NE(made({{"helo", "a b\r\n"}}).find("helo: "), std::string::npos);
}

}  // namespace
