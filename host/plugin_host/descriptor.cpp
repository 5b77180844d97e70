#include "plugin_host/descriptor.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "plugin_host/descriptor_json.hpp"
#include "plugin_host/elf_note.hpp"
#include "plugin_host/owned_fd.hpp"

namespace tocsin::plugin_host {
namespace {

using base::fail;
using base::Fault;
using base::Result;

bool read_all(int fd, std::uint64_t offset, void* to, std::size_t count) {
  auto* at = static_cast<char*>(to);
  while (count > 0) {
    ssize_t n = ::pread(fd, at, count, static_cast<off_t>(offset));
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return false;
    at += n, offset += static_cast<std::uint64_t>(n), count -= static_cast<std::size_t>(n);
  }
  return true;
}

}  // namespace

Result<model::PluginDescriptor> read_descriptor(const std::string& path) {
  // Non-blocking: a FIFO of that name must not hang the scan.
  OwnedFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (file) return read_descriptor(file.get(), path);
  Fault fault = errno == ENOENT ? Fault::not_found : errno == EACCES ? Fault::denied : Fault::unavailable;
  return fail(fault, path + ": cannot be opened: " + std::strerror(errno) +
                         "; check that the file is there and readable by this user");
}

Result<model::PluginDescriptor> read_descriptor(int fd, const std::string& path) {
  struct stat status{};
  if (::fstat(fd, &status) != 0) return fail(Fault::unavailable, path + ": " + std::strerror(errno));
  if (!S_ISREG(status.st_mode)) {
    return fail(Fault::invalid, path + ": is not a regular file; put the plugin's .so itself there");
  }
  ByteSource source{static_cast<std::uint64_t>(status.st_size),
                    [fd](std::uint64_t at, void* to, std::size_t n) { return read_all(fd, at, to, n); }};
  TRY(auto text, read_note(source, path));
  return parse_descriptor(text, path);
}

}  // namespace tocsin::plugin_host
