// Mails by templates of one's own, and mails about texts that were made to break them.
#include <gtest/gtest.h>

#include <string>

#include "mail.hpp"
#include "message_text/text.hpp"
#include "template/message_data.hpp"
#include "tocsin/testing/fake_host.hpp"
#include "tocsin/testing/hostile.hpp"

namespace {

using namespace tocsin_plugins;
using tsn::testing::hostile_messages;

Template compiled(std::string_view source, Escape escape) {
  return Template(source, escape, message_schema());
}

std::string bytes_by(MailTemplates templates, const tsn::Message& message) {
  const MailStyle style{{"Tocsin", "tocsin@corp"}, {}, "", std::move(templates)};
  return compose(style, {"", "first@example.com"}, message, 1'795'168'800'000'000'000).bytes;
}

/// The content of the part of that type, its transfer encoding undone.
std::string part_of(const std::string& mail, const std::string& type) {
  auto at = mail.find("\r\nContent-Type: " + type + "; charset=utf-8\r\nContent-Transfer-Encoding");
  if (at == mail.npos) return "no such part";
  at = mail.find("\r\n\r\n", at) + 4;
  const std::string coded = mail.substr(at, mail.find("\r\n--=_tocsin_", at) - at);
  std::string out;
  for (std::size_t i = 0; i < coded.size(); ++i) {
    if (coded[i] == '\r') continue;
    if (coded[i] != '=') {
      out += coded[i];
    } else if (coded.compare(i, 3, "=\r\n") == 0) {
      i += 2;
    } else {
      out += static_cast<char>(std::stoi(coded.substr(i + 1, 2), nullptr, 16));
      i += 2;
    }
  }
  return out;
}

std::string header_line(const std::string& mail, const std::string& name) {
  const auto at = mail.find("\r\n" + name + ": ");
  return at == mail.npos ? "" : mail.substr(at + name.size() + 4, mail.find("\r\n", at + 2) - at - name.size() - 4);
}

TEST(MailTemplate, MakesSubjectAndBothParts) {
  const auto mail = bytes_by({compiled("{{severity | lower}}: {{service}} #{{number}}", Escape::line),
                              compiled("{{text}}\n{{#each alerts}}\n- {{labels.loader}}\n{{/each}}", Escape::text),
                              compiled("<h1>{{title}}</h1><a href=\"{{url}}\">{{text}}</a>", Escape::html)},
                             tsn::testing::sample_message());
  EXPECT_EQ(header_line(mail, "Subject"), "high: etl #1042");
  EXPECT_EQ(part_of(mail, "text/plain"), "Loader failed \"twice\" (7)\n- DAILY_SALES\n- HOURLY_STOCK");
  EXPECT_EQ(part_of(mail, "text/html"),
            "<h1>loader_failing DAILY_SALES &quot;&lt;test&gt;&quot;</h1><a "
            "href=\"https://tocsin.example.com/incidents/1042\">"
            "Loader failed &quot;twice&quot; (7)</a>");
}

TEST(MailTemplate, ATextAloneIsWhatTheHtmlPartShowsToo) {
  const auto mail =
      bytes_by({{}, compiled("only <this>: {{title}}", Escape::text), {}}, tsn::testing::sample_message());
  EXPECT_NE(part_of(mail, "text/html").find("only &lt;this&gt;: loader_failing"), std::string::npos);
  EXPECT_EQ(part_of(mail, "text/html").find("Reports are late"), std::string::npos);
}

TEST(MailTemplate, ASubjectThatSaysNothingIsTheDefaultOne) {
  const auto mail = bytes_by({compiled("{{labels.none}}", Escape::line), {}, {}}, tsn::testing::sample_message());
  EXPECT_EQ(header_line(mail, "Subject").substr(0, 21), "[HIGH] loader_failing");
}

TEST(MailTemplate, HtmlThatWouldEndEarlyIsTheDefaultHtml) {
  auto message = tsn::testing::sample_message();
  message.incident.alerts.resize(500, message.incident.alerts[0]);
  const auto mail =
      bytes_by({{}, {}, compiled("<p>{{#each alerts}}{{#each alerts}}{{message}}{{/each}}{{/each}}</p>", Escape::html)},
               message);
  EXPECT_NE(part_of(mail, "text/html").find("Reports are late"), std::string::npos);
}

TEST(MailTemplate, AMistakeIsNamedWhenTheInstanceIsMade) {
  tsn::testing::FakeHost host;
  auto config =
      tsn::Value::table({{"url", "smtp://h:25"}, {"from", "a@b"}, {"html_template", "<p>\n<a href={{url}}>"}});
  try {
    host.create({}, config);
    FAIL() << "was taken";
  } catch (const tsn::Failure& failure) {
    EXPECT_NE(failure.status().text().find("option \"html_template\""), std::string::npos) << failure.status().text();
    EXPECT_NE(
        failure.status().text().find("line 2, column 11: expected a value of HTML in text or in a quoted attribute"),
        std::string::npos)
        << failure.status().text();
  }
}

// --- texts that were made to break ---

/// RFC 5322: lines of at most 998 bytes that end in CRLF, headers of ASCII, none but ours.
void expect_sound(const std::string& mail, const std::string& name) {
  ASSERT_TRUE(mail.ends_with("--\r\n")) << name;
  bool header = true;
  int subjects = 0;
  std::size_t begin = 0;
  for (std::size_t end; (end = mail.find("\r\n", begin)) != mail.npos; begin = end + 2) {
    const std::string_view line(mail.data() + begin, end - begin);
    ASSERT_LE(line.size(), 998u) << name;
    ASSERT_EQ(line.find_first_of("\r\n"), line.npos) << name;
    for (const char c : line) ASSERT_TRUE(static_cast<unsigned char>(c) < 0x7f && (c >= ' ' || c == '\t')) << name;
    header = header && !line.empty();
    if (!header) continue;
    subjects += line.starts_with("Subject:");
    EXPECT_FALSE(line.starts_with("Bcc")) << name;
  }
  EXPECT_EQ(subjects, 1) << name;
}

/// No character of a text opens a tag but those of the mail's own.
void expect_no_markup_of_texts(const std::string& html, const std::string& name) {
  for (const char* bad : {"<script>alert", "<img src=x", "<b>", "<break", "</speak", "href=\"javascript",
                          "href='javascript", "onerror=\""})
    EXPECT_EQ(html.find(bad), html.npos) << name << ": " << bad;
}

TEST(MailHostile, EveryMailIsSoundAndOfBoundedSize) {
  for (const auto& [name, message, text, utf8] : hostile_messages()) {
    const auto mail = bytes_by({}, message);
    expect_sound(mail, name);
    EXPECT_LT(mail.size(), 8u * 1024 * 1024) << name;
    expect_no_markup_of_texts(part_of(mail, "text/html"), name);
    const auto plain = part_of(mail, "text/plain");
    for (auto rest = std::string_view(plain); !rest.empty();) {
      const auto size = character_size(rest);
      ASSERT_GT(size, 0u) << name << " is no UTF-8";
      rest.remove_prefix(size);
    }
  }
}

TEST(MailHostile, SoIsEveryMailByTemplates) {
  for (const auto& [name, message, text, utf8] : hostile_messages()) {
    const auto mail = bytes_by({compiled("{{title}} {{incident.description}}", Escape::line),
                                compiled("{{#each alerts}}{{message}} {{labels | join}}\n{{/each}}", Escape::text),
                                compiled("{{#each links}}<a title=\"{{text}}\" href=\"{{href}}\">{{text}}</a>{{/each}}"
                                         "{{#each alerts}}<p>{{name}} {{message}}</p>{{/each}}",
                                         Escape::html)},
                               message);
    expect_sound(mail, name);
    expect_no_markup_of_texts(part_of(mail, "text/html"), name);
  }
}

}  // namespace
