// One message of the queue, whole, as it was delivered.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace tocsin_plugins::amqp {

struct Delivery {
  std::uint64_t tag = 0;  ///< what it is acknowledged by; of its connection
  bool redelivered = false;
  bool too_long = false;  ///< longer than `max_message`; its body was not kept
  std::string exchange, routing_key, content_type, content_encoding, message_id, app_id, type, user_id;
  std::uint64_t timestamp = 0;                               ///< as sent, seconds by the specification; 0: none
  std::vector<std::pair<std::string, std::string>> headers;  ///< those that were asked for and hold a single value
  std::string body;

  /// Empty: it has none.
  std::string_view header(std::string_view name) const {
    for (const auto& [key, value] : headers)
      if (key == name) return value;
    return {};
  }
};

}  // namespace tocsin_plugins::amqp
