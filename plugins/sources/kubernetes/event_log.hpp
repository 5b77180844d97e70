// Which events were told, and how often: the server repeats an event by raising its count, and a list shows all of the
// last hour again.
#pragma once

#include <cstdint>
#include <string>
#include <unordered_map>

#include "facts.hpp"

namespace tocsin_plugins::kube {

class EventLog {
 public:
  enum class Seen { listed, added, modified };

  /// How many times it happened since it was last told; 0: told already. `told_until` is the time of the newest event
  /// told before a restart, 0 at the very first start, when what is there already is not told.
  std::uint64_t rise(const Object& event, Seen how, tsn::Time told_until);
  void remove(const std::string& uid) { known_.erase(uid); }
  void begin_list() { ++list_; }
  void end_list();
  std::size_t size() const noexcept { return known_.size(); }

 private:
  struct Known {
    std::uint64_t count = 0;
    tsn::Time at = 0;
    std::uint64_t list = 0;
  };
  std::unordered_map<std::string, Known> known_;
  std::uint64_t list_ = 0;
  bool whole_ = false;  ///< a list was read to its end: what is not known is new
};

}  // namespace tocsin_plugins::kube
