// The desk where alerts become incidents and incidents reach people. A state machine on one strand: every call returns
// the Changes it caused, to be kept in one transaction before anything leaves.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "incidents/held.hpp"
#include "incidents/rotation.hpp"
#include "model/alert_view.hpp"
#include "model/changes.hpp"
#include "model/pause.hpp"
#include "model/received_alert.hpp"
#include "model/routing.hpp"

namespace tocsin::incidents {

/// What the store knew; the same fields as storage::Restored as far as the desk needs them.
struct Known {
  std::vector<model::Incident> incidents;
  std::vector<model::IncidentAlert> incident_alerts;
  std::vector<model::GroupState> groups;
  std::vector<model::Ladder> ladders;
  std::vector<model::TicketRef> tickets;
  /// Firing alerts that were committed: one that has no incident any more (a person closed it) opens none anew. Of
  /// those received from outside also the ones resolved lately.
  std::vector<model::Alert> alerts = {};
  /// Pending ones: what is on its way is neither told again nor forgotten when its alert resolves meanwhile.
  std::vector<model::Delivery> deliveries = {};
  std::vector<model::Silence> silences = {};
  std::vector<model::OncallOverride> overrides = {};
};

/// What a silence would mean now.
struct SilencePreview {
  std::vector<model::Alert> alerts;  ///< firing ones that it means
  std::size_t firing = 0;            ///< all that fire
  std::string warning;               ///< it means very much; empty: nothing to say
};

struct StatusChange {
  model::IncidentStatus to = model::IncidentStatus::acknowledged;
  std::string actor, notes, reason;
  base::Duration lasts{};  ///< an acknowledgement's: then it expires; zero: it holds
};

/// An alarm for practice: a real incident on a real route, marked DRILL wherever it is told.
struct Drill {
  std::string route;  ///< name or path
  model::Severity severity = model::Severity::high;
  std::vector<std::string> to;  ///< targets told instead of the route's people; empty: the route's
  base::Duration lasts = std::chrono::minutes(10);
  bool tickets = false;  ///< trackers hear of it too
  std::string by;
};
constexpr base::Duration shortest_drill = std::chrono::seconds(1), longest_drill = std::chrono::hours(24);

/// Whose future is asked for; what is empty asks for everything.
struct Asked {
  model::Matchers matchers;  ///< on labels of alerts
  std::string rule;
  std::string incident;  ///< number or correlation id
  std::string who;       ///< a recipient's name
  std::size_t most = 100;
};

/// What is due, or waited for, if nothing changes until then. What is held back is due when it will be told, or without
/// a time where nobody knows when what holds it ends.
struct Due {
  base::Time at{};   ///< no_time: it waits for alerts or for the end of what holds it, not for the clock
  std::string what;  ///< "group flush", "ladder step 2", "ladder exhausted", "open_after"
  std::string route, group_key, title;
  std::string correlation_id;
  std::uint64_t incident = 0;
  std::string target;            ///< as written
  std::vector<std::string> who;  ///< recipients' names, or the instance where it has none
  std::size_t alerts = 0;
  std::string text;
  std::optional<Held> held = {};  ///< what holds it back at first
};

/// What is said of a delivery that was decided before: that it was given up, or that it is sent again.
model::Verdict verdict_of(const model::Delivery& delivery, model::VerdictKind kind, std::string text, base::Time at);

class Desk {
 public:
  explicit Desk(model::Routing routing);
  ~Desk();

  void restore(Known known, base::Time now);
  /// Takes ended incidents back that the desk no longer holds (it keeps the newest thousand), so that a person can
  /// reopen or close them.
  void adopt(Known known, base::Time now);
  /// A reload changes no running timer and no running ladder, unless the routing has it otherwise for groups.
  void set_routing(model::Routing routing, base::Time now);

  /// Alerts that changed state, in order.
  model::Changes on_alerts(const std::vector<model::Alert>& alerts, base::Time now);
  /// Alerts that came in from outside, one message of a sender's at a time. An error names an alert that may not be
  /// kept (model::check_received), and nothing is taken. What it returns is never empty where an alert was sent:
  /// whoever waits until it is durable also waits for what was decided of the same alerts before.
  base::Result<model::Changes> on_received(std::vector<model::ReceivedAlert> alerts, base::Time now);
  /// Group flushes and ladder steps due by `now`, each at its own instant if that is less than a minute ago (later, the
  /// desk was held up: it goes on from `now` and makes up for nothing). A virtual clock stops at each next_due().
  model::Changes advance(base::Time now);
  std::optional<base::Time> next_due() const;

