// A notification as it is read out on the phone.
#pragma once

#include <string>

#include "template/template.hpp"
#include "tocsin/plugin.hpp"

namespace tocsin_plugins {

/// By `own`, else title, service, time, and what to press (only where `takes_digits`, and while there is something to
/// acknowledge). No control characters, addresses and markup, which a voice would spell out or a provider take for its
/// own.
std::string speech_of(const Template* own, const tsn::Message& message, bool takes_digits, tsn::Time now);

}  // namespace tocsin_plugins
