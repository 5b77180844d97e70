#include "detection/window.hpp"

#include <algorithm>
#include <cmath>

namespace tocsin::detection {
namespace {

using model::Aggregate;

bool sums(Aggregate a) {
  return a == Aggregate::sum || a == Aggregate::avg;
}
bool finds_extreme(Aggregate a) {
  return a == Aggregate::min || a == Aggregate::max;
}
bool reads_newest(Aggregate a) {
  return a == Aggregate::last || a == Aggregate::last_seen;
}

/// Neumaier's variant of Kahan's summation: what rounding loses is carried.
void accumulate(double& sum, double& carry, double x) {
  const double next = sum + x;
  carry += std::abs(sum) >= std::abs(x) ? (sum - next) + x : (x - next) + sum;
  sum = next;
}

double seconds(std::int64_t ns) {
  return static_cast<double>(ns) / 1e9;
}

}  // namespace

void WindowPlan::add(Aggregate aggregate, std::int64_t over, std::int64_t offset, std::uint32_t cell) {
  ColumnPlan column{aggregate, over, offset, cell};
  column.newest = over == 0 && offset == 0 && reads_newest(aggregate);
  if (!column.newest) {
    if (column.over == 0) column.over = look_back;
    column.state = states++;
    retention = std::max(retention, column.over + offset);
    by_series = by_series || aggregate == Aggregate::rate || aggregate == Aggregate::delta;
  }
  columns.push_back(column);
}

void WindowPlan::settle() {
  provisional = false;
  retention = 0;
  by_series = false;
  for (const ColumnPlan& column : columns) {
    if (column.newest) continue;
    retention = std::max(retention, column.over + column.offset);
    by_series = by_series || column.aggregate == Aggregate::rate || column.aggregate == Aggregate::delta;
  }
}

// ---- signals in ----------------------------------------------------------------------------------------------------

bool Window::add(const WindowPlan& plan, std::int64_t ts, double value, std::uint32_t series,
                 const model::Summary* summary) {
  if (series == newest_series_ && latest_.empty()) {
    if (ts >= newest_ts_) {
      newest_ts_ = ts;
      newest_value_ = value;
    }
  } else {
    note_latest(ts, value, series);
  }
  return plan.retention != 0 && keep(plan, ts, value, series, summary);
}

void Window::note_latest(std::int64_t ts, double value, std::uint32_t series) {
  if (newest_series_ == none) {
    newest_series_ = series;
    newest_ts_ = ts;
    newest_value_ = value;
    living_ = 1;
    return;
  }
  if (latest_.size() <= std::max(series, newest_series_)) {
    const bool first = latest_.empty();
    latest_.resize(std::max(series, newest_series_) + 1);
    if (first) latest_[newest_series_] = {newest_ts_, newest_value_, living_ == 0};
  }
  Latest& latest = latest_[series];
  if (ts < latest.ts || (latest.ended && ts == latest.ts)) return;
  living_ += latest.ended;
  latest = {ts, value, false};
  if (ts < newest_ts_) return;
  newest_ts_ = ts;
  newest_value_ = value;
  newest_series_ = series;
}

void Window::end_series(std::uint32_t series, std::int64_t ts) {
  if (newest_series_ == none) return;
  if (latest_.size() <= std::max(series, newest_series_)) {
    const bool first = latest_.empty();
    latest_.resize(std::max(series, newest_series_) + 1);
    if (first) latest_[newest_series_] = {newest_ts_, newest_value_, living_ == 0};
  }
  Latest& latest = latest_[series];
  if (latest.ended || ts < latest.ts) return;
  latest.ended = true;
  latest.ts = ts;
  --living_;
  if (series == newest_series_) find_newest();
}

void Window::find_newest() {
  newest_ts_ = long_ago;
  for (std::uint32_t i = 0; i < latest_.size(); ++i) {
    if (latest_[i].ended || latest_[i].ts < newest_ts_) continue;
    newest_ts_ = latest_[i].ts;
    newest_value_ = latest_[i].value;
    newest_series_ = i;
  }
}

bool Window::keep(const WindowPlan& plan, std::int64_t ts, double value, std::uint32_t series,
                  const model::Summary* summary) {
  if (ts <= floor_) return false;
  if (samples_.full() && !samples_.empty()) trim(plan, ts);
  if (!extras_ && !plan.by_series && !summary && (samples_.empty() || ts >= samples_.back().ts)) {
    samples_.push_back({ts, value});  // nearly always
    return false;
  }
  if (plan.by_series || summary) demand_extras(plan, summary != nullptr);
  const Parts parts =
      summary ? Parts{summary->count, summary->sum, summary->min, summary->max} : Parts{1, value, value, value};
  if (!samples_.empty() && ts < samples_.back().ts) {
    insert_late(plan, {ts, value}, series, parts);
    return true;
  }
  samples_.push_back({ts, value});
  if (extras_ && extras_->has_series) extras_->series.push_back(series);
  if (extras_ && extras_->has_parts) extras_->parts.push_back(parts);
  return false;
}

void Window::insert_late(const WindowPlan& plan, Sample sample, std::uint32_t series, const Parts& parts) {
  const std::uint32_t at = first_after(sample.ts);
  samples_.insert(at, sample);
  if (extras_ && extras_->has_series) extras_->series.insert(at, series);
  if (extras_ && extras_->has_parts) extras_->parts.insert(at, parts);
  for (const ColumnPlan& column_plan : plan.columns) {
    if (column_plan.newest || column_plan.state >= columns_.size()) continue;
    Column& column = columns_[column_plan.state];
    if (at < column.begin || (at == column.begin && at < column.end && sample.ts <= column.lower)) {
      ++column.begin;
      ++column.end;
    } else if (at < column.end) {
      ++column.end;
      take(column_plan, column, at);
    }
  }
}

void Window::demand_extras(const WindowPlan& plan, bool parts) {
  if (!extras_) extras_ = std::make_unique<Extras>();
  if (plan.by_series && !extras_->has_series) {
    // Which series the samples so far were of is not known; with one series it is.
    if (!latest_.empty()) forget(samples_.size());
    for (std::uint32_t i = 0; i < samples_.size(); ++i) extras_->series.push_back(newest_series_);
    extras_->has_series = true;
  }
  if (parts && !extras_->has_parts) {
    for (std::uint32_t i = 0; i < samples_.size(); ++i) {
      const double value = samples_[i].value;
      extras_->parts.push_back({1, value, value, value});
    }
    extras_->has_parts = true;
  }
}

void Window::prepend(const WindowPlan& plan, const std::vector<Past>& past) {
  const std::int64_t held = samples_.empty() ? never : samples_.front().ts;
  if (plan.by_series) demand_extras(plan, false);
  Ring<Sample> samples;
  Ring<std::uint32_t> series;
  for (const Past& one : past) {
    if (one.ts >= held) break;
    samples.push_back({one.ts, one.value});
    series.push_back(one.series);
    note_latest(one.ts, one.value, one.series);
  }
  const std::uint32_t added = samples.size();
  if (added == 0) return;
  for (std::uint32_t i = 0; i < samples_.size(); ++i) samples.push_back(samples_[i]);
  if (extras_ && extras_->has_series) {
    for (std::uint32_t i = 0; i < extras_->series.size(); ++i) series.push_back(extras_->series[i]);
    extras_->series = std::move(series);
  }
  if (extras_ && extras_->has_parts) {
    Ring<Parts> parts;
    for (std::uint32_t i = 0; i < added; ++i)
      parts.push_back({1, samples[i].value, samples[i].value, samples[i].value});
    for (std::uint32_t i = 0; i < extras_->parts.size(); ++i) parts.push_back(extras_->parts[i]);
    extras_->parts = std::move(parts);
  }
  samples_ = std::move(samples);
  columns_.clear();
}

// Nobody has read for long (a rule on a schedule, warming): drop what the next reader cannot want any more. A minute
// is how far ahead of the clock a signal may be.
void Window::trim(const WindowPlan& plan, std::int64_t newest) {
  const std::int64_t t = std::max(newest, samples_.back().ts) - minute;
  columns_.resize(plan.states);
  std::uint32_t unused = samples_.size();
  for (const ColumnPlan& column : plan.columns) {
    if (column.newest) continue;
    move_to(column, columns_[column.state], t);
    unused = std::min(unused, columns_[column.state].begin);
  }
  if (plan.states == 0 || plan.provisional) unused = std::min(unused, first_after(t - plan.retention));
  forget(unused);
}

void Window::forget(std::uint32_t n) {
  if (n == 0) return;
  samples_.pop_front(n);
  if (extras_ && extras_->has_series) extras_->series.pop_front(n);
  if (extras_ && extras_->has_parts) extras_->parts.pop_front(n);
  for (Column& column : columns_) {
    column.begin -= std::min(column.begin, n);
    column.end -= std::min(column.end, n);
  }
}

void Window::settle(const WindowPlan& plan) {
  if (plan.retention == 0) {
    samples_.clear();
    columns_.clear();
    extras_.reset();
  } else if (extras_ && extras_->has_series && !plan.by_series) {
    extras_->series.clear();
    extras_->has_series = false;
    if (!extras_->has_parts) extras_.reset();
  }
}

void Window::replan() {
  columns_.clear();
  floor_ = long_ago;
}

// ---- cells out -----------------------------------------------------------------------------------------------------

void Window::read(const WindowPlan& plan, std::int64_t t, double* cells) {
  if (columns_.size() != plan.states) columns_.resize(plan.states);
  std::uint32_t unused = samples_.size();
  for (const ColumnPlan& column_plan : plan.columns) {
    if (column_plan.newest) {
      cells[column_plan.cell] = newest(column_plan, plan.look_back, t);
      continue;
    }
    Column& column = columns_[column_plan.state];
    move_to(column_plan, column, t);
    cells[column_plan.cell] = finish(column_plan, column);
    unused = std::min(unused, column.begin);
  }
  if (plan.retention == 0) return;
  if (plan.provisional) unused = std::min(unused, first_after(t - plan.retention));
  forget(unused);
  floor_ = std::max(floor_, t - plan.retention);
}

double Window::newest(const ColumnPlan& plan, std::int64_t look_back, std::int64_t t) const {
  if (newest_ts_ <= t - look_back) return no_value;
  return plan.aggregate == Aggregate::last ? newest_value_ : seconds(newest_ts_);
}

void Window::move_to(const ColumnPlan& plan, Column& column, std::int64_t t) const {
  const std::int64_t upper = t - plan.offset;
  if (upper < column.upper) return;
  column.upper = upper;
  column.lower = upper - plan.over;
  const std::uint32_t n = samples_.size();
  while (column.end < n && samples_[column.end].ts <= upper) take(plan, column, column.end++);
  while (column.begin < column.end && samples_[column.begin].ts <= column.lower) drop(plan, column, column.begin++);
  if (!sums(plan.aggregate)) return;
  if (column.begin == column.end)
    column.sum = column.carry = column.weight = 0;
  else if (column.churn > 64 + 2 * (column.end - column.begin) || !std::isfinite(column.sum))
    rebuild_sum(column);
}

void Window::take(const ColumnPlan& plan, Column& column, std::uint32_t i) const {
  if (sums(plan.aggregate)) {
    const Parts part = parts(i);
    accumulate(column.sum, column.carry, part.sum);
    column.weight += part.weight;
  } else if (finds_extreme(plan.aggregate)) {
    const Parts part = parts(i);
    add_extreme(plan.aggregate, column, {samples_[i].ts, plan.aggregate == Aggregate::min ? part.min : part.max});
  }
}

void Window::drop(const ColumnPlan& plan, Column& column, std::uint32_t i) const {
  if (sums(plan.aggregate)) {
    const Parts part = parts(i);
    accumulate(column.sum, column.carry, -part.sum);
    column.weight -= part.weight;
    ++column.churn;
  } else if (finds_extreme(plan.aggregate)) {
    while (!column.extremes->empty() && column.extremes->front().ts <= column.lower) column.extremes->pop_front();
  }
}

// Subtraction leaves rounding behind; adding up anew now and then bounds it and costs O(1) amortised.
void Window::rebuild_sum(Column& column) const {
  column.sum = column.carry = column.weight = 0;
  column.churn = 0;
  for (std::uint32_t i = column.begin; i < column.end; ++i) {
    const Parts part = parts(i);
    accumulate(column.sum, column.carry, part.sum);
    column.weight += part.weight;
  }
}

// The monotone queue of sliding minima: a value is kept while no later one is at least as extreme. A late one takes its
// place in time, unless a later one outdoes it already.
void Window::add_extreme(Aggregate aggregate, Column& column, Sample sample) const {
  if (!column.extremes) column.extremes = std::make_unique<Ring<Sample>>();
  Ring<Sample>& queue = *column.extremes;
  const auto outdoes = [aggregate](double a, double b) { return aggregate == Aggregate::min ? a <= b : a >= b; };
  std::uint32_t at = queue.size();
  while (at > 0 && queue[at - 1].ts > sample.ts) --at;
  if (at < queue.size() && outdoes(queue[at].value, sample.value)) return;
  if (at == queue.size()) {
    while (!queue.empty() && outdoes(sample.value, queue.back().value)) queue.pop_back();
    return queue.push_back(sample);
  }
  Ring<Sample> rest;
  for (std::uint32_t i = at; i < queue.size(); ++i) rest.push_back(queue[i]);
  while (queue.size() > at) queue.pop_back();
  while (!queue.empty() && outdoes(sample.value, queue.back().value)) queue.pop_back();
  queue.push_back(sample);
  for (std::uint32_t i = 0; i < rest.size(); ++i) queue.push_back(rest[i]);
}

double Window::finish(const ColumnPlan& plan, const Column& column) const {
  const std::uint32_t n = column.end - column.begin;
  if (plan.aggregate == Aggregate::count) return n;
  if (n == 0) return no_value;
  switch (plan.aggregate) {
    case Aggregate::last:
      return samples_[column.end - 1].value;
    case Aggregate::last_seen:
      return seconds(samples_[column.end - 1].ts);
    case Aggregate::sum:
      return column.sum + column.carry;
    case Aggregate::avg:
      return column.weight > 0 ? (column.sum + column.carry) / column.weight : no_value;
    case Aggregate::min:
    case Aggregate::max:
      return column.extremes->front().value;
    case Aggregate::rate:
    case Aggregate::delta:
      return per_series(plan, column);
    case Aggregate::stddev:
      return deviation(column);
    case Aggregate::p50:
      return quantile(0.5, column);
    case Aggregate::p90:
      return quantile(0.9, column);
    case Aggregate::p95:
      return quantile(0.95, column);
    case Aggregate::p99:
      return quantile(0.99, column);
    case Aggregate::count:
      break;
  }
  return no_value;
}

double Window::per_series(const ColumnPlan& plan, const Column& column) const {
  struct Track {
    std::int64_t first_ts = 0, last_ts = 0;
    double first = 0, last = 0, increase = 0;
    std::uint32_t n = 0;
  };
  static thread_local std::vector<Track> tracks;
  tracks.clear();
  const bool known = extras_ && extras_->has_series;
  for (std::uint32_t i = column.begin; i < column.end; ++i) {
    const Sample& sample = samples_[i];
    const std::uint32_t series = known ? extras_->series[i] : 0;
    if (series >= tracks.size()) tracks.resize(series + 1);
    Track& track = tracks[series];
    if (track.n++ == 0) {
      track.first_ts = sample.ts;
      track.first = sample.value;
    } else {
      track.increase += sample.value >= track.last ? sample.value - track.last : sample.value;
    }
    track.last_ts = sample.ts;
    track.last = sample.value;
  }
  double sum = 0;
  bool any = false;
  for (const Track& track : tracks) {
    if (track.n < 2) continue;
    if (plan.aggregate == Aggregate::delta)
      sum += track.last - track.first;
    else if (track.last_ts > track.first_ts)
      sum += track.increase / seconds(track.last_ts - track.first_ts);
    else
      continue;
    any = true;
  }
  return any ? sum : no_value;
}

double Window::deviation(const Column& column) const {
  double sum = 0, squares = 0;
  for (std::uint32_t i = column.begin; i < column.end; ++i) {
    if (extras_ && extras_->has_parts && parts(i).weight != 1) return no_value;
    sum += samples_[i].value;
  }
  const double n = column.end - column.begin, mean = sum / n;
  for (std::uint32_t i = column.begin; i < column.end; ++i) {
    const double d = samples_[i].value - mean;
    squares += d * d;
  }
  return std::sqrt(squares / n);
}

double Window::quantile(double q, const Column& column) const {
  static thread_local std::vector<double> values;
  values.clear();
  for (std::uint32_t i = column.begin; i < column.end; ++i) {
    if (extras_ && extras_->has_parts && parts(i).weight != 1) return no_value;
    values.push_back(samples_[i].value);
  }
  const double rank = q * static_cast<double>(values.size() - 1);
  const auto low = static_cast<std::ptrdiff_t>(std::floor(rank));
  std::nth_element(values.begin(), values.begin() + low, values.end());
  const double at_low = values[static_cast<std::size_t>(low)];
  if (low + 1 == static_cast<std::ptrdiff_t>(values.size())) return at_low;
  const double at_high = *std::min_element(values.begin() + low + 1, values.end());
  const double share = rank - static_cast<double>(low);
  return at_low * (1 - share) + at_high * share;
}

Window::Parts Window::parts(std::uint32_t i) const {
  if (extras_ && extras_->has_parts) return extras_->parts[i];
  const double value = samples_[i].value;
  return {1, value, value, value};
}

std::uint32_t Window::first_after(std::int64_t ts) const {
  std::uint32_t low = 0, high = samples_.size();
  while (low < high) {
    const std::uint32_t middle = low + (high - low) / 2;
    if (samples_[middle].ts <= ts)
      low = middle + 1;
    else
      high = middle;
  }
  return low;
}

double Window::scan(const ColumnPlan& plan, std::int64_t look_back, std::int64_t t) const {
  if (plan.newest) return newest(plan, look_back, t);
  Column column;
  column.upper = t - plan.offset;
  column.lower = column.upper - plan.over;
  column.begin = column.end = first_after(column.lower);
  const std::uint32_t end = first_after(column.upper);
  while (column.end < end) take(plan, column, column.end++);
  return finish(plan, column);
}

std::int64_t Window::due(const WindowPlan& plan) const {
  std::int64_t due = never;
  for (const ColumnPlan& column_plan : plan.columns) {
    if (column_plan.newest) {
      if (newest_ts_ != long_ago) due = std::min(due, newest_ts_ + plan.look_back);
      continue;
    }
    if (column_plan.offset != 0 || column_plan.state >= columns_.size()) continue;
    const Column& column = columns_[column_plan.state];
    if (column.begin == column.end) continue;
    // Only the leaving of a sample that the value depends on changes it.
    std::int64_t first = samples_[column.begin].ts;
    if (reads_newest(column_plan.aggregate))
      first = samples_[column.end - 1].ts;
    else if (finds_extreme(column_plan.aggregate))
      first = column.extremes->front().ts;
    due = std::min(due, first + column_plan.over);
  }
  return due;
}

}  // namespace tocsin::detection
