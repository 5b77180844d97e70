// The files that `tocsin plugin new KIND NAME` writes, compiled in: nothing is read at run time.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace tocsin::templates {

/// "source", "detector", "notifier", "tracker".
std::vector<std::string_view> kinds();

/// Path (relative to the new folder) and text of each file; empty for an unknown kind or a name that is not an
/// identifier in lower case (a-z, 0-9, _; the first a letter).
std::vector<std::pair<std::string, std::string>> files(std::string_view kind, std::string_view name);

}  // namespace tocsin::templates
