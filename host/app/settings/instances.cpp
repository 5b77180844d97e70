#include "settings/instances.hpp"

#include <algorithm>
#include <array>

#include "base/text.hpp"
#include "config/schema.hpp"
#include "settings/adapters.hpp"
#include "settings/values.hpp"

namespace tocsin::settings {
namespace {

using base::Option;
using base::Value;
using config::Diagnostics;
using config::error_at;
using config::warn_at;

struct Kind {
  const char* name;
  std::uint32_t bit;
};
constexpr std::array<Kind, 4> kinds = {{{"source", model::kind_source},
                                        {"notifier", model::kind_notifier},
                                        {"tracker", model::kind_tracker},
                                        {"plugin", 0}}};

const Option* host_option(std::string_view key, std::string_view kind) {
  if (key == "fallback" && kind != "notifier") return nullptr;
  if (key == "limits" && kind != "notifier") return nullptr;
  if (key == "open_for" && kind != "tracker") return nullptr;
  if (key == "send_resolved" && kind != "notifier") return nullptr;
  auto found = std::ranges::find(instance_options(), key, &Option::key);
  return found == instance_options().end() ? nullptr : &*found;
}

std::string heading(const Instance& instance) {
  return "[" + instance.full_name() + "]";
}

/// A URL with a password anywhere in the options would end up in logs.
void no_passwords(const Value& value, const std::string& path, const std::string& where, Diagnostics& diagnostics) {
  if (value.string() && holds_password(*value.string())) {
    error_at(
        diagnostics, value.place,
        where + " " + path +
            ": a password in a URL ends up in logs; give it in an option of its own, as \"file:PATH\" or \"env:NAME\"");
  }
  if (value.array()) {
    for (const Value& item : *value.array()) no_passwords(item, path, where, diagnostics);
  }
  if (value.table()) {
    for (const auto& member : *value.table()) {
      no_passwords(member.value, path.empty() ? member.key : path + "." + member.key, where, diagnostics);
    }
  }
}

class InstanceReader {
 public:
  explicit InstanceReader(Diagnostics& diagnostics) : diagnostics_(diagnostics) {}

  Instance read(const char* kind, const Value::Member& member) {
    Instance out;
    out.kind = kind;
    out.name = member.key;
    out.place = member.value.place;
    out.section = member.value;
    Value host = split(out, member.value);
    host = config::validate(host, instance_options(), heading(out), diagnostics_);
    out.plugin = text_of(host, "plugin", out.name);
    if (out.plugin.empty())
      error_at(diagnostics_, place_of(host, "plugin"), heading(out) + " plugin: must not be empty");
    out.every = duration_of(host, "every");
    out.timeout = duration_of(host, "timeout");
    out.labels = labels_of(host, "labels", heading(out), diagnostics_);
    out.enabled = flag_of(host, "enabled", true);
    out.proxy_url = text_of(host, "proxy_url");
    if (host.find("no_proxy")) out.no_proxy = list_of(host, "no_proxy");
    out.fallback = text_of(host, "fallback");
    if (host.find("send_resolved")) out.send_resolved = flag_of(host, "send_resolved");
    limits(out, host);
    severities(out, host);
    isolation(out, host);
    auth(out, host);
    no_passwords(out.section, "", heading(out), diagnostics_);
    return out;
  }

 private:
  /// The host's keys of a section; the others become its options.
  static Value split(Instance& out, const Value& section) {
    Value::Table host, options;
    for (const Value::Member& member : *section.table()) {
      (host_option(member.key, out.kind) ? host : options).push_back(member);
    }
    out.options = Value(std::move(options));
    out.options.place = section.place;
    Value value(std::move(host));
    value.place = section.place;
    return value;
  }

  void limits(Instance& out, const Value& host) {
    const Value* list = host.find("limits");
    if (!list || !list->array()) return;
    out.limits.emplace();
    for (const Value& word : *list->array()) {
      if (!word.string()) continue;  // said before
      const auto limit = model::parse_limit(*word.string());
      if (!limit) {
        error_at(diagnostics_, word.place, heading(out) + " limits: " + limit.error().message());
      } else if (limit->within > std::chrono::hours(24)) {
        error_at(diagnostics_, word.place,
                 heading(out) + " limits: \"" + *word.string() + "\" looks back more than 24h");
      } else {
        out.limits->push_back(*limit);
      }
    }
  }

  void severities(Instance& out, const Value& host) {
    if (out.kind != "tracker") return;
    out.open_for = {model::Severity::critical, model::Severity::high};
    const Value* list = host.find("open_for");
    if (!list) return;
    out.open_for.clear();
    for (const Value& word : *list->array()) {
      auto severity = model::parse_severity(*word.string());
      if (severity)
        out.open_for.push_back(*severity);
      else
        error_at(diagnostics_, word.place, heading(out) + " open_for: " + severity.error().message());
    }
  }

