// The options of the connection and the queue.
#pragma once

#include <string>

#include "consumer.hpp"
#include "tocsin/plugin.hpp"

namespace tocsin_plugins::amqp {

/// Throws tsn::Failure (invalid). Headers that `fields` and `id_header` name are among those that are kept.
ConsumerSettings read_settings(const tsn::Context& ctx);

}  // namespace tocsin_plugins::amqp
