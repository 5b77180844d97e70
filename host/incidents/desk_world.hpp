// For the tests of this room: a desk with a clock and a store in memory, alerts in one line, and a restart that knows
// no more than what was committed.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/id.hpp"
#include "incidents/desk.hpp"

namespace tocsin::incidents::testing {

using namespace std::chrono_literals;
using base::Time;
using model::Alert;
using model::AlertState;
using model::Delivery;
using model::DeliveryState;
using model::Incident;
using model::IncidentStatus;
using model::Labels;
using model::MessageKind;
using model::Severity;

inline model::Channel channel(std::string instance, std::string plugin, std::string address_field) {
  model::Channel c;
  c.instance = std::move(instance);
  c.plugin = std::move(plugin);
  c.no_recipient = address_field.empty();
  c.address_field = std::move(address_field);
  return c;
}

inline model::Channel tracker(std::string instance) {
  model::Channel c;
  c.instance = std::move(instance);
  c.plugin = "jira";
  c.tracker = true;
  return c;
}

inline model::Contact contact(std::string name, std::string email, std::string phone) {
  model::Contact c;
  c.name = std::move(name);
  c.email = std::move(email);
  c.phone = std::move(phone);
  return c;
}

inline model::Matchers matchers(const std::vector<std::string>& texts) {
  model::Matchers out;
  for (const auto& text : texts) out.push_back(model::Matcher::parse(text).value());
  return out;
}

/// A root that tells `hook` at every flush, without a ladder; two people, a group, mail, sms and hook.
inline model::Routing routing() {
  model::Routing r;
  for (auto c : {contact("first", "first@corp", "+1"), contact("second", "second@corp", "+2")}) r.contacts[c.name] = c;
  r.contacts["manager"] = contact("manager", "", "+9");
  r.groups["platform"] = {"platform", {"first", "second"}};
  r.channels["mail"] = channel("mail", "email", "email");
  r.channels["sms"] = channel("sms", "sms", "phone");
  r.channels["hook"] = channel("hook", "webhook", "");
  model::Route root;
  root.name = root.path = "root";
  root.group_by = {"alertname", "service"};
  root.notify = {"hook"};
  r.root = root;
  return r;
}

/// Daily from one hour of UTC to another. The worlds' clock stands at 14 November 2023, 22:13:20 UTC at first.
inline model::TimeInterval hours(std::string name, int begin, int end) {
  model::TimeSpan span;
  span.times = {{begin * 60, end * 60}};
  model::TimeInterval interval;
  interval.name = std::move(name);
  interval.spans = {span};
  return interval;
}

inline model::Policy policy(std::string name, std::vector<model::PolicyStep> steps) {
  model::Policy p;
  p.name = std::move(name);
  p.steps = std::move(steps);
  return p;
}

/// The same with a ladder instead: first by sms, after 5 min second, after 10 more the manager.
inline model::Routing ladder_routing() {
  model::Routing r = routing();
  r.policies["page"] =
      policy("page", {{{"sms:contact.first"}, 5min}, {{"sms:contact.second"}, 10min}, {{"sms:contact.manager"}, 0min}});
  r.root->notify.clear();
  r.root->policy = "page";
  return r;
}

/// What a store keeps of changes, and gives back.
class FakeStore {
 public:
  std::map<std::string, std::uint64_t> commit(const model::Changes& changes) {
    std::map<std::string, std::uint64_t> fresh;
    for (const Alert& a : changes.alerts) alerts[a.id] = a;
    for (Incident incident : changes.incidents) {
      auto& slot = incidents[incident.correlation_id];
      if (slot.number == 0) fresh[incident.correlation_id] = slot.number = ++numbers_;
      incident.number = slot.number;
      slot = incident;
    }
    timeline.insert(timeline.end(), changes.timeline.begin(), changes.timeline.end());
    verdicts.insert(verdicts.end(), changes.verdicts.begin(), changes.verdicts.end());
    for (const auto& row : changes.incident_alerts) members[{row.correlation_id, row.alert.id}] = row;
    for (const Delivery& d : changes.deliveries) {
      if (deliveries.insert_or_assign(d.key, d).second) order.push_back(d.key);
    }
    for (const auto& t : changes.tickets) tickets[t.correlation_id + t.instance] = t;
    for (const auto& g : changes.groups) {
      if (g.gone)
        groups.erase(g.key);
      else
        groups[g.key] = g;
    }
    for (const auto& l : changes.ladders) {
      if (l.done)
        ladders.erase(l.correlation_id);
      else
        ladders[l.correlation_id] = l;
    }
    for (const auto& s : changes.silences) {
      if (s.gone)
        silences.erase(s.id);
      else
        silences[s.id] = s;
    }
    for (const auto& o : changes.overrides) {
      if (o.gone)
        overrides.erase(o.id);
      else
        overrides[o.id] = o;
    }
    return fresh;
  }
  Known known() const {
    Known out;
    for (const auto& [id, incident] : incidents) {
      if (incident.status != IncidentStatus::closed) out.incidents.push_back(incident);
    }
    for (const auto& [id, row] : members) out.incident_alerts.push_back(row);
    for (const auto& [id, row] : groups) out.groups.push_back(row);
    for (const auto& [id, row] : ladders) out.ladders.push_back(row);
    for (const auto& [id, row] : tickets) out.tickets.push_back(row);
    for (const auto& [id, row] : silences) out.silences.push_back(row);
    for (const auto& [id, row] : overrides) out.overrides.push_back(row);
    for (const auto& [id, row] : alerts) {
      if (row.state == AlertState::firing || row.received) out.alerts.push_back(row);
    }
    for (const auto& [key, row] : deliveries) {
      if (row.state == DeliveryState::pending) out.deliveries.push_back(row);
    }
    return out;
  }

