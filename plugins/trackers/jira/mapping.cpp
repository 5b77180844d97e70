#include "mapping.hpp"

namespace tocsin_plugins::jira {
namespace {

constexpr std::size_t most_learned = 500;

void learn(std::map<std::string, std::string>& to, std::string_view key, std::string_view value) {
  if (key.empty() || value.empty() || (to.size() >= most_learned && !to.contains(std::string(key)))) return;
  to.insert_or_assign(std::string(key), std::string(value));
}

tsn_incident_status status_named(std::string_view name) {
  for (const tsn_incident_status each :
       {TSN_INC_OPEN, TSN_INC_ACKNOWLEDGED, TSN_INC_IN_PROGRESS, TSN_INC_RESOLVED, TSN_INC_CLOSED})
    if (tsn::status_name(each) == name) return each;
  return TSN_INC_OPEN;
}

}  // namespace

std::string_view project_in(std::string_view ticket) {
  return ticket.substr(0, ticket.rfind('-'));
}

void StatusMap::learn_transition(std::string_view name, std::string_view to) {
  learn(leads_to_, name, to);
}

void StatusMap::learn_category(std::string_view status, std::string_view category) {
  learn(categories_, status, category);
}

bool StatusMap::means(const std::string& name, const std::string& status) const {
  if (name.empty()) return false;
  if (same_name(name, status)) return true;
  for (const auto& [transition, to] : leads_to_)
    if (same_name(transition, name) && same_name(to, status)) return true;
  return false;
}

std::optional<tsn_incident_status> StatusMap::by_table(const Project& project, const std::string& status) const {
  for (const auto& [ours, name] : project.status)
    if (means(name, status)) return status_named(ours);
  if (means(project.resolve_transition, status)) return TSN_INC_RESOLVED;
  return std::nullopt;
}

std::string StatusMap::category(const std::string& status) const {
  const auto found = categories_.find(status);
  return found == categories_.end() ? "" : found->second;
}

std::optional<tsn_incident_status> StatusMap::ours(std::string_view ticket, const std::string& status) const {
  for (const auto& project : settings_.projects)
    if (project.key == project_in(ticket))
      if (const auto found = by_table(project, status)) return found;
  // One that was moved to a project which is not configured.
  if (const auto found = by_table(settings_.projects.back(), status)) return found;
  const auto kind = category(status);
  if (kind == "done") return TSN_INC_RESOLVED;
  if (kind == "indeterminate") return TSN_INC_IN_PROGRESS;
  return std::nullopt;
}

bool StatusMap::ends(std::string_view ticket, const std::string& status) const {
  const auto found = ours(ticket, status);
  return found && rank_of(*found) >= rank_of(TSN_INC_RESOLVED);
}

}  // namespace tocsin_plugins::jira
