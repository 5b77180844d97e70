// inotify on the directories of the files: it says when to look, never what there is. Where it is not to be had
// (limits, network file systems) looking from time to time goes on.
#pragma once

#include <map>
#include <set>
#include <string>

namespace tocsin_plugins::logtail {

class DirWatch {
 public:
  ~DirWatch() { close(); }
  void open();
  void close() noexcept;
  /// Readable when something happened; -1: there is no inotify.
  int descriptor() const noexcept { return descriptor_; }
  /// Watches these and no others.
  void follow(const std::set<std::string>& directories);
  /// Every directory asked for is watched.
  bool covers_all() const noexcept { return covers_all_; }
  /// Takes what happened. True: names came or went, not only contents.
  bool drain();

 private:
  int descriptor_ = -1;
  bool covers_all_ = false;
  std::map<std::string, int> watches_;
};

}  // namespace tocsin_plugins::logtail
