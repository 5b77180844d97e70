#include "proc.hpp"

#include <algorithm>
#include <charconv>
#include <map>

namespace tocsin_plugins {
namespace {

/// Words of a text, one after the other.
class Words {
 public:
  explicit Words(std::string_view text) : text_(text) {}
  std::string_view next() {
    const auto begin = text_.find_first_not_of(" \t\n");
    if (begin == text_.npos) return text_ = {};
    const auto end = std::min(text_.find_first_of(" \t\n", begin), text_.size());
    const auto word = text_.substr(begin, end - begin);
    text_.remove_prefix(end);
    return word;
  }
  template <class Number>
  bool number(Number& to) {
    const auto word = next();
    return !word.empty() && std::from_chars(word.data(), word.data() + word.size(), to).ec == std::errc();
  }

 private:
  std::string_view text_;
};

template <class Take>
void each_line(std::string_view text, Take take) {
  while (!text.empty()) {
    const auto end = std::min(text.find('\n'), text.size());
    take(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
}

std::string unescape(std::string_view text) {  // \040 is a space
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\' && i + 3 < text.size()) {
      int code = 0;
      if (std::from_chars(text.data() + i + 1, text.data() + i + 4, code, 8).ptr == text.data() + i + 4) {
        out += static_cast<char>(code);
        i += 3;
        continue;
      }
    }
    out += text[i];
  }
  return out;
}

bool has_storage(std::string_view fstype) {
  static constexpr std::string_view without[] = {
      "proc",       "sysfs",    "cgroup",    "cgroup2",  "devpts",   "devtmpfs",  "mqueue", "debugfs",    "tracefs",
      "securityfs", "pstore",   "bpf",       "configfs", "fusectl",  "hugetlbfs", "autofs", "rpc_pipefs", "binfmt_misc",
      "nsfs",       "efivarfs", "selinuxfs", "ramfs",    "squashfs", "iso9660",   "rootfs"};
  return std::find(std::begin(without), std::end(without), fstype) == std::end(without);
}

/// Whole disks: partitions and virtual layers would count the same bytes again.
bool whole_disk(std::string_view name) {
  if (name.starts_with("loop") || name.starts_with("ram") || name.starts_with("dm-") || name.starts_with("md") ||
      name.starts_with("zram") || name.starts_with("sr")) {
    return false;
  }
  const bool digit = name.back() >= '0' && name.back() <= '9';
  if (name.starts_with("nvme") || name.starts_with("mmcblk")) return name.find('p') == name.npos;
  return !digit;
}

}  // namespace

std::optional<CpuTimes> parse_cpu(std::string_view stat) {
  Words words(stat.substr(0, stat.find('\n')));
  if (words.next() != "cpu") return std::nullopt;
  CpuTimes times;
  if (!words.number(times.user) || !words.number(times.nice) || !words.number(times.system) ||
      !words.number(times.idle))
    return std::nullopt;
  for (auto* field : {&times.iowait, &times.irq, &times.softirq, &times.steal}) {
    if (!words.number(*field)) break;
  }
  return times;
}

std::optional<Load> parse_load(std::string_view loadavg) {
  Words words(loadavg);
  Load load;
  if (!words.number(load.one) || !words.number(load.five) || !words.number(load.fifteen)) return std::nullopt;
  auto running = words.next();
  if (const auto slash = running.find('/'); slash != running.npos) {
    running.remove_prefix(slash + 1);
    std::from_chars(running.data(), running.data() + running.size(), load.processes);
  }
  return load;
}

std::optional<Memory> parse_memory(std::string_view meminfo) {
  std::map<std::string_view, std::uint64_t> kib;
  each_line(meminfo, [&](std::string_view line) {
    const auto colon = line.find(':');
    if (colon == line.npos) return;
    std::uint64_t value = 0;
    if (Words(line.substr(colon + 1)).number(value)) kib[line.substr(0, colon)] = value;
  });
  if (!kib.contains("MemTotal")) return std::nullopt;
  Memory memory;
  memory.total = kib["MemTotal"] * 1024;
  memory.available =
      (kib.contains("MemAvailable") ? kib["MemAvailable"] : kib["MemFree"] + kib["Buffers"] + kib["Cached"]) * 1024;
  memory.available = std::min(memory.available, memory.total);
  memory.swap_total = kib["SwapTotal"] * 1024;
  memory.swap_free = std::min(kib["SwapFree"] * 1024, memory.swap_total);
  return memory;
}

std::vector<Mount> parse_mounts(std::string_view mounts) {
  std::map<std::string, Mount> by_device;
  each_line(mounts, [&](std::string_view line) {
    Words words(line);
    Mount mount{unescape(words.next()), unescape(words.next()), std::string(words.next())};
    if (mount.fstype.empty() || !has_storage(mount.fstype)) return;
    // tmpfs and overlay share a device name without being one file system.
    const std::string key = mount.device.starts_with("/") ? mount.device : mount.device + mount.path;
    const auto [it, fresh] = by_device.emplace(key, mount);
    if (!fresh && mount.path.size() < it->second.path.size()) it->second = std::move(mount);
  });
  std::vector<Mount> all;
  for (auto& [key, mount] : by_device) all.push_back(std::move(mount));
  return all;
}

std::vector<Disk> parse_disks(std::string_view diskstats) {
  std::vector<Disk> disks;
  each_line(diskstats, [&](std::string_view line) {
    Words words(line);
    words.next(), words.next();
    const auto name = words.next();
    if (name.empty() || !whole_disk(name)) return;
    std::uint64_t field[10] = {};
    for (auto& each : field) {
      if (!words.number(each)) return;
    }
    disks.push_back({std::string(name), field[2] * 512, field[6] * 512, field[9]});
  });
  return disks;
}

std::vector<Interface> parse_interfaces(std::string_view net_dev) {
  std::vector<Interface> interfaces;
  each_line(net_dev, [&](std::string_view line) {
    const auto colon = line.find(':');
    if (colon == line.npos) return;
    const auto name = Words(line.substr(0, colon)).next();
    if (name.empty() || name == "lo") return;
    Words words(line.substr(colon + 1));
    std::uint64_t field[12] = {};
    for (auto& each : field) {
      if (!words.number(each)) return;
    }
    interfaces.push_back({std::string(name), field[0], field[8], field[2] + field[10], field[3] + field[11]});
  });
  return interfaces;
}

Pressure parse_pressure(std::string_view text) {
  Pressure pressure;
  each_line(text, [&](std::string_view line) {
    Words words(line);
    const auto kind = words.next();
    auto average = words.next();
    if (!average.starts_with("avg10=")) return;
    average.remove_prefix(6);
    double value = 0;
    if (std::from_chars(average.data(), average.data() + average.size(), value).ec != std::errc()) return;
    if (kind == "some") pressure.some = value;
    if (kind == "full") pressure.full = value;
  });
  return pressure;
}

bool matches_path(std::string_view pattern, std::string_view path) {
  if (pattern.empty()) return path.empty();
  if (pattern.starts_with("**")) {
    for (std::size_t skip = 0; skip <= path.size(); ++skip) {
      if (matches_path(pattern.substr(2), path.substr(skip))) return true;
    }
    return false;
  }
  if (pattern.front() == '*') {
    for (std::size_t skip = 0;; ++skip) {
      if (matches_path(pattern.substr(1), path.substr(skip))) return true;
      if (skip == path.size() || path[skip] == '/') return false;
    }
  }
  if (path.empty() || (pattern.front() != '?' && pattern.front() != path.front())) return false;
  return matches_path(pattern.substr(1), path.substr(1));
}

}  // namespace tocsin_plugins