  std::map<std::string, Incident> incidents;
  std::map<std::pair<std::string, std::string>, model::IncidentAlert> members;
  std::map<std::string, Delivery> deliveries;
  std::vector<std::string> order;  ///< keys as they came
  std::map<std::string, Alert> alerts;
  std::map<std::string, model::GroupState> groups;
  std::map<std::string, model::Ladder> ladders;
  std::map<std::string, model::TicketRef> tickets;
  std::map<std::string, model::Silence> silences;
  std::map<std::string, model::OncallOverride> overrides;
  std::vector<model::TimelineEntry> timeline;
  std::vector<model::Verdict> verdicts;

 private:
  std::uint64_t numbers_ = 1000;
};

class World {
 public:
  explicit World(model::Routing r) : routing(std::move(r)), desk(std::make_unique<Desk>(routing)) {}

  Time now() const { return clock.now(); }
  void keep(model::Changes changes) {
    for (const auto& [id, number] : store.commit(changes)) desk->numbered(id, number);
    last = std::move(changes);
  }
  void restart() {
    desk = std::make_unique<Desk>(routing);
    desk->restore(store.known(), now());
  }
  /// Time passes; what is due is done at its instant.
  void pass(base::Duration duration) {
    const Time end = now() + duration;
    while (auto due = desk->next_due()) {
      if (*due > end) break;
      clock.set(std::max(*due, now()));
      keep(desk->advance(now()));
    }
    clock.set(end);
  }

