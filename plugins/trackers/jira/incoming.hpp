// From an event of Jira to what it changes here.
//
// Who wins where both sides changed something (docs/decisions/2026-11-26-jira-both-ways.md): what we did ourselves is
// no news; an incident only goes forward, so of two moves the one further along wins, and an end wins over any move; a
// reopening is followed within reopen_duration of the end. The host does not hand back what it is told here.
#pragma once

#include <string>
#include <vector>

#include "collecting.hpp"
#include "event.hpp"
#include "inbox.hpp"
#include "mapping.hpp"
#include "people.hpp"
#include "seen.hpp"

namespace tocsin_plugins::jira {

/// [seq]
class Incoming {
 public:
  struct Parts {
    const Settings& settings;
    tsn::Context ctx;
    Api& api;
    People& people;
    StatusMap& statuses;
    Collecting& collecting;
    Brought& brought;
    Seen& seen;
    Inbox& inbox;
  };
  explicit Incoming(Parts parts) : p_(parts) {}

  /// Takes what is news. What the host wants to be told later waits in the inbox, and so does what stands behind it.
  /// False: the inbox is full, so the rest was not taken.
  bool take(const std::vector<Event>& events, tsn::Deadline deadline);
  /// Takes what is due in the inbox.
  void drain(tsn::Deadline deadline);

 private:
  void done_with(const Event& event);
  /// ok: it is done with, taken or refused for good. Else it is to be tried again.
  tsn::Status apply(const Event& event, tsn::Deadline deadline);
  tsn::Status follow(const Event& event, tsn::Deadline deadline);
  tsn::Status moved(Event event, tsn::Deadline deadline);
  tsn::Status reopened(const Event& event, std::optional<tsn_incident_status> ours);
  tsn::Status forward(const Event& event, tsn_incident_status ours);
  tsn::Status ended_together(const Event& event, tsn_incident_status ours);
  tsn::Status assigned(const Event& event);
  tsn::Status commented(const Event& event);
  /// The status that Jira shows, and nothing else.
  tsn::Status shown(const Event& event);
  /// What webhooks do not say: when the issue had ended, and whether it was moved again since.
  void complete(Event& event, tsn::Deadline deadline);
  static tsn::PersonAnswer answer_of(const Event& event);
  tsn::Status tell(const Event& event, const tsn::PersonAnswer& answer);
  void log(const Event& event, const tsn::PersonAnswer& answer, const tsn::Status& status, std::string_view said) const;

  Parts p_;
  bool said_no_service_ = false;
};

}  // namespace tocsin_plugins::jira
