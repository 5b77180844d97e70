// Says that its batch is longer than the memory it lies in: who reads on to the end it names falls off.
#include <sys/mman.h>
#include <unistd.h>

#include "lies.hpp"

namespace {

struct Defect {
  ZOO_NAMES(lying_bytes, "Submits a batch that is shorter than it says");
  static void act(auto& self) {
    const auto page = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
    const auto at = mmap(nullptr, 3 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (at == MAP_FAILED) return;
    auto* memory = static_cast<unsigned char*>(at);
    mprotect(memory + 2 * page, page, PROT_NONE);
    zoo::RawBatch batch(zoo::false_series(self.ctx));
    auto& block = batch.block;
    const auto needed = offsetof(zoo::RawBatch::Block, behind);
    auto* head = reinterpret_cast<tsn_batch*>(memory + 2 * page - (needed + 7) / 8 * 8);
    block.head.bytes = needed + page;
    block.directory[1].offset = needed + 64;
    std::memcpy(static_cast<void*>(head), &block, needed);
    tsn_submitted out{};
    out.size = sizeof out;
    tsn_err err = tsn::detail::empty_err();
    const auto& session = self.ctx.session();
    session.table.submit(session.host, session.instance, head, nullptr, &out, &err);
    munmap(at, 3 * page);
  }
};

}  // namespace

TOCSIN_PLUGIN(zoo::Source<Defect>)
