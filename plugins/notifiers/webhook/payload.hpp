// Alertmanager's webhook payload, version 4 (Alertmanager documentation, "webhook_config").
#pragma once

#include <string>

#include "tocsin/plugin.hpp"

namespace tocsin_plugins {

std::string webhook_payload(const tsn::Message& message);

}  // namespace tocsin_plugins
