// The running instances of sources, notifiers and trackers, kept in step with the configuration and with what lies in
// the plugin directories: started, polled, reconfigured, exchanged, stopped.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <shared_mutex>
#include <string>
#include <vector>

#include "app/action_links.hpp"
#include "app/crash_book.hpp"
#include "app/instance_factory.hpp"
#include "base/clock.hpp"
#include "base/result.hpp"
#include "model/plugin.hpp"
#include "pipeline/pipeline.hpp"
#include "plugin_host/directory.hpp"
#include "plugin_host/hand_over.hpp"
#include "plugin_host/session.hpp"
#include "runtime/executor.hpp"
#include "storage/journal.hpp"

namespace tocsin::app {

class RouteGuard;
class Seat;

/// One instance as configured. `options` is validated and resolved by Fleet's Prepare when the type is known.
struct Wanted {
  std::string kind;          ///< "source", "notifier", "tracker"
  std::string name;          ///< "auth" of [source.auth]
  std::string plugin;        ///< type id
  base::Duration every{};    ///< 0: the kind's default
  base::Duration timeout{};  ///< 0: 30 s
  std::vector<model::Limit> limits;
  std::string fallback;  ///< a notifier's: the instance that takes over; empty: none
  model::Labels labels;  ///< the agent's and the instance's
  std::uint32_t max_series = 100'000;
  settings::Isolation isolation;
  std::optional<settings::RouteAuth> auth;  ///< what requests to its routes must show
  base::Value options;
  std::string full() const { return kind + "." + name; }
};

/// The file whose type fits: of that id and, where there are several, of that kind; null: there is none.
const plugin_host::Found* find_type(const std::vector<plugin_host::Found>& found, const Wanted& wanted);

class Fleet {
 public:
  /// Checks options against the type's and resolves secrets; the error holds every finding.
  using Prepare = std::function<base::Result<base::Value>(const Wanted&, const model::PluginType&)>;
  struct Parts {
    InstanceFactory* factory = nullptr;
    pipeline::Pipeline* pipeline = nullptr;
    storage::Journal* journal = nullptr;
    runtime::Reactor* reactor = nullptr;
    runtime::Executor* pool = nullptr;
    const base::Clock* clock = nullptr;
    std::string data_dir, external_url;
    ActionLinks* links = nullptr;  ///< null: messages have none
    Prepare prepare;
    const CrashBook* crashes = nullptr;
  };
  explicit Fleet(Parts parts);
  ~Fleet();

  /// Returns one line for each thing that was done or could not be done. One call at a time; blocks.
  std::vector<std::string> reconcile(const std::vector<Wanted>& wanted, const std::vector<plugin_host::Found>& found);
  /// Sources stop, then the rest; idempotent.
  void stop_sources();
  void stop();

  /// Hands a request to the instance that serves its path, or refuses it where it does not show what the instance's
  /// `auth` asks for; false: none serves it. Any thread.
  bool handle(const plugin_host::Instance::Request& request, std::function<void(plugin_host::Instance::Response)> done);
  /// The answer to a request that handle() would refuse whatever its body is. Any thread.
  std::optional<plugin_host::Instance::Response> refuse_head(const plugin_host::Instance::Request& request);
  std::vector<model::PluginStatus> status() const;
  std::vector<model::RouteDoc> routes() const;  ///< of running instances
  std::shared_ptr<plugin_host::Instance> instance(const std::string& full) const;

 private:
  struct Member;
  using Lines = std::vector<std::string>;

  static const plugin_host::Found* broken_successor(const Member& member, const std::vector<plugin_host::Found>& found);
  Member& member_for(const Wanted& wanted);
  void refuse(Member& member, std::string why, Lines& lines);
  void bring_up(Member& member, const plugin_host::Found& file, const model::PluginType& type, base::Value config,
                Lines& lines);
  base::Result<std::shared_ptr<plugin_host::Instance>> make(Member& member, const plugin_host::Found& file,
                                                            base::Value config);
  /// Whether the instance must not run in the agent's own process.
  base::Result<void> begin(Member& member, const std::shared_ptr<plugin_host::Instance>& instance);
  plugin_host::HandedOver exchange(Member& member, const std::shared_ptr<plugin_host::Instance>& successor);
  plugin_host::HandedOver exchange_source(Member& member, const std::shared_ptr<plugin_host::Instance>& successor);
  plugin_host::HandedOver exchange_channel(Member& member, const std::shared_ptr<plugin_host::Instance>& successor);
  void serve(Member& member, std::shared_ptr<plugin_host::Instance> instance);
  void poll(Member& member, int failures);
  void open_channel(const Member& member);
  void end(Member& member);
  void publish_routes();
  std::pair<std::shared_ptr<Seat>, std::shared_ptr<RouteGuard>> find_route(
      const plugin_host::Instance::Request& request) const;

  Parts parts_;
  mutable std::mutex mutex_;
  std::map<std::string, std::unique_ptr<Member>> members_;  ///< by full name
  std::vector<model::PluginStatus> available_;
  struct Route {
    std::string method, path;
    bool prefix = false;
    std::shared_ptr<Seat> seat;
    std::shared_ptr<RouteGuard> guard;
  };
  mutable std::shared_mutex routes_mutex_;
  std::vector<Route> routes_;
};

}  // namespace tocsin::app
