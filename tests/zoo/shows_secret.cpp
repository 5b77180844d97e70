// Tells its secret in the log
#include "zoo.hpp"

namespace {

struct Defect {
  ZOO_NAMES(shows_secret, "Tells its secret in the log");
  static void act(auto& self) { self.ctx.warn("server refused token " + self.secret); }
};

}  // namespace

ZOO_PLUGIN(Defect)
