// Which files a pattern names: `*`, `?` and `[…]` within one part of a path, `**` for any depth of directories.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace tocsin_plugins::logtail {

/// Paths that match, sorted. A path that exists as it stands is itself, whatever signs are in it. Hidden entries match
/// only a pattern that begins with a point; `**` follows no symbolic link. Directories that cannot be read count as
/// empty.
std::vector<std::string> expand(const std::string& pattern);

/// The directory above the first wildcard: where new files may appear.
std::string fixed_directory(const std::string& pattern);

/// `pattern` (a glob) fits the file's name or its whole path.
bool excluded_by(const std::string& pattern, const std::string& path);

}  // namespace tocsin_plugins::logtail
