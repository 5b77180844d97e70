#include "app/data_lock.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <filesystem>
#include <thread>

namespace tocsin::app {
namespace {

constexpr auto lock_patience = std::chrono::seconds(10);

}  // namespace

base::Result<std::unique_ptr<DataLock>> DataLock::take(const std::string& directory) {
  std::error_code error;
  std::filesystem::create_directories(directory, error);
  if (error) {
    return base::fail(base::Fault::denied, "cannot make the data directory " + directory + ": " + error.message() +
                                               "; set [agent] data_dir or TOCSIN_DATA_DIR");
  }
  ::chmod(directory.c_str(), 0700);
  const std::string path = directory + "/agent.lock";
  const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (fd < 0) return base::fail(base::Fault::denied, "cannot open " + path + ": " + std::strerror(errno));
  const auto end = std::chrono::steady_clock::now() + lock_patience;
  while (::flock(fd, LOCK_EX | LOCK_NB) != 0) {
    if (std::chrono::steady_clock::now() >= end) {
      ::close(fd);
      return base::fail(base::Fault::conflict,
                        "another agent is running on " + directory + "; stop it, or set another data_dir");
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
  return std::unique_ptr<DataLock>(new DataLock(fd));
}

DataLock::~DataLock() {
  ::close(descriptor_);
}

}  // namespace tocsin::app
