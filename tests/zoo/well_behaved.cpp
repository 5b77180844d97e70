// Has no defect: what the others are measured against
#include "zoo.hpp"

namespace {

struct Defect {
  ZOO_NAMES(well_behaved, "Has no defect: what the others are measured against");
  static void act(auto&) {}
};

}  // namespace

ZOO_PLUGIN(Defect)
