// One decision, one transaction. Each part of the changes has its function; the order only matters where a row is
// looked up by a later one (incidents before what belongs to them).
#include <algorithm>
#include <array>
#include <set>
#include <span>
#include <unordered_map>

#include "base/id.hpp"
#include "storage/json.hpp"
#include "storage/sql/store.hpp"

namespace tocsin::storage::sql {
namespace {

using base::fail;
using base::Fault;
using base::Result;

template <class T>
std::int64_t number(T v) {
  return static_cast<std::int64_t>(v);
}
Param severity_param(model::Severity s) {
  return s == model::Severity::none ? Param() : Param(model::to_string(s));
}
Param category_param(model::Category c) {
  return c == model::Category::none ? Param() : Param(model::to_string(c));
}

constexpr std::array incident_fields =
    std::to_array<std::string_view>({"correlation_id",  "agent",         "title",
                                     "description",     "severity",      "category",
                                     "status",          "service_name",  "affected_component",
                                     "metric_name",     "metric_value",  "threshold_value",
                                     "impact",          "suggestion",    "resolution_notes",
                                     "close_reason",    "owner",         "jira_ticket_key",
                                     "jira_ticket_url", "group_key",     "route",
                                     "labels",          "tags",          "links",
                                     "runbook_url",     "shadow",        "detected_at",
                                     "acknowledged_at", "resolved_at",   "closed_at",
                                     "created_at",      "updated_at",    "acknowledged_by",
                                     "ack_expires_at",  "snoozed_until", "merged_into",
                                     "merged_groups"});

std::string update_incident_text() {
  // The first field is the key, the second never changes.
  std::string out = "UPDATE incidents SET correlation_id = $1, agent = COALESCE(agent, $2)";
  for (std::size_t i = 2; i < incident_fields.size(); ++i)
    out += ", " + std::string(incident_fields[i]) + " = $" + std::to_string(i + 1);
  return out + " WHERE correlation_id = $1 RETURNING id";
}
/// Under the number that somebody gave it; a row that is there already keeps who opened it.
std::string put_incident_text() {
  const std::string number = "$" + std::to_string(incident_fields.size() + 1);
  std::string names, values, sets = "agent = COALESCE(incidents.agent, excluded.agent)";
  for (std::size_t i = 0; i < incident_fields.size(); ++i) {
    const std::string name(incident_fields[i]);
    names += name + ", ";
    values += "$" + std::to_string(i + 1) + ", ";
    if (i >= 2) sets += ", " + name + " = excluded." + name;
  }
  return "INSERT INTO incidents (" + names + "id) VALUES (" + values + number +
         ") ON CONFLICT (correlation_id) DO UPDATE SET " + sets + " RETURNING id";
}
std::string insert_incident_text() {
  std::string names, values;
  for (std::size_t i = 0; i < incident_fields.size(); ++i) {
    names += (i ? ", " : "") + std::string(incident_fields[i]);
    values += (i ? ", $" : "$") + std::to_string(i + 1);
  }
  return "INSERT INTO incidents (" + names + ") VALUES (" + values + ") RETURNING id";
}

/// Of a heartbeat's instants the latest counts, of the rest what the newest ping said. A start says nothing of how the
/// run before it ended.
std::string upsert_heartbeat_text() {
  std::string out =
      "INSERT INTO heartbeats (name, since, last_ping, last_kind, last_start, last_success, last_failure, "
      "last_duration_ns, exit_status, note, pings) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) "
      "ON CONFLICT (name) DO UPDATE SET pings = heartbeats.pings + excluded.pings, "
      "last_duration_ns = COALESCE(excluded.last_duration_ns, heartbeats.last_duration_ns)";
  const auto when = [&out](const std::string& column, const std::string& condition) {
    out += ", " + column + " = CASE WHEN " + condition + " THEN excluded." + column + " ELSE heartbeats." + column +
           " END";
  };
  for (const std::string column : {"last_ping", "last_start", "last_success", "last_failure"}) {
    when(column, "heartbeats." + column + " IS NULL OR excluded." + column + " > heartbeats." + column);
  }
  const std::string newest = "(heartbeats.last_ping IS NULL OR excluded.last_ping >= heartbeats.last_ping)";
  when("last_kind", "excluded.last_ping IS NOT NULL AND " + newest);
  when("exit_status", "excluded.last_ping IS NOT NULL AND excluded.last_kind <> 'start' AND " + newest);
  when("note",
       "excluded.last_ping IS NOT NULL AND (excluded.last_kind <> 'start' OR excluded.note IS NOT NULL) AND " + newest);
  return out;
}

/// Writes the changes of decisions within a transaction.
class Writer {
 public:
  /// `owner`: whose decisions these are. `folded`: out of a log, incidents with their numbers, deliveries mostly with
  /// their end.
  Writer(Transaction& t, std::string_view agent, std::string_view owner, bool folded)
      : t_(t), agent_(agent), owner_(owner), folded_(folded) {}

