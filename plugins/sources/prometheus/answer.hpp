// Answers of Prometheus' HTTP API (prometheus.io, "HTTP API", format of the answers): JSON with `status`, and `data` or
// `errorType` and `error`. Values are texts ("1.5", "NaN", "+Inf"), times are seconds as numbers.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tocsin/context.hpp"

namespace tocsin_plugins::prometheus {

using Labels = std::vector<std::pair<std::string, std::string>>;

struct Sample {
  tsn::Time at = 0;
  double value = 0;  ///< may be NaN or infinite
};

/// One series of an answer: its labels, and which of Answer::samples are its.
struct AnswerSeries {
  std::string name;  ///< `__name__`; empty: it has none
  Labels labels;     ///< the others, in the order of the answer
  std::size_t first = 0, count = 0;
};

struct Answer {
  enum class Type { vector, matrix, scalar, string };

  bool failed = false;  ///< `status` is "error"
  std::string error_type, error;
  std::vector<std::string> warnings, infos;
  Type type = Type::vector;
  std::vector<AnswerSeries> series;  ///< a scalar is one without labels
  std::vector<Sample> samples;
  std::size_t histograms = 0;  ///< native histograms, which are passed over
};

/// Reads a whole answer. A text says why it is none, and `out` is not to be used then; empty: it was read. `too_many`
/// is set where it has more than `most` samples.
std::string read_answer(std::string body, std::size_t most, Answer& out, bool& too_many);

/// `data` of /api/v1/status/buildinfo: "2.42.0"; empty: it is not there.
std::string read_version(std::string body);

}  // namespace tocsin_plugins::prometheus
