#include "telemetry/metrics.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <mutex>

#include "telemetry/exposition.hpp"

namespace tocsin::telemetry {
namespace {

const std::vector<double>& default_bounds() {
  static const std::vector<double> bounds{.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10};
  return bounds;
}

std::vector<double> clean_bounds(std::vector<double> bounds) {
  std::erase_if(bounds, [](double bound) { return !std::isfinite(bound); });  // +Inf is always there
  std::sort(bounds.begin(), bounds.end());
  bounds.erase(std::unique(bounds.begin(), bounds.end()), bounds.end());
  return bounds;
}

}  // namespace

void Counter::add(double amount) {
  if (amount > 0) value_.fetch_add(amount, std::memory_order_relaxed);  // a counter never falls, nor does it become NaN
}
double Counter::value() const {
  return value_.load(std::memory_order_relaxed);
}

void Gauge::set(double value) {
  value_.store(value, std::memory_order_relaxed);
}
void Gauge::add(double amount) {
  value_.fetch_add(amount, std::memory_order_relaxed);
}
double Gauge::value() const {
  return value_.load(std::memory_order_relaxed);
}

struct Histogram::Impl {
  explicit Impl(std::vector<double> given) : bounds(clean_bounds(std::move(given))), counts(bounds.size() + 1) {}
  const std::vector<double> bounds;
  std::vector<std::atomic<std::uint64_t>> counts;
  std::atomic<double> sum{0};
};

Histogram::Histogram(std::vector<double> bounds) : impl_(std::make_shared<Impl>(std::move(bounds))) {}

void Histogram::observe(double value) {
  if (std::isnan(value)) return;
  auto at = std::lower_bound(impl_->bounds.begin(), impl_->bounds.end(), value) - impl_->bounds.begin();
  impl_->counts[static_cast<std::size_t>(at)].fetch_add(1, std::memory_order_relaxed);
  impl_->sum.fetch_add(value, std::memory_order_relaxed);
}

Histogram::Snapshot Histogram::snapshot() const {
  Snapshot snapshot{impl_->bounds, {}, impl_->sum.load(std::memory_order_relaxed), 0};
  for (const auto& count : impl_->counts) {
    snapshot.counts.push_back(count.load(std::memory_order_relaxed));
    snapshot.count += snapshot.counts.back();
  }
  return snapshot;
}

/// Families by name, members by their labels as they are written out: what is looked up is what is shown.
struct Metrics::Impl {
  struct Member {
    std::unique_ptr<Counter> counter;
    std::unique_ptr<Gauge> gauge;
    std::unique_ptr<Histogram> histogram;
  };
  struct Entry {
    MetricType type;
    std::string help;
    std::map<std::string, Member> members;
  };
  mutable std::mutex mutex;
  std::map<std::string, Entry> families;
  std::vector<std::function<void()>> hooks;
  mutable std::mutex collecting;  ///< hooks run for one exposition at a time

  /// The member, made if new. Two metrics of different types under one name would spoil the whole exposition: the later
  /// one, most likely a plugin's, goes by its name and type instead. With the mutex held.
  Member& member(std::string_view name, MetricType type, std::string_view help, const MetricLabels& labels) {
    std::string clean = metric_name(name, type);
    auto at = families.find(clean);
    if (at != families.end() && at->second.type != type) {
      clean = metric_name(std::string(name) + '_' + std::string(to_string(type)), type);
      at = families.find(clean);
    }
    if (at == families.end()) at = families.emplace(clean, Entry{type, std::string(help), {}}).first;
    return at->second.members[label_text(labels)];
  }
};

Metrics::Metrics() : impl_(std::make_unique<Impl>()) {}
Metrics::~Metrics() = default;

Counter& Metrics::counter(std::string_view name, std::string_view help, const MetricLabels& labels) {
  std::lock_guard lock(impl_->mutex);
  auto& member = impl_->member(name, MetricType::counter, help, labels);
  if (!member.counter) member.counter = std::make_unique<Counter>();
  return *member.counter;
}

Gauge& Metrics::gauge(std::string_view name, std::string_view help, const MetricLabels& labels) {
  std::lock_guard lock(impl_->mutex);
  auto& member = impl_->member(name, MetricType::gauge, help, labels);
  if (!member.gauge) member.gauge = std::make_unique<Gauge>();
  return *member.gauge;
}

Histogram& Metrics::histogram(std::string_view name, std::string_view help, const MetricLabels& labels,
                              const std::vector<double>& bounds) {
  std::lock_guard lock(impl_->mutex);
  auto& member = impl_->member(name, MetricType::histogram, help, labels);
  if (!member.histogram) member.histogram = std::make_unique<Histogram>(bounds.empty() ? default_bounds() : bounds);
  return *member.histogram;
}

void Metrics::on_collect(std::function<void()> hook) {
  std::lock_guard lock(impl_->mutex);
  impl_->hooks.push_back(std::move(hook));
}

std::string Metrics::text(bool openmetrics) const {
  {
    std::lock_guard one_at_a_time(impl_->collecting);
    std::unique_lock lock(impl_->mutex);
    std::vector<std::function<void()>> hooks = impl_->hooks;
    lock.unlock();  // hooks set metrics
    for (const auto& hook : hooks) hook();
  }
  Exposition out(openmetrics);
  std::lock_guard lock(impl_->mutex);
  for (const auto& [name, family] : impl_->families) {
    out.family(name, family.type, family.help);
    for (const auto& [labels, member] : family.members) {
      if (member.counter)
        out.sample(labels, member.counter->value());
      else if (member.gauge)
        out.sample(labels, member.gauge->value());
      else if (member.histogram)
        out.histogram(labels, member.histogram->snapshot());
    }
  }
  return std::move(out).text();
}

std::vector<Metrics::Family> Metrics::families() const {
  std::lock_guard lock(impl_->mutex);
  std::vector<Family> all;
  for (const auto& [name, family] : impl_->families)
    all.push_back({name, std::string(to_string(family.type)), family.help});
  return all;
}

}  // namespace tocsin::telemetry
