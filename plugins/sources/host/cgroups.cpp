#include "cgroups.hpp"

#include <dirent.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <memory>

#include "proc.hpp"
#include "read_file.hpp"

namespace tocsin_plugins {
namespace {

constexpr int deepest = 16;
constexpr std::size_t most_visited = 50'000;

template <class Take>
void lines_of(std::string_view text, Take take) {
  while (!text.empty()) {
    const auto end = std::min(text.find('\n'), text.size());
    take(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
}

std::optional<std::uint64_t> number_of(std::string_view text) {
  std::uint64_t value = 0;
  const auto [end, bad] = std::from_chars(text.data(), text.data() + text.size(), value);
  const bool whole = end == text.data() + text.size() || *end == '\n' || *end == ' ';
  return bad == std::errc() && whole ? std::optional(value) : std::nullopt;
}

bool hexadecimal(std::string_view text) {
  return !text.empty() && text.find_first_not_of("0123456789abcdef") == text.npos;
}

/// Whether a group below `path` may fit: the pattern's segments fit those of the path as far as it goes.
bool may_be_below(std::string_view pattern, std::string_view path) {
  while (!path.empty()) {
    const auto pattern_end = std::min(pattern.find('/', 1), pattern.size());
    const auto path_end = std::min(path.find('/', 1), path.size());
    const auto segment = pattern.substr(0, pattern_end);
    if (segment.find("**") != segment.npos) return true;
    if (segment.empty() || !matches_path(segment, path.substr(0, path_end))) return false;
    pattern.remove_prefix(pattern_end);
    path.remove_prefix(path_end);
  }
  return !pattern.empty();
}

double rate(std::optional<std::uint64_t> now, std::optional<std::uint64_t> before, double seconds) {
  return gained(*now, *before) / seconds;
}

}  // namespace

std::optional<std::uint64_t> flat_value(std::string_view text, std::string_view key) {
  std::optional<std::uint64_t> found;
  lines_of(text, [&](std::string_view line) {
    if (line.size() > key.size() && line.starts_with(key) && line[key.size()] == ' ')
      found = number_of(line.substr(key.size() + 1));
  });
  return found;
}

CgroupIo parse_cgroup_io(std::string_view text) {
  CgroupIo out;
  for (const auto& [key, to] :
       {std::pair{std::string_view(" rbytes="), &out.read_bytes}, {std::string_view(" wbytes="), &out.written_bytes}}) {
    for (auto at = text.find(key); at != text.npos; at = text.find(key, at + 1))
      *to += number_of(text.substr(at + key.size())).value_or(0);
  }
  return out;
}

std::optional<double> parse_cpu_max(std::string_view text) {
  const auto space = text.find(' ');
  if (space == text.npos) return std::nullopt;
  const auto quota = number_of(text.substr(0, space)), period = number_of(text.substr(space + 1));
  if (!quota || !period || *period == 0) return std::nullopt;
  return static_cast<double>(*quota) / static_cast<double>(*period);
}

std::optional<std::uint64_t> parse_limit(std::string_view text) {
  return number_of(text);
}

// The kubelet names a pod's group kubepods-burstable-podUID.slice (systemd, with _ for -) or podUID (cgroupfs); a
// runtime names a container's by its id: cri-containerd-ID.scope, docker-ID.scope, crio-ID.scope, or ID.
PodNames pod_names(std::string_view path) {
  PodNames out;
  if (path.find("kubepods") == path.npos) return out;
  while (!path.empty()) {
    const auto end = std::min(path.find('/', 1), path.size());
    std::string_view segment = path.substr(0, end);
    path.remove_prefix(end);
    if (segment.starts_with('/')) segment.remove_prefix(1);
    for (const std::string_view suffix : {".slice", ".scope"})
      if (segment.ends_with(suffix)) segment.remove_suffix(suffix.size());
    constexpr std::size_t uid_size = 36, id_size = 64;
    const auto pod = segment.rfind("pod");
    if (pod != segment.npos && segment.size() - pod - 3 == uid_size) {
      out.pod_uid = std::string(segment.substr(pod + 3));
      std::replace(out.pod_uid.begin(), out.pod_uid.end(), '_', '-');
    }
    const auto id = segment.substr(std::min(segment.rfind('-') + 1, segment.size()));
    if (!out.pod_uid.empty() && id.size() == id_size && hexadecimal(id)) out.container_id = std::string(id);
  }
  return out;
}

Cgroups::Cgroups(const tsn::Config& config) : most_(static_cast<std::size_t>(config.integer("max_cgroups", 500))) {
  for (const auto& entry : config.array("cgroups")) {
    const std::string pattern(entry.as_str());
    if (!pattern.starts_with('/')) entry.wrong("a path of a control group, such as \"/system.slice/*.service\"");
    patterns_.push_back(pattern);
  }
}

std::optional<Cgroups::Seen> Cgroups::read(const std::string& mounted, double seconds, const Sink& sink) {
  // Where version 1 is mounted too, version 2 lies beside it.
  std::string base = mounted;
  if (::access((base + "/cgroup.controllers").c_str(), F_OK) != 0) base += "/unified";
  if (::access((base + "/cgroup.controllers").c_str(), F_OK) != 0) return std::nullopt;
  found_.clear();
  visited_ = 0;
  find(base, "", 0);
  std::sort(found_.begin(), found_.end());
  Seen seen{std::min(found_.size(), most_), found_.size() - std::min(found_.size(), most_)};
  found_.resize(seen.read);
  now_.clear();
  for (const auto& path : found_) read_one(base + path, path, seconds, sink);
  before_ = std::move(now_);
  return seen;
}

void Cgroups::find(const std::string& directory, const std::string& path, int depth) {
  DIR* const opened = opendir(directory.c_str());
  if (opened == nullptr) return;  // it is gone
  const std::unique_ptr<DIR, int (*)(DIR*)> entries(opened, closedir);
  while (const dirent* entry = readdir(entries.get())) {
    if (entry->d_type != DT_DIR || entry->d_name[0] == '.' || ++visited_ > most_visited) continue;
    const std::string below = path + "/" + entry->d_name;
    const auto fits = [&](const std::string& pattern) { return matches_path(pattern, below); };
    if (std::any_of(patterns_.begin(), patterns_.end(), fits)) found_.push_back(below);
    const auto deeper = [&](const std::string& pattern) { return may_be_below(pattern, below); };
    if (depth < deepest && std::any_of(patterns_.begin(), patterns_.end(), deeper))
      find(directory + "/" + entry->d_name, below, depth + 1);
  }
}

void Cgroups::read_one(const std::string& directory, const std::string& path, double seconds, const Sink& sink) {
  const auto file = [&](const char* name) { return read_file(directory + "/" + name); };
  const std::string cpu = file("cpu.stat"), memory = file("memory.current");
  if (cpu.empty() && memory.empty()) return;  // it is gone, or has no controller
  const PodNames pod = pod_names(path);
  std::vector<tsn::LabelView> labels{{"cgroup", path}};
  if (!pod.pod_uid.empty()) labels.emplace_back("pod_uid", pod.pod_uid);
  if (!pod.container_id.empty()) labels.emplace_back("container_id", pod.container_id);
  const auto emit = [&](std::string_view name, double value) { sink(name, value, labels); };
  const auto share = [](double part, double whole) { return whole > 0 ? 100 * part / whole : 0; };

  Counters counters;
  counters.cpu_usec = flat_value(cpu, "usage_usec");
  counters.periods = flat_value(cpu, "nr_periods");
  counters.throttled = flat_value(cpu, "nr_throttled");
  counters.oom_kills = flat_value(file("memory.events"), "oom_kill");
  if (const std::string io = file("io.stat"); !io.empty()) {
    const CgroupIo sums = parse_cgroup_io(io);
    counters.read_bytes = sums.read_bytes;
    counters.written_bytes = sums.written_bytes;
  }

  if (const auto current = parse_limit(memory)) {
    const auto used = static_cast<double>(*current);
    const auto inactive = static_cast<double>(flat_value(file("memory.stat"), "inactive_file").value_or(0));
    const double working = std::max(0.0, used - inactive);
    emit("host.cgroup.memory_bytes", used);
    emit("host.cgroup.memory_working_set_bytes", working);
    if (const auto limit = parse_limit(file("memory.max"))) {
      emit("host.cgroup.memory_limit_bytes", static_cast<double>(*limit));
      emit("host.cgroup.memory_used_percent", share(working, static_cast<double>(*limit)));
    }
    if (const auto swap = parse_limit(file("memory.swap.current")))
      emit("host.cgroup.swap_bytes", static_cast<double>(*swap));
  }
  if (const auto pids = parse_limit(file("pids.current"))) {
    emit("host.cgroup.pids", static_cast<double>(*pids));
    if (const auto limit = parse_limit(file("pids.max")))
      emit("host.cgroup.pids_used_percent", share(static_cast<double>(*pids), static_cast<double>(*limit)));
  }
  for (const auto& [name, some, full] :
       {std::tuple{"cpu.pressure", "host.cgroup.pressure.cpu_some_percent", "host.cgroup.pressure.cpu_full_percent"},
        {"memory.pressure", "host.cgroup.pressure.memory_some_percent", "host.cgroup.pressure.memory_full_percent"},
        {"io.pressure", "host.cgroup.pressure.io_some_percent", "host.cgroup.pressure.io_full_percent"}}) {
    const Pressure stalled = parse_pressure(file(name));
    if (stalled.some) emit(some, *stalled.some);
    if (stalled.full) emit(full, *stalled.full);
  }

  if (const auto before = before_.find(path); before != before_.end() && seconds > 0) {
    const Counters& old = before->second;
    if (counters.cpu_usec && old.cpu_usec) {
      const double cpus = rate(counters.cpu_usec, old.cpu_usec, seconds) / 1e6;
      emit("host.cgroup.cpu_percent", 100 * cpus);
      if (const auto limit = parse_cpu_max(file("cpu.max"))) emit("host.cgroup.cpu_used_percent", share(cpus, *limit));
    }
    if (counters.throttled && old.throttled && counters.periods && old.periods)
      emit("host.cgroup.cpu_throttled_percent",
           share(gained(*counters.throttled, *old.throttled), gained(*counters.periods, *old.periods)));
    if (counters.oom_kills && old.oom_kills) emit("host.cgroup.oom_kills", gained(*counters.oom_kills, *old.oom_kills));
    if (counters.read_bytes && old.read_bytes)
      emit("host.cgroup.read_bytes_per_second", rate(counters.read_bytes, old.read_bytes, seconds));
    if (counters.written_bytes && old.written_bytes)
      emit("host.cgroup.written_bytes_per_second", rate(counters.written_bytes, old.written_bytes, seconds));
  }
  now_[path] = counters;
}

}  // namespace tocsin_plugins
