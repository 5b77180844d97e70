// [rotation.*]: who is on call in turn; and time zones.
#pragma once

#include <map>
#include <span>
#include <string>

#include "base/option.hpp"
#include "base/value.hpp"
#include "config/document.hpp"
#include "model/rotation.hpp"
#include "model/time_interval.hpp"

namespace tocsin::settings {

/// Whether the time zone is known on this machine; always true where there is no zone database.
bool known_zone(const std::string& zone);

std::span<const base::Option> rotation_options();

/// Checked but for the contacts they name, which incidents::check_routing() looks at. `now` is for the warning that a
/// rotation has not begun; no_time: not asked.
std::map<std::string, model::Rotation> read_rotations(const base::Value& root,
                                                      const std::map<std::string, model::TimeInterval>& intervals,
                                                      config::Diagnostics& diagnostics, base::Time now);

}  // namespace tocsin::settings
