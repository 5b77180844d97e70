// What is remembered of events: which were taken already, and when a ticket last moved an incident.
#pragma once

#include <deque>
#include <set>
#include <string>
#include <string_view>

#include "state.hpp"

namespace tocsin_plugins::jira {

/// Ids of events that were taken, the newest 2000, kept as "seen". The host keeps its own newest thousand, so an event
/// that was answered for just before a kill is not taken twice either.
class Seen {
 public:
  explicit Seen(State& state) : state_(state) {}
  bool contains(const std::string& id);
  void add(const std::string& id);
  /// Writes what was added.
  void save();

 private:
  void load();
  void keep(std::string id);

  State& state_;
  std::deque<std::string> order_;
  std::set<std::string> ids_;
  bool loaded_ = false, changed_ = false;
};

/// When a status of Jira's was last brought into the incident of a ticket, or an owner (see owner_in()), by our clock:
/// the newest 300, kept as "brought". A change of the incident from before that was overtaken.
class Brought {
 public:
  explicit Brought(State& state) : state_(state) {}
  void note(const std::string& ticket, tsn::Time at);
  /// 0: never, or long ago.
  tsn::Time at(const std::string& ticket);
  /// We made the ticket, so that the host may not know its key yet; in memory.
  void created(const std::string& ticket, tsn::Time at);
  tsn::Time created_at(const std::string& ticket) const;

 private:
  void load();

  State& state_;
  std::deque<std::pair<std::string, tsn::Time>> entries_, created_;  ///< the newest last
  bool loaded_ = false;
};

/// Under which a ticket's owner is noted.
inline std::string owner_in(const std::string& ticket) {
  return ticket + "/owner";
}

}  // namespace tocsin_plugins::jira
