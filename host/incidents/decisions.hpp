// The desk's state and its decisions, in files by subject: alerts.cpp (alerts into incidents), groups.cpp (group
// flushes), ladders.cpp (escalation), messages.cpp (deliveries), receiving.cpp (alerts from outside), views.cpp (what
// is asked), verdicts.cpp (why), next.cpp (what comes), flapping.cpp and digests.cpp (dampers), duties.cpp (who is on
// call), decide_*.cpp (what people decide), pausing.cpp (maintenance), follow_ups.cpp (a contact's further ways),
// drills.cpp, desk.cpp (restore, time). One strand.
#pragma once

#include <memory>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "incidents/desk.hpp"
#include "incidents/holds.hpp"
#include "incidents/people.hpp"
#include "incidents/received.hpp"
#include "incidents/reports.hpp"
#include "incidents/rotation.hpp"
#include "incidents/silences.hpp"
#include "incidents/state.hpp"
#include "incidents/storms.hpp"
#include "incidents/tree.hpp"

namespace tocsin::incidents {

/// Same numbers as tsn_change_kind.
enum class TicketChange : std::uint32_t { opened = 1, status = 2, note = 3, updated = 4, resolved = 5, reopened = 6 };

using Nodes = std::vector<const Node*>;

/// The alerts a verdict is about; borrowed for the call.
using About = std::vector<const model::Alert*>;
/// What a verdict says besides whom it is about.
struct Said {
  model::VerdictKind kind = model::VerdictKind::told;
  std::string target = {}, who = {}, by = {}, text = {};
  base::Time until = {};
  std::string key = {};  ///< of the delivery
};

/// What holds an alert back on a route that a ladder is from.
struct StepHold {
  const Node* node;
  const model::Alert* alert;
  Held held;
};
base::Time first_end(const std::vector<StepHold>& holds, base::Time at);

struct Desk::Impl {
  explicit Impl(model::Routing routing);

  // --- one call: decisions gather in out_, rows that changed are written once at its end -----------------------------
  model::Changes finish(base::Time now);
  void touch(const Case& c) { touched_cases_.insert(c.incident.correlation_id); }
  void touch_climb(const Case& c) { touched_climbs_.insert(c.incident.correlation_id); }
  void touch(const Group& g) { touched_groups_.insert(g.key); }
  void log(const Case& c, base::Time at, std::string actor, std::string what, std::string from, std::string to,
           std::string text = "");

  // --- alerts.cpp ----------------------------------------------------------------------------------------------------
  /// Not known yet: not an event that the journal gives once more.
  bool is_news(const model::Alert& event);
  void take(const model::Alert& alert, base::Time now);
  void fire(const model::Alert& alert, const Nodes& nodes, Case* known, base::Time now);
  void resolve(const model::Alert& alert, Case* known, base::Time now);
  const model::Alert* previous(const model::Alert& alert);
  static model::Alert* member_of(std::map<std::uint64_t, model::Alert>& members, const model::Alert& alert,
                                 bool known_id);
  Case* case_of(const model::Alert& alert);
  Case* case_of_group(const std::string& base, model::Severity severity, bool live, base::Time now);
  bool may_reopen(const Case& c, base::Time now) const;
  bool enough_to_open(const std::string& pool, const Node& node, model::Severity severity, base::Time now);
  Case& open(const model::Alert& alert, const Nodes& nodes, base::Time now);
  void join(Case& c, const model::Alert& alert, const Nodes& nodes, base::Time now);
  void raise(Case& c, model::Severity to, const Nodes& nodes, base::Time now);
  void leave_shadow(Case& c, const Nodes& nodes, base::Time now);
  void set_member(Case& c, const model::Alert& alert);
  void claim(Case& c, const model::Alert& alert);
  void reopen(Case& c, const Nodes& nodes, base::Time ladder_from, std::string actor, std::string why, base::Time now);
  void end(Case& c, model::IncidentStatus status, const std::string& actor, const std::string& text, base::Time now);
  void index(Case& c);
  void index_members(Case& c);
  void unlist(Case& c);
  void forget_old(base::Time now);
  void forget_loose(base::Time now);
  bool shadow_of(const model::Alert& alert, const Node& node) const;
  Nodes nodes_of(const Case& c) const;

