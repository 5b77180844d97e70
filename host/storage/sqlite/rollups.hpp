// Rollups in SQLite: up to 144 buckets of one series and width as a blob, in the format of the samples' chunks
// (chunk.hpp): the start as the time, Rollup::rest as the value, count, min, max and sum as the summary. A chunk begins
// at a multiple of its span, so the one that a bucket is in is found without looking.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "base/result.hpp"
#include "storage/rollup.hpp"
#include "storage/sql/database.hpp"

namespace tocsin::storage::sqlite {

/// Small enough that a late sample rewrites a page or two, large enough that the row around it does not count.
constexpr std::int64_t rollup_chunk_buckets = 144;

/// Adds buckets of one series, by time and of `width`, to what is stored.
base::Result<void> add_rollups(sql::Transaction& t, std::int64_t series, base::Duration width,
                               std::span<const Bucket> buckets);
/// Hands over the stored buckets that begin in [begin, end), by time.
base::Result<std::vector<Bucket>> read_rollups(sql::Transaction& t, std::int64_t series, base::Duration width,
                                               std::int64_t begin, std::int64_t end);

}  // namespace tocsin::storage::sqlite
