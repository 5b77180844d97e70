// Prometheus' conventional process_* metrics, from /proc (proc(5)) and getrusage(2).
#include <dirent.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <memory>
#include <sstream>
#include <string>

#include "telemetry/metrics.hpp"

namespace tocsin::telemetry {
namespace {

double cpu_seconds() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  auto seconds = [](const timeval& t) { return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) * 1e-6; };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

double open_descriptors() {
  std::unique_ptr<DIR, int (*)(DIR*)> directory(::opendir("/proc/self/fd"), ::closedir);
  if (!directory) return 0;
  int count = 0;
  while (::readdir(directory.get())) ++count;
  return count - 3;  // ".", ".." and the one opened for this
}

double most_descriptors() {
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  return static_cast<double>(limit.rlim_cur);
}

/// Field 22 of /proc/self/stat, in ticks since boot, and the time of boot.
double start_time() {
  std::ifstream stat_file("/proc/self/stat");
  std::string stat((std::istreambuf_iterator<char>(stat_file)), {});
  std::istringstream fields(stat.substr(stat.rfind(')') + 1));  // the name before it may hold anything
  std::string field;
  for (int number = 3; number <= 22; ++number) fields >> field;
  std::ifstream system("/proc/stat");
  double boot = 0;
  for (std::string line; boot == 0 && std::getline(system, line);) {
    if (line.starts_with("btime ")) boot = std::strtod(line.c_str() + 6, nullptr);
  }
  return boot + std::strtod(field.c_str(), nullptr) / static_cast<double>(::sysconf(_SC_CLK_TCK));
}

void set_memory(Gauge& total, Gauge& resident) {
  double pages = 0, resident_pages = 0;
  std::ifstream("/proc/self/statm") >> pages >> resident_pages;
  auto page = static_cast<double>(::sysconf(_SC_PAGESIZE));
  total.set(pages * page);
  resident.set(resident_pages * page);
}

}  // namespace

void Metrics::add_process_metrics() {
  Counter& cpu = counter("process_cpu_seconds_total", "Total user and system CPU time spent in seconds.");
  Gauge& resident = gauge("process_resident_memory_bytes", "Resident memory size in bytes.");
  Gauge& total = gauge("process_virtual_memory_bytes", "Virtual memory size in bytes.");
  Gauge& descriptors = gauge("process_open_fds", "Number of open file descriptors.");
  gauge("process_max_fds", "Maximum number of open file descriptors.").set(most_descriptors());
  gauge("process_start_time_seconds", "Start time of the process since unix epoch in seconds.").set(start_time());
  on_collect([&] {
    cpu.add(cpu_seconds() - cpu.value());
    set_memory(total, resident);
    descriptors.set(open_descriptors());
  });
}

}  // namespace tocsin::telemetry
