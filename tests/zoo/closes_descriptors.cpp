// Closes descriptors that are not its own
#include <unistd.h>

#include "zoo.hpp"

namespace {

struct Defect {
  ZOO_NAMES(closes_descriptors, "Closes descriptors that are not its own");
  static void act(auto&) {
    for (int fd = 3; fd < 1024; ++fd) close(fd);
  }
};

}  // namespace

ZOO_PLUGIN(Defect)
