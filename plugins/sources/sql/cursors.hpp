// The source's cursor: how far each loader has read, in one block that the host keeps with the rows.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace tocsin_plugins::sql {

/// Loader's name → newest value of its cursor column.
using Cursors = std::map<std::string, std::string>;

/// A line that names the form, then for each loader its name and value, each with its length before it.
std::string written(const Cursors& cursors);
/// Nothing: it is not of this form.
std::optional<Cursors> read_cursors(std::string_view block);

}  // namespace tocsin_plugins::sql