  Result<void> write(const model::Changes& c) {
    if (c.journal_position != 0) TRY_VOID(position(c.journal_position));
    TRY_VOID(each(c.alerts, &Writer::alert));
    TRY_VOID(each(c.incidents, &Writer::incident));
    TRY_VOID(each(c.timeline, &Writer::timeline));
    TRY_VOID(each(c.incident_alerts, &Writer::incident_alert));
    TRY_VOID(each(c.attachments, &Writer::attachment));
    TRY_VOID(each(c.dead_letters_replayed, &Writer::replayed));
    TRY_VOID(each(c.deliveries, &Writer::delivery));
    TRY_VOID(each(c.attempts, &Writer::attempt));
    TRY_VOID(each(c.receipts, &Writer::receipt));
    TRY_VOID(each(c.provider_refs, &Writer::provider_ref));
    TRY_VOID(each(c.tickets, &Writer::ticket));
    TRY_VOID(each(c.dead_letters, &Writer::dead_letter));
    TRY_VOID(each(c.groups, &Writer::group));
    TRY_VOID(each(c.ladders, &Writer::ladder));
    TRY_VOID(each(c.silences, &Writer::silence));
    TRY_VOID(each(c.overrides, &Writer::override_));
    TRY_VOID(each(c.verdicts, &Writer::verdict));
    TRY_VOID(each(c.beats, &Writer::beat));
    TRY_VOID(each(c.evaluations, &Writer::evaluation));
    TRY_VOID(each(c.passed_on, &Writer::passed_on));
    TRY_VOID(each(c.taken, &Writer::taken));
    for (const auto& [key, value] : c.kv) TRY_VOID(kv(key, value));
    return {};
  }
  CommitResult result() && { return std::move(result_); }

 private:
  template <class T>
  Result<void> each(const std::vector<T>& items, Result<void> (Writer::*one)(const T&)) {
    for (const T& item : items) TRY_VOID((this->*one)(item));
    return {};
  }
  Result<void> run(std::string_view text, std::initializer_list<Param> params) {
    auto done = t_.run(text, params);
    if (!done) return fail(std::move(done).error());
    return {};
  }

  Result<void> position(std::uint64_t decided) {
    return run(
        "INSERT INTO journal_state (agent, decided) VALUES ($1, $2) "
        "ON CONFLICT (agent) DO UPDATE SET decided = excluded.decided",
        {agent_, number(decided)});
  }

  /// Whose row it is: of what no shard judges, the owner's.
  std::string_view agent_of(const model::Alert& a) const {
    if (a.received || !a.keeper.empty()) return owner_;
    return a.agent.empty() ? agent_ : std::string_view(a.agent);
  }