  Alert alert(Labels labels, Severity severity = Severity::high) const {
    Alert a;
    a.rule = labels.get("alertname");
    a.labels = labels;
    a.severity = severity;
    a.fingerprint = labels.fingerprint();
    a.active_at = a.fired_at = a.updated_at = now();
    a.id = a.rule + base::hex16(a.fingerprint) + std::to_string(base::to_ns(a.active_at));
    a.state = AlertState::firing;
    a.title = a.rule;
    a.annotations = Labels{{"message", "it is broken"}, {"suggestion", "mend it"}};
    return a;
  }
  Alert fire(Labels labels, Severity severity = Severity::high) { return send(alert(std::move(labels), severity)); }
  Alert send(Alert a) {
    keep(desk->on_alerts({a}, now()));
    return a;
  }
  /// One message of a sender's: all its alerts in one decision.
  void receive(std::vector<model::ReceivedAlert> alerts) {
    auto changes = desk->on_received(std::move(alerts), now());
    ASSERT_TRUE(changes) << changes.error().message();
    keep(std::move(*changes));
  }
  Alert resolve(Alert a) {
    a.state = AlertState::resolved;
    a.resolved_at = a.updated_at = now();
    a.silent = false;
    return send(a);
  }
  /// Everything pending arrives; how many did.
  std::size_t deliver_all(DeliveryState state = DeliveryState::sent) {
    std::size_t count = 0;
    for (const std::string& key : std::vector<std::string>(store.order)) {
      const Delivery& d = store.deliveries[key];
      if (d.state == DeliveryState::pending && d.digest.empty()) deliver(key, state), ++count;
    }
    return count;
  }
  void deliver(const std::string& key, DeliveryState state = DeliveryState::sent) {
    Delivery& d = store.deliveries[key];
    d.state = state;
    keep(desk->on_delivery(Delivery(d), now()));
  }
  /// "instance>recipient:KIND" of what was decided since the last call, in order.
  std::vector<std::string> told() {
    std::vector<std::string> out;
    for (; seen_ < store.order.size(); ++seen_) {
      const Delivery& d = store.deliveries[store.order[seen_]];
      if (d.state == DeliveryState::suppressed || !d.digest.empty()) continue;
      static const char* kinds[] = {"", "FIRING", "RESOLVED", "UPDATE", "TEST"};
      out.push_back(d.instance + (d.recipient.empty() ? "" : ">" + d.recipient) + ":" +
                    kinds[static_cast<int>(d.kind)]);
    }
    return out;
  }
  /// "kind target>who" of the verdicts since the last call, in order.
  std::vector<std::string> said() {
    std::vector<std::string> out;
    for (; heard_ < store.verdicts.size(); ++heard_) {
      const model::Verdict& v = store.verdicts[heard_];
      std::string text(model::to_string(v.kind));
      if (!v.target.empty()) text += " " + v.target;
      if (!v.who.empty()) text += ">" + v.who;
      out.push_back(std::move(text));
    }
    return out;
  }
  const model::Verdict& last_verdict() const { return store.verdicts.back(); }
  const Delivery& newest() const { return store.deliveries.at(store.order.back()); }

  std::vector<Incident> incidents() const {
    std::vector<Incident> out;
    for (const auto& [id, incident] : store.incidents) out.push_back(incident);
    std::sort(out.begin(), out.end(), [](const auto& a, const auto& b) { return a.number < b.number; });
    return out;
  }
  Incident only() const {
    EXPECT_EQ(store.incidents.size(), 1u);
    return store.incidents.empty() ? Incident{} : store.incidents.begin()->second;
  }
  base::Result<void> set(const Incident& incident, IncidentStatus to, std::string actor = "alice",
                         std::string text = "because") {
    auto changes = desk->set_status(incident.correlation_id, {to, actor, text, text}, now());
    if (!changes) return base::fail(changes.error());
    keep(std::move(*changes));
    return {};
  }

  /// What somebody decided, kept; the message of a refusal, else "".
  std::string act(base::Result<model::Changes> decided) {
    if (!decided) return decided.error().message();
    keep(std::move(*decided));
    return "";
  }
  /// "what: old → new" of the timeline's last entries, oldest first.
  std::vector<std::string> history(std::size_t entries) const {
    std::vector<std::string> out;
    for (std::size_t i = store.timeline.size() - std::min(entries, store.timeline.size()); i < store.timeline.size();
         ++i) {
      const model::TimelineEntry& e = store.timeline[i];
      out.push_back(e.what + " by " + e.actor + ": " + e.from + " → " + e.to);
    }
    return out;
  }

  base::ManualClock clock;
  model::Routing routing;
  std::unique_ptr<Desk> desk;
  FakeStore store;
  model::Changes last;

 private:
  std::size_t seen_ = 0, heard_ = 0;
};

using Told = std::vector<std::string>;

}  // namespace tocsin::incidents::testing
