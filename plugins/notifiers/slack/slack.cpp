#include <algorithm>
#include <string>

#include "blocks.hpp"
#include "http_client/http_client.hpp"
#include "look.hpp"
#include "tocsin/plugin.hpp"
#include "verdict.hpp"

namespace tocsin_plugins {

class Slack {
 public:
  static constexpr auto id = "slack", version = "1.0.0", doc = "Slack messages by incoming webhook or chat.postMessage";
  static constexpr tsn::Option options[] = {
      {.key = "webhook_url",
       .flags = tsn::secret,
       .doc = "URL of an incoming webhook, which reaches its one channel; this or token"},
      {.key = "token", .flags = tsn::secret, .doc = "Bot token with the scope chat:write; this or webhook_url"},
      {.key = "channel",
       .doc = "With token: where messages without a channel of their own go. With webhook_url: a note which one it is"},
      {.key = "api_url", .fallback = "\"https://slack.com/api\"", .doc = "Base of the Web API"},
      {.key = "ca_file", .doc = "PEM file with a root certificate of your own, beside the system's"},
      {.key = "proxy_url", .doc = "Proxy for outgoing calls; default: [http] proxy_url"},
      {.key = "no_proxy", .type = tsn::array, .doc = "Hosts reached without the proxy"},
  };
  static constexpr const char* needs[] = {"network"};
  static constexpr std::uint32_t features = tsn::no_recipient | tsn::channels;
  static constexpr auto address_field = "slack";

  Slack()
      : client_(settings(ctx_.config())),
        section_("[notifier." + ctx_.name() + "]"),
        webhook_url_(ctx_.config().str("webhook_url")),
        token_(ctx_.config().str("token")),
        channel_(ctx_.config().str("channel")),
        api_url_(ctx_.config().str("api_url", "https://slack.com/api")) {
    while (api_url_.ends_with('/')) api_url_.pop_back();
    for (const auto& [key, url] : {std::pair("webhook_url", &webhook_url_), std::pair("api_url", &api_url_)}) {
      const bool known = url->starts_with("http://") || url->starts_with("https://");
      if (!url->empty() && !known) throw tsn::Failure(tsn::invalid(std::string(key) + ": expected https://…"));
    }
    const auto in_token = [](unsigned char c) { return c > 0x20 && c < 0x7f; };
    if (!std::all_of(token_.begin(), token_.end(), in_token))
      throw tsn::Failure(tsn::invalid("token: holds white space or odd characters"));
  }

  tsn::Status start() const {
    if (webhook_url_.empty() == token_.empty()) {
      return tsn::invalid("slack: set either webhook_url or token in " + section_ +
                          (token_.empty() ? "" : ", not both"));
    }
    return tsn::ok;
  }

  tsn::Status deliver(const tsn::Message& message, tsn::Delivered& delivered, tsn::Deadline deadline) {
    if (auto status = start(); !status) return status;
    return webhook_url_.empty() ? post_message(message, delivered, deadline) : post_to_webhook(message, deadline);
  }

  tsn::Status probe(std::string& report, tsn::Deadline deadline) {
    if (auto status = start(); !status) return status;
    report = look_at_slack(client_, {api_url_, token_, webhook_url_, section_}, deadline);
    return tsn::ok;
  }

 private:
  static HttpSettings settings(const tsn::Config& config) {
    std::string no_proxy;
    for (const auto& host : config.strings("no_proxy")) no_proxy += (no_proxy.empty() ? "" : ",") + host;
    return {std::string(config.str("ca_file")), std::string(config.str("proxy_url")), no_proxy};
  }

  tsn::Status post_to_webhook(const tsn::Message& message, tsn::Deadline deadline) {
    HttpRequest request;
    request.url = webhook_url_;
    request.body = slack_body(message);
    request.headers = {"Content-Type: application/json; charset=utf-8"};
    HttpAnswer answer;
    if (auto status = client_.perform(request, deadline, answer); !status) return status;
    return webhook_verdict(answer, section_, ctx_.now());
  }

  tsn::Status post_message(const tsn::Message& message, tsn::Delivered& delivered, tsn::Deadline deadline) {
    SlackPlace place = place_of(message);
    if (place.channel.empty()) {
      return tsn::invalid("slack: no channel for " + std::string(message.recipient.target) +
                          "; write \"slack:#channel\", or set channel in " + section_);
    }
    Posted posted;
    auto status = post(message, place, deadline, posted);
    // The first message may have been deleted since.
    if (!place.thread_ts.empty() &&
        (posted.error == "message_not_found" || posted.error == "cannot_reply_to_message")) {
      place.thread_ts.clear();
      status = post(message, place, deadline, posted);
    }
    if (status && !posted.ts.empty()) {
      delivered.provider_id = posted.channel + ":" + (place.thread_ts.empty() ? posted.ts : place.thread_ts);
    }
    return status;
  }

  tsn::Status post(const tsn::Message& message, const SlackPlace& place, tsn::Deadline deadline, Posted& posted) {
    HttpRequest request;
    request.url = api_url_ + "/chat.postMessage";
    request.body = slack_body(message, place);
    request.headers = {"Content-Type: application/json; charset=utf-8", "Authorization: Bearer " + token_};
    HttpAnswer answer;
    if (auto status = client_.perform(request, deadline, answer); !status) return status;
    return post_message_verdict(answer, section_, ctx_.now(), posted);
  }

  /// A provider id is "channel:ts" of the incident's first message: later ones are replies to it.
  SlackPlace place_of(const tsn::Message& message) const {
    const auto first = message.provider_id;
    const auto colon = first.find(':');
    const auto in_ts = [](char c) { return (c >= '0' && c <= '9') || c == '.'; };
    if (colon != first.npos && colon > 0 &&
        std::all_of(first.begin() + static_cast<std::ptrdiff_t>(colon) + 1, first.end(), in_ts)) {
      return {std::string(first.substr(0, colon)), std::string(first.substr(colon + 1))};
    }
    return {message.recipient.address.empty() ? channel_ : std::string(message.recipient.address), {}};
  }

  tsn::Context ctx_;
  HttpClient client_;
  std::string section_, webhook_url_, token_, channel_, api_url_;
};

}  // namespace tocsin_plugins

using tocsin_plugins::Slack;
TOCSIN_PLUGIN(Slack)