  // --- receiving.cpp -------------------------------------------------------------------------------------------------
  void receive(std::vector<model::ReceivedAlert> alerts, base::Time now);
  void expire_received(base::Time now);
  void take_received(std::vector<Received::Change> changes, base::Time now);
  void schedule_received();

  // --- views.cpp -----------------------------------------------------------------------------------------------------
  void note_own(const model::Alert& alert);
  template <class Visit>
  void each_active(base::Time now, Visit visit) const;
  std::optional<model::AlertView> view_of(const Received::Shared& alert, const model::AlertFilter& filter,
                                          base::Time now) const;
  void find_holders(model::AlertView& view, base::Time now) const;

  // --- groups.cpp ----------------------------------------------------------------------------------------------------
  void enter_groups(const model::Alert& alert, const Nodes& nodes, base::Time now);
  void enter(Group& group, const Node& node, const model::Alert& alert, base::Time now);
  void leave_group(const std::string& key, const model::Alert& alert, base::Time now);
  std::vector<std::string> group_targets(const Group& group, const Node& node) const;
  void flush(Group& group, base::Time at);
  void flush_target(Group& group, const Node& node, const std::string& target, bool loose_only, base::Time at);
  void tell_group(Group& group, const Node& node, const std::string& target, std::vector<model::Alert> alerts,
                  base::Time at);
  bool sweep(Group& group);
  void remove(Group& group);
  void expect_group_delivery(const model::Delivery& delivery);
  void group_delivery_ended(const model::Delivery& delivery, base::Time now);
  void reroute_groups(base::Time now);
  void restart_timers(base::Time now);
  bool in_case(const model::Alert& alert) const;
  void schedule(Group& group, base::Time at);
  bool owes_end(const Record& record, const model::Alert& alert) const;

  // --- ladders.cpp ---------------------------------------------------------------------------------------------------
  void start_climb(Case& c, const Nodes& nodes, base::Time from, base::Time now);
  void take_steps(Case& c, base::Time at, const std::string& actor = "tocsin");
  void exhaust(Case& c, base::Time at, const std::string& actor);
  void stop_climb(Case& c);
  void resume_climb(Case& c, base::Time at);
  base::Result<void> force_step(Case& c, const std::string& actor, base::Time now);
  void schedule(Case& c, base::Time at);
  Nodes ladder_nodes(const Nodes& nodes, model::Severity severity) const;
  Nodes open_nodes(const Nodes& nodes, base::Time at) const;
  model::Policy ladder_now(const Nodes& nodes, model::Severity severity, base::Time at,
                           std::vector<std::string>* routes) const;
  bool hold_step(Case& c, base::Time at);
  std::vector<StepHold> step_holds(const Case& c, const Nodes& all, base::Time at) const;
  bool leads_further(const Case& c, const Node& node, base::Time at) const;
  bool hands_over(const Case& c, const Nodes& nodes, base::Time at) const;
  bool hand_over(Case& c, const Nodes& nodes, base::Time at);
  base::Time next_hours(const Case& c, base::Time at) const;
  void look_again_at(Case& c, base::Time then);
  void ladder_delivery_ended(Case& c, const model::Delivery& delivery, base::Time now);
  void ladder_message_lost(Case& c, const std::string& key, base::Time now);
  void pass_on(Case& c, const std::string& what, base::Time now);

  // --- pausing.cpp ---------------------------------------------------------------------------------------------------
  const model::Pause* pause_of(model::Severity severity, base::Time at) const;
  bool exempt_from_pause(model::Severity severity, base::Time at) const;
  std::optional<Held> paused(model::Severity severity, base::Time at) const;
  base::Time stands_until(const Case& c, base::Time at) const;
  void shift(Case& c, base::Time stood, base::Time stands);
  void set_pause(std::optional<model::Pause> to, base::Time now);
  void shift_digests(base::Time from, base::Time to);
  void end_pause(const std::string& actor, base::Time at);
  bool stand_still(Case& c, base::Time at);
  void learn_pause(const model::GroupState& row);
  Said said_of_pause(const model::Delivery& message) const;

  // --- follow_ups.cpp ------------------------------------------------------------------------------------------------
  void arm_follow_ups(Case& c);
  void forget_follow_ups(Case& c);
  void take_follow_ups(Case& c, base::Time at);
  void tell_follow_up(Case& c, const FollowUp& one, base::Time at);
  bool follow_up_at_once(Case& c, base::Time now);

