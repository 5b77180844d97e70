// Structured logs: one JSON object per line (or text on a terminal), with level, time, component and correlation id.
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>

namespace tocsin::telemetry {

enum class Level : int { debug, info, warn, error };

struct LogSettings {
  Level level = Level::info;
  bool json = true;      ///< false: text for people
  std::string file;      ///< empty: standard error
};

/// Call once in main, before threads. Before it, lines go to standard error as text.
void setup_log(const LogSettings& settings);

using Field = std::pair<std::string_view, std::string>;
/// `component` is the room or instance ("source.auth"). A field named correlation_id ties the lines of one path together.
void log(Level level, std::string_view component, std::string_view message, std::initializer_list<Field> fields = {});

inline void log_info(std::string_view component, std::string_view message, std::initializer_list<Field> fields = {}) {
  log(Level::info, component, message, fields);
}
inline void log_warn(std::string_view component, std::string_view message, std::initializer_list<Field> fields = {}) {
  log(Level::warn, component, message, fields);
}
inline void log_error(std::string_view component, std::string_view message, std::initializer_list<Field> fields = {}) {
  log(Level::error, component, message, fields);
}

}  // namespace tocsin::telemetry
