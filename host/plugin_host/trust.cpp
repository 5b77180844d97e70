#include "plugin_host/trust.hpp"

#include <fcntl.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <set>

#include "base/text.hpp"

namespace tocsin::plugin_host {
namespace {

using base::fail;
using base::Fault;
using base::Result;

constexpr int max_links = 40;

std::string directory_of(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

std::string link_target(int directory, const std::string& name) {
  char target[4096];
  const ssize_t n = ::readlinkat(directory, name.c_str(), target, sizeof target);
  return n < 0 ? "" : std::string(target, static_cast<std::size_t>(n));
}

/// The agent's program: who owns it and what is above it, and which directories those are.
struct Program {
  std::set<uid_t> owners;
  std::set<std::pair<dev_t, ino_t>> directories;
};

const Program& program() {
  static const Program known = [] {
    Program out;
    std::string path = link_target(AT_FDCWD, "/proc/self/exe");
    struct stat status{};
    if (path.empty() || ::lstat(path.c_str(), &status) != 0) return out;
    out.owners.insert(status.st_uid);
    while (path.size() > 1) {
      path = directory_of(path);
      if (::lstat(path.c_str(), &status) != 0) break;
      out.owners.insert(status.st_uid);
      out.directories.emplace(status.st_dev, status.st_ino);
    }
    return out;
  }();
  return known;
}

bool trusted_user(uid_t user) {
  return user == 0 || user == ::geteuid() || program().owners.contains(user);
}

/// Whether an access list gives rights to named users or groups. `fd` may be O_PATH, which has no fgetxattr().
bool has_access_list(int fd) {
  const std::string path = "/proc/self/fd/" + std::to_string(fd);
  return ::getxattr(path.c_str(), "system.posix_acl_access", nullptr, 0) > 0;
}

/// What an operator of Kubernetes does about a volume that looks like this.
std::string on_kubernetes(const struct stat& status, bool anybody) {
  const bool volume = (S_ISDIR(status.st_mode) && (status.st_mode & S_ISGID)) || std::getenv("KUBERNETES_SERVICE_HOST");
  if (!volume) return "";
  if (anybody) return " (Kubernetes makes an emptyDir so: run it in an init container with runAsUser: 0)";
  return " (fsGroup leaves Kubernetes volumes so: take fsGroup out of the securityContext, or run it in an init "
         "container)";
}

class Walk {
 public:
  explicit Walk(const std::string& path) : path_(path) { push(path); }

  Result<TrustedFile> run() {
    TRY_VOID(begin());
    while (rest_.size() > 1) TRY_VOID(step());
    return last();
  }

 private:
  /// Puts the parts of `path` before what is left to walk.
  void push(std::string_view path) {
    std::vector<std::string> parts;
    for (const auto part : base::split(path, '/')) {
      if (!part.empty() && part != ".") parts.emplace_back(part);
    }
    rest_.insert(rest_.begin(), parts.begin(), parts.end());
  }

  Result<void> begin() {
    if (!path_.starts_with('/')) {
      char* here = ::getcwd(nullptr, 0);
      if (here == nullptr) return cannot_open(".", errno);
      push(here);
      std::free(here);
    }
    return enter(OwnedFd(::open("/", O_PATH | O_DIRECTORY | O_CLOEXEC)), "/");
  }

  Result<void> step() {
    const std::string name = std::move(rest_.front());
    rest_.pop_front();
    const std::string real = name == ".." ? directory_of(real_) : (real_ == "/" ? "" : real_) + "/" + name;
    // O_DIRECTORY also has an automounter mount what is to be there.
    OwnedFd next(::openat(at_.get(), name.c_str(), O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    if (!next && errno == ENOTDIR) return follow(name, real);
    return enter(std::move(next), real);
  }

  Result<void> enter(OwnedFd directory, const std::string& real) {
    struct stat status{};
    if (!directory || ::fstat(directory.get(), &status) != 0) return cannot_open(real, errno);
    TRY_VOID(check(directory.get(), status, real));
    at_ = std::move(directory);
    real_ = real;
    return {};
  }

  Result<void> follow(const std::string& name, const std::string& real) {
    OwnedFd link(::openat(at_.get(), name.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC));
    struct stat status{};
    if (!link || ::fstat(link.get(), &status) != 0) return cannot_open(real, errno);
    if (!S_ISLNK(status.st_mode)) return cannot_open(real, ENOTDIR);
    if (++links_ > max_links) return cannot_open(real, ELOOP);
    if (!trusted_user(status.st_uid)) return refuse("the link " + real + foreign(status), "chown -h root " + real);
    const std::string target = link_target(link.get(), "");  // of the link that was checked
    if (target.empty()) return cannot_open(real, EINVAL);
    push(target);
    if (target.starts_with('/')) return enter(OwnedFd(::open("/", O_PATH | O_DIRECTORY | O_CLOEXEC)), "/");
    return {};
  }

  Result<TrustedFile> last() {
    if (rest_.empty()) return fail(Fault::invalid, path_ + ": is a directory; name the plugin's .so");
    TrustedFile out;
    out.name = rest_.front();
    // Non-blocking: a FIFO of that name must not hang the scan.
    out.file.reset(::openat(at_.get(), out.name.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW | O_NOCTTY));
    if (!out.file && errno == ELOOP) return refuse_link(out.name);
    if (!out.file || ::fstat(out.file.get(), &out.status) != 0) return cannot_open(path_, errno);
    if (!S_ISREG(out.status.st_mode))
      return fail(Fault::invalid, path_ + ": is not a regular file; put the plugin's .so itself there");
    TRY_VOID(check(out.file.get(), out.status, path_));
    out.directory = std::move(at_);
    return out;
  }

  /// Owner and mode of one part of the path.
  Result<void> check(int fd, const struct stat& status, const std::string& real) const {
    const bool directory = S_ISDIR(status.st_mode);
    const std::string what = directory ? "its directory " + real : "it";
    if (!trusted_user(status.st_uid)) return refuse(what + foreign(status), "chown root " + real);
    if (directory && status.st_uid == 0 && (status.st_mode & S_ISVTX)) return {};
    const bool above_program = directory && program().directories.contains({status.st_dev, status.st_ino});
    const bool own_group = status.st_gid == 0 || status.st_gid == status.st_uid || above_program;
    const bool group = (status.st_mode & S_IWGRP) && !own_group;
    if (status.st_mode & S_IWOTH) {
      return refuse("anybody may write " + (directory ? what : "this file"),
                    std::string(group ? "chmod go-w " : "chmod o-w ") + real + on_kubernetes(status, true));
    }
    if (group) {
      return refuse("the group " + std::to_string(status.st_gid) + " may write " + (directory ? what : "this file"),
                    "chmod g-w " + real + on_kubernetes(status, false));
    }
    if ((status.st_mode & S_IWGRP) && !above_program && has_access_list(fd))
      return refuse("an access list lets others write " + (directory ? what : "this file"), "setfacl -b " + real);
    return {};
  }

  static std::string foreign(const struct stat& status) {
    const uid_t self = ::geteuid();
    return " belongs to uid " + std::to_string(status.st_uid) + ", which is neither root" +
           (self == 0 ? " nor who installed the agent"
                      : " nor uid " + std::to_string(self) + ", which the agent runs as");
  }

  std::unexpected<base::Error> refuse(const std::string& why, const std::string& command) const {
    return fail(Fault::denied, path_ + ": " + why + ", so it is not trusted; run: " + command);
  }

  std::unexpected<base::Error> refuse_link(const std::string& name) const {
    if (link_target(at_.get(), name).starts_with("..data/")) {
      return fail(Fault::denied,
                  path_ +
                      ": is a symbolic link, as in every ConfigMap and Secret volume of Kubernetes, and is not "
                      "followed; bake the .so into the image, or copy it in an init container into an emptyDir: "
                      "cp -L " +
                      path_ + " /plugins/ && chmod 755 /plugins");
    }
    return fail(Fault::denied, path_ +
                                   ": is a symbolic link, which is not followed for plugins; put the .so itself "
                                   "there: cp --remove-destination \"$(readlink -f " +
                                   path_ + ")\" " + path_);
  }

  std::unexpected<base::Error> cannot_open(const std::string& part, int error) const {
    const Fault fault = error == ENOENT ? Fault::not_found : error == EACCES ? Fault::denied : Fault::unavailable;
    return fail(fault, path_ + ": " + (part == path_ ? "" : part + " ") + "cannot be opened: " + std::strerror(error) +
                           "; check that the file is there and readable by this user");
  }

  const std::string path_;
  std::deque<std::string> rest_;
  OwnedFd at_;
  std::string real_;  ///< the path of at_ without links, for messages
  int links_ = 0;
};

}  // namespace

bool TrustPolicy::demands_signature(const std::string& path) const {
  if (keys.empty()) return false;
  return verify_bundled || bundled_dir.empty() || directory_of(path) != bundled_dir;
}

Result<TrustedFile> open_trusted(const std::string& path) {
  return Walk(path).run();
}

}  // namespace tocsin::plugin_host
