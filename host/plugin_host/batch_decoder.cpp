#include "plugin_host/batch_decoder.hpp"

#include <bit>
#include <cmath>
#include <cstddef>
#include <cstring>
#include <limits>
#include <string_view>
#include <unordered_map>

namespace tocsin::plugin_host {
namespace {

using base::fail;
using base::Fault;
using base::Result;

constexpr std::uint32_t column_ids = TSN_COL_ORIGIN_LINE + 1;
constexpr std::uint32_t max_columns = 256;

std::unexpected<base::Error> bad(std::string what) {
  return fail(Fault::invalid, "batch: " + std::move(what));
}
std::string named(std::uint32_t id) {
  return "column " + std::to_string(id);
}

/// The type a known column must have; 0: its id is unknown or reserved and the column is skipped.
constexpr std::uint32_t type_of(std::uint32_t id) {
  switch (id) {
    case TSN_COL_TS:
      return TSN_TYPE_I64;
    case TSN_COL_VALUE:
      return TSN_TYPE_F64;
    case TSN_COL_SERIES:
    case TSN_COL_ORIGIN_OFFSET:
    case TSN_COL_ORIGIN_LINE:
      return TSN_TYPE_U64;
    case TSN_COL_FLAGS:
    case TSN_COL_SEVERITY:
      return TSN_TYPE_U32;
    case TSN_COL_TEXT:
    case TSN_COL_ATTRIBUTES:
    case TSN_COL_BODY:
    case TSN_COL_ORIGIN_FILE:
      return TSN_TYPE_BYTES;
    case TSN_COL_SUMMARY:
      return TSN_TYPE_F64X5;
    case TSN_COL_TRACE_ID:
      return TSN_TYPE_FIXED16;
    case TSN_COL_SPAN_ID:
      return TSN_TYPE_FIXED8;
    default:
      return 0;
  }
}

constexpr std::uint64_t width_of(std::uint32_t type) {
  switch (type) {
    case TSN_TYPE_U32:
    case TSN_TYPE_BYTES:
      return 4;  // of its table of ends
    case TSN_TYPE_F64X5:
      return 40;
    case TSN_TYPE_FIXED16:
      return 16;
    default:
      return 8;
  }
}

/// The checked places of the known columns; null: not there.
struct Columns {
  std::uint32_t rows = 0;
  const char* at[column_ids] = {};
  std::uint64_t bytes[column_ids] = {};

