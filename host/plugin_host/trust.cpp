#include "plugin_host/trust.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace tocsin::plugin_host {
namespace {

using base::fail;
using base::Fault;
using base::Result;

std::string directory_of(const std::string& path) {
  std::size_t slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

std::unexpected<base::Error> cannot_open(const std::string& path, int error) {
  if (error == ELOOP) {
    return fail(Fault::denied,
                path + ": is a symbolic link, which is not followed for plugins; put the .so itself there");
  }
  Fault fault = error == ENOENT ? Fault::not_found : error == EACCES ? Fault::denied : Fault::unavailable;
  return fail(fault, path + ": cannot be opened: " + std::strerror(error) +
                         "; check that the file is there and readable by this user");
}

Result<void> check(const std::string& path, const struct stat& status) {
  if (!S_ISREG(status.st_mode)) {
    return fail(Fault::invalid, path + ": is not a regular file; put the plugin's .so itself there");
  }
  if (status.st_mode & S_IWOTH) {
    return fail(Fault::denied, path + ": anybody may write this file, so it is not trusted; run: chmod o-w " + path);
  }
  std::string directory = directory_of(path);
  struct stat around{};
  if (::stat(directory.c_str(), &around) != 0) return cannot_open(directory, errno);
  if (around.st_mode & S_IWOTH) {
    return fail(Fault::denied,
                path + ": anybody may write its directory, so it is not trusted; run: chmod o-w " + directory);
  }
  return {};
}

}  // namespace

Result<int> open_trusted(const std::string& path, struct stat& status) {
  // Non-blocking: a FIFO of that name must not hang the scan.
  int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW);
  if (fd < 0) return cannot_open(path, errno);
  Result<void> trusted;
  if (::fstat(fd, &status) != 0)
    trusted = fail(Fault::unavailable, path + ": " + std::strerror(errno));
  else
    trusted = check(path, status);
  if (trusted) return fd;
  ::close(fd);
  return fail(trusted.error());
}

}  // namespace tocsin::plugin_host
