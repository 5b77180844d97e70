#include "plugin_host/runner/seccomp.hpp"

#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/prctl.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

namespace tocsin::plugin_host::runner {

using base::fail;
using base::Fault;

namespace {

#if defined(__x86_64__)
constexpr unsigned architecture = AUDIT_ARCH_X86_64;
#elif defined(__aarch64__)
constexpr unsigned architecture = AUDIT_ARCH_AARCH64;
#else
constexpr unsigned architecture = 0;
#endif

constexpr unsigned refused = SECCOMP_RET_ERRNO | EPERM;

constexpr long always_refused[] = {
    SYS_ptrace,
    SYS_process_vm_readv,
    SYS_process_vm_writev,
    SYS_pidfd_getfd,
    SYS_pidfd_send_signal,
    SYS_kcmp,
    SYS_perf_event_open,
    SYS_bpf,
    SYS_userfaultfd,
    SYS_io_uring_setup,
    SYS_io_uring_enter,
    SYS_io_uring_register,
    SYS_mount,
    SYS_umount2,
    SYS_pivot_root,
    SYS_chroot,
    SYS_setns,
    SYS_unshare,
    SYS_open_tree,
    SYS_move_mount,
    SYS_fsopen,
    SYS_fsmount,
    SYS_fsconfig,
    SYS_fspick,
    SYS_mount_setattr,
    SYS_open_by_handle_at,
    SYS_init_module,
    SYS_finit_module,
    SYS_delete_module,
    SYS_kexec_load,
    SYS_kexec_file_load,
    SYS_reboot,
    SYS_swapon,
    SYS_swapoff,
    SYS_acct,
    SYS_quotactl,
    SYS_settimeofday,
    SYS_clock_settime,
    SYS_adjtimex,
    SYS_clock_adjtime,
    SYS_sethostname,
    SYS_setdomainname,
    SYS_syslog,
    SYS_keyctl,
    SYS_add_key,
    SYS_request_key,
    SYS_fanotify_init,
    SYS_rt_sigqueueinfo,
    SYS_rt_tgsigqueueinfo,
    SYS_tkill,
    SYS_setpgid,
    SYS_setsid,
#if defined(__x86_64__)
    SYS_iopl,
    SYS_ioperm,
    SYS_modify_ldt,
#endif
};

constexpr long new_process[] = {
    SYS_execve,
    SYS_execveat,
#if defined(__x86_64__)
    SYS_fork,
    SYS_vfork,
#endif
};

/// The filter as it grows; each rule is whole, so no jump passes another rule.
class Filter {
 public:
  void check_architecture() {
    load(offsetof(seccomp_data, arch));
    code_.push_back(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, architecture, 1, 0));
    code_.push_back(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS));
    load(offsetof(seccomp_data, nr));
#if defined(__x86_64__)
    code_.push_back(BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, 0x40000000u, 0, 1));  // x32
    code_.push_back(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS));
#endif
  }
  void answer(long call, unsigned with) {
    code_.push_back(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, static_cast<unsigned>(call), 0, 1));
    code_.push_back(BPF_STMT(BPF_RET | BPF_K, with));
  }
  /// Refused unless the low half of argument `index` is one of the values.
  void only_with(long call, unsigned index, const std::vector<unsigned>& values) {
    with(call, index, values, SECCOMP_RET_ALLOW, refused);
  }
  /// Refused if it is one of them.
  void never_with(long call, unsigned index, const std::vector<unsigned>& values) {
    with(call, index, values, refused, SECCOMP_RET_ALLOW);
  }
  /// Refused unless argument `index` has one of the bits.
  void only_with_bits(long call, unsigned index, unsigned bits) {
    code_.push_back(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, static_cast<unsigned>(call), 0, 4));
    load(argument(index));
    code_.push_back(BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, bits, 1, 0));
    code_.push_back(BPF_STMT(BPF_RET | BPF_K, refused));
    code_.push_back(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW));
  }
  bool install() {
    code_.push_back(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW));
    const sock_fprog program{static_cast<unsigned short>(code_.size()), code_.data()};
    return ::syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, &program) == 0;
  }

 private:
  void with(long call, unsigned index, const std::vector<unsigned>& values, unsigned then, unsigned otherwise) {
    const auto n = static_cast<unsigned char>(values.size());
    code_.push_back(
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, static_cast<unsigned>(call), 0, static_cast<unsigned char>(n + 3)));
    load(argument(index));
    for (unsigned char i = 0; i < n; ++i)
      code_.push_back(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, values[i], static_cast<unsigned char>(n - i), 0));
    code_.push_back(BPF_STMT(BPF_RET | BPF_K, otherwise));
    code_.push_back(BPF_STMT(BPF_RET | BPF_K, then));
  }
  static constexpr unsigned argument(unsigned index) {
    return static_cast<unsigned>(offsetof(seccomp_data, args) + index * sizeof(std::uint64_t));
  }
  void load(std::size_t offset) { code_.push_back(BPF_STMT(BPF_LD | BPF_W | BPF_ABS, static_cast<unsigned>(offset))); }
  std::vector<sock_filter> code_;
};

}  // namespace

base::Result<bool> restrict_calls(const CallRules& rules) {
  if (architecture == 0) return false;
  Filter filter;
  filter.check_architecture();
  for (const long call : always_refused) filter.answer(call, refused);
  const auto self = static_cast<unsigned>(::getpid());
  filter.only_with(SYS_prlimit64, 0, {0, self});
  // The agent's death must end the runner whatever the plugin wants.
  filter.never_with(SYS_prctl, 0, {PR_SET_PDEATHSIG});
  if (rules.network) {
    filter.only_with(SYS_socket, 0, {AF_UNIX, AF_INET, AF_INET6, AF_NETLINK});
  } else {
    filter.answer(SYS_socket, refused);
  }
  if (!rules.processes) {
    for (const long call : new_process) filter.answer(call, refused);
    // clone3 keeps its flags in memory, where a filter cannot look: glibc falls back to clone.
    filter.answer(SYS_clone3, SECCOMP_RET_ERRNO | ENOSYS);
    filter.only_with_bits(SYS_clone, 0, CLONE_THREAD);
    filter.only_with(SYS_kill, 0, {self});
    filter.only_with(SYS_tgkill, 0, {self});
  } else {
    // Its own children may be ended; the agent, its group and everybody may not.
    const auto agent = static_cast<unsigned>(::getppid()), group = static_cast<unsigned>(-::getpgid(::getppid()));
    filter.never_with(SYS_kill, 0, {agent, group, static_cast<unsigned>(-1)});
    filter.never_with(SYS_tgkill, 0, {agent});
  }
  if (filter.install()) return true;
  if (errno == ENOSYS || errno == EINVAL) return false;
  return fail(Fault::internal, std::string("system calls cannot be restricted: ") + std::strerror(errno));
}

}  // namespace tocsin::plugin_host::runner
