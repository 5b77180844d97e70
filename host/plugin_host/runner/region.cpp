#include "plugin_host/runner/region.hpp"

#include <fcntl.h>
#include <linux/futex.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <climits>
#include <cstring>
#include <ctime>
#include <string>
#include <utility>

namespace tocsin::plugin_host::runner {

using base::fail;
using base::Fault;

void futex_wait(std::atomic<std::uint32_t>& word, std::uint32_t seen, std::int64_t limit_ns) {
  timespec limit{static_cast<time_t>(limit_ns / 1'000'000'000), static_cast<long>(limit_ns % 1'000'000'000)};
  ::syscall(SYS_futex, &word, FUTEX_WAIT, seen, limit_ns < 0 ? nullptr : &limit, nullptr, 0);
}

void futex_wake(std::atomic<std::uint32_t>& word) {
  ::syscall(SYS_futex, &word, FUTEX_WAKE, INT_MAX, nullptr, nullptr, 0);
}

base::Result<SharedRegion> SharedRegion::make() {
  const int fd = ::memfd_create("tocsin-runner", MFD_CLOEXEC | MFD_ALLOW_SEALING);
  if (fd < 0) return fail(Fault::unavailable, std::string("no memory to share with a runner: ") + std::strerror(errno));
  const bool sized = ::ftruncate(fd, sizeof(Region)) == 0;
  if (!sized || ::fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) != 0) {
    const std::string why = std::strerror(errno);
    ::close(fd);
    return fail(Fault::unavailable, "no memory to share with a runner: " + why);
  }
  return map(fd);
}

base::Result<SharedRegion> SharedRegion::map(int fd) {
  struct stat status{};
  void* at = MAP_FAILED;
  if (::fstat(fd, &status) == 0 && status.st_size == sizeof(Region))
    at = ::mmap(nullptr, sizeof(Region), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (at == MAP_FAILED) {
    ::close(fd);
    return fail(Fault::unavailable, "the memory shared with a runner cannot be mapped");
  }
  return SharedRegion(fd, static_cast<Region*>(at));
}

SharedRegion::SharedRegion(SharedRegion&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)), region_(std::exchange(other.region_, nullptr)) {}

SharedRegion::~SharedRegion() {
  if (region_ != nullptr) ::munmap(region_, sizeof(Region));
  if (fd_ >= 0) ::close(fd_);
}

}  // namespace tocsin::plugin_host::runner