  base::Result<model::Changes> set_status(const std::string& id, const StatusChange& change, base::Time now);
  base::Result<model::Changes> assign(const std::string& id, const std::string& owner, const std::string& actor,
                                      base::Time now);
  base::Result<model::Changes> note(const std::string& id, const std::string& text, const std::string& actor,
                                    base::Time now);
  /// Tags that are there already, or are not, change nothing.
  base::Result<model::Changes> tag(const std::string& id, const std::vector<std::string>& add,
                                   const std::vector<std::string>& remove, const std::string& actor, base::Time now);
  base::Result<model::Changes> link(const std::string& id, model::Link link, const std::string& actor, base::Time now);
  /// A file that was checked (model/attachment.hpp); its key is given here.
  base::Result<model::Changes> attach(const std::string& id, model::Attachment file, const std::string& actor,
                                      base::Time now);
  /// The alerts of `id`, those its group raises later, and the people told of it belong to `into` from now on; `id` is
  /// closed and names where it went.
  base::Result<model::Changes> merge(const std::string& id, const std::string& into, const std::string& actor,
                                     base::Time now);
  /// The ladder pauses until then, with the time it had left; no_time wakes it now.
  base::Result<model::Changes> snooze(const std::string& id, base::Time until, const std::string& actor,
                                      base::Time now);
  /// The ladder's next step now. An incident that somebody works on stays so, and its ladder stays stopped.
  base::Result<model::Changes> escalate(const std::string& id, const std::string& actor, base::Time now);
  /// Tells these targets now, besides the ladder.
  base::Result<model::Changes> page(const std::string& id, const std::vector<std::string>& targets,
                                    const std::string& text, const std::string& actor, base::Time now);
  /// A hand-made incident.
  base::Result<model::Changes> create(model::Incident incident, const std::string& actor, base::Time now);

  // --- silences (silencing.cpp) ---
  /// New without an id; with one, an edit, which may make another silence of it. `id`: the one that counts now.
  base::Result<model::Changes> set_silence(model::Silence silence, base::Time now, std::string* id = nullptr);
  base::Result<model::Changes> expire_silence(const std::string& id, const std::string& actor, base::Time now);
  /// In Alertmanager's order and with its filter.
  std::vector<model::Silence> silences(base::Time now, const model::Matchers& filter = {}) const;
  std::optional<model::Silence> find_silence(const std::string& id) const;
  /// Ids of those that hold the alert back now.
  std::vector<std::string> silenced_by(const model::Alert& alert, base::Time now) const;
  SilencePreview preview_silence(const model::Silence& silence) const;
  /// Rows that another agent of the database wrote; the newer of two with one id counts.
  void learn_silences(std::vector<model::Silence> rows, base::Time now);

  // --- maintenance pause (pausing.cpp) ---
  /// From now until `wanted.until`, or otherwise from now on where there is one already. Ladders stand still with the
  /// time they have left, group flushes and messages wait; what people ask for by hand leaves.
  base::Result<model::Changes> pause(model::Pause wanted, base::Time now);
  /// Ends it; what is still true is told.
  base::Result<model::Changes> resume(const std::string& actor, base::Time now);
  std::optional<model::Pause> paused(base::Time now) const;
  base::Time paused_until(base::Time now) const;  ///< no_time: they are not paused

  // --- drills (drills.cpp) ---
  /// Ends by itself: when somebody acknowledges it, or when its time is over. `made` gets its correlation id.
  base::Result<model::Changes> drill(const Drill& wanted, base::Time now, std::string* made = nullptr);
  /// When the incident ends as a drill; none: it is none.
  std::optional<base::Time> drill_end(const std::string& id) const;

