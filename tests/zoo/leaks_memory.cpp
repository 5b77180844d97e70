// Forgets 64 KiB
#include <cstdlib>
#include <cstring>

#include "zoo.hpp"

namespace {

struct Defect {
  ZOO_NAMES(leaks_memory, "Forgets 64 KiB");
  static void act(auto&) {
    if (void* volatile memory = std::malloc(65536)) std::memset(memory, 1, 65536);
  }
};

}  // namespace

ZOO_PLUGIN(Defect)
