// Its note tells another version and another default than its code.
#include "zoo.hpp"

namespace {

struct Defect {
  ZOO_NAMES(note_differs, "Its note and its code disagree");
  static void act(auto&) {}
};
using Source = zoo::Source<Defect>;
struct Told : Source {
  static constexpr auto version = "0.9.0";
};

}  // namespace

ZOO_EXPORT((&tsn::detail::plugin_of<Source>), Told)