  Result<void> alert(const model::Alert& a) {
    const std::string fingerprint = base::hex16(a.fingerprint);
    const std::string_view agent = agent_of(a);
    const std::string_view state = model::to_string(a.state);
    const std::string body = json::of(a);
    TRY(const auto added,
        t_.run("INSERT INTO alerts (agent, id, rule_name, fingerprint, state, severity, active_at, resolved_at, "
               "updated_at, cooldown_until, body) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) "
               "ON CONFLICT (agent, id) DO NOTHING",
               {agent, a.id, a.rule, fingerprint, state, severity_param(a.severity), time_param(a.active_at),
                time_param(a.resolved_at), time_param(a.updated_at), time_param(a.cooldown_until), body}));
    if (added == 0) {
      TRY(const bool same, same_state(agent, a));
      TRY_VOID(run(
          "UPDATE alerts SET state = $1, severity = $2, resolved_at = $3, updated_at = $4, cooldown_until = $5, body = "
          "$6 WHERE agent = $7 AND id = $8",
          {state, severity_param(a.severity), time_param(a.resolved_at), time_param(a.updated_at),
           time_param(a.cooldown_until), body, agent, a.id}));
      if (same) return {};
    }
    return run(
        "INSERT INTO alert_history (agent, alert_id, rule_name, fingerprint, state, severity, metric_value, "
        "threshold_value, "
        "labels, message, created_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
        {agent, a.id, a.rule, fingerprint, state, severity_param(a.severity), real_param(a.value),
         real_param(a.threshold), json::of(a.labels), text_param(a.annotations.get("message")),
         time_param(a.updated_at)});
  }

  /// Whether the row has its state and severity already: then it is no history.
  Result<bool> same_state(std::string_view agent, const model::Alert& a) {
    bool same = false;
    TRY_VOID(
        t_.run("SELECT state, severity FROM alerts WHERE agent = $1 AND id = $2", {agent, a.id}, [&](const Row& row) {
          same = row.text(0) == model::to_string(a.state) &&
                 row.text(1) == (a.severity == model::Severity::none ? "" : model::to_string(a.severity));
        }));
    return same;
  }

  Result<void> incident(const model::Incident& i) {
    static const std::string update = update_incident_text(), insert = insert_incident_text(),
                             put = put_incident_text();
    const std::string labels = json::of(i.labels), tags = json::of(i.tags), links = json::of(i.links),
                      groups = json::of(i.merged_groups);
    const std::array<Param, incident_fields.size() + 1> all{i.correlation_id,
                                                            agent_,
                                                            i.title,
                                                            text_param(i.description),
                                                            severity_param(i.severity),
                                                            category_param(i.category),
                                                            model::to_string(i.status),
                                                            text_param(i.service_name),
                                                            text_param(i.affected_component),
                                                            text_param(i.metric_name),
                                                            real_param(i.metric_value),
                                                            real_param(i.threshold_value),
                                                            text_param(i.impact),
                                                            text_param(i.suggestion),
                                                            text_param(i.resolution_notes),
                                                            text_param(i.close_reason),
                                                            text_param(i.owner),
                                                            text_param(i.ticket_key),
                                                            text_param(i.ticket_url),
                                                            text_param(i.group_key),
                                                            text_param(i.route),
                                                            labels,
                                                            tags,
                                                            links,
                                                            text_param(i.runbook_url),
                                                            i.shadow,
                                                            time_param(i.detected_at),
                                                            time_param(i.acknowledged_at),
                                                            time_param(i.resolved_at),
                                                            time_param(i.closed_at),
                                                            time_param(i.created_at),
                                                            time_param(i.updated_at),
                                                            text_param(i.acknowledged_by),
                                                            time_param(i.ack_expires_at),
                                                            time_param(i.snoozed_until),
                                                            text_param(i.merged_into),
                                                            groups,
                                                            number(i.number)};
    const std::span<const Param> params(all.data(), incident_fields.size());
    std::uint64_t id = 0;
    const auto take = [&id](const Row& row) { id = static_cast<std::uint64_t>(row.integer(0)); };
    if (folded_) {
      TRY_VOID(t_.run(put, all, take));
    } else {
      // Updating first, because an insert that turns into an update would use a number up.
      TRY_VOID(t_.run(update, params, take));
      if (id == 0) TRY_VOID(t_.run(insert, params, take));
    }
    ids_[i.correlation_id] = id;
    if (i.number != id) result_.numbers[i.correlation_id] = id;
    return {};
  }

