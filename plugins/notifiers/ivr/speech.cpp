#include "speech.hpp"

#include "message_text/text.hpp"
#include "template/fit.hpp"
#include "template/message_data.hpp"

namespace tocsin_plugins {
namespace {

constexpr std::string_view default_speech =
    R"({{#if kind == "test"}}This is a test. {{else if kind == "resolved"}}Resolved. {{else if severity}}Alert, severity {{severity | lower}}. {{/if}})"
    R"({{title | default:text | truncate:200 | sentence}} {{#if service}}Service {{service | truncate:80 | sentence}} {{/if}})"
    R"(At {{incident.detected_at | default:now | time}} UTC. {{#if digits}}Press 1 to acknowledge, 2 for details, 3 to escalate.{{/if}})";

/// Bytes: about two minutes. Nobody listens to more, and providers refuse it.
constexpr std::size_t most_speech = 1500;

std::size_t bytes_of(std::string_view text) {
  return text.size();
}

}  // namespace

std::string speech_of(const Template* own, const tsn::Message& message, bool takes_digits, tsn::Time now) {
  static const Template fallback(default_speech, Escape::speech, message_schema());
  const auto said = [&](const Template& text) {
    auto filled = filled_message(text, message, now, {.digits = takes_digits}, {.output = 64 * 1024});
    return one_line(fitted(std::move(filled), {most_speech, bytes_of, ""}));
  };
  auto text = said(own ? *own : fallback);
  return text.empty() && own ? said(fallback) : text;
}

}  // namespace tocsin_plugins
