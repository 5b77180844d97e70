// Environment variables in string values.
#pragma once

#include <string>
#include <string_view>

#include "config/document.hpp"

namespace tocsin::config {

/// `text` with `${VAR}` and `${VAR:-default}` replaced; what cannot be is reported at `place` and stays as it stands.
std::string expand_environment(std::string_view text, const base::Place& place, const Environment& environment,
                               Diagnostics& diagnostics);

}  // namespace tocsin::config
