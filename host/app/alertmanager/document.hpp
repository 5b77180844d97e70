// alertmanager.yml, read and checked as Alertmanager 0.25 does.
#pragma once

#include <string>
#include <string_view>

#include "base/value.hpp"
#include "config/document.hpp"

namespace tocsin::alertmanager {

/// The file's tree: scalars are strings, keys and shapes are checked, and so is what the parts say of each other
/// (receivers, intervals, what an integration needs). Everything that is wrong is reported at once, each with its place
/// and path; with an error among the findings the tree is not to be used.
base::Value read_document(std::string_view text, const std::string& file_name, config::Diagnostics& diagnostics);

/// The file as Alertmanager's status shows it: the whole of it, secrets as `<secret>`, in YAML that Alertmanager and
/// amtool read.
std::string masked(const base::Value& document);

}  // namespace tocsin::alertmanager
