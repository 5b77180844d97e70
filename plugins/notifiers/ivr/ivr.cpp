#include <optional>

#include "phone/line.hpp"
#include "speech.hpp"
#include "template/template_option.hpp"
#include "tocsin/plugin.hpp"

namespace tocsin_plugins {

class Ivr {
 public:
  static constexpr auto id = "ivr", version = "1.0.0",
                        doc = "Calls with digits to press, through a provider of your own, described in TOML or Lua";
  static constexpr tsn::Option options[] = {
      {.key = "send",
       .type = tsn::table,
       .flags = tsn::required | tsn::secret,
       .doc = "The request that calls: method, url, headers, body with {{fields}}; ok, permanent; id"},
      {.key = "status",
       .type = tsn::table,
       .flags = tsn::secret,
       .doc = "The request that asks what became of {{id}}: url, state; delivered, failed, no_answer, every"},
      {.key = "callback",
       .type = tsn::table,
       .flags = tsn::secret,
       .doc = "Where the provider says what became of a call and what was pressed: path, auth, id, state, digits"},
      {.key = "adapter",
       .doc = "A Lua script in place of the table send: send(message), status(id), callback(request); relative to this "
              "file"},
      {.key = "secrets", .type = tsn::table, .flags = tsn::secret, .doc = "What secret(NAME) gives to the adapter"},
      {.key = "text", .doc = "Template of what is said; default: severity, title, service, time and what to press"},
      {.key = "retries",
       .type = tsn::integer,
       .fallback = "2",
       .min = "0",
       .max = "10",
       .doc = "How often to call again when nobody answers"},
      {.key = "retry_after",
       .type = tsn::duration,
       .fallback = "\"60s\"",
       .min = "\"1s\"",
       .max = "\"1h\"",
       .doc = "How long to wait before calling again"},
      {.key = "ca_file", .doc = "PEM file with a root certificate of your own, beside the system's"},
      {.key = "proxy_url", .doc = "Proxy for outgoing calls; default: [http] proxy_url"},
      {.key = "no_proxy", .type = tsn::array, .doc = "Hosts reached without the proxy"},
  };
  static constexpr tsn::Route routes[] = {
      {"POST", "{callback.path}", "What became of a call and what was pressed, from the provider"},
  };
  static constexpr const char* needs[] = {"network"};
  static constexpr auto address_field = "phone";
  static constexpr auto features = tsn::alarms;

  Ivr() : line_(ctx_, kind()), text_(template_option(ctx_.config(), "text", Escape::speech)) {}

  tsn::Status start() { return line_.start(); }
  void stop() { line_.stop(); }
  tsn::Status deliver(const tsn::Message& message, tsn::Delivered& delivered, tsn::Deadline deadline) {
    const Template* own = text_ ? &*text_ : nullptr;
    return line_.send(message, speech_of(own, message, line_.takes_digits(), ctx_.now()), delivered, deadline);
  }
  void handle(const tsn::Request& request, tsn::Response& response) { line_.handle(request, response); }

 private:
  static LineKind kind() {
    return {"ivr",
            true,
            {{"completed", "finished"},
             {"failed", "canceled", "cancelled", "rejected", "invalid"},
             {"no-answer", "no_answer", "noanswer", "busy", "timeout", "voicemail"}},
            {}};
  }
  tsn::Context ctx_;
  PhoneLine line_;
  std::optional<Template> text_;
};

}  // namespace tocsin_plugins

using tocsin_plugins::Ivr;
TOCSIN_PLUGIN(Ivr)
