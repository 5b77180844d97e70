// The last lines of log files, copied: what `tocsin source test` has a source read.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/value.hpp"

namespace tocsin::app {

/// The last `lines` lines of `from`, of its last 8 MiB at most, written to `to`, whose folders are made. False: it
/// cannot be read or written; errno says why.
bool copy_end(const std::string& from, const std::string& to, std::size_t lines);

/// Copies the ends of the files that the options `paths` and `exclude` name beneath the folder `beneath`, and has
/// `paths` name the copies. What cannot be read is returned, a line for each; what is only worth a word begins with
/// "warning: ".
std::vector<std::string> read_ends_instead(base::Value& config, const std::string& beneath, std::size_t lines);

/// The texts of an array; empty where the key is missing.
std::vector<std::string> texts_of(const base::Value& config, std::string_view key);

}  // namespace tocsin::app
