#include "maildir.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <random>

namespace tocsin_plugins {
namespace {

/// TIME.MµsPpidQcountRrandom.host: unique on this host also across restarts with a reused process id.
std::string unique_name(tsn::Time now) {
  static std::atomic<unsigned> count{0};
  char host[65] = "localhost";
  gethostname(host, sizeof host - 1);
  for (char* c = host; *c; ++c)
    if (*c == '/' || *c == ':') *c = '_';
  return std::to_string(now / 1'000'000'000) + ".M" + std::to_string(now / 1'000 % 1'000'000) + "P" +
         std::to_string(getpid()) + "Q" + std::to_string(count.fetch_add(1)) + "R" +
         std::to_string(std::random_device()()) + "." + host;
}

tsn::Status failed(const char* what, const std::string& path) {
  const int cause = errno;
  return tsn::fail(std::string("email: cannot ") + what + " " + path + ": " + std::strerror(cause) +
                   "; check the directory of url and the agent's rights on it");
}

tsn::Status write_file(const std::string& path, std::string_view bytes) {
  const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (fd < 0) return failed("make", path);
  tsn::Status status = tsn::ok;
  while (!bytes.empty() && status) {
    const ssize_t n = ::write(fd, bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0)
      status = failed("write", path);
    else
      bytes.remove_prefix(static_cast<std::size_t>(n));
  }
  if (status && ::fsync(fd) != 0) status = failed("write", path);
  if (::close(fd) != 0 && status) status = failed("write", path);
  return status;
}

}  // namespace

tsn::Status write_to_maildir(const std::string& root, std::string_view mail, tsn::Time now) {
  for (const char* folder : {"/tmp", "/new", "/cur"}) {
    std::error_code error;
    std::filesystem::create_directories(root + folder, error);
    if (error) {
      return tsn::fail("email: cannot make " + root + folder + ": " + error.message() +
                       "; check url and the agent's rights there");
    }
  }
  std::string bytes;
  bytes.reserve(mail.size());
  for (const char c : mail)
    if (c != '\r') bytes += c;
  const std::string name = unique_name(now), draft = root + "/tmp/" + name, final_path = root + "/new/" + name;
  auto status = write_file(draft, bytes);
  if (status && ::rename(draft.c_str(), final_path.c_str()) != 0) status = failed("rename into new/", draft);
  if (!status) ::unlink(draft.c_str());
  return status;
}

}  // namespace tocsin_plugins
