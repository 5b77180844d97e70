// YAML to a base::Value tree in which every value and key knows its line and column.
#pragma once

#include <string>
#include <string_view>

#include "base/result.hpp"
#include "base/value.hpp"
#include "config/document.hpp"

namespace tocsin::alertmanager {

/// The first document of the text. Every scalar is a string, whatever it looks like: what `30s`, `yes` or `0` mean is
/// decided by the key they stand under. A plain null (`~`, nothing) is null. Anchors are copied in, `<<` is merged.
/// What cannot be read is reported at its place, and the result is an error too: syntax, the same key twice, keys that
/// are no scalars, aliases that make the tree grow beyond all bounds.
base::Result<base::Value> parse_yaml(std::string_view text, const std::string& file_name,
                                     config::Diagnostics& diagnostics);

}  // namespace tocsin::alertmanager
