// The handlers behind the table in routes.cpp. Each turns a checked call into one question to the backend and its
// answer into JSON; none keeps state. They run on a worker unless the table says inline.
#pragma once

#include "api/routes.hpp"

namespace tocsin::api::handlers {

// handlers_signals.cpp
Outcome query_signals(Backend& backend, const Call& call);
Outcome tail_signals(Backend& backend, const Call& call);
Outcome list_series(Backend& backend, const Call& call);
Outcome list_rules(Backend& backend, const Call& call);
Outcome show_rule(Backend& backend, const Call& call);
Outcome list_alerts(Backend& backend, const Call& call);
Outcome list_alert_history(Backend& backend, const Call& call);
Outcome acknowledge_alert(Backend& backend, const Call& call);

// handlers_incidents.cpp
Outcome create_incident(Backend& backend, const Call& call);
Outcome show_incident(Backend& backend, const Call& call);
Outcome set_incident_status(Backend& backend, const Call& call);
Outcome assign_incident(Backend& backend, const Call& call);
Outcome add_incident_note(Backend& backend, const Call& call);
Outcome show_incident_timeline(Backend& backend, const Call& call);

// handlers_silences.cpp
Outcome list_silences(Backend& backend, const Call& call);
Outcome set_silence(Backend& backend, const Call& call);
Outcome preview_silence(Backend& backend, const Call& call);
Outcome show_silence(Backend& backend, const Call& call);
Outcome expire_silence(Backend& backend, const Call& call);

// handlers_oncall.cpp
Outcome show_oncall(Backend& backend, const Call& call);
Outcome set_override(Backend& backend, const Call& call);
Outcome remove_override(Backend& backend, const Call& call);
Outcome export_oncall(Backend& backend, const Call& call);

// handlers_drills.cpp
Outcome show_pause(Backend& backend, const Call& call);
Outcome pause_notifications(Backend& backend, const Call& call);
Outcome resume_notifications(Backend& backend, const Call& call);
Outcome start_drill(Backend& backend, const Call& call);
Outcome show_drill(Backend& backend, const Call& call);

// handlers_incident_lists.cpp
Outcome list_incidents(Backend& backend, const Call& call);
Outcome export_incidents(Backend& backend, const Call& call);
Outcome list_incident_changes(Backend& backend, const Call& call);

// handlers_incident_actions.cpp
Outcome tag_incident(Backend& backend, const Call& call);
Outcome link_incident(Backend& backend, const Call& call);
Outcome merge_incident(Backend& backend, const Call& call);
Outcome snooze_incident(Backend& backend, const Call& call);
Outcome unsnooze_incident(Backend& backend, const Call& call);
Outcome escalate_incident(Backend& backend, const Call& call);
Outcome page_about_incident(Backend& backend, const Call& call);
Outcome attach_to_incident(Backend& backend, const Call& call);
Outcome list_incident_attachments(Backend& backend, const Call& call);
Outcome show_incident_attachment(Backend& backend, const Call& call);

// handlers_links.cpp
Outcome show_link(Backend& backend, const Call& call);
Outcome follow_link(Backend& backend, const Call& call);

// handlers_delivery.cpp
Outcome list_notifications(Backend& backend, const Call& call);
Outcome send_notification(Backend& backend, const Call& call);
Outcome list_dead_letters(Backend& backend, const Call& call);
Outcome replay_dead_letter(Backend& backend, const Call& call);

// handlers_tickets.cpp
Outcome list_jira_mappings(Backend& backend, const Call& call);
Outcome link_ticket(Backend& backend, const Call& call);
Outcome unlink_ticket(Backend& backend, const Call& call);
Outcome sync_trackers(Backend& backend, const Call& call);
Outcome try_ticket(Backend& backend, const Call& call);
Outcome list_exchanges(Backend& backend, const Call& call);

// handlers_explain.cpp
Outcome explain(Backend& backend, const Call& call);

// handlers_agent.cpp
Outcome list_plugins(Backend& backend, const Call& call);
Outcome reload(Backend& backend, const Call& call);
Outcome show_version(Backend& backend, const Call& call);
Outcome show_openapi(Backend& backend, const Call& call);
Outcome show_metrics(Backend& backend, const Call& call);
Outcome healthy(Backend& backend, const Call& call);
Outcome ready(Backend& backend, const Call& call);

// handlers_alertmanager.cpp
Outcome am_alerts(Backend& backend, const Call& call);
Outcome am_groups(Backend& backend, const Call& call);
Outcome am_post_alerts(Backend& backend, const Call& call);
Outcome am_receivers(Backend& backend, const Call& call);
Outcome am_status(Backend& backend, const Call& call);
Outcome am_silences(Backend& backend, const Call& call);
Outcome am_post_silence(Backend& backend, const Call& call);
Outcome am_silence(Backend& backend, const Call& call);
Outcome am_expire_silence(Backend& backend, const Call& call);
Outcome am_healthy(Backend& backend, const Call& call);
Outcome am_ready(Backend& backend, const Call& call);
Outcome am_reload(Backend& backend, const Call& call);

// handlers_heartbeats.cpp
Outcome list_heartbeats(Backend& backend, const Call& call);
Outcome ping_heartbeat(Backend& backend, const Call& call);

// page.cpp
Outcome show_page(Backend& backend, const Call& call);

/// A JSON answer.
Reply json_reply(std::string body, unsigned status = 200);
/// The `match` parameters.
Checked<model::Matchers> matchers(const Query& query);
/// The `by` of a body, or "api".
Checked<std::string> actor(const Body& body);

}  // namespace tocsin::api::handlers
