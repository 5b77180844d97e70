// Takes memory without end
#include <cstdlib>
#include <cstring>

#include "zoo.hpp"

namespace {

struct Defect {
  ZOO_NAMES(eats_memory, "Takes memory without end");
  /// Up to 3 GiB, so that a machine without a limit for it survives the test.
  static void act(auto&) {
    constexpr std::size_t piece = std::size_t{16} << 20, most = std::size_t{3} << 30;
    for (std::size_t taken = 0; taken < most; taken += piece)
      if (void* memory = std::malloc(piece))
        std::memset(memory, 0x5a, piece);
      else
        throw std::bad_alloc();
  }
};

}  // namespace

ZOO_PLUGIN(Defect)
