#include "metric_writer.hpp"

#include <charconv>
#include <cmath>

namespace tocsin_plugins::otlp {
namespace {

constexpr const char* not_finite = "a value is no finite number";

const char* word_of(const tsn::Status& status) {
  return status.value() == TSN_CARDINALITY ? "cardinality" : "labels";
}

}  // namespace

MetricOptions::MetricOptions(const tsn::Config& config)
    : resource(config, "resource_labels"), dropped(config, "drop_attributes") {
  for (const auto& entry : config.array("quantiles")) {
    const double q = entry.as_number();
    if (!(q > 0 && q < 1)) entry.wrong("a number between 0 and 1");
    quantiles.push_back(q);
  }
}

std::string quantile_name(double q) {
  if (q <= 0) return "min";
  if (q >= 1) return "max";
  char text[40];
  const auto end = std::to_chars(text, text + sizeof text, std::round(q * 1e8) / 1e6).ptr;
  return "p" + std::string(text, end);
}

struct MetricWriter::Here {
  const Metric& metric;
  const Point& point;
  Rows& rows;
  Tally& tally;
  tsn::Time at;

  void refuse(std::string_view type, std::string_view reason) const { tally.refuse(type, reason, metric.name); }
};

MetricWriter::MetricWriter(tsn::Context ctx, const MetricOptions& options, RunningTotals& totals, tsn::Time born)
    : ctx_(ctx), options_(options), born_(static_cast<std::uint64_t>(born)), changes_(totals), book_(ctx) {}

void MetricWriter::resource(const Attributes& attributes) {
  std::vector<tsn::LabelView> labels;
  options_.resource.add(attributes, labels);
  resource_.assign(labels.begin(), labels.end());
}

void MetricWriter::point(const Metric& metric, const Point& point, Rows& rows, Tally& tally) {
  tally.next_item();
  tsn::Time at = 0;
  const Here here{metric, point, rows, tally, time_of(point.at, ctx_.now(), at) ? at : 0};
  if (here.at == 0) return here.refuse("timestamp", bad_time);
  labels_.clear();
  merged_ = false;
  for (const auto& [key, value] : point.attributes) {
    if (options_.dropped.fits(key))
      merged_ = true;
    else
      labels_.emplace_back(key, value);
  }
  for (const auto& [key, value] : resource_) labels_.emplace_back(key, value);
  if (!point.recorded) return end(here);
  switch (metric.kind) {
    case MetricKind::gauge:
    case MetricKind::sum:
      return write_number(here);
    case MetricKind::histogram:
    case MetricKind::exponential:
      return write_distribution(here);
    case MetricKind::summary:
      return write_summary(here);
    case MetricKind::none:
      return here.refuse("type", "a metric is none of gauge, sum, histogram, exponential histogram, summary");
  }
}

bool MetricWriter::series(const Here& here, std::string_view suffix, tsn::Series& out) {
  name_.assign(here.metric.name);
  if (!name_.empty() && !suffix.empty()) name_.append(".").append(suffix);
  const auto status = book_.find(name_, labels_, out);
  if (!status) here.refuse(word_of(status), status.text());
  return static_cast<bool>(status);
}

void MetricWriter::push(const Here& here, std::string_view suffix, double value) {
  tsn::Series handle;
  if (std::isfinite(value) && series(here, suffix, handle)) here.rows.push(here.at, handle, value, here.tally.item());
}

/// NO_RECORDED_VALUE: the series ended, as at a staleness marker.
void MetricWriter::end(const Here& here) {
  const auto stale = [&](std::string_view suffix) {
    tsn::Series handle;
    if (series(here, suffix, handle)) here.rows.push(here.at, handle, 0.0, here.tally.item()).flags(TSN_ROW_STALE);
  };
  const auto kind = here.metric.kind;
  if (kind != MetricKind::summary) stale({});
  if (kind == MetricKind::gauge || kind == MetricKind::sum) return;
  stale("count");
  stale("sum");
  if (kind == MetricKind::summary)
    for (const auto& each : here.point.quantiles) stale(quantile_name(each.first));
  else
    for (const double q : options_.quantiles) stale(quantile_name(q));
}

void MetricWriter::write_number(const Here& here) {
  if (!here.point.value) return here.refuse("value", "a point has no value");
  if (!std::isfinite(*here.point.value)) return here.refuse("value", not_finite);
  if (here.metric.kind == MetricKind::sum && here.metric.temporality == Temporality::delta) return add_delta(here);
  push(here, {}, *here.point.value);
}

/// The sender did not get our last answer, and sends again.
bool MetricWriter::repeated(const Here& here, const Total* before) const {
  if (!before || merged_ || here.point.at == 0 || before->at != here.point.at || before->start != here.point.start)
    return false;
  ++here.tally.repeated;
  return true;
}

/// A delta becomes a running total, which `rate` and `delta` of a rule read. A series begins with 0 where its first
/// interval began: else that interval would be in no rate.
void MetricWriter::add_delta(const Here& here) {
  tsn::Series handle;
  if (!series(here, {}, handle)) return;
  const auto& point = here.point;
  const auto [total, before] = changes_.find(handle);
  if (repeated(here, before)) return;
  if (!before && total.at == 0 && point.start != 0 && point.start + 1 < static_cast<std::uint64_t>(here.at))
    here.rows.push(static_cast<tsn::Time>(point.start + 1), handle, 0.0, here.tally.item());
  total.start = point.start;
  total.at = static_cast<std::uint64_t>(here.at);
  total.value += *point.value;
  if (!std::isfinite(total.value)) total.value = 0;
  here.rows.push(here.at, handle, total.value, here.tally.item());
}

void MetricWriter::write_distribution(const Here& here) {
  if (const char* fault = fault_of(here.metric.kind, here.point)) return here.refuse("buckets", fault);
  if (here.metric.temporality == Temporality::unspecified)
    return here.refuse("type", "a histogram is neither delta nor cumulative");
  tsn::Series handle;
  if (!series(here, {}, handle)) return;
  const auto found = changes_.find(handle);
  if (repeated(here, found.before)) return;
  if (here.metric.temporality == Temporality::delta)
    write_delta(here, found);
  else
    write_cumulative(here, found);
}

void MetricWriter::write_delta(const Here& here, RunningTotals::Changes::Found found) {
  const Distribution change(here.point);
  found.total.count += static_cast<double>(change.count);
  found.total.sum += change.sum.value_or(0);
  push(here, "count", found.total.count);
  if (change.sum) push(here, "sum", found.total.sum);
  write_change(here, change, true);
  found.total.start = here.point.start;
  found.total.at = static_cast<std::uint64_t>(here.at);
}

/// A point that came late, or of another program that sends the same series and began earlier. Compared with the newest
/// it would look as if the series had begun anew.
bool MetricWriter::older(const Here& here, const Total& total) const {
  const auto start = here.point.start;
  const bool late = start == total.start && static_cast<std::uint64_t>(here.at) < total.at;
  if (!late && start >= total.start) return false;
  ++here.tally.older;
  return true;
}

/// The first point of a series that began before the agent listened only says where it stands: what it counted in
/// hours or weeks is nothing that happens now.
void MetricWriter::write_cumulative(const Here& here, RunningTotals::Changes::Found found) {
  const Distribution now(here.point);
  push(here, "count", static_cast<double>(now.count));
  if (now.sum) push(here, "sum", *now.sum);
  const bool known = found.total.at != 0;
  if (known && older(here, found.total)) return;
  if (!known && here.point.start >= born_) {
    write_change(here, now, true);
  } else if (known) {
    const auto change = found.total.start == here.point.start ? since(found.total.last, now) : std::nullopt;
    write_change(here, change ? *change : now, !change);
  }
  found.total.start = here.point.start;
  found.total.at = static_cast<std::uint64_t>(here.at);
  found.total.last = now;
}

/// `limits`: the point's min and max are of this change.
void MetricWriter::write_change(const Here& here, const Distribution& change, bool limits) {
  const auto buckets = buckets_of(change);
  const auto min = limits ? here.point.min : std::nullopt, max = limits ? here.point.max : std::nullopt;
  if (const auto summary = summary_of(change, buckets, min, max)) {
    tsn::Series handle;
    if (std::isfinite(summary->sum) && series(here, {}, handle))
      here.rows.push(here.at, handle, *summary, here.tally.item());
  }
  for (const double q : options_.quantiles) {
    auto value = quantile(buckets, q);
    if (!value) return;
    if (min && *value < *min) value = min;
    if (max && *value > *max) value = max;
    push(here, quantile_name(q), *value);
  }
}

void MetricWriter::write_summary(const Here& here) {
  push(here, "count", static_cast<double>(here.point.count));
  if (here.point.sum) push(here, "sum", *here.point.sum);
  for (const auto& [q, value] : here.point.quantiles)
    if (std::isfinite(q)) push(here, quantile_name(q), value);
}

}  // namespace tocsin_plugins::otlp
