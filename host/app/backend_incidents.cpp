// What the HTTP API asks and decides about incidents.
#include <memory>
#include <optional>

#include "app/adoption.hpp"
#include "app/backend.hpp"
#include "base/id.hpp"

namespace tocsin::app {
namespace {

constexpr std::size_t most_attachments = 100;

}  // namespace

base::Result<api::Listed<model::Incident>> Backend::incidents(const api::IncidentFilter& filter) {
  storage::IncidentQuery query;
  query.status = filter.status;
  query.severity = filter.severity;
  query.text = filter.text;
  query.from = filter.from;
  query.to = filter.to;
  query.category = filter.category;
  query.owner = filter.owner;
  query.service = filter.service;
  query.tags = filter.tags;
  query.rule = filter.rule;
  query.matchers = filter.matchers;
  query.page = {filter.page.limit, filter.page.after};
  TRY(auto found, parts_.pipeline->store().incidents(query));
  return api::Listed<model::Incident>{std::move(found.items), std::move(found.next)};
}

base::Result<std::string> Backend::correlation_of(const std::string& id) {
  TRY(const auto found, parts_.pipeline->store().incident(id));
  if (!found) return base::fail(base::Fault::not_found, "there is no incident " + id);
  return found->correlation_id;
}

base::Result<api::IncidentView> Backend::incident(const std::string& id) {
  auto& store = parts_.pipeline->store();
  TRY(auto found, store.incident(id));
  if (!found) return base::fail(base::Fault::not_found, "there is no incident " + id);
  api::IncidentView view;
  TRY(view.alerts, store.incident_alerts(found->correlation_id));
  TRY(view.timeline, store.timeline(found->correlation_id));
  view.incident = std::move(*found);
  return view;
}

base::Result<void> Backend::adopt(const std::string& id) {
  TRY(const auto kept, known_incident(parts_.pipeline->store(), id));
  return parts_.pipeline->decide([kept](incidents::Desk& desk, base::Time at) -> base::Result<model::Changes> {
    desk.adopt(kept, at);
    return model::Changes{};
  });
}

base::Result<model::Incident> Backend::decide(const std::string& id, const pipeline::Pipeline::Decide& decide) {
  TRY_VOID(decide_adopting(*parts_.pipeline, id, decide));
  TRY(auto found, parts_.pipeline->store().incident(id));
  if (!found) return base::fail(base::Fault::not_found, "there is no incident " + id);
  return std::move(*found);
}

base::Result<model::Incident> Backend::create_incident(model::Incident incident, const std::string& actor) {
  // The desk names what it makes.
  auto made = std::make_shared<std::string>();
  TRY_VOID(parts_.pipeline->decide(
      [incident, actor, made](incidents::Desk& desk, base::Time at) -> base::Result<model::Changes> {
        TRY(auto changes, desk.create(incident, actor, at));
        *made = changes.incidents.front().correlation_id;
        return changes;
      }));
  TRY(auto found, parts_.pipeline->store().incident(*made));
  if (!found) return base::fail(base::Fault::internal, "the incident that was opened is not in the store: " + *made);
  return std::move(*found);
}

base::Result<model::Incident> Backend::set_status(const std::string& id, model::IncidentStatus to,
                                                  const std::string& notes, const std::string& reason,
                                                  base::Duration lasts, const std::string& actor) {
  TRY(const auto known, correlation_of(id));
  const incidents::StatusChange change{to, actor, notes, reason, lasts};
  return decide(known,
                [known, change](incidents::Desk& desk, base::Time at) { return desk.set_status(known, change, at); });
}

base::Result<model::Incident> Backend::assign(const std::string& id, const std::string& owner,
                                              const std::string& actor) {
  TRY(const auto known, correlation_of(id));
  return decide(known, [=](incidents::Desk& desk, base::Time at) { return desk.assign(known, owner, actor, at); });
}

base::Result<model::Incident> Backend::note(const std::string& id, const std::string& text, const std::string& actor) {
  TRY(const auto known, correlation_of(id));
  return decide(known, [=](incidents::Desk& desk, base::Time at) { return desk.note(known, text, actor, at); });
}

base::Result<model::Incident> Backend::tag(const std::string& id, const std::vector<std::string>& add,
                                           const std::vector<std::string>& remove, const std::string& actor) {
  TRY(const auto known, correlation_of(id));
  return decide(known, [=](incidents::Desk& desk, base::Time at) { return desk.tag(known, add, remove, actor, at); });
}

base::Result<model::Incident> Backend::link(const std::string& id, const model::Link& link, const std::string& actor) {
  TRY(const auto known, correlation_of(id));
  return decide(known, [=](incidents::Desk& desk, base::Time at) { return desk.link(known, link, actor, at); });
}

base::Result<model::Incident> Backend::merge(const std::string& id, const std::string& into, const std::string& actor) {
  TRY(const auto from, correlation_of(id));
  TRY(const auto to, correlation_of(into));
  const auto merge = [=](incidents::Desk& desk, base::Time at) { return desk.merge(from, to, actor, at); };
  // Either may have left the desk.
  if (!parts_.pipeline->find_incident(from)) TRY_VOID(adopt(from));
  return decide(to, merge);
}

base::Result<model::Incident> Backend::snooze(const std::string& id, base::Time until, const std::string& actor) {
  TRY(const auto known, correlation_of(id));
  return decide(known, [=](incidents::Desk& desk, base::Time at) { return desk.snooze(known, until, actor, at); });
}

base::Result<model::Incident> Backend::escalate(const std::string& id, const std::string& actor) {
  TRY(const auto known, correlation_of(id));
  return decide(known, [=](incidents::Desk& desk, base::Time at) { return desk.escalate(known, actor, at); });
}

base::Result<model::Incident> Backend::page(const std::string& id, const std::vector<std::string>& targets,
                                            const std::string& text, const std::string& actor) {
  TRY(const auto known, correlation_of(id));
  return decide(known,
                [=](incidents::Desk& desk, base::Time at) { return desk.page(known, targets, text, actor, at); });
}

base::Result<model::Attachment> Backend::attach(const std::string& id, model::Attachment file,
                                                const std::string& actor) {
  TRY(const auto known, correlation_of(id));
  TRY(const auto there, attachments(known));
  if (there.size() >= most_attachments) {
    return base::fail(base::Fault::conflict, "incident " + id + " has 100 attachments, which is as many as it takes");
  }
  auto key = std::make_shared<std::string>();
  TRY_VOID(decide(known, [=](incidents::Desk& desk, base::Time at) -> base::Result<model::Changes> {
    TRY(auto changes, desk.attach(known, file, actor, at));
    *key = changes.attachments.front().key;
    return changes;
  }));
  TRY(const auto kept, attachments(known));
  for (const auto& each : kept) {
    if (each.key == *key) return each;
  }
  return base::fail(base::Fault::internal, "the attachment that was kept is not in the store: " + *key);
}

base::Result<std::vector<model::Attachment>> Backend::attachments(const std::string& id) {
  TRY(const auto known, correlation_of(id));
  return parts_.pipeline->store().attachments(known);
}

base::Result<model::Attachment> Backend::attachment(const std::string& id, std::uint64_t file) {
  TRY(const auto known, correlation_of(id));
  TRY(auto found, parts_.pipeline->store().attachment(known, file));
  if (found) return std::move(*found);
  return base::fail(base::Fault::not_found, "incident " + id + " has no attachment " + std::to_string(file));
}

base::Result<std::pair<std::vector<model::IncidentEvent>, std::uint64_t>> Backend::incident_events(
    std::optional<std::uint64_t> after, std::size_t most) {
  auto& store = parts_.pipeline->store();
  if (!after) {
    TRY(const auto newest, store.newest_event());
    return std::pair(std::vector<model::IncidentEvent>(), newest);
  }
  TRY(auto events, store.incident_events(*after, most, now()));
  const auto next = events.empty() ? *after : events.back().id;
  return std::pair(std::move(events), next);
}

base::Result<model::Incident> Backend::acknowledge_alert(const std::string& alert_id, const std::string& actor) {
  storage::IncidentQuery open;
  open.status = {model::IncidentStatus::open, model::IncidentStatus::acknowledged, model::IncidentStatus::in_progress};
  open.page.limit = 1000;
  do {
    TRY(auto page, parts_.pipeline->store().incidents(open));
    for (const auto& incident : page.items) {
      TRY(const auto alerts, parts_.pipeline->store().incident_alerts(incident.correlation_id));
      for (const auto& member : alerts) {
        if (member.alert.id == alert_id || base::hex16(member.alert.fingerprint) == alert_id) {
          return set_status(incident.correlation_id, model::IncidentStatus::acknowledged, "", "", {}, actor);
        }
      }
    }
    open.page.after = page.next;
  } while (!open.page.after.empty());
  return base::fail(base::Fault::not_found, "no open incident has an alert " + alert_id);
}

}  // namespace tocsin::app
