// All silences of the desk: which holds an alert back, and how people set, edit and expire them. Alertmanager's rules;
// further: recurring ones, until resolved, exceptions, those of agent.toml.
//
// A silence is found by one of its equality matchers (or a regular expression that only lists words), so an alert is
// compared with the silences that could mean it, not with all. No I/O; what is decided is appended to the rows to keep.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "incidents/held.hpp"
#include "incidents/recurrence.hpp"
#include "model/alert.hpp"
#include "model/routing.hpp"
#include "model/silence.hpp"

namespace tocsin::incidents {

using FiringAlerts = std::vector<const model::Alert*>;

class Silences {
 public:
  using Rows = std::vector<model::Silence>;
  static constexpr std::size_t most_silences = 100'000;
  static constexpr std::size_t most_matchers = 200;
  static constexpr std::size_t most_bytes = 64 * 1024;  ///< of one silence's texts

  Silences() = default;
  Silences(Silences&&) = default;  // the indexes point into by_id_, whose nodes move along
  Silences& operator=(Silences&&) = default;

  // --- questions ---------------------------------------------------------------------------------------------------
  /// The silence that holds the alert back now; of several the one that does so longest.
  std::optional<Held> of(const model::Alert& alert, base::Time now) const;
  /// The ids of all of them, in order.
  std::vector<std::string> silenced_by(const model::Alert& alert, base::Time now) const;
  /// Whether its matchers and exceptions mean the alert, whatever the time.
  bool means(const model::Silence& silence, const model::Alert& alert) const;
  /// Active by end, pending by start, expired newest first. `filter` as Alertmanager has it: compared with the values
  /// of the silence's matchers.
  std::vector<model::Silence> list(base::Time now, const model::Matchers& filter = {}) const;
  const model::Silence* find(const std::string& id) const;

  /// Whether it holds now, and when that changes; `until` no_time: not known, or never.
  struct Phase {
    bool holds = false;
    base::Time until{};
  };
  static Phase phase(const model::Silence& silence, base::Time now);

  // --- decisions ---------------------------------------------------------------------------------------------------
  /// New without an id; with one, an edit: end, comment and author change in place, anything else expires the old one
  /// and makes another. Returns the id. `firing`: what one until resolved waits for.
  base::Result<std::string> set(model::Silence silence, base::Time now, const FiringAlerts& firing, Rows& out);
  base::Result<void> expire(const std::string& id, const std::string& actor, base::Time now, Rows& out);
  /// Alerts come and go: ends those that wait until resolved.
  void fired(const model::Alert& alert);
  void resolved(const model::Alert& alert, base::Time now, Rows& out);
  /// What time does: those until resolved that begin with nothing to wait for end, those expired long ago are
  /// forgotten.
  void advance(base::Time now, Rows& out);
  std::optional<base::Time> next_due() const;

  // --- what is known -----------------------------------------------------------------------------------------------
  /// Rows of the store, the newer of two with one id. `firing` as of set().
  void learn(Rows rows, base::Time now, const FiringAlerts& firing);
  /// Those of agent.toml, whole; they are not kept.
  void configure(const Rows& configured, const model::SeverityMap& severities);

 private:
  struct Entry {
    model::Silence silence;
    std::optional<Recurring> recurring;
    bool unreadable = false;          ///< its recurrence cannot be read: it holds nothing
    std::vector<std::uint64_t> keys;  ///< where it stands in by_value_; empty: in others_
    bool listed = false;
    std::unordered_map<std::uint64_t, std::string> waits_for;  ///< fingerprint → alert id; of one until resolved
    base::Time wake = base::no_time;
  };
  class Subject;

  /// Until when it holds the alert back; nothing: it does not.
  std::optional<base::Time> held_until(const Entry& entry, const Subject& subject, base::Time now) const;
  template <class Visit>
  void each_that_holds(const model::Alert& alert, base::Time now, Visit visit) const;
  Entry& put(model::Silence silence, base::Time now);
  void end(Entry& entry, const std::string& actor, base::Time now, Rows& out);
  void watch(Entry& entry, const FiringAlerts& firing, base::Time now);
  void wait_for(Entry& entry, const model::Alert& alert);
  void enlist(Entry& entry);
  void unlist(Entry& entry);
  void schedule(Entry& entry, base::Time now);
  void erase(Entry& entry);

  std::unordered_map<std::string, Entry> by_id_;                           ///< entries stay where they are
  std::unordered_map<std::uint64_t, std::vector<const Entry*>> by_value_;  ///< hash of label and value
  std::vector<const Entry*> others_;                                       ///< those without a value to find them by
  std::set<std::string> watching_;                                         ///< those until resolved
  std::set<std::pair<base::Time, std::string>> ends_, wakes_;
  model::SeverityMap severities_;
};

/// Alertmanager's rules for what may be kept; nothing is decided.
base::Result<void> check_silence(const model::Silence& silence, base::Time now);

/// A silence of agent.toml keeps its id as long as its name.
std::string configured_silence_id(const std::string& name);

/// What is worth a second look before it is set; empty: nothing. Of `firing` alerts `matching` are meant.
std::string silence_warning(const model::Silence& silence, std::size_t matching, std::size_t firing);

}  // namespace tocsin::incidents
