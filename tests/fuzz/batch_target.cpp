// links: tocsin_plugin_host
// libFuzzer target for batches of a hostile plugin. The input is the block itself; its length field is held to what
// there is, because in one process nobody can know how much memory a pointer leads to.
#include <algorithm>
#include <cmath>
#include <cstddef>

#include "plugin_host/batch_decoder.hpp"
#include "target.hpp"

using namespace tocsin;
using namespace tocsin::plugin_host;
using fuzz::require;

namespace {

constexpr std::int64_t now = 1'700'000'000'000'000'000;

template <class T>
bool whole(const std::vector<T>& column, std::size_t rows) {
  return column.empty() || column.size() == rows;
}

void check_row(const model::SignalBatch& batch, std::size_t r, std::uint32_t series) {
  require(batch.series[r] < series, "an accepted row has a known series");
  require(batch.ts[r] > 0 && batch.ts[r] <= now + 60'000'000'000, "an accepted row has a time within the limits");
  const bool stale = !batch.flags.empty() && (batch.flags[r] & TSN_ROW_STALE);
  const bool summarised = !batch.summary.empty() && !std::isnan(batch.summary[r].count);
  if (!stale && !summarised) require(std::isfinite(batch.value[r]), "an accepted row has a finite value");
  if (!stale && summarised)
    require(std::isfinite(batch.summary[r].sum) && std::isfinite(batch.summary[r].count), "a summary is finite");
  if (!batch.file.empty()) require(batch.file[r] < batch.files.size(), "a row's file is one of the batch's");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static model::SeriesTable table;
  static SeriesRegistry registry(table, {}, 4, 77);
  static const bool filled = [] {
    tsn_series handle = 0;
    return registry.intern({"a", 1}, nullptr, 0, &handle, nullptr) == TSN_OK &&
           registry.intern({"b", 1}, nullptr, 0, &handle, nullptr) == TSN_OK;
  }();
  require(filled, "two series are known");
  if (size < sizeof(tsn_batch)) return 0;
  const fuzz::Exact block({reinterpret_cast<const char*>(data), size});
  auto* header = reinterpret_cast<tsn_batch*>(block.data());
  header->bytes = std::min<std::uint64_t>(header->bytes, size);
  header->size = std::min(header->size, static_cast<std::uint32_t>(size));
  static model::SignalBatch batch;  // kept, as instances keep theirs
  static DecodedBatch result;
  if (!decode_batch(header, registry.snapshot(), base::from_ns(now), batch, result)) return 0;
  const std::size_t rows = batch.rows();
  require(result.rows == header->rows && rows + result.rejected.size() == header->rows,
          "every row of a block is taken or refused");
  require(
      result.rejected_ts.size() == result.rejected.size() && result.rejected_series.size() == result.rejected_ts.size(),
      "a refused row is described");
  require(batch.value.size() == rows && batch.series.size() == rows, "columns are as long as the batch");
  require(whole(batch.flags, rows) && whole(batch.text, rows) && whole(batch.summary, rows) &&
              whole(batch.line, rows) && whole(batch.offset, rows) && whole(batch.file, rows),
          "other columns are empty or as long as the batch");
  for (std::size_t r = 0; r < rows; ++r) check_row(batch, r, table.size());
  for (const tsn_row_reject& refused : result.rejected) require(refused.row < header->rows, "a refused row was there");
  return 0;
}
