#include "telemetry/log.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <mutex>
#include <utility>

#include "base/clock.hpp"
#include "base/text.hpp"

namespace tocsin::telemetry {
namespace {

constexpr std::array<std::string_view, 4> words{"debug", "info", "warn", "error"};

struct Sink {
  std::mutex mutex;  ///< lines longer than a pipe's atomic write must not mix
  int descriptor = STDERR_FILENO;
  std::atomic<bool> json{false};
  std::atomic<int> level{static_cast<int>(Level::info)};
  std::atomic<std::uint64_t> lost{0};
};

/// Never destroyed: threads may log while statics go.
Sink& sink() {
  static Sink& only = *new Sink;
  return only;
}

/// Always three decimals, so that lines sort as text.
std::string timestamp() {
  auto now = std::chrono::floor<std::chrono::milliseconds>(base::SystemClock().now());
  auto second = std::chrono::floor<std::chrono::seconds>(now);
  std::string text = base::format_rfc3339(second);
  char decimals[8];
  std::snprintf(decimals, sizeof decimals, ".%03d", static_cast<int>((now - second).count()));
  return text.insert(text.size() - 1, decimals);
}

void append_member(std::string& line, std::string_view key, std::string_view value) {
  line += line.empty() ? '{' : ',';
  line += base::json_quote(key);
  line += ':';
  line += base::json_quote(value);
}

std::string json_line(Level level, std::string_view component, std::string_view message,
                      std::initializer_list<Field> fields) {
  std::string line;
  append_member(line, "ts", timestamp());
  append_member(line, "level", to_string(level));
  append_member(line, "component", component);
  append_member(line, "msg", message);
  for (const auto& [key, value] : fields) append_member(line, key, value);
  return line += "}\n";
}

/// As it stands where it is one word of plain characters, else quoted: control characters never reach the terminal.
std::string shown(std::string_view value, std::string_view special) {
  bool plain = base::valid_utf8(value);
  for (char c : value)
    plain = plain && static_cast<unsigned char>(c) >= 0x20 && c != 0x7f && special.find(c) == special.npos;
  return plain ? std::string(value) : base::json_quote(value);
}

std::string text_line(Level level, std::string_view component, std::string_view message,
                      std::initializer_list<Field> fields) {
  std::string line = timestamp();
  std::string word(to_string(level));
  for (char& c : word) c = static_cast<char>(c - 'a' + 'A');
  line += ' ' + word + std::string(6 - word.size(), ' ');
  line += shown(component, "") + ": " + shown(message, "");
  for (const auto& [key, value] : fields) {
    line += ' ';
    line += key;
    line += '=';
    line += value.empty() ? "\"\"" : shown(value, " \"=");
  }
  return line += '\n';
}

/// False if not all of it could be written.
bool write_whole(int descriptor, std::string_view line) {
  while (!line.empty()) {
    ssize_t written = ::write(descriptor, line.data(), line.size());
    if (written > 0)
      line.remove_prefix(static_cast<std::size_t>(written));
    else if (errno != EINTR)
      return false;
  }
  return true;
}

int open_log(const std::string& file) {
  if (file.empty()) return STDERR_FILENO;
  int descriptor = ::open(file.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0640);
  if (descriptor >= 0) return descriptor;
  std::fprintf(stderr, "tocsin: cannot open log file %s: %s; logging to standard error\n", file.c_str(),
               std::strerror(errno));
  return STDERR_FILENO;
}

}  // namespace

std::string_view to_string(Level level) {
  return words[static_cast<std::size_t>(level)];
}

std::optional<Level> parse_level(std::string_view text) {
  std::string word = base::lower(base::trim(text));
  if (word == "warning") return Level::warn;
  for (std::size_t i = 0; i < words.size(); ++i) {
    if (words[i] == word) return static_cast<Level>(i);
  }
  return std::nullopt;
}

void setup_log(const LogSettings& settings) {
  int opened = open_log(settings.file);
  std::lock_guard lock(sink().mutex);
  int before = std::exchange(sink().descriptor, opened);
  if (before != STDERR_FILENO) ::close(before);
  sink().json = settings.json;
  sink().level = static_cast<int>(settings.level);
}

bool log_enabled(Level level) {
  return static_cast<int>(level) >= sink().level.load(std::memory_order_relaxed);
}

std::uint64_t log_lines_lost() {
  return sink().lost.load(std::memory_order_relaxed);
}

void log(Level level, std::string_view component, std::string_view message, std::initializer_list<Field> fields) {
  if (!log_enabled(level)) return;
  std::string line =
      sink().json ? json_line(level, component, message, fields) : text_line(level, component, message, fields);
  std::lock_guard lock(sink().mutex);
  if (!write_whole(sink().descriptor, line)) sink().lost.fetch_add(1, std::memory_order_relaxed);
}

}  // namespace tocsin::telemetry
