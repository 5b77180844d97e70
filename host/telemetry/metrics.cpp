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
  std::vector<std::function<std::vector<Measured>()>> measures;
  std::vector<Family> measured_families;  ///< as last exposed
  mutable std::mutex collecting;          ///< hooks run for one exposition at a time

  std::map<std::string, Measured> collect() const;

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

void Metrics::on_expose(std::function<std::vector<Measured>()> measure) {
  std::lock_guard lock(impl_->mutex);
  impl_->measures.push_back(std::move(measure));
}

namespace {

MetricType type_of(Metrics::Measured::Type type) {
  return type == Metrics::Measured::Type::counter ? MetricType::counter
         : type == Metrics::Measured::Type::gauge ? MetricType::gauge
                                                  : MetricType::histogram;
}

void show(Exposition& out, const Metrics::Measured& family) {
  for (const auto& sample : family.samples) {
    if (family.type == Metrics::Measured::Type::histogram)
      out.histogram(label_text(sample.labels), sample.histogram);
    else
      out.sample(label_text(sample.labels), sample.value);
  }
}

}  // namespace

/// Measured families by their clean names; those without a sample are left out.
std::map<std::string, Metrics::Measured> Metrics::Impl::collect() const {
  std::lock_guard one_at_a_time(collecting);
  std::unique_lock lock(mutex);
  const auto now_hooks = hooks;
  const auto now_measures = measures;
  lock.unlock();  // hooks set metrics
  for (const auto& hook : now_hooks) hook();
  std::map<std::string, Measured> out;
  for (const auto& measure : now_measures) {
    for (auto& family : measure()) {
      if (!family.samples.empty()) out.emplace(metric_name(family.name, type_of(family.type)), std::move(family));
    }
  }
  return out;
}

std::string Metrics::text(bool openmetrics) const {
  auto measured = impl_->collect();
  Exposition out(openmetrics);
  std::lock_guard lock(impl_->mutex);
  impl_->measured_families.clear();
  for (const auto& [name, family] : measured)
    impl_->measured_families.push_back({name, std::string(to_string(type_of(family.type))), family.help});
  auto next = measured.begin();
  const auto show_before = [&](const std::string* name) {  // in order of names; null: the rest
    for (; next != measured.end() && (!name || next->first < *name); ++next) {
      out.family(next->first, type_of(next->second.type), next->second.help);
      show(out, next->second);
    }
  };
  for (const auto& [name, family] : impl_->families) {
    show_before(&name);
    const bool also = next != measured.end() && next->first == name;
    if (also && type_of(next->second.type) != family.type) continue;  // the measured one keeps its name
    out.family(name, family.type, family.help);
    if (also) show(out, (next++)->second);
    for (const auto& [labels, member] : family.members) {
      if (member.counter)
        out.sample(labels, member.counter->value());
      else if (member.gauge)
        out.sample(labels, member.gauge->value());
      else if (member.histogram)
        out.histogram(labels, member.histogram->snapshot());
    }
  }
  show_before(nullptr);
  return std::move(out).text();
}

std::vector<Metrics::Family> Metrics::families() const {
  std::lock_guard lock(impl_->mutex);
  std::vector<Family> all;
  for (const auto& [name, family] : impl_->families)
    all.push_back({name, std::string(to_string(family.type)), family.help});
  all.insert(all.end(), impl_->measured_families.begin(), impl_->measured_families.end());
  return all;
}

}  // namespace tocsin::telemetry
