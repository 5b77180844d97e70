// Instances of plugins: [source.X] [notifier.X] [tracker.X] [plugin.X].
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "base/option.hpp"
#include "base/value.hpp"
#include "config/document.hpp"
#include "model/labels.hpp"
#include "model/limit.hpp"
#include "model/plugin.hpp"
#include "model/routing.hpp"
#include "settings/agent.hpp"
#include "settings/route_auth.hpp"

namespace tocsin::settings {

/// A type that some .so in the plugin directories offers.
struct KnownPlugin {
  model::PluginType type;
  bool bundled = true;  ///< lies in the bundled directory
};
/// The type of that id and of one of `kinds` (model::PluginKind): a source and a notifier may have one id. Where there
/// is none of these kinds, the one that has the id; null: nothing has it.
const model::PluginType* find_type(std::span<const KnownPlugin> known, std::string_view id,
                                   std::uint32_t kinds = UINT32_MAX);
/// What a section [kind.name] may be: model::PluginKind bits of "source", "notifier", "tracker"; all of them of
/// "plugin".
std::uint32_t kinds_of(std::string_view section_kind);

/// Where an instance's plugin runs.
struct Isolation {
  enum class Mode : std::uint8_t { by_default, none, process };  ///< by default: isolated outside the bundled directory
  Mode mode = Mode::by_default;
  std::string group;               ///< of "process:GROUP"
  std::vector<std::string> needs;  ///< beyond what the type declares
  bool standby = false;
  std::uint64_t memory_bytes = 1ull << 30;
};

struct Instance {
  std::string kind;          ///< "source", "notifier", "tracker", "plugin"
  std::string name;          ///< "auth" of [source.auth]
  std::string plugin;        ///< the type's id; defaults to the name
  base::Duration every{};    ///< 0: not given
  base::Duration timeout{};  ///< 0: not given
  model::Labels labels;      ///< added to its signals, after the agent's
  bool enabled = true;
  base::Value auth;                     ///< what requests to its routes must show, as written; null: nothing
  std::optional<RouteAuth> route_auth;  ///< `auth` as it was when the configuration was loaded
  Isolation isolation;
  std::string proxy_url;  ///< empty: the agent's
  std::optional<std::vector<std::string>> no_proxy;
  std::string fallback;                             ///< a notifier's: the instance that takes over
  std::optional<std::vector<model::Limit>> limits;  ///< a notifier's, for each recipient; none: the plugin's usual ones
  std::vector<model::Severity> open_for;            ///< a tracker's
  std::optional<bool> send_resolved;                ///< a notifier's
  base::Value section;                              ///< as written
  base::Value options;                              ///< `section` without the host's keys
  base::Place place;
  bool waiting = false;  ///< its plugin was not there when the configuration was loaded
  base::Value config;    ///< checked options, ready for the plugin; null while waiting

  std::string full_name() const { return kind + "." + name; }  ///< "source.auth"
};

/// The type of an instance's plugin that fits its section.
const model::PluginType* find_type(std::span<const KnownPlugin> known, const Instance& instance);

/// An instance's isolation: key by key its own, else that of the [plugin.X] section of its plugin, else the default.
Isolation isolation_of(const Instance& instance, const std::vector<Instance>& all);

/// What requests to its routes must show, with its secrets; nothing: nothing, or it is wrong and that was reported.
std::optional<RouteAuth> auth_of(const Instance& instance, const Agent& agent, const config::Environment& environment,
                                 config::Diagnostics& diagnostics);

/// The host's keys, valid in every instance.
std::span<const base::Option> instance_options();

/// Every instance section of the tree. Options of the plugins themselves are left for check_instance().
std::vector<Instance> read_instances(const base::Value& root, config::Diagnostics& diagnostics);

/// Checks an instance's options against its type, resolves secrets, fills defaults in; what the plugin is to get. Keys
/// of the host that the type declares too (`every`, `proxy_url`, …) are handed to it as well; proxy_url and no_proxy
/// default to the agent's.
base::Value check_instance(const Instance& instance, const model::PluginType& type, const Agent& agent,
                           const config::Environment& environment, config::Diagnostics& diagnostics);

/// What the instances of a detector get: [plugin.ID] checked, or the defaults of its type.
base::Value plugin_config(const std::vector<Instance>& instances, const model::PluginType& type, const Agent& agent,
                          const config::Environment& environment, config::Diagnostics& diagnostics);

/// The period of a polled source: its `every`, else the default its type declares, else 15 s.
base::Duration poll_every(const Instance& instance, const model::PluginType& type);
/// How long one call may take: its `timeout`, else 10 s.
base::Duration call_timeout(const Instance& instance);

/// What routing needs to know of a notifier or tracker. An option `channel` or `to` names its default recipient.
model::Channel channel_of(const Instance& instance, const model::PluginType& type);

/// Plugins that start without a section: sources and notifiers outside the bundled directory, without required options
/// and not named by a [source.X] or [notifier.X]; what [plugin.X] says applies to them. The `http` source is added
/// always, unless a section names it.
std::vector<Instance> self_starting(std::span<const KnownPlugin> known, const std::vector<Instance>& named);

}  // namespace tocsin::settings
