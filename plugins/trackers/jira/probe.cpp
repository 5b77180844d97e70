#include "probe.hpp"

#include <algorithm>
#include <set>

#include "json.hpp"
#include "outgoing.hpp"

namespace tocsin_plugins::jira {
namespace {

using nlohmann::json;

std::string joined_names(const std::vector<std::string>& names) {
  std::string out;
  for (const auto& each : names) out += (out.empty() ? "" : ", ") + each;
  return out.empty() ? "none" : out;
}

/// Jira's id of a field of the create screen; older versions call it key.
std::string field_of(const json& entry) {
  auto id = text_at(entry, {"fieldId"});
  return id.empty() ? text_at(entry, {"key"}) : id;
}

const json* field_named(const json& screen, std::string_view id) {
  const auto found = std::ranges::find_if(screen, [&](const json& entry) { return field_of(entry) == id; });
  return found == screen.end() ? nullptr : &*found;
}

/// What the tracker itself fills in, and what Jira fills in.
bool given_by_us(std::string_view id) {
  constexpr std::string_view ours[] = {"project", "issuetype", "summary", "labels", "description", "reporter"};
  return std::ranges::find(ours, id) != std::end(ours);
}

/// The names that a project's transitions are written by, with the option that has each.
std::vector<std::pair<std::string, std::string>> wanted_names(const Project& project) {
  std::vector<std::pair<std::string, std::string>> out;
  for (const auto& [ours, name] : project.status) out.emplace_back("status." + ours, name);
  out.emplace_back("resolve_transition", project.resolve_transition);
  out.emplace_back("reopen_transition", project.reopen_transition);
  std::erase_if(out, [](const auto& each) { return each.second.empty(); });
  return out;
}

}  // namespace

/// What one question of several runs into is a line; the others are asked all the same.
template <class Look>
void Probe::look(const std::string& what, Look&& at) {
  try {
    at();
  } catch (const tsn::Failure& why) {
    warning(what + " could not be looked at: " + why.what());
  }
}

bool Probe::sign_in() {
  try {
    const auto self = api_.myself(deadline_);
    if (!self.known()) {
      error("the answer to who we are names nobody; check api_url and api_type");
      return false;
    }
    ok("signed in at " + host_of(settings_.api_url) + " as " + (self.display.empty() ? self.handle() : self.display) +
       " (" + self.handle() + ")");
    return true;
  } catch (const tsn::Failure& why) {
    if (why.status().value() != TSN_DENIED && why.status().value() != TSN_INVALID) throw;
    error(why.what());
    return false;
  }
}

void Probe::project(const Project& project) {
  look("the permissions in " + project.key, [&] { permissions(project); });
  look("the create screen of " + project.key, [&] { create_screen(project); });
  look("the statuses of " + project.key, [&] { statuses(project); });
}

void Probe::permissions(const Project& project) {
  const auto have = api_.permissions(project.key, deadline_);
  constexpr std::pair<const char*, const char*> needed[] = {{"BROWSE_PROJECTS", "see issues"},
                                                            {"CREATE_ISSUES", "create issues"},
                                                            {"ADD_COMMENTS", "comment"},
                                                            {"TRANSITION_ISSUES", "move issues"}};
  constexpr std::pair<const char*, const char*> useful[] = {{"EDIT_ISSUES", "change priority and summary"},
                                                            {"ASSIGN_ISSUES", "assign issues"}};
  bool all = true;
  for (const auto& [key, what] : needed)
    if (const auto found = have.find(key); found != have.end() && !found->second)
      all = false, error(project.key + ": this user may not " + what + ": give it the permission " + key);
  for (const auto& [key, what] : useful)
    if (const auto found = have.find(key); found != have.end() && !found->second)
      warning(project.key + ": this user may not " + what + ": it has not the permission " + key);
  if (have.empty())
    warning(project.key + ": Jira does not say what this user may do");
  else if (all)
    ok(project.key + ": this user may see, create, move and comment on issues");
}

void Probe::create_screen(const Project& project) {
  const auto types = api_.issue_types(project.key, deadline_);
  std::vector<std::string> names;
  std::string id;
  for (const auto& type : types) {
    names.push_back(text_at(type, {"name"}));
    if (same_name(names.back(), project.issue_type)) id = id_at(type, {"id"});
  }
  if (id.empty())
    return error(project.key + " has no issue type \"" + project.issue_type + "\"; it has: " + joined_names(names));
  ok(project.key + " has the issue type " + project.issue_type);
  const auto screen = api_.create_fields(project.key, id, deadline_);
  if (!screen.empty() && !field_named(screen, "labels"))
    error(project.key + ": Labels is not on the create screen of " + project.issue_type +
          ": put it there, an issue is found again by its label");
  fields(project, screen);
  priorities(project, screen);
}

void Probe::fields(const Project& project, const json& screen) {
  std::set<std::string> given;
  for (const auto& [name, value] : project.fields.items()) {
    try {
      const auto id = api_.field_id(name, deadline_);
      given.insert(id);
      if (!screen.empty() && !field_named(screen, id))
        warning(project.key + ": the field \"" + name + "\" (" + id +
                ") is not on the create screen: it will be left out");
      else
        ok(project.key + ": the field \"" + name + "\" is " + id);
    } catch (const tsn::Failure& why) {
      if (why.status().value() != TSN_INVALID) throw;
      error(project.key + ": " + why.what());
    }
  }
  if (!project.priority.empty()) given.insert("priority");
  for (const auto& entry : screen) {
    const auto id = field_of(entry);
    const bool required = member(entry, {"required"}) == true && member(entry, {"hasDefaultValue"}) != true;
    if (required && !given_by_us(id) && !given.contains(id))
      error(project.key + ": " + project.issue_type + " needs the field \"" + text_at(entry, {"name"}) + "\" (" + id +
            "): give it in [tracker." + ctx_.name() + ".fields]");
  }
}

void Probe::priorities(const Project& project, const json& screen) {
  const auto* field = field_named(screen, "priority");
  if (!field) {
    if (!project.priority.empty() && !screen.empty())
      warning(project.key + ": Priority is not on the create screen: it will be left out");
    return;
  }
  std::vector<std::string> names;
  for (const auto& each : list_at(*field, {"allowedValues"})) names.push_back(text_at(each, {"name"}));
  if (names.empty()) return;
  for (const auto& [severity, name] : project.priority)
    if (!name.empty() && std::ranges::none_of(names, [&](const auto& each) { return same_name(each, name); }))
      error(project.key + ": there is no priority \"" + name + "\" for " + severity +
            "; there are: " + joined_names(names));
}

/// Transitions can only be seen on an issue; the statuses that they lead to can be seen here.
void Probe::statuses(const Project& project) {
  const auto names = api_.statuses(project.key, project.issue_type, deadline_);
  if (names.empty()) return;
  for (const auto& [option, name] : wanted_names(project)) {
    if (std::ranges::any_of(names, [&](const auto& each) { return same_name(each, name); }))
      ok(project.key + ": " + option + " is the status \"" + name + "\"");
    else
      warning(project.key + ": " + option + " = \"" + name +
              "\" is no status of its workflow, so it has to be the name of a transition; the statuses are: " +
              joined_names(names));
  }
}

void Probe::directions() {
  if (settings_.poll.count() == 0 && settings_.webhook_path.empty())
    warning("what changes in Jira changes nothing here: poll is \"0s\" and there is no webhook");
  if (!settings_.webhook_path.empty()) ok("a webhook is taken at " + settings_.webhook_path);
  if (settings_.poll.count() == 0) return;
  look("the search for changes", [&] {
    (void)api_.changed(project_keys(settings_), 5, "", deadline_);
    ok("changes are found by search");
  });
}

void Probe::dry_run(const tsn::Upsert& change) {
  std::vector<Planned> plan;
  Rest rest(settings_, ctx_, &plan);
  Api api(settings_, ctx_, rest);
  State state(ctx_, State::Writes::forgotten);
  People people(settings_, ctx_, api, state);
  StatusMap statuses(settings_);
  Collecting collecting(settings_, ctx_, state);
  Brought brought(state);
  Doubts doubts(ctx_, state);
  Outgoing outgoing({settings_, ctx_, api, people, statuses, collecting, brought, doubts});
  tsn::Ticket ticket;
  try {
    if (auto status = outgoing.upsert(change, ticket, deadline_); !status) error(status.text());
  } catch (const tsn::Failure& why) {
    error(why.what());
  }
  for (const auto& each : plan)
    ok("would send " + each.method + " " + each.path + " " + rest.masked(printed(each.body)));
  if (plan.empty()) ok("nothing would be sent");
}

tsn::Status probe_jira(const Settings& settings, tsn::Context ctx, Api& api, const tsn::Upsert* change,
                       std::string& report, tsn::Deadline deadline) {
  api.rest().about(change ? change->incident.correlation_id : "", change ? change->incident.ticket_key : "");
  Probe probe(settings, ctx, api, report, deadline);
  if (!probe.sign_in()) return tsn::ok;
  if (change) {
    probe.project(project_of(settings, change->incident));
    probe.dry_run(*change);
    return tsn::ok;
  }
  for (const auto& project : settings.projects) probe.project(project);
  probe.directions();
  return tsn::ok;
}

}  // namespace tocsin_plugins::jira
