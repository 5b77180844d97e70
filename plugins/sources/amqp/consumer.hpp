// One consumer of one queue: connects, declares or looks the queue up, takes deliveries in and settles them (AMQP
// 0-9-1, with RabbitMQ's extensions "Consumer Cancel Notification", "Negative Acknowledgements" and "Blocked
// Connections"). Thread: the source's own; interrupt() from any.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <vector>

#include "amqp/line.hpp"
#include "delivery.hpp"
#include "settler.hpp"

namespace tocsin_plugins::amqp {

struct Binding {
  std::string exchange, routing_key;
};

/// How the queue is made where it is not there yet.
struct Declaration {
  bool durable = true;
  std::string type;  ///< x-queue-type; empty: the broker's default
  std::string dead_letter_exchange, dead_letter_routing_key;
  std::vector<Binding> bindings;
};

struct ConsumerSettings {
  AmqpPeer peer;
  std::string queue, tag;
  std::uint16_t prefetch = 200;
  std::size_t max_message = 1 << 20;
  std::optional<Declaration> declare;  ///< none: the queue has to be there
  std::vector<std::string> headers;    ///< to be kept of each message
};

/// What the broker said of the queue.
struct Depth {
  std::uint32_t messages = 0;  ///< ready, without those that are delivered and not acknowledged
  std::uint32_t consumers = 0;
};

class Consumer final : public Settler {
 public:
  using Until = AmqpLine::Until;

  explicit Consumer(ConsumerSettings settings) : settings_(std::move(settings)), line_(settings_.peer) {}

  /// Connects, signs in, declares the queue or looks it up, and begins to consume.
  tsn::Status open(Until until);
  /// Connects and looks the queue up without making or consuming anything, then says goodbye.
  tsn::Status look(Until until, Depth& depth);
  /// Adds whole messages that have come; never waits. Another status than ok: the connection is gone, and with it every
  /// delivery that was not settled. `more`: there may be more at once.
  tsn::Status receive(std::deque<Delivery>& to, bool& more);
  /// Every delivery up to `tag` is done.
  tsn::Status acknowledge(std::uint64_t tag) override;
  /// This delivery is not wanted again: it goes to the queue's dead letter exchange, where there is one.
  tsn::Status reject(std::uint64_t tag) override;
  /// Asks for the queue's depth; the answer comes with receive().
  tsn::Status ask_depth();
  std::optional<Depth> take_depth() { return std::exchange(depth_, std::nullopt); }

  bool connected() const noexcept { return line_.connected(); }
  int descriptor() const { return line_.connected() ? amqp_get_sockfd(line_.state()) : -1; }
  /// Why the broker holds this connection back (an alarm of its memory or disk); empty: it does not.
  const std::string& blocked() const noexcept { return blocked_; }
  /// Says goodbye, for at most a second.
  void close() { line_.close(); }
  void drop() { line_.drop(); }
  void interrupt() { line_.interrupt(); }
  const ConsumerSettings& settings() const noexcept { return settings_; }

 private:
  tsn::Status declare();
  tsn::Status look_up(Depth* depth);
  tsn::Status bind(const Binding& binding);
  tsn::Status consume();
  std::string remedy(int code) const;
  tsn::Status explained(tsn::Status status, const AmqpClosed& closed, const std::string& what) const;
  tsn::Status on_method(const amqp_method_t& method);
  void on_deliver(const amqp_basic_deliver_t& deliver);
  void on_properties(const amqp_basic_properties_t& properties, std::uint64_t body_size);
  void on_body(amqp_bytes_t part);
  void keep_headers(const amqp_table_t& table);
  tsn::Status sent(int error);

  const ConsumerSettings settings_;
  AmqpLine line_;
  enum class Expect { method, header, body } expect_ = Expect::method;
  Delivery now_;  ///< the message that is coming in
  std::uint64_t body_left_ = 0;
  bool whole_ = false;  ///< `now_` has come to its end
  bool asking_ = false;
  std::optional<Depth> depth_;
  std::string blocked_;
};

}  // namespace tocsin_plugins::amqp