  void isolation(Instance& out, const Value& host) {
    using enum Isolation::Mode;
    out.isolation.needs = list_of(host, "needs");
    for (const std::string& need : out.isolation.needs) {
      if (need == "network" || need == "processes" || need.starts_with("files:/")) continue;
      error_at(diagnostics_, place_of(host, "needs"),
               heading(out) + " needs: \"" + need + "\" is none of \"network\", \"processes\", \"files:/DIRECTORY\"");
    }
    out.isolation.standby = flag_of(host, "standby", false);
    if (const Value* memory = host.find("memory"); memory && memory->integer())
      out.isolation.memory_bytes = static_cast<std::uint64_t>(*memory->integer());
    const std::string text = text_of(host, "isolation");
    if (text.empty()) return;
    out.isolation.mode = text == "none" ? none : process;
    constexpr std::string_view grouped = "process:";
    if (text.starts_with(grouped)) out.isolation.group = text.substr(grouped.size());
    if (text == "none" || text == "process" || !out.isolation.group.empty()) return;
    error_at(diagnostics_, place_of(host, "isolation"),
             heading(out) + " isolation: \"" + text + "\" is none of \"process\", \"process:GROUP\", \"none\"");
  }

  /// Read to its end by auth_of(), which knows the listener.
  static void auth(Instance& out, const Value& host) {
    if (const Value* auth = host.find("auth"); auth && auth->table()) out.auth = *auth;
  }

