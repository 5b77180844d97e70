// Which plugins have crashed the agent: kept over restarts, so that a plugin that took the agent down comes back
// isolated, until its file is exchanged.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "model/plugin.hpp"
#include "plugin_host/crash_record.hpp"
#include "plugin_host/directory.hpp"
#include "plugin_host/session.hpp"

namespace tocsin::app {

struct Crash {
  std::string instance, plugin;  ///< "source.auth", "logtail"
  std::uint64_t identity = 0;    ///< of the plugin's file, as Found::identity
  std::string signal;            ///< "SIGSEGV"; "hang": a call held a thread that nothing could free
  std::string call;              ///< "pull"
  base::Time at{};               ///< the last one
  std::uint64_t count = 0;       ///< of this file in this instance
};

/// Any thread.
class CrashBook {
 public:
  /// `file` is made with the first crash. One that cannot be read is put aside under another name and reported in the
  /// log: a damaged book must not keep the agent from starting.
  static base::Result<std::unique_ptr<CrashBook>> open(std::string file);

  /// Adds to what is known of the instance and file; returns once it is on the disk.
  base::Result<void> note(const Crash& crash);
  /// Whether an instance of this plugin must run isolated: true for every instance of a file that has crashed.
  bool isolates(const std::string& instance, const std::string& plugin, std::uint64_t identity) const;
  /// The last crash of an instance with this file, or of another instance with it.
  std::optional<Crash> last(const std::string& instance, std::uint64_t identity) const;
  std::vector<Crash> all() const;
  /// Forgets crashes of files in whose place there is another one with the same plugin. Returns what was forgotten.
  std::vector<Crash> forget_exchanged(const std::vector<plugin_host::Found>& found);

 private:
  explicit CrashBook(std::string file) : file_(std::move(file)) {}
  base::Result<void> read();
  base::Result<void> write(const std::vector<Crash>& crashes) const;

  const std::string file_;
  mutable std::mutex mutex_;
  std::vector<Crash> crashes_;
};

/// Moves what processes before this one died of into the book and the log.
void take_findings(plugin_host::Findings& findings, CrashBook& book);

/// What `tocsin plugin list` says of an instance that is quarantined or whose file has crashed. `instance` and `book`
/// may be null.
void show_health(const plugin_host::Instance* instance, const CrashBook* book, std::uint64_t identity,
                 model::PluginStatus& line);
/// "crashed SIGSEGV 2026-11-20T12:31:02Z (3 times)".
std::string text_of(const Crash& crash);

}  // namespace tocsin::app
