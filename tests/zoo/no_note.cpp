// Exports its entry and carries no note.
#include "zoo.hpp"

namespace {

struct Defect {
  ZOO_NAMES(no_note, "Carries no note");
  static void act(auto&) {}
};

}  // namespace

extern "C" [[gnu::visibility("default")]] const tsn_plugin* tsn_plugin_entry_v1() noexcept;
extern "C" const tsn_plugin* tsn_plugin_entry_v1() noexcept {
  return &tsn::detail::plugin_of<zoo::Source<Defect>>;
}
