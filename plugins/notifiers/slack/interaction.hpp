// A press on a button, or a slash command, as Slack hands it over: a form, with `payload` or with `command`, signed
// with the app's signing secret (Slack's "Verifying requests from Slack", scheme v0). Nothing here trusts a byte before
// the signature is checked.
#pragma once

#include <string>
#include <string_view>

#include "buttons.hpp"
#include "tocsin/plugin.hpp"

namespace tocsin_plugins {

/// What a request shows of its origin.
struct Shown {
  std::string_view timestamp, signature;  ///< X-Slack-Request-Timestamp, X-Slack-Signature
};

/// Why the request is not Slack's, for the log; empty: it is. A request older or newer than five minutes by `now` is
/// refused, so that one that was recorded is of no use later.
std::string refusal_of(std::string_view secret, const Shown& shown, std::string_view body, tsn::Time now);

struct Press {
  Meaning meaning;
  std::string id;               ///< the same for the same press handed over again
  std::string user, user_name;  ///< "U0000001", "first"
  std::string channel, ts;      ///< of the message; a command has no ts
  std::string response_url;
  std::string blocks;  ///< the message's as JSON, only of a direct message; empty: none

  const std::string& shown_name() const { return user_name.empty() ? user : user_name; }
  bool is_command() const { return ts.empty(); }
  bool direct() const { return channel.starts_with('D'); }
};

/// help: a command that is none.
enum class Reading { press, help, ignored, malformed };
/// `why`: what was not understood, or is none of this plugin's business.
Reading read_interaction(std::string_view body, Press& out, std::string& why);

/// A URL of Slack for a later answer to a press. `api_url` is the configured one: where it is not Slack's own, its host
/// stands for Slack's.
bool is_response_url(std::string_view url, std::string_view api_url);

}  // namespace tocsin_plugins
