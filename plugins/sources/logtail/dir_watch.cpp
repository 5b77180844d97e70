#include "dir_watch.hpp"

#include <sys/inotify.h>
#include <unistd.h>

#include <cstring>

namespace tocsin_plugins::logtail {

void DirWatch::open() {
  if (descriptor_ < 0) descriptor_ = ::inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
}

void DirWatch::close() noexcept {
  if (descriptor_ >= 0) ::close(descriptor_);
  descriptor_ = -1;
  watches_.clear();
  covers_all_ = false;
}

void DirWatch::follow(const std::set<std::string>& directories) {
  if (descriptor_ < 0) return;
  std::erase_if(watches_, [&](const auto& watch) {
    if (directories.contains(watch.first)) return false;
    ::inotify_rm_watch(descriptor_, watch.second);
    return true;
  });
  covers_all_ = true;
  for (const auto& directory : directories) {
    if (watches_.contains(directory)) continue;
    const int watch =
        ::inotify_add_watch(descriptor_, directory.c_str(),
                            IN_MODIFY | IN_CREATE | IN_MOVE | IN_DELETE | IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR);
    if (watch >= 0)
      watches_[directory] = watch;
    else
      covers_all_ = false;
  }
}

bool DirWatch::drain() {
  alignas(inotify_event) char buffer[16 * 1024];
  bool names = false;
  for (ssize_t got; (got = ::read(descriptor_, buffer, sizeof buffer)) > 0;) {
    for (const char* at = buffer; at < buffer + got;) {
      inotify_event event;
      std::memcpy(&event, at, sizeof event);
      at += sizeof event + event.len;
      names |= (event.mask & ~std::uint32_t{IN_MODIFY | IN_ISDIR}) != 0;
      if (event.mask & IN_IGNORED)
        std::erase_if(watches_, [wd = event.wd](const auto& watch) { return watch.second == wd; });
    }
  }
  return names;
}

}  // namespace tocsin_plugins::logtail
