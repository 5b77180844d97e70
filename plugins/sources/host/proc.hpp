// The kernel's text files, read into numbers. Pure: text in, values out; a line that is not as expected is skipped.
// Formats: proc(5), Documentation/admin-guide/iostats.rst, Documentation/accounting/psi.rst of the Linux kernel.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace tocsin_plugins {

/// Jiffies of /proc/stat's first line.
struct CpuTimes {
  std::uint64_t user = 0, nice = 0, system = 0, idle = 0, iowait = 0, irq = 0, softirq = 0, steal = 0;
  std::uint64_t total() const { return user + nice + system + idle + iowait + irq + softirq + steal; }
};
std::optional<CpuTimes> parse_cpu(std::string_view stat);

struct Load {
  double one = 0, five = 0, fifteen = 0;
  std::uint64_t processes = 0;  ///< scheduling entities that exist
};
std::optional<Load> parse_load(std::string_view loadavg);

/// Bytes.
struct Memory {
  std::uint64_t total = 0, available = 0, swap_total = 0, swap_free = 0;
};
std::optional<Memory> parse_memory(std::string_view meminfo);

struct Mount {
  std::string device, path, fstype;
};
/// /proc/self/mounts, octal escapes undone, one entry per device (the shortest path) of file systems with storage
/// behind.
std::vector<Mount> parse_mounts(std::string_view mounts);

struct Disk {
  std::string device;
  std::uint64_t read_bytes = 0, written_bytes = 0, busy_ms = 0;
};
std::vector<Disk> parse_disks(std::string_view diskstats);

struct Interface {
  std::string name;
  std::uint64_t received = 0, sent = 0, errors = 0, dropped = 0;
};
std::vector<Interface> parse_interfaces(std::string_view net_dev);

struct Pressure {
  std::optional<double> some, full;  ///< avg10, percent
};
Pressure parse_pressure(std::string_view text);

/// A shell pattern on paths: `*` within a segment, `**` across segments, `?` one character.
bool matches_path(std::string_view pattern, std::string_view path);

}  // namespace tocsin_plugins
