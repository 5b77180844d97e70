// Questions about history: what still waits in memory is written first, the rest is a SELECT.
#include <algorithm>
#include <cmath>
#include <limits>
#include <map>

#include "model/matcher.hpp"
#include "storage/json.hpp"
#include "storage/postgres/history.hpp"
#include "storage/postgres/values.hpp"
#include "storage/sql/question.hpp"

namespace tocsin::storage::postgres {

using base::fail;
using base::Fault;
using base::Result;
using sql::Row;

namespace {

constexpr std::string_view time_of_param = "timestamptz 'epoch' + ?::float8 * interval '1 microsecond'";
/// A timestamptz has microseconds; the numeric of extract() has all of them.
constexpr std::string_view time_column = "(extract(epoch FROM captured_at) * 1000000)::bigint";

/// All signals: those of today's table, and of the one before it.
constexpr std::string_view all_signals =
    "(SELECT series_id, captured_at, id, signal_value, summary[1] AS sample_count, summary[2] AS min_val, summary[3] "
    "AS "
    "max_val, summary[4] AS avg_val, summary[5] AS sum_val FROM signal_samples UNION ALL SELECT series_id, "
    "captured_at, id, signal_value, sample_count, min_val, max_val, avg_val, "
    "sum_val FROM signals_wide WHERE validation_status = 'VALID') AS signal";

template <class Rows>
std::string array_of_keys(const Rows& rows) {
  std::string out;
  for (const auto& [id, key] : rows) (out += out.empty() ? '{' : ',') += std::to_string(id);
  return out + "}";
}

void take(std::int64_t ts, double v, const model::Summary* summary, SeriesSamples& out) {
  out.samples.push_back({ts, v});
  if (!summary && out.summaries.empty()) return;
  while (out.summaries.size() + 1 < out.samples.size()) {
    const double before = out.samples[out.summaries.size()].value;
    out.summaries.push_back({1, before, before, before, before});
  }
  out.summaries.push_back(summary ? *summary : model::Summary{1, v, v, v, v});
}

}  // namespace

Result<PostgresHistory::SeriesRows> PostgresHistory::matching(sql::Transaction& t, const sql::SampleFilter& filter) {
  SeriesRows rows;
  Result<void> read;
  TRY_VOID(t.run("SELECT id, name, labels FROM series", {}, [&](const Row& row) {
    auto labels = json::labels(row.text(2));
    if (!labels) {
      read = fail(std::move(labels).error());
      return;
    }
    model::SeriesKey key{std::string(row.text(1)), std::move(*labels)};
    if (filter.series(key)) rows.emplace(row.integer(0), std::move(key));
  }));
  if (!read) return fail(std::move(read).error());
  return rows;
}

Result<void> PostgresHistory::read_signals(sql::Transaction& t, const std::string& ids, std::int64_t from,
                                           std::int64_t to, std::size_t most, std::size_t& read,
                                           const TakeSignal& take) {
  if (from > to) return {};
  sql::Question q("DECLARE found NO SCROLL CURSOR FOR SELECT series_id, " + std::string(time_column) +
                  ", signal_value, sample_count, min_val, max_val, avg_val, sum_val FROM " + std::string(all_signals));
  q.where("series_id = ANY(?::bigint[])", std::string_view(ids));
  if (from > std::numeric_limits<std::int64_t>::min())
    q.where("captured_at >= " + std::string(time_of_param), microseconds(from));
  if (to < std::numeric_limits<std::int64_t>::max())
    q.where("captured_at <= " + std::string(time_of_param), microseconds(to));
  q.add(" ORDER BY series_id, captured_at, id");
  TRY_VOID(t.ask(q.text(), q.params()));
  for (std::size_t block = 1; block > 0;) {
    block = 0;
    TRY_VOID(t.ask("FETCH 5000 FROM found", {}, [&](const Row& row) {
      ++block;
      const model::Summary summary{row.real(3), row.real(4), row.real(5), row.real(6), row.real(7)};
      take(row.integer(0), row.integer(1) * 1000, row.real(2), row.null(3) ? nullptr : &summary);
    }));
    if ((read += block) > most) break;
  }
  TRY_VOID(t.ask("CLOSE found", {}));
  return {};
}

Result<std::vector<SeriesSamples>> PostgresHistory::samples(const SampleQuery& query) {
  TRY_VOID(flush());
  const sql::SampleFilter filter(query);
  TRY(auto t, database_.read());
  TRY(const SeriesRows rows, matching(*t, filter));
  std::vector<SeriesSamples> out;
  if (rows.empty()) return out;
  std::size_t read = 0;
  std::int64_t current = 0;
  TRY_VOID(read_signals(*t, array_of_keys(rows), filter.from(), filter.to(), query.most_samples, read,
                        [&](std::int64_t row, std::int64_t ts, double value, const model::Summary* summary) {
                          if (row != current) out.push_back({rows.at(current = row), {}, {}});
                          take(ts, value, summary, out.back());
                        }));
  if (read > query.most_samples) return fail(sql::too_many_samples(query));
  return out;
}

Result<std::vector<SeriesBuckets>> PostgresHistory::buckets(const SampleQuery& query, base::Duration width) {
  TRY_VOID(flush());
  const sql::SampleFilter filter(query);
  TRY(auto t, database_.read());
  TRY(const SeriesRows rows, matching(*t, filter));
  if (rows.empty()) return std::vector<SeriesBuckets>();
  std::map<std::int64_t, std::vector<Bucket>> found;
  std::size_t read = 0;
  const TakeSignal add_signal = [&](std::int64_t row, std::int64_t ts, double value, const model::Summary* summary) {
    if (summary)
      add_sample(found[row], width, ts, *summary);
    else
      add_sample(found[row], width, ts, value);
  };
  const auto take_rollup = [&](std::int64_t row, const Bucket& b) { add_bucket(found[row], width, b); };
  const std::string ids = array_of_keys(rows);
  constexpr std::int64_t microsecond = 1000;
  const RollupSpan span =
      rollup_span(width, filter.from(), filter.to(), rollups_since_, std::numeric_limits<std::int64_t>::max());
  const auto signals = [&](std::int64_t from, std::int64_t to) {
    return read_signals(*t, ids, from, to, query.most_samples, read, add_signal);
  };
  if (span.used()) {
    TRY_VOID(edge(*t, rows, ids, span.width, filter.from(), span.begin, take_rollup));
    TRY_VOID(signals(filter.from(), span.begin - microsecond));
    TRY_VOID(read_rollups(*t, ids, span, query.most_samples, read, take_rollup));
    TRY_VOID(signals(span.end, filter.to()));
    TRY_VOID(edge(*t, rows, ids, span.width, span.end, filter.to(), take_rollup));
  } else {
    TRY_VOID(signals(filter.from(), filter.to()));
    if (const base::Duration stored = rollup_width(width); stored > base::Duration::zero()) {
      // No whole bucket in between: the range lies in one bucket, or in two that it cuts.
      const std::int64_t last = floor_to(filter.to(), stored);
      TRY_VOID(edge(*t, rows, ids, stored, filter.from(), filter.to(), take_rollup));
      if (last > filter.from()) TRY_VOID(edge(*t, rows, ids, stored, last, filter.to(), take_rollup));
    }
  }
  if (read > query.most_samples) return fail(sql::too_many_samples(query));
  std::vector<SeriesBuckets> out;
  for (auto& [row, buckets] : found) out.push_back({rows.at(row), std::move(buckets)});
  return out;
}

/// The bucket that a bound cuts: given whole for series whose signals of that time are gone.
Result<void> PostgresHistory::edge(sql::Transaction& t, const SeriesRows& rows, const std::string& ids,
                                   base::Duration width, std::int64_t from, std::int64_t to,
                                   const std::function<void(std::int64_t, const Bucket&)>& take) {
  constexpr std::int64_t far = std::numeric_limits<std::int64_t>::max() / 2;
  if (from >= to || from < -far || to > far) return {};
  const RollupSpan whole{width, floor_to(from, width), floor_to(from, width) + width.count()};
  if (whole.begin < rollups_since_) return {};
  TRY(const auto with, with_signals_in(t, ids, whole));
  if (with.size() == rows.size()) return {};
  std::size_t read = 0;
  return read_rollups(t, ids, whole, rows.size() + 1, read, [&](std::int64_t row, const Bucket& b) {
    if (!with.contains(row)) take(row, b);
  });
}

Result<std::vector<SeriesInfo>> PostgresHistory::series(const std::string& pattern) {
  model::Selector selector;
  if (!pattern.empty()) {
    TRY(selector, model::Selector::parse(pattern));
  }
  TRY_VOID(flush());
  TRY(auto t, database_.read());
  const SampleQuery any;
  TRY(SeriesRows rows, matching(*t, sql::SampleFilter(any)));
  if (!pattern.empty())
    std::erase_if(rows, [&](const auto& r) { return !selector.matches(r.second.name, r.second.labels); });
  std::vector<SeriesInfo> out;
  if (rows.empty()) return out;
  sql::Question q(
      "SELECT series_id, (extract(epoch FROM min(captured_at)) * 1000000)::bigint, "
      "(extract(epoch FROM max(captured_at)) * 1000000)::bigint, count(*) FROM " +
      std::string(all_signals));
  q.where("series_id = ANY(?::bigint[])", q.keep(array_of_keys(rows)));
  q.add(" GROUP BY series_id ORDER BY series_id");
  TRY_VOID(t->ask(q.text(), q.params(), [&](const Row& row) {
    out.push_back({rows.at(row.integer(0)), base::from_ns(row.integer(1) * 1000), base::from_ns(row.integer(2) * 1000),
                   static_cast<std::uint64_t>(row.integer(3))});
  }));
  return out;
}

Result<void> PostgresHistory::append_rejected(const std::vector<model::RejectedSignal>& rejected) {
  if (rejected.empty()) return {};
  TRY(auto t, database_.write());
  for (const model::RejectedSignal& r : rejected)
    TRY_VOID(
        t->run("INSERT INTO signals_wide (captured_at, instance, metric_source, error_type, reason, signal_key, "
               "loader_code, raw, "
               "rejected_count, validation_status) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, 'FAILED')",
               {r.at, r.instance, r.source, r.error_type, r.reason, r.name, sql::text_param(r.loader), r.raw,
                std::int64_t{r.count}}));
  return t->commit();
}

Result<Listed<model::RejectedSignal>> PostgresHistory::rejected(const Page& page) {
  TRY(const std::int64_t after, sql::page_after(page));
  sql::Question q(
      "SELECT id, captured_at, instance, metric_source, error_type, reason, signal_key, loader_code, raw, "
      "rejected_count FROM signals_wide");
  q.where("validation_status = 'FAILED'");
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

}  // namespace tocsin::storage::postgres
