// Control groups, version 2 (Documentation/admin-guide/cgroup-v2.rst of the Linux kernel): those whose paths fit a
// pattern of the configuration.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sink.hpp"
#include "tocsin/plugin.hpp"

namespace tocsin_plugins {

/// The number after `key` in a file of "key value" lines.
std::optional<std::uint64_t> flat_value(std::string_view text, std::string_view key);
/// io.stat: sums over all devices.
struct CgroupIo {
  std::uint64_t read_bytes = 0, written_bytes = 0;
};
CgroupIo parse_cgroup_io(std::string_view text);
/// cpu.max as CPUs; nothing: no limit.
std::optional<double> parse_cpu_max(std::string_view text);
/// "max" is nothing.
std::optional<std::uint64_t> parse_limit(std::string_view text);
/// What a path of Kubernetes' says of its pod and container; empty where it is none.
struct PodNames {
  std::string pod_uid, container_id;
};
PodNames pod_names(std::string_view path);

class Cgroups {
 public:
  /// Reads `cgroups` and `max_cgroups`. Throws a Failure that names the key.
  explicit Cgroups(const tsn::Config& config);

  bool wanted() const { return !patterns_.empty(); }
  struct Seen {
    std::size_t read = 0, left_out = 0;  ///< left out: there are more than `max_cgroups`
  };
  /// `mounted`: where control groups are, /sys/fs/cgroup. Nothing: no version 2 is there.
  std::optional<Seen> read(const std::string& mounted, double seconds, const Sink& sink);

 private:
  struct Counters {
    std::optional<std::uint64_t> cpu_usec, periods, throttled, oom_kills, read_bytes, written_bytes;
  };
  void find(const std::string& directory, const std::string& path, int depth);
  void read_one(const std::string& directory, const std::string& path, double seconds, const Sink& sink);

  std::vector<std::string> patterns_;
  std::size_t most_ = 500;
  std::size_t visited_ = 0;
  std::vector<std::string> found_;
  std::map<std::string, Counters> before_, now_;
};

}  // namespace tocsin_plugins
