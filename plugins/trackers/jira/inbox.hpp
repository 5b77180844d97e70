// Events that wait to be taken: those that a webhook brought, and those that the host wants to be told later. Durable,
// so that what Jira was answered 200 for is not lost.
//
// Each event is a value of its own ("inbox/N") and "inbox" lists the numbers in order: a value of the host's state
// holds 64 KiB, which one list of events with texts would soon outgrow.
#pragma once

#include <mutex>
#include <string>
#include <vector>

#include "event.hpp"
#include "state.hpp"

namespace tocsin_plugins::jira {

/// [any]
class Inbox {
 public:
  static constexpr std::size_t most = 500;

  struct Entry {
    int slot = 0;
    Event event;
    int tries = 0;
    tsn::Time due = 0;    ///< not before
    tsn::Time since = 0;  ///< when it came
  };

  explicit Inbox(State& state) : state_(state) {}

  /// All of them or, where there is no room, none. Throws where the host cannot keep them.
  bool put(const std::vector<Event>& events, tsn::Time now, tsn::Time due);
  /// An event of the ticket waits: a later one has to wait behind it.
  bool holds(const std::string& ticket);
  /// What is due, in order; of each ticket nothing that stands behind one which is not due.
  std::vector<Entry> due(tsn::Time now);
  void done(int slot);
  void later(int slot, tsn::Time due);
  /// When the earliest is due; INT64_MAX: nothing waits.
  tsn::Time next();
  std::size_t size();

 private:
  void load();
  void save_order();
  int free_slot() const;

  State& state_;
  std::mutex mutex_;
  std::vector<Entry> entries_;
  bool loaded_ = false;
};

}  // namespace tocsin_plugins::jira
