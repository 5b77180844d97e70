#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <string>

#include "message_text/text.hpp"
#include "tocsin/plugin.hpp"

namespace tocsin_plugins {
namespace {

std::string clock_time(tsn::Time at) {
  const std::time_t seconds = at / 1'000'000'000;
  std::tm utc{};
  gmtime_r(&seconds, &utc);
  char text[16];
  return std::string(text, std::strftime(text, sizeof text, "%H:%M:%SZ", &utc));
}

constexpr std::size_t most_text = 2000;  // characters of a text

/// Control characters of outside text must not reach a terminal (escape sequences could rewrite the screen).
std::string printable(std::string_view text) {
  return cut(one_line(text), most_text);
}

const char* colour(const tsn::Message& message) {
  if (message.kind == TSN_MSG_RESOLVED) return "\033[32m";
  switch (message.incident.severity) {
    case TSN_SEV_CRITICAL:
      return "\033[1;31m";
    case TSN_SEV_HIGH:
      return "\033[31m";
    case TSN_SEV_MEDIUM:
      return "\033[33m";
    default:
      return "\033[36m";
  }
}

const char* word(tsn_message_kind kind) {
  switch (kind) {
    case TSN_MSG_FIRING:
      return "FIRING";
    case TSN_MSG_RESOLVED:
      return "RESOLVED";
    case TSN_MSG_UPDATE:
      return "UPDATE";
    default:
      return "TEST";
  }
}

}  // namespace

class Terminal {
 public:
  static constexpr auto id = "terminal", version = "1.0.0", doc = "Writes notifications to the agent's terminal";
  static constexpr tsn::Option options[] = {
      {.key = "stream", .fallback = "\"stdout\"", .choices = "stdout|stderr", .doc = "Where to write"}};
  static constexpr std::uint32_t features = tsn::no_recipient;

  Terminal() : fd_(ctx_.config().str("stream", "stdout") == "stderr" ? 2 : 1) {
    const char* plain = std::getenv("NO_COLOR");
    colours_ = isatty(fd_) && !(plain && *plain);
  }

  tsn::Status deliver(const tsn::Message& message) {
    const auto& incident = message.incident;
    std::string line = clock_time(ctx_.now()) + " ";
    if (colours_) line += colour(message);
    line += word(message.kind);
    const auto severity = tsn::severity_name(incident.severity);
    if (!severity.empty()) line.append(" [").append(severity).append("]");
    if (incident.number) line += " #" + std::to_string(incident.number);
    line += " " + printable(message.title.empty() ? incident.title : message.title);
    if (colours_) line += "\033[0m";
    if (!message.text.empty()) line += ": " + printable(message.text);
    line += "\n";
    return write_all(line);
  }

 private:
  tsn::Status write_all(std::string_view text) const {
    while (!text.empty()) {
      const ssize_t n = ::write(fd_, text.data(), text.size());
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) return tsn::fail(std::string("terminal: cannot write: ") + std::strerror(errno));
      text.remove_prefix(static_cast<std::size_t>(n));
    }
    return tsn::ok;
  }

  tsn::Context ctx_;
  int fd_;
  bool colours_ = false;
};

}  // namespace tocsin_plugins

using tocsin_plugins::Terminal;
TOCSIN_PLUGIN(Terminal)
