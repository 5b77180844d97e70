// What is published for a message: its routing key and its body.
#pragma once

#include <string>
#include <string_view>

#include "tocsin/plugin.hpp"

namespace tocsin_plugins {

/// A group flush: "alert.triggered" or "alert.resolved". An incident's message: "incident.created" for the first to
/// this exchange, "incident.updated" for every later one. A test: "alert.test".
std::string_view amqp_routing_key(const tsn::Message& message);

/// alert.*: Alertmanager's webhook payload v4. incident.*: the incident as one JSON object.
std::string amqp_body(const tsn::Message& message);

/// The idempotency key, in the 255 bytes that a message id has: hashed where it is longer.
std::string amqp_message_id(std::string_view key);

}  // namespace tocsin_plugins
