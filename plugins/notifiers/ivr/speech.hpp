// A notification as it is read out on the phone.
#pragma once

#include <string>

#include "tocsin/plugin.hpp"

namespace tocsin_plugins {

/// Title, service, time, and what to press (only where `takes_digits`, and while there is something to acknowledge). No
/// control characters and no markup, which a voice would spell out or a provider take for its own.
std::string speech_of(const tsn::Message& message, bool takes_digits, tsn::Time now);

}  // namespace tocsin_plugins
