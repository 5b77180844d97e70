#include <algorithm>
#include <chrono>
#include <string>
#include <utility>

#include "event.hpp"
#include "publisher.hpp"
#include "tocsin/plugin.hpp"

namespace tocsin_plugins {

class Amqp {
 public:
  static constexpr auto id = "amqp", version = "1.0.0", doc = "Publishes alerts and incidents to a RabbitMQ exchange";
  static constexpr tsn::Option options[] = {
      {.key = "url", .flags = tsn::required, .doc = "amqp:// or amqps://user@host:port/vhost, without a password"},
      {.key = "password", .flags = tsn::secret, .doc = "Password of the url's user"},
      {.key = "exchange", .fallback = "\"tocsin\"", .doc = "Topic exchange to publish to"},
      {.key = "declare",
       .type = tsn::boolean,
       .fallback = "true",
       .doc = "Declare the exchange (topic, durable) after connecting; false: it has to be there"},
      {.key = "ca_file", .doc = "PEM file with a root certificate of your own, beside the system's"},
      {.key = "timeout",
       .type = tsn::duration,
       .fallback = "\"10s\"",
       .min = "100ms",
       .doc = "How long connecting, publishing and the broker's confirm may take together"},
  };
  static constexpr const char* needs[] = {"network"};
  static constexpr std::uint32_t features = tsn::no_recipient;

  Amqp()
      : settings_(settings(ctx_)),
        publisher_(settings_),
        timeout_(ctx_.config().duration("timeout", std::chrono::seconds(10))) {}

  tsn::Status deliver(const tsn::Message& message, tsn::Delivered& delivered, tsn::Deadline deadline) {
    const auto until = std::chrono::steady_clock::now() + std::min(timeout_, deadline.remaining());
    const std::string body = amqp_body(message), message_id = amqp_message_id(message.key);
    const AmqpMessage out{amqp_routing_key(message), message_id, body, ctx_.now() / 1'000'000'000};
    bool returned = false;
    auto status = publisher_.publish(out, until, returned);
    watch_over();
    if (!status) return status;
    if (returned) tell_unroutable(out.routing_key);
    // That there was a first one: what follows is an update.
    if (!message.group && message.kind == TSN_MSG_FIRING) delivered.provider_id = message.incident.correlation_id;
    return tsn::ok;
  }

  void stop() { publisher_.close(); }

  /// On a connection of its own; the exchange is looked up and not declared.
  tsn::Status probe(std::string& report, tsn::Deadline deadline) {
    AmqpPublisher publisher(settings_);
    bool there = false;
    const auto status =
        publisher.look(std::chrono::steady_clock::now() + std::min(timeout_, deadline.remaining()), there);
    if (!status)
      report = "error: " + std::string(status.text());
    else if (there)
      report = "ok: " + settings_.peer.address.text() + " has the exchange \"" + settings_.exchange + "\"";
    else if (settings_.declare)
      report = "ok: " + settings_.peer.address.text() + " answers; the exchange \"" + settings_.exchange +
               "\" is not there yet and is declared with the first message";
    else
      report = "error: amqp: " + settings_.peer.address.text() + " has no exchange \"" + settings_.exchange +
               "\"; make it, or set declare = true in " + settings_.peer.section;
    return tsn::ok;
  }

 private:
  static AmqpSettings settings(const tsn::Context& ctx) {
    const auto config = ctx.config();
    AmqpSettings out{
        {amqp_address(std::string(config.str("url"))), std::string(config.str("password")),
         std::string(config.str("ca_file")), "[notifier." + ctx.name() + "]", "tocsin notifier." + ctx.name()},
        std::string(config.str("exchange", "tocsin")),
        config.boolean("declare", true)};
    if (out.exchange.empty() || out.exchange.size() > 127)
      throw tsn::Failure(tsn::invalid("exchange: expected a name of 1 to 127 bytes"));
    return out;
  }

  /// Heartbeats between messages; without them the broker takes the agent for dead.
  void watch_over() {
    if (watched_ || !publisher_.connected()) return;
    watched_ = true;
    ctx_.timer(std::chrono::seconds(5), [this] {
      watched_ = false;
      publisher_.keep_alive();
      watch_over();
    });
  }

  void tell_unroutable(std::string_view routing_key) {
    ctx_.count("amqp_unroutable");
    if (std::exchange(warned_, true)) return;
    ctx_.warn("amqp: no queue takes \"" + std::string(routing_key) +
              "\"; bind one to the exchange. Further such messages are only counted");
  }

  tsn::Context ctx_;
  const AmqpSettings settings_;
  AmqpPublisher publisher_;
  std::chrono::nanoseconds timeout_;
  bool watched_ = false, warned_ = false;
};

}  // namespace tocsin_plugins

using tocsin_plugins::Amqp;
TOCSIN_PLUGIN(Amqp)
