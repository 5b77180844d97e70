// Making the issue of an incident, once.
#include "outgoing.hpp"

#include <algorithm>

#include "issue.hpp"
#include "json.hpp"
#include "placeholders.hpp"

namespace tocsin_plugins::jira {
namespace {

/// An issue is opened while the incident is worked on, never because it ended.
bool creates(const tsn::Upsert& change) {
  if (change.incident.status == TSN_INC_RESOLVED || change.incident.status == TSN_INC_CLOSED) return false;
  return change.change == TSN_CHANGE_OPENED || change.change == TSN_CHANGE_UPDATED ||
         change.change == TSN_CHANGE_REOPENED;
}

/// Text that came out empty, alone or as the members of a table: such a field is left out.
bool blank(const nlohmann::json& value) {
  if (value.is_string()) return value.get_ref<const std::string&>().empty();
  return value.is_object() && std::all_of(value.begin(), value.end(), [](const auto& item) { return blank(item); });
}

}  // namespace

tsn::Status Outgoing::upsert(const tsn::Upsert& change, tsn::Ticket& out, tsn::Deadline deadline) {
  const Project& project = project_of(p_.settings, change.incident);
  made_ = first_met(change);
  p_.api.rest().about(change.incident.correlation_id, change.incident.ticket_key);
  Issue issue = ticket_of(change, project, out.created, deadline);
  if (issue.key.empty()) return tsn::ok;  // nothing to keep in step, and this change makes none
  p_.api.rest().about(change.incident.correlation_id, issue.key);
  if (p_.collecting.collects(issue.key))
    follow_collected(change, issue.key, deadline);
  else if (!out.created)
    follow(change, project, issue, deadline);
  if (out.created || issue.status.empty()) issue.status = status_of_new(issue.key, deadline);
  if (out.created) p_.brought.created(issue.key, p_.ctx.now());
  out.key = issue.key;
  out.url = p_.settings.api_url + "/browse/" + issue.key;
  out.status = shortened(issue.status, 64);
  return tsn::ok;
}

/// In memory: after a restart an old change counts as a new one, as it did before it was first tried.
tsn::Time Outgoing::first_met(const tsn::Upsert& change) {
  if (met_.size() >= 1000) met_.clear();
  return met_.try_emplace(std::string(change.key), p_.ctx.now()).first->second;
}

/// The known issue, the found one, a new one, or the collecting one. An empty key: there is none and there shall be
/// none.
Issue Outgoing::ticket_of(const tsn::Upsert& change, const Project& project, bool& created, tsn::Deadline deadline) {
  const auto& incident = change.incident;
  if (!incident.ticket_key.empty()) return {.key = std::string(incident.ticket_key)};
  const bool doubtful = change.outcome_unknown || p_.doubts.any(incident.correlation_id);
  const bool may_create = creates(change);
  if (doubtful || change.attempt > 1 || !may_create) {
    if (auto found = find(incident, project, deadline); !found.key.empty()) return found;
  }
  if (!may_create) return {};
  const auto place = p_.collecting.place_of(project.key, incident.correlation_id);
  if (!place.empty()) return collect(change, project, place, created, deadline);
  if (doubtful) wait_for_proof(std::string(incident.correlation_id), "incident " + std::to_string(incident.number));
  created = true;
  return {.key = create(change, project, deadline)};
}

Issue Outgoing::find(const tsn::Incident& incident, const Project& project, tsn::Deadline deadline) {
  auto found = p_.api.search(project.key, finding_label(incident), deadline);
  if (found.empty()) return {};
  if (found.size() > 1)
    p_.ctx.warn("incident " + std::to_string(incident.number) + " has " + std::to_string(found.size()) + " issues; " +
                found.front().key + ", the oldest, is used; close the others, from " + found[1].key);
  p_.doubts.clear(incident.correlation_id);
  return found.front();
}

/// After a search that found nothing: returns when that proves that there is no issue, else asks to come back.
void Outgoing::wait_for_proof(const std::string& what, const std::string& whose) {
  const auto wait = p_.doubts.found_nothing(what, p_.settings.search_settle);
  if (wait.count() == 0) return;
  throw tsn::Failure(tsn::retry_later(
      "jira: an earlier create for " + whose + " may have succeeded; searching once more before another",
      std::chrono::ceil<std::chrono::milliseconds>(wait)));
}

std::string Outgoing::create(const tsn::Upsert& change, const Project& project, tsn::Deadline deadline) {
  auto fields = fields_of(change.incident, project, p_.settings.cloud);
  add_configured(change, project, fields, deadline);
  if (const auto account = account_of_owner(change, deadline)) fields["assignee"] = p_.api.account_json(*account);
  return create_doubting(std::string(change.incident.correlation_id), project, std::move(fields), deadline);
}

void Outgoing::add_configured(const tsn::Upsert& change, const Project& project, nlohmann::json& fields,
                              tsn::Deadline deadline) {
  for (const auto& [name, value] : project.fields.items()) {
    auto text = filled_json(value, change.incident);
    if (!blank(text)) fields[p_.api.field_id(name, deadline)] = std::move(text);
  }
}

/// The account of the owner. What cannot be found out now does not hold up the issue.
std::optional<std::string> Outgoing::account_of_owner(const tsn::Upsert& change, tsn::Deadline deadline) {
  try {
    return p_.people.account_for(change.incident.owner, change.owner_email, deadline);
  } catch (const tsn::Failure& why) {
    p_.ctx.warn("the account of " + std::string(change.incident.owner) + " is not known now: " + why.what());
    return std::nullopt;
  }
}

std::string Outgoing::create_doubting(const std::string& doubted, const Project& project, nlohmann::json fields,
                                      tsn::Deadline deadline) {
  p_.doubts.clear(doubted);  // what was proven holds for this create only
  for (;;) {
    try {
      return p_.api.create(fields, deadline);
    } catch (const Refusal& refusal) {
      // A plain refusal made nothing, so what Jira does not want is left out and it is tried at once.
      if (refusal.status().code() == 400 && leave_out(refusal, project, fields)) continue;
      // A gateway's 5xx may hide an issue that was made.
      const int code = refusal.status().code();
      if (code >= 500 || code == 408) remember_doubt(doubted);
      throw;
    } catch (const tsn::Failure& failure) {
      if (failure.status() == tsn::Code::unknown) remember_doubt(doubted);
      throw;
    }
  }
}

void Outgoing::remember_doubt(const std::string& doubted) noexcept {
  try {
    p_.doubts.raise(doubted);
  } catch (const std::exception& why) {
    p_.ctx.warn(std::string("cannot keep that a create is in doubt: ") + why.what());
  }
}

/// False: what is refused is none of what may be missing.
bool Outgoing::leave_out(const Refusal& refusal, const Project& project, nlohmann::json& fields) {
  constexpr std::string_view needed[] = {"project", "issuetype", "summary", "labels", "description"};
  bool any = false;
  for (const auto& [field, why] : refusal.fields) {
    if (std::ranges::find(needed, field) != std::end(needed) || fields.erase(field) == 0) continue;
    any = true;
    if (warned_.insert(project.key + "/" + field).second)
      p_.ctx.warn(project.key + " does not take the field " + field + ", it is left out: " + shortened(why, 200));
  }
  return any;
}

Issue Outgoing::collect(const tsn::Upsert& change, const Project& project, const std::string& label, bool& created,
                        tsn::Deadline deadline) {
  auto key = p_.collecting.issue(label);
  if (key.empty()) {
    // Another agent, or this one before it was killed, may have made it.
    const auto found = p_.api.search(project.key, label, deadline);
    if (!found.empty()) key = found.front().key;
  }
  if (key.empty()) {
    if (p_.doubts.any(label)) wait_for_proof(label, "the collecting issue of " + project.key);
    auto fields = collecting_fields(change.incident, project, p_.settings.cloud, label, p_.settings.max_new.most);
    for (const auto& [name, value] : project.fields.items())
      if (auto text = filled_json(value, change.incident); !blank(text))
        fields[p_.api.field_id(name, deadline)] = std::move(text);
    key = create_doubting(label, project, std::move(fields), deadline);
    created = true;
  }
  p_.doubts.clear(label);
  if (p_.collecting.issue(label).empty()) p_.collecting.is(label, key);
  comment(change, key, collected_comment(change), deadline);
  p_.collecting.add(key, change.incident.correlation_id);
  return {.key = key};
}

}  // namespace tocsin_plugins::jira
