#include "settings/routes.hpp"
#include "settings/values.hpp"

namespace tocsin::settings {

using base::Option;
using enum base::OptionType;

std::span<const Option> severity_options() {
  static const std::vector<Option> options = {
      {.key = "map",
       .type = table,
       .doc = "Their words, compared without case, to ours. Without it page is CRITICAL, error HIGH, warning MEDIUM, "
              "info and none LOW; our own words are themselves.",
       .children = {{.key = "*", .type = string, .doc = "CRITICAL, HIGH, MEDIUM or LOW."}}},
      {.key = "unknown", .type = string, .fallback = "\"HIGH\"", .doc = "For a word that is absent or not mapped."},
      {.key = "compare",
       .type = string,
       .fallback = "\"mapped\"",
       .choices = {"mapped", "received"},
       .doc =
           "What `severity` is in matchers: ours after the map, without case; or the label as it came, to the letter."},
  };
  return options;
}

std::span<const Option> route_options() {
  static const std::vector<Option> options = {
      {.key = "name", .type = string, .doc = "A child's name; part of its path."},
      {.key = "matchers",
       .type = array,
       .doc = "Which alerts: `team=\"payments\"`, also `!=`, `=~`, `!~`. Not at the root.",
       .children = strings},
      {.key = "continue", .type = boolean, .fallback = "false", .doc = "Try the siblings after it too."},
      {.key = "policy", .type = string, .doc = "The ladder begun when an incident opens."},
      {.key = "notify",
       .type = array,
       .doc = "Targets told at every flush of the group, besides the ladder.",
       .children = strings},
      {.key = "group_by",
       .type = array,
       .doc = "Labels that make a group; default alertname and service; `...` is every label.",
       .children = strings},
      {.key = "group_wait", .type = duration, .doc = "Before a new group is told; default 30s."},
      {.key = "group_interval", .type = duration, .min = "1ms", .doc = "Between flushes of a group; default 5m."},
      {.key = "repeat_interval",
       .type = duration,
       .min = "1ms",
       .doc = "Before an unchanged group is told again; default 4h."},
      {.key = "send_resolved", .type = boolean, .doc = "Tell also that it is over; default true."},
      {.key = "receiver",
       .type = string,
       .doc = "What the webhook's payload calls the receiver, as in Alertmanager; default: the route's name."},
      {.key = "receivers",
       .type = array,
       .doc = "At the root: the names that Alertmanager's API lists as receivers; default: those of the routes.",
       .children = strings},
      {.key = "tier",
       .type = boolean,
       .doc = "false: with neither policy nor notify nobody is told, instead of the severity's tier; default true."},
      {.key = "open_after",
       .type = table,
       .doc = "How many distinct firing alerts within what time open an incident; default 1, for CRITICAL always 1.",
       .children =
           {{.key = "alerts", .type = integer, .required = true, .min = "1", .max = "100000", .doc = "How many."},
            {.key = "within", .type = duration, .fallback = "\"10m\"", .min = "1s", .doc = "In what time."}}},
      {.key = "m_of_n",
       .type = table,
       .doc = "Tell that an alert fires only once m of its last n reports said so; default: at once.",
       .children =
           {{.key = "m", .type = integer, .required = true, .min = "0", .max = "60", .doc = "How many; 0: off."},
            {.key = "n", .type = integer, .required = true, .min = "0", .max = "60", .doc = "Of how many."}}},
      {.key = "flap_detection",
       .type = table,
       .doc = "Hold back an alert that changes too often over its last 20 reports, by Nagios' rule; default: off.",
       .children = {{.key = "high_flap_threshold",
                     .type = number,
                     .fallback = "30",
                     .min = "0",
                     .max = "100",
                     .doc = "Percent of weighted changes at which it begins to flap; 0: off."},
                    {.key = "low_flap_threshold",
                     .type = number,
                     .fallback = "20",
                     .min = "0",
                     .max = "100",
                     .doc = "Below it, it has settled."}}},
      {.key = "report_interval",
       .type = duration,
       .min = "1s",
       .doc = "From one report of an alert's state to the next, for m_of_n and flap_detection; default 1m."},
      {.key = "shadow", .type = boolean, .doc = "Everything happens and is recorded, nothing leaves."},
      {.key = "active_time_intervals",
       .type = array,
       .doc = "Tell only while one of these [time_interval.*] holds; not inherited.",
       .children = strings},
      {.key = "mute_time_intervals",
       .type = array,
       .doc = "Tell nothing while one of these holds; not inherited.",
       .children = strings},
      {.key = "reopen_window",
       .type = duration,
       .doc = "At the root: a re-fire within it continues the same incident; default 10m."},
      {.key = "resolve_timeout",
       .type = duration,
       .min = "1ms",
       .doc = "At the root: after which an alert from outside that names no end and is not sent again is over; default "
              "5m."},
      {.key = "reload_timers",
       .type = string,
       .choices = {"keep", "restart"},
       .doc = "At the root: what a reload does to the groups' timers: nothing, or as Alertmanager does: each group is "
              "looked at, and its group_interval begins anew. Default keep."},
      {.key = "resolve_silenced",
       .type = boolean,
       .doc = "At the root: who was told that an alert fires hears of its end also when it is silenced or inhibited by "
              "then; default true."},
      {.key = "storm_after",
       .type = integer,
       .min = "0",
       .max = "100000",
       .doc = "At the root: a recipient's messages beyond so many within storm_window are gathered into digests; 0: "
              "never. Default 30."},
      {.key = "storm_window", .type = duration, .min = "1s", .doc = "At the root; default 1m."},
      {.key = "storm_every",
       .type = duration,
       .min = "1s",
       .doc = "At the root: how long a digest gathers; default 1m."},
      {.key = "routes", .type = array, .doc = "Children, depth first; siblings stop at the first match."},
  };
  return options;
}

std::span<const Option> contact_options() {
  static const std::vector<Option> options = {
      {.key = "email", .type = string, .doc = "An address."},
      {.key = "phone", .type = string, .doc = "In international form, +966…"},
      {.key = "slack", .type = string, .doc = "A member id, U…"},
      {.key = "zone", .type = string, .doc = "A time zone such as Asia/Riyadh."},
      {.key = "prefer",
       .type = array,
       .doc = "By which notifier first, and by which later who has not answered.",
       .children = {{.key = "by", .type = string, .required = true, .doc = "A notifier, or its plugin."},
                    {.key = "after",
                     .type = duration,
                     .max = "24h",
                     .doc = "How long after the first telling; without it, it stands in for an earlier one."}}},
      {.key = "*", .type = string, .doc = "An address for a notifier of one's own."},
  };
  return options;
}

std::span<const Option> group_options() {
  static const std::vector<Option> options = {
      {.key = "members", .type = array, .required = true, .doc = "Contacts.", .children = strings},
  };
  return options;
}

std::span<const Option> policy_options() {
  static const std::vector<Option> options = {
      {.key = "steps",
       .type = array,
       .required = true,
       .doc = "In order; the first is immediate.",
       .children = {{.key = "notify", .type = array, .required = true, .doc = "Targets.", .children = strings},
                    {.key = "escalate_after", .type = duration, .doc = "How long to wait for an acknowledgement."}}},
      {.key = "repeat",
       .type = integer,
       .fallback = "0",
       .min = "-1",
       .max = "1000",
       .doc = "How often again from the first step; -1: for ever."},
      {.key = "on_exhausted", .type = array, .doc = "Targets told when nobody answered.", .children = strings},
  };
  return options;
}

}  // namespace tocsin::settings