  // --- drills.cpp ----------------------------------------------------------------------------------------------------
  void arm_drill(Case& c, base::Time at);
  void end_drill(Case& c, base::Time at);
  std::string nobody_behind(const std::string& target, base::Time now) const;
  std::vector<std::string> drill_targets(const Node& node, model::Severity severity) const;
  base::Result<const Node*> drilled(const Drill& wanted, base::Time now) const;

  // --- held_back.cpp -------------------------------------------------------------------------------------------------
  std::unique_ptr<Holds> make_holds() const;
  void note_hold(Group& group, const std::string& target, const model::Alert& alert, const std::optional<Held>& held,
                 base::Time at);
  bool note_hold(Case& c, const Node& node, const model::Alert& alert, const Held& held, base::Time at);
  void learn_sources(const std::vector<model::Alert>& alerts, base::Time now);
  void rebuild_sources();
  void look_again(base::Time now);
  void look_again(Case& c, base::Time now);
  bool all_held(const Case& c, base::Time now) const;

  // --- flapping.cpp --------------------------------------------------------------------------------------------------
  bool report(const model::Alert& alert, const Nodes& nodes, base::Time now);
  void look_at_flaps(const std::string& key, base::Time at);
  void keep(const std::string& key, Reports& reports, const model::FlapDamping& damping);
  void forget_reports(const std::string& key);
  void learn_reports(const model::GroupState& row, base::Time now);
  void forget_undamped(base::Time now);
  const Reports* reports_of(const Node& node, std::uint64_t fingerprint) const;
  bool flaps(const Case& c) const;
  std::optional<Held> too_few(const Node& node, const model::Alert& alert, base::Time at) const;
  /// `news`: it began to flap or has settled, and the target has not heard of it.
  std::optional<Held> damped(Group& group, const Node& node, const Record& record, const model::Alert& alert,
                             base::Time at, bool& news) const;
  std::optional<Held> damped(const Node& node, const Record& record, const model::Alert& alert, base::Time at) const;
  std::optional<Held> damped(const Case& c, const Node& node, const model::Alert& alert, base::Time at) const;
  std::string mark_flapping(const Node& node, const Record& record, std::vector<model::Alert>& alerts) const;
  void say_flapping(const model::Alert& alert, base::Time now);
  void settled(std::uint64_t fingerprint, base::Time at);
  void owe_end(Case& c, base::Time now);
  void tell_end(Case& c, const std::string& who, base::Time now);

  // --- digests.cpp ---------------------------------------------------------------------------------------------------
  bool gather(model::Delivery& message, bool at_once, base::Time at, const model::Pause* pause = nullptr);
  bool first_of_critical(const Record& record, const std::vector<model::Alert>& alerts) const;
  void look_at_digest(const std::string& key, base::Time at);
  void send_digest(const std::string& key, base::Time at);
  void send_gathered(model::Delivery message, base::Time at);
  void digest_ended(const model::Delivery& digest, base::Time now);
  void delivery_ended(const model::Delivery& delivery, base::Time now);
  void learn_gathered(const std::vector<model::Delivery>& pending, base::Time now);
  Said said_of_storm(const model::Delivery& message) const;
  void verdict_of_message(const model::Delivery& message, Said said, base::Time at);

  // --- messages.cpp --------------------------------------------------------------------------------------------------
  /// One message to each recipient of the targets; the keys of the deliveries. `cause` tells this telling from others.
  struct Telling {
    model::MessageKind kind = model::MessageKind::firing;
    std::string reason, cause, text, note, note_author, actor;
    base::Duration dedup{};
    std::string notice;       ///< kind of change, for the dedup
    bool at_once = false;     ///< in a storm too
    bool first_step = false;  ///< of a ladder's first round
    bool follows = false;     ///< who does not answer is told by the next of the contact's preferences
  };
  void expect_follow_ups(Case& c, const std::vector<Later>& later, const Telling& telling, base::Time at);
  std::set<std::string> tell(Case& c, const std::vector<std::string>& targets, const Telling& telling, base::Time at);
  bool rings(const std::string& exact) const;
  void notify_told(Case& c, Telling telling, base::Time at);
  void notice(Case& c, const std::string& what, const std::string& text, const std::string& actor, base::Time at,
              const std::string& note = "");
  void sync_tickets(Case& c, TicketChange change, const std::string& actor, const std::string& note, base::Time at);
  // tickets.cpp
  std::optional<Held> ticket_hold(const Case& c, base::Time at) const;
  bool hold_ticket(Case& c, const std::string& instance, base::Time at);
  void forget_held_tickets(Case& c, base::Time at);
  void look_at_tickets(Case& c, base::Time then);
  void open_held_tickets(Case& c, base::Time at);
  static std::string cause_suffix(Case& c, base::Time at);
  bool is_person(const std::string& actor, const Recipient& recipient) const;

