#include "read_file.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

namespace tocsin_plugins {

std::string read_file(const std::string& path, std::size_t most) {
  const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0) return {};
  std::string text;
  char buffer[4096];
  while (text.size() < most) {
    const auto got = ::read(file, buffer, std::min(sizeof buffer, most - text.size()));
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) break;  // a process that ended meanwhile gives an error: what came before stands
    text.append(buffer, static_cast<std::size_t>(got));
  }
  ::close(file);
  return text;
}

}  // namespace tocsin_plugins
