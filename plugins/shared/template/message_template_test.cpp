#include <gtest/gtest.h>

#include "message_text/sms.hpp"
#include "message_text/text.hpp"
#include "template/fit.hpp"
#include "template/message_data.hpp"
#include "template/template_option.hpp"
#include "tocsin/testing/hostile.hpp"
#include "tocsin/testing/samples.hpp"

namespace {

using namespace tocsin_plugins;
using tsn::testing::hostile_messages;
using tsn::testing::sample_message;

constexpr tsn::Time now = 1'795'168'800'000'000'000 + 600'000'000'000;  // ten minutes after the sample's alerts began

std::string told(std::string_view source, const tsn::Message& message = sample_message(), ChannelWays ways = {}) {
  return filled_message(Template(source, Escape::text, message_schema()), message, now, ways).text;
}

TEST(MessageTemplate, NamesWhatAMessageHas) {
  EXPECT_EQ(told("{{kind}} {{marker}} {{severity}} {{status}} #{{number}} {{service}} {{attempt}} {{key}}"),
            "firing [HIGH] HIGH OPEN #1042 etl 1 n-1042-1");
  EXPECT_EQ(told("{{headline}}"), "[HIGH] loader_failing DAILY_SALES \"<test>\"");
  EXPECT_EQ(told("{{incident.impact}}, {{incident.detected_at | time:\"+03:00\"}}, {{incident.category}}"),
            "Reports are late, 13:00, ETL");
  EXPECT_EQ(told("{{#each alerts}}{{labels.loader}}={{value}}>{{threshold}} {{starts_at | age}};{{/each}}"),
            "DAILY_SALES=7>5 10m;HOURLY_STOCK=9>5 10m;");
  EXPECT_EQ(told("{{alerts.labels.loader | join:\"+\"}} {{alert_count}} {{firing_count}} {{more_alerts}}"),
            "DAILY_SALES+HOURLY_STOCK 2 2 0");
  EXPECT_EQ(told("{{#each links}}{{text}}: {{href}}{{/each}}"), "Grafana: https://grafana.example.com/d/etl");
  EXPECT_EQ(told("{{#each actions}}{{kind}} {{text}} {{/each}}{{ack_url}}"),
            "acknowledge Acknowledge escalate Escalate https://tocsin.example.com/a/AbC.dEf_1-2");
  EXPECT_EQ(told("{{group.receiver}} {{group.labels.alertname}} {{recipient.name}} {{recipient.address}}"),
            "mail loader_failing first first@example.com");
  EXPECT_EQ(told("{{#each timeline}}{{at | time}} {{actor}}: {{what}}, {{/each}}"),
            "10:00 first: note, 10:00 tocsin: status, ");
  EXPECT_EQ(told("{{labels.service}}|{{open}}{{reply}}{{digits}}", sample_message(), {.replies = true}),
            "etl|truetruefalse");
}

void expect_names(Schema schema, const Datum& data, const std::string& path) {
  for (const auto& name : schema) {
    const Datum* found = data.find(name.name);
    ASSERT_NE(found, nullptr) << path << name.name << " is declared, and a message has it not";
    if (name.kind == Datum::Kind::object) expect_names(name.members, *found, path + std::string(name.name) + ".");
    if (name.kind == Datum::Kind::list) {
      ASSERT_FALSE(found->items.empty()) << name.name;
      expect_names(name.members, found->items[0], path + std::string(name.name) + ".");
    }
  }
  EXPECT_EQ(data.names.size(), schema.size()) << path << ": a message has more than is declared";
}

TEST(MessageTemplate, EveryDeclaredNameIsThereAndNoOther) {
  const auto message = sample_message();
  expect_names(message_schema(), MessageData(message, now).root(), "");
}

TEST(MessageTemplate, WhatIsOverOffersNothing) {
  auto message = sample_message();
  message.kind = TSN_MSG_RESOLVED, message.actions.clear();
  EXPECT_EQ(told("{{kind}}{{marker}}{{#if open}}open{{/if}}{{ack_url}}{{reply}}", message, {.replies = true}),
            "resolved[RESOLVED]false");
}

TEST(MessageTemplate, AnAddressIsOneOfTheWebOrNothing) {
  auto message = sample_message();
  message.incident.url = "javascript:alert(1)", message.incident.links = {{"x", "data:text/html,x"}};
  EXPECT_EQ(told("{{url}}{{incident.url}}{{links | count}}", message), "0");
}

TEST(MessageTemplate, AnOptionSaysWhereItIsWrong) {
  auto table = tsn::Value::table({{"template", tsn::Value("one\n{{titel}}").at_line(12)}, {"empty", ""}});
  const tsn::Config config(table.view());
  EXPECT_FALSE(template_option(config, "empty", Escape::text));
  EXPECT_FALSE(template_option(config, "none", Escape::text));
  try {
    template_option(config, "template", Escape::text);
    FAIL() << "was taken";
  } catch (const tsn::Failure& failure) {
    EXPECT_EQ(failure.status().text(),
              "option \"template\" at line 12: of the template line 2, column 3: there is no \"titel\"; did you mean "
              "\"title\"?");
  }
}

TEST(MessageTemplate, AFileIsNotTakenForTheMessage) {
  auto table = tsn::Value::table({{"template", "file:/etc/tocsin/mail.txt"}});
  try {
    template_option(tsn::Config(table.view()), "template", Escape::text);
    FAIL() << "was taken";
  } catch (const tsn::Failure& failure) {
    EXPECT_NE(failure.status().text().find("${file:PATH}"), std::string::npos) << failure.status().text();
  }
}

// --- texts that were made to break ---

/// Every name, in loops and out of them.
constexpr std::string_view everything =
    "{{headline}} {{title}} {{text}} {{service}} {{incident.description}} {{incident.impact}} {{incident.owner}} "
    "{{#each alerts}}{{name}} {{message}} {{url}} {{#each labels}}{{name}} {{value}} {{/each}}{{/each}}"
    "{{#each links}}{{text}} {{href}} {{/each}}{{#each timeline}}{{actor}} {{what}} {{text}} {{/each}}"
    "{{group.key}} {{recipient.target}} {{incident.detected_at | datetime}} {{alerts.labels.service | unique | join}} "
    "{{labels | json}} {{title | upper | truncate:50 | url | digits | sentence}}";

bool is_utf8(std::string_view text) {
  while (!text.empty()) {
    const auto size = character_size(text);
    if (size == 0) return false;
    text.remove_prefix(size);
  }
  return true;
}

TEST(MessageTemplate, WritesValidTextOfWhateverComes) {
  for (const auto escape : {Escape::text, Escape::line, Escape::html, Escape::xml, Escape::url, Escape::mrkdwn,
                            Escape::sms, Escape::speech}) {
    const Template text(everything, escape, message_schema());
    for (const auto& [name, message, content, utf8] : hostile_messages()) {
      const auto out = filled_message(text, message, now);
      EXPECT_TRUE(is_utf8(out.text)) << name;
      EXPECT_LE(out.text.size(), TemplateBudget{}.output) << name;
      for (const char c : out.text)
        ASSERT_FALSE((static_cast<unsigned char>(c) < 0x20 && c != '\n' && c != '\t') || c == 0x7f) << name;
      if (escape == Escape::html || escape == Escape::xml || escape == Escape::mrkdwn) {
        std::string rest = out.text;
        for (std::size_t at; (at = rest.find("<br>")) != rest.npos;) rest.erase(at, 4);
        EXPECT_EQ(rest.find('<'), rest.npos) << name;
      }
    }
  }
}

TEST(MessageTemplate, AnSmsKeepsItsPartsWhateverComes) {
  const Template text("{{severity}} {{number}} {{title}}: {{text}} {{incident.description}}\nAck {{number}}",
                      Escape::sms, message_schema());
  for (const auto& [name, message, content, utf8] : hostile_messages())
    for (std::size_t parts = 1; parts <= 3; ++parts) {
      const auto out = fitted_sms(filled_message(text, message, now), parts, true);
      EXPECT_LE(sms_parts(out), parts) << name << ": " << out.substr(0, 300);
      EXPECT_NE(out.find("\nAck "), out.npos) << name;
    }
}

}  // namespace