  /// Of an incident that is in these changes: whoever refers to it need not look it up.
  Param id_param(const std::string& correlation_id) const {
    const auto known = ids_.find(correlation_id);
    return known == ids_.end() ? Param() : Param(number(known->second));
  }

  Result<void> timeline(const model::TimelineEntry& e) {
    return of_incident(
        e.correlation_id,
        run("INSERT INTO incident_timeline (correlation_id, incident_id, created_at, actor, event_type, old_value, "
            "new_value, description) VALUES ($1, COALESCE($2, (SELECT id FROM incidents WHERE correlation_id = $1)), "
            "$3, $4, $5, $6, $7, $8)",
            {e.correlation_id, id_param(e.correlation_id), time_param(e.at), e.actor, e.what, text_param(e.from),
             text_param(e.to), text_param(e.text)}));
  }

  Result<void> incident_alert(const model::IncidentAlert& m) {
    const model::Alert& a = m.alert;
    return of_incident(m.correlation_id,
                       run("INSERT INTO incident_alerts (correlation_id, incident_id, alert_id, rule_name, "
                           "fingerprint, state, severity, body) "
                           "VALUES ($1, COALESCE($2, (SELECT id FROM incidents WHERE correlation_id = $1)), $3, $4, "
                           "$5, $6, $7, $8) "
                           "ON CONFLICT (correlation_id, alert_id) DO UPDATE SET state = excluded.state, severity = "
                           "excluded.severity, "
                           "body = excluded.body",
                           {m.correlation_id, id_param(m.correlation_id), a.id, a.rule, base::hex16(a.fingerprint),
                            model::to_string(a.state), severity_param(a.severity), json::of(a)}));
  }

  Result<void> attachment(const model::Attachment& a) {
    if (!a.content) return fail(Fault::internal, "the attachment " + a.name + " came to the store without content");
    return of_incident(
        a.correlation_id,
        run("INSERT INTO incident_attachments (correlation_id, incident_id, attachment_key, file_name, content_type, "
            "file_size, uploaded_by, created_at, content) VALUES ($1, (SELECT id FROM incidents WHERE correlation_id = "
            "$1), $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (attachment_key) DO NOTHING",
            {a.correlation_id, a.key, a.name, a.content_type, number(a.size), text_param(a.by), time_param(a.at),
             Blob{*a.content}}));
  }

  /// What belongs to an incident needs the incident; say so instead of naming a constraint.
  static Result<void> of_incident(const std::string& id, Result<void> written) {
    if (written || written.error().fault() != Fault::conflict) return written;
    return fail(written.error().in("incident " + id + ", which must be in the store or in the same changes"));
  }

  Result<void> replayed(const std::uint64_t& id) {
    auto done = t_.run("UPDATE dead_letters SET replayed = $1 WHERE id = $2 RETURNING key", {true, number(id)},
                       [this](const Row& row) { replayed_.insert(std::string(row.text(0))); });
    if (!done) return fail(std::move(done).error());
    return {};
  }

  Result<void> delivery(const model::Delivery& d) {
    const bool fresh = d.state == model::DeliveryState::pending && d.attempts == 0 && !d.outcome_unknown;
    const bool keep = fresh && !replayed_.contains(d.key);
    static constexpr std::string_view insert =
        "INSERT INTO deliveries (agent, key, instance, correlation_id, state, attempts, created_at, next_attempt_at, "
        "body) "
        "VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT (agent, key) DO NOTHING";
    static constexpr std::string_view upsert =
        "INSERT INTO deliveries (agent, key, instance, correlation_id, state, attempts, created_at, next_attempt_at, "
        "body) "
        "VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT (agent, key) DO UPDATE SET instance = "
        "excluded.instance, state = excluded.state, attempts = excluded.attempts, next_attempt_at = "
        "excluded.next_attempt_at, body = excluded.body";
    const bool told = d.state == model::DeliveryState::sent && d.last_error.empty();
    if (told && !folded_) {
      // What was told stands in its row; only what became of it is new.
      TRY(const auto known,
          t_.run("UPDATE deliveries SET state = $1, attempts = $2, next_attempt_at = $3 WHERE agent = $4 AND key = $5",
                 {model::to_string(d.state), number(d.attempts), time_param(d.next_attempt_at), owner_, d.key}));
      if (known > 0) return {};
    }
    return run(keep ? insert : upsert,
               {owner_, d.key, d.instance, text_param(d.correlation_id), model::to_string(d.state), number(d.attempts),
                time_param(d.created_at), time_param(d.next_attempt_at), json::of(d)});
  }

