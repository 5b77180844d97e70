#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "cgroups.hpp"
#include "proc.hpp"
#include "processes.hpp"
#include "read_file.hpp"
#include "sink.hpp"
#include "tocsin/plugin.hpp"

namespace tocsin_plugins {
namespace {

double percent(double part, double whole) {
  return whole > 0 ? 100.0 * part / whole : 0;
}

}  // namespace

class Host {
 public:
  static constexpr auto id = "host", version = "1.0.0",
                        doc = "CPU, memory, disk, network, pressure, processes and control groups of this machine";
  static constexpr tsn::Option options[] = {
      {.key = "root", .fallback = "\"/\"", .doc = "Where the machine's root is mounted; \"/host\" inside a container"},
      {.key = "exclude",
       .type = tsn::table,
       .fallback = R"({ fs = ["tmpfs", "overlay"], mounts = [] })",
       .doc = "File system types (fs) and path patterns (mounts) that are left out; ** crosses directories"},
      {.key = "processes",
       .type = tsn::array,
       .fallback = "[]",
       .doc = "Processes to watch: `name`, the value of the label `process`, and `match`, an RE2 expression on the "
              "command line; without it the program's name is `name`"},
      {.key = "top",
       .type = tsn::integer,
       .fallback = "0",
       .min = "0",
       .max = "50",
       .doc = "How many of the programs with most memory, and with most CPU time, are shown by name"},
      {.key = "cgroups",
       .type = tsn::array,
       .fallback = "[]",
       .doc = "Patterns on the paths of control groups (version 2), such as \"/system.slice/*.service\" and "
              "\"/kubepods.slice/**\""},
      {.key = "max_cgroups",
       .type = tsn::integer,
       .fallback = "500",
       .min = "1",
       .max = "20000",
       .doc = "Control groups that are read at a time; further ones are left out and counted"},
  };
  static constexpr tsn::Signal signals[] = {
      {.name = "host.cpu.used_percent", .unit = "%", .labels = "host", .doc = "Time not idle and not waiting for I/O"},
      {.name = "host.cpu.user_percent", .unit = "%", .labels = "host", .doc = "Time in user mode, nice included"},
      {.name = "host.cpu.system_percent",
       .unit = "%",
       .labels = "host",
       .doc = "Time in the kernel, interrupts included"},
      {.name = "host.cpu.iowait_percent", .unit = "%", .labels = "host", .doc = "Idle time with I/O outstanding"},
      {.name = "host.cpu.steal_percent", .unit = "%", .labels = "host", .doc = "Time the hypervisor gave to others"},
      {.name = "host.load1", .unit = "1", .labels = "host", .doc = "Load average over one minute"},
      {.name = "host.load5", .unit = "1", .labels = "host", .doc = "Load average over five minutes"},
      {.name = "host.load15", .unit = "1", .labels = "host", .doc = "Load average over fifteen minutes"},
      {.name = "host.memory.used_percent", .unit = "%", .labels = "host", .doc = "Memory that is not available"},
      {.name = "host.memory.used_bytes", .unit = "By", .labels = "host", .doc = "Total minus available"},
      {.name = "host.memory.available_bytes",
       .unit = "By",
       .labels = "host",
       .doc = "The kernel's estimate of what can be had without swapping"},
      {.name = "host.memory.total_bytes", .unit = "By", .labels = "host", .doc = "Memory of the machine"},
      {.name = "host.swap.used_percent", .unit = "%", .labels = "host", .doc = "Swap in use"},
      {.name = "host.disk.used_percent",
       .unit = "%",
       .labels = "host,mount,device,fstype",
       .doc = "Space in use of what users may have, as df shows it"},
      {.name = "host.disk.used_bytes", .unit = "By", .labels = "host,mount,device,fstype", .doc = "Space in use"},
      {.name = "host.disk.total_bytes",
       .unit = "By",
       .labels = "host,mount,device,fstype",
       .doc = "Size of the file system"},
      {.name = "host.disk.inodes_used_percent",
       .unit = "%",
       .labels = "host,mount,device,fstype",
       .doc = "Inodes in use"},
      {.name = "host.disk.read_bytes_per_second", .unit = "By/s", .labels = "host,device", .doc = "Read from the disk"},
      {.name = "host.disk.written_bytes_per_second",
       .unit = "By/s",
       .labels = "host,device",
       .doc = "Written to the disk"},
      {.name = "host.disk.busy_percent",
       .unit = "%",
       .labels = "host,device",
       .doc = "Time with at least one request in work"},
      {.name = "host.net.received_bytes_per_second", .unit = "By/s", .labels = "host,interface", .doc = "Received"},
      {.name = "host.net.sent_bytes_per_second", .unit = "By/s", .labels = "host,interface", .doc = "Sent"},
      {.name = "host.net.errors_per_second",
       .unit = "1/s",
       .labels = "host,interface",
       .doc = "Receive and transmit errors"},
      {.name = "host.net.dropped_per_second", .unit = "1/s", .labels = "host,interface", .doc = "Packets dropped"},
      {.name = "host.pressure.cpu_some_percent",
       .unit = "%",
       .labels = "host",
       .doc = "Time some task waited for a CPU (10 s average)"},
      {.name = "host.pressure.memory_some_percent",
       .unit = "%",
       .labels = "host",
       .doc = "Time some task waited for memory"},
      {.name = "host.pressure.memory_full_percent",
       .unit = "%",
       .labels = "host",
       .doc = "Time all tasks waited for memory"},
      {.name = "host.pressure.io_some_percent", .unit = "%", .labels = "host", .doc = "Time some task waited for I/O"},
      {.name = "host.pressure.io_full_percent", .unit = "%", .labels = "host", .doc = "Time all tasks waited for I/O"},
      {.name = "host.uptime_seconds", .unit = "s", .labels = "host", .doc = "Since the machine started"},
      {.name = "host.processes", .unit = "1", .labels = "host", .doc = "Tasks that exist"},
      {.name = "host.open_files", .unit = "1", .labels = "host", .doc = "Allocated file handles"},
      {.name = "host.process.count", .unit = "1", .labels = "host,process", .doc = "Processes that fit; 0: none runs"},
      {.name = "host.process.started",
       .unit = "1",
       .labels = "host,process",
       .doc = "Processes that were not there at the last reading"},
      {.name = "host.process.cpu_percent",
       .unit = "%",
       .labels = "host,process",
       .doc = "CPU time of all of them; 100 is one CPU"},
      {.name = "host.process.memory_rss_bytes", .unit = "By", .labels = "host,process", .doc = "Resident memory"},
      {.name = "host.process.threads", .unit = "1", .labels = "host,process", .doc = "Threads of all of them"},
      {.name = "host.process.open_files",
       .unit = "1",
       .labels = "host,process",
       .doc = "Descriptors of all of them, where the agent may list them"},
      {.name = "host.process.uptime_seconds",
       .unit = "s",
       .labels = "host,process",
       .doc = "How long the oldest of them has run"},
      {.name = "host.top.memory_rss_bytes",
       .unit = "By",
       .labels = "host,program",
       .doc = "Resident memory of the programs with most of it"},
      {.name = "host.top.cpu_percent",
       .unit = "%",
       .labels = "host,program",
       .doc = "CPU time of the programs with most of it; 100 is one CPU"},
      {.name = "host.cgroup.cpu_percent",
       .unit = "%",
       .labels = "host,cgroup,pod_uid,container_id",
       .doc = "CPU time; 100 is one CPU"},
      {.name = "host.cgroup.cpu_used_percent",
       .unit = "%",
       .labels = "host,cgroup,pod_uid,container_id",
       .doc = "CPU time of what cpu.max allows"},
      {.name = "host.cgroup.cpu_throttled_percent",
       .unit = "%",
       .labels = "host,cgroup,pod_uid,container_id",
       .doc = "Periods in which it was held back by cpu.max"},
      {.name = "host.cgroup.memory_bytes",
       .unit = "By",
       .labels = "host,cgroup,pod_uid,container_id",
       .doc = "memory.current, page cache included"},
      {.name = "host.cgroup.memory_working_set_bytes",
       .unit = "By",
       .labels = "host,cgroup,pod_uid,container_id",
       .doc = "memory.current without inactive page cache, as the kubelet counts it"},
      {.name = "host.cgroup.memory_limit_bytes",
       .unit = "By",
       .labels = "host,cgroup,pod_uid,container_id",
       .doc = "memory.max, where there is one"},
      {.name = "host.cgroup.memory_used_percent",
       .unit = "%",
       .labels = "host,cgroup,pod_uid,container_id",
       .doc = "The working set of memory.max"},
      {.name = "host.cgroup.swap_bytes",
       .unit = "By",
       .labels = "host,cgroup,pod_uid,container_id",
       .doc = "Swap in use"},
      {.name = "host.cgroup.oom_kills",
       .unit = "1",
       .labels = "host,cgroup,pod_uid,container_id",
       .doc = "Processes that the kernel ended for want of memory since the last reading"},
      {.name = "host.cgroup.pids",
       .unit = "1",
       .labels = "host,cgroup,pod_uid,container_id",
       .doc = "Processes and threads"},
      {.name = "host.cgroup.pids_used_percent",
       .unit = "%",
       .labels = "host,cgroup,pod_uid,container_id",
       .doc = "Of pids.max, where there is one"},
      {.name = "host.cgroup.read_bytes_per_second",
       .unit = "By/s",
       .labels = "host,cgroup,pod_uid,container_id",
       .doc = "Read from all devices"},
      {.name = "host.cgroup.written_bytes_per_second",
       .unit = "By/s",
       .labels = "host,cgroup,pod_uid,container_id",
       .doc = "Written to all devices"},
      {.name = "host.cgroup.pressure.cpu_some_percent",
       .unit = "%",
       .labels = "host,cgroup,pod_uid,container_id",
       .doc = "Time some task of it waited for a CPU (10 s average)"},
      {.name = "host.cgroup.pressure.cpu_full_percent",
       .unit = "%",
       .labels = "host,cgroup,pod_uid,container_id",
       .doc = "Time all its tasks waited for a CPU"},
      {.name = "host.cgroup.pressure.memory_some_percent",
       .unit = "%",
       .labels = "host,cgroup,pod_uid,container_id",
       .doc = "Time some task of it waited for memory"},
      {.name = "host.cgroup.pressure.memory_full_percent",
       .unit = "%",
       .labels = "host,cgroup,pod_uid,container_id",
       .doc = "Time all its tasks waited for memory"},
      {.name = "host.cgroup.pressure.io_some_percent",
       .unit = "%",
       .labels = "host,cgroup,pod_uid,container_id",
       .doc = "Time some task of it waited for I/O"},
      {.name = "host.cgroup.pressure.io_full_percent",
       .unit = "%",
       .labels = "host,cgroup,pod_uid,container_id",
       .doc = "Time all its tasks waited for I/O"},
  };

