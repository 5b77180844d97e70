// Routes, people and ladders as configured.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "model/inhibit.hpp"
#include "model/matcher.hpp"
#include "model/rotation.hpp"
#include "model/rule.hpp"
#include "model/silence.hpp"
#include "model/time_interval.hpp"

namespace tocsin::model {

struct Contact {
  std::string name, email, phone, slack, zone;
  struct Preference {
    std::string by;
    base::Duration after{};
  };
  std::vector<Preference> prefer;
  std::map<std::string, std::string> fields;  ///< every other string key, for notifiers of one's own
};

struct ContactGroup {
  std::string name;
  std::vector<std::string> members;
};

struct PolicyStep {
  std::vector<std::string> notify;  ///< targets as written
  base::Duration escalate_after{};
};

struct Policy {
  std::string name;
  std::vector<PolicyStep> steps;
  int repeat = 0;  ///< -1: for ever
  std::vector<std::string> on_exhausted;
};

struct OpenAfter {
  std::uint32_t alerts = 1;
  base::Duration within{};
};

/// Flap damping: what the desk asks of its reports of an alert (incidents/reports.hpp) before it tells of it.
struct FlapDamping {
  std::uint32_t m = 0, n = 0;  ///< told as firing once m of the last n reports said so; 0: at once
  double high = 0, low = 0;    ///< percent of weighted changes at which it begins to flap, and has settled; high 0: off
  base::Duration every = std::chrono::minutes(1);  ///< from one report to the next
  bool on() const { return m > 0 || high > 0; }
};

/// A recipient's storm: more messages within `window` than `after` are told in one digest `every` so long.
struct StormDigest {
  std::uint32_t after = 0;  ///< 0: every message leaves by itself
  base::Duration window = std::chrono::minutes(1), every = std::chrono::minutes(1);
};

/// A node of the routing tree; what a child does not give is inherited when the tree is read, so each node is whole.
struct Route {
  std::string name;      ///< "root" for the root
  std::string path;      ///< "root/payments-day"
  std::string receiver;  ///< what Alertmanager's clients know it by; empty: its name
  Matchers matchers;
  bool continues = false;
  std::vector<std::string> group_by;  ///< {"..."}: every label
  base::Duration group_wait = std::chrono::seconds(30);
  base::Duration group_interval = std::chrono::minutes(5);
  base::Duration repeat_interval = std::chrono::hours(4);
  std::string policy;               ///< empty: none
  std::vector<std::string> notify;  ///< targets told at every flush
  bool tier = true;                 ///< with neither policy nor notify: the severity's tier is told; false: nobody
  bool send_resolved = true;
  OpenAfter open_after;
  bool shadow = false;
  FlapDamping flaps;
  std::vector<std::string> active_time_intervals, mute_time_intervals;
  std::vector<Route> routes;

  const std::string& receiver_name() const { return !receiver.empty() ? receiver : name.empty() ? path : name; }
};

struct SeverityMap {
  std::map<std::string, Severity> map;  ///< keys in lower case
  Severity unknown = Severity::high;
  bool as_received = false;  ///< matchers compare the label `severity` as it came, to the letter
  /// Our own words and the usual ones (page error warning info none) are known without being mapped.
  Severity of(std::string_view outside) const;
};

/// What a notifier or tracker instance is, as far as routing needs it.
struct Channel {
  std::string instance;  ///< "mail"
  std::string plugin;    ///< "email": what a tier names
  bool tracker = false;
  bool no_recipient = false;    ///< told as the instance alone
  bool takes_channels = false;  ///< `#channel`
  std::string address_field;    ///< which field of a contact is the address
  std::string default_recipient;
  std::vector<Severity> open_for;  ///< a tracker: which severities open a ticket
  bool send_resolved = true;       ///< a notifier: false: group flushes tell it nothing of what is over
  bool alarms_only = false;        ///< rings people: told what fires and what rises, of ends only by `send_resolved`
};

/// Everything routing decides by. Replaced as a whole at reload.
struct Routing {
  std::optional<Route> root;  ///< none: no route is configured
  std::map<std::string, Contact> contacts;
  std::map<std::string, ContactGroup> groups;
  std::map<std::string, Rotation> rotations;
  std::map<std::string, Policy> policies;
  std::map<std::string, Channel> channels;  ///< by instance
  std::vector<InhibitRule> inhibit_rules;
  std::map<std::string, TimeInterval> time_intervals;
  std::vector<Silence> silences;  ///< those of [silence.*]
  SeverityMap severity;
  base::Duration reopen_window = std::chrono::minutes(10);
  bool shadow = false;                  ///< [delivery] mode = "shadow"
  bool reload_restarts_timers = false;  ///< as Alertmanager does: at a reload every group is flushed and waits anew
  bool resolve_silenced = true;         ///< tell of the end of an alert that was told of and silenced meanwhile
  base::Duration resolve_timeout = std::chrono::minutes(5);  ///< of received alerts without an end
  StormDigest storm;
  std::string external_url;
  std::vector<std::string> receivers;  ///< names in the order of the configuration; empty: those of the routes
};

}  // namespace tocsin::model
