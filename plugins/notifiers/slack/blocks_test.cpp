#include "blocks.hpp"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "buttons.hpp"
#include "state.hpp"
#include "template/fit.hpp"
#include "template/message_data.hpp"
#include "tocsin/testing/fake_host.hpp"
#include "tocsin/testing/hostile.hpp"

namespace {

using namespace tocsin_plugins;
using nlohmann::json;
using tsn::testing::sample_message;

/// Characters as Slack counts them: UTF-16 units.
std::size_t length(const std::string& text) {
  std::size_t count = 0;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if ((byte & 0xc0) != 0x80) count += byte >= 0xf0 ? 2 : 1;
  }
  return count;
}

void expect_text(const json& text, std::size_t most) {
  ASSERT_TRUE(text.is_object());
  const auto value = text.at("text").get<std::string>();
  EXPECT_GE(length(value), 1u);
  EXPECT_LE(length(value), most) << value;
  if (text.at("type") == "mrkdwn") {
    EXPECT_EQ(text.at("verbatim"), true) << "names in it would be looked for";
    for (auto at = value.find('&'); at != value.npos; at = value.find('&', at + 1)) {
      EXPECT_TRUE(value.compare(at, 5, "&amp;") == 0 || value.compare(at, 4, "&lt;") == 0 ||
                  value.compare(at, 4, "&gt;") == 0)
          << value.substr(at, 8);
    }
  }
}

void expect_buttons(const json& elements) {
  EXPECT_GE(elements.size(), 1u);
  EXPECT_LE(elements.size(), 25u);
  for (const auto& element : elements) {
    EXPECT_LE(element.at("action_id").get<std::string>().size(), 255u);
    EXPECT_LE(element.value("value", "").size(), 2000u);
    EXPECT_LE(element.value("url", "").size(), 3000u);
    if (element.at("type") == "button") expect_text(element.at("text"), 75);
    for (const auto& option : element.value("options", json::array())) {
      expect_text(option.at("text"), 75);
      EXPECT_LE(option.at("value").get<std::string>().size(), 75u);
    }
    if (element.contains("confirm")) {
      expect_text(element["confirm"].at("title"), 100);
      expect_text(element["confirm"].at("text"), 300);
      expect_text(element["confirm"].at("confirm"), 30);
      expect_text(element["confirm"].at("deny"), 30);
    }
  }
}

