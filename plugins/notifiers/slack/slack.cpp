#include <algorithm>
#include <optional>
#include <string>

#include "api.hpp"
#include "blocks.hpp"
#include "http_client/http_client.hpp"
#include "look.hpp"
#include "presses.hpp"
#include "template/fit.hpp"
#include "template/message_data.hpp"
#include "template/template_option.hpp"
#include "threads.hpp"
#include "tocsin/plugin.hpp"
#include "verdict.hpp"

namespace tocsin_plugins {

class Slack {
 public:
  static constexpr auto id = "slack", version = "1.1.0",
                        doc = "Slack messages by an app, updated in place and with buttons, or by incoming webhook";
  static constexpr tsn::Option options[] = {
      {.key = "webhook_url",
       .flags = tsn::secret,
       .doc = "URL of an incoming webhook, which reaches its one channel; this or token"},
      {.key = "token", .flags = tsn::secret, .doc = "Bot token with the scope chat:write; this or webhook_url"},
      {.key = "channel",
       .doc = "With token: where messages without a channel of their own go. With webhook_url: a note which one it is"},
      {.key = "interactions",
       .type = tsn::table,
       .flags = tsn::secret,
       .doc = "Buttons and a slash command: path, and signing_secret of the app; users, who alone may use them (member "
              "ids)"},
      {.key = "template", .doc = "Template of what happened, in mrkdwn; header, state, facts, alerts and buttons stay"},
      {.key = "api_url", .fallback = "\"https://slack.com/api\"", .doc = "Base of the Web API"},
      {.key = "ca_file", .doc = "PEM file with a root certificate of your own, beside the system's"},
      {.key = "proxy_url", .doc = "Proxy for outgoing calls; default: [http] proxy_url"},
      {.key = "no_proxy", .type = tsn::array, .doc = "Hosts reached without the proxy"},
  };
  static constexpr tsn::Route routes[] = {
      {"POST", "{interactions.path}", "What people press or type, from Slack"},
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
        api_url_(without_last_slash(ctx_.config().str("api_url", "https://slack.com/api"))),
        api_(ctx_, client_, section_, api_url_, token_),
        template_(template_option(ctx_.config(), "template", Escape::mrkdwn)),
        threads_(ctx_),
        presses_(ctx_, read_press_settings(ctx_.config()), settings(ctx_.config()), api_url_) {
    for (const auto& [key, url] : {std::pair("webhook_url", &webhook_url_), std::pair("api_url", &api_url_)}) {
      const bool known = url->starts_with("http://") || url->starts_with("https://");
      if (!url->empty() && !known) throw tsn::Failure(tsn::invalid(std::string(key) + ": expected https://…"));
    }
    const auto in_token = [](unsigned char c) { return c > 0x20 && c < 0x7f; };
    if (!std::all_of(token_.begin(), token_.end(), in_token))
      throw tsn::Failure(tsn::invalid("token: holds white space or odd characters"));
  }

  tsn::Status start() {
    if (auto status = configured(); !status) return status;
    presses_.start();
    return tsn::ok;
  }
  void stop() { presses_.stop(); }

  tsn::Status deliver(const tsn::Message& message, tsn::Delivered& delivered, tsn::Deadline deadline) {
    if (auto status = configured(); !status) return status;
    return webhook_url_.empty() ? tell_in_app(message, delivered, deadline) : post_to_webhook(message, deadline);
  }

  void handle(const tsn::Request& request, tsn::Response& response, tsn::Deadline deadline) {
    presses_.handle(request, response, deadline);
  }

  tsn::Status probe(std::string& report, tsn::Deadline deadline) {
    if (auto status = configured(); !status) return status;
    report = look_at_slack(client_, {api_url_, token_, webhook_url_, section_}, deadline);
    return tsn::ok;
  }

 private:
  static HttpSettings settings(const tsn::Config& config) {
    std::string no_proxy;
    for (const auto& host : config.strings("no_proxy")) no_proxy += (no_proxy.empty() ? "" : ",") + host;
    return {std::string(config.str("ca_file")), std::string(config.str("proxy_url")), no_proxy};
  }
  static std::string without_last_slash(std::string_view url) {
    while (url.ends_with('/')) url.remove_suffix(1);
    return std::string(url);
  }

  tsn::Status configured() const {
    if (webhook_url_.empty() != token_.empty()) return tsn::ok;
    return tsn::invalid("slack: set either webhook_url or token in " + section_ + (token_.empty() ? "" : ", not both"));
  }

  /// By the user's template; empty: there is none, or it writes nothing for this message.
  std::string own_words(const tsn::Message& message) const {
    if (!template_) return {};
    return fitted_mrkdwn(filled_message(*template_, message, ctx_.now()), most_slack_section);
  }
  /// As the incident stands now.
  std::string state_body(const tsn::Message& message, const SlackPlace& place) const {
    const auto state = as_state(message);
    return slack_body(state, place, buttons(), own_words(state));
  }

  Buttons buttons() const { return presses_.on() ? Buttons::presses : Buttons::links; }

  tsn::Status post_to_webhook(const tsn::Message& message, tsn::Deadline deadline) {
    HttpRequest request;
    request.url = webhook_url_;
    request.body = slack_body(message, {}, buttons(), own_words(message));
    request.headers = {"Content-Type: application/json; charset=utf-8"};
    HttpAnswer answer;
    if (auto status = client_.perform(request, deadline, answer); !status) return status;
    return webhook_verdict(answer, section_, ctx_.now());
  }

  /// One message for an incident and place, changed in place; each change is a reply in its thread.
  tsn::Status tell_in_app(const tsn::Message& message, tsn::Delivered& delivered, tsn::Deadline deadline) {
    const std::string place = message.recipient.address.empty() ? channel_ : std::string(message.recipient.address);
    const bool alone = message.kind == TSN_MSG_TEST || message.incident.correlation_id.empty();
    SlackThread thread = threads_.open(place, alone ? message.key : message.incident.correlation_id, message.key);
    if (!alone && !thread.exists()) read_provider_id(message.provider_id, thread);
    if (place.empty() && !thread.exists()) {
      return tsn::invalid("slack: no channel for " + std::string(message.recipient.target) +
                          "; write \"slack:#channel\", or set channel in " + section_);
    }
    // Slack has all of it, and the host lost our answer in a crash.
    auto status = thread.told()     ? tsn::Status(tsn::ok)
                  : thread.exists() ? follow(message, place, thread, deadline)
                                    : begin(message, place, thread, deadline);
    if (!alone) threads_.keep(thread);
    if (status && thread.exists()) delivered.provider_id = thread.channel + ":" + thread.ts;
    return status;
  }

  /// The incident's first message.
  tsn::Status begin(const tsn::Message& message, const std::string& place, SlackThread& thread,
                    tsn::Deadline deadline) {
    const auto post = [&](const std::string& channel, Posted& posted) {
      return api_.call("chat.postMessage", channel, state_body(message, {channel, {}, {}}), deadline, posted);
    };
    Posted posted;
    auto status = post(place, posted);
    if (posted.error == "channel_not_found" && is_member(place)) {
      // A person nobody of this app has talked with yet: where the workspace wants the conversation opened first.
      Posted opened;
      if (api_.call("conversations.open", "", "{\"users\":\"" + place + "\"}", deadline, opened) &&
          !opened.channel.empty())
        status = post(opened.channel, posted);
    }
    if (!status) return status;
    thread.channel = posted.channel, thread.ts = posted.ts;
    thread.show();
    thread.tell();
    return tsn::ok;
  }

  /// Its later ones.
  tsn::Status follow(const tsn::Message& message, const std::string& place, SlackThread& thread,
                     tsn::Deadline deadline) {
    Posted posted;
    const std::string old_channel = thread.channel;
    if (!thread.shows_it_or_newer()) {
      const SlackPlace at{thread.channel, {}, thread.ts};
      auto status = api_.call("chat.update", "", state_body(message, at), deadline, posted);
      if (is_gone(posted.error)) return begin(message, place.empty() ? old_channel : place, thread, deadline);
      if (!status) return status;
      thread.show();
    }
    const SlackPlace in{thread.channel, thread.ts, {}};
    auto status = api_.call("chat.postMessage", thread.channel, slack_reply(message, in), deadline, posted);
    if (is_gone(posted.error)) return begin(message, place.empty() ? old_channel : place, thread, deadline);
    if (status) thread.tell();
    return status;
  }

  /// "channel:ts" of the incident's message, as an earlier deliver() returned it.
  static void read_provider_id(std::string_view known, SlackThread& thread) {
    const auto colon = std::min(known.find(':'), known.size());
    const auto ts = known.substr(std::min(colon + 1, known.size()));
    const auto dot = ts.find('.');
    const auto in_ts = [](char c) { return (c >= '0' && c <= '9') || c == '.'; };
    if (colon == 0 || dot == ts.npos || dot == 0 || dot + 1 == ts.size() || ts.find('.', dot + 1) != ts.npos ||
        !std::all_of(ts.begin(), ts.end(), in_ts))
      return;
    thread.channel = known.substr(0, colon), thread.ts = ts;
  }

  /// A member id (U…, W…), which is a direct message.
  static bool is_member(std::string_view place) {
    const auto in_id = [](char c) { return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z'); };
    return (place.starts_with('U') || place.starts_with('W')) && std::all_of(place.begin(), place.end(), in_id);
  }

  tsn::Context ctx_;
  HttpClient client_;
  std::string section_, webhook_url_, token_, channel_, api_url_;
  SlackApi api_;
  std::optional<Template> template_;
  SlackThreads threads_;
  Presses presses_;
};

}  // namespace tocsin_plugins

using tocsin_plugins::Slack;
TOCSIN_PLUGIN(Slack)
