// Signals of a flush on their way into signal_samples: by series, then in the order in which they came, so that their
// index entries lie side by side; in one COPY, in which the server spends the least on a row.
#include <algorithm>
#include <cmath>
#include <numeric>

#include "storage/json.hpp"
#include "storage/postgres/copy_rows.hpp"
#include "storage/postgres/history.hpp"
#include "storage/postgres/values.hpp"

namespace tocsin::storage::postgres {

using base::fail;
using base::Fault;
using base::Result;
using sql::Row;

namespace {

/// Shared by flushes, alone for the removal of idle series: a flush sees what it removed, and it what a flush wrote.
constexpr std::string_view hold_series = "SELECT pg_advisory_xact_lock_shared(8370021403)";
constexpr std::string_view find_series = "SELECT count(*) FROM series WHERE id = ANY($1::bigint[])";

/// An agent's rows have ids of blocks of so many bits, so that later ones are greater.
constexpr int block_bits = 20;
constexpr std::size_t in_block = std::size_t{1} << block_bits;
/// So many bytes go to the server while the next are made.
constexpr std::size_t piece = 128 * 1024;

constexpr std::string_view insert_loads =
    "INSERT INTO signals_history (loader_code, load_time_stamp, segment_code, rec_count, min_val, max_val, avg_val, "
    "sum_val) "
    "SELECT s.loader_code, timestamptz 'epoch' + v.us * interval '1 microsecond', s.labels->>'segment', v.n::bigint, "
    "v.lo, v.hi, "
    "v.mean, v.total FROM unnest($1::bigint[], $2::bigint[], $3::float8[], $4::float8[], $5::float8[], $6::float8[], "
    "$7::float8[]) AS v(series_id, us, n, lo, hi, mean, total) JOIN series s ON s.id = v.series_id "
    "WHERE v.n BETWEEN 0 AND 9e18 AND s.loader_code IS NOT NULL";

const model::Summary* summary_of(const model::SignalBatch& batch, std::size_t i) {
  return batch.summary.empty() || std::isnan(batch.summary[i].count) ? nullptr : &batch.summary[i];
}

double value_of(const model::SignalBatch& batch, std::size_t i, const model::Summary* s) {
  if (!s) return batch.value[i];
  return !std::isfinite(s->avg) && s->count > 0 ? s->sum / s->count : s->avg;
}

void add(std::string& array, const std::string& item) {
  (array += array.empty() ? '{' : ',') += item;
}

}  // namespace

Result<std::int64_t> PostgresHistory::row_of(sql::Transaction& t, model::SeriesId id) {
  if (id < rows_.size() && rows_[id] != 0) return rows_[id];
  const model::SeriesKey& key = series_.key(id);
  const std::string labels = json::of(key.labels);
  const std::string_view loader = key.labels.get("loader");
  std::int64_t row = 0;
  TRY_VOID(
      t.run("INSERT INTO series (name, labels, loader_code) VALUES ($1, $2, $3) ON CONFLICT (name, md5(labels::text)) "
            "DO UPDATE SET "
            "name = excluded.name RETURNING id",
            {std::string_view(key.name), std::string_view(labels), sql::text_param(loader)},
            [&](const Row& r) { row = r.integer(0); }));
  if (!loader.empty())
    TRY_VOID(
        t.run("INSERT INTO loader (loader_code) VALUES ($1) ON CONFLICT (loader_code, version) DO NOTHING", {loader}));
  if (id >= rows_.size()) rows_.resize(std::max<std::size_t>(id + 1, series_.size()));
  return rows_[id] = row;
}

Result<std::int32_t> PostgresHistory::source_of(sql::Transaction& t, const std::string& name) {
  if (name.empty()) return 0;
  if (const auto known = sources_.find(name); known != sources_.end()) return known->second;
  std::int32_t id = 0;
  TRY_VOID(
      t.run("INSERT INTO signal_sources (name) VALUES ($1) ON CONFLICT (name) DO UPDATE SET name = excluded.name "
            "RETURNING id",
            {std::string_view(name)}, [&](const Row& r) { id = static_cast<std::int32_t>(r.integer(0)); }));
  return sources_[name] = id;
}

Result<PostgresHistory::Pending> PostgresHistory::collect(sql::Transaction& t) {
  Pending out;
  std::vector<std::uint32_t> group_of(series_.size());  // by series, from 1; 0: none yet
  std::vector<std::int32_t> sources;
  const auto taken = [](const model::SignalBatch& b, std::size_t i) {
    return b.flags.empty() || !(b.flags[i] & model::row_stale);
  };
  std::size_t total = 0;
  for (const model::SharedBatch& batch : pending_) {
    TRY(const std::int32_t source, source_of(t, batch->source));
    sources.push_back(source);
    for (std::size_t i = 0; i < batch->rows(); ++i) {
      if (!taken(*batch, i)) continue;
      const model::SeriesId id = batch->series[i];
      if (id >= group_of.size()) group_of.resize(std::max<std::size_t>(id + 1, series_.size()));
      if (group_of[id] == 0) {
        TRY(const std::int64_t row, row_of(t, id));
        out.groups.push_back({row, 0, 0});
        group_of[id] = static_cast<std::uint32_t>(out.groups.size());
      }
      ++out.groups[group_of[id] - 1].end;
      ++total;
    }
  }
  // Where each group begins, in the order of the rows of their series; `end` grows to the end as they fill.
  std::vector<std::size_t> order(out.groups.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::ranges::sort(order, {}, [&](std::size_t g) { return out.groups[g].row; });
  std::size_t at = 0;
  for (const std::size_t g : order) {
    const std::size_t rows = out.groups[g].end;
    out.groups[g].begin = out.groups[g].end = at;
    at += rows;
  }
  out.lines.resize(total);
  std::uint32_t place = 0;
  for (std::size_t b = 0; b < pending_.size(); ++b) {
    const model::SignalBatch& batch = *pending_[b];
    for (std::size_t i = 0; i < batch.rows(); ++i) {
      if (!taken(batch, i)) continue;
      const model::Summary* s = summary_of(batch, i);
      out.lines[out.groups[group_of[batch.series[i]] - 1].end++] = {microseconds(batch.ts[i]), value_of(batch, i, s), s,
                                                                    sources[b], place++};
      out.summaries += s != nullptr;
    }
  }
  std::ranges::sort(out.groups, {}, &Group::row);
  return out;
}

/// Holds the series in the database until the transaction ends.
Result<void> PostgresHistory::hold(sql::Transaction& t, const Pending& pending) {
  TRY_VOID(t.run(hold_series, {}, [](const Row&) {}));
  if (pending.groups.empty()) return {};
  std::string ids;
  std::int64_t last = 0;
  std::size_t needed = 0, there = 0;
  for (const Group& g : pending.groups) {
    if (g.row == last) continue;  // two series of ours that are one in the database's text
    add(ids, std::to_string(last = g.row));
    ++needed;
  }
  ids += '}';
  TRY_VOID(t.run(find_series, {std::string_view(ids)},
                 [&](const Row& row) { there = static_cast<std::size_t>(row.integer(0)); }));
  if (there != needed) return fail(Fault::not_found, "store: a series of this agent is no longer in the database");
  return {};
}

Result<void> PostgresHistory::write_samples(BulkTransaction& t, const Pending& pending) {
  if (pending.lines.empty()) return {};
  std::vector<std::int64_t> blocks;
  while (blocks.size() * in_block < pending.lines.size())
    TRY_VOID(t.run("SELECT nextval('signal_blocks')", {}, [&](const Row& row) { blocks.push_back(row.integer(0)); }));
  const auto put = [&](CopyRows& rows, const Group& group, const Line& line) {
    rows.row(line.summary ? 6 : 5);
    rows.int8(group.row);
    rows.timestamptz(line.us);
    rows.float8(line.value);
    rows.int8((blocks[line.place >> block_bits] << block_bits) + static_cast<std::int64_t>(line.place % in_block));
    line.source == 0 ? rows.null() : rows.int4(line.source);
    if (!line.summary) return;
    const model::Summary& of = *line.summary;
    rows.float8s({of.count, of.min, of.max, of.avg, of.sum});
  };
  // A NULL costs the server time as well: plain values and summaries each have a COPY of their own.
  const auto copy = [&](const std::string& columns, bool summaries) {
    std::size_t group = 0, line = 0;
    bool begun = false, ended = false;
    return t.copy("COPY signal_samples (" + columns + ") FROM STDIN (FORMAT binary)", [&](std::string& to) {
      if (ended) return;
      CopyRows rows(to);
      if (!begun) rows.begin();
      begun = true;
      for (; line < pending.lines.size() && to.size() < piece; ++line) {
        while (line == pending.groups[group].end) ++group;
        if ((pending.lines[line].summary != nullptr) == summaries)
          put(rows, pending.groups[group], pending.lines[line]);
      }
      if (line < pending.lines.size()) return;
      rows.end();
      ended = true;
    });
  };
  const std::string plain = "series_id, captured_at, signal_value, id, source_id";
  if (pending.summaries < pending.lines.size()) TRY_VOID(copy(plain, false));
  if (pending.summaries == 0) return {};
  TRY_VOID(copy(plain + ", summary", true));
  return write_loads(t, pending);
}

Result<void> PostgresHistory::write_loads(sql::Transaction& t, const Pending& pending) {
  std::string series, times, count, min, max, avg, sum;
  for (const Group& g : pending.groups) {
    for (std::size_t i = g.begin; i < g.end; ++i) {
      const Line& line = pending.lines[i];
      if (!line.summary) continue;
      add(series, std::to_string(g.row));
      add(times, std::to_string(line.us));
      add(count, number_text(line.summary->count));
      add(min, number_text(line.summary->min));
      add(max, number_text(line.summary->max));
      add(avg, number_text(line.summary->avg));
      add(sum, number_text(line.summary->sum));
    }
  }
  for (std::string* a : {&series, &times, &count, &min, &max, &avg, &sum}) *a += '}';
  auto written =
      t.run(insert_loads, {std::string_view(series), std::string_view(times), std::string_view(count),
                           std::string_view(min), std::string_view(max), std::string_view(avg), std::string_view(sum)});
  if (!written) return fail(std::move(written).error());
  return {};
}

}  // namespace tocsin::storage::postgres
