#include <algorithm>

#include "alertmanager_payload/payload.hpp"
#include "body.hpp"
#include "http_client/http_sender.hpp"
#include "tocsin/plugin.hpp"

namespace tocsin_plugins {

class Webhook {
 public:
  static constexpr auto id = "webhook", version = "1.0.0",
                        doc = "Posts Alertmanager's webhook payload v4, or a body of your own, to a URL";
  static constexpr tsn::Option options[] = {
      {.key = "url",
       .flags = tsn::required | tsn::secret,
       .doc = "Where to post; may hold a token, so it is treated as a secret"},
      {.key = "headers", .type = tsn::table, .flags = tsn::secret, .doc = "Further headers, such as Authorization"},
      {.key = "body",
       .doc = "Template of a body of your own instead of the payload; its values are escaped for the Content-Type of "
              "headers"},
      {.key = "username", .doc = "Name for basic authentication"},
      {.key = "password", .flags = tsn::secret, .doc = "Password of username"},
      {.key = "max_alerts",
       .type = tsn::integer,
       .fallback = "0",
       .min = "0",
       .doc = "At most so many alerts in one request, the rest only counted; 0: all"},
      {.key = "ca_file", .doc = "PEM file with a root certificate of your own, beside the system's"},
      {.key = "proxy_url", .doc = "Proxy for outgoing calls; default: [http] proxy_url"},
      {.key = "no_proxy", .type = tsn::array, .doc = "Hosts reached without the proxy"},
  };
  static constexpr const char* needs[] = {"network"};
  static constexpr std::uint32_t features = tsn::no_recipient | tsn::concurrent;

  Webhook()
      : url_(ctx_.config().str("url")),
        username_(ctx_.config().str("username")),
        password_(ctx_.config().str("password")),
        max_alerts_(static_cast<std::size_t>(ctx_.config().integer("max_alerts", 0))),
        sender_(ctx_, settings(ctx_.config()), most_at_once) {
    if (!url_.starts_with("http://") && !url_.starts_with("https://")) {
      throw tsn::Failure(tsn::invalid("url: expected http:// or https://"));
    }
    std::string type;
    const auto headers = ctx_.config().table("headers");
    for (std::uint32_t i = 0; i < headers.count(); ++i) {
      const std::string name(headers.key(i)), value(headers.at(i).as_str());
      if (is_content_type(name) && ctx_.config().has("body"))
        type = value;
      else
        headers_.push_back(name + ": " + value);
    }
    if (!ctx_.config().str("body").empty()) body_.emplace(ctx_.config(), type);
  }

  tsn::Status deliver(const tsn::Message& message, tsn::Delivered&, tsn::Token& token, tsn::Deadline deadline) {
    HttpRequest request;
    request.url = url_;
    request.username = username_;
    request.password = password_;
    request.headers = headers_;
    write_body(message, request);
    request.headers.push_back("Idempotency-Key: " + std::string(message.key));
    auto kept = std::make_shared<tsn::Token>(std::move(token));
    sender_.send(std::move(request), deadline, [this, kept](const tsn::Status& sent, const HttpAnswer& answer) {
      kept->complete(sent ? status_of(answer, "webhook: POST to " + host_of(url_), ctx_.now()) : sent);
    });
    return tsn::ok;
  }
  void stop() { sender_.stop(); }

 private:
  /// Requests under way, each on a connection of its own.
  static constexpr std::size_t most_at_once = 16;

  static bool is_content_type(std::string_view name) {
    constexpr std::string_view known = "content-type";
    return std::equal(name.begin(), name.end(), known.begin(), known.end(),
                      [](char a, char b) { return (a >= 'A' && a <= 'Z' ? char(a + 32) : a) == b; });
  }
  void write_body(const tsn::Message& message, HttpRequest& request) {
    if (auto own = body_ ? body_->write(message, ctx_.now()) : std::nullopt) {
      request.body = std::move(*own);
      request.headers.push_back("Content-Type: " + body_->content_type());
      return;
    }
    if (body_) {
      ctx_.count("bodies_replaced");
      ctx_.warn("the body of this message would be too long or no JSON: Alertmanager's payload is sent instead");
    }
    request.body = webhook_payload(message, max_alerts_);
    request.headers.push_back("Content-Type: application/json");
  }
  static HttpSettings settings(const tsn::Config& config) {
    std::string no_proxy;
    for (const auto& host : config.strings("no_proxy")) no_proxy += (no_proxy.empty() ? "" : ",") + host;
    return {std::string(config.str("ca_file")), std::string(config.str("proxy_url")), no_proxy};
  }

  tsn::Context ctx_;
  std::string url_, username_, password_;
  std::size_t max_alerts_ = 0;  ///< 0: all
  std::vector<std::string> headers_;
  std::optional<WebhookBody> body_;
  HttpSender sender_;  ///< last: it ends before what its answers use
};

}  // namespace tocsin_plugins

using tocsin_plugins::Webhook;
TOCSIN_PLUGIN(Webhook)
