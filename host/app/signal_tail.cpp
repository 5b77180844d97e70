#include "app/signal_tail.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <unordered_map>

#include "base/text.hpp"

namespace tocsin::app {
namespace {

constexpr std::uint64_t first_window = 1024, widest_window = 1u << 20;  ///< records of the journal's end
constexpr std::size_t row_bytes = 64;                                   ///< what a row takes besides its text, about

std::int64_t nanoseconds(SignalTail::Steady::time_point at) {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(at.time_since_epoch()).count();
}

/// The selector's answer for each series, found once for each.
class Selected {
 public:
  Selected(const model::Selector& selector, const model::SeriesTable& series) : selector_(selector), series_(series) {}
  bool operator()(model::SeriesId id) {
    const auto [it, fresh] = known_.try_emplace(id, false);
    if (fresh) {
      const auto& key = series_.key(id);
      it->second = selector_.matches(key.name, key.labels);
    }
    return it->second;
  }

 private:
  const model::Selector& selector_;
  const model::SeriesTable& series_;
  std::unordered_map<model::SeriesId, bool> known_;
};

std::size_t bytes_of(const model::SignalBatch& batch) {
  std::size_t bytes = batch.rows() * row_bytes;
  for (const auto& text : batch.text) bytes += text.size();
  return bytes;
}

}  // namespace

SignalTail::SignalTail(model::SeriesTable& series, storage::Journal& journal, telemetry::Metrics& metrics,
                       TailLimits limits)
    : series_(series),
      journal_(journal),
      lost_(metrics.counter("tocsin_signal_tail_lost_total",
                            "Signals that somebody who watches them asked for too late")),
      limits_(limits),
      generation_(static_cast<std::uint64_t>(base::to_ns(base::SystemClock().now()))) {}

std::string SignalTail::Cursor::text() const {
  return std::to_string(generation) + "-" + std::to_string(row) + "-" + std::to_string(position);
}

base::Result<SignalTail::Cursor> SignalTail::parse(const std::string& text) {
  Cursor out;
  const char* at = text.data();
  const char* end = at + text.size();
  for (std::uint64_t* number : {&out.generation, &out.row, &out.position}) {
    const auto [stop, bad] = std::from_chars(at, end, *number);
    const bool last = number == &out.position;
    if (bad != std::errc() || (last ? stop != end : stop == end || *stop != '-')) {
      return base::fail(base::Fault::invalid,
                        "parameter after: \"" + text + "\" given; valid: the \"next\" of an earlier answer");
    }
    at = stop + 1;
  }
  return out;
}

void SignalTail::on_signals(std::function<void()> listener) {
  std::lock_guard lock(listener_mutex_);
  listener_ = std::move(listener);
}

void SignalTail::offer(const model::SharedBatch& batch, Steady::time_point now) {
  const std::int64_t until = watched_until_.load(std::memory_order_acquire);
  if (until == 0 || batch->rows() == 0) return;
  {
    std::lock_guard lock(mutex_);
    if (nanoseconds(now) > until) {  // they have gone: what they left behind is given back
      watched_until_.store(0, std::memory_order_release);
      kept_.clear();
      rows_ = bytes_ = 0;
      ++generation_;
      return;
    }
    const std::size_t bytes = bytes_of(*batch);
    kept_.push_back({next_row_, bytes, batch});
    next_row_ += batch->rows();
    rows_ += batch->rows();
    bytes_ += bytes;
    while (kept_.size() > 1 && (rows_ > limits_.rows || bytes_ > limits_.bytes)) drop_oldest();
  }
  if (!awaited_.load(std::memory_order_acquire)) return;
  std::unique_lock lock(listener_mutex_, std::try_to_lock);  // who holds it tells them just now
  if (!lock || !listener_ || now - noticed_ < limits_.notice) return;
  noticed_ = now;
  awaited_.store(false, std::memory_order_release);
  listener_();
}

void SignalTail::drop_oldest() {
  rows_ -= kept_.front().batch->rows();
  bytes_ -= kept_.front().bytes;
  kept_.pop_front();
}

void SignalTail::watch(Steady::time_point now) {
  const std::int64_t until = watched_until_.load(std::memory_order_acquire);
  if (until == 0 || nanoseconds(now) > until) {
    kept_.clear();
    rows_ = bytes_ = 0;
    ++generation_;
  }
  watched_until_.store(nanoseconds(now + limits_.watched), std::memory_order_release);
}

base::Result<api::SignalTailPage> SignalTail::read(const api::SignalTailQuery& query, Steady::time_point now) {
  if (query.after.empty()) return begin(query, now);
  TRY(Cursor cursor, parse(query.after));
  api::SignalTailPage page;
  std::vector<Kept> kept;
  {
    std::lock_guard lock(mutex_);
    watch(now);
    if (cursor.generation != generation_ || cursor.row > next_row_) {
      page.next = Cursor{generation_, next_row_, journal_.newest()}.text();
      page.lost = std::nullopt;  // nobody counted
      return page;
    }
    const std::uint64_t oldest = kept_.empty() ? next_row_ : kept_.front().first;
    page.lost = oldest > cursor.row ? oldest - cursor.row : 0;
    cursor.row = std::max(cursor.row, oldest);
    for (const Kept& each : kept_) {
      if (each.first + each.batch->rows() > cursor.row) kept.push_back(each);
    }
    // Before what is found is known: a batch that comes from here on is told of.
    awaited_.store(true, std::memory_order_release);
  }
  if (*page.lost > 0) lost_.add(static_cast<double>(*page.lost));
  Selected selected(query.selector, series_);
  for (const Kept& each : kept) {
    const bool known = each.batch->position != 0 && each.batch->position <= cursor.position;
    for (std::size_t row = cursor.row - each.first; row < each.batch->rows() && page.items.size() < query.limit;
         ++row) {
      ++cursor.row;
      if (!known && selected(each.batch->series[row])) page.items.push_back(shown(*each.batch, row));
    }
    if (page.items.size() >= query.limit) break;
  }
  page.next = cursor.text();
  return page;
}

base::Result<api::SignalTailPage> SignalTail::begin(const api::SignalTailQuery& query, Steady::time_point now) {
  api::SignalTailPage page;
  Cursor cursor;
  {
    std::lock_guard lock(mutex_);
    watch(now);
    cursor = {generation_, next_row_, 0};
  }
  // After the ring was set up: a batch that is in neither the journal now nor the ring from now on there is none.
  cursor.position = journal_.newest();
  page.next = cursor.text();
  if (query.last > 0) TRY_VOID(read_journal(query, cursor.position, page));
  return page;
}

/// From a window at the end that grows until it holds enough.
base::Result<void> SignalTail::read_journal(const api::SignalTailQuery& query, std::uint64_t newest,
                                            api::SignalTailPage& page) {
  const std::int64_t since = query.since == base::no_time ? 0 : base::to_ns(query.since);
  Selected selected(query.selector, series_);
  for (std::uint64_t window = first_window; newest > 0; window *= 4) {
    const std::uint64_t first = newest > window ? newest - window + 1 : 1;
    std::deque<api::TailedSignal> found;
    std::optional<std::uint64_t> begins;
    bool older = false;
    TRY_VOID(journal_.read(first, [&](const model::SharedBatch& batch) {
      if (batch->position > newest) return false;
      if (!begins) {
        begins = batch->position;
        older = base::to_ns(batch->arrived) < since;
      }
      for (std::size_t row = 0; row < batch->rows(); ++row) {
        if (batch->ts[row] < since || !selected(batch->series[row])) continue;
        found.push_back(shown(*batch, row));
        if (found.size() > query.last) found.pop_front();
      }
      return true;
    }));
    const bool whole = first == 1 || !begins || *begins > first || window >= widest_window;
    if (!whole && !older && found.size() < query.last) continue;
    page.items.assign(std::make_move_iterator(found.begin()), std::make_move_iterator(found.end()));
    return {};
  }
  return {};
}

api::TailedSignal SignalTail::shown(const model::SignalBatch& batch, std::size_t row) const {
  const auto& key = series_.key(batch.series[row]);
  api::TailedSignal out;
  out.at = base::from_ns(batch.ts[row]);
  out.name = key.name;
  out.labels = key.labels;
  out.instance = batch.instance;
  out.value = batch.value.empty() ? std::nan("") : batch.value[row];
  if (!batch.summary.empty() && !std::isnan(batch.summary[row].count)) out.summary = batch.summary[row];
  if (!batch.flags.empty()) out.stale = (batch.flags[row] & model::row_stale) != 0;
  if (!batch.text.empty()) {
    out.text = batch.text[row].substr(0, limits_.most_text);
    if (out.text.size() < batch.text[row].size()) out.text += "…";
  }
  return out;
}

}  // namespace tocsin::app