  // --- who is on call (duties.cpp) ---
  /// Stands in from then on; `made` gets it with its id. Who has been told already is not told anew.
  base::Result<model::Changes> set_override(model::OncallOverride override, base::Time now,
                                            model::OncallOverride* made = nullptr);
  base::Result<model::Changes> remove_override(const std::string& id, base::Time now);
  const Roster& roster() const;

  /// After a commit gave new incidents their numbers.
  void numbered(const std::string& correlation_id, std::uint64_t number);
  /// A delivery ended: sent, or dead. Resolved members leave their group only after a success; a ladder step none of
  /// whose sends can succeed passes on at once.
  model::Changes on_delivery(const model::Delivery& delivery, base::Time now);
  /// A message that was sent will never arrive: its provider says so. A step of the ladder that thereby reached nobody
  /// passes on at once; `who` and `detail` are for the timeline.
  model::Changes on_lost(const std::string& correlation_id, const std::string& key, const std::string& who,
                         const std::string& detail, base::Time now);
  /// The whole incident as text, to the contact's phone (SMS) and mailbox, where it has them and a notifier takes them.
  base::Result<model::Changes> tell_details(const std::string& id, const std::string& contact, base::Time now);
  /// What a tracker says its ticket is now.
  base::Result<model::Changes> ticket_is(const std::string& id, model::TicketRef ticket, base::Time now);
  /// The tracker has a ticket.
  model::Changes on_ticket(const model::TicketRef& ticket, base::Time now);
  /// The same as the answer to a delivery. One that was sent for another ticket than the incident has now (a person
  /// linked or unlinked it meanwhile) changes nothing, and what the delivery's end keeps is put right.
  model::Changes on_ticket(const model::Delivery& delivery, const model::TicketRef& ticket, base::Time now);

  // --- tickets by hand (decide_tickets.cpp); `instance` empty: the only tracker there is ---
  /// The ticket that exists under `wanted.key` is the incident's from now on, and is told where the incident stands.
  /// Fault::conflict: another open incident has it.
  base::Result<model::Changes> link_ticket(const std::string& id, model::TicketRef wanted, const std::string& actor,
                                           base::Time now);
  /// The incident has no ticket from now on, and none is opened until open_ticket() or link_ticket().
  base::Result<model::Changes> unlink_ticket(const std::string& id, const std::string& instance,
                                             const std::string& actor, base::Time now);
  /// A person asks for a ticket: whatever the severity, held back or not.
  base::Result<model::Changes> open_ticket(const std::string& id, const std::string& instance, const std::string& actor,
                                           base::Time now);
  /// What is owed to these trackers is told again: tickets that live incidents lack, and what was given up (`dead`,
  /// newest first, whose letters count as replayed). `incidents`: of how many something is on its way now.
  model::Changes bring_tickets_in_step(const std::set<std::string>& trackers,
                                       const std::vector<model::DeadLetter>& dead, base::Time now,
                                       std::size_t* incidents = nullptr);
  /// What the tracker would be told of the incident now; decides nothing. `last_error`: why it is not told by itself.
  base::Result<model::Delivery> ticket_preview(const std::string& id, const std::string& instance,
                                               base::Time now) const;

  /// What fires now, the agent's own and received ones, in order of their fingerprints.
  std::vector<model::AlertView> alerts(const model::AlertFilter& filter, base::Time now) const;
  /// The same by route and group, in Alertmanager's order.
  std::vector<model::AlertGroupView> alert_groups(const model::AlertFilter& filter, base::Time now) const;
  /// Names of all receivers, in the order of the configuration.
  std::vector<std::string> receivers() const;

  /// By number or correlation id, as the desk has it now.
  std::optional<model::Incident> find(const std::string& id) const;
  /// What holds the alert back on every route: inhibition or a silence. Hours belong to a route and are not asked.
  std::optional<Held> held(const model::Alert& alert, base::Time now) const;
  /// Fingerprints (hex) of the firing alerts that inhibit it: none or one, as Alertmanager answers.
  std::vector<std::string> inhibited_by(const model::Alert& alert) const;
  /// Group flushes, ladder steps and alerts short of open_after, by time.
  std::vector<Due> next(const Asked& asked) const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// Targets of a routing that lead to nobody, and other things `tocsin check` reports.
std::vector<std::string> check_routing(const model::Routing& routing);

}  // namespace tocsin::incidents
