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

constexpr std::array oncall_parameters{
    Parameter{"at", "string", "When: RFC 3339, epoch seconds, or a span back (-1h). Default: now."}, limit_parameter,
    after_parameter};
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
constexpr Parameter status_parameter{
    "status", "string", "One or more, with commas or repeated.", "OPEN ACKNOWLEDGED IN_PROGRESS RESOLVED CLOSED",
    {},       true};
constexpr Parameter severity_parameter{
    "severity", "string", "One or more, with commas or repeated.", "CRITICAL HIGH MEDIUM LOW", {}, true};
constexpr Parameter category_parameter{
    "category", "string", "One or more, with commas or repeated.", "TRANSACTION LOG INTEGRATION INFRASTRUCTURE",
    {},         true};
constexpr Parameter text_parameter{"q", "string", "Text in title, description, service, labels, tags or notes."};
constexpr Parameter owner_parameter{"owner", "string", "Owned by one of these.", {}, {}, true};
constexpr Parameter service_parameter{"service", "string", "Of one of these services.", {}, {}, true};
constexpr Parameter tag_parameter{"tag", "string", "With all of these tags; with commas or repeated.", {}, {}, true};
constexpr Parameter rule_parameter{"rule", "string", "With an alert of this rule."};
constexpr Parameter label_parameter{"match", "string", "A label matcher: label=\"value\", also != =~ !~.",
                                    {},      {},       true};
constexpr std::array incident_parameters{
    status_parameter,
    severity_parameter,
    category_parameter,
    text_parameter,
    owner_parameter,
    service_parameter,
    tag_parameter,
    rule_parameter,
    label_parameter,
    from_parameter,
    to_parameter,
    limit_parameter,
    after_parameter,
    Parameter{"format", "string", "csv: every matching incident, or the first `limit`, as a file.", "json csv",
              "\"json\""}};
constexpr std::array silence_parameters{
    Parameter{"state", "string", "One or more, with commas or repeated.", "active pending expired", {}, true},
    Parameter{"match",
              "string",
              "Against the values in the silence's matchers: label=\"value\", also != =~ !~.",
              {},
              {},
              true},
    limit_parameter, after_parameter};
constexpr std::array export_parameters{
    status_parameter, severity_parameter, category_parameter,
    text_parameter,   owner_parameter,    service_parameter,
    tag_parameter,    rule_parameter,     label_parameter,
    from_parameter,   to_parameter,       Parameter{"format", "string", "How it is written.", "json csv", "\"json\""}};
constexpr std::array change_parameters{limit_parameter,
                                       Parameter{"after", "string",
                                                 "The `next` of the answer before; 0: from the first change. Without "
                                                 "it nothing is listed, and `next` is where now is."},
                                       Parameter{"wait",
                                                 "string",
                                                 "Where there is nothing after `after` yet, the answer waits so long "
                                                 "for it: \"30s\", at most 60s. An empty list: nothing came.",
                                                 {},
                                                 "\"0s\""}};
constexpr std::array attachment_parameters{
    Parameter{"name", "string", "The file's name, ending in pdf, png, jpg, jpeg, txt or log."},
    Parameter{"by", "string", "Who attaches it."}};
constexpr std::array log_parameters{
    Parameter{"incident", "string", "Number or correlation id."},
    Parameter{"instance", "string", "The notifier's instance."},
    Parameter{"status", "string", "Of the attempt.", "SENT DELIVERED FAILED RETRYING DEAD SHADOW SUPPRESSED"},
    limit_parameter, after_parameter};

constexpr Parameter filter_parameter{
    "filter", "string", "A matcher: label=\"value\", also != =~ !~; all given must match.", {}, {}, true};
constexpr Parameter receiver_parameter{"receiver", "string",
                                       "A regular expression that a whole receiver's name matches."};
constexpr Parameter receiver_matchers_parameter{
    "receiver_matchers", "string", "Taken and ignored: receivers have no labels.", {}, {}, true};
constexpr Parameter active_parameter{"active", "boolean", "Those that nothing holds back.", {}, "true"};
constexpr Parameter silenced_parameter{"silenced", "boolean", "Those that are silenced.", {}, "true"};
constexpr Parameter inhibited_parameter{"inhibited", "boolean", "Those that are inhibited.", {}, "true"};
constexpr std::array am_alert_parameters{
    active_parameter,
    silenced_parameter,
    inhibited_parameter,
    Parameter{"unprocessed", "boolean", "Taken for Alertmanager's sake: no alert is.", {}, "true"},
    filter_parameter,
    receiver_parameter,
    receiver_matchers_parameter};
constexpr std::array am_group_parameters{
    active_parameter,           silenced_parameter,
    inhibited_parameter,        Parameter{"muted", "boolean", "Groups of which every alert is held back.", {}, "true"},
    filter_parameter,           receiver_parameter,
    receiver_matchers_parameter};
