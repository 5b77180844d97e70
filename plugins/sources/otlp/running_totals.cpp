#include "running_totals.hpp"

namespace tocsin_plugins::otlp {

RunningTotals::Changes::Found RunningTotals::Changes::find(tsn::Series series) {
  if (!lock_.owns_lock()) lock_ = std::unique_lock(totals_->mutex_);
  const auto old = totals_->totals_.find(series.handle);
  const auto* before = old == totals_->totals_.end() ? nullptr : &old->second;
  const auto [at, fresh] = changed_.try_emplace(series.handle);
  if (fresh && before) at->second = *before;
  return {at->second, before};
}

/// Beyond its bounds it begins anew, which every reader of a counter takes for a restart.
void RunningTotals::Changes::commit() {
  if (!lock_.owns_lock()) return;
  auto& all = totals_->totals_;
  if (all.size() >= most_series || totals_->buckets_ >= most_buckets) all.clear(), totals_->buckets_ = 0;
  for (auto& [series, total] : changed_) {
    auto& kept = all[series];
    totals_->buckets_ = totals_->buckets_ - kept.last.held() + total.last.held();
    kept = std::move(total);
  }
  drop();
}

void RunningTotals::Changes::drop() {
  changed_.clear();
  if (lock_.owns_lock()) lock_.unlock();
}

}  // namespace tocsin_plugins::otlp
