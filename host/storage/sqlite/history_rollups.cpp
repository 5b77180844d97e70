// Rollups of history: made as samples get old enough, added to when late ones come, read for questions in buckets.
#include <algorithm>
#include <limits>

#include "storage/sqlite/history.hpp"

namespace tocsin::storage::sqlite {

using base::fail;
using base::Result;
using sql::Row;

namespace {

/// Samples mostly come within it: what comes later is added to its rollup one by one.
constexpr base::Duration grace = std::chrono::minutes(1);
/// What one call rolls up at most: a history from before there were rollups takes many calls, not a long one.
constexpr base::Duration longest_step = std::chrono::hours(6);

const model::Summary* summary_at(const std::vector<model::Summary>* summaries, std::size_t i) {
  return summaries && !summaries->empty() && has_summary((*summaries)[i]) ? &(*summaries)[i] : nullptr;
}

/// The samples in [begin, end), in buckets of each stored width.
class Folding {
 public:
  Folding(std::int64_t begin, std::int64_t end) : begin_(begin), end_(end) {}
  void add(const std::vector<Sample>& samples, const std::vector<model::Summary>* summaries) {
    for (std::size_t i = 0; i < samples.size(); ++i) {
      if (samples[i].ts < begin_ || samples[i].ts >= end_) continue;
      const model::Summary* s = summary_at(summaries, i);
      for (std::size_t w = 0; w < std::size(rollup_widths); ++w) {
        if (s)
          add_sample(buckets_[w], rollup_widths[w], samples[i].ts, *s);
        else
          add_sample(buckets_[w], rollup_widths[w], samples[i].ts, samples[i].value);
      }
    }
  }
  Result<void> write(sql::Transaction& t, std::int64_t series) const {
    for (std::size_t w = 0; w < std::size(rollup_widths); ++w)
      TRY_VOID(add_rollups(t, series, rollup_widths[w], buckets_[w]));
    return {};
  }

