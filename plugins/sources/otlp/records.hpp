// What OTLP requests are made of, whichever way they were encoded, and who takes it while a body is read.
//
// Format: opentelemetry-proto, metrics.proto, logs.proto, trace.proto. All texts are borrowed: they lie in the body or
// in the reader's Arena, and are valid until the next body. They are as they were sent, not always UTF-8.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace tocsin_plugins::otlp {

/// A value that is no text is told as one: 200, true, 0.5; lists and maps as JSON.
struct Attribute {
  std::string_view key, value;
};
using Attributes = std::vector<Attribute>;

/// Texts made while a body is read; they stay where they are.
class Arena {
 public:
  std::string& make() { return texts_.emplace_back(); }
  std::string_view keep(std::string text) { return texts_.emplace_back(std::move(text)); }
  void clear() { texts_.clear(); }

 private:
  std::deque<std::string> texts_;
};

enum class Temporality { unspecified = 0, delta = 1, cumulative = 2 };
enum class MetricKind { none, gauge, sum, histogram, exponential, summary };

struct Metric {
  std::string_view name;
  MetricKind kind = MetricKind::none;
  Temporality temporality = Temporality::unspecified;
};

/// Buckets of an exponential histogram on one side of zero: counts[i] is of (base^(offset+i), base^(offset+i+1)].
struct Side {
  std::int32_t offset = 0;
  std::vector<std::uint64_t> counts;
};

struct Point {
  Attributes attributes;
  std::uint64_t start = 0, at = 0;  ///< nanoseconds since 1970; 0: not said
  bool recorded = true;             ///< false: the series has no value any more
  std::optional<double> value;      ///< of a gauge or sum
  std::uint64_t count = 0;          ///< from here on of the others
  std::optional<double> sum, min, max;
  std::vector<std::uint64_t> counts;  ///< one more than bounds, or none
  std::vector<double> bounds;
  std::int32_t scale = 0;
  std::uint64_t zero_count = 0;
  double zero_threshold = 0;
  Side positive, negative;
  std::vector<std::pair<double, double>> quantiles;  ///< quantile, value
};

struct LogRecord {
  Attributes attributes;
  std::uint64_t at = 0, observed = 0;
  std::uint32_t severity = 0;  ///< 1..24
  std::string_view severity_text, body;
};

enum class SpanKind { unspecified = 0, internal = 1, server = 2, client = 3, producer = 4, consumer = 5 };

struct Span {
  Attributes attributes;
  std::string_view trace_id, span_id, name, message;  ///< ids in hexadecimal
  SpanKind kind = SpanKind::unspecified;
  std::uint64_t start = 0, end = 0;
  std::uint32_t status = 0;  ///< 0 unset, 1 ok, 2 error
};

/// Takes the items of one body in their order, each after its resource.
class Taker {
 public:
  virtual ~Taker() = default;
  virtual void resource(const Attributes& attributes) = 0;
  virtual void point(const Metric&, const Point&) {}
  virtual void record(const LogRecord&) {}
  virtual void span(const Span&) {}
};

enum class Signal { metrics, logs, traces };

/// Lists and maps deeper than this are refused with the body.
constexpr int most_depth = 32;

}  // namespace tocsin_plugins::otlp
