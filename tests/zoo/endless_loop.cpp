// Never returns and burns its thread
#include "zoo.hpp"

namespace {

struct Defect {
  ZOO_NAMES(endless_loop, "Never returns and burns its thread");
  static void act(auto&) {
    for (;;) asm volatile("");
  }
};

}  // namespace

ZOO_PLUGIN(Defect)