  template <class T>
  const T* get(std::uint32_t id) const {
    return reinterpret_cast<const T*>(at[id]);
  }
};

Result<void> add_column(const char* block, std::uint64_t block_bytes, const tsn_column& column, Columns& out) {
  std::uint32_t type = column.id < column_ids ? type_of(column.id) : 0;
  if (type == 0) return {};
  if (column.type != type)
    return bad(named(column.id) + " has the type " + std::to_string(column.type) + " instead of " +
               std::to_string(type));
  if (out.at[column.id] != nullptr) return bad(named(column.id) + " is there twice");
  if (column.offset % 8 != 0) return bad(named(column.id) + " is not aligned to 8 bytes");
  if (column.offset > block_bytes || column.bytes > block_bytes - column.offset)
    return bad(named(column.id) + " lies outside the block");
  if (column.bytes < out.rows * width_of(type))
    return bad(named(column.id) + " is too short for " + std::to_string(out.rows) + " rows");
  out.at[column.id] = block + column.offset;
  out.bytes[column.id] = column.bytes;
  return {};
}

Result<void> locate(const tsn_batch* block, Columns& out) {
  constexpr std::uint32_t head = sizeof(tsn_batch);
  if (block == nullptr) return bad("there is none");
  if (reinterpret_cast<std::uintptr_t>(block) % 8 != 0) return bad("the block is not aligned to 8 bytes");
  tsn_batch header{};
  if (block->size < head) return bad("its header has only " + std::to_string(block->size) + " bytes");
  std::memcpy(&header, block, head);
  if (header.rows > max_batch_rows) return bad("it has " + std::to_string(header.rows) + " rows, 1048576 are possible");
  if (header.bytes > max_batch_bytes)
    return bad("it has " + std::to_string(header.bytes) + " bytes, 256 MiB are possible");
  if (header.bytes < header.size) return bad("its length is less than its header's");
  if (header.columns > max_columns)
    return bad("it has " + std::to_string(header.columns) + " columns, 256 are possible");
  if (header.columns > 0 && (header.column_stride < sizeof(tsn_column) || header.column_stride % 8 != 0)) {
    return bad("its column stride is " + std::to_string(header.column_stride));
  }
  std::uint64_t directory_bytes = std::uint64_t{header.columns} * header.column_stride;
  if (header.directory % 8 != 0 || header.directory > header.bytes ||
      directory_bytes > header.bytes - header.directory) {
    return bad("its directory lies outside the block or is not aligned to 8 bytes");
  }
  out.rows = header.rows;
  const char* bytes = reinterpret_cast<const char*>(block);
  for (std::uint32_t i = 0; i < header.columns; ++i) {
    tsn_column column;
    std::memcpy(&column, bytes + header.directory + std::uint64_t{i} * header.column_stride, sizeof column);
    TRY_VOID(add_column(bytes, header.bytes, column, out));
  }
  if (out.rows > 0 && (out.at[TSN_COL_TS] == nullptr || out.at[TSN_COL_SERIES] == nullptr)) {
    return bad("the columns of timestamps (1) and series (3) are required");
  }
  return {};
}

/// Calls take(row, bytes) for each entry of a column of bytes; each end is read once, so that a block that changes
/// meanwhile cannot lead outside.
template <class Take>
Result<void> each_bytes(const Columns& columns, std::uint32_t id, Take&& take) {
  const auto* ends = columns.get<std::uint32_t>(id);
  std::uint64_t table = std::uint64_t{columns.rows} * 4;
  const char* data = columns.at[id] + table;
  std::uint64_t room = columns.bytes[id] - table;
  std::uint64_t from = 0;
  for (std::uint32_t r = 0; r < columns.rows; ++r) {
    std::uint64_t end = ends[r];
    if (end < from || end > room)
      return bad(named(id) + ": the end of row " + std::to_string(r) + " lies before its start or outside");
    take(r, std::string_view(data + from, end - from));
    from = end;
  }
  return {};
}

// The loops below have no branch, so that the compiler can work on several rows at once: what is out of range shows in
// the sign bit of a difference.
constexpr std::uint64_t sign_bit = 1ull << 63;

/// True if any handle was unknown; its row then has no_series.
bool map_series(const Columns& columns, const SeriesRegistry::View& view, std::vector<model::SeriesId>& out) {
  const auto* handles = columns.get<std::uint64_t>(TSN_COL_SERIES);
  const std::uint32_t rows = columns.rows;
  const std::uint64_t first = std::uint64_t{view.generation} << 32 | 1, count = view.count;
  const model::SeriesId* ids = view.ids;
  out.resize(rows);
  model::SeriesId* to = out.data();
  std::uint64_t outside = 0;
  for (std::uint32_t r = 0; r < rows; ++r) {
    const std::uint64_t index = handles[r] - first;  // another generation is far outside
    const model::SeriesId id = ids[index < count ? index : 0];
    to[r] = index < count ? id : no_series;
    outside |= index | (count - 1 - index);
  }
  return (outside & sign_bit) != 0;
}

/// True if any timestamp is outside (0, latest]. 0 is base::no_time, which no event has.
bool any_bad_ts(const std::vector<std::int64_t>& ts, std::int64_t latest) {
  const auto last = static_cast<std::uint64_t>(latest);
  std::uint64_t outside = 0;
  for (std::int64_t t : ts) outside |= (static_cast<std::uint64_t>(t) - 1) | (last - static_cast<std::uint64_t>(t));
  return (outside & sign_bit) != 0;
}

/// True if any value is infinite or NaN: those have an exponent of all ones, and one more carries into the sign.
bool any_not_finite(const std::vector<double>& values) {
  constexpr std::uint64_t exponent = 0x7FF0'0000'0000'0000ull, one = 0x0010'0000'0000'0000ull;
  std::uint64_t found = 0;
  for (double v : values) found |= (std::bit_cast<std::uint64_t>(v) & exponent) + one;
  return (found & sign_bit) != 0;
}

template <class T>
void copy_column(const Columns& columns, std::uint32_t id, std::vector<T>& out) {
  const T* from = columns.get<T>(id);
  if (from == nullptr)
    out.clear();
  else
    out.assign(from, from + columns.rows);
}

Result<void> copy_files(const Columns& columns, model::SignalBatch& out) {
  out.files.clear();
  out.file.clear();
  if (columns.at[TSN_COL_ORIGIN_FILE] == nullptr) return {};
  out.file.resize(columns.rows);
  std::unordered_map<std::string_view, std::uint32_t> seen;
  std::string_view last;
  std::uint32_t index = 0;
  return each_bytes(columns, TSN_COL_ORIGIN_FILE, [&](std::uint32_t r, std::string_view path) {
    if (out.files.empty() || path != last) {  // rows of one file come together
      auto [it, fresh] = seen.emplace(path, static_cast<std::uint32_t>(out.files.size()));
      if (fresh) out.files.emplace_back(path);
      index = it->second;
      last = path;
    }
    out.file[r] = index;
  });
}

Result<void> copy_columns(const Columns& columns, model::SignalBatch& out) {
  static_assert(sizeof(model::Summary) == 40, "copied as 5 x f64");
  copy_column(columns, TSN_COL_TS, out.ts);
  if (columns.at[TSN_COL_VALUE] != nullptr)
    copy_column(columns, TSN_COL_VALUE, out.value);
  else
    out.value.assign(columns.rows, std::numeric_limits<double>::quiet_NaN());
  copy_column(columns, TSN_COL_FLAGS, out.flags);
  copy_column(columns, TSN_COL_SUMMARY, out.summary);
  copy_column(columns, TSN_COL_ORIGIN_LINE, out.line);
  copy_column(columns, TSN_COL_ORIGIN_OFFSET, out.offset);
  out.text.clear();
  if (columns.at[TSN_COL_TEXT] != nullptr) {
    out.text.resize(columns.rows);
    TRY_VOID(each_bytes(columns, TSN_COL_TEXT, [&](std::uint32_t r, std::string_view text) { out.text[r] = text; }));
  }
  for (std::uint32_t id : {TSN_COL_ATTRIBUTES, TSN_COL_BODY}) {
    if (columns.at[id] != nullptr) TRY_VOID(each_bytes(columns, id, [](std::uint32_t, std::string_view) {}));
  }
  return copy_files(columns, out);
}

bool finite(const model::Summary& s) {
  return std::isfinite(s.count) && std::isfinite(s.min) && std::isfinite(s.max) && std::isfinite(s.avg) &&
         std::isfinite(s.sum);
}

/// Why a row cannot be taken; 0: it can.
tsn_reject_reason reason_of(const model::SignalBatch& batch, std::size_t r, std::int64_t latest) {
  if (batch.series[r] == no_series) return TSN_REJECT_SERIES;
  if (batch.ts[r] <= 0) return TSN_REJECT_TIMESTAMP;
  if (batch.ts[r] > latest) return TSN_REJECT_FUTURE;
  if (!batch.flags.empty() && (batch.flags[r] & TSN_ROW_STALE)) return 0;
  bool summarised = !batch.summary.empty() && !std::isnan(batch.summary[r].count);
  if (summarised) return finite(batch.summary[r]) ? 0 : TSN_REJECT_VALUE;
  return std::isfinite(batch.value[r]) ? 0 : TSN_REJECT_VALUE;
}

template <class T>
void keep_rows(std::vector<T>& column, const std::vector<std::uint32_t>& rows) {
  if (column.empty()) return;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    if (rows[i] != i) column[i] = std::move(column[rows[i]]);
  }
  column.resize(rows.size());
}

/// Leaves out the rows that cannot be taken. Only for batches that have a suspicious row.
void sift(model::SignalBatch& batch, std::int64_t latest, DecodedBatch& result) {
  std::vector<std::uint32_t> kept;
  for (std::uint32_t r = 0; r < batch.rows(); ++r) {
    tsn_reject_reason reason = reason_of(batch, r, latest);
    if (reason == 0) {
      kept.push_back(r);
      continue;
    }
    result.rejected.push_back({r, reason});
    result.rejected_series.push_back(batch.series[r]);
    result.rejected_ts.push_back(batch.ts[r]);
  }
  if (result.rejected.empty()) return;
  keep_rows(batch.ts, kept);
  keep_rows(batch.value, kept);
  keep_rows(batch.series, kept);
  keep_rows(batch.flags, kept);
  keep_rows(batch.text, kept);
  keep_rows(batch.summary, kept);
  keep_rows(batch.line, kept);
  keep_rows(batch.offset, kept);
  keep_rows(batch.file, kept);
}

}  // namespace

Result<void> decode_batch(const tsn_batch* block, const SeriesRegistry::View& series, base::Time now,
                          model::SignalBatch& out, DecodedBatch& result) {
  Columns columns;
  TRY_VOID(locate(block, columns));
  TRY_VOID(copy_columns(columns, out));
  const std::int64_t latest = base::to_ns(now) + std::chrono::nanoseconds(std::chrono::minutes(1)).count();
  bool suspicious = map_series(columns, series, out.series);
  suspicious |= any_bad_ts(out.ts, latest);
  suspicious |= any_not_finite(out.value) || !out.summary.empty();
  result.rows = columns.rows;
  result.rejected.clear();
  result.rejected_series.clear();
  result.rejected_ts.clear();
  if (suspicious) sift(out, latest, result);
  return {};
}

}  // namespace tocsin::plugin_host
