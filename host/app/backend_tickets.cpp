// What the HTTP API asks and decides about tickets.
#include "app/backend.hpp"
#include "model/ticket.hpp"

namespace tocsin::app {

/// The mapping as it is after the decision. `instance` empty: the one that changed last.
base::Result<model::TicketRef> Backend::decide_ticket(const std::string& id, const std::string& instance,
                                                      const pipeline::Pipeline::Decide& decided) {
  TRY(const model::Incident incident, decide(id, decided));
  TRY(const auto all, tickets());
  const model::TicketRef* found = nullptr;
  for (const auto& ticket : all) {
    if (ticket.correlation_id != incident.correlation_id) continue;
    if (!instance.empty() ? ticket.instance == instance : found == nullptr || ticket.synced_at >= found->synced_at)
      found = &ticket;
  }
  if (found == nullptr) return base::fail(base::Fault::not_found, "incident " + id + " has no ticket");
  return *found;
}

base::Result<model::TicketRef> Backend::link_ticket(const std::string& incident, model::TicketRef wanted,
                                                    const std::string& actor) {
  TRY(const auto known, correlation_of(incident));
  return decide_ticket(known, wanted.instance, [=](incidents::Desk& desk, base::Time at) {
    return desk.link_ticket(known, wanted, actor, at);
  });
}

base::Result<model::TicketRef> Backend::open_ticket(const std::string& incident, const std::string& instance,
                                                    const std::string& actor) {
  TRY(const auto known, correlation_of(incident));
  return decide_ticket(known, instance, [=](incidents::Desk& desk, base::Time at) {
    return desk.open_ticket(known, instance, actor, at);
  });
}

base::Result<model::TicketRef> Backend::unlink_ticket(const std::string& incident, const std::string& instance,
                                                      const std::string& actor) {
  TRY(const auto known, correlation_of(incident));
  return decide_ticket(known, instance, [=](incidents::Desk& desk, base::Time at) {
    return desk.unlink_ticket(known, instance, actor, at);
  });
}

base::Result<std::vector<api::TicketTrial>> Backend::try_ticket(const std::string& incident,
                                                                const std::string& instance) {
  TRY(const auto known, correlation_of(incident));
  return parts_.trackers->trial(known, instance);
}

base::Result<api::Listed<model::Exchange>> Backend::exchanges(const std::string& incident, const api::Page& page) {
  storage::ExchangeQuery query;
  if (!incident.empty()) {
    TRY(query.correlation_id, correlation_of(incident));
  }
  query.page = {page.limit, page.after};
  TRY(auto found, parts_.pipeline->store().exchanges(query));
  return api::Listed<model::Exchange>{std::move(found.items), std::move(found.next)};
}

}  // namespace tocsin::app
