// The marks of all instances, for the crash handler.
#pragma once

#include <cstddef>
#include <cstdint>

#include "plugin_host/attribution.hpp"

namespace tocsin::plugin_host {

constexpr std::size_t most_marks = 1024;

/// An instance whose library holds this address; null: none does. Async-signal-safe.
const Mark* mark_of_code(std::uintptr_t at);

}  // namespace tocsin::plugin_host
