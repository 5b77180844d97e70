// A message as Slack's Block Kit (Slack's reference "Blocks"; limits of each block from there), with `text` as the
// fallback for notices.
#pragma once

#include <string>
#include <string_view>

#include "tocsin/plugin.hpp"

namespace tocsin_plugins {

/// Where the message goes. Both are empty for an incoming webhook, which knows its channel.
struct SlackPlace {
  std::string channel, thread_ts;
};

/// The JSON body of chat.postMessage or of an incoming webhook.
std::string slack_body(const tsn::Message& message, const SlackPlace& place = {});

/// Outside text in mrkdwn: & < > escaped, so that it makes no link and calls nobody; at most `most` UTF-16 units of the
/// escaped text (as Slack counts), never ending within an escape.
std::string mrkdwn(std::string_view text, std::size_t most);

}  // namespace tocsin_plugins
