#include "settings/rules.hpp"

namespace tocsin::settings {

std::span<const base::Option> rule_options() {
  using enum base::OptionType;
  static const std::vector<base::Option> options = {
      {.key = "name", .type = string, .required = true, .doc = "The rule's name; also the label alertname."},
      {.key = "enabled", .type = boolean, .fallback = "true", .doc = "false: the rule is left out."},
      {.key = "detector", .type = string, .doc = "Who judges; default threshold."},
      {.key = "category",
       .type = string,
       .doc = "TRANSACTION, LOG, INTEGRATION or INFRASTRUCTURE; default by the signal's source."},
      {.key = "severity", .type = string, .doc = "CRITICAL, HIGH, MEDIUM or LOW."},
      {.key = "signal", .type = string, .doc = "A selector as in PromQL: `etl.run{status=\"FAILED\"}`."},
      {.key = "signals",
       .type = table,
       .doc = "Several selectors by name, for scripts.",
       .children = {{.key = "*", .type = string, .doc = "A selector."}}},
      {.key = "query", .type = table, .doc = "Asks an outside system. Not in this version."},
      {.key = "by",
       .type = array,
       .doc = "Labels whose values make groups; each group has its own state.",
       .children = {{.key = "[]", .type = string}}},
      {.key = "aggregate",
       .type = string,
       .doc = "last, avg, sum, min, max, count, rate, delta, stddev, p50, p90, p95 or p99; default last."},
      {.key = "over", .type = any, .doc = "The window (t − over, t]."},
      {.key = "for", .type = duration, .doc = "How long the condition holds before the alert fires."},
      {.key = "keep_firing_for",
       .type = duration,
       .doc = "How long the alert goes on firing after the condition ended."},
      {.key = "cooldown",
       .type = duration,
       .doc = "A re-fire within it continues the alert without a message; default 5m, for CRITICAL 0s."},
      {.key = "every", .type = duration, .min = "1s", .doc = "Judge on a schedule instead of when signals arrive."},
      {.key = "no_data",
       .type = string,
       .choices = {"alert", "ok", "keep"},
       .doc = "What missing data means; default keep, with ABSENT alert."},
      {.key = "scope", .type = string, .choices = {"agent", "fleet"}, .doc = "Whose signals."},
      {.key = "labels",
       .type = table,
       .doc = "Added to its alerts.",
       .children = {{.key = "*", .type = string, .doc = "The label's value."}}},
      {.key = "message", .type = string, .doc = "A template: {{value}}, {{threshold}} and any label."},
      {.key = "suggestion", .type = string, .doc = "A template: what to do."},
      {.key = "runbook_url", .type = string, .doc = "A template: where the runbook is."},
      {.key = "links",
       .type = array,
       .doc = "Where to look.",
       .children = {{.key = "text", .type = string, .required = true, .doc = "What the link says."},
                    {.key = "href", .type = string, .required = true, .doc = "A template: where it leads."}}},
      {.key = "unless", .type = array, .doc = "Signals that hold the rule back. Not in this version."},
  };
  return options;
}

}  // namespace tocsin::settings
