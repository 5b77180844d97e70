// Keeping an issue in step with its incident.
#include <algorithm>

#include "issue.hpp"
#include "outgoing.hpp"

namespace tocsin_plugins::jira {
namespace {

std::string target_of(const tsn::Upsert& change, const Project& project) {
  const bool resolved = change.change == TSN_CHANGE_RESOLVED || change.incident.status == TSN_INC_RESOLVED;
  if (resolved && !project.resolve_transition.empty()) return project.resolve_transition;
  const auto found = project.status.find(resolved ? "RESOLVED" : std::string(tsn::status_name(change.incident.status)));
  return found == project.status.end() ? "" : found->second;
}

bool is_end(tsn_incident_status status) {
  return status == TSN_INC_RESOLVED || status == TSN_INC_CLOSED;
}

/// When the incident came to what it is; 0: the host does not say.
tsn::Time changed_at(const tsn::Incident& incident) {
  if (incident.status == TSN_INC_RESOLVED) return incident.resolved_at;
  if (incident.status == TSN_INC_CLOSED) return incident.closed_at;
  return incident.status == TSN_INC_ACKNOWLEDGED ? incident.acknowledged_at : 0;
}

/// The summary with the severity that the incident has now. A title that somebody wrote in Jira stays; one without the
/// bracket is no longer ours.
std::string summary_now(const std::string& shown, const tsn::Incident& incident) {
  const auto end = shown.find(']');
  if (!shown.starts_with('[') || end == shown.npos) return shown;
  for (const tsn_severity each : {TSN_SEV_LOW, TSN_SEV_MEDIUM, TSN_SEV_HIGH, TSN_SEV_CRITICAL})
    if (shown.substr(1, end - 1) == tsn::severity_name(each))
      return each == incident.severity ? shown
                                       : "[" + std::string(tsn::severity_name(incident.severity)) + shown.substr(end);
  return shown;
}

}  // namespace

void Outgoing::follow(const tsn::Upsert& change, const Project& project, Issue& issue, tsn::Deadline deadline) {
  if (!change.note.empty()) comment(change, issue.key, comment_of(change), deadline);
  const auto status = change.incident.status;
  if (change.change == TSN_CHANGE_UPDATED) return update(change, project, issue, deadline);
  if (change.change == TSN_CHANGE_REOPENED || (change.change == TSN_CHANGE_STATUS && status == TSN_INC_OPEN))
    return reopen(project, issue, deadline);
  if (change.change != TSN_CHANGE_STATUS && change.change != TSN_CHANGE_RESOLVED) return;
  const auto target = target_of(change, project);
  if (!target.empty()) move(change.incident, issue, target, is_end(status), deadline);
}

/// A collecting issue is never moved for one of its incidents: what became of it is written down.
void Outgoing::follow_collected(const tsn::Upsert& change, const std::string& key, tsn::Deadline deadline) {
  const bool told = change.change == TSN_CHANGE_STATUS || change.change == TSN_CHANGE_RESOLVED ||
                    change.change == TSN_CHANGE_REOPENED || change.change == TSN_CHANGE_NOTE;
  if (told) comment(change, key, collected_comment(change), deadline);
}

void Outgoing::comment(const tsn::Upsert& change, const std::string& key, const Document& text,
                       tsn::Deadline deadline) {
  const bool again = change.outcome_unknown || change.attempt > 1;
  if (again && p_.api.has_comment(key, mark_of(change.key), deadline)) return;
  p_.api.comment(key, text, deadline);
}

/// Priority, summary and assignee, as far as they differ.
void Outgoing::update(const tsn::Upsert& change, const Project& project, Issue& issue, tsn::Deadline deadline) {
  issue = p_.api.issue(issue.key, deadline);
  nlohmann::json fields = nlohmann::json::object();
  const auto summary = summary_now(issue.summary, change.incident);
  const bool risen = summary != issue.summary;
  if (risen) fields["summary"] = summary;
  const auto priority = project.priority.find(std::string(tsn::severity_name(change.incident.severity)));
  // Where only the owner changed, a priority that somebody chose in Jira stays.
  const bool severity_told = risen || !change.note.empty();
  if (severity_told && priority != project.priority.end() && !priority->second.empty() &&
      !same_name(priority->second, issue.priority))
    fields["priority"] = {{"name", priority->second}};
  while (!fields.empty()) {
    try {
      p_.api.update(issue.key, fields, deadline);
      break;
    } catch (const Refusal& refusal) {
      bool any = false;
      for (const auto& [field, why] : refusal.fields) {
        if (fields.erase(field) == 0) continue;
        any = true;
        if (warned_.insert(project.key + "/edit/" + field).second)
          p_.ctx.warn(issue.key + ": " + field + " cannot be changed: " + shortened(why, 200));
      }
      if (refusal.status().code() != 400 || !any) throw;
    }
  }
  assign(change, issue, deadline);
}

/// An owner who has no account, or is refused as assignee, leaves the issue as it is; so does an incident that lost its
/// owner.
void Outgoing::assign(const tsn::Upsert& change, const Issue& issue, tsn::Deadline deadline) {
  if (p_.brought.at(owner_in(issue.key)) > made_) return;  // somebody was made the owner in Jira since
  const auto account = account_of_owner(change, deadline);
  if (!account || issue.assignee.is(*account)) return;
  try {
    p_.api.assign(issue.key, *account, deadline);
  } catch (const tsn::Failure& why) {
    const auto value = why.status().value();
    if (value != TSN_INVALID && value != TSN_DENIED) throw;
    p_.ctx.warn(issue.key + ": " + std::string(change.incident.owner) + " cannot be its assignee: " + why.what());
  }
}

/// Back to work, unless it is already, was closed for good, or is closed too long. A resolution that is not set is
/// not the final one.
void Outgoing::reopen(const Project& project, Issue& issue, tsn::Deadline deadline) {
  issue = p_.api.issue(issue.key, deadline);
  if (!issue.done || project.reopen_transition.empty()) return;
  const bool final = !issue.resolution.empty() && !project.wont_fix_resolution.empty() &&
                     same_name(issue.resolution, project.wont_fix_resolution);
  const bool old = issue.resolved_at != 0 && p_.ctx.now() - issue.resolved_at > p_.settings.reopen_duration.count();
  if (final || old) {
    p_.ctx.info(issue.key + " stays " + issue.status + ": " +
                (final ? "its resolution is final" : "it was resolved longer ago than reopen_duration"));
    return;
  }
  walk(issue, project.reopen_transition, false, deadline);
}

void Outgoing::move(const tsn::Incident& incident, Issue& issue, const std::string& target, bool ending,
                    tsn::Deadline deadline) {
  issue = p_.api.issue(issue.key, deadline);
  p_.statuses.learn_category(issue.status, issue.category);
  if (same_name(issue.status, target)) return;
  if (overtaken(incident, issue, ending, deadline)) {
    p_.ctx.info(issue.key + " stays " + issue.status + ": what was done in Jira is further along or later");
    return;
  }
  walk(issue, target, ending, deadline);
}

/// Somebody moved the issue as far or further, or what they did in Jira was brought in after this change was made.
bool Outgoing::overtaken(const tsn::Incident& incident, const Issue& issue, bool ending, tsn::Deadline deadline) {
  const auto changed = changed_at(incident);
  if (p_.brought.at(issue.key) > (changed != 0 ? changed : made_)) return true;
  if (ending || !issue.moved_by.known()) return false;
  const auto ours = p_.statuses.ours(issue.key, issue.status);
  if (!ours || rank_of(*ours) < rank_of(incident.status)) return false;
  return !p_.people.is_self(issue.moved_by, deadline);
}

void Outgoing::walk(Issue& issue, const std::string& target, bool ending, tsn::Deadline deadline) {
  const auto offered = p_.api.transitions(issue.key, deadline);
  for (const auto& each : offered) {
    p_.statuses.learn_transition(each.name, each.to);
    p_.statuses.learn_category(each.to, each.category);
  }
  auto chosen = std::ranges::find_if(offered, [&](const Transition& each) { return same_name(each.name, target); });
  if (chosen == offered.end())
    chosen = std::ranges::find_if(offered, [&](const Transition& each) { return same_name(each.to, target); });
  if (chosen == offered.end()) {
    if (ending && issue.done) return;
    std::string names;
    for (const auto& each : offered) names += (names.empty() ? "" : ", ") + each.name;
    throw tsn::Failure(tsn::invalid("jira: " + issue.key + " (" + issue.status + ") has no transition \"" + target +
                                    "\"; it has: " + (names.empty() ? "none that this user may use" : names)));
  }
  p_.api.transition(issue.key, chosen->id, deadline);
  if (!chosen->to.empty()) issue.status = chosen->to;
}

/// For the ticket's row only: the issue is there, so a failure here is none of the change.
std::string Outgoing::status_of_new(const std::string& key, tsn::Deadline deadline) {
  if (p_.api.rest().plans()) return {};
  try {
    const auto issue = p_.api.issue(key, deadline);
    p_.statuses.learn_category(issue.status, issue.category);
    return issue.status;
  } catch (const tsn::Failure& why) {
    p_.ctx.debug("cannot read the status of " + key + ": " + why.what());
    return {};
  }
}

}  // namespace tocsin_plugins::jira
