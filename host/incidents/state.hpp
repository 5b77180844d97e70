// What the desk holds in memory: incidents with their alerts and ladders, and groups with their notification records.
// All of it is rebuilt from what was committed.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "incidents/held.hpp"
#include "model/changes.hpp"

namespace tocsin::incidents {

/// A further way to somebody who was told: the next of the contact's preferences, unless somebody answers before.
struct FollowUp {
  base::Time at{};
  std::string target;  ///< exact
  std::string reason;  ///< of the delivery: "ladder step 1, by preference"
  std::string cause;   ///< of the telling it follows, for the delivery's key
};

/// A drill: an incident that nothing is behind, which ends by itself.
struct DrillState {
  base::Time until{};    ///< no_time: it is none
  bool tickets = false;  ///< trackers hear of it too
};

/// A ladder on its way, or stopped. The row is kept while the incident may still change, because it says who was told.
/// Format: the people told stand in the row as one more step behind the others, marked by a wait of -1 ns, as exact
/// targets ("mail:contact.first"); so a reload or a restart does not change who hears of the end. Before it, marked by
/// -2 ns, the paths of the routes the steps came from, where hours decide which of an incident's routes escalate;
/// behind them, marked by -3 ns, that the end is owed; by -4 ns, the follow-ups; by -5 ns, that it is a drill's.
struct Climb {
  model::Ladder row;                ///< without the marks
  std::vector<std::string> told;    ///< exact targets, in the order they were told
  std::vector<std::string> routes;  ///< paths; empty: of all the incident's routes
  bool owes_end = false;            ///< it ended while it flapped: told when it has settled
  std::vector<FollowUp> follow_ups;
  DrillState drill;
  bool exists = false;
  /// The step that is due is held back and looked at again then; no_time: it is not. Not kept: row.next_at is past
  /// then, so that a restart looks at once.
  base::Time look_at{};
  std::map<std::uint64_t, Held> held;  ///< what was last said of each alert; not kept
  // Of the step taken last: deliveries that may still succeed, and whether one did. Not kept.
  std::set<std::string> hopes;
  bool reached = false;
  base::Time follow_due{}, drill_due{};  ///< as they stand in the due list

  static Climb from_row(model::Ladder row);
  model::Ladder to_row() const;
  bool running() const { return exists && row.next_at != base::no_time; }
  base::Time due() const { return look_at != base::no_time ? look_at : row.next_at; }
  bool worth_keeping() const { return exists || !told.empty() || drill.until != base::no_time; }
  void stop() { row.next_at = base::no_time; }
  bool rounds_left() const { return row.repeat < 0 || row.round < static_cast<std::uint32_t>(row.repeat); }
  /// It has told everybody it names.
  bool spent() const { return row.next_step >= row.steps.size() && !rounds_left() && row.on_exhausted.empty(); }
};

/// An incident and what belongs to it.
struct Case {
  model::Incident incident;
  std::map<std::uint64_t, model::Alert> members;  ///< by fingerprint, the newest occurrence
  Climb climb;
  std::map<std::string, model::TicketRef> tickets;  ///< by tracker instance
  base::Time tickets_look{};                        ///< when those that are held are looked at; no_time: none is
  std::map<std::string, base::Time> notices;        ///< last notice by (recipient, kind of change), for the dedup
  std::string base;                                 ///< the group without the severity
  base::Time wakes_at{}, ack_ends_at{};             ///< when the two timers stand in the due list; no_time: not
  base::Time last_cause{};                          ///< with `causes`: tells tellings of one instant apart
  std::uint32_t causes = 0;

  bool live() const {
    return incident.status != model::IncidentStatus::resolved && incident.status != model::IncidentStatus::closed;
  }
  bool any_firing() const;
  std::vector<model::Alert> alerts() const;
};

/// Its opening waits until what holds its incident's alerts back is over.
constexpr const char* ticket_held = "held";
/// A person linked it: answers that name another ticket of the tracker are not the incident's.
constexpr const char* ticket_linked = "linked";
/// A ticket exists or is on its way.
bool engaged(const model::TicketRef& ticket);

/// Of an alert in a message that says it began to flap.
constexpr std::string_view flapping_annotation = "flapping";

/// Alertmanager's notification log entry, for one target of a group.
struct Record {
  std::set<std::uint64_t> firing, resolved;  ///< fingerprints last told
  std::set<std::uint64_t> owed;              ///< told firing before, and held back when the last was told
  std::set<std::uint64_t> flapping;          ///< told that they flap; what they are is told when they have settled
  base::Time notified{};                     ///< no_time: never
  // Not kept:
  std::uint64_t saved = 0;        ///< hash of its row as it was last taken; 0: it has none
  std::set<std::string> pending;  ///< keys of deliveries on their way
  bool sent = false;              ///< one of them arrived
  bool failed = false;            ///< the last ones did not
  bool missed = false;            ///< a tick came while they were on their way
  base::Time quiet_said{};        ///< the telling since which "nothing new" was said
  std::vector<std::pair<model::VerdictKind, std::uint64_t>> said;  ///< hash of the last verdict of each kind
};

/// A group of one route. Rows: "PATH\nGROUPKEY\n[shadow]" with the timer (last_notified holds the last flush), one more
/// per target, "…\nTARGET", with the record, and one per member, "…\n\nFINGERPRINT". Of these only what changed is
/// written: in a burst a large group changes with each message, and writing it whole would cost its size each time.
struct Group {
  std::string key, path, group_key;
  bool shadow = false;
  model::Labels labels;
  base::Time next_flush{}, last_flush{};  ///< last_flush no_time: not flushed yet
  std::map<std::uint64_t, model::Alert> members;
  std::map<std::string, Record> records;  ///< by target
  std::set<std::uint64_t> passed;         ///< resolved members that a flush has seen; not kept
  std::set<std::uint64_t> waiting;        ///< of these, those whose end a target hears of when its hours allow
  std::map<std::pair<std::uint64_t, std::string>, Held> held;  ///< last said of (alert, target); not kept
  base::Time recount_at{};  ///< when the first report count that holds a member is over; of one flush
  base::Time wait_said{};   ///< the flush of which it was said that it is waited for; not kept

  /// Nor is a message on its way.
  bool told_nobody() const;
  /// `told` has arrived: what it says is the record.
  void learn(Record& record, const model::Delivery& told) const;

  std::set<std::uint64_t> unsaved;        ///< members that came, changed or left since the rows were taken
  bool records_unsaved = false;           ///< so did the records, perhaps
  base::Time saved_next{}, saved_last{};  ///< the timer as it stands in its row
  bool saved = false;                     ///< it has one

  /// What changed since they were last taken; `gone`: all rows there may be, to delete them.
  std::vector<model::GroupState> take_rows(bool gone);
};

std::string make_group_key(const std::string& path, const std::string& group_key, bool shadow);

/// Alertmanager's rule (notify.DedupStage.needsUpdate): whether a target must be told.
bool needs_telling(const Record& record, const std::set<std::uint64_t>& firing, const std::set<std::uint64_t>& resolved,
                   bool send_resolved, base::Duration repeat_interval, base::Time now);

/// The instant of an alert's last change.
base::Time event_time(const model::Alert& alert);

}  // namespace tocsin::incidents
