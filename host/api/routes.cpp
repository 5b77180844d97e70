#include "api/routes.hpp"

#include <array>

#include "api/handlers.hpp"
#include "base/text.hpp"

namespace tocsin::api {
namespace {

namespace h = handlers;

constexpr Parameter limit_parameter{"limit", "integer", "Items of a page, 1 to 1000.", {}, "100"};
constexpr Parameter after_parameter{"after", "string", "The `next` of the page before."};
constexpr Parameter from_parameter{"from", "string",
                                   "Not before: RFC 3339, epoch seconds or milliseconds, or a span back (-1h)."};
constexpr Parameter to_parameter{"to", "string", "Not after; forms as of `from`."};

constexpr std::array page_parameters{limit_parameter, after_parameter};
constexpr std::array history_parameters{
    Parameter{"name", "string", "The signal's name; or give loaderCode."},
    Parameter{"match", "string", "A label matcher: label=\"value\", also != =~ !~.", {}, {}, true},
    Parameter{"loaderCode", "string", "Value of the label loader."},
    Parameter{"segmentCode", "string", "Value of the label segment."},
    Parameter{"fromEpoch", "string",
              "Start; epoch seconds or milliseconds, RFC 3339, or -1h. Default: one hour before the end."},
    Parameter{"toEpoch", "string", "End, inclusive; forms as of fromEpoch. Default: now."},
    Parameter{"aggregation", "string", "How the points of a bucket become one.",
              "raw avg sum min max count p50 p95 p99", "\"raw\""},
    Parameter{"bucket", "string", "Width of a bucket: 1m 5m 15m 1h 1d or any duration."},
    Parameter{"limit",
              "integer",
              "Most points of a series, 1 to 100000; above it the series is thinned (LTTB).",
              {},
              "10000"}};
constexpr std::array series_parameters{
    Parameter{"pattern", "string", "A name, with * at its end, or a selector such as etl.run{status=\"FAILED\"}."},
    limit_parameter, after_parameter};
constexpr std::array alert_parameters{Parameter{"rule", "string", "Only this rule's."}, from_parameter, to_parameter,
                                      limit_parameter, after_parameter};
constexpr std::array incident_parameters{
    Parameter{"status",
              "string",
              "One or more, with commas or repeated.",
              "OPEN ACKNOWLEDGED IN_PROGRESS RESOLVED CLOSED",
              {},
              true},
    Parameter{"severity", "string", "One or more, with commas or repeated.", "CRITICAL HIGH MEDIUM LOW", {}, true},
    Parameter{"q", "string", "Text in title, description or service."},
    from_parameter,
    to_parameter,
    limit_parameter,
    after_parameter,
    Parameter{"format", "string", "csv: every matching incident, or the first `limit`, as a file.", "json csv",
              "\"json\""}};
constexpr std::array log_parameters{
    Parameter{"incident", "string", "Number or correlation id."},
    Parameter{"instance", "string", "The notifier's instance."},
    Parameter{"status", "string", "Of the attempt.", "SENT FAILED RETRYING DEAD SHADOW SUPPRESSED"}, limit_parameter,
    after_parameter};

constexpr std::uint32_t probe = route_health | route_lenient;

constexpr std::array table{
    Route{"GET", "/", "Status of the agent as a small page", h::show_page, route_lenient, {}, {}, {}, 200, "text/html"},
    Route{"GET",
          "/healthz",
          "Alive: the process answers",
          h::healthy,
          route_inline | probe,
          {},
          {},
          {},
          200,
          "text/plain"},
    Route{"GET", "/readyz", "Ready to work, or 503 with the reason", h::ready, probe, {}, {}, {}, 200, "text/plain"},
    Route{"GET",
          "/metrics",
          "The agent's metrics: Prometheus text 0.0.4, or OpenMetrics where Accept asks for it",
          h::show_metrics,
          probe,
          {},
          {},
          {},
          200,
          "text/plain"},
    Route{"GET", "/api/v1/version", "Version and build", h::show_version, 0, {}, {}, "Version"},
    Route{"GET", "/api/v1/openapi.json", "This document", h::show_openapi, 0, {}, {}, "Document"},
    Route{"POST",
          "/api/v1/reload",
          "Read the configuration again and apply it, whole or not at all",
          h::reload,
          0,
          {},
          {},
          "Reloaded"},
    Route{"GET",
          "/api/v1/plugins",
          "Plugins and how their instances fare",
          h::list_plugins,
          0,
          page_parameters,
          {},
          "PluginList"},
    Route{"GET",
          "/api/v1/signals/query",
          "History of one or more series",
          h::query_signals,
          0,
          history_parameters,
          {},
          "History"},
    Route{"GET", "/api/v1/series", "Known series", h::list_series, 0, series_parameters, {}, "SeriesList"},
    Route{"GET", "/api/v1/rules", "Rules and their health", h::list_rules, 0, page_parameters, {}, "RuleList"},
    Route{"GET", "/api/v1/rules/{name}", "One rule", h::show_rule, 0, {}, {}, "Rule"},
    Route{
        "GET", "/api/v1/alerts", "Alerts pending or firing now", h::list_alerts, 0, alert_parameters, {}, "AlertList"},
    Route{"GET",
          "/api/v1/alerts/history",
          "Alerts of the past",
          h::list_alert_history,
          0,
          alert_parameters,
          {},
          "AlertList"},
    Route{"POST",
          "/api/v1/alerts/{id}/acknowledge",
          "Acknowledge the incident of an alert",
          h::acknowledge_alert,
          0,
          {},
          "By",
          "Incident"},
    Route{"GET",
          "/api/v1/incidents",
          "Incidents, newest first",
          h::list_incidents,
          0,
          incident_parameters,
          {},
          "IncidentList"},
    Route{"POST",
          "/api/v1/incidents",
          "Open an incident by hand",
          h::create_incident,
          0,
          {},
          "NewIncident",
          "Incident",
          201},
    Route{"GET",
          "/api/v1/incidents/{id}",
          "One incident, by number or correlation id, with alerts and timeline",
          h::show_incident,
          0,
          {},
          {},
          "IncidentView"},
    Route{"PUT",
          "/api/v1/incidents/{id}/status",
          "Move an incident to another status",
          h::set_incident_status,
          0,
          {},
          "StatusChange",
          "Incident"},
    Route{"PUT",
          "/api/v1/incidents/{id}/assign",
          "Give an incident an owner",
          h::assign_incident,
          0,
          {},
          "Assignment",
          "Incident"},
    Route{"POST",
          "/api/v1/incidents/{id}/notes",
          "Add a note to an incident",
          h::add_incident_note,
          0,
          {},
          "Note",
          "Incident"},
    Route{"GET",
          "/api/v1/incidents/{id}/timeline",
          "Who did what, when",
          h::show_incident_timeline,
          0,
          page_parameters,
          {},
          "Timeline"},
    Route{"GET",
          "/api/v1/notifications/log",
          "Delivery attempts",
          h::list_notifications,
          0,
          log_parameters,
          {},
          "AttemptList"},
    Route{"POST",
          "/api/v1/notifications/send",
          "Send a trial message; answers when its first attempt ended",
          h::send_notification,
          0,
          {},
          "Trial",
          "Attempt"},
    Route{"GET",
          "/api/v1/dead-letters",
          "Work that was given up",
          h::list_dead_letters,
          0,
          page_parameters,
          {},
          "DeadLetterList"},
    Route{"POST",
          "/api/v1/dead-letters/{id}/replay",
          "Try a dead letter again",
          h::replay_dead_letter,
          0,
          {},
          {},
          "Replayed"},
    Route{"GET",
          "/api/v1/integrations/jira/mappings",
          "Incidents and their Jira issues",
          h::list_jira_mappings,
          0,
          page_parameters,
          {},
          "MappingList"},
    Route{"GET",
          "/api/v1/heartbeats",
          "Heartbeats and how they stand",
          h::list_heartbeats,
          0,
          page_parameters,
          {},
          "HeartbeatList"},
    Route{"POST",
          "/api/v1/heartbeats/{name}",
          "A job succeeded; any body is kept as its note, up to 10 kB",
          h::ping_heartbeat,
          route_lenient,
          {},
          {},
          "Heartbeat"},
    Route{"GET",
          "/api/v1/heartbeats/{name}",
          "The same, for clients that can only GET",
          h::ping_heartbeat,
          route_lenient,
          {},
          {},
          "Heartbeat"},
    Route{"POST",
          "/api/v1/heartbeats/{name}/{what}",
          "A job began (start), failed (fail), or ended with an exit status (0 to 255)",
          h::ping_heartbeat,
          route_lenient,
          {},
          {},
          "Heartbeat"},
    Route{"GET",
          "/api/v1/heartbeats/{name}/{what}",
          "The same, for clients that can only GET",
          h::ping_heartbeat,
          route_lenient,
          {},
          {},
          "Heartbeat"},
};

/// Walks path and pattern segment by segment; `values` gets what stands for {…}.
bool matches(std::string_view pattern, std::string_view path, std::vector<std::string_view>* values) {
  while (!pattern.empty() || !path.empty()) {
    std::size_t a = std::min(pattern.find('/', 1), pattern.size()), b = std::min(path.find('/', 1), path.size());
    std::string_view expected = pattern.substr(0, a), given = path.substr(0, b);
    if (expected.size() > 1 && expected[1] == '{') {
      if (given.size() < 2) return false;
      if (values != nullptr) values->push_back(given.substr(1));
    } else if (expected != given) {
      return false;
    }
    pattern.remove_prefix(a);
    path.remove_prefix(b);
  }
  return true;
}

/// The pattern with the segments of `path` in place of {…}, so that only what is fixed is compared.
std::string filled(std::string_view pattern, std::string_view path) {
  std::vector<std::string_view> given = base::split(path, '/');
  std::string out;
  std::size_t i = 0;
  for (std::string_view segment : base::split(pattern, '/')) {
    bool open = segment.starts_with("{") && i < given.size() && !given[i].empty();
    out += (i == 0 ? "" : "/");
    out += open ? given[i] : segment;
    ++i;
  }
  return out;
}

}  // namespace

std::span<const Route> routes() {
  return table;
}

Match find_route(std::string_view method, std::string_view path, bool health_only) {
  Match match;
  for (const Route& route : table) {
    if (health_only && (route.flags & route_health) == 0) continue;
    if (!matches(route.pattern, path, nullptr)) continue;
    match.allow += (match.allow.empty() ? "" : ", ");
    match.allow += route.method == "GET" ? "GET, HEAD" : route.method;
    if (route.method != method && !(method == "HEAD" && route.method == "GET")) continue;
    std::vector<std::string_view> values;
    matches(route.pattern, path, &values);
    match.route = &route;
    for (std::string_view value : values)
      match.path.push_back(percent_decode(value, false).value_or(std::string(value)));
  }
  if (!match.allow.empty()) match.allow += ", OPTIONS";
  return match;
}

std::string nearest_route(std::string_view path, const std::vector<std::string>& further) {
  std::vector<std::string> candidates, patterns;
  for (const Route& route : table) patterns.emplace_back(route.pattern);
  patterns.insert(patterns.end(), further.begin(), further.end());
  for (const std::string& pattern : patterns) candidates.push_back(filled(pattern, path));
  std::string near = base::nearest(path, candidates);
  for (std::size_t i = 0; !near.empty() && i < candidates.size(); ++i) {
    if (candidates[i] == near) return patterns[i];
  }
  return {};
}

}  // namespace tocsin::api
