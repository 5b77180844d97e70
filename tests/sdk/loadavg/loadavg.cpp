#include <tocsin/plugin.hpp>
#include <fstream>

struct LoadAverage {
  static constexpr auto id = "loadavg", version = "1.0.0", doc = "1-minute load average";
  tsn::Context ctx;
  tsn::Series load1 = ctx.series("node.load1");

  tsn::Status poll(tsn::Batch& out, tsn::Deadline) {
    double value;
    if (!(std::ifstream("/proc/loadavg") >> value)) throw std::runtime_error("cannot read /proc/loadavg");
    out.push(tsn::now(), load1, value);
    return tsn::ok;
  }
};
TOCSIN_PLUGIN(LoadAverage)
