#include "text.hpp"

#include "template/fit.hpp"
#include "template/message_data.hpp"

namespace tocsin_plugins {
namespace {

constexpr std::string_view default_sms =
    R"({{#if kind == "test"}}[TEST] {{else if kind == "resolved"}}[RESOLVED] {{else if severity}}[{{severity}}] {{/if}})"
    R"({{#if number}}{{number}} {{/if}}{{#shorten}}{{title}}{{#if text and text != title}}{{#if title}}: {{/if}}{{text}}{{/if}}{{/shorten}})"
    "{{#if reply}}\nReply {{number}}a = ack, {{number}}c = close, {{number}}e = escalate{{else if open and "
    "ack_url}}\nAck: {{ack_url}}{{/if}}"
    "{{#optional}}{{#if open and ack_url}}{{#if reply}}\nAck: {{ack_url}}{{/if}}"
    "{{else if url}}\n{{url}}{{/if}}{{/optional}}";

/// What lies beyond can never be in the message.
constexpr TemplateBudget sms_budget{.output = 64 * 1024};

std::string trimmed_lines(std::string text) {
  const auto first = text.find_first_not_of(" \n");
  if (first == text.npos) return {};
  return text.substr(first, text.find_last_not_of(" \n") - first + 1);
}

}  // namespace

std::string sms_text(const SmsStyle& style, const tsn::Message& message, tsn::Time now) {
  static const Template fallback(default_sms, Escape::sms, message_schema());
  const auto written = [&](const Template& text) {
    auto filled = filled_message(text, message, now, {.replies = style.takes_replies}, sms_budget);
    return trimmed_lines(fitted_sms(std::move(filled), style.max_parts, style.gsm7));
  };
  auto text = written(style.text ? *style.text : fallback);
  return text.empty() && style.text ? written(fallback) : text;
}

}  // namespace tocsin_plugins
