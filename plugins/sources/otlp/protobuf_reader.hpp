// ExportMetricsServiceRequest, ExportLogsServiceRequest and ExportTraceServiceRequest in protobuf, by field numbers.
#pragma once

#include "records.hpp"

namespace tocsin_plugins::otlp {

class ProtobufReader {
 public:
  /// False: the body is no such request. What was taken by then is not to be kept.
  bool read(Signal signal, std::string_view body, Taker& taker);

 private:
  bool read_group(Signal signal, std::string_view group, Taker& taker);
  bool read_item(Signal signal, std::string_view item, Taker& taker);
  bool read_attribute(std::string_view content, Attributes& out);
  bool read_value(std::string_view content, std::string_view& out);
  bool render(std::string_view content, std::string& out, bool json, int depth);
  bool render_list(std::string_view content, std::string& out, int depth, bool map);
  bool render_entry(std::string_view content, std::string& out, int depth);

  bool read_metric(std::string_view content, Taker& taker);
  bool read_points(std::string_view data, const Metric& metric, Taker& taker);
  bool read_number(std::string_view content, Point& out);
  bool read_histogram(std::string_view content, Point& out);
  bool read_exponential(std::string_view content, Point& out);
  bool read_summary(std::string_view content, Point& out);
  bool read_record(std::string_view content, LogRecord& out);
  bool read_span(std::string_view content, Span& out);

  Arena arena_;
  Attributes resource_;
  Point point_;  ///< kept to allocate once
};

}  // namespace tocsin_plugins::otlp
