// The source's cursor: up to when each query with `bucket` has taken its buckets.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace tocsin_plugins::elasticsearch {

/// Query's name → begin of the next bucket, in ms since 1970.
using Positions = std::map<std::string, std::int64_t>;

/// A line that names the form, then for each query a line of its position and name.
std::string written(const Positions& positions);
/// Nothing: it is not of this form.
std::optional<Positions> read_positions(std::string_view block);

}  // namespace tocsin_plugins::elasticsearch
