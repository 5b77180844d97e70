#include "storage/sqlite/open_chunks.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace tocsin::storage::sqlite {
namespace {

constexpr auto by_time = [](const Sample& a, const Sample& b) { return a.ts < b.ts; };
/// Above this, an emptied series gives its memory back: most series have a few samples between two flushes.
constexpr std::size_t kept_capacity = 64;

/// What a question about plain values sees of a summary.
double average(const model::Summary& s) {
  if (std::isfinite(s.avg)) return s.avg;
  return s.count > 0 ? s.sum / s.count : std::nan("");
}

}  // namespace

void sort_by_time(std::vector<Sample>& samples, std::vector<model::Summary>& summaries) {
  if (std::is_sorted(samples.begin(), samples.end(), by_time)) return;
  if (summaries.empty()) {
    std::stable_sort(samples.begin(), samples.end(), by_time);
    return;
  }
  std::vector<std::size_t> order(samples.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return samples[a].ts < samples[b].ts; });
  std::vector<Sample> sorted_samples;
  std::vector<model::Summary> sorted_summaries;
  for (std::size_t i : order) {
    sorted_samples.push_back(samples[i]);
    sorted_summaries.push_back(summaries[i]);
  }
  samples = std::move(sorted_samples);
  summaries = std::move(sorted_summaries);
}

SealedChunk seal(model::SeriesId series, std::vector<Sample>& samples, std::vector<model::Summary>& summaries) {
  sort_by_time(samples, summaries);
  return {series, samples.front().ts, samples.back().ts, static_cast<std::uint32_t>(samples.size()),
          std::make_shared<const std::string>(encode_chunk(samples, summaries))};
}

void OpenChunks::take(const model::SignalBatch& batch) {
  for (model::SeriesId id : batch.series)
    if (id >= open_.size()) open_.resize(std::max<std::size_t>(id + 1, open_.size() * 2));
  if (!batch.summary.empty()) return take_summaries(batch);
  const bool flags = !batch.flags.empty();
  for (std::size_t i = 0; i < batch.rows(); ++i) {
    if (flags && (batch.flags[i] & model::row_stale)) continue;
    add(batch.series[i], {batch.ts[i], batch.value[i]}, nullptr);
  }
}

void OpenChunks::take_summaries(const model::SignalBatch& batch) {
  const bool flags = !batch.flags.empty();
  for (std::size_t i = 0; i < batch.rows(); ++i) {
    if (flags && (batch.flags[i] & model::row_stale)) continue;
    const model::Summary& summary = batch.summary[i];
    if (has_summary(summary))
      add(batch.series[i], {batch.ts[i], average(summary)}, &summary);
    else
      add(batch.series[i], {batch.ts[i], batch.value[i]}, nullptr);
  }
}

void OpenChunks::add(model::SeriesId id, Sample sample, const model::Summary* summary) {
  Open& o = open_[id];
  if (!o.touched) {
    o.touched = true;
    touched_.push_back(id);
  }
  if (summary && !o.summaries)
    o.summaries = std::make_unique<std::vector<model::Summary>>(o.samples.size(), no_summary());
  o.samples.push_back(sample);
  if (o.summaries) o.summaries->push_back(summary ? *summary : no_summary());
  ++open_samples_;
  if (o.samples.size() == chunk_samples) seal_full(id);
}

void OpenChunks::seal_full(model::SeriesId id) {
  Open& o = open_[id];
  std::vector<model::Summary> none;
  sealed_.push_back(seal(id, o.samples, o.summaries ? *o.summaries : none));
  sealed_bytes_ += sealed_.back().data->size();
  open_samples_ -= o.samples.size();
  o.samples.clear();
  o.summaries.reset();
}

void OpenChunks::clear() {
  for (model::SeriesId id : touched_) {
    Open& o = open_[id];
    o.samples.clear();
    if (o.samples.capacity() > kept_capacity) std::vector<Sample>().swap(o.samples);
    o.summaries.reset();
    o.touched = false;
  }
  touched_.clear();
  touched_.shrink_to_fit();
  std::vector<SealedChunk>().swap(sealed_);
  open_samples_ = sealed_bytes_ = 0;
}

}  // namespace tocsin::storage::sqlite
