#include "storage/sqlite/rollups.hpp"

#include <algorithm>

#include "storage/sqlite/chunk.hpp"

namespace tocsin::storage::sqlite {

using base::Result;
using sql::Row;

namespace {

std::int64_t span_of(base::Duration width) {
  return width.count() * rollup_chunk_buckets;
}

std::string encode(std::span<const Bucket> buckets) {
  std::vector<Sample> samples;
  std::vector<model::Summary> summaries;
  for (const Bucket& b : buckets) {
    samples.push_back({b.start, b.of.rest});
    summaries.push_back({b.of.count, b.of.min, b.of.max, 0, b.of.sum});
  }
  return encode_chunk(samples, summaries);
}

Result<void> decode(std::string_view bytes, std::vector<Bucket>& out) {
  Chunk chunk;
  TRY_VOID(decode_chunk(bytes, chunk));
  if (chunk.summaries.size() != chunk.samples.size())
    return base::fail(base::Fault::corrupt, "store: a chunk of rollups is damaged");
  for (std::size_t i = 0; i < chunk.samples.size(); ++i) {
    const model::Summary& s = chunk.summaries[i];
    Bucket& b = out.emplace_back(chunk.samples[i].ts, Rollup{});
    b.of.count = s.count, b.of.min = s.min, b.of.max = s.max;
    b.of.sum = s.sum, b.of.rest = chunk.samples[i].value;
  }
  return {};
}

Result<void> add_to_chunk(sql::Transaction& t, std::int64_t series, base::Duration width, std::int64_t first,
                          std::span<const Bucket> added) {
  std::vector<Bucket> all;
  std::int64_t id = 0;
  Result<void> decoded;
  TRY_VOID(t.run("SELECT id, data FROM rollups WHERE series_id = $1 AND width = $2 AND first_ts = $3",
                 {series, width.count(), first}, [&](const Row& row) {
                   id = row.integer(0);
                   decoded = decode(row.text(1), all);
                 }));
  TRY_VOID(decoded);
  for (const Bucket& b : added) add_bucket(all, width, b);
  const std::string data = encode(all);
  const auto count = static_cast<std::int64_t>(all.size());
  if (id != 0) {
    TRY_VOID(t.run("UPDATE rollups SET buckets = $1, data = $2 WHERE id = $3", {count, sql::Blob{data}, id}));
  } else {
    TRY_VOID(t.run("INSERT INTO rollups (series_id, width, first_ts, buckets, data) VALUES ($1, $2, $3, $4, $5)",
                   {series, width.count(), first, count, sql::Blob{data}}));
  }
  return {};
}

}  // namespace

Result<void> add_rollups(sql::Transaction& t, std::int64_t series, base::Duration width,
                         std::span<const Bucket> buckets) {
  const base::Duration span(span_of(width));
  while (!buckets.empty()) {
    const std::int64_t first = floor_to(buckets.front().start, span);
    const auto past = std::ranges::find_if(buckets, [&](const Bucket& b) { return floor_to(b.start, span) != first; });
    const auto together = static_cast<std::size_t>(past - buckets.begin());
    TRY_VOID(add_to_chunk(t, series, width, first, buckets.first(together)));
    buckets = buckets.subspan(together);
  }
  return {};
}

Result<std::vector<Bucket>> read_rollups(sql::Transaction& t, std::int64_t series, base::Duration width,
                                         std::int64_t begin, std::int64_t end) {
  std::vector<Bucket> out;
  Result<void> decoded;
  TRY_VOID(
      t.run("SELECT data FROM rollups WHERE series_id = $1 AND width = $2 AND first_ts > $3 AND first_ts < $4 "
            "ORDER BY first_ts",
            {series, width.count(), begin - span_of(width), end}, [&](const Row& row) {
              if (decoded) decoded = decode(row.text(0), out);
            }));
  TRY_VOID(decoded);
  std::erase_if(out, [&](const Bucket& b) { return b.start < begin || b.start >= end; });
  return out;
}

}  // namespace tocsin::storage::sqlite
