// The defects that the suite looks for. Their names are stable: people search for them, and tests name them.
#pragma once

#include <span>
#include <string_view>

namespace tsn::conformance {

struct Defect {
  std::string_view name;
  std::string_view why;     ///< what it does to the agent or its operator
  std::string_view remedy;  ///< what the author does
};

std::span<const Defect> defects();
/// A name that is not in the list is a mistake of the suite: std::logic_error.
const Defect& defect(std::string_view name);

}  // namespace tsn::conformance
