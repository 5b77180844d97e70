// The desk where alerts become incidents and incidents reach people. A state machine on one strand: every call returns
// the Changes it caused, to be kept in one transaction before anything leaves.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "model/changes.hpp"
#include "model/routing.hpp"

namespace tocsin::incidents {

/// What the store knew; the same fields as storage::Restored as far as the desk needs them.
struct Known {
  std::vector<model::Incident> incidents;
  std::vector<model::IncidentAlert> incident_alerts;
  std::vector<model::GroupState> groups;
  std::vector<model::Ladder> ladders;
  std::vector<model::TicketRef> tickets;
  /// Firing alerts that were committed: one that has no incident any more (a person closed it) opens none anew.
  std::vector<model::Alert> alerts = {};
  /// Pending ones: what is on its way is neither told again nor forgotten when its alert resolves meanwhile.
  std::vector<model::Delivery> deliveries = {};
};

struct StatusChange {
  model::IncidentStatus to = model::IncidentStatus::acknowledged;
  std::string actor, notes, reason;
  base::Duration lasts{};  ///< an acknowledgement's: then it expires; zero: it holds
};

class Desk {
 public:
  explicit Desk(model::Routing routing);
  ~Desk();

  void restore(Known known, base::Time now);
  /// Takes ended incidents back that the desk no longer holds (it keeps the newest thousand), so that a person can
  /// reopen or close them.
  void adopt(Known known, base::Time now);
  /// A reload changes no running timer and no running ladder.
  void set_routing(model::Routing routing, base::Time now);

  /// Alerts that changed state, in order.
  model::Changes on_alerts(const std::vector<model::Alert>& alerts, base::Time now);
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

  /// After a commit gave new incidents their numbers.
  void numbered(const std::string& correlation_id, std::uint64_t number);
  /// A delivery ended: sent, or dead. Resolved members leave their group only after a success; a ladder step none of
  /// whose sends can succeed passes on at once.
  model::Changes on_delivery(const model::Delivery& delivery, base::Time now);
  /// The tracker has a ticket.
  model::Changes on_ticket(const model::TicketRef& ticket, base::Time now);

  /// By number or correlation id, as the desk has it now.
  std::optional<model::Incident> find(const std::string& id) const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// Targets of a routing that lead to nobody, and other things `tocsin check` reports.
std::vector<std::string> check_routing(const model::Routing& routing);

}  // namespace tocsin::incidents
