// Questions about history: what is stored and what still waits in memory, as of one moment.
#include <algorithm>
#include <limits>

#include "model/matcher.hpp"
#include "storage/json.hpp"
#include "storage/sql/question.hpp"
#include "storage/sql/rows.hpp"
#include "storage/sqlite/history.hpp"

namespace tocsin::storage::sqlite {

using base::fail;
using base::Fault;
using base::Result;
using sql::Row;

namespace {

/// Keeps what lies in [from, to].
void keep_between(Chunk& chunk, std::size_t first, std::int64_t from, std::int64_t to) {
  std::size_t kept = first;
  for (std::size_t i = first; i < chunk.samples.size(); ++i) {
    if (chunk.samples[i].ts < from || chunk.samples[i].ts > to) continue;
    chunk.samples[kept] = chunk.samples[i];
    if (!chunk.summaries.empty()) chunk.summaries[kept] = chunk.summaries[i];
    ++kept;
  }
  chunk.samples.resize(kept);
  if (!chunk.summaries.empty()) chunk.summaries.resize(kept);
}

Result<void> add_encoded(std::string_view bytes, bool inside, const sql::SampleFilter& filter, Chunk& out) {
  const std::size_t first = out.samples.size();
  TRY_VOID(decode_chunk(bytes, out));
  if (!inside) keep_between(out, first, filter.from(), filter.to());
  return {};
}

void add_chunk(Chunk& to, const Chunk& from) {
  if (!from.summaries.empty() && to.summaries.empty()) to.summaries.resize(to.samples.size(), no_summary());
  to.samples.insert(to.samples.end(), from.samples.begin(), from.samples.end());
  if (!from.summaries.empty())
    to.summaries.insert(to.summaries.end(), from.summaries.begin(), from.summaries.end());
  else if (!to.summaries.empty())
    to.summaries.resize(to.samples.size(), no_summary());
}

Result<void> add_stored(sql::Transaction& t, std::int64_t series, const sql::SampleFilter& filter, std::size_t most,
                        Chunk& out) {
  Result<void> result;
  bool full = false;
  TRY_VOID(
      t.run("SELECT data, first_ts, last_ts FROM chunks WHERE series_id = $1 AND last_ts >= $2 AND first_ts <= $3 "
            "ORDER BY last_ts",
            {series, filter.from(), filter.to()}, [&](const Row& row) {
              if (!result || full) return;
              const bool inside = row.integer(1) >= filter.from() && row.integer(2) <= filter.to();
              result = add_encoded(row.text(0), inside, filter, out);
              full = out.samples.size() > most;
            }));
  return result;
}

/// A plain value among summaries counts one.
void fill_summaries(Chunk& chunk) {
  for (std::size_t i = 0; i < chunk.summaries.size(); ++i)
    if (const double v = chunk.samples[i].value; !has_summary(chunk.summaries[i])) chunk.summaries[i] = {1, v, v, v, v};
}

}  // namespace

void SqliteHistory::copy_open(Part& part, const sql::SampleFilter& filter) {
  const OpenChunks::Open* open = open_.open(part.series);
  if (!open) return;
  for (std::size_t i = 0; i < open->samples.size(); ++i) {
    if (open->samples[i].ts < filter.from() || open->samples[i].ts > filter.to()) continue;
    part.waiting.samples.push_back(open->samples[i]);
    if (open->summaries) part.waiting.summaries.push_back((*open->summaries)[i]);
  }
}

std::vector<SqliteHistory::Part> SqliteHistory::matching(const sql::SampleFilter& filter) {
  std::vector<Part> parts;
  std::vector<std::int64_t> part_of(series_.size(), -1);
  for (model::SeriesId id = 0; id < part_of.size(); ++id) {
    if (!filter.series(series_.key(id))) continue;
    part_of[id] = static_cast<std::int64_t>(parts.size());
    Part& part = parts.emplace_back();
    part.series = id;
    part.stored = id < stored_.size() ? stored_[id].id : 0;
    copy_open(part, filter);
  }
  for (const SealedChunk& chunk : open_.sealed())
    if (chunk.series < part_of.size() && part_of[chunk.series] >= 0 && chunk.last >= filter.from() &&
        chunk.first <= filter.to())
      parts[static_cast<std::size_t>(part_of[chunk.series])].sealed.push_back(chunk);
  return parts;
}

Result<std::vector<SeriesSamples>> SqliteHistory::samples(const SampleQuery& query) {
  const sql::SampleFilter filter(query);
  std::vector<Part> parts;
  std::unique_ptr<sql::Transaction> t;
  {
    // Memory and the reader's view are of one moment: no flush moves samples between them meanwhile.
    std::lock_guard lock(mutex_);
    parts = matching(filter);
    TRY(t, database_.read());
    TRY_VOID(t->run("SELECT max(version) FROM schema_version", {}, [](const Row&) {}));
  }
  std::vector<SeriesSamples> out;
  std::size_t left = query.most_samples;
  for (Part& part : parts) {
    Chunk all;
    if (part.stored != 0) TRY_VOID(add_stored(*t, part.stored, filter, left, all));
    for (const SealedChunk& chunk : part.sealed) TRY_VOID(add_encoded(*chunk.data, false, filter, all));
    add_chunk(all, part.waiting);
    if (all.samples.size() > left) return fail(sql::too_many_samples(query));
    left -= all.samples.size();
    if (all.samples.empty()) continue;
    sort_by_time(all.samples, all.summaries);
    fill_summaries(all);
    out.push_back({series_.key(part.series), std::move(all.samples), std::move(all.summaries)});
  }
  return out;
}

Result<std::vector<SeriesInfo>> SqliteHistory::series(const std::string& pattern) {
  model::Selector selector;
  if (!pattern.empty()) {
    TRY(selector, model::Selector::parse(pattern));
  }
  struct Range {
    std::int64_t first = std::numeric_limits<std::int64_t>::max(), last = std::numeric_limits<std::int64_t>::min();
    std::uint64_t samples = 0;
    void add(std::int64_t f, std::int64_t l, std::uint64_t n) {
      first = std::min(first, f), last = std::max(last, l), samples += n;
    }
  };
  std::vector<Range> ranges;
  std::unordered_map<std::int64_t, model::SeriesId> by_row;
  std::unique_ptr<sql::Transaction> t;
  {
    std::lock_guard lock(mutex_);
    ranges.resize(series_.size());
    for (model::SeriesId id = 0; id < ranges.size(); ++id) {
      if (id < stored_.size() && stored_[id].id != 0) by_row[stored_[id].id] = id;
      if (const auto* open = open_.open(id))
        for (const Sample& s : open->samples) ranges[id].add(s.ts, s.ts, 1);
    }
    for (const SealedChunk& c : open_.sealed()) ranges[c.series].add(c.first, c.last, c.samples);
    TRY(t, database_.read());
    TRY_VOID(t->run("SELECT max(version) FROM schema_version", {}, [](const Row&) {}));
  }
  TRY_VOID(t->run("SELECT series_id, min(first_ts), max(last_ts), sum(samples) FROM chunks GROUP BY series_id", {},
                  [&](const Row& row) {
                    if (const auto it = by_row.find(row.integer(0)); it != by_row.end())
                      ranges[it->second].add(row.integer(1), row.integer(2),
                                             static_cast<std::uint64_t>(row.integer(3)));
                  }));
  std::vector<SeriesInfo> out;
  for (model::SeriesId id = 0; id < ranges.size(); ++id) {
    const model::SeriesKey& key = series_.key(id);
    const Range& r = ranges[id];
    if (r.samples == 0 || (!pattern.empty() && !selector.matches(key.name, key.labels))) continue;
    out.push_back({key, base::from_ns(r.first), base::from_ns(r.last), r.samples});
  }
  return out;
}

Result<void> SqliteHistory::append_rejected(const std::vector<model::RejectedSignal>& rejected) {
  if (rejected.empty()) return {};
  TRY(auto t, database_.write());
  for (const model::RejectedSignal& r : rejected)
    TRY_VOID(t->run(
        "INSERT INTO rejected (captured_at, instance, metric_source, error_type, reason, signal_key, loader_code, raw, "
        "rejected_count) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        {sql::time_param(r.at), r.instance, r.source, r.error_type, r.reason, r.name, r.loader, r.raw,
         std::int64_t{r.count}}));
  return t->commit();
}

Result<Listed<model::RejectedSignal>> SqliteHistory::rejected(const Page& page) {
  TRY(const std::int64_t after, sql::page_after(page));
  sql::Question q(
      "SELECT id, captured_at, instance, metric_source, error_type, reason, signal_key, loader_code, raw, "
      "rejected_count FROM rejected");
  if (after > 0) q.where("id < ?", after);
  q.add(" ORDER BY id DESC");
  q.limit(sql::page_limit(page) + 1);
  TRY(auto t, database_.read());
  std::vector<model::RejectedSignal> items;
  std::vector<std::string> cursors;
  TRY_VOID(t->ask(q.text(), q.params(), [&](const Row& row) {
    cursors.emplace_back(row.text(0));
    items.push_back({row.time(1), std::string(row.text(2)), std::string(row.text(3)), std::string(row.text(4)),
                     std::string(row.text(5)), std::string(row.text(6)), std::string(row.text(7)),
                     std::string(row.text(8)), static_cast<std::uint32_t>(row.integer(9))});
  }));
  return sql::page_of(std::move(items), cursors, sql::page_limit(page));
}

}  // namespace tocsin::storage::sqlite
