// Signals, series, rules and alerts.
#include <algorithm>
#include <array>

#include "api/handlers.hpp"
#include "api/present.hpp"
#include "base/text.hpp"

namespace tocsin::api::handlers {
namespace {

const std::array<std::string, 9> aggregations{"raw", "avg", "sum", "min", "max", "count", "p50", "p95", "p99"};

Checked<base::Duration> bucket(const Query& query) {
  const std::string* given = query.find("bucket");
  if (given == nullptr) return base::Duration{};
  base::Result<base::Duration> parsed = base::parse_duration(*given);
  if (!parsed || *parsed <= base::Duration{}) {
    return std::unexpected(bad_parameter("bucket", *given, "1m 5m 15m 1h 1d, or any duration above zero"));
  }
  return *parsed;
}

Checked<HistoryQuery> history_query(const Query& query, base::Time now) {
  HistoryQuery out;
  out.name = query.text("name");
  out.loader = query.text("loaderCode");
  out.segment = query.text("segmentCode");
  if (out.name.empty() && out.loader.empty()) {
    return std::unexpected(Problem(400,
                                   "parameter name or loaderCode is missing: say which signals, as in "
                                   "?name=etl.run&match=loader=\"DAILY_SALES\"")
                               .with("parameter", "\"name\""));
  }
  CHECKED(out.matchers, matchers(query));
  CHECKED(out.to, query.time("toEpoch", now));
  if (out.to == base::no_time) out.to = now;
  CHECKED(out.from, query.time("fromEpoch", now));
  if (out.from == base::no_time) out.from = out.to - std::chrono::hours(1);
  if (out.from > out.to) {
    return std::unexpected(bad_parameter("fromEpoch", query.text("fromEpoch"), "a time before toEpoch"));
  }
  if (const std::string* given = query.find("aggregation")) {
    CHECKED(std::size_t which, pick("aggregation", *given, aggregations));
    out.aggregation = aggregations[which];
  }
  CHECKED(out.bucket, bucket(query));
  CHECKED(out.limit, query.count("limit", 10'000, 100'000));
  return out;
}

void write_series(JsonWriter& json, const HistorySeries& series, const HistoryQuery& query) {
  json.open_object().field("name", series.name);
  write(json.key("labels"), series.labels);
  json.field("aggregation", query.aggregation).key("bucket");
  if (query.bucket == base::Duration{})
    json.null();
  else
    json.text(base::format_duration(query.bucket));
  json.key("dataPoints").open_array();
  for (const Point& point : series.points) {
    json.open_object().field("timestamp", point.timestamp).field("value", point.value).close_object();
  }
  json.close_array().close_object();
}

void write_tailed(JsonWriter& json, const TailedSignal& signal) {
  json.open_object().field("at", signal.at).field("name", signal.name);
  write(json.key("labels"), signal.labels);
  json.field("source", signal.instance);
  if (signal.summary) {
    const model::Summary& s = *signal.summary;
    json.field("count", s.count).field("min", s.min).field("max", s.max).field("avg", s.avg).field("sum", s.sum);
  } else {
    json.field("value", signal.value);
  }
  if (signal.stale) json.field("stale", true);
  if (!signal.text.empty()) json.field("text", signal.text);
  json.close_object();
}

Outcome alert_list(Backend& backend, const Call& call, bool history) {
  CHECKED(Page page, call.query.page());
  base::Time now = backend.now();
  CHECKED(base::Time from, call.query.time("from", now));
  CHECKED(base::Time to, call.query.time("to", now));
  TRY(Listed<model::Alert> listed, backend.alerts(history, call.query.text("rule"), from, to, page));
  return json_reply(list_json(listed));
}

}  // namespace

Checked<model::Matchers> matchers(const Query& query) {
  model::Matchers out;
  for (const std::string& text : query.repeated("match")) {
    base::Result<model::Matcher> matcher = model::Matcher::parse(text);
    if (!matcher) {
      return std::unexpected(
          bad_parameter("match", text, "label=\"value\", != =~ or !~ (" + matcher.error().message() + ")"));
    }
    out.push_back(std::move(*matcher));
  }
  return out;
}

Outcome query_signals(Backend& backend, const Call& call) {
  CHECKED(HistoryQuery query, history_query(call.query, backend.now()));
  TRY(std::vector<HistorySeries> series, backend.history(query));
  // No series at all answers like one without points: who asks for one signal reads one shape.
  if (series.empty()) series.push_back({query.name, {}, {}});
  std::string body;
  JsonWriter json(body);
  if (series.size() == 1) {
    write_series(json, series.front(), query);
    return json_reply(std::move(body));
  }
  json.open_object().key("series").open_array();
  for (const HistorySeries& one : series) write_series(json, one, query);
  json.close_array().close_object();
  return json_reply(std::move(body));
}

Outcome tail_signals(Backend& backend, const Call& call) {
  SignalTailQuery wanted;
  if (const std::string* given = call.query.find("selector")) {
    auto selector = model::Selector::parse(*given);
    if (!selector) return std::unexpected(bad_parameter("selector", *given, selector.error().message()));
    wanted.selector = std::move(*selector);
  }
  CHECKED(Page asked, call.query.page());
  wanted.after = asked.after;
  wanted.limit = asked.limit;
  CHECKED(wanted.since, call.query.time("since", backend.now()));
  CHECKED(wanted.last, call.query.count("last", wanted.since == base::no_time ? 0 : 1000, 1000));
  CHECKED(base::Duration wait, call.query.wait());
  TRY(SignalTailPage page, backend.tail_signals(wanted));
  std::string body;
  JsonWriter json(body);
  json.open_object().key("items").open_array();
  for (const TailedSignal& signal : page.items) write_tailed(json, signal);
  json.close_array().field("next", page.next).key("lost");
  if (page.lost)
    json.integer(*page.lost);
  else
    json.null();
  json.close_object();
  Reply reply = json_reply(std::move(body));
  if (page.items.empty() && page.lost == 0 && !wanted.after.empty()) reply.wait = wait;
  return reply;
}

Outcome list_series(Backend& backend, const Call& call) {
  CHECKED(Page page, call.query.page());
  TRY(std::vector<SeriesInfo> all, backend.series(call.query.text("pattern")));
  std::ranges::sort(all, {}, [](const SeriesInfo& s) { return std::tie(s.name, s.labels); });
  CHECKED(Listed<SeriesInfo> listed, slice(std::move(all), page));
  return json_reply(list_json(listed));
}

Outcome list_rules(Backend& backend, const Call& call) {
  CHECKED(Page page, call.query.page());
  CHECKED(Listed<RuleInfo> listed, slice(backend.rules(), page));
  return json_reply(list_json(listed));
}

Outcome show_rule(Backend& backend, const Call& call) {
  std::vector<RuleInfo> all = backend.rules();
  std::vector<std::string> names;
  for (const RuleInfo& info : all) {
    if (info.rule->name == call.path[0]) return json_reply(object_json(info));
    names.push_back(info.rule->name);
  }
  std::string near = base::nearest(call.path[0], names);
  Problem problem(404, "no rule is named \"" + call.path[0] + "\"" +
                           (near.empty() ? "; GET /api/v1/rules lists them" : "; did you mean \"" + near + "\"?"));
  if (!near.empty()) problem.with("nearest", json_text(near));
  return std::unexpected(std::move(problem));
}

Outcome list_alerts(Backend& backend, const Call& call) {
  return alert_list(backend, call, false);
}
Outcome list_alert_history(Backend& backend, const Call& call) {
  return alert_list(backend, call, true);
}

Outcome acknowledge_alert(Backend& backend, const Call& call) {
  CHECKED(Body body, Body::parse(call.request, {"by"}));
  CHECKED(std::string by, actor(body));
  TRY(model::Incident incident, backend.acknowledge_alert(call.path[0], by));
  return json_reply(object_json(incident));
}

}  // namespace tocsin::api::handlers
