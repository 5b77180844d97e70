// What somebody did in Jira, the same whether a webhook told it or the history of the issue was read.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "account.hpp"
#include "tocsin/context.hpp"

namespace tocsin_plugins::jira {

enum class EventKind { moved, assigned, commented };

struct Event {
  EventKind kind = EventKind::moved;
  /// Jira's own, so that an event has the same on every way it comes: "changelog:10023", "changelog:10023:assignee",
  /// "comment:10001", "comment:10001:1795169100000" for an edit.
  std::string id;
  /// Of a comment that was edited soon after it was made: the edit's id. Who met the comment before is told of the
  /// edit, who did not gets the comment as it is now; either is then done with both.
  std::string also;
  std::string ticket;  ///< the issue's key
  Account author;
  tsn::Time at = 0;  ///< by Jira's clock; 0: it does not say

  bool superseded = false;  ///< moved, or assigned, again since

  // moved
  std::string from, to;    ///< names of statuses
  std::string category;    ///< of `to`, where Jira says it: "new", "indeterminate", "done"
  std::string resolution;  ///< that the issue has now
  bool reopened = false;   ///< the resolution was taken away
  tsn::Time ended_at = 0;  ///< when it came into `from`; 0: not known

  // assigned
  Account assignee;  ///< not known(): nobody

  // commented
  std::string text;
};

/// The longest text that is brought over; more is cut.
constexpr std::size_t most_event_text = 8000;

/// What happened since `since` (Jira's clock) in an issue with its history and comments, the oldest first. What is not
/// as Jira writes it is left out.
std::vector<Event> events_of_issue(const nlohmann::json& issue, tsn::Time since);

/// What a webhook says.
struct Hook {
  std::string name;           ///< "jira:issue_updated"; empty: none that Jira sends
  std::string ticket;         ///< the issue's key; empty: it is not told
  std::vector<Event> events;  ///< none: it tells of nothing that is brought over
  bool deleted = false;       ///< the issue is gone
  bool look = false;          ///< something changed that the webhook does not tell whole: the next poll reads it
};
Hook hook_of(const nlohmann::json& body);

nlohmann::json json_of_event(const Event& event);
/// Nothing: it is none.
std::optional<Event> event_of_json(const nlohmann::json& from);

/// The words of a comment: text as it stands (v2, webhooks), or of an Atlassian document (v3).
std::string plain_text(const nlohmann::json& body);

}  // namespace tocsin_plugins::jira
