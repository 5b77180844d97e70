// What a person writes back: "1042a", "ack 1042", "1042 cc".
#pragma once

#include <optional>
#include <string_view>

#include "phone/line.hpp"

namespace tocsin_plugins {

/// A word (`a`, `ack`, `c`, `close`, `e`, `escalate`, and `aa`, `cc` for the whole service) before or after a number,
/// in any case, with spaces around and between; nothing for all else.
std::optional<Wish> wish_of(std::string_view text);

}  // namespace tocsin_plugins
