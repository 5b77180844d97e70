// Prints its secret
#include <cstdio>

#include "zoo.hpp"

namespace {

struct Defect {
  ZOO_NAMES(prints_secret, "Prints its secret");
  static void act(auto& self) {
    std::printf("token %s\n", self.secret.c_str());
    std::fflush(stdout);
  }
};

}  // namespace

ZOO_PLUGIN(Defect)
