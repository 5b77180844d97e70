// Writes more rows than its batch has room for, and hands it over with columns that end outside of it.
#include "lies.hpp"

namespace {

struct Defect {
  ZOO_NAMES(writes_past_batch, "Writes past its batch");
  static void act(auto& self) {
    zoo::RawBatch batch(zoo::false_series(self.ctx));
    auto& block = batch.block;
    block.head.rows *= 2;
    for (auto& column : block.directory) column.bytes *= 2;
    std::memset(block.behind, 0x5a, sizeof block.behind);
    (void)batch.submit(self.ctx.session());
  }
};

}  // namespace

TOCSIN_PLUGIN(zoo::Source<Defect>)
