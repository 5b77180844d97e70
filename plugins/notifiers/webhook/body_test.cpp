#include "body.hpp"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "alertmanager_payload/payload.hpp"
#include "tocsin/testing/hostile.hpp"
#include "tocsin/testing/samples.hpp"

namespace {

using namespace tocsin_plugins;
using nlohmann::json;
using tsn::Value;
using tsn::testing::hostile_messages;
using tsn::testing::sample_message;

/// Owns what the body reads its template of.
struct WrittenBody {
  explicit WrittenBody(std::string_view text, std::string type = "")
      : table(Value::table({{"body", text}})), body(tsn::Config(table.view()), std::move(type)) {}
  Value table;
  WebhookBody body;
};

constexpr std::string_view everything = R"({
  "text": "{{headline}}: {{text}}", "number": {{number}}, "firing": {{firing_count}}, "open": {{open}},
  "labels": {{labels | json}},
  "alerts": [
    {{#each alerts}}
    {"rule": "{{name}}", "value": {{value}}, "since": {{starts_at | json}}, "what": "{{message}}"}{{#if not last}},{{/if}}
    {{/each}}
  ]{{#if ack_url}},
  "ack": "{{ack_url}}"{{/if}}
})";

std::string why_not(std::string_view text, std::string type = "") {
  try {
    WrittenBody body(text, std::move(type));
    return "was taken";
  } catch (const tsn::Failure& failure) {
    return failure.status().text();
  }
}

TEST(WebhookBody, IsTheTemplateFilled) {
  const auto text = WrittenBody(everything).body.write(sample_message(), 1);
  ASSERT_TRUE(text);
  const auto body = json::parse(*text);
  EXPECT_EQ(body["text"], "[HIGH] loader_failing DAILY_SALES \"<test>\": Loader failed \"twice\" (7)");
  EXPECT_EQ(body["number"], 1042);
  EXPECT_EQ(body["alerts"][1]["value"], 9);
  EXPECT_EQ(body["alerts"][0]["what"], "Loader failed \"twice\" <b>& more</b>\nفشل التحميل");
  EXPECT_EQ(body["labels"]["service"], "etl");
  EXPECT_EQ(body["ack"], "https://tocsin.example.com/a/AbC.dEf_1-2");
}

TEST(WebhookBody, IsEscapedForItsContentType) {
  const auto written = [](std::string_view text, std::string type, std::string expected_type) {
    WrittenBody made(text, std::move(type));
    EXPECT_EQ(made.body.content_type(), expected_type);
    return made.body.write(sample_message(), 1).value_or("nothing");
  };
  EXPECT_EQ(written("t={{text}}", "", "application/x-www-form-urlencoded"),
            "t=Loader%20failed%20%22twice%22%20%287%29");
  EXPECT_EQ(written("{{text}}", "text/plain", "text/plain"), "Loader failed \"twice\" (7)");
  EXPECT_EQ(written("<a>{{text}}</a>", "application/xml", "application/xml"),
            "<a>Loader failed &quot;twice&quot; (7)</a>");
  EXPECT_EQ(written("[\"{{text}}\"]", "", "application/json"), "[\"Loader failed \\\"twice\\\" (7)\"]");
}

TEST(WebhookBody, ThatIsNotJsonOfEveryMessageIsRefused) {
  EXPECT_NE(why_not("{\"a\": [{{#each alerts}}{{value}},{{/each}}]}").find("valid JSON"), std::string::npos);
  EXPECT_NE(why_not("{\"a\": [1{{#each alerts}}{{value}}{{/each}}").find("valid JSON"), std::string::npos);
  EXPECT_NE(why_not("{\"a\": {{title}}}").find("quotes around a text"), std::string::npos);
  EXPECT_EQ(why_not("{\"a\": [{{#each alerts}}{{value}}{{#if not last}},{{/if}}{{/each}}]}"), "was taken");
}

TEST(WebhookBody, IsJsonWhateverComes) {
  WrittenBody made(everything);
  for (const auto& [name, message, content, utf8] : hostile_messages()) {
    const auto text = made.body.write(message, 1);
    EXPECT_TRUE(!text || json::accept(*text)) << name;
  }
}

TEST(WebhookBody, AlertmanagersPayloadIsJsonWhateverComes) {
  for (const auto& [name, message, content, utf8] : hostile_messages())
    EXPECT_TRUE(json::accept(webhook_payload(message))) << name;
}

}  // namespace