 private:
  std::int64_t begin_, end_;
  std::vector<Bucket> buckets_[std::size(rollup_widths)];
};

/// Adds what lies in [from, to] to the buckets; how many samples that were.
std::size_t add_between(const Chunk& chunk, std::int64_t from, std::int64_t to, base::Duration width,
                        std::vector<Bucket>& out) {
  std::size_t added = 0;
  for (std::size_t i = 0; i < chunk.samples.size(); ++i) {
    const Sample& sample = chunk.samples[i];
    if (sample.ts < from || sample.ts > to) continue;
    ++added;
    if (const model::Summary* s = summary_at(&chunk.summaries, i))
      add_sample(out, width, sample.ts, *s);
    else
      add_sample(out, width, sample.ts, sample.value);
  }
  return added;
}

Result<std::size_t> add_stored(sql::Transaction& t, std::int64_t series, std::int64_t from, std::int64_t to,
                               base::Duration width, std::size_t most, std::vector<Bucket>& out) {
  std::size_t added = 0;
  if (from > to) return added;
  Result<void> decoded;
  Chunk chunk;
  TRY_VOID(t.run("SELECT data FROM chunks WHERE series_id = $1 AND last_ts >= $2 AND first_ts <= $3 ORDER BY last_ts",
                 {series, from, to}, [&](const Row& row) {
                   if (!decoded || added > most) return;
                   chunk.samples.clear(), chunk.summaries.clear();
                   decoded = decode_chunk(row.text(0), chunk);
                   if (decoded) added += add_between(chunk, from, to, width, out);
                 }));
  TRY_VOID(decoded);
  return added;
}

Result<bool> has_samples_before(sql::Transaction& t, std::int64_t series, std::int64_t end) {
  bool found = false;
  TRY_VOID(t.run("SELECT 1 FROM chunks WHERE series_id = $1 AND first_ts < $2 LIMIT 1", {series, end},
                 [&](const Row&) { found = true; }));
  return found;
}

/// A bound that cuts a bucket moves to the bucket's own where the samples before its end are gone.
Result<void> widen(sql::Transaction& t, std::int64_t series, base::Duration width, std::int64_t& from,
                   std::int64_t& to) {
  constexpr std::int64_t low = std::numeric_limits<std::int64_t>::min() / 2;
  constexpr std::int64_t high = std::numeric_limits<std::int64_t>::max() / 2;
  if (const std::int64_t start = floor_to(from, width); from > low && start != from) {
    TRY(const bool there, has_samples_before(t, series, start + width.count()));
    if (!there) from = start;
  }
  if (to >= high) return {};
  if (const std::int64_t start = floor_to(to + 1, width); start != to + 1) {
    TRY(const bool there, has_samples_before(t, series, start + width.count()));
    if (!there) to = start + width.count() - 1;
  }
  return {};
}

}  // namespace

Result<void> SqliteHistory::add_late(sql::Transaction& t, std::int64_t series, const SealedChunk& chunk) {
  if (chunk.first >= rolled_) return {};
  Chunk decoded;
  TRY_VOID(decode_chunk(*chunk.data, decoded));
  return add_late(t, series, decoded.samples, &decoded.summaries);
}

Result<void> SqliteHistory::add_late(sql::Transaction& t, std::int64_t series, const std::vector<Sample>& samples,
                                     const std::vector<model::Summary>* summaries) {
  if (std::ranges::none_of(samples, [this](const Sample& s) { return s.ts < rolled_; })) return {};
  Folding late(std::numeric_limits<std::int64_t>::min(), rolled_);
  late.add(samples, summaries);
  return late.write(t, series);
}

Result<void> SqliteHistory::roll_up_series(sql::Transaction& t, std::int64_t series, std::int64_t begin,
                                           std::int64_t end) {
  Folding folding(begin, end);
  Result<void> decoded;
  Chunk chunk;
  TRY_VOID(t.run("SELECT data FROM chunks WHERE series_id = $1 AND last_ts >= $2 AND first_ts < $3 ORDER BY last_ts",
                 {series, begin, end}, [&](const Row& row) {
                   if (!decoded) return;
                   chunk.samples.clear(), chunk.summaries.clear();
                   decoded = decode_chunk(row.text(0), chunk);
                   if (decoded) folding.add(chunk.samples, &chunk.summaries);
                 }));
  // A damaged chunk is said where it is asked for; the series' rollups do without it.
  if (!decoded && decoded.error().fault() != base::Fault::corrupt) return decoded;
  return folding.write(t, series);
}

Result<bool> SqliteHistory::roll_up(base::Time now) {
  std::lock_guard lock(mutex_);
  const std::int64_t goal = floor_to(base::to_ns(now - grace), rollup_widths[0]);
  if (goal <= rolled_) return false;
  std::int64_t begin = rolled_, end = goal;
  TRY(auto t, database_.write());
  if (end - begin > longest_step.count()) {
    std::int64_t oldest = goal;
    TRY_VOID(t->run("SELECT min(first_ts) FROM chunks WHERE last_ts >= $1", {rolled_}, [&](const Row& row) {
      if (!row.null(0)) oldest = row.integer(0);
    }));
    begin = std::clamp(floor_to(oldest, rollup_widths[0]), begin, goal);
    end = std::min(goal, begin + longest_step.count());
  }
  if (begin < end)
    for (const Stored& stored : stored_)
      if (stored.id != 0) TRY_VOID(roll_up_series(*t, stored.id, begin, end));
  TRY_VOID(t->run("UPDATE rollup_state SET rolled = $1", {end}));
  TRY_VOID(t->commit());
  rolled_ = end;
  return end < goal;
}

Result<std::vector<Bucket>> SqliteHistory::buckets_of(sql::Transaction& t, Part& part, const sql::SampleFilter& filter,
                                                      base::Duration width, std::int64_t rolled, std::size_t& left) {
  std::vector<Bucket> out;
  std::size_t read = 0;
  if (part.stored != 0) {
    std::int64_t from = filter.from(), to = filter.to();
    const base::Duration stored_width = rollup_width(width);
    if (stored_width > base::Duration::zero()) TRY_VOID(widen(t, part.stored, stored_width, from, to));
    const RollupSpan span = rollup_span(width, from, to, std::numeric_limits<std::int64_t>::min(), rolled);
    if (span.used()) {
      TRY(const std::size_t before, add_stored(t, part.stored, from, span.begin - 1, width, left, out));
      TRY(const auto rollups, read_rollups(t, part.stored, span.width, span.begin, span.end));
      for (const Bucket& b : rollups) add_bucket(out, width, b);
      TRY(const std::size_t after, add_stored(t, part.stored, span.end, to, width, left, out));
      read = before + rollups.size() + after;
    } else {
      TRY(read, add_stored(t, part.stored, from, to, width, left, out));
    }
  }
  for (const SealedChunk& sealed : part.sealed) {
    Chunk chunk;
    TRY_VOID(decode_chunk(*sealed.data, chunk));
    read += add_between(chunk, filter.from(), filter.to(), width, out);
  }
  read += add_between(part.waiting, filter.from(), filter.to(), width, out);
  if (read > left) return fail(base::Fault::exhausted, "");
  left -= read;
  return out;
}

Result<std::vector<SeriesBuckets>> SqliteHistory::buckets(const SampleQuery& query, base::Duration width) {
  const sql::SampleFilter filter(query);
  std::vector<Part> parts;
  std::int64_t rolled = 0;
  std::unique_ptr<sql::Transaction> t;
  {
    // As samples(): memory, what the reader sees and how far rollups go are of one moment.
    std::lock_guard lock(mutex_);
    parts = matching(filter);
    rolled = rolled_;
    TRY(t, database_.read());
    TRY_VOID(t->run("SELECT max(version) FROM schema_version", {}, [](const Row&) {}));
  }
  std::vector<SeriesBuckets> out;
  std::size_t left = query.most_samples;
  for (Part& part : parts) {
    auto found = buckets_of(*t, part, filter, width, rolled, left);
    if (!found && found.error().fault() == base::Fault::exhausted) return fail(sql::too_many_samples(query));
    if (!found) return fail(std::move(found).error());
    if (!found->empty()) out.push_back({series_.key(part.series), std::move(*found)});
  }
  return out;
}

}  // namespace tocsin::storage::sqlite