  Host()
      : root_(ctx_.config().str("root", "/")),
        processes_(ctx_.config()),
        cgroups_(ctx_.config()),
        sink_([this](std::string_view name, double value, const std::vector<tsn::LabelView>& labels) {
          emit(*out_, name, value, labels);
        }) {
    if (root_.ends_with('/')) root_.pop_back();
    const auto exclude = ctx_.config().table("exclude");
    excluded_fs_ = exclude.strings("fs");
    excluded_mounts_ = exclude.strings("mounts");
    std::string name = read("/proc/sys/kernel/hostname");
    while (!name.empty() && (name.back() == '\n' || name.back() == ' ')) name.pop_back();
    if (name.empty()) name = "localhost";
    host_ = name;
  }

  tsn::Status poll(tsn::Batch& out, tsn::Deadline) {
    now_ = ctx_.now();
    const double seconds = last_ ? static_cast<double>(now_ - last_) / 1e9 : 0;
    const bool any = cpu(out) | memory(out);
    load(out);
    space(out);
    disks(out, seconds);
    network(out, seconds);
    pressure(out);
    out_ = &out;
    processes(seconds);
    cgroups(seconds);
    last_ = now_;
    if (!any)
      return tsn::fail("host: neither " + root_ + "/proc/stat nor " + root_ + "/proc/meminfo can be read; check root");
    return tsn::ok;
  }

