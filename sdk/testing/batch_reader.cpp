// Reads a tsn_batch as a host must: trusting no offset.
#include <sys/uio.h>
#include <unistd.h>

#include <cerrno>
#include <cmath>

#include "state.hpp"

namespace tsn::testing {
namespace {

struct ColumnForm {
  tsn_column_id id;
  tsn_column_type type;
};
constexpr ColumnForm forms[] = {{TSN_COL_TS, TSN_TYPE_I64},
                                {TSN_COL_VALUE, TSN_TYPE_F64},
                                {TSN_COL_SERIES, TSN_TYPE_U64},
                                {TSN_COL_FLAGS, TSN_TYPE_U32},
                                {TSN_COL_TEXT, TSN_TYPE_BYTES},
                                {TSN_COL_SUMMARY, TSN_TYPE_F64X5},
                                {TSN_COL_SEVERITY, TSN_TYPE_U32},
                                {TSN_COL_ATTRIBUTES, TSN_TYPE_BYTES},
                                {TSN_COL_BODY, TSN_TYPE_BYTES},
                                {TSN_COL_ORIGIN_FILE, TSN_TYPE_BYTES},
                                {TSN_COL_ORIGIN_OFFSET, TSN_TYPE_U64},
                                {TSN_COL_ORIGIN_LINE, TSN_TYPE_U64}};

std::uint64_t width(tsn_column_type type) {
  switch (type) {
    case TSN_TYPE_U32:
    case TSN_TYPE_BYTES:
      return 4;
    case TSN_TYPE_F64X5:
      return 40;
    case TSN_TYPE_FIXED16:
      return 16;
    default:
      return 8;
  }
}

template <class Entry>
Entry entry(const unsigned char* data, std::uint32_t row) {
  Entry out;
  std::memcpy(&out, data + std::size_t{row} * sizeof(Entry), sizeof(Entry));
  return out;
}

Breach lies(std::string text) {
  return {"lying_columns", std::move(text)};
}

/// Whether the memory can be read, asked of the kernel: reading it here would end the process.
bool readable(const void* from, std::uint64_t bytes) {
  char piece[4096];
  for (std::uint64_t at = 0; at < bytes; at += sizeof piece) {
    const auto count = std::min<std::uint64_t>(sizeof piece, bytes - at);
    const iovec to{piece, count};
    const iovec of{const_cast<char*>(static_cast<const char*>(from)) + at, count};
    if (process_vm_readv(getpid(), &to, 1, &of, 1, 0) != static_cast<ssize_t>(count))
      return errno == EPERM || errno == ENOSYS;
  }
  return true;
}

Breach check(const tsn_column& column, std::uint32_t rows, std::uint64_t block, const unsigned char* data) {
  const auto label = "column " + std::to_string(column.id);
  for (const auto& form : forms)
    if (form.id == column.id && form.type != column.type)
      return lies(label + " has type " + std::to_string(column.type));
  if (column.offset % 8) return lies(label + " is not aligned to 8");
  if (column.offset > block || column.bytes > block - column.offset)
    return {"writes_past_batch", label + " reaches beyond the block"};
  if (column.type < TSN_TYPE_I64 || column.type > TSN_TYPE_FIXED8) return lies(label + " is of no known type");
  if (column.bytes < std::uint64_t{width(column.type)} * rows) return lies(label + " is shorter than the rows");
  if (column.type != TSN_TYPE_BYTES) return {};
  std::uint32_t before = 0;
  for (std::uint32_t row = 0; row < rows; ++row) {
    const auto end = entry<std::uint32_t>(data + column.offset, row);
    if (end < before || std::uint64_t{4} * rows + end > column.bytes)
      return lies(label + ": ends are not in order or too large");
    before = end;
  }
  return {};
}

std::string text(const unsigned char* data, std::uint32_t rows, std::uint32_t row) {
  const auto from = row ? entry<std::uint32_t>(data, row - 1) : 0;
  const auto to = entry<std::uint32_t>(data, row);
  return {reinterpret_cast<const char*>(data) + std::size_t{4} * rows + from, to - from};
}

void read_column(const tsn_column& column, const unsigned char* data, std::vector<Row>& rows,
                 std::vector<tsn_series>& series) {
  const auto count = static_cast<std::uint32_t>(rows.size());
  for (std::uint32_t i = 0; i < count; ++i) {
    auto& row = rows[i];
    switch (column.id) {
      case TSN_COL_TS:
        row.ts = entry<Time>(data, i);
        break;
      case TSN_COL_VALUE:
        row.value = entry<double>(data, i);
        break;
      case TSN_COL_SERIES:
        series[i] = entry<tsn_series>(data, i);
        break;
      case TSN_COL_FLAGS:
        row.flags = entry<std::uint32_t>(data, i);
        break;
      case TSN_COL_SEVERITY:
        row.severity = entry<std::uint32_t>(data, i);
        break;
      case TSN_COL_TEXT:
        row.text = text(data, count, i);
        break;
      case TSN_COL_ATTRIBUTES:
        row.attributes = text(data, count, i);
        break;
      case TSN_COL_BODY:
        row.body = text(data, count, i);
        break;
      case TSN_COL_ORIGIN_FILE:
        row.origin_file = text(data, count, i);
        break;
      case TSN_COL_ORIGIN_OFFSET:
        row.origin_offset = entry<std::uint64_t>(data, i);
        break;
      case TSN_COL_ORIGIN_LINE:
        row.origin_line = entry<std::uint64_t>(data, i);
        break;
      case TSN_COL_SUMMARY: {
        const auto summary = entry<Summary>(data, i);
        if (!std::isnan(summary.count)) row.summary = summary;
        break;
      }
      default:
        return;
    }
  }
}

}  // namespace

Breach read_batch(const tsn_batch* source, std::vector<Row>& rows, std::vector<tsn_series>& series) {
  const auto batch = detail::read_struct(source);
  const auto* block = reinterpret_cast<const unsigned char*>(source);
  if (batch.size < sizeof(tsn_batch)) return lies("the header's size is " + std::to_string(batch.size));
  if (batch.bytes < batch.size) return lies("the block is shorter than its header");
  if (!readable(source, batch.bytes)) return {"lying_bytes", "the block is shorter than the bytes it names"};
  const auto directory = std::uint64_t{batch.columns} * batch.column_stride;
  if (batch.column_stride < sizeof(tsn_column) || batch.directory > batch.bytes ||
      directory > batch.bytes - batch.directory)
    return lies("the directory reaches beyond the block");
  if (batch.rows > batch.bytes / 16) return lies("there are more rows than the block can hold");
  rows.assign(batch.rows, Row{});
  for (auto& row : rows) row.value = std::nan("");
  series.assign(batch.rows, 0);
  std::set<tsn_column_id> seen;
  for (std::uint32_t i = 0; i < batch.columns; ++i) {
    const auto column =
        detail::read_element(reinterpret_cast<const tsn_column*>(block + batch.directory), batch.column_stride, i);
    if (auto wrong = check(column, batch.rows, batch.bytes, block); !wrong.text.empty()) return wrong;
    if (!seen.insert(column.id).second) return lies("column " + std::to_string(column.id) + " is there twice");
    read_column(column, block + column.offset, rows, series);
  }
  if (!seen.contains(TSN_COL_TS) || !seen.contains(TSN_COL_SERIES))
    return lies("the columns ts and series are required");
  return {};
}

}  // namespace tsn::testing
