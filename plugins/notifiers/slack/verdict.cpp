#include "verdict.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "message_text/text.hpp"

namespace tocsin_plugins {
namespace {

using nlohmann::json;

bool is_one_of(std::string_view word, std::initializer_list<std::string_view> words) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

std::string remedy(std::string_view word, const std::string& section) {
  if (is_one_of(word, {"no_service", "no_service_id", "no_team"}))
    return "; the webhook is gone: check webhook_url of " + section;
  if (is_one_of(word, {"channel_not_found", "not_in_channel"})) return "; check the channel, and invite the app to it";
  if (is_one_of(word, {"channel_is_archived", "is_archived"})) return "; choose another channel";
  return "";
}

/// 429 and 5xx are the same on both ways; ok: neither.
tsn::Status trouble(const HttpAnswer& answer, const std::string& text, tsn::Time now) {
  const int code = static_cast<int>(answer.status);
  if (code == 429) return tsn::retry_later("slack: rate limited" + text, answer.retry_after(now)).with_code(code);
  if (code >= 500 || code == 408) return tsn::fail("slack: HTTP " + std::to_string(code) + text).with_code(code);
  return tsn::ok;
}

std::string word_of(const HttpAnswer& answer) {
  return cut(one_line(answer.body), 80);
}

}  // namespace

tsn::Status webhook_verdict(const HttpAnswer& answer, const std::string& section, tsn::Time now) {
  const int code = static_cast<int>(answer.status);
  const std::string word = word_of(answer);
  if (auto status = trouble(answer, word.empty() ? "" : ": " + word, now); !status) return status;
  if (code >= 200 && code < 300) {
    if (word == "ok") return tsn::ok;
    return tsn::fail("slack: the webhook answered " + std::to_string(code) + " but not \"ok\": \"" + word +
                     "\"; check webhook_url of " + section + " and a proxy in between")
        .with_code(code);
  }
  const std::string text = "slack: the webhook refused: " + std::to_string(code) + " " + word + remedy(word, section);
  if (code == 401 || is_one_of(word, {"invalid_token", "action_prohibited"}))
    return tsn::denied(text + "; check webhook_url of " + section).with_code(code);
  return tsn::invalid(text).with_code(code);
}

tsn::Status post_message_verdict(const HttpAnswer& answer, const std::string& section, tsn::Time now, Posted& posted) {
  const int code = static_cast<int>(answer.status);
  const auto body = json::parse(answer.body, nullptr, false);
  const auto text_at = [&](const char* key) {
    const auto it = body.is_object() ? body.find(key) : body.end();
    return body.is_object() && it != body.end() && it->is_string() ? it->get<std::string>() : std::string();
  };
  posted = {text_at("channel"), text_at("ts"), cut(one_line(text_at("error")), 60)};
  if (auto status = trouble(answer, posted.error.empty() ? "" : ": " + posted.error, now); !status) return status;
  const bool is_answer = body.is_object() && body.contains("ok") && body["ok"].is_boolean();
  if (is_answer && body["ok"] == true) return tsn::ok;
  if (!is_answer) {
    const std::string text = "slack: chat.postMessage answered HTTP " + std::to_string(code) +
                             " with something else than its JSON; check api_url and a proxy in between";
    return code >= 200 && code < 300 ? tsn::unknown(text).with_code(code) : tsn::fail(text).with_code(code);
  }
  std::string text = "slack: chat.postMessage refused: " + posted.error;
  if (const auto needed = text_at("needed"); !needed.empty())
    text += " (needs the scope " + cut(one_line(needed), 60) + ")";
  if (is_one_of(posted.error, {"ratelimited", "rate_limited"}))
    return tsn::retry_later(text, answer.retry_after(now)).with_code(code);
  if (is_one_of(posted.error, {"invalid_auth", "not_authed", "account_inactive", "token_revoked", "token_expired",
                               "missing_scope", "no_permission", "access_denied", "not_allowed_token_type",
                               "org_login_required", "team_access_not_granted"})) {
    return tsn::denied(text + "; check " + section + " token").with_code(code);
  }
  if (is_one_of(posted.error, {"internal_error", "service_unavailable", "request_timeout", "team_added_to_org"}))
    return tsn::fail(text).with_code(code);
  // Slack: "It's possible some aspect of the operation succeeded before the error was raised."
  if (posted.error == "fatal_error") return tsn::unknown(text).with_code(code);
  return tsn::invalid(text + remedy(posted.error, section)).with_code(code);
}

}  // namespace tocsin_plugins
