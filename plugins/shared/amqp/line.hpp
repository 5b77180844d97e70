// One connection to a broker of AMQP 0-9-1: TCP or TLS, signing in, channels, and why it ended. What is said on its
// channels is its user's. One thread at a time; interrupt() alone comes from any.
#pragma once

#include <amqp.h>

#include <chrono>
#include <mutex>
#include <string>
#include <string_view>

#include "amqp/address.hpp"
#include "tocsin/plugin.hpp"

namespace tocsin_plugins {

struct AmqpPeer {
  AmqpAddress address;
  std::string password, ca_file;
  std::string section;  ///< "[notifier.amqp]", for messages
  std::string name;     ///< of the connection, as the broker lists it
};

/// A connection.close or channel.close of the broker: its code and its words.
struct AmqpClosed {
  int code = 0;
  std::string text;
};
AmqpClosed amqp_closed_by(const amqp_method_t& method);

/// What the library only reads.
inline amqp_bytes_t amqp_bytes_of(std::string_view text) {
  return {text.size(), const_cast<char*>(text.data())};
}
/// Words of the broker for a message: one line, cut.
std::string amqp_text_of(amqp_bytes_t from);
/// The time that is left, at least a microsecond.
timeval amqp_left_until(std::chrono::steady_clock::time_point until);

class AmqpLine {
 public:
  using Until = std::chrono::steady_clock::time_point;
  static constexpr int heartbeat_seconds = 30;

  explicit AmqpLine(AmqpPeer peer) : peer_(std::move(peer)) {}
  ~AmqpLine() { drop(); }
  AmqpLine(const AmqpLine&) = delete;

  /// Connects and signs in. TSN_DENIED: the broker refused the user, the password or the virtual host.
  tsn::Status open(Until until);
  tsn::Status open_channel(amqp_channel_t channel);
  /// The answer to the call before; `remedy` says what to check when the broker refuses it. A refused line is dropped.
  /// `closed`, if given, gets the broker's code and words.
  tsn::Status answered(const std::string& what, const std::string& remedy, AmqpClosed* closed = nullptr);
  /// `what` the library failed at; the line is dropped. `sent`: whether it arrived is not known.
  tsn::Status broken(const std::string& what, int error, bool sent = false);

  bool connected() const noexcept { return state_ != nullptr; }
  amqp_connection_state_t state() const noexcept { return state_; }  ///< null while there is no connection
  const AmqpPeer& peer() const noexcept { return peer_; }
  /// Says goodbye, for at most a second.
  void close();
  void drop();
  /// [any] Whoever waits on the line for an answer waits no longer, and no further one is opened. Connecting itself
  /// lasts as long as its time.
  void interrupt();

 private:
  tsn::Status reach(Until until);
  tsn::Status log_in();

  const AmqpPeer peer_;
  amqp_connection_state_t state_ = nullptr;
  std::mutex mutex_;  ///< of the two below
  int socket_ = -1;   ///< once it is connected
  bool interrupted_ = false;
};

}  // namespace tocsin_plugins
