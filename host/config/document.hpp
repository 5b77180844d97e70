// TOML text to a base::Value tree in which every value and key knows its file, line and column.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "base/value.hpp"

namespace tocsin::config {

/// One finding: `agent.toml:12:3: error: [source.auth] paths: expected …; did you mean …?`
struct Diagnostic {
  enum class Level { error, warning } level = Level::error;
  base::Place place;
  std::string message;
  std::string text() const;
};
using Diagnostics = std::vector<Diagnostic>;
bool has_errors(const Diagnostics& diagnostics);
void error_at(Diagnostics& diagnostics, const base::Place& place, std::string message);
void warn_at(Diagnostics& diagnostics, const base::Place& place, std::string message);

/// `; did you mean "paths"?` with the nearest of the known names, or nothing.
std::string did_you_mean(std::string_view word, const std::vector<std::string>& known);

/// Looks an environment variable up; nullopt where it is not set.
using Environment = std::function<std::optional<std::string>(const std::string&)>;
Environment process_environment();

/// Parses one file's text. `${VAR}` and `${VAR:-default}` in string values are replaced (`$${` is a literal `${`,
/// `${file:…}` and `$${file:…}` are left for resolve_secrets()); a variable that is not set and has no default is an
/// error at its place. Dates and times become strings. A file of several MiB, or keys nested hundreds deep, is refused.
base::Result<base::Value> parse_toml(std::string_view text, const std::string& file_name,
                                     const Environment& environment, Diagnostics& diagnostics);

/// A main file and the `conf.d/*.toml` beside it, merged in order of name: tables merge, arrays of tables append,
/// anything given twice is an error that names both places.
struct Tree {
  base::Value root;
  std::vector<std::string> files;  ///< read, main first
  Diagnostics diagnostics;
};
/// `last_good` holds each file's last good text and is updated: at reload a bad conf.d file keeps its last content and
/// is reported (as a warning: the tree is usable); a bad main file gives errors and the caller changes nothing.
/// The conf.d files in `hold` are not read at all, their last good text stands.
Tree read_tree(const std::string& main_file, const Environment& environment,
               std::map<std::string, std::string>& last_good, const std::set<std::string>& hold = {});

/// The whole of a configuration file; files above 8 MiB are refused. Follows symlinks.
base::Result<std::string> read_text(const std::string& file);

}  // namespace tocsin::config
