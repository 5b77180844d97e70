// Calls of Slack's Web API with the app's bot token. A method that was told to wait is not called before its time is
// up, so that a burst does not make the wait longer.
#pragma once

#include <map>
#include <string>

#include "http_client/http_client.hpp"
#include "tocsin/plugin.hpp"
#include "verdict.hpp"

namespace tocsin_plugins {

/// One call at a time.
class SlackApi {
 public:
  SlackApi(const tsn::Context& ctx, HttpClient& client, std::string section, std::string api_url, std::string token)
      : ctx_(ctx),
        client_(client),
        section_(std::move(section)),
        api_url_(std::move(api_url)),
        token_(std::move(token)) {}

  /// `body` is JSON. `limit` is what Slack's limit counts beside the method: the channel of chat.postMessage.
  tsn::Status call(const std::string& method, const std::string& limit, std::string body, tsn::Deadline deadline,
                   Posted& posted);

 private:
  /// TSN_RETRY while Slack's Retry-After of an earlier call runs.
  tsn::Status may_call(const std::string& what);
  void waits(const std::string& what, const tsn::Status& status);

  const tsn::Context& ctx_;
  HttpClient& client_;
  std::string section_, api_url_, token_;
  std::map<std::string, tsn::Time> not_before_;
};

}  // namespace tocsin_plugins