  /// With whoever is on call at that time.
  Found people_of(const std::string& target, base::Time at) const {
    return find_people(routing_, target, {&roster_, at});
  }

  // --- silencing.cpp -------------------------------------------------------------------------------------------------
  FiringAlerts firing() const;
  void learn_silences(std::vector<model::Silence> rows, const std::vector<model::Alert>& committed, base::Time now);
  void log_silenced(const model::Silence& silence, base::Time now);
  // --- verdicts.cpp --------------------------------------------------------------------------------------------------
  model::Verdict& say(const About& about, Said said, base::Time at);
  void verdict(const Group& group, const About& about, Said said, base::Time at);
  /// The same, unless it is what was last said of this kind for `said.target` since that was told.
  void verdict_of_target(Group& group, const About& about, Said said, base::Time at);
  void verdict(const Case& c, Said said, base::Time at);  ///< about its alerts that fire
  void verdict(const Case& c, const About& about, Said said, base::Time at);
  void verdict_failed(const model::Delivery& delivery, base::Time now);
  void verdict_waits(Group& group, const Node& node, const model::Alert& alert, base::Time now);
  void verdict_quiet(Group& group, const Node& node, const std::string& target, const std::vector<model::Alert>& alerts,
                     base::Time at);
  void verdict_cooling(Group& group, const std::string& target, const About& cooling, base::Time at);
  void verdict_in_flight(Group& group, const std::string& target, const std::vector<model::Alert>& alerts,
                         base::Time at);
  void verdict_told(Group& group, const model::Delivery& delivery, base::Time at);
  void verdict_nobody(Group& group, const std::string& target, const std::vector<model::Alert>& alerts, base::Time at);
  void verdict_no_target(const Group& group, base::Time at);
  /// `again_from`: of a suppressed one, when the same may be sent again.
  void verdict_told(const Case& c, const model::Delivery& delivery, base::Time again_from, base::Time at);
  void verdict_no_ladder(const Case& c, const Nodes& nodes, base::Time now);
  void verdict_step_to_nobody(const Case& c, const std::vector<std::string>& targets, const std::string& step,
                              base::Time at);
  void verdict_acknowledged(const Case& c, const std::string& actor, std::string text, base::Time now);
  void verdict_below_open_after(const model::Alert& alert, const Node& node, std::size_t together, base::Time now);
  void verdicts_of_joined(base::Time now);
  std::string problems_of(const std::vector<std::string>& targets, base::Time at) const;

  // --- next.cpp ------------------------------------------------------------------------------------------------------
  bool foresee(const Group& group, const Node& node, const Record& record, const About& about, Due& due) const;
  bool foresee(const Case& c, Due& due, std::vector<std::string>& targets) const;
  void next_of(const Group& group, const Asked& asked, std::vector<Due>& out) const;
  void next_of(const Case& c, const Asked& asked, std::vector<Due>& out) const;
  void next_of_pool(const std::string& pool, const std::map<std::uint64_t, model::Alert>& alerts, const Asked& asked,
                    std::vector<Due>& out) const;

  // --- decide_pace.cpp: timers of one incident
  // -------------------------------------------------------------------------
  void set_snooze(Case& c, base::Time until, base::Time now);
  void wake(Case& c, const std::string& actor, const std::string& why, base::Time at);
  void set_ack_end(Case& c, base::Time at);
  void expire_ack(Case& c, base::Time at);
  void clear_timers(Case& c);
  void learn_timers(Case& c, base::Time now);

  // --- decide_merge.cpp
  // ------------------------------------------------------------------------------------------------
  void merge(Case& from, Case& to, const std::string& actor, base::Time now);
  void move_members(Case& from, Case& to);
  void move_groups(Case& from, Case& to);
  void learn_merged(const Case& c);
  void forget_merged(const Case& c);

