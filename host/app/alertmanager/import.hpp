// `tocsin import alertmanager.yml`: the agent.toml that means the same.
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "config/document.hpp"

namespace tocsin::alertmanager {

struct Imported {
  std::string toml;
  /// Secrets that stood in the YAML, by the file the TOML refers to ("secrets/team-x-webhook-url"), seen from the
  /// TOML's folder. Whoever writes the TOML writes them too, readable by their owner alone.
  std::map<std::string, std::string> secrets;
  config::Diagnostics diagnostics;  ///< what was not carried over; errors: there is no TOML
};

Imported import_document(std::string_view text, const std::string& file_name);

}  // namespace tocsin::alertmanager
