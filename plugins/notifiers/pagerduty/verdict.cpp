#include "verdict.hpp"

#include <nlohmann/json.hpp>

#include "message_text/text.hpp"

namespace tocsin_plugins {
namespace {

using nlohmann::json;

/// "Event object is invalid (Length of 'routing_key' is incorrect, …)" of the API's JSON, else the body's first words.
std::string said_in(const std::string& text) {
  if (nests_deep(text)) return "deeply nested JSON";
  const auto body = json::parse(text, nullptr, false);
  if (!body.is_object()) return cut(one_line(text), 100);
  std::string said, errors;
  if (const auto at = body.find("message"); at != body.end() && at->is_string()) said = at->get<std::string>();
  if (const auto at = body.find("errors"); at != body.end() && at->is_array()) {
    for (const auto& error : *at) {
      if (!error.is_string() || errors.size() > 400) continue;
      errors += (errors.empty() ? "" : ", ") + error.get<std::string>();
    }
  }
  if (said.empty()) std::swap(said, errors);
  if (!errors.empty()) said += " (" + errors + ")";
  return cut(one_line(said), 160);
}

}  // namespace

tsn::Status pager_verdict(const HttpAnswer& answer, std::string_view action, const std::string& section,
                          tsn::Time now) {
  const int code = static_cast<int>(answer.status);
  if (code == 202) return tsn::ok;
  std::string text = "pagerduty: " + std::string(action) + ": HTTP " + std::to_string(code);
  if (const auto said = said_in(answer.body); !said.empty()) text += ": " + said;
  if (code == 429) return tsn::retry_later(text, answer.retry_after(now)).with_code(code);
  if (code >= 500 || code == 408 || code == 425) {
    const auto wait = answer.retry_after(now);
    return wait.count() > 0 ? tsn::retry_later(text, wait).with_code(code) : tsn::fail(text).with_code(code);
  }
  if (code >= 200 && code < 300)
    return tsn::fail(text + "; expected 202: check url of " + section + " and a proxy in between").with_code(code);
  if (code == 401 || code == 403) return tsn::denied(text + "; check routing_key of " + section).with_code(code);
  if (code == 400) return tsn::invalid(text + "; check routing_key of " + section).with_code(code);
  return tsn::invalid(text + "; check url of " + section).with_code(code);
}

}  // namespace tocsin_plugins