  Diagnostics& diagnostics_;
};

}  // namespace

std::span<const Option> instance_options() {
  using enum base::OptionType;
  static const std::vector<Option> options = {
      {.key = "plugin", .type = string, .doc = "The plugin's id; default: the instance's name."},
      {.key = "every", .type = duration, .min = "10ms", .doc = "How often a source is asked."},
      {.key = "timeout",
       .type = duration,
       .min = "10ms",
       .max = "1h",
       .doc = "How long one call may take; default 10 s."},
      {.key = "labels",
       .type = table,
       .doc = "Added to its signals.",
       .children = {{.key = "*", .type = string, .doc = "The label's value."}}},
      {.key = "enabled", .type = boolean, .fallback = "true", .doc = "false: the section is kept and nothing runs."},
      {.key = "auth",
       .type = table,
       .doc = "What requests to its routes must show; without it they show nothing.",
       .children = std::vector<Option>(route_auth_options().begin(), route_auth_options().end())},
      {.key = "isolation",
       .type = string,
       .doc = "`process`: the plugin runs in a process of its own; `process:GROUP`: in one with others that name the "
              "group; `none`: in the agent. Default: `none` for the bundled directory, `process` for others."},
      {.key = "standby",
       .type = boolean,
       .doc = "A second process is kept warm, which takes over when the first one dies."},
      {.key = "memory",
       .type = size,
       .min = "16MiB",
       .doc = "Private memory that its process may have, shared among a group; default 1GiB."},
      {.key = "needs",
       .type = array,
       .doc = "Widens what its process may do beyond what the plugin declares: `network`, `processes`, `files:DIR`.",
       .children = {{.key = "[]", .type = string}}},
      {.key = "proxy_url", .type = string, .doc = "Proxy for its outgoing calls; default: that of [http]."},
      {.key = "no_proxy",
       .type = array,
       .doc = "Hosts reached without the proxy.",
       .children = {{.key = "[]", .type = string}}},
      {.key = "fallback", .type = string, .doc = "A notifier's: the notifier that takes over when this one gives up."},
      {.key = "limits",
       .type = array,
       .doc = "A notifier's: how many messages one recipient gets, as `5/15m`; what is more waits. Default for `ivr` "
              "3/15m "
              "7/1h 15/3h, for `sms` 5/15m 11/1h 21/3h, for others none.",
       .children = {{.key = "[]", .type = string}}},
      {.key = "send_resolved",
       .type = boolean,
       .doc =
           "A notifier's: false: group flushes do not tell it that something is over; default true, of one that rings "
           "people (`ivr`) false: then it hears of no end at all."},
      {.key = "open_for",
       .type = array,
       .doc = "A tracker's: severities that open a ticket; default CRITICAL and HIGH.",
       .children = {{.key = "[]", .type = string}}},
  };
  return options;
}

Isolation isolation_of(const Instance& instance, const std::vector<Instance>& all) {
  Isolation out = instance.isolation;
  const auto of_plugin = [&](const Instance& i) { return i.kind == "plugin" && i.plugin == instance.plugin; };
  const auto section = std::ranges::find_if(all, of_plugin);
  if (section == all.end() || instance.kind == "plugin") return out;
  const Isolation& general = section->isolation;
  if (out.mode == Isolation::Mode::by_default) out.mode = general.mode, out.group = general.group;
  out.needs.insert(out.needs.end(), general.needs.begin(), general.needs.end());
  if (!instance.section.find("standby")) out.standby = general.standby;
  if (!instance.section.find("memory")) out.memory_bytes = general.memory_bytes;
  return out;
}

std::optional<RouteAuth> auth_of(const Instance& instance, const Agent& agent, const config::Environment& environment,
                                 Diagnostics& diagnostics) {
  if (instance.auth.is_null()) return std::nullopt;
  const Value* written = instance.section.find("auth");
  const bool misspelt = written && written->table() && !written->table()->empty() && instance.auth.table()->empty();
  if (misspelt) return std::nullopt;  // which was said, and is an error
  const bool client_ca = agent.http.tls && !agent.http.tls->client_ca.empty();
  return read_route_auth(instance.auth, heading(instance), client_ca, environment, diagnostics);
}

const model::PluginType* find_type(std::span<const KnownPlugin> known, std::string_view id, std::uint32_t kinds) {
  const model::PluginType *found = nullptr, *of_that_id = nullptr;  // a later directory wins
  for (const KnownPlugin& plugin : known) {
    if (plugin.type.id != id) continue;
    of_that_id = &plugin.type;
    if (plugin.type.kinds & kinds) found = &plugin.type;
  }
  return found ? found : of_that_id;
}

const model::PluginType* find_type(std::span<const KnownPlugin> known, const Instance& instance) {
  return find_type(known, instance.plugin, kinds_of(instance.kind));
}

std::uint32_t kinds_of(std::string_view section_kind) {
  if (section_kind == "source") return model::kind_source;
  if (section_kind == "notifier") return model::kind_notifier;
  if (section_kind == "tracker") return model::kind_tracker;
  return UINT32_MAX;
}

namespace {

/// Whether the fallbacks of `from` end nowhere.
bool leads_back(const Instance& from, const std::vector<Instance>& all) {
  const Instance* at = &from;
  for (std::size_t steps = 0; at && !at->fallback.empty(); ++steps) {
    if (steps > all.size()) return true;
    const auto next = std::ranges::find_if(
        all, [&](const Instance& one) { return one.kind == "notifier" && one.name == at->fallback; });
    at = next == all.end() ? nullptr : &*next;
  }
  return false;
}

}  // namespace

std::vector<Instance> read_instances(const Value& root, Diagnostics& diagnostics) {
  std::vector<Instance> out;
  InstanceReader reader(diagnostics);
  for (const Kind& kind : kinds) {
    for (const Value::Member* member : named_tables(root, kind.name, diagnostics))
      out.push_back(reader.read(kind.name, *member));
  }
  for (const Instance& instance : out) {
    if (instance.fallback.empty()) continue;
    std::vector<std::string> notifiers;
    for (const Instance& other : out) {
      if (other.kind == "notifier" && other.name != instance.name) notifiers.push_back(other.name);
    }
    if (std::ranges::find(notifiers, instance.fallback) != notifiers.end()) {
      if (leads_back(instance, out)) {
        error_at(diagnostics, place_of(instance.section, "fallback"),
                 heading(instance) + " fallback: \"" + instance.fallback +
                     "\" leads back to it; a chain of fallbacks needs an end");
      }
      continue;
    }
    error_at(diagnostics, place_of(instance.section, "fallback"),
             heading(instance) + " fallback: there is no other notifier \"" + instance.fallback + "\"" +
                 config::did_you_mean(instance.fallback, notifiers));
  }
  return out;
}

Value check_instance(const Instance& instance, const model::PluginType& type, const Agent& agent,
                     const config::Environment& environment, Diagnostics& diagnostics) {
  auto kind = std::ranges::find_if(kinds, [&](const Kind& k) { return k.name == instance.kind; });
  if (kind != kinds.end() && kind->bit && !(type.kinds & kind->bit)) {
    error_at(diagnostics, instance.place, heading(instance) + " the plugin \"" + type.id + "\" is no " + instance.kind);
  }
  std::vector<Option> options = type.options;
  Value table = instance.options;
  for (const Option& option : type.options) {
    const Value* shared = host_option(option.key, instance.kind) ? instance.section.find(option.key) : nullptr;
    if (shared) table.table()->push_back({option.key, *shared, shared->place});
    if (option.key == "proxy_url" && !shared && !agent.http.proxy_url.empty())
      table.set("proxy_url", agent.http.proxy_url);
    if (option.key == "no_proxy" && !shared && !agent.http.no_proxy.empty()) {
      Value::Array list(agent.http.no_proxy.begin(), agent.http.no_proxy.end());
      table.set("no_proxy", Value(std::move(list)));
    }
  }
  // The host's keys are known keys too, so that a misspelt one gets its hint.
  for (const Option& option : instance_options()) {
    if (!host_option(option.key, instance.kind) ||
        std::ranges::find(options, option.key, &Option::key) != options.end())
      continue;
    Option known = option;
    known.fallback.clear();
    options.push_back(std::move(known));
  }
  const bool only_some = instance.kind == "plugin" && !(type.kinds & model::kind_detector);
  const bool adapted = has_adapter(instance, type);
  for (Option& option : options) option.required = option.required && !only_some && !adapted;
  Value checked = config::validate(table, options, heading(instance), diagnostics);
  if (!instance.enabled) return checked;  // its secrets need not be there
  checked = resolved(std::move(checked), type.options, heading(instance), environment, diagnostics);
  if (adapted) hand_over_adapter(checked, heading(instance), diagnostics);
  return checked;
}

Value plugin_config(const std::vector<Instance>& instances, const model::PluginType& type, const Agent& agent,
                    const config::Environment& environment, Diagnostics& diagnostics) {
  Instance without_section;
  without_section.kind = "plugin";
  without_section.name = without_section.plugin = type.id;
  without_section.section = without_section.options = Value(Value::Table());
  auto section =
      std::ranges::find_if(instances, [&](const Instance& i) { return i.kind == "plugin" && i.plugin == type.id; });
  return check_instance(section == instances.end() ? without_section : *section, type, agent, environment, diagnostics);
}

base::Duration poll_every(const Instance& instance, const model::PluginType& type) {
  if (instance.every.count() > 0) return instance.every;
  auto declared = std::ranges::find(type.options, "every", &Option::key);
  if (declared != type.options.end()) {
    std::string_view text = declared->fallback;
    if (text.size() >= 2 && text.starts_with('"')) text = text.substr(1, text.size() - 2);
    auto every = base::parse_duration(text);
    if (every && every->count() > 0) return *every;
  }
  return std::chrono::seconds(15);
}

base::Duration call_timeout(const Instance& instance) {
  return instance.timeout.count() > 0 ? instance.timeout : base::Duration(std::chrono::seconds(10));
}

model::Channel channel_of(const Instance& instance, const model::PluginType& type) {
  constexpr std::uint32_t no_recipient = 1, takes_channels = 2, alarms = 4;  // TSN_NOTIFIER_*
  model::Channel channel;
  channel.instance = instance.name;
  channel.plugin = instance.plugin;
  channel.tracker = instance.kind == "tracker";
  channel.no_recipient = type.notifier_features & no_recipient;
  channel.takes_channels = type.notifier_features & takes_channels;
  channel.address_field = type.address_field;
  for (const char* key : {"channel", "to"}) {
    if (channel.default_recipient.empty()) channel.default_recipient = text_of(instance.options, key);
  }
  channel.open_for = instance.open_for;
  channel.alarms_only = type.notifier_features & alarms;
  channel.send_resolved = instance.send_resolved.value_or(!channel.alarms_only);
  return channel;
}

std::vector<Instance> self_starting(std::span<const KnownPlugin> known, const std::vector<Instance>& named) {
  std::vector<Instance> out;
  const auto is_named = [&](const std::string& id, std::uint32_t kinds) {
    const auto names = [&](const Instance& instance) {
      return instance.plugin == id && instance.kind != "plugin" && (kinds_of(instance.kind) & kinds);
    };
    return std::ranges::any_of(named, names) || std::ranges::any_of(out, names);
  };
  const auto add = [&](const char* kind, const std::string& id, std::uint32_t kinds) {
    if (is_named(id, kinds)) return;
    Instance instance;
    instance.section = instance.options = Value(Value::Table());
    const auto its_plugin = [&](const Instance& one) { return one.kind == "plugin" && one.plugin == id; };
    if (auto section = std::ranges::find_if(named, its_plugin); section != named.end()) instance = *section;
    instance.kind = kind;
    instance.name = instance.plugin = id;
    instance.place = {};
    out.push_back(std::move(instance));
  };
  add("source", "http", model::kind_source);
  for (const KnownPlugin& plugin : known) {
    const bool needs_options = std::ranges::any_of(plugin.type.options, &Option::required);
    if (plugin.bundled || needs_options) continue;
    if (plugin.type.kinds & model::kind_source)
      add("source", plugin.type.id, plugin.type.kinds);
    else if (plugin.type.kinds & model::kind_notifier)
      add("notifier", plugin.type.id, plugin.type.kinds);
  }
  return out;
}

}  // namespace tocsin::settings
