#include "model/incident.hpp"

#include "model/words.hpp"

namespace tocsin::model {
namespace {

constexpr std::array<std::string_view, 5> statuses{"OPEN", "ACKNOWLEDGED", "IN_PROGRESS", "RESOLVED", "CLOSED"};

}  // namespace

std::string_view to_string(IncidentStatus status) {
  return statuses[static_cast<std::size_t>(status) - 1];
}
base::Result<IncidentStatus> parse_incident_status(std::string_view text) {
  return parse_word<IncidentStatus>(text, statuses, 1, "an incident status");
}

bool valid_transition(IncidentStatus from, IncidentStatus to) {
  switch (to) {
    case IncidentStatus::open:
      return from == IncidentStatus::resolved || from == IncidentStatus::closed;
    case IncidentStatus::closed:
      return from == IncidentStatus::resolved;
    case IncidentStatus::acknowledged:
    case IncidentStatus::in_progress:
    case IncidentStatus::resolved:
      return from < to;
  }
  return false;
}

std::vector<IncidentStatus> next_statuses(IncidentStatus from) {
  std::vector<IncidentStatus> next;
  for (std::size_t i = 1; i <= statuses.size(); ++i) {
    if (valid_transition(from, static_cast<IncidentStatus>(i))) next.push_back(static_cast<IncidentStatus>(i));
  }
  return next;
}

}  // namespace tocsin::model
