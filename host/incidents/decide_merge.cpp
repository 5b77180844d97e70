// Two incidents that are one: the alerts, the groups and the people of one go on in the other.
#include <algorithm>

#include "base/text.hpp"
#include "incidents/decisions.hpp"

namespace tocsin::incidents {
namespace {

using base::Fault;
using model::IncidentStatus;

base::Result<void> check_merge(const Case& from, const Case& to) {
  const std::string what = name_of(from.incident), where = name_of(to.incident);
  if (&from == &to) return base::fail(Fault::invalid, what + " cannot be merged into itself");
  if (from.incident.status == IncidentStatus::closed) {
    return base::fail(Fault::conflict, what + " is CLOSED" +
                                           (from.incident.merged_into.empty() ? "" : ", merged into another already") +
                                           "; only one that is not closed can be merged");
  }
  if (!to.live()) {
    return base::fail(Fault::conflict, where + " is " + status_text(to.incident.status) +
                                           "; merge into one that is OPEN, ACKNOWLEDGED or IN_PROGRESS, or reopen it");
  }
  if (from.incident.shadow != to.incident.shadow) {
    return base::fail(Fault::conflict, (from.incident.shadow ? what : where) +
                                           " is in shadow mode and the other is not; nothing of it leaves");
  }
  return {};
}

}  // namespace

void Desk::Impl::move_members(Case& from, Case& to) {
  const std::string& id = from.incident.correlation_id;
  for (const auto& [fingerprint, alert] : std::map(from.members)) {
    auto holder = by_fingerprint_.find(fingerprint);
    if (holder != by_fingerprint_.end() && holder->second != id) continue;  // it burns elsewhere by now
    auto theirs = to.members.find(fingerprint);
    if (theirs != to.members.end() && event_time(theirs->second) > event_time(alert)) continue;
    to.incident.labels = in_common(to.incident.labels, alert.labels);
    set_member(to, alert);
  }
}

void Desk::Impl::move_groups(Case& from, Case& to) {
  std::vector<std::string> groups = from.incident.merged_groups;
  // Nothing joins what a person opened by hand.
  if (from.base.find("\nmanual/") == std::string::npos) groups.push_back(pool_of(from.base, from.incident.severity));
  for (const std::string& group : groups) {
    merged_[group] = to.incident.correlation_id;
    auto& all = to.incident.merged_groups;
    if (std::ranges::find(all, group) == all.end()) all.push_back(group);
  }
}

void Desk::Impl::learn_merged(const Case& c) {
  for (const std::string& group : c.incident.merged_groups) {
    if (c.live() || !merged_.contains(group)) merged_[group] = c.incident.correlation_id;
  }
}

void Desk::Impl::forget_merged(const Case& c) {
  std::erase_if(merged_, [&](const auto& entry) { return entry.second == c.incident.correlation_id; });
}

void Desk::Impl::merge(Case& from, Case& to, const std::string& actor, base::Time now) {
  model::Incident &old = from.incident, &kept = to.incident;
  const std::string text = "merged into " + name_of(kept);
  notice(from, "merged", old.title + ": " + text, actor, now);
  notice(to, "merged", kept.title + ": " + name_of(old) + " was merged into it", actor, now);
  log(from, now, actor, "merged", "", name_of(kept), kept.title);
  log(to, now, actor, "merged", "", name_of(old), old.title);
  const std::vector<std::string> told = from.climb.told;
  ended_.erase({std::max(old.resolved_at, old.closed_at), old.correlation_id});
  if (old.status != IncidentStatus::resolved) {
    log(from, now, actor, "status", status_text(old.status), status_text(IncidentStatus::resolved), text);
    old.resolved_at = now;
    old.resolution_notes = text;
  }
  log(from, now, actor, "status", status_text(IncidentStatus::resolved), status_text(IncidentStatus::closed), text);
  old.status = IncidentStatus::closed;
  old.closed_at = old.updated_at = now;
  old.close_reason = text;
  old.merged_into = kept.correlation_id;
  ended_.insert({now, old.correlation_id});
  clear_timers(from);
  stop_climb(from);
  move_groups(from, to);
  move_members(from, to);
  look_again(to, now);
  for (const std::string& tag : old.tags) {
    if (std::ranges::find(kept.tags, tag) == kept.tags.end()) kept.tags.push_back(tag);
  }
  for (const model::Link& link : old.links) {
    if (std::ranges::find(kept.links, link.href, &model::Link::href) == kept.links.end()) kept.links.push_back(link);
  }
  // Who was told of the one hears of the end of the other.
  for (const std::string& exact : told) {
    if (std::ranges::find(to.climb.told, exact) == to.climb.told.end()) to.climb.told.push_back(exact);
  }
  kept.updated_at = now;
  touch(from);
  touch(to);
  touch_climb(to);
  sync_tickets(from, TicketChange::resolved, actor, text, now);
  if (old.severity > kept.severity) raise(to, old.severity, nodes_of(to), now);
}

base::Result<model::Changes> Desk::merge(const std::string& id, const std::string& into, const std::string& actor,
                                         base::Time now) {
  TRY(Case * from, impl_->wanted(id));
  TRY(Case * to, impl_->wanted(into));
  TRY_VOID(check_merge(*from, *to));
  impl_->merge(*from, *to, actor, now);
  return impl_->finish(now);
}

}  // namespace tocsin::incidents
