// Structured logs: one JSON object per line (or text on a terminal), with level, time, component and correlation id.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace tocsin::telemetry {

enum class Level : int { debug, info, warn, error };
std::string_view to_string(Level level);
std::optional<Level> parse_level(std::string_view text);  ///< without case; also "warning"

struct LogSettings {
  Level level = Level::info;
  bool json = true;  ///< false: text for people
  std::string file;  ///< empty: standard error
};

/// Before the first call, lines go to standard error as text. A later call takes the new settings and opens the file
/// anew, which is what log rotation needs. A file that cannot be opened is said so on standard error, which then gets
/// the lines. Any thread.
void setup_log(const LogSettings& settings);
/// Whether a line of this level would be written: ask before building a costly one.
bool log_enabled(Level level);
/// Lines that could not be written: disk full, reader gone.
std::uint64_t log_lines_lost();

using Field = std::pair<std::string_view, std::string>;
/// Writes one line with one system call. Any thread. `component` is the room or instance ("source.auth"). A field named
/// correlation_id ties the lines of one path together.
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
