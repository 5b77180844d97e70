// What Slack's answers mean. An incoming webhook says "ok" or one plain word with a 4xx; the Web API says 200 with
// {"ok": false, "error": "word"} for nearly everything (Slack's reference, "Errors" of each method).
#pragma once

#include <string>

#include "http_client/http_client.hpp"
#include "tocsin/plugin.hpp"

namespace tocsin_plugins {

/// `section` is "[notifier.slack]", for messages.
tsn::Status webhook_verdict(const HttpAnswer& answer, const std::string& section, tsn::Time now);

struct Posted {
  std::string channel, ts;  ///< where the message stands
  std::string error;        ///< Slack's word; empty: done
};
/// `method` is "chat.postMessage" or another one of the Web API.
tsn::Status api_verdict(const std::string& method, const HttpAnswer& answer, const std::string& section, tsn::Time now,
                        Posted& posted);

/// The message that was to be changed or replied to is not there, or cannot be changed any more: a new one is begun.
bool is_gone(std::string_view error);

}  // namespace tocsin_plugins
