// A tree as TOML text, the way people write agent.toml.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "base/value.hpp"

namespace tocsin::alertmanager {

using Remarks = std::map<std::string, std::vector<std::string>>;

/// Sections in the order of the tree; a remark stands above the section it belongs to, by name ("notifier.hook").
/// `${` in texts is doubled to mean itself, but for the references `${file:PATH}`.
std::string to_toml(const base::Value& root, const Remarks& remarks);

}  // namespace tocsin::alertmanager
