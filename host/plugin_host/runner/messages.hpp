// How the host's values are coded for a runner: one `fields` for each, for both directions.
#pragma once

#include <string>
#include <vector>

#include "base/result.hpp"
#include "base/value.hpp"
#include "model/delivery.hpp"
#include "model/feedback.hpp"
#include "model/rule.hpp"
#include "model/ticket.hpp"
#include "plugin_host/runner/wire.hpp"
#include "plugin_host/session.hpp"

namespace tocsin::base {

void fields(plugin_host::runner::Writer& out, Value& value);
void fields(plugin_host::runner::Reader& in, Value& value);

}  // namespace tocsin::base

namespace tocsin::model {

template <class A>
void fields(A& a, Link& x) {
  a(x.text, x.href);
}
template <class A>
void fields(A& a, Alert& x) {
  a(x.id, x.rule, x.fingerprint, x.state, x.severity, x.category, x.labels, x.group, x.annotations, x.links, x.value,
    x.threshold, x.active_at, x.fired_at, x.resolved_at, x.updated_at, x.cooldown_until, x.shadow, x.silent,
    x.origin.file, x.origin.offset, x.origin.line, x.title, x.received, x.starts_at, x.ends_at, x.end_assumed,
    x.generator_url);
}
template <class A>
void fields(A& a, Incident& x) {
  a(x.number, x.correlation_id, x.title, x.description, x.severity, x.category, x.status, x.service_name,
    x.affected_component, x.metric_name, x.impact, x.suggestion, x.resolution_notes, x.close_reason, x.owner,
    x.metric_value, x.threshold_value, x.ticket_key, x.ticket_url, x.group_key, x.route, x.labels, x.tags, x.links,
    x.runbook_url, x.shadow, x.detected_at, x.acknowledged_at, x.resolved_at, x.closed_at, x.created_at, x.updated_at);
}
template <class A>
void fields(A& a, Delivery& x) {
  a(x.key, x.instance, x.tracker, x.kind, x.change, x.correlation_id, x.target, x.recipient, x.address, x.reason,
    x.receiver, x.group_key, x.group_labels, x.incident, x.alerts, x.title, x.text, x.note, x.note_author, x.shadow,
    x.state, x.attempts, x.outcome_unknown, x.created_at, x.next_attempt_at, x.deadline, x.last_error);
}

template <class A>
void fields(A& a, Receipt& x) {
  a(x.state, x.key, x.provider_id, x.detail, x.at);
}
template <class A>
void fields(A& a, Answer& x) {
  a(x.kind, x.whole_service, x.status, x.id, x.incident, x.key, x.provider_id, x.ticket, x.ticket_url, x.ticket_status,
    x.address, x.actor, x.way, x.text, x.lasts, x.at);
}
template <class A>
void fields(A& a, Exchange& x) {
  a(x.direction, x.correlation_id, x.ticket, x.method, x.target, x.request, x.response, x.error, x.http_status, x.took,
    x.at);
}
template <class A>
void fields(A& a, RuleAnswer::Row& x) {
  a(x.value, x.labels, x.at);
}
template <class A>
void fields(A& a, RuleAnswer& x) {
  a(x.rows);
}
template <class A>
void fields(A& a, Answered& x) {
  a(x.status, x.number, x.changed, x.text);
}

}  // namespace tocsin::model

namespace tocsin::plugin_host {

template <class A>
void fields(A& a, Instance::Sent& x) {
  a(x.status, x.error, x.code, x.retry_after_ms, x.provider_id, x.created, x.ticket_key, x.ticket_url, x.ticket_status);
}
template <class A>
void fields(A& a, Action& x) {
  a(x.kind, x.text, x.href);
}
template <class A>
void fields(A& a, Instance::Response& x) {
  a(x.status, x.headers, x.body);
}

}  // namespace tocsin::plugin_host

namespace tocsin::plugin_host::runner {

/// What of a rule a detector is shown.
struct RuleParts {
  std::string name, file;
  model::Severity severity{};
  model::Aggregate aggregate{};
  base::Duration over{};
  std::vector<std::string> by;
  base::Value table;
  std::uint64_t script = 0;  ///< the runner's own pointer, from load_script; 0: none
};
template <class A>
void fields(A& a, RuleParts& x) {
  a(x.name, x.file, x.severity, x.aggregate, x.over, x.by, x.table, x.script);
}

struct CreateParts {
  std::string library, type, name, data_dir;
  base::Value config;
  bool replay = false;
};
template <class A>
void fields(A& a, CreateParts& x) {
  a(x.library, x.type, x.name, x.data_dir, x.config, x.replay);
}

struct DeliverParts {
  model::Delivery delivery;
  std::string provider_id, external_url;
  std::vector<Action> actions;
  base::Duration left{};  ///< until the deadline
};
template <class A>
void fields(A& a, DeliverParts& x) {
  a(x.delivery, x.provider_id, x.external_url, x.actions, x.left);
}

/// A probe, with or without a change to report on.
struct ProbeParts {
  bool dry_run = false;
  model::Delivery delivery;
  std::string external_url;
  base::Duration left{};
};
template <class A>
void fields(A& a, ProbeParts& x) {
  a(x.dry_run, x.delivery, x.external_url, x.left);
}

struct QueryParts {
  base::Value table;
  std::uint32_t most_rows = 0;
  base::Time at{};
  base::Duration left{};
};
template <class A>
void fields(A& a, QueryParts& x) {
  a(x.table, x.most_rows, x.at, x.left);
}

struct HandleParts {
  std::string method, path, query, remote, user, certificate, body;
  std::vector<std::pair<std::string, std::string>> headers;
  base::Duration left{};
};
template <class A>
void fields(A& a, HandleParts& x) {
  a(x.method, x.path, x.query, x.remote, x.user, x.certificate, x.headers, x.body, x.left);
}

struct ScriptRule {
  base::Value table;
  std::uint64_t script = 0;
};
template <class A>
void fields(A& a, ScriptRule& x) {
  a(x.table, x.script);
}

/// What follows the block and the cursor of a submit; at its end, so that the block begins at a multiple of 8.
struct SubmitTail {
  std::uint32_t has_cursor = 0, cursor_bytes = 0;
  std::uint32_t rejects = 0;  ///< how many refused rows are to be described
  std::uint32_t reserved = 0;
};
/// As many as fit into an answer's slot.
constexpr std::uint32_t most_rejects = 8000;

/// An answer that may be a failure: the fault's number plus one and its message, or 0 and the value.
void write_failure(Writer& out, const base::Error& error);
/// What a peer's answer says: the rest of `in` is the value; or the error. A coding that is not known is an error too.
base::Result<void> read_outcome(Reader& in);

}  // namespace tocsin::plugin_host::runner
