// Names of a plugin's own metrics and their labels.
#pragma once

#include <algorithm>
#include <cctype>
#include <string_view>

namespace tocsin::plugin_host {

/// Prometheus' rule for names, without the colon that is kept for recording rules; at most 128 bytes.
inline bool valid_metric_name(std::string_view name) {
  if (name.empty() || name.size() > 128 || std::isdigit(static_cast<unsigned char>(name[0]))) return false;
  return std::all_of(name.begin(), name.end(),
                     [](unsigned char c) { return c < 0x80 && (std::isalnum(c) || c == '_'); });
}

}  // namespace tocsin::plugin_host
