// Several agents may raise the same alert: the same rule over signals that each of them sees. To people it is one
// alert, which fires until the last of them says that it is over, as two Prometheus servers with the same rules are one
// to their Alertmanager. The desk sees the first one's; the others' rows are kept beside it.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <unordered_map>
#include <vector>

#include "model/alert.hpp"
#include "storage/port.hpp"

namespace tocsin::pipeline {

/// One strand.
class Overlap {
 public:
  Overlap() = default;
  /// Goes on with what was decided by any agent.
  explicit Overlap(const storage::Restored& restored);

  struct Split {
    std::vector<model::Alert> decide;  ///< for the desk, in order
    std::vector<model::Alert> keep;    ///< rows that change nothing for people
  };
  Split take(const std::vector<model::Alert>& alerts);

 private:
  struct Shown {
    std::string id, agent;  ///< of the one the desk has
    base::Time active_at{}, fired_at{};
    std::map<std::string, std::string> by;  ///< agent → id of its alert that fires
  };
  void fire(const model::Alert& alert, Split& out);
  void end(const model::Alert& alert, Split& out);

  std::unordered_map<std::uint64_t, Shown> shown_;  ///< by fingerprint, what fires
};

}  // namespace tocsin::pipeline
