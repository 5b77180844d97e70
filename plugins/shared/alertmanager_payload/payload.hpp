// Alertmanager's webhook payload, version 4 (Alertmanager documentation, "webhook_config").
#pragma once

#include <string>

#include "tocsin/plugin.hpp"

namespace tocsin_plugins {

/// Of more than `most` alerts only the first are told of, and the others counted; 0: all.
std::string webhook_payload(const tsn::Message& message, std::size_t most = 0);

}  // namespace tocsin_plugins