constexpr std::array am_receiver_parameters{receiver_matchers_parameter};
constexpr std::array am_silence_parameters{filter_parameter, active_parameter,
                                           Parameter{"expired", "boolean", "Those that are over.", {}, "true"},
                                           Parameter{"pending", "boolean", "Those that are to come.", {}, "true"}};
constexpr std::array explain_parameters{
    Parameter{"from", "string", "Not before; default: a day before the end, or an incident's beginning."},
    Parameter{"to", "string", "Not after; forms as of `from`. Default: now."},
    Parameter{"match", "string", "A matcher on labels of alerts: label=\"value\", also != =~ !~.", {}, {}, true},
    Parameter{"rule", "string", "Only this rule's alerts."},
    Parameter{"incident", "string", "Number or correlation id."},
    Parameter{"who", "string", "A contact's name: was this one told?"}};

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
          route_decider,
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
          route_decider,
          {},
          "NewIncident",
          "Incident",
          201},
    Route{"GET",
          "/api/v1/incidents/export",
          "Every matching incident as one file, sent while it is read",
          h::export_incidents,
          0,
          export_parameters,
          {},
          "IncidentList"},
    Route{"GET",
          "/api/v1/incidents/changes",
          "Timeline entries of all incidents as they come, oldest first",
          h::list_incident_changes,
          0,
          change_parameters,
          {},
          "IncidentChangeList"},
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
          route_decider,
          {},
          "StatusChange",
          "Incident"},
    Route{"PUT",
          "/api/v1/incidents/{id}/assign",
          "Give an incident an owner",
          h::assign_incident,
          route_decider,
          {},
          "Assignment",
          "Incident"},
    Route{"POST",
          "/api/v1/incidents/{id}/notes",
          "Add a note to an incident",
          h::add_incident_note,
          route_decider,
          {},
          "Note",
          "Incident"},
    Route{"POST",
          "/api/v1/incidents/{id}/tags",
          "Add and remove tags",
          h::tag_incident,
          route_decider,
          {},
          "Tags",
          "Incident"},
    Route{"POST",
          "/api/v1/incidents/{id}/links",
          "Add a link",
          h::link_incident,
          route_decider,
          {},
          "NewLink",
          "Incident"},
    Route{"POST",
          "/api/v1/incidents/{id}/merge",
          "Merge an incident into another; answers with the one that goes on",
          h::merge_incident,
          route_decider,
          {},
          "Merge",
          "Incident"},
    Route{"POST",
          "/api/v1/incidents/{id}/snooze",
          "Pause the ladder for a time",
          h::snooze_incident,
          route_decider,
          {},
          "Snooze",
          "Incident"},
    Route{"POST",
          "/api/v1/incidents/{id}/unsnooze",
          "Wake a snoozed incident",
          h::unsnooze_incident,
          route_decider,
          {},
          "By",
          "Incident"},
    Route{"POST",
          "/api/v1/incidents/{id}/escalate",
          "Take the ladder's next step now",
          h::escalate_incident,
          route_decider,
          {},
          "By",
          "Incident"},
    Route{"POST",
          "/api/v1/incidents/{id}/page",
          "Tell somebody now, besides the ladder",
          h::page_about_incident,
          route_decider,
          {},
          "PageRequest",
          "Incident"},
    Route{"POST", "/api/v1/incidents/{id}/attachments", "Attach a file; the body is the file itself, at most 10 MiB",
          h::attach_to_incident, route_decider, attachment_parameters, "File", "Attachment", 201, "application/json",
          "application/octet-stream"},
    Route{"GET",
          "/api/v1/incidents/{id}/attachments",
          "The files of an incident",
          h::list_incident_attachments,
          0,
          page_parameters,
          {},
          "AttachmentList"},
    Route{"GET",
          "/api/v1/incidents/{id}/attachments/{attachment}",
          "A file as it was attached",
          h::show_incident_attachment,
          0,
          {},
          {},
          {},
          200,
          "application/octet-stream"},
    Route{"GET",
          "/api/v1/incidents/{id}/timeline",
          "Who did what, when",
          h::show_incident_timeline,
          0,
          page_parameters,
          {},
          "Timeline"},
    Route{"GET",
          "/api/v1/silences",
          "Silences: active by end, pending by start, expired newest first",
          h::list_silences,
          route_decider,
          silence_parameters,
          {},
          "SilenceList"},
    Route{"POST",
          "/api/v1/silences",
          "Set a silence, or edit the one with this id; what is not given keeps its value",
          h::set_silence,
          route_decider,
          {},
          "NewSilence",
          "SilenceSet"},
    Route{"POST",
          "/api/v1/silences/preview",
          "Which firing alerts a silence would mean",
          h::preview_silence,
          route_decider | route_repeatable,
          {},
          "NewSilence",
          "SilencePreview"},
    Route{"GET", "/api/v1/silences/{id}", "One silence", h::show_silence, route_decider, {}, {}, "Silence"},
    Route{"DELETE", "/api/v1/silences/{id}", "Expire a silence", h::expire_silence, route_decider, {}, "By", "Silence"},
    Route{"GET",
          "/api/v1/oncall",
          "Who is on call in each rotation, until when, and who is next",
          h::show_oncall,
          route_decider,
          oncall_parameters,
          {},
          "OncallList"},
    Route{"POST",
          "/api/v1/oncall/overrides",
          "Somebody stands in; of several at one time the one made last counts",
          h::set_override,
          route_decider,
          {},
          "NewOncallOverride",
          "OncallOverride",
          201},
    Route{"DELETE",
          "/api/v1/oncall/overrides/{id}",
          "The schedule counts again",
          h::remove_override,
          route_decider,
          {},
          "By",
          "OncallOverrideRemoved"},
    Route{"GET",
          "/api/v1/oncall/{calendar}",
          "ROTATION.ics: the rotation's next 90 days as iCalendar (RFC 5545)",
          h::export_oncall,
          route_decider,
          {},
          {},
          {},
          200,
          "text/calendar"},
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
          route_decider,
          {},
          "Trial",
          "Attempt"},
    Route{"GET",
          "/api/v1/explain",
          "Who was or was not told, why, and what comes next",
          h::explain,
          route_decider,
          explain_parameters,
          {},
          "Explanation"},
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
          route_decider,
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
    // Links of messages: opening one shows a page, the page's button does what it says.
    Route{"GET",
          "/a/{token}",
          "What an action link of a message would do, as a page with a button",
          h::show_link,
          route_lenient | route_open | route_page,
          {},
          {},
          {},
          200,
          "text/html"},
    Route{"POST",
          "/a/{token}",
          "Do what an action link of a message says; again it changes nothing",
          h::follow_link,
          route_lenient | route_decider | route_repeatable | route_open | route_page,
          {},
          {},
          {},
          200,
          "text/html"},
    // Alertmanager's API, where [source.alertmanager] is configured.
    Route{"GET", "/api/v2/status", "Alertmanager: status", h::am_status, route_lenient, {}, {}, "AmStatus"},
    Route{"GET",
          "/api/v2/receivers",
          "Alertmanager: names of the receivers",
          h::am_receivers,
          route_lenient | route_decider,
          am_receiver_parameters,
          {},
          "AmReceivers"},
    Route{"GET",
          "/api/v2/alerts",
          "Alertmanager: alerts that fire now",
          h::am_alerts,
          route_lenient | route_decider,
          am_alert_parameters,
          {},
          "AmAlerts"},
    Route{"POST",
          "/api/v2/alerts",
          "Alertmanager: alerts fire, go on or end; answered when they are kept",
          h::am_post_alerts,
          route_lenient | route_decider | route_repeatable,
          {},
          "AmPostableAlerts",
          {},
          200,
          ""},
    Route{"GET",
          "/api/v2/alerts/groups",
          "Alertmanager: alerts by route and group",
          h::am_groups,
          route_lenient | route_decider,
          am_group_parameters,
          {},
          "AmGroups"},
    Route{"GET",
          "/api/v2/silences",
          "Alertmanager: silences",
          h::am_silences,
          route_lenient | route_decider,
          am_silence_parameters,
          {},
          "AmSilences"},
    Route{"POST",
          "/api/v2/silences",
          "Alertmanager: a new silence, or a change of one",
          h::am_post_silence,
          route_lenient | route_decider,
          {},
          "AmPostableSilence",
          "AmSilenceId"},
    Route{"GET",
          "/api/v2/silence/{id}",
          "Alertmanager: one silence",
          h::am_silence,
          route_lenient | route_decider,
          {},
          {},
          "AmSilence"},
    Route{"DELETE",
          "/api/v2/silence/{id}",
          "Alertmanager: end a silence",
          h::am_expire_silence,
          route_lenient | route_decider | route_repeatable,
          {},
          {},
          {},
          200,
          ""},
    Route{"GET", "/-/healthy", "Alertmanager: alive", h::am_healthy, route_lenient, {}, {}, {}, 200, "text/plain"},
    Route{"GET", "/-/ready", "Alertmanager: ready to work", h::am_ready, route_lenient, {}, {}, {}, 200, "text/plain"},
    Route{"POST",
          "/-/reload",
          "Alertmanager: read the configuration again",
          h::am_reload,
          route_lenient,
          {},
          {},
          {},
          200,
          ""},
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
    const std::string_view methods = route.method == "GET" ? "GET, HEAD" : route.method;
    if (match.allow.find(methods) == std::string::npos)
      match.allow.append(match.allow.empty() ? "" : ", ").append(methods);
    // The first one: a path that is spelt out stands before one with {…} in its place.
    if (match.route != nullptr) continue;
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
