// How many issues a project may get in a window of time, and the collecting issue that takes what is beyond.
//
// An incident's place is decided once and kept before anything is created: a retry in a later window, or after a
// restart, finds it again, so no incident gets both an issue of its own and a place in a collecting one.
#pragma once

#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "settings.hpp"
#include "state.hpp"

namespace tocsin_plugins::jira {

class Collecting {
 public:
  Collecting(const Settings& settings, tsn::Context ctx, State& state)
      : settings_(settings), ctx_(ctx), state_(state) {}

  /// The label of the collecting issue that takes this incident; empty: it gets an issue of its own. Counts the
  /// incident.
  std::string place_of(const std::string& project, std::string_view correlation_id);

  /// The collecting issue with this label; empty: it is not known yet.
  std::string issue(const std::string& label);
  /// It was created or found.
  void is(const std::string& label, const std::string& key);
  /// The incident was written into it.
  void add(const std::string& key, std::string_view correlation_id);

  /// A collecting issue, of the newest 200.
  bool collects(const std::string& key);
  /// Correlation ids of its incidents.
  std::vector<std::string> incidents(const std::string& key);

 private:
  void load();
  void save();

  const Settings& settings_;
  tsn::Context ctx_;
  State& state_;
  struct Known {
    std::string label, key;
  };
  std::vector<Known> issues_;  ///< kept as "collecting"
  bool loaded_ = false;
};

}  // namespace tocsin_plugins::jira
