// Whether Slack would take what is configured, asked without a message to anybody.
#pragma once

#include <string>

#include "http_client/http_client.hpp"
#include "tocsin/plugin.hpp"

namespace tocsin_plugins {

struct SlackAccess {
  std::string api_url, token, webhook_url, section;
};

/// Lines for `tocsin check --online`: auth.test for a token; a webhook can be asked nothing that it would not post.
std::string look_at_slack(HttpClient& client, const SlackAccess& access, tsn::Deadline deadline);

}  // namespace tocsin_plugins
