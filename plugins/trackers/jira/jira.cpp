// Jira as a tracker: one issue per incident, kept in step by comments and transitions.
#include "api.hpp"
#include "doubts.hpp"
#include "issue.hpp"
#include "placeholders.hpp"
#include "settings.hpp"
#include "tocsin/plugin.hpp"

namespace tocsin_plugins {

using namespace jira;

class Jira {
 public:
  static constexpr auto id = "jira", version = "1.0.0", doc = "One Jira issue per incident, on Cloud or Data Center";
  static constexpr tsn::Option options[] = {
      {.key = "api_url", .flags = tsn::required, .doc = "Jira's address, such as https://corp.atlassian.net"},
      {.key = "api_type",
       .fallback = "\"cloud\"",
       .choices = "cloud|datacenter",
       .doc = "cloud: REST v3; datacenter: REST v2, Server too"},
      {.key = "username", .doc = "User of the token; empty: the token alone as Bearer, as a Data Center PAT wants it"},
      {.key = "token", .flags = tsn::required | tsn::secret, .doc = "API token, password or personal access token"},
      {.key = "project", .flags = tsn::required, .doc = "Key of the project that takes the issues"},
      {.key = "issue_type", .fallback = "\"Task\"", .doc = "Name of the issue type"},
      {.key = "priority", .type = tsn::table, .doc = "Severity to the name of a Jira priority; none: Jira's default"},
      {.key = "extra_labels",
       .type = tsn::array,
       .doc = "Labels beside auto-detected, etl-monitoring, the category and tocsin-ID"},
      {.key = "resolve_transition",
       .doc = "Transition, or status it leads to, when the incident is resolved; empty: leave it"},
      {.key = "reopen_transition", .doc = "The same when the incident is reopened; empty: leave it"},
      {.key = "reopen_duration",
       .type = tsn::duration,
       .fallback = "\"24h\"",
       .min = "\"0s\"",
       .doc = "An issue resolved longer ago stays as it is"},
      {.key = "wont_fix_resolution", .doc = "An issue with this resolution is never reopened"},
      {.key = "fields",
       .type = tsn::table,
       .doc = "Further fields, by id or exact display name; {{incident.x}} and {{labels.x}} are filled in"},
      {.key = "status", .type = tsn::table, .doc = "Our status to the transition, or the status it leads to, of Jira"},
      {.key = "projects",
       .type = tsn::array,
       .doc = "Other projects by matchers; the first that matches wins, what it does not give is inherited"},
      {.key = "search_settle",
       .type = tsn::duration,
       .fallback = "\"5s\"",
       .min = "\"1s\"",
       .max = "\"10m\"",
       .doc = "How far apart two empty searches must be before an issue whose creation was in doubt is created again"},
      {.key = "ca_file", .doc = "PEM file with a root certificate of your own, beside the system's"},
      {.key = "proxy_url", .doc = "Proxy for outgoing calls; default: [http] proxy_url"},
      {.key = "no_proxy", .type = tsn::array, .doc = "Hosts reached without the proxy"},
  };
  static constexpr const char* needs[] = {"network"};

  tsn::Status upsert(const tsn::Upsert& change, tsn::Ticket& out, tsn::Deadline deadline) {
    const Project& project = project_of(settings_, change.incident);
    Issue issue = ticket_of(change, project, out.created, deadline);
    if (issue.key.empty()) return tsn::ok;  // nothing to keep in step, and this change makes none
    if (!out.created) follow(change, project, issue, deadline);
    if (out.created || issue.status.empty()) issue.status = status_of_new(issue.key, deadline);
    out.key = issue.key;
    out.url = settings_.api_url + "/browse/" + issue.key;
    out.status = shortened(issue.status, 64);
    return tsn::ok;
  }

 private:
  /// The known issue, the found one, or a new one. An empty key: there is none and there shall be none.
  Issue ticket_of(const tsn::Upsert& change, const Project& project, bool& created, tsn::Deadline deadline) {
    const auto& incident = change.incident;
    if (!incident.ticket_key.empty()) return {.key = std::string(incident.ticket_key)};
    const bool doubtful = change.outcome_unknown || doubts_.any(incident.correlation_id);
    const bool may_create = creates(change);
    if (doubtful || change.attempt > 1 || !may_create) {
      if (auto found = find(incident, project, deadline); !found.key.empty()) return found;
    }
    if (!may_create) return {};
    if (doubtful) wait_for_proof(incident);
    created = true;
    return {.key = create(incident, project, deadline)};
  }

  /// An issue is opened while the incident is worked on, never because it ended.
  static bool creates(const tsn::Upsert& change) {
    if (change.incident.status == TSN_INC_RESOLVED || change.incident.status == TSN_INC_CLOSED) return false;
    return change.change == TSN_CHANGE_OPENED || change.change == TSN_CHANGE_UPDATED ||
           change.change == TSN_CHANGE_REOPENED;
  }

  Issue find(const tsn::Incident& incident, const Project& project, tsn::Deadline deadline) {
    auto found = api_.search(project.key, finding_label(incident), deadline);
    if (found.empty()) return {};
    if (found.size() > 1)
      ctx_.warn("incident " + std::to_string(incident.number) + " has " + std::to_string(found.size()) + " issues; " +
                found.front().key + ", the oldest, is used; close the others, from " + found[1].key);
    doubts_.clear(incident.correlation_id);
    return found.front();
  }

