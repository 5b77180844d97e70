// A message as Slack's Block Kit (Slack's reference "Blocks"; limits of each block from there), with `text` as the
// fallback for notices.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

#include "tocsin/plugin.hpp"

namespace tocsin_plugins {

/// Where the message goes. All are empty for an incoming webhook, which knows its channel.
struct SlackPlace {
  std::string channel, thread_ts;
  std::string ts;  ///< of the message that is changed; empty: a new one
};

/// Whether a press on a button reaches this instance; else buttons are links, where the message has any.
enum class Buttons { links, presses };

/// What the message's blocks are. The one place where a message becomes blocks.
nlohmann::json message_blocks(const tsn::Message& message, Buttons buttons);

/// The JSON body of chat.postMessage, chat.update or an incoming webhook. `own`: mrkdwn of the user's template, within
/// a section's limit, in place of what happened; empty: our own words.
std::string slack_body(const tsn::Message& message, const SlackPlace& place = {}, Buttons buttons = Buttons::links,
                       const std::string& own = {});
constexpr std::size_t most_slack_section = 3000;  ///< UTF-16 units

/// The JSON body of chat.postMessage that tells what this message changes, in the thread at `place`.
std::string slack_reply(const tsn::Message& message, const SlackPlace& place);

/// The same message as the incident's state: what happened last decides neither marker nor colour.
tsn::Message as_state(tsn::Message message);

/// Outside text in mrkdwn: & < > escaped, so that it makes no link and calls nobody; at most `most` UTF-16 units of the
/// escaped text (as Slack counts), never ending within an escape.
std::string mrkdwn(std::string_view text, std::size_t most);
/// Outside text as it is, at most `most` UTF-16 units.
std::string plain(std::string_view text, std::size_t most);

}  // namespace tocsin_plugins