  Result<void> attempt(const model::Attempt& a) {
    return run(
        "INSERT INTO notification_log (agent, correlation_id, incident_id, delivery_key, instance, channel, recipient, "
        "status, "
        "attempt, sent_at, delivered_at, provider_id, error_message) VALUES ($1, $2, (SELECT id FROM incidents WHERE "
        "correlation_id = $2), $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)",
        {agent_, text_param(a.correlation_id), a.delivery_key, a.instance, text_param(a.type), text_param(a.recipient),
         a.status, number(a.attempt), time_param(a.sent_at), time_param(a.delivered_at), text_param(a.provider_id),
         text_param(a.error)});
  }

  /// Only a row that says SENT takes one: what was final before stays.
  Result<void> receipt(const model::Receipt& r) {
    using model::ReceiptState;
    const bool failed = r.state == ReceiptState::failed;
    const std::string_view status = failed ? "FAILED" : r.state == ReceiptState::delivered ? "DELIVERED" : "SENT";
    std::string set = "UPDATE notification_log SET status = $1";
    std::vector<Param> params{status};
    const auto next = [&](Param value) {
      params.push_back(std::move(value));
      return "$" + std::to_string(params.size());
    };
    if (r.state == ReceiptState::delivered) set += ", delivered_at = " + next(time_param(r.at));
    if (failed) set += ", delivered_at = NULL";
    if (failed || !r.detail.empty()) set += ", error_message = " + next(text_param(r.detail));
    set += " WHERE status = 'SENT' AND ";
    set += r.key.empty() ? "provider_id = " + next(std::string_view(r.provider_id))
                         : "delivery_key = " + next(std::string_view(r.key));
    if (!r.instance.empty()) set += " AND instance = " + next(std::string_view(r.instance));
    TRY_VOID(t_.run(set, params));
    return {};
  }

  Result<void> provider_ref(const model::ProviderRef& r) {
    return run(
        "INSERT INTO provider_refs (agent, instance, recipient, correlation_id, provider_id) VALUES ($1, $2, $3, $4, "
        "$5) "
        "ON CONFLICT (agent, instance, recipient, correlation_id) DO UPDATE SET provider_id = excluded.provider_id",
        {owner_, r.instance, r.recipient, r.correlation_id, r.provider_id});
  }

  Result<void> ticket(const model::TicketRef& r) {
    TRY_VOID(
        run("INSERT INTO jira_mappings (agent, correlation_id, incident_id, instance, jira_key, jira_url, status, "
            "intent, synced_at) "
            "VALUES ($1, $2, (SELECT id FROM incidents WHERE correlation_id = $2), $3, $4, $5, $6, $7, $8) "
            "ON CONFLICT (correlation_id, instance) DO UPDATE SET jira_key = excluded.jira_key, jira_url = "
            "excluded.jira_url, "
            "status = excluded.status, intent = excluded.intent, synced_at = excluded.synced_at",
            {agent_, r.correlation_id, r.instance, text_param(r.key), text_param(r.url), text_param(r.status),
             text_param(r.intent), time_param(r.synced_at)}));
    return run(
        "INSERT INTO jira_sync_log (correlation_id, incident_id, instance, jira_key, status, intent, synced_at) "
        "VALUES ($1, (SELECT id FROM incidents WHERE correlation_id = $1), $2, $3, $4, $5, $6)",
        {r.correlation_id, r.instance, text_param(r.key), text_param(r.status), text_param(r.intent),
         time_param(r.synced_at)});
  }

