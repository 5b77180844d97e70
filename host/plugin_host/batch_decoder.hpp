// From a plugin's batch block (abi.h, "batches") to columns of the model. The block is hostile input.
#pragma once

#include <cstdint>
#include <vector>

#include "base/result.hpp"
#include "model/signal.hpp"
#include "plugin_host/series_registry.hpp"
#include "tocsin/abi.h"

namespace tocsin::plugin_host {

/// Limits of one block, so that a wrong length cannot ask for the machine's memory.
constexpr std::uint32_t max_batch_rows = 1u << 20;
constexpr std::uint64_t max_batch_bytes = 256u << 20;

struct DecodedBatch {
  std::uint32_t rows = 0;                ///< of the block
  std::vector<tsn_row_reject> rejected;  ///< in order; series and ts of them are in `rejected_series`, `rejected_ts`
  std::vector<model::SeriesId> rejected_series;  ///< no_series where the handle was unknown
  std::vector<std::int64_t> rejected_ts;
};
constexpr model::SeriesId no_series = ~model::SeriesId{0};

/// Validates the block and fills the columns of `out` (which keeps its capacity); rows that cannot be taken are left
/// out and described. Timestamps may be up to one minute ahead of `now`. Fault::invalid: the block is not a batch;
/// nothing is taken. Severity, attributes, body and trace columns are checked and not kept, because the model has no
/// place for them.
base::Result<void> decode_batch(const tsn_batch* block, const SeriesRegistry::View& series, base::Time now,
                                model::SignalBatch& out, DecodedBatch& result);

}  // namespace tocsin::plugin_host
