// links: host_objects
// libFuzzer target for the kernel's text files: whatever they hold, readings are within what the text can say. The
// first byte says which file it is.
#include <algorithm>
#include <cmath>

#include "cgroups.hpp"
#include "proc.hpp"
#include "processes.hpp"
#include "target.hpp"

using fuzz::require;
using namespace tocsin_plugins;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const fuzz::Exact exact(std::string_view(reinterpret_cast<const char*>(data) + 1, size - 1));
  const std::string_view text = exact.view();
  switch (data[0] % 4) {
    case 0:
      if (const auto stat = parse_process(text)) {
        require(stat->comm.size() < text.size(), "a name is part of the text");
        require(text.find('(') != text.npos, "a name stands in parentheses");
      }
      break;
    case 1: {
      const auto found = flat_value(text, "usage_usec");
      require(!found || text.find("usage_usec ") != text.npos, "a value follows its key");
      const auto cpus = parse_cpu_max(text);
      require(!cpus || (std::isfinite(*cpus) && *cpus >= 0), "a limit is a number");
      require(!parse_limit(text) || (!text.empty() && text.front() >= '0' && text.front() <= '9'),
              "digits make a limit");
      parse_cgroup_io(text);
      break;
    }
    case 2: {
      const PodNames names = pod_names(text);
      require(names.pod_uid.empty() || names.pod_uid.size() == 36, "an id has its length");
      require(names.container_id.empty() || !names.pod_uid.empty(), "a container is in a pod");
      break;
    }
    default: {
      require(parse_mounts(text).size() <= text.size() && parse_disks(text).size() <= text.size(), "a line for each");
      require(parse_interfaces(text).size() <= text.size(), "a line for each");
      const Pressure pressure = parse_pressure(text);
      require(!pressure.some || text.find("avg10=") != text.npos, "an average is written there");
      parse_cpu(text);
      parse_load(text);
      parse_memory(text);
    }
  }
  return 0;
}