  Result<void> dead_letter(const model::DeadLetter& d) {
    return run(
        "INSERT INTO dead_letters (agent, what, key, instance, cause, created_at, body) VALUES ($1, $2, $3, $4, $5, "
        "$6, $7)",
        {agent_, d.what, d.key, d.instance, text_param(d.cause), time_param(d.at), json::of(d.delivery)});
  }

  Result<void> group(const model::GroupState& g) {
    if (g.gone) return run("DELETE FROM alert_groups WHERE agent = $1 AND key = $2", {owner_, g.key});
    return run(
        "INSERT INTO alert_groups (agent, key, body) VALUES ($1, $2, $3) ON CONFLICT (agent, key) DO UPDATE SET body = "
        "excluded.body",
        {owner_, g.key, json::of(g)});
  }

  Result<void> ladder(const model::Ladder& l) {
    if (l.done) return run("DELETE FROM ladders WHERE agent = $1 AND correlation_id = $2", {owner_, l.correlation_id});
    return run(
        "INSERT INTO ladders (agent, correlation_id, body) VALUES ($1, $2, $3) "
        "ON CONFLICT (agent, correlation_id) DO UPDATE SET body = excluded.body",
        {owner_, l.correlation_id, json::of(l)});
  }

  /// Shared by all agents: the newer of two versions stays, and who set it remains who set it.
  Result<void> silence(const model::Silence& s) {
    if (s.gone) return run("DELETE FROM silences WHERE id = $1", {s.id});
    std::string matchers;
    for (const model::Matcher& m : s.matchers) matchers += (matchers.empty() ? "{" : ",") + m.text();
    matchers += '}';
    return run(
        "INSERT INTO silences (id, agent, created_by, comment, matchers, starts_at, ends_at, ended_by, updated_at, "
        "body) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) ON CONFLICT (id) DO UPDATE SET created_by = "
        "excluded.created_by, comment = excluded.comment, matchers = excluded.matchers, starts_at = "
        "excluded.starts_at, ends_at = excluded.ends_at, ended_by = excluded.ended_by, updated_at = "
        "excluded.updated_at, body = excluded.body WHERE excluded.updated_at >= silences.updated_at",
        {s.id, agent_, s.created_by, s.comment, matchers, time_param(s.starts_at), time_param(s.ends_at),
         text_param(s.ended_by), time_param(s.updated_at), json::of(s)});
  }
  Result<void> override_(const model::OncallOverride& o) {
    if (o.gone) return run("DELETE FROM oncall_overrides WHERE id = $1", {o.id});
    return run(
        "INSERT INTO oncall_overrides (id, agent, rotation, contact, starts_at, ends_at, created_by, created_at) "
        "VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (id) DO UPDATE SET rotation = excluded.rotation, "
        "contact = excluded.contact, starts_at = excluded.starts_at, ends_at = excluded.ends_at, created_by = "
        "excluded.created_by, created_at = excluded.created_at",
        {o.id, agent_, o.rotation, o.contact, o.from, o.until, o.created_by, o.created_at});
  }
  Result<void> verdict(const model::Verdict& v) {
    const std::string fingerprint = v.fingerprint == 0 ? std::string() : base::hex16(v.fingerprint);
    const std::string several = v.fingerprints.empty() ? std::string() : json::of_fingerprints(v.fingerprints);
    return run(
        "INSERT INTO verdicts (agent, at, kind, fingerprint, alert_id, rule_name, labels, alerts, fingerprints, route, "
        "group_key, correlation_id, target, who, held_by, until, text, delivery_key) VALUES ($1, $2, $3, $4, $5, $6, "
        "$7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18)",
        {agent_, v.at, model::to_string(v.kind), text_param(fingerprint), text_param(v.alert_id), text_param(v.rule),
         json::of(v.labels), number(v.alerts), text_param(several), text_param(v.route), text_param(v.group_key),
         text_param(v.correlation_id), text_param(v.target), text_param(v.who), text_param(v.by), time_param(v.until),
         text_param(v.text), text_param(v.delivery_key)});
  }
  Result<void> beat(const model::Beat& b) {
    const bool start = b.kind == model::BeatKind::start, watched = b.kind == model::BeatKind::watched;
    const auto at = [&](model::BeatKind kind) { return b.kind == kind ? Param(b.at) : Param(); };
    static const std::string upsert = upsert_heartbeat_text();
    return run(upsert, {b.name, b.at, watched ? Param() : Param(b.at), model::to_string(b.kind),
                        at(model::BeatKind::start), at(model::BeatKind::success), at(model::BeatKind::fail),
                        b.duration > base::Duration::zero() ? Param(std::int64_t{b.duration.count()}) : Param(),
                        start || b.exit_status < 0 ? Param() : Param(std::int64_t{b.exit_status}), text_param(b.note),
                        std::int64_t{watched ? 0 : 1}});
  }

