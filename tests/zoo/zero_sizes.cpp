// Leaves `size` at zero in the structs that it fills.
#include "zoo.hpp"

namespace {

struct Defect {
  ZOO_NAMES(zero_sizes, "Leaves the size of its structs at zero");
  static void act(auto&) {}
};
using Source = zoo::Source<Defect>;

const tsn_plugin* plugin() {
  static zoo::Opened<Source> source;
  source.type.size = 0;
  source.source.size = 0;
  static const tsn_type* const types[] = {source.closed()};
  static const tsn_plugin made{sizeof made, TSN_ABI_VERSION, types, 1, 0};
  return &made;
}

}  // namespace

ZOO_EXPORT(plugin(), Source)
