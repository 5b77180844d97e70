#include "processes.hpp"

#include <dirent.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <memory>

#include "read_file.hpp"
#include "utf8/utf8.hpp"

namespace tocsin_plugins {
namespace {

constexpr std::size_t most_named = 100, most_programs = 200, most_command_line = 16 * 1024;
constexpr int most_looks = 2;

struct CloseDir {
  void operator()(DIR* dir) const { closedir(dir); }
};
using Directory = std::unique_ptr<DIR, CloseDir>;

std::optional<std::uint32_t> pid_of(const char* name) {
  const std::string_view text(name);
  std::uint32_t pid = 0;
  const auto [end, bad] = std::from_chars(text.data(), text.data() + text.size(), pid);
  if (bad != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return pid;
}

/// The arguments with spaces between, as `ps` shows them.
std::string command_line(const std::string& directory) {
  std::string text = read_file(directory + "/cmdline", most_command_line);
  while (!text.empty() && text.back() == '\0') text.pop_back();
  std::replace(text.begin(), text.end(), '\0', ' ');
  return text;
}

/// "java" of "/usr/bin/java -jar x".
std::string_view program_of(std::string_view line) {
  line = line.substr(0, line.find(' '));
  return line.substr(line.rfind('/') + 1);
}

/// Descriptors of the process; nothing where they cannot be listed.
std::optional<std::uint64_t> open_files(const std::string& directory) {
  const Directory files(opendir((directory + "/fd").c_str()));
  if (!files) return std::nullopt;
  std::uint64_t count = 0;
  while (const dirent* entry = readdir(files.get())) count += entry->d_name[0] != '.';
  return count;
}

}  // namespace

std::optional<ProcessStat> parse_process(std::string_view stat) {
  // The name stands in parentheses and may hold any character, parentheses and spaces too.
  const auto open = stat.find('('), close = stat.rfind(')');
  if (open == stat.npos || close == stat.npos || close < open) return std::nullopt;
  ProcessStat out;
  out.comm = std::string(stat.substr(open + 1, close - open - 1));
  std::uint64_t fields[22] = {};  // from the state on, which is field 3
  std::size_t field = 0;
  for (std::string_view rest = stat.substr(close + 1); field < std::size(fields);) {
    const auto begin = rest.find_first_not_of(" \n");
    if (begin == rest.npos) break;
    const auto end = std::min(rest.find_first_of(" \n", begin), rest.size());
    const auto word = rest.substr(begin, end - begin);
    if (field == 0)
      out.state = word.front();
    else
      std::from_chars(word.data(), word.data() + word.size(), fields[field]);  // negative ones stay 0: none of ours
    rest.remove_prefix(end);
    ++field;
  }
  if (field < std::size(fields)) return std::nullopt;
  out.ticks = fields[11] + fields[12];
  out.threads = fields[17];
  out.started = fields[19];
  out.rss_pages = fields[21];
  return out;
}

Processes::Processes(const tsn::Config& config) : top_(static_cast<std::size_t>(config.integer("top", 0))) {
  for (const auto& entry : config.array("processes")) {
    const auto& table = entry;
    if (entry.type() != TSN_TABLE) entry.wrong("a table, such as { name = \"java\", match = 'java.*app.jar' }");
    for (std::uint32_t i = 0; i < entry.count(); ++i) {
      if (entry.key(i) != "name" && entry.key(i) != "match")
        entry.at(i).wrong("none of that name: name and match are known");
    }
    Named one;
    one.name = std::string(table.str("name"));
    if (one.name.empty()) table["name"].wrong("the value of the label `process`");
    for (const Named& other : named_)
      if (other.name == one.name) table["name"].wrong("a name of its own: another entry has it");
    if (const std::string match(table.str("match")); !match.empty())
      one.match.emplace(match, "processes[" + std::to_string(named_.size()) + "].match");
    named_.push_back(std::move(one));
    if (named_.size() > most_named)
      throw tsn::Failure(tsn::invalid("processes: " + std::to_string(most_named) + " entries at most"));
  }
}

bool Processes::read(const std::string& proc, double uptime, double seconds, const Sink& sink) {
  const Directory directory(opendir(proc.c_str()));
  if (!directory) return false;
  ++round_;
  sums_.assign(named_.size(), {});
  by_program_.clear();
  while (const dirent* entry = readdir(directory.get())) {
    if (const auto pid = pid_of(entry->d_name)) take(proc + "/" + entry->d_name, *pid, uptime, seconds);
  }
  std::erase_if(known_, [this](const auto& each) { return each.second.round != round_; });
  const bool rates = seconds > 0;
  emit_named(rates, sink);
  emit_top(rates, sink);
  return true;
}

void Processes::take(const std::string& directory, std::uint32_t pid, double uptime, double seconds) {
  static const auto ticks_per_second = static_cast<double>(sysconf(_SC_CLK_TCK));
  static const auto page = static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE));
  const auto stat = parse_process(read_file(directory + "/stat"));
  if (!stat || stat->state == 'Z' || stat->state == 'X') return;  // it has ended
  auto [at, fresh] = known_.try_emplace(pid);
  Known& known = at->second;
  if (!fresh && known.started != stat->started) fresh = true, known = {};  // another process with the same number
  // A process that is seen for the first time has used all its time since the last reading, if it began after that.
  const double age = uptime - static_cast<double>(stat->started) / ticks_per_second;
  const bool began = fresh && seconds > 0 && round_ > 1;
  const std::uint64_t before = fresh ? (began && age <= seconds ? 0 : stat->ticks) : known.ticks;
  const double cpu = seconds > 0 ? 100 * gained(stat->ticks, before) / ticks_per_second / seconds : 0;
  known.started = stat->started;
  known.ticks = stat->ticks;
  known.round = round_;
  classify(known, directory, *stat);
  const auto add = [&](Sum& sum) {
    ++sum.count;
    sum.threads += stat->threads;
    sum.rss += stat->rss_pages * page;
    sum.cpu += cpu;
    sum.started += began;
    if (uptime > 0) sum.oldest = std::max(sum.oldest, age);
  };
  if (top_ > 0) add(by_program_[known.comm]);
  if (known.groups.empty()) return;
  const auto files = open_files(directory);
  unreadable_ += !files;
  for (const std::size_t group : known.groups) {
    add(sums_[group]);
    sums_[group].files += files.value_or(0);
    sums_[group].files_known = sums_[group].files_known && files;
  }
}

