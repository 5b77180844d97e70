// Opens a file and forgets it
#include <fcntl.h>

#include "zoo.hpp"

namespace {

struct Defect {
  ZOO_NAMES(leaks_descriptors, "Opens a file and forgets it");
  static void act(auto&) { (void)!open("/dev/null", O_RDONLY | O_CLOEXEC); }
};

}  // namespace

ZOO_PLUGIN(Defect)
