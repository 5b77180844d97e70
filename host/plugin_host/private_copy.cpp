#include "plugin_host/private_copy.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>

#ifndef MFD_EXEC
#define MFD_EXEC 0x0010U
#endif

namespace tocsin::plugin_host {
namespace {

using base::fail;
using base::Fault;
using base::Result;

bool write_all(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t n = ::write(fd, bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(n));
  }
  return true;
}

/// Whether code may be mapped from it, asked the way the loader asks: through a descriptor opened by its name in /proc.
/// That descriptor, which cannot write, is what comes back.
OwnedFd executable(const OwnedFd& written) {
  OwnedFd fd(::open(("/proc/self/fd/" + std::to_string(written.get())).c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd) return {};
  void* page = ::mmap(nullptr, 1, PROT_READ | PROT_EXEC, MAP_PRIVATE, fd.get(), 0);
  if (page == MAP_FAILED) return {};
  ::munmap(page, 1);
  return fd;
}

/// An unnamed file in `directory`, which is this process's own; -1 with errno.
int unnamed_file(const std::string& directory) {
  // O_EXCL: it can get no name later.
  int fd = ::open(directory.c_str(), O_TMPFILE | O_EXCL | O_RDWR | O_CLOEXEC, 0500);
  if (fd >= 0 || (errno != EOPNOTSUPP && errno != EISDIR && errno != EINVAL)) return fd;
  // Some filesystems (older overlayfs, NFS) have no O_TMPFILE.
  const std::string name = directory + "/plugin";
  fd = ::open(name.c_str(), O_CREAT | O_EXCL | O_NOFOLLOW | O_RDWR | O_CLOEXEC, 0500);
  if (fd >= 0) ::unlink(name.c_str());
  return fd;
}

}  // namespace

OwnedFd sealed_memory(std::string_view bytes) {
  OwnedFd fd(::memfd_create("tocsin-plugin", MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_EXEC));
  // Kernels before 6.3 do not know MFD_EXEC; theirs are executable.
  if (!fd && errno == EINVAL) fd.reset(::memfd_create("tocsin-plugin", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  if (!fd || !write_all(fd.get(), bytes)) return {};
  if (::fchmod(fd.get(), 0500) != 0) return {};
  if (::fcntl(fd.get(), F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL) != 0) return {};
  return executable(fd);
}

OwnedFd private_file(std::string_view bytes, const std::string& directory) {
  std::string name = directory + "/.tocsin-XXXXXX";
  if (::mkdtemp(name.data()) == nullptr) return {};  // mode 0700
  OwnedFd fd(unnamed_file(name));
  const int error = errno;
  ::rmdir(name.c_str());
  errno = error;
  if (!fd || !write_all(fd.get(), bytes)) return {};
  return executable(fd);
}

Result<OwnedFd> private_copy(std::string_view bytes, const std::string& path) {
  errno = 0;
  if (OwnedFd fd = sealed_memory(bytes)) return fd;
  const std::string memory = std::strerror(errno);
  const std::size_t slash = path.rfind('/');
  const char* temporary = std::getenv("TMPDIR");
  for (const std::string& directory :
       {std::string(temporary != nullptr ? temporary : "/tmp"), std::string("/var/tmp"), std::string("/dev/shm"),
        slash == std::string::npos ? std::string(".") : path.substr(0, slash)}) {
    if (directory.empty()) continue;
    if (OwnedFd fd = private_file(bytes, directory)) return fd;
  }
  return fail(Fault::unavailable, path + ": no private copy can be made to load it from: in memory: " + memory +
                                      ", in a file: " + std::strerror(errno) +
                                      "; give the agent a TMPDIR that it can write and that is not mounted noexec");
}

}  // namespace tocsin::plugin_host
