// The suite: named checks of one plugin file.
#pragma once

#include <functional>
#include <stdexcept>
#include <string>
#include <vector>

namespace tsn::conformance {

/// Thrown by a check: what does not hold, in a sentence.
struct Broken : std::runtime_error {
  using std::runtime_error::runtime_error;
};

struct Check {
  std::string name;
  /// Returns a remark ("skipped: …") or nothing.
  std::function<std::string(const std::string& path)> run;
};

/// Read the file only.
std::vector<Check> static_checks();
/// Load the plugin and run it; each is run in a process of its own.
std::vector<Check> dynamic_checks();

inline void expect(bool holds, const std::string& text) {
  if (!holds) throw Broken(text);
}

}  // namespace tsn::conformance
