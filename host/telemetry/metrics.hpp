// The agent's own metrics: counters, gauges and histograms with labels, exposed as Prometheus text and OpenMetrics.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace tocsin::telemetry {

using MetricLabels = std::vector<std::pair<std::string, std::string>>;

/// Any thread; relaxed. References stay valid as long as the registry.
class Counter {
 public:
  void add(double amount = 1);
  double value() const;

 private:
  std::atomic<double> value_{0};
};

class Gauge {
 public:
  void set(double value);
  void add(double amount);
  double value() const;

 private:
  std::atomic<double> value_{0};
};

class Histogram {
 public:
  explicit Histogram(std::vector<double> bounds);
  void observe(double value);
  struct Snapshot {
    std::vector<double> bounds;
    std::vector<std::uint64_t> counts;  ///< not cumulative; one more than bounds
    double sum = 0;
    std::uint64_t count = 0;
  };
  Snapshot snapshot() const;

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;
};

class Metrics {
 public:
  Metrics();
  ~Metrics();
  /// The metric with these labels, made on first use. `help` is taken from the first call for a name. Any thread.
  Counter& counter(std::string_view name, std::string_view help, const MetricLabels& labels = {});
  Gauge& gauge(std::string_view name, std::string_view help, const MetricLabels& labels = {});
  /// Default bounds: 0.005 … 10 s as Prometheus' client libraries have them.
  Histogram& histogram(std::string_view name, std::string_view help, const MetricLabels& labels = {},
                       const std::vector<double>& bounds = {});
  /// Runs before each exposition, to set gauges from state that nobody pushes. Any thread.
  void on_collect(std::function<void()> hook);
  /// A family that is not kept here but measured at each exposition: what is not in it any more is not shown any more.
  struct Measured {
    enum class Type : std::uint8_t { counter, gauge, histogram };
    std::string name, help;
    Type type = Type::gauge;
    struct Sample {
      MetricLabels labels;
      double value = 0;
      Histogram::Snapshot histogram;  ///< of a histogram, instead of the value
    };
    std::vector<Sample> samples;
  };
  /// Measures for each exposition, after the hooks of on_collect(). Samples of a name that is also kept here are shown
  /// beside it if the type is the same. Any thread.
  void on_expose(std::function<std::vector<Measured>()> measure);
  /// text/plain; version=0.0.4, accepted by promtool check metrics; or OpenMetrics 1.0 with `# EOF`.
  std::string text(bool openmetrics = false) const;
  /// process_cpu_seconds_total, process_resident_memory_bytes, process_open_fds, process_start_time_seconds, ….
  void add_process_metrics();
  /// name, type, help of every metric family seen; for the generated reference.
  struct Family {
    std::string name, type, help;
  };
  std::vector<Family> families() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace tocsin::telemetry
