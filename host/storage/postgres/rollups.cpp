// Rollups in PostgreSQL: what a flush writes is added to their rows in its transaction, so they are as exact and as
// durable as the signals, whoever of several agents wrote them and however late.
#include <algorithm>
#include <cmath>
#include <map>

#include "storage/postgres/history.hpp"
#include "storage/postgres/values.hpp"

namespace tocsin::storage::postgres {

using base::Result;
using sql::Row;

namespace {

/// The table's name goes before and after it. Adding two sums is Rollup::add() in SQL; PostgreSQL refuses an addition
/// that overflows, so sums near the largest double become infinite before it.
constexpr std::string_view
    insert_into = "INSERT INTO ",
    upsert =
        " AS r (series_id, bucket_start, sample_count, min_val, max_val, sum_val, sum_rest) "
        "SELECT id, timestamptz 'epoch' + us * interval '1 microsecond', n, lo, hi, total, rest FROM "
        "unnest($1::bigint[], $2::bigint[], $3::float8[], $4::float8[], $5::float8[], $6::float8[], $7::float8[]) "
        "AS v(id, us, n, lo, hi, total, rest) ORDER BY id, us "
        "ON CONFLICT (series_id, bucket_start) DO UPDATE SET sample_count = r.sample_count + excluded.sample_count, "
        "min_val = least(r.min_val, excluded.min_val), max_val = greatest(r.max_val, excluded.max_val), "
        "sum_val = CASE WHEN abs(r.sum_val) < 8e307 AND abs(excluded.sum_val) < 8e307 THEN r.sum_val + "
        "excluded.sum_val "
        "WHEN r.sum_val > -excluded.sum_val THEN 'Infinity'::float8 ELSE '-Infinity'::float8 END, "
        "sum_rest = CASE WHEN abs(r.sum_val) < 8e307 AND abs(excluded.sum_val) < 8e307 THEN r.sum_rest + "
        "excluded.sum_rest "
        "+ ((r.sum_val - ((r.sum_val + excluded.sum_val) - ((r.sum_val + excluded.sum_val) - r.sum_val))) "
        "+ (excluded.sum_val - ((r.sum_val + excluded.sum_val) - r.sum_val))) ELSE 0 END";

struct Columns {
  std::string series, starts, count, min, max, sum, rest;

  static void add(std::string& to, const std::string& item) { (to += to.empty() ? '{' : ',') += item; }
  void add(std::int64_t row, const Bucket& b) {
    add(series, std::to_string(row));
    add(starts, std::to_string(b.start / 1000));
    add(count, number_text(b.of.count));
    add(min, number_text(b.of.min));
    add(max, number_text(b.of.max));
    add(sum, number_text(b.of.sum));
    add(rest, number_text(b.of.rest));
  }
  void close() {
    for (std::string* c : {&series, &starts, &count, &min, &max, &sum, &rest}) *c += '}';
  }
};

}  // namespace

Result<void> PostgresHistory::write_rollups(sql::Transaction& t, const Pending& pending) {
  std::map<std::int64_t, std::vector<Bucket>> all;  // by row of the series, so that agents lock rows in one order
  for (const Group& group : pending.groups) {
    std::vector<Bucket>& buckets = all[group.row];
    for (std::size_t i = group.begin; i < group.end; ++i) {
      const Line& line = pending.lines[i];
      // As the table has the time, so that both agree about the bucket.
      if (line.summary)
        add_sample(buckets, rollup_widths[0], line.us * 1000, *line.summary);
      else
        add_sample(buckets, rollup_widths[0], line.us * 1000, line.value);
    }
  }
  if (all.empty()) return {};
  for (std::size_t w = 0; w < std::size(rollup_widths); ++w) {
    Columns columns;
    for (const auto& [row, buckets] : all) {
      std::vector<Bucket> wide;
      for (const Bucket& b : buckets) add_bucket(wide, rollup_widths[w], b);
      for (const Bucket& b : wide) columns.add(row, b);
    }
    columns.close();
    static const std::string statements[] = {std::string(insert_into) + "signals_5m" + std::string(upsert),
                                             std::string(insert_into) + "signals_1h" + std::string(upsert)};
    TRY_VOID(t.run(statements[w],
                   {std::string_view(columns.series), std::string_view(columns.starts), std::string_view(columns.count),
                    std::string_view(columns.min), std::string_view(columns.max), std::string_view(columns.sum),
                    std::string_view(columns.rest)}));
  }
  return {};
}

/// Series that have signals in the span.
Result<std::set<std::int64_t>> PostgresHistory::with_signals_in(sql::Transaction& t, const std::string& ids,
                                                                const RollupSpan& span) {
  std::set<std::int64_t> found;
  const auto in = [](std::string_view table) {
    return "EXISTS (SELECT 1 FROM " + std::string(table) +
           " s WHERE s.series_id = i.id AND s.captured_at >= timestamptz 'epoch' + $2::float8 * interval '1 "
           "microsecond' AND s.captured_at < timestamptz 'epoch' + $3::float8 * interval '1 microsecond')";
  };
  static const std::string statement =
      "SELECT i.id FROM unnest($1::bigint[]) AS i(id) WHERE " + in("signal_samples") + " OR " + in("signals_wide");
  TRY_VOID(t.run(statement,
                 {std::string_view(ids), static_cast<double>(span.begin / 1000), static_cast<double>(span.end / 1000)},
                 [&](const Row& row) { found.insert(row.integer(0)); }));
  return found;
}

Result<void> PostgresHistory::read_rollups(sql::Transaction& t, const std::string& ids, const RollupSpan& span,
                                           std::size_t most, std::size_t& read,
                                           const std::function<void(std::int64_t, const Bucket&)>& take) {
  const std::string table = span.width == rollup_widths[0] ? "signals_5m" : "signals_1h";
  const sql::Param params[] = {std::string_view(ids), static_cast<double>(span.begin / 1000),
                               static_cast<double>(span.end / 1000)};
  TRY_VOID(
      t.ask("DECLARE rollups NO SCROLL CURSOR FOR SELECT series_id, (extract(epoch FROM bucket_start) * "
            "1000000)::bigint, sample_count, min_val, max_val, sum_val, sum_rest FROM " +
                table +
                " WHERE series_id = ANY($1::bigint[]) AND bucket_start >= timestamptz 'epoch' + $2::float8 * "
                "interval '1 microsecond' AND bucket_start < timestamptz 'epoch' + $3::float8 * interval '1 "
                "microsecond' ORDER BY series_id, bucket_start",
            params));
  for (std::size_t block = 1; block > 0;) {
    block = 0;
    TRY_VOID(t.ask("FETCH 5000 FROM rollups", {}, [&](const Row& row) {
      ++block;
      Bucket b{row.integer(1) * 1000, {}};
      b.of.count = row.real(2), b.of.min = row.real(3), b.of.max = row.real(4);
      b.of.sum = row.real(5), b.of.rest = row.real(6);
      take(row.integer(0), b);
    }));
    if ((read += block) > most) break;
  }
  TRY_VOID(t.ask("CLOSE rollups", {}));
  return {};
}

}  // namespace tocsin::storage::postgres
