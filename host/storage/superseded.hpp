// What of several decisions need not be written when they are written together.
#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "model/changes.hpp"

namespace tocsin::storage {

/// Of each incident, delivery, group, ladder and key of kv the newest state stays: of incidents and deliveries in the
/// place of the first, because rows that come between refer to them; of the rest in its own. What is appended (history,
/// timeline, log, verdicts) stays as it is. Written in order, what is left gives the same rows.
void leave_out_superseded(std::vector<model::Changes>& decisions);

/// What decisions that wait for the database will write anyway: of each delivery and group the position of the newest
/// one. What is written before it can leave that row out, because a log that is read again brings it.
class Awaited {
 public:
  Awaited() = default;
  Awaited(const Awaited&) = delete;
  /// Decisions were logged at `position`.
  void note(const std::vector<const model::Changes*>& decisions, std::uint64_t position);
  /// Takes out what will be written from a later position.
  void leave_out(std::vector<model::Changes>& decisions, std::uint64_t position) const;
  /// Everything through `position` is written.
  void forget(std::uint64_t position);

 private:
  using Keys = std::unordered_map<std::string, std::uint64_t>;
  Keys deliveries_, groups_;
  struct Place {
    std::uint64_t position;
    Keys* keys;
    const std::string* key;  ///< in `keys`
  };
  std::deque<Place> by_position_;
  void await(Keys& keys, const std::string& key, std::uint64_t position);
};

}  // namespace tocsin::storage