  /// After a search that found nothing: returns when that proves that there is no issue, else asks to come back.
  void wait_for_proof(const tsn::Incident& incident) {
    const auto wait = doubts_.found_nothing(incident.correlation_id, settings_.search_settle);
    if (wait.count() == 0) return;
    throw tsn::Failure(tsn::retry_later("jira: an earlier create for incident " + std::to_string(incident.number) +
                                            " may have succeeded; searching once more before another",
                                        std::chrono::ceil<std::chrono::milliseconds>(wait)));
  }

  std::string create(const tsn::Incident& incident, const Project& project, tsn::Deadline deadline) {
    auto fields = fields_of(incident, project, settings_.cloud);
    for (const auto& [name, value] : project.fields.items()) {
      auto text = filled_json(value, incident);
      if (!blank(text)) fields[api_.field_id(name, deadline)] = std::move(text);
    }
    doubts_.clear(incident.correlation_id);  // what was proven holds for this create only
    try {
      return api_.create(fields, deadline);
    } catch (const tsn::Failure& failure) {
      // A gateway's 5xx may hide an issue that was made.
      const auto& status = failure.status();
      if (status == tsn::Code::unknown || status.code() >= 500 || status.code() == 408) remember_doubt(incident);
      throw;
    }
  }

  void remember_doubt(const tsn::Incident& incident) noexcept {
    try {
      doubts_.raise(incident.correlation_id);
    } catch (const std::exception& why) {
      ctx_.warn(std::string("cannot keep that a create is in doubt: ") + why.what());
    }
  }

  /// Text that came out empty, alone or as the members of a table: such a field is left out.
  static bool blank(const nlohmann::json& value) {
    if (value.is_string()) return value.get_ref<const std::string&>().empty();
    return value.is_object() && std::all_of(value.begin(), value.end(), [](const auto& item) { return blank(item); });
  }

  void follow(const tsn::Upsert& change, const Project& project, Issue& issue, tsn::Deadline deadline) {
    if (!change.note.empty()) comment(change, issue.key, deadline);
    const auto status = change.incident.status;
    if (change.change == TSN_CHANGE_REOPENED || (change.change == TSN_CHANGE_STATUS && status == TSN_INC_OPEN))
      return reopen(project, issue, deadline);
    if (change.change != TSN_CHANGE_STATUS && change.change != TSN_CHANGE_RESOLVED) return;
    const auto target = target_of(change, project);
    if (!target.empty()) move(issue, target, status == TSN_INC_RESOLVED || status == TSN_INC_CLOSED, deadline);
  }

  static std::string target_of(const tsn::Upsert& change, const Project& project) {
    const bool resolved = change.change == TSN_CHANGE_RESOLVED || change.incident.status == TSN_INC_RESOLVED;
    if (resolved && !project.resolve_transition.empty()) return project.resolve_transition;
    const auto found =
        project.status.find(resolved ? "RESOLVED" : std::string(tsn::status_name(change.incident.status)));
    return found == project.status.end() ? "" : found->second;
  }

  void comment(const tsn::Upsert& change, const std::string& key, tsn::Deadline deadline) {
    const bool again = change.outcome_unknown || change.attempt > 1;
    if (again && api_.has_comment(key, mark_of(change.key), deadline)) return;
    api_.comment(key, comment_of(change), deadline);
  }

  /// Back to work, unless it is already, was closed for good, or is closed too long. A resolution that is not set is
  /// not the final one.
  void reopen(const Project& project, Issue& issue, tsn::Deadline deadline) {
    issue = api_.issue(issue.key, deadline);
    if (!issue.done || project.reopen_transition.empty()) return;
    const bool final = !issue.resolution.empty() && !project.wont_fix_resolution.empty() &&
                       same_name(issue.resolution, project.wont_fix_resolution);
    const bool old = issue.resolved_at != 0 && ctx_.now() - issue.resolved_at > settings_.reopen_duration.count();
    if (final || old) {
      ctx_.info(issue.key + " stays " + issue.status + ": " +
                (final ? "its resolution is final" : "it was resolved longer ago than reopen_duration"));
      return;
    }
    move(issue, project.reopen_transition, false, deadline);
  }

  /// By the name of the transition, or else of the status it leads to. `ending`: any finished status will do where the
  /// transition is not offered.
  void move(Issue& issue, const std::string& target, bool ending, tsn::Deadline deadline) {
    issue = api_.issue(issue.key, deadline);
    if (same_name(issue.status, target)) return;
    const auto offered = api_.transitions(issue.key, deadline);
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
    api_.transition(issue.key, chosen->id, deadline);
    if (!chosen->to.empty()) issue.status = chosen->to;
  }

  /// For the ticket's row only: the issue is there, so a failure here is none of the change.
  std::string status_of_new(const std::string& key, tsn::Deadline deadline) {
    try {
      return api_.issue(key, deadline).status;
    } catch (const tsn::Failure& why) {
      ctx_.debug("cannot read the status of " + key + ": " + why.what());
      return {};
    }
  }

  tsn::Context ctx_;
  Settings settings_{read_settings(ctx_.config())};
  Api api_{settings_, ctx_};
  Doubts doubts_{ctx_};
};

}  // namespace tocsin_plugins

using tocsin_plugins::Jira;
TOCSIN_PLUGIN(Jira)
