// What is typed after the app's slash command: "ack 1042", "resolve 1042 disk replaced", "snooze 1042 2h".
#pragma once

#include <optional>
#include <string_view>

#include "buttons.hpp"

namespace tocsin_plugins {

/// Verbs in any case; the number with or without #. Nothing for all else.
std::optional<Meaning> command_of(std::string_view text);

/// What can be typed, for somebody who typed something else.
std::string_view command_help();

}  // namespace tocsin_plugins
