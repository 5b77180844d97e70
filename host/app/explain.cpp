#include "app/explain.hpp"

#include <algorithm>
#include <set>

#include "app/explanation.hpp"
#include "base/text.hpp"
#include "incidents/people.hpp"

namespace tocsin::app {
namespace {

using base::fail;
using base::Fault;
using base::Result;
using model::Verdict;
using model::VerdictKind;

constexpr base::Duration usual_span = std::chrono::hours(24);
// Bounds of one answer: beyond them it says that there is more.
constexpr std::size_t most_alerts = 20'000, most_verdicts = 5'000, most_incidents = 50, most_due = 50;

/// The rule's alerts carry its name as a label, which is what the matchers of verdicts see.
model::Matchers with_rule(const api::ExplainQuery& query) {
  model::Matchers out = query.matchers;
  if (query.rule.empty()) return out;
  if (auto matcher = model::Matcher::make("alertname", model::MatchOp::equal, query.rule)) out.push_back(*matcher);
  return out;
}

class Search {
 public:
  Search(const ExplainSources& from, api::ExplainQuery query)
      : from_(from), store_(from.pipeline->store()), query_(std::move(query)) {}

  Result<api::Explanation> run() {
    TRY_VOID(person());
    TRY_VOID(span());
    TRY_VOID(alerts());
    TRY_VOID(rules());
    TRY_VOID(verdicts());
    TRY_VOID(attempts());
    TRY_VOID(sources());
    incidents::Asked asked{query_.matchers, query_.rule, correlation_id_, query_.who, most_due};
    facts_.next = from_.pipeline->next(std::move(asked));
    facts_.now = from_.now;
    if (!query_.who.empty()) facts_.concerns = [this](const Verdict& v) { return concerns(v); };
    return explain(query_, facts_);
  }

 private:
  Result<void> person() {
    if (query_.who.empty()) return {};
    const auto& contacts = from_.routing.contacts;
    for (const auto& [name, contact] : contacts) {
      if (base::equal_without_case(name, query_.who)) query_.who = name;
    }
    if (contacts.contains(query_.who) || query_.who.starts_with('#') || from_.routing.channels.contains(query_.who))
      return {};
    storage::VerdictQuery earlier;
    earlier.who = query_.who;
    earlier.page.limit = 1;
    TRY(const auto found, store_.verdicts(earlier));
    if (!found.items.empty()) return {};
    return fail(Fault::not_found, "nobody is called \"" + query_.who + "\" in [contact.*]" +
                                      incidents::did_you_mean(query_.who, incidents::names_of(contacts)));
  }

  Result<void> span() {
    if (query_.to == base::no_time) query_.to = from_.now;
    base::Time begins = query_.to - usual_span;
    if (!query_.incident.empty()) {
      TRY(const auto incident, store_.incident(query_.incident));
      if (!incident) return fail(Fault::not_found, "there is no incident " + query_.incident);
      correlation_id_ = incident->correlation_id;
      facts_.numbers[correlation_id_] = incident->number;
      // Its first alerts may have waited for others.
      begins = std::min(incident->detected_at, incident->created_at) - std::chrono::hours(1);
    }
    if (query_.from == base::no_time) query_.from = begins;
    return {};
  }

  bool meant(const model::Alert& alert) const {
    return (query_.rule.empty() || alert.rule == query_.rule) && model::matches(query_.matchers, alert.labels);
  }

  Result<void> alerts() {
    if (!correlation_id_.empty()) {
      TRY(auto members, store_.incident_alerts(correlation_id_));
      for (auto& member : members) {
        if (meant(member.alert)) facts_.alerts.push_back(std::move(member.alert));
      }
      return {};
    }
    storage::AlertQuery alerts;
    alerts.rule = query_.rule;
    alerts.from = query_.from;
    alerts.to = query_.to;
    alerts.page.limit = 1000;
    for (std::size_t read = 0; read < most_alerts; read += alerts.page.limit) {
      TRY(auto page, store_.alerts(alerts));
      for (auto& alert : page.items) {
        if (meant(alert)) facts_.alerts.push_back(std::move(alert));
      }
      if (page.next.empty()) return {};
      alerts.page.after = page.next;
    }
    facts_.more = true;
    return {};
  }

  Result<void> rules() {
    std::vector<std::string> names;
    std::string named = query_.rule;
    for (const auto& matcher : query_.matchers) {
      if (matcher.label() == "alertname" && matcher.op() == model::MatchOp::equal) named = matcher.value();
    }
    bool known = false;
    for (const auto& info : from_.rules) {
      names.push_back(info.rule->name);
      known = known || info.rule->name == named;
      if (named.empty() ? info.health == "failing" : info.rule->name == named) facts_.rules.push_back(info);
    }
    if (query_.rule.empty() || known || !facts_.alerts.empty()) return {};
    return fail(Fault::not_found,
                "no rule is named \"" + query_.rule + "\"" + incidents::did_you_mean(query_.rule, names));
  }

  Result<void> verdicts() {
    storage::VerdictQuery about;
    about.matchers = with_rule(query_);
    about.from = query_.from;
    about.to = query_.to;
    const bool narrowed = !about.matchers.empty() || !correlation_id_.empty();
    if (narrowed) {
      for (const auto& alert : facts_.alerts) {
        about.fingerprints.push_back(alert.fingerprint);
        // What was decided before the span about an alert that fires in it may be the answer.
        if (alert.active_at != base::no_time) about.from = std::min(about.from, alert.active_at);
      }
    }
    if (!correlation_id_.empty()) {
      storage::VerdictQuery of_incident = about;
      of_incident.correlation_id = correlation_id_;
      TRY_VOID(read(of_incident));
    }
    // Of an incident's alerts also what was decided before it opened.
    if (correlation_id_.empty() || !about.fingerprints.empty()) TRY_VOID(read(about));
    if (narrowed && correlation_id_.empty()) TRY_VOID(of_incidents(about.from));
    std::ranges::stable_sort(facts_.verdicts, {}, &Verdict::at);
    return numbers();
  }

