// Plugins that are only described: what tests of configuration take for the plugin directories' content.
#pragma once

#include <vector>

#include "settings/instances.hpp"

namespace tocsin::settings {

inline std::vector<KnownPlugin> plugins_for_tests() {
  using enum base::OptionType;
  using base::Option;
  std::vector<KnownPlugin> out;
  const auto add = [&](model::PluginType type, bool bundled = true) { out.push_back({std::move(type), bundled}); };
  add({.id = "host",
       .kinds = model::kind_source,
       .options = {Option{.key = "root", .type = string, .fallback = "\"/\""}},
       .signals = {{"host.memory.used_percent", "%", "host", ""},
                   {"host.disk.used_percent", "%", "host,mount,device,fstype", ""}}});
  add({.id = "http",
       .kinds = model::kind_source,
       .signals = {{"*", "", "*", ""}},
       .routes = {{"POST", "/api/v1/signals/bulk", ""}}});
  add({.id = "generator",
       .kinds = model::kind_source,
       .signals = {{"etl.run", "1", "loader,status", ""}, {"etl.rows", "1", "loader", ""}}});
  add({.id = "logtail",
       .kinds = model::kind_source,
       .options = {Option{.key = "paths", .type = array, .required = true, .doc = "Files to read."},
                   Option{.key = "start", .type = string, .fallback = "\"end\"", .choices = {"end", "beginning"}},
                   Option{.key = "max_age", .type = duration}, Option{.key = "match", .type = array}}});
  add({.id = "syslog",
       .kinds = model::kind_source,
       .options = {Option{.key = "signal", .type = string, .fallback = "\"syslog\""},
                   Option{.key = "match", .type = array}},
       .signals = {{"syslog", "1", "facility,severity,app,host", ""}, {"*", "1", "facility,severity,app,host", ""}}});
  add({.id = "otlp",
       .kinds = model::kind_source,
       .options = {Option{.key = "match", .type = array}},
       .signals = {{"*", "", "*", ""}, {"log.record", "1", "service,severity", ""}},
       .routes = {{"POST", "/v1/logs", ""}}});
  add({.id = "threshold",
       .kinds = model::kind_detector,
       .rule_options = {
           Option{.key = "op", .type = string, .choices = {">", ">=", "<", "<=", "==", "!=", "EXISTS", "ABSENT"}},
           Option{.key = "threshold", .type = number}, Option{.key = "tiers", .type = array},
           Option{.key = "divide_by", .type = string}, Option{.key = "min_count", .type = integer, .min = "0"}}});
  add({.id = "lua", .kinds = model::kind_detector});
  add({.id = "email",
       .kinds = model::kind_notifier,
       .options = {Option{.key = "url", .type = string, .required = true, .doc = "The server."},
                   Option{.key = "username", .type = string}, Option{.key = "from", .type = string},
                   Option{.key = "password", .type = string, .secret = true},
                   Option{.key = "timeout", .type = duration}, Option{.key = "proxy_url", .type = string}},
       .address_field = "email"});
  add({.id = "terminal", .kinds = model::kind_notifier, .notifier_features = 1});
  add({.id = "slack",
       .kinds = model::kind_notifier,
       .options = {Option{.key = "token", .type = string, .secret = true}, Option{.key = "channel", .type = string}},
       .address_field = "slack",
       .notifier_features = 2});
  add({.id = "phone",
       .kinds = model::kind_notifier,
       .options = {Option{.key = "send", .type = table, .required = true, .secret = true, .doc = "The request."},
                   Option{.key = "adapter", .type = string}, Option{.key = "secrets", .type = table, .secret = true}},
       .address_field = "phone"});
  add({.id = "jira",
       .kinds = model::kind_tracker,
       .options = {Option{.key = "project", .type = string, .required = true}}});
  return out;
}

}  // namespace tocsin::settings
