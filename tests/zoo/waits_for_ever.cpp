// Never returns and sleeps
#include <unistd.h>

#include "zoo.hpp"

namespace {

struct Defect {
  ZOO_NAMES(waits_for_ever, "Never returns and sleeps");
  static void act(auto&) {
    for (;;) pause();
  }
};

}  // namespace

ZOO_PLUGIN(Defect)