void Processes::classify(Known& known, const std::string& directory, const ProcessStat& stat) {
  std::string scratch;
  const std::string comm(utf8::clean(stat.comm, scratch));
  if (comm != known.comm) known.looks = 0;
  known.comm = comm;
  if (named_.empty() || known.looks >= most_looks) return;
  ++known.looks;
  known.groups.clear();
  const std::string raw = command_line(directory);
  const auto line = utf8::clean(raw, scratch);
  for (std::size_t i = 0; i < named_.size(); ++i) {
    Named& one = named_[i];
    // A thread of the kernel has no command line; its name is all there is to match.
    const bool fits = one.match ? one.match->find(line.empty() ? std::string_view(known.comm) : line)
                                : one.name == known.comm || one.name == program_of(line);
    if (fits) known.groups.push_back(i);
  }
}

void Processes::emit_named(bool rates, const Sink& sink) const {
  for (std::size_t i = 0; i < named_.size(); ++i) {
    const Sum& sum = sums_[i];
    const std::vector<tsn::LabelView> labels{{"process", named_[i].name}};
    sink("host.process.count", static_cast<double>(sum.count), labels);
    if (rates) sink("host.process.started", static_cast<double>(sum.started), labels);
    if (sum.count == 0) continue;  // what is not there uses nothing, and has no age
    if (rates) sink("host.process.cpu_percent", sum.cpu, labels);
    sink("host.process.memory_rss_bytes", static_cast<double>(sum.rss), labels);
    sink("host.process.threads", static_cast<double>(sum.threads), labels);
    if (sum.files_known) sink("host.process.open_files", static_cast<double>(sum.files), labels);
    if (sum.oldest > 0) sink("host.process.uptime_seconds", sum.oldest, labels);
  }
}

void Processes::emit_top(bool rates, const Sink& sink) {
  if (top_ == 0) return;
  using Entry = std::pair<const std::string, Sum>;
  std::vector<const Entry*> all;
  for (const Entry& each : by_program_) all.push_back(&each);
  const auto largest = [&](auto amount, std::string_view signal) {
    const std::size_t count = std::min(top_, all.size());
    std::partial_sort(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(count), all.end(),
                      [&](const Entry* a, const Entry* b) { return amount(a->second) > amount(b->second); });
    for (std::size_t i = 0; i < count; ++i) {
      // Programs come and go: names without end would be series without end.
      if (programs_.size() >= most_programs && !programs_.contains(all[i]->first)) continue;
      programs_.insert(all[i]->first);
      sink(signal, amount(all[i]->second), {{"program", all[i]->first}});
    }
  };
  largest([](const Sum& sum) { return static_cast<double>(sum.rss); }, "host.top.memory_rss_bytes");
  if (rates) largest([](const Sum& sum) { return sum.cpu; }, "host.top.cpu_percent");
}

}  // namespace tocsin_plugins
