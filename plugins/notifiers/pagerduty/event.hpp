// Messages as events of PagerDuty's Events API v2 (PagerDuty's reference "Send an event to PagerDuty"; its limits: 1024
// characters of summary, 255 of dedup_key, 512 KB of event).
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "tocsin/plugin.hpp"

namespace tocsin_plugins {

/// Bytes of a whole event; PagerDuty refuses more than 512 KB.
inline constexpr std::size_t most_event_bytes = 512'000;

enum class PagerAction { trigger, acknowledge, resolve };
std::string_view pager_action_name(PagerAction action);

struct PagerEvent {
  PagerAction action = PagerAction::trigger;
  std::string dedup_key;
};

/// What is to be sent for a message, in order; empty: nothing. The resolution of a group that has an incident also
/// closes what was triggered under the group's own key before the incident opened.
std::vector<PagerEvent> pager_events(const tsn::Message& message);

/// The JSON of one of them. `now` stands in where the message knows no time; `summary`, if it is not empty, for title
/// and text.
std::string pager_body(const tsn::Message& message, const PagerEvent& event, std::string_view routing_key,
                       tsn::Time now, std::string_view summary = {});

/// "2026-11-20T10:00:00.000Z"
std::string iso8601(tsn::Time at);

}  // namespace tocsin_plugins
