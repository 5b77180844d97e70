// Delivery into a Maildir: written to tmp/, made durable, then renamed into new/, so that a reader sees whole mails
// only.
#pragma once

#include <string>
#include <string_view>

#include "tocsin/plugin.hpp"

namespace tocsin_plugins {

/// Makes `root` with its tmp, new and cur where missing. Line ends become "\n", as mail readers of the system expect.
tsn::Status write_to_maildir(const std::string& root, std::string_view mail, tsn::Time now);

}  // namespace tocsin_plugins
