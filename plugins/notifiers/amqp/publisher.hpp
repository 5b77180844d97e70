// One connection with one channel in confirm mode (AMQP 0-9-1, and RabbitMQ's extensions "Publisher Confirms" and
// "Negative Acknowledgements"). One message is on its way at a time. Not for several threads at once.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include "amqp/line.hpp"
#include "tocsin/plugin.hpp"

namespace tocsin_plugins {

struct AmqpSettings {
  AmqpPeer peer;
  std::string exchange;
  bool declare = true;
};

struct AmqpMessage {
  std::string_view routing_key, message_id, body;
  std::int64_t seconds = 0;  ///< since 1970
};

class AmqpPublisher {
 public:
  using Until = std::chrono::steady_clock::time_point;

  explicit AmqpPublisher(AmqpSettings settings) : settings_(std::move(settings)), line_(settings_.peer) {}

  /// ok: the broker has confirmed the message; `returned` then says that no queue takes it. TSN_UNKNOWN: it was sent,
  /// and no confirm came. Any other failure: the broker does not have it. Connects where there is no connection.
  tsn::Status publish(const AmqpMessage& message, Until until, bool& returned);
  /// Sends a heartbeat when one is due, and notices that the broker has gone. Never waits.
  void keep_alive();
  bool connected() const { return line_.connected(); }
  /// Connects, signs in and looks the exchange up without making it, then says goodbye. `there`: it exists.
  tsn::Status look(Until until, bool& there);
  /// Says goodbye, for at most a second.
  void close() { line_.close(); }

 private:
  tsn::Status open(Until until);
  tsn::Status prepare_channel();
  tsn::Status await_room(Until until);
  tsn::Status await_confirm(Until until, bool& returned);

  AmqpSettings settings_;
  AmqpLine line_;
  std::uint64_t published_ = 0;  ///< on this channel; the tag of the last message
};

}  // namespace tocsin_plugins
