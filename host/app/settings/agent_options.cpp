// The agent's options, declared once.
#include "config/schema.hpp"
#include "settings/agent.hpp"
#include "settings/dead_mans_switches.hpp"
#include "settings/instances.hpp"
#include "settings/intervals.hpp"
#include "settings/rotations.hpp"
#include "settings/routes.hpp"
#include "settings/rules.hpp"
#include "settings/silences.hpp"
#include "settings/statistics.hpp"

namespace tocsin::settings {

using base::Option;
using enum base::OptionType;

std::span<const Option> agent_options() {
  static const std::vector<Option> options = {
      {.key = "name", .type = string, .doc = "What this agent calls itself; default: the host's name."},
      {.key = "data_dir",
       .type = string,
       .doc = "Where the agent keeps everything. Default: $TOCSIN_DATA_DIR, else /var/lib/tocsin where it is writable, "
              "else "
              "$XDG_STATE_HOME/tocsin or ~/.local/state/tocsin."},
      {.key = "plugin_dirs",
       .type = array,
       .doc = "Folders to watch for plugins, beside the bundled one.",
       .children = {{.key = "[]", .type = string}}},
      {.key = "labels",
       .type = table,
       .doc = "Added to every signal.",
       .children = {{.key = "*", .type = string, .doc = "The label's value."}}},
      {.key = "max_series",
       .type = integer,
       .fallback = "100000",
       .min = "1",
       .max = "10000000",
       .doc = "Per source; signals of further series are rejected and counted."},
  };
  return options;
}

std::span<const Option> http_options() {
  static const std::vector<Option> options = {
      {.key = "listen",
       .type = string,
       .fallback = "\"127.0.0.1:7676\"",
       .doc = "API, push sources, callbacks. An address that is not loopback needs `tls`, or `insecure = true`."},
      {.key = "also_listen",
       .type = array,
       .doc = "Further addresses, for the same as `listen`.",
       .children = {{.key = "[]", .type = string}}},
      {.key = "route_prefix",
       .type = string,
       .doc =
           "A path such as `/tocsin` that stands before every path of the listener, for a reverse proxy that leaves it "
           "there."},
      {.key = "health_listen", .type = string, .doc = "A listener for /healthz, /readyz and /metrics alone."},
      {.key = "external_url",
       .type = string,
       .doc = "How people and other systems reach the agent; in links and callbacks. Without it messages have no links "
              "to acknowledge by."},
      {.key = "link_lifetime",
       .type = duration,
       .fallback = "\"24h\"",
       .min = "5m",
       .max = "30d",
       .doc = "How long a message's links to acknowledge and escalate by are good."},
      {.key = "advertise_url",
       .type = string,
       .doc =
           "Where other agents that share the database reach this one: requests that only the deciding agent answers "
           "are passed on. Default: `listen`, with the machine's name where that is every address."},
      {.key = "tls",
       .type = table,
       .doc = "Certificates of the listener.",
       .children = {{.key = "cert", .type = string, .required = true, .doc = "PEM file with the certificate chain."},
                    {.key = "key", .type = string, .required = true, .doc = "PEM file with the private key."},
                    {.key = "client_ca",
                     .type = string,
                     .doc = "PEM file; clients must show a certificate signed by it."}}},
      {.key = "insecure",
       .type = boolean,
       .fallback = "false",
       .doc = "Listen without TLS on an address that others reach."},
      {.key = "proxy_url", .type = string, .doc = "Proxy for outgoing calls; an instance may name its own."},
      {.key = "no_proxy",
       .type = array,
       .doc = "Hosts, `.domains` and networks reached without the proxy.",
       .children = {{.key = "[]", .type = string}}},
  };
  return options;
}

std::span<const Option> storage_options() {
  static const std::vector<Option> options = {
      {.key = "url",
       .type = string,
       .fallback = "\"sqlite:tocsin.db\"",
       .doc =
           "`sqlite:FILE` (seen from data_dir) or `postgres://user@host:port/database`; never with a password in it."},
      {.key = "password", .type = string, .secret = true, .doc = "Of the database user."},
      {.key = "schema",
       .type = string,
       .doc =
           "PostgreSQL: the schema that holds the tables, made where it is missing; default: that of the connection."},
      {.key = "sync",
       .type = boolean,
       .fallback = "false",
       .doc = "Force every commit to the disk: survives a power cut, not only the end of the process."},
      {.key = "retention",
       .type = table,
       .fallback = "{}",
       .doc = "How long signals are kept, as they came and in rollups.",
       .children =
           {{.key = "raw", .type = duration, .fallback = "\"7d\"", .min = "1h", .doc = "As they came."},
            {.key = "5m",
             .type = duration,
             .fallback = "\"35d\"",
             .min = "1h",
             .doc = "Count, min, max and sum of every five minutes; at least as long as `raw`."},
            {.key = "1h",
             .type = duration,
             .fallback = "\"400d\"",
             .min = "1h",
             .doc = "The same of every hour; at least as long as `raw`."},
            {.key = "class",
             .type = array,
             .doc = "Signals that are kept for another time: the first class that matches counts. Behind those written "
                    "here stands one for `{loader=~\"STATS-.*\"}`, raw for 30 days.",
             .children = {{.key = "match",
                           .type = string,
                           .required = true,
                           .doc = "A selector: `host.*`, `etl.run{loader=\"DAILY\"}`."},
                          {.key = "raw", .type = duration, .min = "1h", .doc = "Default: that of the retention."},
                          {.key = "5m", .type = duration, .min = "1h", .doc = "Default: that of the retention."},
                          {.key = "1h", .type = duration, .min = "1h", .doc = "Default: that of the retention."}}}}},
  };
  return options;
}

std::span<const Option> rules_options() {
  static const std::vector<Option> options = {
      {.key = "pack",
       .type = string,
       .fallback = "\"none\"",
       .choices = {"default", "none"},
       .doc = "\"default\": the shipped rules, in shadow until there is a [route]. The embedded default has them."},
      {.key = "paths",
       .type = array,
       .doc = "Rule files, with wildcards: TOML, and scripts of detectors such as Lua.",
       .children = {{.key = "[]", .type = string}}},
  };
  return options;
}

std::span<const Option> pack_options() {
  static const std::vector<Option> options = {
      {.key = "mode",
       .type = string,
       .fallback = "\"on\"",
       .choices = {"on", "shadow", "off"},
       .doc = "shadow: incidents and log, but no message and no ticket."},
      {.key = "disable",
       .type = array,
       .doc = "Names of rules to leave out.",
       .children = {{.key = "[]", .type = string}}},
      {.key = "rule",
       .type = table,
       .doc = "Changes to shipped rules, which survive upgrades: [pack.default.rule.NAME] with any keys of a rule.",
       .children = {{.key = "*", .type = table, .doc = "Keys of the rule; `enabled = false` leaves it out."}}},
  };
  return options;
}

std::span<const Option> delivery_options() {
  static const std::vector<Option> options = {
      {.key = "mode",
       .type = string,
       .fallback = "\"live\"",
       .choices = {"live", "shadow"},
       .doc = "shadow: the whole path, rows marked SHADOW, nothing leaves."},
  };
  return options;
}

std::span<const Option> trust_options() {
  static const std::vector<Option> options = {
      {.key = "keys",
       .type = array,
       .doc = "Ed25519 public keys, `file:PATH` or as text (PEM or base64), one of which must have signed a plugin. "
              "None: owners and modes decide alone.",
       .children = {{.key = "[]", .type = string}}},
      {.key = "unsigned",
       .type = string,
       .fallback = "\"refuse\"",
       .choices = {"refuse", "warn"},
       .doc =
           "What becomes of a plugin that none of `keys` signed. One whose signature does not fit is always refused."},
      {.key = "bundled",
       .type = string,
       .fallback = "\"trust\"",
       .choices = {"trust", "verify"},
       .doc = "verify: the plugins that came with the agent need a signature too."},
  };
  return options;
}

std::span<const Option> log_options() {
  static const std::vector<Option> options = {
      {.key = "level",
       .type = string,
       .fallback = "\"info\"",
       .choices = {"debug", "info", "warn", "error"},
       .doc = "The least level that is written."},
      {.key = "format",
       .type = string,
       .fallback = "\"auto\"",
       .choices = {"auto", "json", "text"},
       .doc = "auto: text on a terminal, JSON lines elsewhere."},
  };
  return options;
}

std::vector<Section> sections() {
  return {
      {"agent", "The agent itself.", agent_options()},
      {"http", "Listeners and outgoing calls.", http_options()},
      {"storage", "What is kept, where and how long.", storage_options()},
      {"rules", "Where rules come from.", rules_options()},
      {"pack.default", "The shipped rules.", pack_options()},
      {"delivery", "Whether anything leaves.", delivery_options()},
      {"trust", "Who must have signed a plugin.", trust_options()},
      {"log", "The agent's own log.", log_options()},
      {"source.NAME, notifier.NAME, tracker.NAME, plugin.NAME",
       "An instance of a plugin. These keys are the host's; the others are the plugin's own.", instance_options()},
      {"[rule]", "A rule; further keys are those of its detector.", rule_options()},
      {"severity", "Words of outside systems for the four severities.", severity_options()},
      {"route", "The root route and, as [[route.routes]], its children, which inherit what they do not give.",
       route_options()},
      {"contact.NAME", "A person. Every further string key is an address for notifiers of one's own.",
       contact_options()},
      {"group.NAME", "People who are told together.", group_options()},
      {"rotation.NAME", "Contacts who are on call in turn: `sms:rotation.NAME` tells whoever it is then.",
       rotation_options()},
      {"policy.NAME", "A ladder of escalation.", policy_options()},
      {"time_interval.NAME", "Times of the week, month and year at which routes are active or mute.",
       time_interval_options()},
      {"[inhibit_rules]", "While one alert fires, nobody is told of others.", inhibit_options()},
      {"silence.NAME", "Alerts that nobody is told of, once or in every week.", silence_options()},
      {"heartbeat.NAME", "A job that says that it ran: `POST /api/v1/heartbeats/NAME[/start|/fail]`.",
       heartbeat_options()},
      {"watchdog", "Whom the agent tells that it works.", watchdog_options()},
      {"statistics", "What Prometheus and Elasticsearch know, captured as signals of the loaders STATS-….",
       statistics_options()},
  };
}

std::string reference_page() {
  std::string out = "# agent.toml\n";
  for (const Section& section : sections()) {
    out += "\n## [" + section.name + "]\n\n" + section.doc + "\n\n" + config::reference(section.options);
  }
  return out;
}

}  // namespace tocsin::settings
