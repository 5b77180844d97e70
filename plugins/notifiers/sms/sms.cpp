#include "phone/line.hpp"
#include "reply.hpp"
#include "text.hpp"
#include "tocsin/plugin.hpp"

namespace tocsin_plugins {

class Sms {
 public:
  static constexpr auto id = "sms", version = "1.0.0",
                        doc = "SMS through a provider of your own, described in TOML or Lua";
  static constexpr tsn::Option options[] = {
      {.key = "send",
       .type = tsn::table,
       .flags = tsn::required | tsn::secret,
       .doc = "The request that sends: method, url, headers, body with {{fields}}; ok, permanent; id"},
      {.key = "status",
       .type = tsn::table,
       .flags = tsn::secret,
       .doc = "The request that asks what became of {{id}}: url, state; delivered, failed, every"},
      {.key = "callback",
       .type = tsn::table,
       .flags = tsn::secret,
       .doc = "Where the provider says what became of a message: path, auth, id, state"},
      {.key = "reply",
       .type = tsn::table,
       .flags = tsn::secret,
       .doc = "Where the provider hands over what people write back: path, auth, from, text, id"},
      {.key = "adapter",
       .doc = "A Lua script in place of the table send: send(message), status(id), callback(request); relative to this "
              "file"},
      {.key = "secrets", .type = tsn::table, .flags = tsn::secret, .doc = "What secret(NAME) gives to the adapter"},
      {.key = "max_parts",
       .type = tsn::integer,
       .fallback = "3",
       .min = "1",
       .max = "10",
       .doc = "Parts a message may have at most; longer ones are shortened"},
      {.key = "ca_file", .doc = "PEM file with a root certificate of your own, beside the system's"},
      {.key = "proxy_url", .doc = "Proxy for outgoing calls; default: [http] proxy_url"},
      {.key = "no_proxy", .type = tsn::array, .doc = "Hosts reached without the proxy"},
  };
  static constexpr tsn::Route routes[] = {
      {"POST", "{callback.path}", "What became of a message, from the provider"},
      {"POST", "{reply.path}", "What a person wrote back, from the provider"},
  };
  static constexpr const char* needs[] = {"network"};
  static constexpr auto address_field = "phone";

  Sms() : line_(ctx_, kind()), max_parts_(static_cast<std::size_t>(ctx_.config().integer("max_parts", 3))) {}

  tsn::Status start() { return line_.start(); }
  void stop() { line_.stop(); }
  tsn::Status deliver(const tsn::Message& message, tsn::Delivered& delivered, tsn::Deadline deadline) {
    return line_.send(message, sms_text(message, max_parts_, line_.takes_replies()), delivered, deadline);
  }
  void handle(const tsn::Request& request, tsn::Response& response) { line_.handle(request, response); }

 private:
  static LineKind kind() {
    return {"sms",
            false,
            {{"DELIVRD", "delivered", "read"},
             {"UNDELIV", "undelivered", "undeliverable", "EXPIRED", "REJECTD", "rejected", "DELETED", "failed"},
             {}},
            wish_of};
  }
  tsn::Context ctx_;
  PhoneLine line_;
  std::size_t max_parts_;
};

}  // namespace tocsin_plugins

using tocsin_plugins::Sms;
TOCSIN_PLUGIN(Sms)
