#include "incoming.hpp"

#include <algorithm>

#include "document.hpp"
#include "json.hpp"

namespace tocsin_plugins::jira {
namespace {

constexpr tsn::Time one_second = 1'000'000'000;
constexpr tsn::Time longest_wait = 600 * one_second;
constexpr tsn::Time kept_at_most = 7 * 86'400 * one_second;
constexpr tsn::Time early = 60 * one_second;

bool passes_later(const tsn::Status& status) {
  switch (status.value()) {
    case TSN_RETRY:
    case TSN_FAILED:
    case TSN_DEADLINE:
    case TSN_UNKNOWN:
    case TSN_CANCELLED:
      return true;
    default:
      return false;
  }
}

tsn::Time wait_after(const tsn::Status& status, int tries) {
  const auto asked = static_cast<tsn::Time>(status.retry_after_ms()) * 1'000'000;
  return std::max(asked, std::min(longest_wait, (5 * one_second) << std::min(tries, 10)));
}

std::string who_did(const Event& event) {
  const auto& author = event.author;
  return !author.display.empty() ? author.display : !author.handle().empty() ? author.handle() : "somebody";
}

}  // namespace

bool Incoming::take(const std::vector<Event>& events, tsn::Deadline deadline) {
  bool all = true;
  for (auto event : events) {
    if (p_.seen.contains(event.id) && !event.also.empty()) event.id = std::exchange(event.also, "");
    if (p_.seen.contains(event.id)) continue;
    // Behind one of the same ticket that waits, so that their order stays.
    auto status = p_.inbox.holds(event.ticket) ? tsn::retry_later("an earlier event waits") : apply(event, deadline);
    if (status) {
      done_with(event);
      continue;
    }
    const auto now = p_.ctx.now();
    if (!p_.inbox.put({event}, now, now + wait_after(status, 0))) {
      all = false;
      break;
    }
  }
  p_.seen.save();
  return all;
}

void Incoming::done_with(const Event& event) {
  p_.seen.add(event.id);
  if (!event.also.empty()) p_.seen.add(event.also);
}

void Incoming::drain(tsn::Deadline deadline) {
  std::set<std::string> held;
  for (const auto& entry : p_.inbox.due(p_.ctx.now())) {
    if (held.contains(entry.event.ticket)) continue;
    if (deadline.expired()) break;
    const auto now = p_.ctx.now();
    const auto status = p_.seen.contains(entry.event.id) ? tsn::Status(tsn::ok) : apply(entry.event, deadline);
    if (!status && now - entry.since < kept_at_most) {
      held.insert(entry.event.ticket);
      p_.inbox.later(entry.slot, now + wait_after(status, entry.tries));
      continue;
    }
    if (!status)
      p_.ctx.warn(entry.event.ticket + ": " + entry.event.id + " is given up after a week: " + status.text());
    done_with(entry.event);
    p_.seen.save();
    p_.inbox.done(entry.slot);
  }
}

tsn::Status Incoming::follow(const Event& event, tsn::Deadline deadline) {
  if (p_.people.is_self(event.author, deadline)) return tsn::ok;
  switch (event.kind) {
    case EventKind::moved:
      return moved(event, deadline);
    case EventKind::assigned:
      return assigned(event);
    case EventKind::commented:
      return commented(event);
  }
  return tsn::ok;
}

tsn::Status Incoming::apply(const Event& event, tsn::Deadline deadline) {
  try {
    p_.api.rest().about("", event.ticket);
    auto status = follow(event, deadline);
    return passes_later(status) ? status : tsn::Status(tsn::ok);
  } catch (const tsn::Failure& why) {  // Jira could not be asked something
    return tsn::retry_later(why.what(), std::chrono::milliseconds(why.status().retry_after_ms()));
  }
}

tsn::Status Incoming::moved(Event event, tsn::Deadline deadline) {
  p_.statuses.learn_category(event.to, event.category);
  if (event.superseded) return tsn::ok;
  const auto ours = p_.statuses.ours(event.ticket, event.to);
  const bool ends = p_.statuses.ends(event.ticket, event.to);
  if (p_.collecting.collects(event.ticket)) return ends ? ended_together(event, *ours) : tsn::Status(tsn::ok);
  if (!ends && (event.reopened || p_.statuses.ends(event.ticket, event.from))) {
    complete(event, deadline);
    if (event.superseded) return tsn::ok;
    const auto ended_for = event.ended_at == 0 ? 0 : event.at - event.ended_at;
    if (ended_for <= p_.settings.reopen_duration.count()) return reopened(event, ours);
    p_.ctx.info(event.ticket + " was reopened in Jira longer than reopen_duration after its end: the incident stays");
    return shown(event);
  }
  if (!ours || *ours == TSN_INC_OPEN) return shown(event);
  return forward(event, *ours);
}

void Incoming::complete(Event& event, tsn::Deadline deadline) {
  if (event.ended_at != 0) return;
  try {
    const auto issue = p_.api.whole_issue(event.ticket, 0, deadline);
    for (const auto& each : events_of_issue(issue, 0)) {
      if (each.id != event.id) continue;
      event.ended_at = each.ended_at;
      event.superseded = each.superseded;
      if (each.at != 0) event.at = each.at;
    }
  } catch (const tsn::Failure& why) {
    if (passes_later(why.status())) throw;  // an issue that cannot be read is taken by its word
  }
}

tsn::Status Incoming::reopened(const Event& event, std::optional<tsn_incident_status> ours) {
  auto answer = answer_of(event);
  const std::string id = event.id + ":reopened", text = "Jira: reopened by " + who_did(event);
  answer.id = id;
  answer.kind = TSN_ANSWER_STATUS;
  answer.status = TSN_INC_OPEN;
  answer.text = text;
  answer.ticket_status = event.to;
  auto status = tell(event, answer);
  if (passes_later(status)) return status;
  if (!ours || *ours == TSN_INC_OPEN) return status ? status : shown(event);
  return forward(event, *ours);
}

tsn::Status Incoming::forward(const Event& event, tsn_incident_status ours) {
  const std::string text =
      rank_of(ours) >= rank_of(TSN_INC_RESOLVED)
          ? "Jira: " + (event.resolution.empty() ? event.to : event.resolution) + " by " + who_did(event)
          : "";
  auto answer = answer_of(event);
  answer.kind = TSN_ANSWER_STATUS;
  answer.ticket_status = event.to;
  answer.text = text;
  const std::string first = event.id + ":resolved";
  if (ours == TSN_INC_CLOSED) {  // an incident is closed after it was resolved
    answer.id = first;
    answer.status = TSN_INC_RESOLVED;
    if (auto status = tell(event, answer); passes_later(status)) return status;
    answer.id = event.id;
  }
  answer.status = ours;
  auto status = tell(event, answer);
  if (status || passes_later(status)) return status;
  return shown(event);  // no step from where the incident is: it is further along
}

/// A collecting issue stands for many incidents: its end is theirs, anything else says nothing of one of them.
tsn::Status Incoming::ended_together(const Event& event, tsn_incident_status) {
  const std::string text = "Jira: " + event.ticket + " " + (event.resolution.empty() ? event.to : event.resolution) +
                           " by " + who_did(event);
  for (const auto& incident : p_.collecting.incidents(event.ticket)) {
    const std::string id = event.id + ":" + incident;
    auto answer = answer_of(event);
    answer.id = id;
    answer.kind = TSN_ANSWER_STATUS;
    answer.status = TSN_INC_RESOLVED;
    answer.ticket = {};  // it is the ticket of several, so it names none
    answer.incident = incident;
    answer.text = text;
    if (auto status = tell(event, answer); passes_later(status)) return status;
  }
  return tsn::ok;
}

tsn::Status Incoming::assigned(const Event& event) {
  if (event.superseded || p_.collecting.collects(event.ticket)) return tsn::ok;
  const std::string owner = event.assignee.known() ? p_.people.owner_of(event.assignee) : "";
  auto answer = answer_of(event);
  answer.kind = TSN_ANSWER_ASSIGN;
  answer.text = owner;
  return tell(event, answer);
}

tsn::Status Incoming::commented(const Event& event) {
  if (p_.collecting.collects(event.ticket)) return tsn::ok;
  const bool edit = std::ranges::count(event.id, ':') > 1;
  const std::string text = edit ? "edited: " + event.text : event.text;
  auto answer = answer_of(event);
  answer.kind = TSN_ANSWER_NOTE;
  answer.text = text;
  return tell(event, answer);
}

tsn::Status Incoming::shown(const Event& event) {
  const std::string id = event.id + ":ticket";
  auto answer = answer_of(event);
  answer.id = id;
  answer.kind = TSN_ANSWER_TICKET;
  answer.ticket_status = event.to;
  return tell(event, answer);
}

tsn::PersonAnswer Incoming::answer_of(const Event& event) {
  tsn::PersonAnswer answer;
  answer.id = event.id;
  answer.ticket = event.ticket;
  answer.address = event.author.email;
  answer.way = "Jira";
  answer.at = event.at;
  return answer;
}

/// The host's answer, told to jira_sync_log. What it refuses for good is TSN_INVALID.
tsn::Status Incoming::tell(const Event& event, const tsn::PersonAnswer& said) {
  auto answer = said;
  const std::string here = p_.people.name_here(event.author), shown_name = who_did(event);
  answer.actor = here.empty() ? shown_name : here;
  if (!here.empty()) answer.address = {};
  tsn::Answered became;
  auto status = p_.ctx.feedback().answer(answer, &became);
  if (status.value() == TSN_UNSUPPORTED) {
    if (!std::exchange(said_no_service_, true))
      p_.ctx.warn("this host takes no answers (tsn.feedback/1): what changes in Jira changes nothing here");
    return tsn::ok;
  }
  log(event, answer, status, became.text);
  if (status) {
    if (became.changed && answer.kind == TSN_ANSWER_STATUS) p_.brought.note(event.ticket, p_.ctx.now());
    if (became.changed && answer.kind == TSN_ANSWER_ASSIGN) p_.brought.note(owner_in(event.ticket), p_.ctx.now());
    p_.ctx.count("jira_events");
    return status;
  }
  // The ticket may have been made a moment ago, and its key not be kept yet.
  const auto age = p_.ctx.now() - event.at;
  if (status.value() == TSN_INVALID && p_.brought.created_at(event.ticket) > p_.ctx.now() - early && age < early)
    return tsn::retry_later(status.text(), std::chrono::seconds(5));
  p_.ctx.debug(event.ticket + ": " + event.id + " is not taken: " + status.text());
  return status;
}

void Incoming::log(const Event& event, const tsn::PersonAnswer& answer, const tsn::Status& status,
                   std::string_view said) const {
  const auto request = p_.api.rest().masked(printed(json_of_event(event)));
  const auto error = status ? std::string() : p_.api.rest().masked(status.text());
  (void)p_.ctx.log_exchange({.incoming = true,
                             .correlation_id = answer.incident,
                             .ticket = event.ticket,
                             .method = "EVENT",
                             .target = answer.id,
                             .request = request,
                             .response = said,
                             .error = error,
                             .status = status                 ? 200u
                                       : passes_later(status) ? 503u
                                                              : 409u});
}

}  // namespace tocsin_plugins::jira
