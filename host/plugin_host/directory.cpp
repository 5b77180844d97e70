#include "plugin_host/directory.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <mutex>
#include <set>
#include <utility>

#include "base/id.hpp"
#include "plugin_host/descriptor.hpp"
#include "plugin_host/verified.hpp"

namespace tocsin::plugin_host {
namespace {

constexpr auto burst = std::chrono::milliseconds(100);
constexpr std::uint32_t plugin_events = IN_CREATE | IN_MODIFY | IN_CLOSE_WRITE | IN_MOVED_TO | IN_MOVED_FROM |
                                        IN_DELETE | IN_ATTRIB | IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR;
constexpr std::uint32_t ancestor_events = IN_CREATE | IN_MOVED_TO | IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR;

bool is_plugin_name(std::string_view name) {
  return name.size() > 3 && name.ends_with(".so");
}

/// "x.so" of "x.so.sig"; empty for other names.
std::string_view signed_name(std::string_view name) {
  if (!name.ends_with(".sig")) return {};
  name.remove_suffix(4);
  return is_plugin_name(name) ? name : std::string_view();
}

std::uint64_t identity_of(const struct stat& status) {
  base::Fnv1a hash;
  for (std::uint64_t part :
       {static_cast<std::uint64_t>(status.st_dev), static_cast<std::uint64_t>(status.st_ino),
        static_cast<std::uint64_t>(status.st_size), static_cast<std::uint64_t>(status.st_mtim.tv_sec),
        static_cast<std::uint64_t>(status.st_mtim.tv_nsec)}) {
    for (int shift = 0; shift < 64; shift += 8) hash.add_byte(static_cast<unsigned char>(part >> shift));
  }
  return hash.value();
}

std::vector<std::string> plugin_names(const std::string& directory) {
  std::vector<std::string> names;
  DIR* listing = ::opendir(directory.c_str());
  if (listing == nullptr) return names;
  while (const dirent* entry = ::readdir(listing)) {
    if (is_plugin_name(entry->d_name)) names.emplace_back(entry->d_name);
  }
  ::closedir(listing);
  std::sort(names.begin(), names.end());
  return names;
}

/// The nearest directory above `path` that exists.
std::string existing_ancestor(std::string path) {
  struct stat status{};
  while (path.size() > 1) {
    std::size_t slash = path.rfind('/');
    path = slash == std::string::npos ? "." : slash == 0 ? "/" : path.substr(0, slash);
    if (::stat(path.c_str(), &status) == 0 && S_ISDIR(status.st_mode)) return path;
  }
  return path.empty() ? "." : path;
}

}  // namespace

/// Inotify events are read by the reactor's thread and by scan(), which thereby knows of every file that was begun
/// before it listed the directory. All members below `mutex` are under it.
struct Directory::Impl : std::enable_shared_from_this<Directory::Impl> {
  Impl(std::vector<std::string> given, runtime::Reactor& r, TrustPolicy trust)
      : directories(std::move(given)), reactor(r) {
    for (std::string& one : directories) {
      while (one.size() > 1 && one.back() == '/') one.pop_back();
    }
    set_policy(std::move(trust));
  }
  ~Impl() {
    if (inotify >= 0) ::close(inotify);
  }

  std::vector<Found> scan();
  void set_policy(TrustPolicy trust);
  Found read(const std::string& path, bool bundled);
  base::Result<void> judge(const TrustedFile& file, std::uint64_t proof, Found& found);
  void start(Changed callback);
  void close();
  void listen();
  void readable();
  bool drain();
  bool apply(const inotify_event& event);
  void arm_directories();
  void changed_soon();
  void fire();

