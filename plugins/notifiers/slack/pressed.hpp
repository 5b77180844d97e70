// What Slack hands over when somebody presses a button, for tests.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "digest/digest.hpp"

namespace tocsin_plugins {

inline constexpr auto secret = "8f742231b10e8888abcd99yyyzzz85a5", path = "/callbacks/slack";
inline constexpr auto incident = "0193489c-8a40-7c3e-9d5f-1f0a2b3c4d5e";

inline std::string form_of(const std::string& payload) {
  std::string out = "payload=";
  for (const unsigned char c : payload) {
    out += '%';
    out += "0123456789ABCDEF"[c >> 4];
    out += "0123456789abcdef"[c & 15];
  }
  return out;
}

/// A press as Slack sends it; the fields are those of its reference "block_actions payload".
inline nlohmann::json press_of(const std::string& action = "tocsin.acknowledge", const std::string& user = "U0000001",
                               const std::string& name = "first") {
  nlohmann::json pressed{{"type", "button"},
                         {"action_id", action},
                         {"block_id", "b1"},
                         {"value", incident},
                         {"action_ts", "1503435960.1"}};
  if (action == "tocsin.snooze")
    pressed["selected_option"] = {{"text", {{"type", "plain_text"}, {"text", "Snooze 30m"}}},
                                  {"value", std::string("30 ") + incident}},
    pressed.erase("value");
  return {{"type", "block_actions"},
          {"user", {{"id", user}, {"username", name}, {"name", name}, {"team_id", "T1"}}},
          {"container", {{"type", "message"}, {"message_ts", "1503435956.000247"}, {"channel_id", "C024BE91L"}}},
          {"trigger_id", "13345224609." + user + "." + action},
          {"channel", {{"id", "C024BE91L"}, {"name", "ops"}}},
          {"message", {{"type", "message"}, {"ts", "1503435956.000247"}, {"blocks", nlohmann::json::array()}}},
          {"actions", nlohmann::json::array({pressed})}};
}

inline std::string signature_of(const std::string& at, const std::string& body, const std::string& key = secret) {
  return "v0=" + hmac_sha256_hex(key, "v0:" + at + ":" + body);
}

}  // namespace tocsin_plugins
