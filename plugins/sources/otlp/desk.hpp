// Whatever it takes to read one body and make rows of it. Each request has a desk of its own while it is handled.
#pragma once

#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "answer.hpp"
#include "json_reader.hpp"
#include "log_writer.hpp"
#include "metric_writer.hpp"
#include "protobuf_reader.hpp"
#include "span_writer.hpp"

namespace tocsin_plugins::otlp {

/// What all desks share.
struct Shared {
  explicit Shared(const tsn::Config& config);
  MetricOptions metrics;
  SpanOptions spans;
  LabelRules log_labels;
  RunningTotals totals;
  Operations operations;
};

class Desk final : public Taker {
 public:
  Desk(tsn::Context ctx, const tsn::Config& config, Shared& shared);

  /// Makes rows of a body, which is followed by 64 readable bytes. A text says why nothing of it is to be taken.
  std::string read(Signal signal, Encoding encoding, std::string_view body);
  /// Hands the rows over. Not ok: nothing was taken.
  tsn::Status submit();
  /// Lets go of what was not submitted, and of what the body made large.
  void clear();

  const Tally& tally() const noexcept { return tally_; }
  std::uint64_t take_unmatched() { return logs_.take_unmatched(); }
  std::uint64_t take_folded() { return spans_.take_folded(); }
  std::string& unpacked() noexcept { return unpacked_; }

 private:
  static constexpr std::uint32_t most_items = 500'000;
  void resource(const Attributes& attributes) override;
  void point(const Metric& metric, const Point& point) override;
  void record(const LogRecord& record) override;
  void span(const Span& span) override;
  bool room();
  void count_rejects(const tsn::Submitted& done);

  tsn::Context ctx_;
  Signal signal_ = Signal::metrics;
  ProtobufReader protobuf_;
  JsonReader json_;
  MetricWriter metrics_;
  LogWriter logs_;
  SpanWriter spans_;
  Rows rows_;
  Tally tally_;
  std::string unpacked_;
  std::size_t read_bytes_ = 0;
};

/// A fixed number of desks; who finds none waits until one is given back.
class Desks {
 public:
  Desks(tsn::Context ctx, const tsn::Config& config, Shared& shared);

  struct GiveBack {
    Desks* to;
    void operator()(Desk* desk) const { to->give_back(desk); }
  };
  using Lease = std::unique_ptr<Desk, GiveBack>;
  Lease take();

 private:
  static constexpr std::size_t number = 4;
  void give_back(Desk* desk);

  std::mutex mutex_;
  std::condition_variable free_;
  std::vector<std::unique_ptr<Desk>> all_;
  std::vector<Desk*> idle_;
};

}  // namespace tocsin_plugins::otlp
