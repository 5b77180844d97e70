#include "plugin_host/private_copy.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>

namespace tocsin::plugin_host {
namespace {

using base::fail;
using base::Fault;
using base::Result;

bool executable(int fd) {
  struct statvfs status{};
  return ::fstatvfs(fd, &status) == 0 && (status.f_flag & ST_NOEXEC) == 0;
}

/// An unnamed file in `directory`, or -1 with errno.
int unnamed_file(const std::string& directory) {
  int fd = ::open(directory.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0500);
  if (fd >= 0 || (errno != EOPNOTSUPP && errno != EISDIR && errno != EINVAL)) return fd;
  // Some filesystems (older overlayfs, NFS) have no O_TMPFILE. The name has no .so at its end, so no scan takes it up.
  std::string name = directory + "/.tocsin-XXXXXX";
  fd = ::mkostemp(name.data(), O_CLOEXEC);
  if (fd >= 0) ::unlink(name.c_str());
  return fd;
}

bool write_all(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    ssize_t n = ::write(fd, bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(n));
  }
  return true;
}

/// The descriptor if the file can hold the bytes and be executed from; else it is closed and -1 comes back.
int filled(int fd, std::string_view bytes) {
  if (fd < 0) return -1;
  if (executable(fd) && write_all(fd, bytes)) return fd;
  int error = errno != 0 ? errno : ENOEXEC;
  ::close(fd);
  errno = error;
  return -1;
}

}  // namespace

Result<int> private_copy(std::string_view bytes, const std::string& path) {
  std::size_t slash = path.rfind('/');
  const char* temporary = std::getenv("TMPDIR");
  for (const std::string& directory :
       {slash == std::string::npos ? std::string(".") : path.substr(0, slash),
        std::string(temporary != nullptr ? temporary : "/tmp"), std::string("/var/tmp")}) {
    if (directory.empty()) continue;
    errno = 0;
    if (int fd = filled(unnamed_file(directory), bytes); fd >= 0) return fd;
  }
  errno = 0;
  int fd = ::memfd_create("tocsin-plugin", MFD_CLOEXEC);
  if (fd >= 0 && write_all(fd, bytes)) return fd;
  std::string why = std::strerror(errno);
  if (fd >= 0) ::close(fd);
  return fail(Fault::unavailable, path + ": no private copy can be made to load it from: " + why +
                                      "; give the agent a TMPDIR that it can write and that is not mounted noexec");
}

}  // namespace tocsin::plugin_host
