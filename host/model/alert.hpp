// An alert: one rule firing for one label set. Its life cycle is kept by detection; what leaves is this value.
#pragma once

#include <cmath>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "model/labels.hpp"
#include "model/rule.hpp"
#include "model/signal.hpp"

namespace tocsin::model {

enum class AlertState : std::uint8_t { inactive, pending, firing, resolved };
std::string_view to_string(AlertState state);
base::Result<AlertState> parse_alert_state(std::string_view text);

struct Alert {
  std::string id;  ///< derives from (rule, labels, active_at): re-reading the journal gives the same one
  std::string rule;
  std::uint64_t fingerprint = 0;  ///< of `labels`
  AlertState state = AlertState::inactive;
  Severity severity = Severity::none;
  Category category = Category::none;
  Labels labels;            ///< with alertname, severity, category, the rule's labels and the by-values
  Labels group;             ///< the by-values alone
  Labels annotations;       ///< message, suggestion, runbook_url expanded
  std::vector<Link> links;  ///< expanded
  double value = std::numeric_limits<double>::quiet_NaN();
  double threshold = std::numeric_limits<double>::quiet_NaN();
  base::Time active_at{};  ///< became pending
  base::Time fired_at{};
  base::Time resolved_at{};
  base::Time updated_at{};
  base::Time cooldown_until{};  ///< a re-fire before this continues the alert without a new message
  bool shadow = false;
  bool silent = false;  ///< this transition is within the cooldown: record it, tell nobody anew
  Origin origin;        ///< of the signal that raised it; empty line: none
  std::string title;    ///< the rule's name and its by-values
  std::string agent;    ///< of a fleet: whose shards judge it; empty: this agent's, or none's
  std::string keeper;   ///< who judges it where no shard does: "heartbeats", "rule rows"; empty: a shard
  // Of an alert that came in through the Alertmanager API; nothing here judges it.
  bool received = false;
  base::Time starts_at{};     ///< as sent; `fired_at` for alerts of one's own
  base::Time ends_at{};       ///< received: resolves by itself then, unless it is sent again; no_time: by its rule
  bool end_assumed = false;   ///< `ends_at` was not sent: it is when the alert counts as over unless it is sent again
  std::string generator_url;  ///< as sent
};

/// "rule by=value, …": the title of alerts and incidents.
std::string alert_title(std::string_view rule, const Labels& group);
/// hex16 of a hash over rule, labels and active_at.
std::string alert_id(std::string_view rule, const Labels& labels, base::Time active_at);

}  // namespace tocsin::model
