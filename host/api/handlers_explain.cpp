// Why somebody was or was not told.
#include "api/handlers.hpp"
#include "api/present.hpp"

namespace tocsin::api::handlers {
namespace {

void write(JsonWriter& json, const ExplainEntry& e) {
  json.open_object().field("at", e.at).field("kind", e.kind).field("who", e.who).field("target", e.target);
  json.field("by", e.by).field("until", e.until).field("text", e.text).field("title", e.title).field("rule", e.rule);
  api::write(json.key("labels"), e.labels);
  json.field("alerts", e.alerts).field("route", e.route).field("group_key", e.group_key);
  json.key("incident");
  if (e.incident == 0)
    json.null();
  else
    json.integer(e.incident);
  json.close_object();
}

void write(JsonWriter& json, const ExplainDue& d) {
  json.open_object().field("at", d.at).field("what", d.what).field("target", d.target);
  api::write(json.key("who"), d.who);
  json.field("title", d.title).field("text", d.text).field("alerts", d.alerts).field("route", d.route);
  json.field("group_key", d.group_key).key("incident");
  if (d.incident == 0)
    json.null();
  else
    json.integer(d.incident);
  json.key("held");
  if (d.held_kind.empty())
    json.null();
  else
    json.open_object().field("kind", d.held_kind).field("by", d.held_by).field("until", d.held_until).close_object();
  json.close_object();
}

}  // namespace

Outcome explain(Backend& backend, const Call& call) {
  const Query& q = call.query;
  const base::Time now = backend.now();
  ExplainQuery query;
  CHECKED(query.from, q.time("from", now));
  CHECKED(query.to, q.time("to", now));
  if (query.from != base::no_time && query.from > (query.to == base::no_time ? now : query.to)) {
    return std::unexpected(bad_parameter("from", q.text("from"), "a time before `to`"));
  }
  CHECKED(query.matchers, matchers(q));
  query.rule = q.text("rule");
  query.incident = q.text("incident");
  query.who = q.text("who");
  TRY(const Explanation answer, backend.explain(query));
  std::string body;
  JsonWriter json(body);
  json.open_object().field("from", answer.from).field("to", answer.to).field("told", answer.told);
  json.field("verdict", answer.verdict).field("remedy", answer.remedy).key("entries").open_array();
  for (const ExplainEntry& entry : answer.entries) write(json, entry);
  json.close_array().key("next").open_array();
  for (const ExplainDue& due : answer.next) write(json, due);
  json.close_array().field("more", answer.more).close_object();
  return json_reply(std::move(body));
}

}  // namespace tocsin::api::handlers
