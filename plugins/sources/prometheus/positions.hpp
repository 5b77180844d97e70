// The source's cursor: how far each range query was read, in one block that the host keeps with the rows.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "tocsin/context.hpp"

namespace tocsin_plugins::prometheus {

/// Query's name → the time of the last step that was read.
using Positions = std::map<std::string, tsn::Time>;

/// A line that names the form, then a line "TIME NAME" for each; a name has no line break.
std::string written(const Positions& positions);
/// Nothing: it is not of this form.
std::optional<Positions> read_positions(std::string_view block);

}  // namespace tocsin_plugins::prometheus
