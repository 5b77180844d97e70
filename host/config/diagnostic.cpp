#include <algorithm>
#include <cstdlib>

#include "base/text.hpp"
#include "config/document.hpp"

namespace tocsin::config {

std::string Diagnostic::text() const {
  return place.text() + (level == Level::error ? ": error: " : ": warning: ") + message;
}

bool has_errors(const Diagnostics& diagnostics) {
  return std::ranges::any_of(diagnostics, [](const Diagnostic& d) { return d.level == Diagnostic::Level::error; });
}

void error_at(Diagnostics& diagnostics, const base::Place& place, std::string message) {
  diagnostics.push_back({Diagnostic::Level::error, place, std::move(message)});
}

void warn_at(Diagnostics& diagnostics, const base::Place& place, std::string message) {
  diagnostics.push_back({Diagnostic::Level::warning, place, std::move(message)});
}

std::string did_you_mean(std::string_view word, const std::vector<std::string>& known) {
  std::string near = base::nearest(word, known);
  return near.empty() ? std::string() : "; did you mean \"" + near + "\"?";
}

Environment process_environment() {
  return [](const std::string& name) -> std::optional<std::string> {
    const char* value = std::getenv(name.c_str());
    if (!value) return std::nullopt;
    return value;
  };
}

}  // namespace tocsin::config