  std::vector<std::string> directories;
  runtime::Reactor& reactor;
  std::mutex mutex;
  std::shared_ptr<const TrustPolicy> policy;
  std::map<std::string, Found> known;           ///< by path: what was last read of it
  std::map<std::string, std::uint64_t> proofs;  ///< by path: identity of the signature file it was judged with
  std::set<std::string> touched;                ///< paths that changed, as far as the events at hand tell
  std::set<std::string> written;                ///< paths that somebody is writing
  int inotify = -1;
  std::map<int, std::string> watched;    ///< watch descriptor → directory
  std::map<int, std::string> ancestors;  ///< watch descriptor → what a missing directory would appear in
  Changed changed;
  bool closed = false;
  runtime::Reactor::Id listening = 0, pending = 0;
};

void Directory::Impl::set_policy(TrustPolicy trust) {
  std::lock_guard lock(mutex);
  trust.bundled_dir = directories.empty() ? "" : directories.front();
  if (!policy || *policy != trust) policy = std::make_shared<const TrustPolicy>(std::move(trust));
}

Found Directory::Impl::read(const std::string& path, bool bundled) {
  Found found;
  found.path = path;
  found.bundled = bundled;
  found.policy = policy;
  struct stat status{};
  if (::lstat(path.c_str(), &status) == 0) found.identity = identity_of(status);
  auto file = open_trusted(path);
  if (!file) return found.error = file.error().message(), found;
  found.identity = identity_of(file->status);
  std::uint64_t proof = 0;
  if (policy->demands_signature(path) &&
      ::fstatat(file->directory.get(), (file->name + ".sig").c_str(), &status, AT_SYMLINK_NOFOLLOW) == 0) {
    proof = identity_of(status);
  }
  if (auto judged = judge(*file, proof, found); !judged) found.error = judged.error().message();
  proofs[path] = proof;
  return found;
}

/// Signature, where one is demanded, and note; what was good and has not changed is not read again.
base::Result<void> Directory::Impl::judge(const TrustedFile& file, std::uint64_t proof, Found& found) {
  if (auto it = known.find(found.path); it != known.end() && it->second.error.empty() &&
                                        it->second.identity == found.identity && it->second.policy == policy &&
                                        proofs[found.path] == proof) {
    found.descriptor = it->second.descriptor;
    found.warning = it->second.warning;
    return {};
  }
  if (!policy->demands_signature(found.path)) {
    TRY(found.descriptor, read_descriptor(file.file.get(), found.path));
    return {};
  }
  TRY(auto verified, read_verified(file, found.path, *policy));
  found.descriptor = std::move(verified.descriptor);
  found.warning = std::move(verified.warning);
  return {};
}

std::vector<Found> Directory::Impl::scan() {
  std::lock_guard lock(mutex);
  std::vector<std::pair<std::string, bool>> paths;
  for (std::size_t i = 0; i < directories.size(); ++i) {
    for (const std::string& name : plugin_names(directories[i]))
      paths.emplace_back(directories[i] + "/" + name, i == 0);
  }
  if (drain()) changed_soon();
  std::vector<Found> out;
  std::map<std::string, Found> now;
  for (const auto& [path, bundled] : paths) {
    if (now.contains(path)) continue;  // a directory that is configured twice
    auto before = known.find(path);
    if (written.contains(path)) {
      // Half a file is not reported; what was there before stays until the new one is whole.
      if (before == known.end()) continue;
      out.push_back(before->second);
    } else {
      out.push_back(read(path, bundled));
    }
    now.emplace(path, out.back());
  }
  known = std::move(now);
  std::erase_if(proofs, [this](const auto& proof) { return !known.contains(proof.first); });
  return out;
}

void Directory::Impl::start(Changed callback) {
  std::lock_guard lock(mutex);
  changed = std::move(callback);
  if (inotify < 0) inotify = ::inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
  if (inotify < 0) return;  // no watches to be had (limit): scan() on reload still sees every change
  arm_directories();
  listen();
}

void Directory::Impl::close() {
  std::lock_guard lock(mutex);
  closed = true;
  changed = nullptr;
  if (listening != 0) reactor.cancel(listening);
  if (pending != 0) reactor.cancel(pending);
}

/// Watches every directory that is there, and for one that is not, the place where it would appear. Caller holds the
/// lock.
void Directory::Impl::arm_directories() {
  std::map<int, std::string> before = std::exchange(ancestors, {});
  for (const std::string& directory : directories) {
    int descriptor = ::inotify_add_watch(inotify, directory.c_str(), plugin_events);
    if (descriptor >= 0) {
      watched[descriptor] = directory;
      continue;
    }
    std::string above = existing_ancestor(directory);
    descriptor = ::inotify_add_watch(inotify, above.c_str(), ancestor_events | IN_MASK_ADD);
    if (descriptor >= 0) ancestors[descriptor] = above;
  }
  for (const auto& [descriptor, path] : before) {
    if (!ancestors.contains(descriptor) && !watched.contains(descriptor)) ::inotify_rm_watch(inotify, descriptor);
  }
}

void Directory::Impl::listen() {
  if (closed) return;
  listening = reactor.watch(inotify, 1, [weak = weak_from_this()](std::uint32_t) {
    if (auto self = weak.lock()) self->readable();
  });
}

void Directory::Impl::readable() {
  std::lock_guard lock(mutex);
  if (closed) return;
  if (drain()) changed_soon();
  listen();
}

/// Reads what events there are; true if a directory or a whole file changed. Caller holds the lock.
bool Directory::Impl::drain() {
  if (inotify < 0) return false;
  bool any = false;
  alignas(inotify_event) char buffer[16 * 1024];
  for (;;) {
    ssize_t n = ::read(inotify, buffer, sizeof buffer);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return any || !std::exchange(touched, {}).empty();
    for (char* at = buffer; at < buffer + n;) {
      const auto& event = *reinterpret_cast<const inotify_event*>(at);
      any |= apply(event);
      at += sizeof event + event.len;
    }
  }
}

bool Directory::Impl::apply(const inotify_event& event) {
  if (event.mask & IN_Q_OVERFLOW) {
    written.clear();  // their ends may be among what was lost
    arm_directories();
    return true;
  }
  auto directory = watched.find(event.wd);
  if (event.mask & (IN_DELETE_SELF | IN_MOVE_SELF | IN_IGNORED | IN_UNMOUNT)) {
    bool ours = directory != watched.end();
    if (!ours && !ancestors.contains(event.wd)) return false;  // the end of a watch that is given up already
    if (event.mask & IN_MOVE_SELF) ::inotify_rm_watch(inotify, event.wd);
    watched.erase(event.wd);
    ancestors.erase(event.wd);
    arm_directories();
    return ours;
  }
  bool appeared = false;
  if (ancestors.contains(event.wd)) {
    std::size_t before = watched.size();
    arm_directories();
    appeared = watched.size() > before;
  }
  if (directory == watched.end()) return appeared;
  // Another owner or mode of the directory itself: what was refused for it may be good now.
  if (event.len == 0) return appeared || (event.mask & IN_ATTRIB) != 0;
  if (const auto plugin = signed_name(event.name); !plugin.empty()) {
    // Half a signature does not verify, and its end is an event too.
    if (!(event.mask & (IN_CREATE | IN_MODIFY))) touched.insert(directory->second + "/" + std::string(plugin));
    return appeared;
  }
  if (!is_plugin_name(event.name)) return appeared;
  std::string path = directory->second + "/" + event.name;
  if (event.mask & IN_CREATE) {
    // A new file is empty until somebody writes it (more events follow); a link appears whole.
    struct stat status{};
    bool empty = ::lstat(path.c_str(), &status) == 0 && S_ISREG(status.st_mode) && status.st_size == 0;
    if (empty)
      written.insert(path);
    else
      touched.insert(path);
    return appeared;
  }
  if (event.mask & IN_MODIFY) return written.insert(path), touched.erase(path), appeared;
  written.erase(path);
  touched.insert(path);
  return appeared;
}

/// (Re)starts the quiet time that ends a burst. Caller holds the lock.
void Directory::Impl::changed_soon() {
  if (closed || !changed) return;
  if (pending != 0) reactor.cancel(pending);
  pending = reactor.after(burst, [weak = weak_from_this()] {
    if (auto self = weak.lock()) self->fire();
  });
}

void Directory::Impl::fire() {
  Changed callback;
  {
    std::lock_guard lock(mutex);
    pending = 0;
    callback = changed;
  }
  if (callback) callback();
}

Directory::Directory(std::vector<std::string> directories, runtime::Reactor& reactor, TrustPolicy policy)
    : impl_(std::make_shared<Impl>(std::move(directories), reactor, std::move(policy))) {}
Directory::~Directory() {
  impl_->close();
}
void Directory::set_policy(TrustPolicy policy) {
  impl_->set_policy(std::move(policy));
}
std::vector<Found> Directory::scan() {
  return impl_->scan();
}
void Directory::watch(Changed changed) {
  impl_->start(std::move(changed));
}

const model::PluginType* type_of(const Found& file, const std::string& id) {
  for (const auto& type : file.descriptor.types) {
    if (type.id == id) return &type;
  }
  return nullptr;
}

const Found* find_type(const std::vector<Found>& found, const std::string& plugin, std::uint32_t kinds) {
  const Found* of_that_id = nullptr;
  for (auto it = found.rbegin(); it != found.rend(); ++it) {
    const model::PluginType* type = it->error.empty() ? type_of(*it, plugin) : nullptr;
    if (!type) continue;
    if (type->kinds & kinds) return &*it;
    if (!of_that_id) of_that_id = &*it;
  }
  return of_that_id;
}

}  // namespace tocsin::plugin_host