 private:
  std::string read(std::string_view path) const { return read_file(root_ + std::string(path)); }

  void emit(tsn::Batch& out, std::string_view name, double value, const std::vector<tsn::LabelView>& labels = {}) {
    std::string key(name);
    for (const auto& [label, text] : labels) key.append("\xff").append(text);
    auto it = series_.find(key);
    if (it == series_.end()) {
      // Control groups and programs come and go: handles of those that went are let go with all others, and made again.
      if (series_.size() >= most_series) series_.clear();
      std::vector<tsn::LabelView> all(labels);
      all.emplace_back("host", host_);
      it = series_.emplace(std::move(key), ctx_.series(name, all)).first;
    }
    out.push(now_, it->second, value);
  }

  bool cpu(tsn::Batch& out) {
    const auto now = parse_cpu(read("/proc/stat"));
    if (!now) return false;
    const auto before = std::exchange(cpu_, now);
    if (!before || now->total() <= before->total()) return true;
    const auto all = static_cast<double>(now->total() - before->total());
    const double idle = gained(now->idle, before->idle), iowait = gained(now->iowait, before->iowait);
    emit(out, "host.cpu.used_percent", percent(all - idle - iowait, all));
    emit(out, "host.cpu.user_percent", percent(gained(now->user + now->nice, before->user + before->nice), all));
    emit(out, "host.cpu.system_percent",
         percent(gained(now->system + now->irq + now->softirq, before->system + before->irq + before->softirq), all));
    emit(out, "host.cpu.iowait_percent", percent(iowait, all));
    emit(out, "host.cpu.steal_percent", percent(gained(now->steal, before->steal), all));
    return true;
  }

