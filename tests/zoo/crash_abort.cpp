// Calls abort()
#include <cstdlib>

#include "zoo.hpp"

namespace {

struct Defect {
  ZOO_NAMES(crash_abort, "Calls abort()");
  static void act(auto&) { std::abort(); }
};

}  // namespace

ZOO_PLUGIN(Defect)