  Result<void> read(storage::VerdictQuery about) {
    about.page.limit = 1000;
    do {
      TRY(auto page, store_.verdicts(about));
      for (auto& verdict : page.items) keep(std::move(verdict));
      about.page.after = page.next;
      if (facts_.verdicts.size() >= most_verdicts && !page.next.empty()) {
        facts_.more = true;
        break;
      }
    } while (!about.page.after.empty());
    return {};
  }

  void keep(Verdict verdict) {
    std::string identity = std::to_string(base::to_ns(verdict.at)) + "/" +
                           std::to_string(static_cast<int>(verdict.kind)) + "/" + verdict.target + "/" + verdict.who +
                           "/" + verdict.delivery_key + "/" + std::to_string(verdict.fingerprint) + "/" +
                           std::to_string(verdict.alerts) + verdict.group_key;
    if (seen_.insert(std::move(identity)).second) facts_.verdicts.push_back(std::move(verdict));
  }

  /// A ladder tells of the incident, whichever alerts it had then: its rows concern all of them.
  Result<void> of_incidents(base::Time from) {
    std::set<std::string> ids;
    for (const Verdict& verdict : facts_.verdicts) {
      if (!verdict.correlation_id.empty()) ids.insert(verdict.correlation_id);
    }
    std::size_t asked = 0;
    for (const std::string& id : ids) {
      if (++asked > most_incidents) {
        facts_.more = true;
        break;
      }
      storage::VerdictQuery rows;
      rows.correlation_id = id;
      rows.from = from;
      rows.to = query_.to;
      rows.page.limit = 1000;
      TRY(auto page, store_.verdicts(rows));
      for (auto& verdict : page.items) {
        const bool of_ladder = verdict.delivery_key.starts_with(id) || verdict.kind == VerdictKind::acknowledged;
        if (of_ladder) keep(std::move(verdict));
      }
    }
    return {};
  }

  Result<void> numbers() {
    for (const Verdict& verdict : facts_.verdicts) {
      if (verdict.correlation_id.empty() || facts_.numbers.size() >= most_incidents) continue;
      auto [entry, fresh] = facts_.numbers.emplace(verdict.correlation_id, 0);
      if (!fresh) continue;
      TRY(const auto incident, store_.incident(verdict.correlation_id));
      if (incident) entry->second = incident->number;
    }
    return {};
  }

  /// Attempts that will be repeated, of messages that have not arrived since.
  Result<void> attempts() {
    std::set<std::string> keys, arrived;
    for (const Verdict& verdict : facts_.verdicts) {
      if (verdict.kind == VerdictKind::told) keys.insert(verdict.delivery_key);
    }
    if (keys.empty()) return {};
    storage::LogQuery log;
    log.from = query_.from;
    log.status = "RETRYING";
    log.page.limit = 1000;
    TRY(auto retrying, store_.attempts(log));
    std::erase_if(retrying.items, [&](const auto& attempt) { return !keys.contains(attempt.delivery_key); });
    if (retrying.items.empty()) return {};
    log.from = std::ranges::min(retrying.items, {}, &model::Attempt::sent_at).sent_at;
    for (const char* status : {"SENT", "DELIVERED"}) {
      log.status = status;
      TRY(const auto sent, store_.attempts(log));
      for (const auto& attempt : sent.items) arrived.insert(attempt.delivery_key);
    }
    // Newest first: one row for each message.
    for (auto& attempt : retrying.items) {
      if (arrived.insert(attempt.delivery_key).second) facts_.retrying.push_back(std::move(attempt));
    }
    return {};
  }

  Result<void> sources() {
    storage::AlertQuery down;
    down.rule = "SourceDown";
    down.from = query_.from;
    down.to = query_.to;
    TRY(auto page, store_.alerts(down));
    for (auto& alert : page.items) {
      if (alert.fired_at != base::no_time) facts_.sources_down.push_back(std::move(alert));
    }
    std::ranges::stable_sort(facts_.sources_down, {}, &model::Alert::fired_at);
    return {};
  }

  /// A verdict without a recipient concerns whom its target leads to; one without a target, everybody.
  bool concerns(const Verdict& verdict) const {
    if (!verdict.who.empty()) return base::equal_without_case(verdict.who, query_.who);
    if (verdict.target.empty() || verdict.target == query_.who) return true;
    for (std::string_view part : base::split(verdict.target, ',')) {
      const auto found = incidents::find_people(from_.routing, std::string(base::trim(part)));
      for (const auto& recipient : found.recipients) {
        if (base::equal_without_case(recipient.name, query_.who)) return true;
      }
    }
    return false;
  }

  const ExplainSources& from_;
  storage::Store& store_;
  api::ExplainQuery query_;
  std::string correlation_id_;
  std::set<std::string> seen_;
  Facts facts_;
};

}  // namespace

Result<api::Explanation> find_and_explain(const ExplainSources& sources, api::ExplainQuery query) {
  return Search(sources, std::move(query)).run();
}

}  // namespace tocsin::app