  /// The rule's row keeps its updated_at: that is when a person changed it.
  Result<void> evaluation(const model::RuleEvaluation& e) {
    TRY_VOID(
        run("INSERT INTO alert_evaluations (rule_name, metric_value, threshold_value, fired, error, evaluated_at) "
            "VALUES ($1, $2, $3, $4, $5, $6)",
            {e.rule, real_param(e.value), real_param(e.threshold), e.fired, text_param(e.error), time_param(e.at)}));
    if (e.triggered == 0) return {};
    return run(
        "UPDATE incident_detection_rules SET last_triggered_at = $1, trigger_count = trigger_count + $2 WHERE id = $3",
        {time_param(e.at), number(e.triggered), e.rule_id});
  }

  Result<void> passed_on(const model::Alert& a) {
    return run("INSERT INTO passed_alerts (agent, body) VALUES ($1, $2)", {agent_, json::of(a)});
  }
  Result<void> taken(const std::uint64_t& id) { return run("DELETE FROM passed_alerts WHERE id = $1", {number(id)}); }

  Result<void> kv(const std::string& key, const std::string& value) {
    const std::string_view owner = kv_owner(agent_, key);
    if (value.empty()) return run("DELETE FROM kv WHERE agent = $1 AND key = $2", {owner, key});
    return run(
        "INSERT INTO kv (agent, key, value) VALUES ($1, $2, $3) ON CONFLICT (agent, key) DO UPDATE SET value = "
        "excluded.value",
        {owner, key, Blob{value}});
  }

  Transaction& t_;
  const std::string_view agent_, owner_;
  const bool folded_;                                   ///< decisions of a log: incidents have their numbers
  std::unordered_map<std::string, std::uint64_t> ids_;  ///< of the incidents in these changes
  std::set<std::string> replayed_;                      ///< keys whose dead letter is replayed in these changes
  CommitResult result_;
};

}  // namespace

Result<std::map<std::string, std::uint64_t>> SqlStore::numbers_of(const std::vector<std::string>& correlation_ids) {
  std::map<std::string, std::uint64_t> numbers;
  TRY(auto t, database_->read());
  for (const std::string& id : correlation_ids) {
    TRY_VOID(t->run("SELECT id FROM incidents WHERE correlation_id = $1", {id},
                    [&](const Row& row) { numbers[id] = static_cast<std::uint64_t>(row.integer(0)); }));
  }
  return numbers;
}

Result<CommitResult> SqlStore::commit_all(const std::vector<const model::Changes*>& decisions) {
  if (std::ranges::all_of(decisions, &model::Changes::empty)) return CommitResult();
  const auto any = [&](auto what) { return std::ranges::any_of(decisions, what); };
  const bool passes = any([](const auto* changes) { return !changes->passed_on.empty(); });
  if (!shared_ && (passes || any([](const auto* changes) { return !changes->taken.empty(); })))
    return fail(Fault::internal, "alerts are passed on in a store that nobody shares");
  TRY(auto t, database_->write());
  if (shared_ && any([](const auto* changes) { return changes->decided; })) TRY_VOID(shared_->check_decides(*t));
  Writer writer(*t, agent_, owner_, folded_);
  for (const model::Changes* changes : decisions) TRY_VOID(writer.write(*changes));
  if (passes) TRY_VOID(shared_->announce_passed(*t));
  TRY_VOID(t->commit());
  return std::move(writer).result();
}

}  // namespace tocsin::storage::sql
