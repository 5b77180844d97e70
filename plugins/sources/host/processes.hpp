// Processes that the configuration names, and the largest ones: /proc/PID, as proc(5) describes it. A process may end
// between two reads: what could be read of it until then counts, or it is left out. Of a command line nothing leaves
// this file, since it may hold secrets.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "log_match/pattern.hpp"
#include "sink.hpp"
#include "tocsin/plugin.hpp"

namespace tocsin_plugins {

/// /proc/PID/stat.
struct ProcessStat {
  std::string comm;
  char state = '?';
  std::uint64_t ticks = 0;                                ///< of CPU time, user and system
  std::uint64_t threads = 0, started = 0, rss_pages = 0;  ///< `started`: ticks after the machine's start
};
std::optional<ProcessStat> parse_process(std::string_view stat);

class Processes {
 public:
  /// Reads `processes` and `top`. Throws a Failure that names the key.
  explicit Processes(const tsn::Config& config);

  bool wanted() const { return !named_.empty() || top_ > 0; }
  /// `proc`: the directory. `uptime`: of the machine, seconds; 0: unknown. `seconds`: since the last call, 0 at the
  /// first one. False: the directory cannot be read.
  bool read(const std::string& proc, double uptime, double seconds, const Sink& sink);
  /// Processes that were not read for want of the right to (open files); since the start.
  std::uint64_t unreadable() const { return unreadable_; }

 private:
  struct Named {
    std::string name;
    std::optional<log_match::Pattern> match;  ///< none: the program's name is `name`
  };
  struct Known {
    std::uint64_t started = 0, ticks = 0;
    std::string comm;
    std::vector<std::size_t> groups;  ///< indices into named_
    int looks = 0;                    ///< at its command line: a new process is its parent until it calls exec
    std::uint64_t round = 0;
  };
  struct Sum {
    std::uint64_t count = 0, threads = 0, rss = 0, files = 0, started = 0;
    double cpu = 0, oldest = 0;
    bool files_known = true;
  };
  void take(const std::string& directory, std::uint32_t pid, double uptime, double seconds);
  void classify(Known& known, const std::string& directory, const ProcessStat& stat);
  void emit_named(bool rates, const Sink& sink) const;
  void emit_top(bool rates, const Sink& sink);

  std::vector<Named> named_;
  std::size_t top_ = 0;
  std::unordered_map<std::uint32_t, Known> known_;  ///< by pid
  std::uint64_t round_ = 0, unreadable_ = 0;
  std::vector<Sum> sums_;
  std::map<std::string, Sum> by_program_;
  std::set<std::string> programs_;  ///< that were among the largest
};

}  // namespace tocsin_plugins
