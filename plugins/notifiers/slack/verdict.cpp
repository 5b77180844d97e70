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
  if (word == "not_in_channel") return "; invite the app: /invite @its-name in that channel";
  if (word == "channel_not_found") return "; check the channel; a private one needs the app invited to it";
  if (is_one_of(word, {"channel_is_archived", "is_archived"})) return "; choose another channel";
  if (is_one_of(word, {"user_not_found", "user_disabled", "cannot_dm_bot", "messages_tab_disabled"}))
    return "; check slack of the contact (a member id, U…), and that the app's Messages tab is on";
  if (is_one_of(word, {"restricted_action", "restricted_action_read_only_channel"}))
    return "; the workspace keeps the app from posting there";
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

std::string text_in(const json& body, const char* key) {
  if (!body.is_object()) return {};
  const auto it = body.find(key);
  return it != body.end() && it->is_string() ? it->get<std::string>() : std::string();
}

/// "C1" of `"channel": "C1"`, and of conversations.open's `"channel": {"id": "C1"}`.
std::string channel_in(const json& body) {
  if (!body.is_object() || !body.contains("channel")) return {};
  return body["channel"].is_object() ? text_in(body["channel"], "id") : text_in(body, "channel");
}

/// What Slack says in response_metadata.messages of a body it refused.
std::string details_in(const json& body) {
  const auto meta = body.find("response_metadata");
  if (meta == body.end() || !meta->is_object()) return {};
  const auto list = meta->find("messages");
  if (list == meta->end() || !list->is_array() || list->empty() || !list->front().is_string()) return {};
  return "; Slack says: " + cut(one_line(list->front().get<std::string>()), 120);
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

tsn::Status api_verdict(const std::string& method, const HttpAnswer& answer, const std::string& section, tsn::Time now,
                        Posted& posted) {
  const int code = static_cast<int>(answer.status);
  const auto body = json::parse(answer.body, nullptr, false);
  posted = {channel_in(body), text_in(body, "ts"), cut(one_line(text_in(body, "error")), 60)};
  if (auto status = trouble(answer, posted.error.empty() ? "" : ": " + posted.error, now); !status) return status;
  const bool is_answer = body.is_object() && body.contains("ok") && body["ok"].is_boolean();
  if (is_answer && body["ok"] == true) return tsn::ok;
  if (!is_answer) {
    const std::string text = "slack: " + method + " answered HTTP " + std::to_string(code) +
                             " with something else than its JSON; check api_url and a proxy in between";
    return code >= 200 && code < 300 ? tsn::unknown(text).with_code(code) : tsn::fail(text).with_code(code);
  }
  std::string text = "slack: " + method + " refused: " + posted.error;
  if (const auto needed = text_in(body, "needed"); !needed.empty())
    text += " (needs the scope " + cut(one_line(needed), 60) + ")";
  if (is_one_of(posted.error, {"ratelimited", "rate_limited", "message_limit_exceeded"}))
    return tsn::retry_later(text, answer.retry_after(now)).with_code(code);
  if (is_one_of(posted.error, {"invalid_auth", "not_authed", "account_inactive", "token_revoked", "token_expired",
                               "missing_scope", "no_permission", "access_denied", "not_allowed_token_type",
                               "org_login_required", "team_access_not_granted", "ekm_access_denied"})) {
    return tsn::denied(text + "; check " + section + " token").with_code(code);
  }
  if (is_one_of(posted.error, {"internal_error", "service_unavailable", "request_timeout", "team_added_to_org"}))
    return tsn::fail(text).with_code(code);
  // Slack: "It's possible some aspect of the operation succeeded before the error was raised."
  if (posted.error == "fatal_error") return tsn::unknown(text).with_code(code);
  return tsn::invalid(text + remedy(posted.error, section) + details_in(body)).with_code(code);
}

bool is_gone(std::string_view error) {
  return is_one_of(error, {"message_not_found", "cant_update_message", "edit_window_closed", "thread_not_found",
                           "cannot_reply_to_message", "channel_not_found", "is_archived"});
}

}  // namespace tocsin_plugins
