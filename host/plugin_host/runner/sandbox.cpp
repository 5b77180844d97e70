#include "plugin_host/runner/sandbox.hpp"

#include <fcntl.h>
#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "plugin_host/runner/landlock.hpp"
#include "plugin_host/runner/seccomp.hpp"

namespace tocsin::plugin_host::runner {

using base::fail;
using base::Fault;
using base::Result;

namespace {

/// Beneath these everything may be read by anybody on an ordinary machine.
constexpr const char* readable[] = {"/proc",
                                    "/sys",
                                    "/usr",
                                    "/lib",
                                    "/lib64",
                                    "/etc/ssl/certs",
                                    "/etc/ssl/openssl.cnf",
                                    "/etc/ca-certificates",
                                    "/etc/pki/tls/certs",
                                    "/etc/ld.so.cache",
                                    "/etc/ld.so.conf",
                                    "/etc/ld.so.conf.d",
                                    "/etc/hosts",
                                    "/etc/host.conf",
                                    "/etc/hostname",
                                    "/etc/resolv.conf",
                                    "/etc/nsswitch.conf",
                                    "/etc/gai.conf",
                                    "/etc/services",
                                    "/etc/protocols",
                                    "/etc/passwd",
                                    "/etc/group",
                                    "/etc/localtime",
                                    "/etc/timezone",
                                    "/etc/os-release",
                                    "/etc/mime.types",
                                    "/etc/locale.alias",
                                    "/run/systemd/resolve",
                                    "/dev/null",
                                    "/dev/zero",
                                    "/dev/urandom",
                                    "/dev/random"};
constexpr const char* writable[] = {"/dev/null"};
/// Where programs lie, for plugins that start some.
constexpr const char* executable[] = {"/usr", "/bin", "/sbin", "/lib", "/lib64", "/opt"};

/// Root's powers, for an agent that runs as root: what the permissions are about stays, the rest goes.
Result<void> drop_capabilities(const Permissions& allowed) {
  std::uint64_t keep = 0;
  if (allowed.network) keep |= 1ull << CAP_NET_BIND_SERVICE;
  // Logs of other users; where they lie is Landlock's to say.
  if (!allowed.files.empty()) keep |= 1ull << CAP_DAC_OVERRIDE | 1ull << CAP_DAC_READ_SEARCH;
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct data[2]{};
  if (::syscall(SYS_capget, &header, data) != 0)
    return fail(Fault::internal, std::string("the runner's capabilities cannot be read: ") + std::strerror(errno));
  for (int i = 0; i < 2; ++i) {
    const auto half = static_cast<std::uint32_t>(keep >> (32 * i));
    data[i].permitted &= half;
    data[i].effective &= half;
    data[i].inheritable = 0;
  }
  if (::syscall(SYS_capset, &header, data) != 0)
    return fail(Fault::internal, std::string("the runner's capabilities cannot be dropped: ") + std::strerror(errno));
  return {};
}

Result<void> limit_memory(std::uint64_t bytes) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  static_cast<void>(bytes);  // their shadow memory counts too
#else
  const rlimit limit{bytes, bytes};
  if (bytes > 0 && ::setrlimit(RLIMIT_DATA, &limit) != 0)
    return fail(Fault::internal, std::string("the runner's memory cannot be limited: ") + std::strerror(errno));
#endif
  // A core of a plugin may hold its secrets; the cause of death is told by the agent.
  const rlimit none{0, 0};
  ::setrlimit(RLIMIT_CORE, &none);
  // Memory that runs out on the machine is taken from a runner first, never from the agent.
  if (const int fd = ::open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC); fd >= 0) {
    static_cast<void>(!::write(fd, "1000", 4));
    ::close(fd);
  }
  return {};
}

}  // namespace

Result<Permissions> permissions_of(const std::vector<std::string>& needs) {
  Permissions out;
  for (const std::string& need : needs) {
    if (need == "network") {
      out.network = true;
    } else if (need == "processes") {
      out.processes = true;
    } else if (need.starts_with("files:/")) {
      out.files.push_back(need.substr(6));
    } else {
      return fail(Fault::invalid,
                  "needs: \"" + need + "\" is none of \"network\", \"processes\", \"files:/DIRECTORY\"");
    }
  }
  return out;
}

Result<std::string> confine(const SandboxSettings& settings, int readable_file) {
  TRY_VOID(limit_memory(settings.memory_bytes));
  TRY_VOID(drop_capabilities(settings.allowed));
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
    return fail(Fault::internal, std::string("no_new_privs cannot be set: ") + std::strerror(errno));
  std::string missing;
  std::vector<PathRule> rules;
  for (const char* path : readable) rules.push_back({path, PathRule::read});
  for (const char* path : writable) rules.push_back({path, PathRule::write});
  for (const std::string& path : settings.allowed.files) rules.push_back({path, PathRule::read | PathRule::write});
  if (settings.allowed.processes) {
    for (const char* path : executable) rules.push_back({path, PathRule::read | PathRule::execute});
  }
  TRY(const bool files, restrict_files(rules, readable_file));
  if (!files) missing = "files (the kernel has no Landlock)";
  TRY(const bool calls, restrict_calls({settings.allowed.network, settings.allowed.processes}));
  if (!calls) missing += std::string(missing.empty() ? "" : ", ") + "system calls (the kernel has no seccomp filters)";
  return missing;
}

}  // namespace tocsin::plugin_host::runner
