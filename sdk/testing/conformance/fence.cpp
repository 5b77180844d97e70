// The trapped system calls answer EPERM, as they would in the runner's sandbox. clone3() hides its flags behind a
// pointer, so it answers ENOSYS and the C library falls back to clone().
#include "fence.hpp"

#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <ucontext.h>

#include <cerrno>
#include <csignal>
#include <cstddef>
#include <cstring>

namespace tsn::conformance {
namespace {

Fenced* noticed = nullptr;
const char* where_now = nullptr;

void note(std::atomic<bool>& seen, char (&to)[128]) {
  if (!seen.exchange(true)) std::strncpy(to, where_now, sizeof to - 1);
}

void trapped(int, siginfo_t* info, void* context) {
  if (info->si_syscall == SYS_socket)
    note(noticed->network, noticed->network_where);
  else
    note(noticed->processes, noticed->processes_where);
  auto& registers = static_cast<ucontext_t*>(context)->uc_mcontext;
#if defined(__x86_64__)
  registers.gregs[REG_RAX] = -EPERM;
#elif defined(__aarch64__)
  registers.regs[0] = static_cast<std::uint64_t>(-EPERM);
#endif
}

#if defined(__x86_64__)
constexpr std::uint32_t machine = AUDIT_ARCH_X86_64;
#elif defined(__aarch64__)
constexpr std::uint32_t machine = AUDIT_ARCH_AARCH64;
#else
constexpr std::uint32_t machine = 0;
#endif

using Program = std::vector<sock_filter>;

void load(Program& to, std::size_t offset) {
  to.push_back(BPF_STMT(BPF_LD | BPF_W | BPF_ABS, static_cast<std::uint32_t>(offset)));
}
void answer(Program& to, std::uint32_t what) {
  to.push_back(BPF_STMT(BPF_RET | BPF_K, what));
}
/// The next `skip` instructions are left out unless the loaded word equals `value`.
void unless_equal(Program& to, std::uint32_t value, std::uint8_t skip) {
  to.push_back(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, 0, skip));
}

Program make_filter(bool network, bool processes) {
  Program to;
  load(to, offsetof(seccomp_data, arch));
  unless_equal(to, machine, 1);
  to.push_back(BPF_JUMP(BPF_JMP | BPF_JA, 1, 0, 0));
  answer(to, SECCOMP_RET_ALLOW);
  load(to, offsetof(seccomp_data, nr));
  if (!network) {
    unless_equal(to, SYS_socket, 5);
    load(to, offsetof(seccomp_data, args[0]));
    unless_equal(to, AF_INET, 1);
    answer(to, SECCOMP_RET_TRAP);
    unless_equal(to, AF_INET6, 1);
    answer(to, SECCOMP_RET_TRAP);
    load(to, offsetof(seccomp_data, nr));
  }
  if (!processes) {
#ifdef SYS_fork
    for (const auto call : {SYS_fork, SYS_vfork}) {
      unless_equal(to, static_cast<std::uint32_t>(call), 1);
      answer(to, SECCOMP_RET_TRAP);
    }
#endif
    unless_equal(to, SYS_clone3, 1);
    answer(to, SECCOMP_RET_ERRNO | ENOSYS);
    unless_equal(to, SYS_clone, 3);
    load(to, offsetof(seccomp_data, args[0]));
    to.push_back(BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, CLONE_THREAD, 1, 0));
    answer(to, SECCOMP_RET_TRAP);
  }
  answer(to, SECCOMP_RET_ALLOW);
  return to;
}

}  // namespace

Fence::Fence(bool network, bool processes, Fenced* to, const char* where) {
  for (int i = 0; i < 4; ++i) {
    const int fd = memfd_create("sentinel", MFD_CLOEXEC);
    struct stat is{};
    if (fd >= 0 && fstat(fd, &is) == 0) guards_.push_back({fd, is.st_ino});
  }
  noticed = to;
  where_now = where;
  if (machine == 0) return;
  struct sigaction action{};
  action.sa_sigaction = &trapped;
  action.sa_flags = SA_SIGINFO;
  sigaction(SIGSYS, &action, nullptr);
  auto filter = make_filter(network, processes);
  const sock_fprog program{static_cast<unsigned short>(filter.size()), filter.data()};
  prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
  prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program);
}

bool Fence::broken() const {
  for (const auto& guard : guards_) {
    struct stat is{};
    if (fstat(guard.fd, &is) != 0 || is.st_ino != guard.inode) return true;
  }
  return false;
}

}  // namespace tsn::conformance