  bool memory(tsn::Batch& out) {
    const auto memory = parse_memory(read("/proc/meminfo"));
    if (!memory) return false;
    const auto used = static_cast<double>(memory->total - memory->available);
    emit(out, "host.memory.used_percent", percent(used, static_cast<double>(memory->total)));
    emit(out, "host.memory.used_bytes", used);
    emit(out, "host.memory.available_bytes", static_cast<double>(memory->available));
    emit(out, "host.memory.total_bytes", static_cast<double>(memory->total));
    if (memory->swap_total) {
      emit(out, "host.swap.used_percent",
           percent(static_cast<double>(memory->swap_total - memory->swap_free),
                   static_cast<double>(memory->swap_total)));
    }
    return true;
  }

  void load(tsn::Batch& out) {
    if (const auto load = parse_load(read("/proc/loadavg"))) {
      emit(out, "host.load1", load->one);
      emit(out, "host.load5", load->five);
      emit(out, "host.load15", load->fifteen);
      emit(out, "host.processes", static_cast<double>(load->processes));
    }
    const std::string uptime = read("/proc/uptime"), files = read("/proc/sys/fs/file-nr");
    if (!uptime.empty()) emit(out, "host.uptime_seconds", std::strtod(uptime.c_str(), nullptr));
    if (!files.empty()) emit(out, "host.open_files", std::strtod(files.c_str(), nullptr));
  }

  bool excluded(const Mount& mount) const {
    return std::find(excluded_fs_.begin(), excluded_fs_.end(), mount.fstype) != excluded_fs_.end() ||
           std::any_of(excluded_mounts_.begin(), excluded_mounts_.end(),
                       [&](const auto& pattern) { return matches_path(pattern, mount.path); });
  }

  void space(tsn::Batch& out) {
    // /proc/1/mounts is the machine's view where its root is mounted elsewhere; our own namespace sees it beneath root.
    const std::string mounts = root_.empty() ? read("/proc/self/mounts") : read("/proc/1/mounts");
    for (const auto& mount : parse_mounts(mounts)) {
      if (excluded(mount)) continue;
      struct statvfs space{};
      if (statvfs((root_ + mount.path).c_str(), &space) != 0 || space.f_blocks == 0) continue;
      const auto block = static_cast<double>(space.f_frsize);
      const double used = static_cast<double>(space.f_blocks - space.f_bfree) * block;
      const std::vector<tsn::LabelView> labels{
          {"mount", mount.path}, {"device", mount.device}, {"fstype", mount.fstype}};
      emit(out, "host.disk.used_percent", percent(used, used + static_cast<double>(space.f_bavail) * block), labels);
      emit(out, "host.disk.used_bytes", used, labels);
      emit(out, "host.disk.total_bytes", static_cast<double>(space.f_blocks) * block, labels);
      if (space.f_files) {
        emit(out, "host.disk.inodes_used_percent",
             percent(static_cast<double>(space.f_files - space.f_ffree), static_cast<double>(space.f_files)), labels);
      }
    }
  }

