// What holds an alert back, and until when.
#pragma once

#include <string>

#include "base/clock.hpp"
#include "model/verdict.hpp"

namespace tocsin::incidents {

struct Held {
  model::VerdictKind kind;
  std::string by;
  base::Time until;
};

}  // namespace tocsin::incidents
