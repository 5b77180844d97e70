// Writes to an address that is not mapped
#include "zoo.hpp"

namespace {

struct Defect {
  ZOO_NAMES(crash_segv, "Writes to an address that is not mapped");
  static void act(auto&) {
    int* volatile nowhere = reinterpret_cast<int*>(8);  // volatile: the compiler must not see it coming
    *nowhere = 1;
  }
};

}  // namespace

ZOO_PLUGIN(Defect)
