// Prometheus' text format 0.0.4 (prometheus.io/docs/instrumenting/exposition_formats) and OpenMetrics 1.0
// (github.com/prometheus/OpenMetrics, specification). Internal to the room.
#pragma once

#include <string>
#include <string_view>

#include "telemetry/metrics.hpp"

namespace tocsin::telemetry {

enum class MetricType { counter, gauge, histogram };
std::string_view to_string(MetricType type);

/// The name as both formats allow it: other characters become _, counters end in _total.
std::string metric_name(std::string_view name, MetricType type);
/// `a="b",c="d"`, sorted by name; escaped as both formats want it.
std::string label_text(const MetricLabels& labels);

/// Writes families one after the other; each family's samples follow it.
class Exposition {
 public:
  explicit Exposition(bool openmetrics) : openmetrics_(openmetrics) {}
  void family(std::string_view name, MetricType type, std::string_view help);
  void sample(std::string_view labels, double value);
  void histogram(std::string_view labels, const Histogram::Snapshot& snapshot);
  std::string text() &&;

 private:
  void line(std::string_view suffix, std::string_view labels, std::string_view more_labels, std::string_view value);
  std::string bound(double value) const;

  bool openmetrics_;
  std::string name_, out_;
};

}  // namespace tocsin::telemetry
