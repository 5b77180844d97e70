// amqp://user@host:port/vhost (RabbitMQ's URI specification), without a password: that is an option of its own.
#pragma once

#include <string>

namespace tocsin_plugins {

struct AmqpAddress {
  bool tls = false;
  std::string host, user = "guest", vhost = "/";
  int port = 5672;  ///< 5671 with TLS

  std::string text() const { return host + ":" + std::to_string(port); }
};

/// Throws tsn::Failure (TSN_INVALID) with what is wrong; the text repeats nothing of `url`.
AmqpAddress amqp_address(const std::string& url);

}  // namespace tocsin_plugins