  Case* find(const std::string& id);
  void run_due(base::Time now);
  void learn(Known known, base::Time now);
  void learn_groups(std::vector<model::GroupState> rows, base::Time now);
  void learn_pending(const std::vector<model::Delivery>& pending, base::Time now);
  void learn_loose(const std::vector<model::Alert>& committed);
  base::Result<Case*> wanted(const std::string& id);
  base::Result<void> apply_status(Case& c, const StatusChange& change, base::Time now);
  void ticket_delivery_ended(Case& c, const model::Delivery& delivery, base::Time now);
  bool was_told(const Case& c, const std::string& contact) const;

  model::Routing routing_;
  std::unique_ptr<Tree> tree_;
  Roster roster_;
  Silences silences_;
  std::unique_ptr<Holds> holds_;                                        ///< of routing_ and silences_
  std::map<std::string, Case> cases_;                                   ///< by correlation id
  std::unordered_map<std::uint64_t, std::string> numbers_;              ///< number → correlation id
  std::unordered_map<std::uint64_t, std::string> by_fingerprint_;       ///< the newest case that holds it
  std::unordered_map<std::string, std::string> by_alert_;               ///< alert id → case
  std::map<std::string, std::vector<std::string>> by_base_;             ///< group without severity → cases
  std::map<std::string, std::map<std::uint64_t, model::Alert>> loose_;  ///< below open_after, by base and severity
  std::unordered_map<std::string, std::string> loose_of_;               ///< alert id → its pool
  std::set<std::pair<base::Time, std::string>> loose_resolved_;
  std::map<std::string, model::Alert> settled_;  ///< by id, those whose incident was closed before a restart
  std::set<std::string> held_climbs_;            ///< incidents whose ladder's next step is held back
  std::set<std::string> held_tickets_;           ///< incidents with a ticket whose opening is held back
  std::set<std::pair<base::Time, std::string>> ended_;
  std::map<std::string, std::string> merged_;  ///< group and severity → the case its incident was merged into
  std::map<std::string, Group> groups_;
  std::unordered_map<std::string, std::string> group_by_hash_;
  std::unordered_map<std::string, std::set<std::string>> groups_of_;  ///< alert id → group keys
  std::map<std::string, Reports> reports_;         ///< by path and fingerprint; of routes with flap damping
  std::map<std::string, base::Time> reports_due_;  ///< as they stand in due_
  Storms storms_;
  std::optional<model::Pause> pause_;  ///< the one that lasts
  /// "g" + group key, "f" + key of reports, "d" + key of a digest, "r" (received alerts), or with a correlation id: "c"
  /// ladder, "s" end of a snooze, "a" end of an acknowledgement, "t" tickets that are held, "n"
  /// follow-ups, "x" end of a drill. "p": end of the pause.
  std::set<std::pair<base::Time, std::string>> due_;

  Received received_;
  base::Time received_due_{};                              ///< as it stands in due_
  std::unordered_map<std::string, Received::Shared> own_;  ///< firing alerts of the agent's own rules, by id

  model::Changes out_;
  std::set<std::string> touched_cases_, touched_climbs_, touched_groups_;
  std::map<std::string, std::vector<std::uint64_t>> joined_;  ///< in this call, by case
};

/// Seconds of a group's deadline at least, as Alertmanager has it.
constexpr base::Duration least_deadline = std::chrono::seconds(10);
constexpr base::Duration notice_dedup = std::chrono::minutes(5);
constexpr std::size_t kept_ended = 1000;
/// How long a resolved alert may count towards open_after at most.
constexpr base::Duration kept_loose = std::chrono::hours(24);

/// The hash of the group in a delivery's key "g:HASH:NS:HASH".
std::string group_hash(const std::string& delivery_key);
std::string severity_text(model::Severity severity);
std::string status_text(model::IncidentStatus status);
/// "incident 1042".
std::string name_of(const model::Incident& incident);
/// The actor, or "somebody".
std::string somebody(const std::string& actor);
/// "until 2026-11-20T10:00:00Z"; no_time: nothing.
std::string until_text(base::Time until);
/// 16 hex digits.
std::string hashed(std::string_view text);
std::string joined(const std::vector<std::string>& words, std::string_view between = ", ");
/// Those of an incident made by hand; trims its tags.
base::Result<void> check_tags_and_links(model::Incident& incident);
model::Labels in_common(const model::Labels& a, const model::Labels& b);
std::string pool_of(const std::string& base, model::Severity severity);

}  // namespace tocsin::incidents
