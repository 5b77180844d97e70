// A check in a process of its own, watched: a crash, a hang, an exit or a swallowed machine is a finding, not the end.
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "checks.hpp"

namespace tsn::conformance {

/// What the plugin declares, hence may do in the child.
struct Allowed {
  bool network = false, processes = false;
};

struct Limits {
  std::chrono::milliseconds call{3000};  ///< one call into the plugin; its deadline is well before
  std::chrono::milliseconds check{60'000};
  std::size_t memory = std::size_t{512} << 20;  ///< resident, of the whole child
};

struct Outcome {
  std::vector<Finding> findings;
  std::string remark;
  bool hung = false;  ///< it had to be ended
};

Outcome run_apart(const Check& check, const Subject& subject, const Allowed& allowed, const Limits& limits);

/// In the child: whose functions are called from now on, for `where` of a finding. The text must stay.
void now_calling(const char* type_id);
/// In the child: "type: function()" of the call that runs or ran last.
std::string last_call();

}  // namespace tsn::conformance
