// A directory of columns that lies, each time in another way.
#include "lies.hpp"

namespace {

using Block = zoo::RawBatch::Block;
void (*const lies[])(Block&) = {
    [](Block& b) { b.directory[1].offset = b.head.bytes + 4096; },
    [](Block& b) { b.directory[1].offset = ~std::uint64_t{0} - 7, b.directory[1].bytes = 64; },
    [](Block& b) { b.directory[1].offset += 4; },
    [](Block& b) { b.directory[1].bytes = 8; },
    [](Block& b) { b.directory[1].bytes = ~std::uint64_t{0}; },
    [](Block& b) { b.directory[1].type = TSN_TYPE_BYTES; },
    [](Block& b) { b.directory[1].id = TSN_COL_TS; },
    [](Block& b) { b.directory[0].id = 9999; },
    [](Block& b) { b.directory[3].type = 77; },
    [](Block& b) { b.ends[3] = 60, b.ends[4] = 1; },
    [](Block& b) { b.ends[zoo::RawBatch::rows - 1] = ~std::uint32_t{0}; },
    [](Block& b) { b.head.directory = b.head.bytes; },
    [](Block& b) { b.head.directory = ~std::uint64_t{0} - 7; },
    [](Block& b) { b.head.column_stride = 0; },
    [](Block& b) { b.head.columns = ~std::uint32_t{0}; },
    [](Block& b) { b.head.rows = ~std::uint32_t{0}; },
    [](Block& b) { b.head.rows *= 2; },
    [](Block& b) { b.head.bytes = 8; },
    [](Block& b) { b.head.size = 4; },
    [](Block& b) { b.head.size = 0; },
};

struct Defect {
  ZOO_NAMES(lying_columns, "Submits batches whose directory lies");
  static void act(auto& self) {
    for (const auto lie : lies) {
      zoo::RawBatch batch(zoo::false_series(self.ctx));
      lie(batch.block);
      (void)batch.submit(self.ctx.session());
    }
  }
};

}  // namespace

TOCSIN_PLUGIN(zoo::Source<Defect>)
