#include "api/present.hpp"

#include <array>

#include "base/id.hpp"
#include "base/text.hpp"

namespace tocsin::api {
namespace {

void word(JsonWriter& json, std::string_view name, model::Severity severity) {
  json.key(name);
  if (severity == model::Severity::none)
    json.null();
  else
    json.text(model::to_string(severity));
}

void word(JsonWriter& json, std::string_view name, model::Category category) {
  json.key(name);
  if (category == model::Category::none)
    json.null();
  else
    json.text(model::to_string(category));
}

/// The members of an incident without the braces, so that a view can add its own.
void members(JsonWriter& json, const model::Incident& i) {
  json.field("id", i.number).field("number", i.number).field("title", i.title).field("description", i.description);
  word(json, "severity", i.severity);
  word(json, "category", i.category);
  json.field("status", model::to_string(i.status)).field("service_name", i.service_name);
  json.field("correlation_id", i.correlation_id).field("affected_component", i.affected_component);
  json.field("metric_name", i.metric_name).field("metric_value", i.metric_value);
  json.field("threshold_value", i.threshold_value).field("impact", i.impact).field("suggestion", i.suggestion);
  json.field("resolution_notes", i.resolution_notes).field("close_reason", i.close_reason);
  json.field("jira_ticket_key", i.ticket_key).field("jira_ticket_url", i.ticket_url);
  json.field("detected_at", i.detected_at).field("acknowledged_at", i.acknowledged_at);
  json.field("resolved_at", i.resolved_at).field("closed_at", i.closed_at);
  json.field("created_at", i.created_at).field("updated_at", i.updated_at);
  json.field("owner", i.owner).field("route", i.route).field("group_key", i.group_key);
  json.field("runbook_url", i.runbook_url).field("shadow", i.shadow);
  json.field("acknowledged_by", i.acknowledged_by).field("ack_expires_at", i.ack_expires_at);
  json.field("snoozed_until", i.snoozed_until).field("merged_into", i.merged_into);
  write(json.key("tags"), i.tags);
  write(json.key("labels"), i.labels);
  write(json.key("links"), i.links);
}

void origin(JsonWriter& json, const model::Origin& from) {
  json.key("origin");
  if (from.file.empty()) {
    json.null();
    return;
  }
  json.open_object().field("file", from.file).field("line", from.line).field("offset", from.offset).close_object();
}

/// A quote, comma or line break needs quotes. A cell that a spreadsheet would take for a formula gets an apostrophe:
/// titles carry label values, which whoever writes the logs chooses.
void cell(std::string& out, std::string_view text, bool first = false) {
  if (!first) out += ',';
  bool formula = !text.empty() && std::string_view("=+-@\t\r").find(text.front()) != std::string_view::npos;
  if (!formula && text.find_first_of("\",\r\n") == text.npos) {
    out += text;
    return;
  }
  out += formula ? "\"'" : "\"";
  for (char c : text) {
    if (c == '"') out += '"';
    out += c;
  }
  out += '"';
}

void cell(std::string& out, base::Time time) {
  cell(out, time == base::no_time ? "" : base::format_rfc3339(time));
}

void cell(std::string& out, double value) {
  out += ',';
  if (value == value) JsonWriter(out).number(value);
}

}  // namespace

namespace {

void write_members(JsonWriter& json, const OncallSpan& span) {
  optional_text(json, "who", span.contact);
  json.field("by", span.by).field("since", span.since).field("until", span.until);
  optional_text(json, "override", span.override_id);
}

}  // namespace

void write(JsonWriter& json, const model::OncallOverride& one) {
  json.open_object().field("id", one.id).field("rotation", one.rotation).field("to", one.contact);
  json.field("from", one.from).field("until", one.until).field("by", one.created_by);
  json.field("created_at", one.created_at).close_object();
}

void write(JsonWriter& json, const OncallView& view) {
  json.open_object().field("rotation", view.rotation);
  write_members(json, view.now);
  json.key("next").open_object();
  write_members(json, view.next);
  json.close_object().key("overrides").open_array();
  for (const model::OncallOverride& one : view.overrides) write(json, one);
  json.close_array().close_object();
}

void write(JsonWriter& json, const model::Labels& labels) {
  json.open_object();
  for (const auto& [name, value] : labels) json.field(name, value);
  json.close_object();
}

void write(JsonWriter& json, const std::vector<model::Link>& links) {
  json.open_array();
  for (const model::Link& link : links) {
    json.open_object().field("text", link.text).field("href", link.href).close_object();
  }
  json.close_array();
}

void write(JsonWriter& json, const std::vector<std::string>& texts) {
  json.open_array();
  for (const std::string& text : texts) json.text(text);
  json.close_array();
}

void write(JsonWriter& json, const model::Alert& a) {
  json.open_object().field("id", a.id).field("rule", a.rule).field("title", a.title);
  json.field("fingerprint", base::hex16(a.fingerprint)).field("state", model::to_string(a.state));
  word(json, "severity", a.severity);
  word(json, "category", a.category);
  write(json.key("labels"), a.labels);
  write(json.key("annotations"), a.annotations);
  write(json.key("links"), a.links);
  json.field("value", a.value).field("threshold", a.threshold);
  json.field("active_at", a.active_at).field("fired_at", a.fired_at).field("resolved_at", a.resolved_at);
  json.field("updated_at", a.updated_at).field("shadow", a.shadow);
  origin(json, a.origin);
  json.close_object();
}

void write(JsonWriter& json, const model::TimelineEntry& e) {
  json.open_object().field("at", e.at).field("actor", e.actor).field("what", e.what);
  json.field("from", e.from).field("to", e.to).field("text", e.text).close_object();
}

void write(JsonWriter& json, const model::IncidentEvent& event) {
  const model::TimelineEntry& e = event.entry;
  json.open_object().field("id", event.id).field("incident", event.incident).field("title", event.title);
  json.field("correlation_id", e.correlation_id).field("status", model::to_string(event.status));
  word(json, "severity", event.severity);
  json.field("at", e.at).field("actor", e.actor).field("what", e.what);
  json.field("from", e.from).field("to", e.to).field("text", e.text).close_object();
}

void write(JsonWriter& json, const model::Attachment& a) {
  json.open_object().field("id", a.id).field("name", a.name).field("content_type", a.content_type);
  json.field("size", a.size).field("by", a.by).field("at", a.at).close_object();
}

void write(JsonWriter& json, const model::Incident& incident) {
  json.open_object();
  members(json, incident);
  json.close_object();
}

void write(JsonWriter& json, const IncidentView& view) {
  json.open_object();
  members(json, view.incident);
  json.key("alerts").open_array();
  for (const model::IncidentAlert& member : view.alerts) write(json, member.alert);
  json.close_array().key("timeline").open_array();
  for (const model::TimelineEntry& entry : view.timeline) write(json, entry);
  json.close_array().close_object();
}

void write(JsonWriter& json, const RuleInfo& info) {
  const model::Rule& r = *info.rule;
  auto span = [&](std::string_view name, base::Duration d) { json.field(name, base::format_duration(d)); };
  json.open_object().field("name", r.name).field("detector", r.detector);
  word(json, "severity", r.severity);
  word(json, "category", r.category);
  json.field("signal", r.signal_text).field("aggregate", model::to_string(r.aggregate));
  write(json.key("by"), r.by);
  span("over", r.over);
  span("for", r.for_);
  span("keep_firing_for", r.keep_firing_for);
  span("cooldown", r.effective_cooldown());
  span("every", r.every);
  json.field("no_data", r.no_data == model::NoData::alert ? "alert" : r.no_data == model::NoData::ok ? "ok" : "keep");
  json.field("scope", r.fleet ? "fleet" : "agent").field("shadow", r.shadow).field("pack", r.pack);
  write(json.key("labels"), r.labels);
  json.field("message", r.message).field("suggestion", r.suggestion).field("runbook_url", r.runbook_url);
  write(json.key("links"), r.links);
  json.field("source", r.script_file.empty() ? r.place.text() : r.script_file);
  json.field("health", info.health).field("last_error", info.last_error);
  json.field("evaluations", info.evaluations).field("failures", info.failures).field("groups", info.groups);
  json.field("pending", info.pending).field("firing", info.firing).field("last_evaluation", info.last_evaluation);
  json.close_object();
}

void write(JsonWriter& json, const SeriesInfo& s) {
  json.open_object().field("name", s.name);
  write(json.key("labels"), s.labels);
  json.field("first", s.first).field("last", s.last).field("samples", s.samples).close_object();
}

void write(JsonWriter& json, const model::HeartbeatView& v) {
  const model::HeartbeatRecord& r = v.record;
  json.open_object().field("name", v.heartbeat.name).field("status", model::to_string(v.status));
  json.field("running", v.running).field("every", base::format_duration(v.heartbeat.every));
  json.field("grace", base::format_duration(v.heartbeat.grace));
  word(json, "severity", v.heartbeat.severity);
  write(json.key("labels"), v.heartbeat.labels);
  json.field("expected_at", v.expected_at).field("late_at", v.late_at).field("last_ping", r.last_ping);
  json.key("last_kind");
  r.last_ping == base::no_time ? json.null() : json.text(model::to_string(r.last_kind));
  json.field("last_start", r.last_start).field("last_success", r.last_success).field("last_failure", r.last_failure);
  json.key("last_duration_seconds");
  r.last_duration > base::Duration::zero() ? json.number(std::chrono::duration<double>(r.last_duration).count())
                                           : json.null();
  json.key("exit_status");
  r.exit_status < 0 ? json.null() : json.integer(static_cast<std::uint64_t>(r.exit_status));
  json.field("note", r.note).field("pings", r.pings).field("since", r.since).close_object();
}

void write(JsonWriter& json, const model::Attempt& a) {
  json.open_object().field("key", a.delivery_key).field("type", a.type).field("recipient", a.recipient);
  json.field("status", a.status).field("sent_at", a.sent_at).field("delivered_at", a.delivered_at);
  json.field("provider_id", a.provider_id).field("error", a.error).field("incident", a.correlation_id);
  json.field("instance", a.instance).field("attempt", a.attempt).close_object();
}

void write(JsonWriter& json, const model::PluginStatus& p) {
  json.open_object().field("id", p.id).field("version", p.version).field("kind", p.kind);
  json.field("instance", p.instance).field("path", p.path).field("state", p.state).field("error", p.error);
  const model::Usage& u = p.usage;
  json.field("calls", u.calls).field("errors", u.errors).field("signals", u.signals).field("rejected", u.rejected);
  json.field("queue_depth", p.queue_depth).field("dropped", p.dropped);
  json.field("refused", u.refused).field("overruns", u.overruns);
  json.field("cpu_seconds", static_cast<double>(u.cpu_ns) * 1e-9);
  json.field("memory_bytes", u.memory_bytes).field("memory_measured", u.memory_measured);
  json.field("mean_seconds", u.mean_seconds()).field("p99_seconds", u.quantile_seconds(0.99));
  json.field("isolated", p.isolated).field("pid", p.pid).field("restarts", p.restarts);
  json.field("upgrades", p.upgrades).field("upgrades_failed", p.upgrades_failed);
  json.key("functions").open_array();
  for (std::size_t i = 0; i < model::functions; ++i) {
    const model::FunctionUsage& one = u.by_function[i];
    if (one.calls == 0) continue;
    json.open_object().field("name", model::to_string(static_cast<model::Function>(i))).field("calls", one.calls);
    json.field("errors", one.errors).field("mean_seconds", model::mean_seconds(one));
    json.field("p99_seconds", model::quantile_seconds(one, 0.99)).close_object();
  }
  json.close_array().close_object();
}

void write(JsonWriter& json, const model::DeadLetter& d) {
  json.open_object().field("id", d.id).field("at", d.at).field("what", d.what).field("key", d.key);
  json.field("instance", d.instance).field("cause", d.cause).field("incident", d.delivery.correlation_id);
  json.field("recipient", d.delivery.recipient).field("target", d.delivery.target);
  json.field("attempts", d.delivery.attempts).close_object();
}

void write(JsonWriter& json, const model::Exchange& e) {
  json.open_object().field("id", e.id).field("at", e.at).field("direction", model::to_string(e.direction));
  json.field("instance", e.instance).field("correlation_id", e.correlation_id).key("incident_id");
  if (e.incident != 0)
    json.integer(e.incident);
  else
    json.null();
  json.field("jira_key", e.ticket).field("method", e.method).field("target", e.target).key("http_status");
  if (e.http_status != 0)
    json.integer(e.http_status);
  else
    json.null();
  json.field("took_ms", static_cast<double>(e.took.count()) / 1e6);
  json.field("request", e.request).field("response", e.response);
  optional_text(json, "error", e.error);
  json.field("status", e.status).field("intent", e.intent).close_object();
}

void optional_text(JsonWriter& json, std::string_view name, std::string_view text) {
  if (text.empty())
    json.key(name).null();
  else
    json.field(name, text);
}

void write(JsonWriter& json, const SilenceView& view) {
  const model::Silence& s = view.silence;
  const auto matchers = [&](std::string_view name, const model::Matchers& list) {
    json.key(name).open_array();
    for (const model::Matcher& matcher : list) json.text(matcher.text());
    json.close_array();
  };
  json.open_object().field("id", s.id).field("state", model::to_string(view.state));
  json.key("holds").boolean(view.holds).field("until", view.until);
  matchers("matchers", s.matchers);
  matchers("except", s.except);
  json.field("starts_at", s.starts_at).field("ends_at", s.ends_at == model::no_end ? base::no_time : s.ends_at);
  json.field("updated_at", s.updated_at).field("created_by", s.created_by).field("comment", s.comment);
  json.key("annotations").open_object();
  for (const auto& [name, value] : s.annotations) json.field(name, value);
  json.close_object();
  optional_text(json, "every", s.recurrence.every);
  const bool lasts = s.recurrence.length != base::Duration::zero();
  optional_text(json, "for", lasts ? base::format_duration(s.recurrence.length) : "");
  optional_text(json, "zone", s.recurrence.zone);
  json.key("until_resolved").boolean(s.until_resolved).key("configured").boolean(s.configured);
  optional_text(json, "ended_by", s.ended_by);
  json.close_object();
}

std::string incident_csv_header() {
  return "id,title,description,severity,category,status,service_name,correlation_id,affected_component,metric_name,"
         "metric_value,threshold_value,impact,suggestion,resolution_notes,jira_ticket_key,jira_ticket_url,detected_at,"
         "acknowledged_at,resolved_at,closed_at,created_at,updated_at,owner,tags,close_reason\r\n";
}

void append_incident_csv(std::string& out, const model::Incident& i) {
  cell(out, std::to_string(i.number), true);
  cell(out, i.title);
  cell(out, i.description);
  cell(out, i.severity == model::Severity::none ? "" : model::to_string(i.severity));
  cell(out, i.category == model::Category::none ? "" : model::to_string(i.category));
  cell(out, model::to_string(i.status));
  for (const std::string* text : {&i.service_name, &i.correlation_id, &i.affected_component, &i.metric_name}) {
    cell(out, *text);
  }
  cell(out, i.metric_value);
  cell(out, i.threshold_value);
  for (const std::string* text : {&i.impact, &i.suggestion, &i.resolution_notes, &i.ticket_key, &i.ticket_url}) {
    cell(out, *text);
  }
  for (base::Time t : {i.detected_at, i.acknowledged_at, i.resolved_at, i.closed_at, i.created_at, i.updated_at}) {
    cell(out, t);
  }
  cell(out, i.owner);
  std::string tags;
  for (const std::string& tag : i.tags) tags += (tags.empty() ? "" : " ") + tag;
  cell(out, tags);
  cell(out, i.close_reason);
  out += "\r\n";
}

}  // namespace tocsin::api
