// Data points to rows; the README's table says what becomes of which kind.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "running_totals.hpp"
#include "series_book.hpp"
#include "tally.hpp"

namespace tocsin_plugins::otlp {

struct MetricOptions {
  explicit MetricOptions(const tsn::Config& config);
  LabelRules resource, dropped;
  std::vector<double> quantiles;
};

/// 0.99 → "p99", 0.999 → "p99.9".
std::string quantile_name(double q);

class MetricWriter {
 public:
  /// `born`: when the instance was made. A cumulative histogram that began later is taken from its beginning.
  MetricWriter(tsn::Context ctx, const MetricOptions& options, RunningTotals& totals, tsn::Time born);

  void resource(const Attributes& attributes);
  void point(const Metric& metric, const Point& point, Rows& rows, Tally& tally);
  void settle(bool taken) { taken ? changes_.commit() : changes_.drop(); }
  void forget() { book_.forget(); }

 private:
  struct Here;  ///< the point at hand
  bool series(const Here& here, std::string_view suffix, tsn::Series& out);
  void push(const Here& here, std::string_view suffix, double value);
  void write_number(const Here& here);
  bool older(const Here& here, const Total& total) const;
  bool repeated(const Here& here, const Total* before) const;
  void add_delta(const Here& here);
  void write_distribution(const Here& here);
  void write_change(const Here& here, const Distribution& change, bool limits);
  void write_delta(const Here& here, RunningTotals::Changes::Found found);
  void write_cumulative(const Here& here, RunningTotals::Changes::Found found);
  void write_summary(const Here& here);
  void end(const Here& here);

  tsn::Context ctx_;
  const MetricOptions& options_;
  const std::uint64_t born_;
  RunningTotals::Changes changes_;
  SeriesBook book_;
  std::vector<std::pair<std::string, std::string>> resource_;
  std::vector<tsn::LabelView> labels_;
  std::string name_;
  bool merged_ = false;  ///< the point at hand lost attributes: others may have become the same series
};

}  // namespace tocsin_plugins::otlp