  void disks(tsn::Batch& out, double seconds) {
    std::map<std::string, Disk> now;
    for (auto& disk : parse_disks(read("/proc/diskstats"))) now.emplace(disk.device, disk);
    for (const auto& [name, disk] : now) {
      const auto before = disks_.find(name);
      if (before == disks_.end() || seconds <= 0) continue;
      emit(out, "host.disk.read_bytes_per_second", gained(disk.read_bytes, before->second.read_bytes) / seconds,
           {{"device", name}});
      emit(out, "host.disk.written_bytes_per_second",
           gained(disk.written_bytes, before->second.written_bytes) / seconds, {{"device", name}});
      emit(out, "host.disk.busy_percent",
           std::min(100.0, gained(disk.busy_ms, before->second.busy_ms) / (seconds * 10)), {{"device", name}});
    }
    disks_ = std::move(now);
  }

  void network(tsn::Batch& out, double seconds) {
    // /proc/net is the reader's own namespace; under another root the machine's is that of its process 1.
    std::map<std::string, Interface> now;
    for (auto& each : parse_interfaces(read(root_.empty() ? "/proc/net/dev" : "/proc/1/net/dev")))
      now.emplace(each.name, each);
    for (const auto& [name, each] : now) {
      const auto before = interfaces_.find(name);
      if (before == interfaces_.end() || seconds <= 0) continue;
      const auto& old = before->second;
      emit(out, "host.net.received_bytes_per_second", gained(each.received, old.received) / seconds,
           {{"interface", name}});
      emit(out, "host.net.sent_bytes_per_second", gained(each.sent, old.sent) / seconds, {{"interface", name}});
      emit(out, "host.net.errors_per_second", gained(each.errors, old.errors) / seconds, {{"interface", name}});
      emit(out, "host.net.dropped_per_second", gained(each.dropped, old.dropped) / seconds, {{"interface", name}});
    }
    interfaces_ = std::move(now);
  }

  void pressure(tsn::Batch& out) {
    for (const auto& [file, some, full] :
         {std::tuple{"/proc/pressure/cpu", "host.pressure.cpu_some_percent", ""},
          {"/proc/pressure/memory", "host.pressure.memory_some_percent", "host.pressure.memory_full_percent"},
          {"/proc/pressure/io", "host.pressure.io_some_percent", "host.pressure.io_full_percent"}}) {
      const auto stalled = parse_pressure(read(file));
      if (stalled.some) emit(out, some, *stalled.some);
      if (stalled.full && *full) emit(out, full, *stalled.full);
    }
  }

  void processes(double seconds) {
    if (!processes_.wanted()) return;
    const std::string uptime = read("/proc/uptime");
    if (!processes_.read(root_ + "/proc", std::strtod(uptime.c_str(), nullptr), seconds, sink_))
      return say_once(said_processes_, "processes: " + root_ + "/proc cannot be listed; check root");
    ctx_.gauge("processes_unreadable", static_cast<double>(processes_.unreadable()));
  }

  void cgroups(double seconds) {
    if (!cgroups_.wanted()) return;
    const std::string mounted = root_ + "/sys/fs/cgroup";
    const auto seen = cgroups_.read(mounted, seconds, sink_);
    if (!seen)
      return say_once(said_cgroups_, "cgroups: no control groups of version 2 at " + mounted +
                                         "; mount it there (inside a container beneath root), or take the option out");
    ctx_.gauge("cgroups_read", static_cast<double>(seen->read));
    ctx_.gauge("cgroups_left_out", static_cast<double>(seen->left_out));
    if (seen->left_out > 0)
      say_once(said_left_out_, "cgroups: " + std::to_string(seen->left_out) +
                                   " fit and are left out; narrow the patterns or raise max_cgroups");
  }

  void say_once(bool& said, const std::string& text) {
    if (!std::exchange(said, true)) ctx_.warn(text);
  }

  static constexpr std::size_t most_series = 50'000;
  tsn::Context ctx_;
  std::string root_, host_;
  std::vector<std::string> excluded_fs_, excluded_mounts_;
  std::map<std::string, tsn::Series> series_;
  std::optional<CpuTimes> cpu_;
  std::map<std::string, Disk> disks_;
  std::map<std::string, Interface> interfaces_;
  Processes processes_;
  Cgroups cgroups_;
  Sink sink_;
  tsn::Batch* out_ = nullptr;  ///< of the poll under way
  bool said_processes_ = false, said_cgroups_ = false, said_left_out_ = false;
  tsn::Time now_ = 0, last_ = 0;
};

}  // namespace tocsin_plugins

using tocsin_plugins::Host;
TOCSIN_PLUGIN(Host)
