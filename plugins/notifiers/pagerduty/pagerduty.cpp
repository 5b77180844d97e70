#include <algorithm>
#include <optional>
#include <string>

#include "event.hpp"
#include "http_client/http_client.hpp"
#include "message_text/mask.hpp"
#include "template/template_option.hpp"
#include "tocsin/plugin.hpp"
#include "verdict.hpp"

namespace tocsin_plugins {

class PagerDuty {
 public:
  static constexpr auto id = "pagerduty", version = "1.0.0",
                        doc = "PagerDuty's Events API v2: triggers, acknowledges and resolves";
  static constexpr tsn::Option options[] = {
      {.key = "routing_key",
       .flags = tsn::required | tsn::secret,
       .doc = "Integration key of an Events API v2 integration of a service"},
      {.key = "url",
       .fallback = "\"https://events.pagerduty.com/v2/enqueue\"",
       .doc = "Where events go; https://events.eu.pagerduty.com/v2/enqueue for accounts in the EU"},
      {.key = "summary", .doc = "Template of what the alert is called in PagerDuty; default: title and text"},
      {.key = "ca_file", .doc = "PEM file with a root certificate of your own, beside the system's"},
      {.key = "proxy_url", .doc = "Proxy for outgoing calls; default: [http] proxy_url"},
      {.key = "no_proxy", .type = tsn::array, .doc = "Hosts reached without the proxy"},
  };
  static constexpr const char* needs[] = {"network"};
  static constexpr std::uint32_t features = tsn::no_recipient;

  PagerDuty()
      : client_(settings(ctx_.config())),
        section_("[notifier." + ctx_.name() + "]"),
        routing_key_(ctx_.config().str("routing_key")),
        url_(ctx_.config().str("url", "https://events.pagerduty.com/v2/enqueue")),
        summary_(template_option(ctx_.config(), "summary", Escape::line)) {
    if (!url_.starts_with("http://") && !url_.starts_with("https://"))
      throw tsn::Failure(tsn::invalid("url: expected http:// or https://"));
    const auto in_key = [](unsigned char c) { return c > 0x20 && c < 0x7f; };
    if (routing_key_.empty() || !std::ranges::all_of(routing_key_, in_key))
      throw tsn::Failure(tsn::invalid("routing_key: is empty, or holds white space or odd characters"));
  }

  tsn::Status deliver(const tsn::Message& message, tsn::Deadline deadline) {
    for (const auto& event : pager_events(message))
      if (auto status = send(message, event, deadline); !status) return status;
    return tsn::ok;
  }

 private:
  static HttpSettings settings(const tsn::Config& config) {
    std::string no_proxy;
    for (const auto& host : config.strings("no_proxy")) no_proxy += (no_proxy.empty() ? "" : ",") + host;
    return {std::string(config.str("ca_file")), std::string(config.str("proxy_url")), no_proxy};
  }

  tsn::Status send(const tsn::Message& message, const PagerEvent& event, tsn::Deadline deadline) {
    HttpRequest request;
    request.url = url_;
    const auto summary = summary_ ? filled_message(*summary_, message, ctx_.now()).text : std::string();
    request.body = pager_body(message, event, routing_key_, ctx_.now(), summary);
    request.headers = {"Content-Type: application/json"};
    HttpAnswer answer;
    if (auto status = client_.perform(request, deadline, answer); !status) return status;
    mask_secret(answer.body, routing_key_);  // an answer may repeat what it was sent
    return pager_verdict(answer, pager_action_name(event.action), section_, ctx_.now());
  }

  tsn::Context ctx_;
  HttpClient client_;
  std::string section_, routing_key_, url_;
  std::optional<Template> summary_;
};

}  // namespace tocsin_plugins

using tocsin_plugins::PagerDuty;
TOCSIN_PLUGIN(PagerDuty)
