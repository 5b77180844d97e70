// An inhibition rule: while a source alert fires, its targets are not told of. Alertmanager's rules.
#pragma once

#include <string>
#include <vector>

#include "model/matcher.hpp"

namespace tocsin::model {

struct InhibitRule {
  std::string name;  ///< shown in explain; empty: "inhibit_rules[N]"
  Matchers source, target;
  std::vector<std::string> equal;  ///< labels whose values are the same on both; a missing one is an empty one
};

}  // namespace tocsin::model
