// The plugin directories, watched: what is there, what came, went or was exchanged.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "model/plugin.hpp"
#include "plugin_host/trust.hpp"
#include "runtime/executor.hpp"

namespace tocsin::plugin_host {

struct Found {
  std::string path;
  bool bundled = false;        ///< in the first, bundled directory
  std::uint64_t identity = 0;  ///< of device, inode, size, mtime: changes when the file is exchanged
  model::PluginDescriptor descriptor;
  std::string error;                          ///< why it cannot be used; empty: it can
  std::string warning;                        ///< what the policy let pass
  std::shared_ptr<const TrustPolicy> policy;  ///< what it was judged by, and is again when it is loaded
};

class Directory {
 public:
  using Changed = std::function<void()>;
  /// `directories[0]` is the bundled one. Missing directories are waited for.
  Directory(std::vector<std::string> directories, runtime::Reactor& reactor, TrustPolicy policy = {});
  ~Directory();
  /// What the next scan() judges by. `policy.bundled_dir` is set here.
  void set_policy(TrustPolicy policy);
  /// Reads the directories now. Errors of single files are in Found::error.
  std::vector<Found> scan();
  /// Calls `changed` on the reactor, 100 ms after the last of a burst of changes (inotify: closed after write, moved in
  /// or out, deleted, another mode; a signature file counts as its plugin). A half-copied file is not reported until it
  /// is closed.
  void watch(Changed changed);

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;
};

/// The type `id` of one file, or null.
const model::PluginType* type_of(const Found& file, const std::string& id);
/// The type `plugin` among what was found, of one of `kinds` (model::PluginKind): a source and a notifier may have one
/// id. Where there is none of these kinds, the one that has the id, so that a message can say what it is. The file in a
/// later directory wins over an earlier one.
const Found* find_type(const std::vector<Found>& found, const std::string& plugin, std::uint32_t kinds = UINT32_MAX);

}  // namespace tocsin::plugin_host
