#include "interaction.hpp"

#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>

#include "command.hpp"
#include "digest/digest.hpp"
#include "http_client/http_client.hpp"
#include "message_text/text.hpp"

namespace tocsin_plugins {
namespace {

using nlohmann::json;

constexpr tsn::Time five_minutes = 300, nanoseconds_each = 1'000'000'000;
constexpr std::size_t most_payload = 1u << 20, most_id = 200;

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

/// application/x-www-form-urlencoded; a % without two digits stays as it is.
std::string form_decoded(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    const int high = text[i] == '%' && i + 2 < text.size() ? hex_digit(text[i + 1]) : -1;
    const int low = high >= 0 ? hex_digit(text[i + 2]) : -1;
    if (low >= 0) {
      out += static_cast<char>(high * 16 + low);
      i += 2;
    } else {
      out += text[i] == '+' ? ' ' : text[i];
    }
  }
  return out;
}

std::string form_field(std::string_view body, std::string_view name) {
  while (!body.empty()) {
    const auto pair = body.substr(0, body.find('&'));
    body.remove_prefix(std::min(pair.size() + 1, body.size()));
    const auto equals = pair.find('=');
    if (equals != pair.npos && pair.substr(0, equals) == name) return form_decoded(pair.substr(equals + 1));
  }
  return {};
}

/// The text at a path of keys; empty where there is none.
std::string text_at(const json& from, std::initializer_list<const char*> path) {
  const json* at = &from;
  for (const char* key : path) {
    if (!at->is_object() || !at->contains(key)) return {};
    at = &(*at)[key];
  }
  return at->is_string() ? at->get<std::string>() : std::string();
}

std::string first_of(std::string one, std::string other) {
  return one.empty() ? std::move(other) : std::move(one);
}

/// Of several actions in one payload the first that is ours; Slack sends one.
std::optional<Meaning> meant_by(const json& payload, std::string& id, std::string& seen) {
  const auto actions = payload.find("actions");
  if (actions == payload.end() || !actions->is_array()) return std::nullopt;
  for (const auto& action : *actions) {
    const auto name = text_at(action, {"action_id"});
    const auto value = first_of(text_at(action, {"value"}), text_at(action, {"selected_option", "value"}));
    if (const auto meaning = meaning_of(name, value)) {
      id = text_at(action, {"action_ts"});
      return meaning;
    }
    if (seen.empty()) seen = name;
  }
  return std::nullopt;
}

/// A trigger_id is Slack's own for one press. It goes into the host's store, so its form is not Slack's to choose.
std::string id_of(const std::string& id) {
  const bool printable = std::all_of(id.begin(), id.end(), [](unsigned char c) { return c >= 0x20 && c < 0x7f; });
  return "slack:" + (printable && id.size() <= most_id ? id : hash_text(id));
}

std::string name_in(std::string_view text, std::size_t most) {
  return cut(one_line(text), most);
}

Reading read_command(std::string_view body, Press& out, std::string& why) {
  out.user = name_in(form_field(body, "user_id"), 40), out.user_name = name_in(form_field(body, "user_name"), 80);
  if (out.user.empty()) return why = "it names no user", Reading::malformed;
  const auto meaning = command_of(form_field(body, "text"));
  if (!meaning) return why = "a command that is none", Reading::help;
  out.meaning = *meaning;
  out.channel = name_in(form_field(body, "channel_id"), 40);
  out.response_url = form_field(body, "response_url");
  const auto trigger = form_field(body, "trigger_id");
  if (!trigger.empty()) out.id = id_of(trigger);
  return Reading::press;
}

}  // namespace

std::string refusal_of(std::string_view secret, const Shown& shown, std::string_view body, tsn::Time now) {
  if (secret.empty()) return "no signing_secret is set";
  if (!shown.signature.starts_with("v0=")) return "it has no X-Slack-Signature";
  tsn::Time at = 0;
  const auto end = shown.timestamp.data() + shown.timestamp.size();
  const auto [rest, error] = std::from_chars(shown.timestamp.data(), end, at);
  if (shown.timestamp.empty() || shown.timestamp.size() > 12 || error != std::errc() || rest != end || at < 0)
    return "its X-Slack-Request-Timestamp is no time";
  const auto apart = now / nanoseconds_each - at;
  if (apart > five_minutes || apart < -five_minutes)
    return "its time is " + std::to_string(apart < 0 ? -apart : apart) + " s " + (apart < 0 ? "ahead of" : "behind") +
           " this agent's clock; check NTP, or it was sent again";
  const auto wanted = "v0=" + hmac_sha256_hex(secret, "v0:" + std::string(shown.timestamp) + ":" + std::string(body));
  return same_secret(wanted, shown.signature) ? "" : "its signature does not fit; check signing_secret";
}

Reading read_interaction(std::string_view body, Press& out, std::string& why) {
  out = {};
  if (body.size() > 3 * most_payload) return why = "it is too large", Reading::malformed;
  if (!form_field(body, "command").empty()) return read_command(body, out, why);
  const auto text = form_field(body, "payload");
  if (text.empty()) return why = "it has no payload", Reading::malformed;
  if (text.size() > most_payload || nests_deep(text)) return why = "its payload is too large", Reading::malformed;
  const auto payload = json::parse(text, nullptr, false);
  if (!payload.is_object()) return why = "its payload is no JSON object", Reading::malformed;
  const auto type = text_at(payload, {"type"});
  if (type != "block_actions") return why = "of type " + name_in(type, 40), Reading::ignored;
  std::string action_ts, seen;
  const auto meaning = meant_by(payload, action_ts, seen);
  if (!meaning) return why = "action " + name_in(seen, 80), Reading::ignored;
  out.meaning = *meaning;
  out.user = name_in(text_at(payload, {"user", "id"}), 40);
  if (out.user.empty()) return why = "it names no user", Reading::malformed;
  out.user_name = name_in(first_of(text_at(payload, {"user", "name"}), text_at(payload, {"user", "username"})), 80);
  out.channel =
      name_in(first_of(text_at(payload, {"container", "channel_id"}), text_at(payload, {"channel", "id"})), 40);
  out.ts = name_in(first_of(text_at(payload, {"container", "message_ts"}), text_at(payload, {"message", "ts"})), 40);
  out.response_url = text_at(payload, {"response_url"});
  out.id = id_of(first_of(text_at(payload, {"trigger_id"}), action_ts + " " + out.user));
  if (out.direct() && payload.contains("message") && payload["message"].is_object())
    out.blocks = payload["message"].value("blocks", json()).dump(-1, ' ', false, json::error_handler_t::replace);
  return Reading::press;
}

bool is_response_url(std::string_view url, std::string_view api_url) {
  if (url.size() > 2000 || !is_web_link(url)) return false;
  for (const std::string_view host : {"https://hooks.slack.com/", "https://hooks.slack-gov.com/"})
    if (url.starts_with(host)) return true;
  const auto own = host_of(api_url);
  const bool slacks = own == "https://slack.com" || own.ends_with(".slack.com") || own.ends_with("slack-gov.com");
  return !slacks && url.starts_with(own + "/");
}

}  // namespace tocsin_plugins