/// Slack's limits, from its reference of each block.
void expect_within_limits(const json& body) {
  EXPECT_LE(length(body.at("text").get<std::string>()), 40'000u);
  ASSERT_GE(body.at("blocks").size(), 1u);
  EXPECT_LE(body["blocks"].size(), 50u);
  for (const auto& block : body["blocks"]) {
    const auto type = block.at("type").get<std::string>();
    if (type == "header") {
      EXPECT_EQ(block.at("text").at("type"), "plain_text");
      expect_text(block["text"], 150);
    } else if (type == "section") {
      if (block.contains("text")) expect_text(block["text"], 3000);
      if (block.contains("fields")) {
        EXPECT_LE(block["fields"].size(), 10u);
        for (const auto& field : block["fields"]) expect_text(field, 2000);
      }
      EXPECT_TRUE(block.contains("text") || block.contains("fields"));
    } else if (type == "context") {
      EXPECT_LE(block.at("elements").size(), 10u);
      for (const auto& element : block["elements"]) expect_text(element, 3000);
    } else if (type == "actions") {
      expect_buttons(block.at("elements"));
    } else {
      EXPECT_EQ(type, "divider");
    }
  }
}

json body_of(const tsn::Message& message, Buttons buttons = Buttons::links) {
  return json::parse(slack_body(message, {}, buttons));
}
/// Its block of that type; null where it has none.
json block_in(const json& body, const std::string& type) {
  for (const auto& block : body.at("blocks"))
    if (block.at("type") == type) return block;
  return nullptr;
}

TEST(SlackBlocks, TellTheWholeIncidentWithATextForNotices) {
  const auto body = body_of(sample_message());
  expect_within_limits(body);
  EXPECT_EQ(body["blocks"][0]["text"]["text"], "[HIGH] loader_failing DAILY_SALES \"<test>\"");
  EXPECT_TRUE(body["text"].get<std::string>().starts_with("[HIGH] loader_failing DAILY_SALES \"&lt;test&gt;\""));
  const auto all = body["blocks"].dump(-1, ' ', false);
  for (const char* part : {"OPEN", "Reports are late", "التحميل اليومي", "loader=DAILY_SALES", "loader=HOURLY_STOCK",
                           "<https://wiki.example.com/rb/etl|Runbook>", "<https://grafana.example.com/d/etl|Grafana>",
                           "looking at it", "فشل التحميل", "#1042"}) {
    EXPECT_NE(all.find(part), all.npos) << part << " is missing in " << all;
  }
  EXPECT_FALSE(body.contains("channel"));
}

TEST(SlackBlocks, KeepSlacksLimitsWhateverTheTexts) {
  for (const std::string& piece : {std::string("w"), std::string("&"), std::string("<"), std::string("ف"),
                                   std::string("😀"), std::string("`\n|")}) {
    std::string wide;
    while (wide.size() < 12'000) wide += piece;
    auto message = sample_message();
    auto& incident = message.incident;
    message.title = message.text = wide;
    incident.description = incident.impact = incident.suggestion = incident.service = incident.owner =
        incident.resolution_notes = wide;
    for (auto& alert : incident.alerts) alert.message = alert.name = wide, alert.labels.push_back({"l", wide});
    while (incident.alerts.size() < 200) incident.alerts.push_back(incident.alerts[0]);
    const std::string href = "https://a.example/" + std::string(2500, 'x') + "|&<";
    incident.links.assign(60, {wide, href});
    incident.timeline.assign(90, {1, wide, wide, wide, wide, wide});
    const std::string action = "https://a.example/" + std::string(100, 'y');
    message.actions.assign(40, {TSN_ANSWER_ACKNOWLEDGE, wide, action});
    for (const auto buttons : {Buttons::links, Buttons::presses}) expect_within_limits(body_of(message, buttons));
    const auto reply = json::parse(slack_reply(message, {"C1", "1.000001", {}}));
    EXPECT_LE(length(reply.at("text").get<std::string>()), 40'000u);
  }
}

TEST(SlackBlocks, AnEmptyMessageIsStillOne) {
  expect_within_limits(body_of(tsn::Message{}));
}

TEST(SlackBlocks, OutsideTextCallsNobodyAndMakesNoLink) {
  auto message = sample_message();
  message.title = message.incident.impact = "<!channel> <https://evil|x> & co";
  message.incident.alerts[0].labels.push_back({"l", "`<!here>`"});
  message.incident.links = {{"a|b>c", "https://a/?x=<!channel>"}, {"odd", "javascript:x"}};
  const auto body = body_of(message);
  const auto all = body.dump(-1, ' ', false);
  EXPECT_NE(all.find("&lt;!channel&gt; &lt;https://evil|x&gt; &amp; co"), all.npos);
  for (const auto& block : body["blocks"]) {
    if (block["type"] == "header") continue;  // plain text is shown as it is
    EXPECT_EQ(block.dump().find("<!"), std::string::npos) << block;
    EXPECT_EQ(block.dump().find("javascript"), std::string::npos);
  }
  EXPECT_EQ(body["text"].get<std::string>().find('<'), std::string::npos);
}

TEST(SlackBlocks, CuttingSplitsNoEscapeAndNoCharacter) {
  EXPECT_EQ(mrkdwn("a<b", 6), "a&lt;b");
  EXPECT_EQ(mrkdwn("a<bc", 6), "a&lt;\xe2\x80\xa6");
  EXPECT_EQ(mrkdwn("a<<", 6), "a&lt;\xe2\x80\xa6");
  EXPECT_EQ(mrkdwn("فشل", 2), "ف\xe2\x80\xa6");
  EXPECT_EQ(mrkdwn("😀😀", 3), "😀\xe2\x80\xa6");
}

TEST(SlackBlocks, AMegabyteOfTextIsCutInGoodTime) {
  const std::string vast(1u << 20, '<');
  auto message = sample_message();
  message.title = message.text = message.incident.description = message.incident.owner = vast;
  message.incident.alerts[0].message = vast;
  expect_within_limits(body_of(message, Buttons::presses));
}

TEST(SlackBlocks, ControlCharactersGoAndWritingFromTheRightStays) {
  auto message = sample_message();
  message.title = "a\x01\x1b[31mb\x7f\xff فشل التحميل 😀";
  const auto body = body_of(message);
  const auto title = body["blocks"][0]["text"]["text"].get<std::string>();
  EXPECT_EQ(title, "[HIGH] a [31mb\xef\xbf\xbd فشل التحميل 😀");
}

// --- state ---

std::string state_of(const tsn::Message& message) {
  return state_block(message)["elements"][0]["text"];
}

TEST(SlackState, IsOneLineWithTheSeveritysColour) {
  auto message = sample_message();
  EXPECT_EQ(state_of(message), ":large_orange_circle: *HIGH*  ·  *OPEN*  ·  2 firing");
  message.incident.severity = TSN_SEV_CRITICAL;
  message.incident.status = TSN_INC_IN_PROGRESS;
  message.incident.owner = "<!here>";
  message.incident.alerts[0].firing = false;
  EXPECT_EQ(state_of(message),
            ":red_circle: *CRITICAL*  ·  *IN PROGRESS*  ·  owner &lt;!here&gt;  ·  1 firing, 1 resolved");
}

TEST(SlackState, OfWhatIsOverIsGreenWhateverTheMessageSays) {
  auto message = sample_message();
  message.kind = TSN_MSG_UPDATE;  // a note on a resolved incident
  message.incident.status = TSN_INC_RESOLVED;
  EXPECT_TRUE(state_of(message).starts_with(":white_check_mark: *HIGH*  ·  *RESOLVED*")) << state_of(message);
  EXPECT_EQ(as_state(message).kind, TSN_MSG_RESOLVED);
  message.incident.status = TSN_INC_OPEN;
  EXPECT_EQ(as_state(message).kind, TSN_MSG_FIRING);
}

TEST(SlackState, AGroupWhoseAlertsAreOverLeavesItsIncidentOpen) {
  auto message = sample_message();
  message.kind = TSN_MSG_RESOLVED;
  for (auto& alert : message.incident.alerts) alert.firing = false;
  EXPECT_EQ(state_of(message), ":large_orange_circle: *HIGH*  ·  *OPEN*  ·  2 resolved");
  EXPECT_FALSE(block_in(body_of(as_state(message), Buttons::presses), "actions").is_null());
  message.incident.correlation_id = "";  // a flush that belongs to no incident
  EXPECT_TRUE(state_of(message).starts_with(":white_check_mark: *HIGH*  ·  *RESOLVED*")) << state_of(message);
}

TEST(SlackState, ATestHasNone) {
  auto message = sample_message();
  message.kind = TSN_MSG_TEST;
  EXPECT_TRUE(state_block(message).is_null());
  EXPECT_TRUE(block_in(body_of(message, Buttons::presses), "actions").is_null());
}

// --- buttons ---

TEST(SlackButtons, WithoutInteractionsAreTheMessagesSignedLinks) {
  const auto elements = block_in(body_of(sample_message()), "actions")["elements"];
  ASSERT_EQ(elements.size(), 2u);
  EXPECT_EQ(elements[0]["text"]["text"], "Acknowledge");
  EXPECT_EQ(elements[0]["url"], "https://tocsin.example.com/a/AbC.dEf_1-2");
  EXPECT_FALSE(elements[0].contains("value"));
}

TEST(SlackButtons, OfAMessageWithoutLinksAreNone) {
  auto message = sample_message();
  message.actions.clear();
  EXPECT_TRUE(block_in(body_of(message), "actions").is_null());
  message.actions = {{TSN_ANSWER_ACKNOWLEDGE, "x", "javascript:alert(1)"}};
  EXPECT_TRUE(block_in(body_of(message), "actions").is_null());
}

TEST(SlackButtons, SayWhatAPressMeansByTheirValues) {
  const auto id = std::string(sample_message().incident.correlation_id);
  std::vector<std::pair<tsn_answer_kind, long>> meant;
  const auto elements = block_in(body_of(sample_message(), Buttons::presses), "actions")["elements"];
  for (const auto& element : elements) {
    json values = json::array();
    if (element.contains("value")) values.push_back(element["value"]);
    for (const auto& option : element.value("options", json::array())) values.push_back(option["value"]);
    for (const auto& value : values) {
      const auto meaning = meaning_of(element["action_id"].get<std::string>(), value.get<std::string>());
      ASSERT_TRUE(meaning) << element;
      EXPECT_EQ(meaning->incident, id);
      meant.emplace_back(meaning->kind, meaning->lasts.count());
    }
    EXPECT_FALSE(element.contains("url"));
  }
  const decltype(meant) all = {{TSN_ANSWER_ACKNOWLEDGE, 0},
                               {TSN_ANSWER_ESCALATE, 0},
                               {TSN_ANSWER_RESOLVE, 0},
                               {TSN_ANSWER_SNOOZE, 30},
                               {TSN_ANSWER_SNOOZE, 60}};
  EXPECT_EQ(meant, all);
}

TEST(SlackTemplate, StandsInPlaceOfWhatHappened) {
  const auto body = json::parse(slack_body(sample_message(), {}, Buttons::links, "*own* words"));
  expect_within_limits(body);
  EXPECT_NE(body["blocks"].dump().find("*own* words"), std::string::npos);
  EXPECT_EQ(body["blocks"][0]["type"], "header") << "what is around it stays";
}

TEST(SlackBlocks, AreWithinSlacksLimitsWhateverComes) {
  const Template everything("{{title}} {{#each alerts}}{{name}} {{labels | join}} {{message}}\n{{/each}}{{text}}",
                            Escape::mrkdwn, message_schema());
  for (const auto& [name, message, text, utf8] : tsn::testing::hostile_messages()) {
    SCOPED_TRACE(name);
    const auto own = fitted_mrkdwn(filled_message(everything, message, 0), most_slack_section);
    for (const auto& bytes : {slack_body(message, {}, Buttons::presses), slack_body(message, {}, Buttons::links, own),
                              slack_reply(message, {"C1", "1.2", {}})}) {
      const auto body = json::parse(bytes, nullptr, false);
      ASSERT_FALSE(body.is_discarded());
      if (body.contains("blocks")) expect_within_limits(body);
      EXPECT_EQ(body["text"].get<std::string>().find("<!"), std::string::npos);
    }
  }
}

TEST(SlackButtons, WhatCannotBeDoneHasNone) {
  auto message = sample_message();
  message.incident.status = TSN_INC_ACKNOWLEDGED;
  EXPECT_EQ(block_in(body_of(message, Buttons::presses), "actions").dump().find("tocsin.acknowledge"),
            std::string::npos);
  message.incident.status = TSN_INC_RESOLVED;
  EXPECT_TRUE(block_in(body_of(message, Buttons::presses), "actions").is_null());
  message.incident.status = TSN_INC_OPEN;
  message.incident.correlation_id = "";
  EXPECT_TRUE(block_in(body_of(message, Buttons::presses), "actions").is_null());
}

TEST(SlackButtons, OtherActionsMeanNothing) {
  for (const auto& [action, value] : {std::pair("tocsin.link.1", ""),
                                      {"other", "i1"},
                                      {"tocsin.acknowledge", ""},
                                      {"tocsin.acknowledge", "a b"},
                                      {"tocsin.snooze", "30"},
                                      {"tocsin.snooze", "31 i1"},
                                      {"tocsin.snooze", "30x i1"},
                                      {"tocsin.snooze", "-30 i1"},
                                      {"", ""}})
    EXPECT_FALSE(meaning_of(action, value)) << action << " " << value;
}

}  // namespace
