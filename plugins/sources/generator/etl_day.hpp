// A simulated day of loaders, logins and disks: what happens at an instant follows from the seed, the day's length and
// the faults that are on. No clock and no host in here.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <random>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace tocsin_plugins {

/// One signal to emit now.
struct Emission {
  std::string name;
  std::vector<std::pair<std::string, std::string>> labels;
  double value = 1;
};

struct DayPlan {
  std::int64_t begin = 0;   ///< ns; the day starts here and repeats
  std::int64_t length = 0;  ///< ns, above zero
  std::vector<std::string> loaders;
  std::vector<std::string> faults;  ///< of every day
  std::uint64_t seed = 1;
};

class EtlDay {
 public:
  explicit EtlDay(DayPlan plan);

  static const std::vector<std::string>& known_faults();
  /// Turns a fault on until `until` (ns), besides those of the plan. False: there is no such fault.
  bool inject(std::string_view fault, std::int64_t until);
  /// Turns an injected fault off; those of the plan stay. False: there is no such fault.
  bool end(std::string_view fault);
  /// What happened in (previous call, now]. The first call only looks around.
  std::vector<Emission> advance(std::int64_t now);
  bool active(std::string_view fault, std::int64_t now) const;

 private:
  void run_loaders(std::int64_t now, std::int64_t since, std::vector<Emission>& out);
  void log_in(std::int64_t now, double seconds, std::vector<Emission>& out);
  void fill_disk(std::int64_t now, std::vector<Emission>& out);
  void log_errors(std::int64_t now, double seconds, std::vector<Emission>& out);
  void run_platform(std::int64_t now, double seconds, std::vector<Emission>& out);
  void serve(std::int64_t now, double seconds, std::vector<Emission>& out);
  double fraction(std::int64_t now) const;
  /// How far a fault of the plan or an injected one has come: 0 at its beginning, 1 at its end; negative: off.
  double progress(std::string_view fault, std::int64_t now) const;
  std::uint32_t events(double per_second, double seconds);

  DayPlan plan_;
  std::mt19937_64 random_;
  std::mt19937_64 around_;  ///< of the platform beside the loaders: their day stays as it is
  std::uint64_t restarts_ = 0;
  std::int64_t last_ = 0;
  std::map<std::string, std::pair<std::int64_t, std::int64_t>, std::less<>> injected_;  ///< from, until
  std::vector<std::int64_t> next_run_;                                                  ///< by loader
};

}  // namespace tocsin_plugins
