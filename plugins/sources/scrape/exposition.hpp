// Prometheus' text format 0.0.4 and OpenMetrics 1.0, read as Prometheus reads them: sample by sample, and a mistake
// anywhere makes the whole text worthless.
//
// Formats: prometheus.io/docs/instrumenting/exposition_formats; OpenMetrics 1.0 (prometheus/OpenMetrics,
// specification/OpenMetrics.md). Metadata and exemplars are passed over.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tocsin/context.hpp"

namespace tocsin_plugins::scrape {

/// Views into the text.
struct Sample {
  std::string_view series;  ///< name and labels as they stand: the same text is the same series
  std::string_view name;
  std::string_view labels;  ///< what is between { and }
  double value = 0;         ///< NaN and infinities too
  std::optional<tsn::Time> at;
};

using Labels = std::vector<std::pair<std::string, std::string>>;

class Exposition {
 public:
  enum class Format { text, openmetrics };
  /// By the Content-Type of an answer; text for anything else.
  static Format format_of(std::string_view content_type);

  Exposition(std::string_view text, Format format) : whole_(text), rest_(text), format_(format) {}

  enum class Next { sample, end, error };
  Next next(Sample& out);
  /// After Next::error: "line 7: …".
  std::string error() const;

 private:
  bool fail(const char* why);
  bool comment();
  bool text_metadata(std::string_view line);
  bool open_metadata(std::string_view line);
  bool sample(Sample& out);
  bool take_labels(std::string_view& out);
  bool take_quoted();
  bool take_value(double& out);
  bool take_time(Sample& out);
  bool take_exemplar(const Sample& out);
  bool end_of_line();
  void blanks();

  std::string_view whole_, rest_;
  Format format_;
  const char* why_ = "";
  bool ended_ = false;  ///< # EOF
};

/// The labels of a sample, unescaped. False: a name comes twice or is `__name__`, or a value is no UTF-8.
bool read_labels(std::string_view text, Labels& out);

}  // namespace tocsin_plugins::scrape
