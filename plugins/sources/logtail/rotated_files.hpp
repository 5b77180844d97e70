// Files that the kubelet rotated, and compressed, while the agent was down: NAME.20160102-150405 and the same with .gz.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "tocsin/plugin.hpp"

namespace tocsin_plugins::logtail {

struct RotatedFile {
  std::string path;
  bool compressed = false;
  std::string name() const { return compressed ? path.substr(0, path.size() - 3) : path; }  ///< without .gz
};

/// The rotated files of the log at `path` (where it lies, no link), oldest first.
std::vector<RotatedFile> rotated_files(const std::string& path);

/// The first `most` bytes of what is compressed, or as many as there are; empty: it cannot be read.
std::string beginning_of_packed(const std::string& path, std::size_t most);

/// Unpacks a file into a new one in `directory`, and gives its path; the caller removes it. Empty: it cannot be read,
/// or is larger than 1 GiB.
std::string unpack(const std::string& path, const std::string& directory);

/// When the last line of a container's log was written. Nothing: it has none in a container's format.
std::optional<tsn::Time> last_written(const std::string& path);

}  // namespace tocsin_plugins::logtail
