// Rotations, which this version checks and does not act on, and time zones.
#pragma once

#include <string>
#include <vector>

#include "base/value.hpp"
#include "config/document.hpp"

namespace tocsin::settings {

/// Whether the time zone is known on this machine; always true where there is no zone database.
bool known_zone(const std::string& zone);

struct Rotation {
  std::string name;
  std::vector<std::string> members;
  std::string fallback;
  base::Place place;
};
/// [rotation.*], checked.
std::vector<Rotation> read_rotations(const base::Value& root, config::Diagnostics& diagnostics);

}  // namespace tocsin::settings
