// [silence.NAME]: silences that stand in the configuration.
#pragma once

#include <span>
#include <vector>

#include "base/option.hpp"
#include "base/value.hpp"
#include "config/document.hpp"
#include "model/silence.hpp"

namespace tocsin::settings {

std::span<const base::Option> silence_options();

/// Those that are wrong are reported and left out.
std::vector<model::Silence> read_silences(const base::Value& root, config::Diagnostics& diagnostics);

}  // namespace tocsin::settings
