// A batch of three columns whose every field a file can falsify before it is handed over.
#pragma once

#include <cstring>
#include <vector>

#include "zoo.hpp"

namespace zoo {

struct RawBatch {
  static constexpr std::uint32_t rows = 8, columns = 4;
  struct Block {
    tsn_batch head;
    tsn_column directory[columns];
    std::int64_t ts[rows];
    double value[rows];
    tsn_series series[rows];
    std::uint32_t ends[rows];
    char text[64];
    char behind[4096];  ///< memory of the plugin that the batch does not own
  };

  explicit RawBatch(tsn_series of) {
    std::memset(&block, 0, sizeof block);
    block.head = {sizeof(tsn_batch),          rows,    offsetof(Block, behind), 0,
                  offsetof(Block, directory), columns, sizeof(tsn_column)};
    block.directory[0] = {TSN_COL_TS, TSN_TYPE_I64, offsetof(Block, ts), sizeof block.ts};
    block.directory[1] = {TSN_COL_VALUE, TSN_TYPE_F64, offsetof(Block, value), sizeof block.value};
    block.directory[2] = {TSN_COL_SERIES, TSN_TYPE_U64, offsetof(Block, series), sizeof block.series};
    block.directory[3] = {TSN_COL_TEXT, TSN_TYPE_BYTES, offsetof(Block, ends), sizeof block.ends + sizeof block.text};
    for (std::uint32_t row = 0; row < rows; ++row) {
      block.ts[row] = tsn::now();
      block.value[row] = -1;  // whoever takes a row of a false batch shows it
      block.series[row] = of;
      block.ends[row] = row;
    }
  }
  tsn_status submit(const tsn::detail::Session& session) const {
    tsn_submitted out{};
    out.size = sizeof out;
    tsn_err err = tsn::detail::empty_err();
    return session.table.submit(session.host, session.instance, &block.head, nullptr, &out, &err);
  }

  Block block;
};

/// A series of its own, so that `zoo.seq` stays without a gap whatever becomes of the false rows.
inline tsn_series false_series(const tsn::Context& ctx) {
  return ctx.series("zoo.false", {{"zoo", ctx.name()}}).handle;
}

}  // namespace zoo
