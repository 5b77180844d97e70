#include "plugin_host/runner/landlock.hpp"

#include <fcntl.h>
#include <linux/landlock.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstring>

namespace tocsin::plugin_host::runner {

using base::fail;
using base::Fault;
using base::Result;

namespace {

// Rights and fields that came after the oldest headers this builds with (Documentation/userspace-api/landlock).
constexpr std::uint64_t access_refer = 1ull << 13, access_truncate = 1ull << 14, access_ioctl_dev = 1ull << 15;
constexpr std::uint64_t scope_abstract_unix_socket = 1ull << 0, scope_signal = 1ull << 1;

struct RulesetAttributes {
  std::uint64_t handled_access_fs = 0;
  std::uint64_t handled_access_net = 0;  ///< ABI 4
  std::uint64_t scoped = 0;              ///< ABI 6
};

constexpr std::uint64_t file_reads = LANDLOCK_ACCESS_FS_READ_FILE;
constexpr std::uint64_t file_writes = LANDLOCK_ACCESS_FS_WRITE_FILE | access_truncate;
constexpr std::uint64_t reads = file_reads | LANDLOCK_ACCESS_FS_READ_DIR;
constexpr std::uint64_t writes = file_writes | LANDLOCK_ACCESS_FS_REMOVE_DIR | LANDLOCK_ACCESS_FS_REMOVE_FILE |
                                 LANDLOCK_ACCESS_FS_MAKE_DIR | LANDLOCK_ACCESS_FS_MAKE_REG |
                                 LANDLOCK_ACCESS_FS_MAKE_SYM | LANDLOCK_ACCESS_FS_MAKE_SOCK |
                                 LANDLOCK_ACCESS_FS_MAKE_FIFO | access_refer;
constexpr std::uint64_t never_given = LANDLOCK_ACCESS_FS_MAKE_CHAR | LANDLOCK_ACCESS_FS_MAKE_BLOCK | access_ioctl_dev;

std::unexpected<base::Error> failed(const char* what) {
  return fail(Fault::internal, std::string("files cannot be restricted: ") + what + ": " + std::strerror(errno));
}

Result<void> add(int ruleset, const PathRule& rule, std::uint64_t known) {
  const int fd = ::open(rule.path.c_str(), O_PATH | O_CLOEXEC);
  if (fd < 0) return {};
  struct stat status{};
  const bool directory = ::fstat(fd, &status) == 0 && S_ISDIR(status.st_mode);
  std::uint64_t access = 0;
  if (rule.access & PathRule::read) access |= directory ? reads : file_reads;
  if (rule.access & PathRule::write) access |= directory ? writes : file_writes;
  if (rule.access & PathRule::execute) access |= LANDLOCK_ACCESS_FS_EXECUTE;
  landlock_path_beneath_attr attributes{};
  attributes.allowed_access = access & known;
  attributes.parent_fd = fd;
  const long added = ::syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &attributes, 0);
  ::close(fd);
  if (added != 0) return failed(rule.path.c_str());
  return {};
}

}  // namespace

Result<bool> restrict_files(const std::vector<PathRule>& rules) {
  const long abi = ::syscall(SYS_landlock_create_ruleset, nullptr, 0, LANDLOCK_CREATE_RULESET_VERSION);
  if (abi < 1) return false;
  std::uint64_t known = reads | writes | never_given | LANDLOCK_ACCESS_FS_EXECUTE;
  if (abi < 2) known &= ~access_refer;
  if (abi < 3) known &= ~access_truncate;
  if (abi < 5) known &= ~access_ioctl_dev;
  RulesetAttributes attributes;
  attributes.handled_access_fs = known;
  if (abi >= 6) attributes.scoped = scope_abstract_unix_socket | scope_signal;
  const std::size_t size = abi >= 6 ? sizeof attributes : sizeof attributes.handled_access_fs;
  const int ruleset = static_cast<int>(::syscall(SYS_landlock_create_ruleset, &attributes, size, 0));
  if (ruleset < 0) return failed("landlock_create_ruleset");
  Result<void> added;
  for (auto rule = rules.begin(); added && rule != rules.end(); ++rule) added = add(ruleset, *rule, known);
  const bool entered = added && ::syscall(SYS_landlock_restrict_self, ruleset, 0) == 0;
  const int error = errno;
  ::close(ruleset);
  errno = error;
  if (!added) return fail(added.error());
  if (!entered) return failed("landlock_restrict_self");
  return true;
}

}  // namespace tocsin::plugin_host::runner
