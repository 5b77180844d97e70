#include "app/fleet.hpp"

#include <algorithm>
#include <atomic>

#include "app/adapters.hpp"
#include "base/text.hpp"
#include "telemetry/log.hpp"

namespace tocsin::app {
namespace {

constexpr base::Duration default_every = std::chrono::seconds(15);
constexpr base::Duration default_timeout = std::chrono::seconds(30);
constexpr int failures_until_down = 3;

std::string kinds_text(std::uint32_t kinds) {
  std::string text;
  for (const auto& [bit, name] : {std::pair<std::uint32_t, const char*>{model::kind_source, "source"},
                                  {model::kind_detector, "detector"},
                                  {model::kind_notifier, "notifier"},
                                  {model::kind_tracker, "tracker"}}) {
    if (kinds & bit) text += (text.empty() ? "" : ",") + std::string(name);
  }
  return text;
}

std::uint32_t kind_bit(const std::string& kind) {
  return kind == "source" ? model::kind_source : kind == "notifier" ? model::kind_notifier : model::kind_tracker;
}

}  // namespace

// Pulls one source every `every`, one pull at a time, on the pool. Outlives a running pull by shared ownership.
class Fleet::Poller : public std::enable_shared_from_this<Poller> {
 public:
  Poller(std::shared_ptr<plugin_host::Instance> instance, const Parts& parts, base::Duration every,
         base::Duration timeout)
      : instance_(std::move(instance)), parts_(parts), every_(every), timeout_(timeout) {}

  void start() { again(base::Duration::zero()); }
  /// After it returns no pull runs or will run.
  void stop() {
    std::unique_lock lock(mutex_);
    stopped_ = true;
    parts_.reactor->cancel(timer_);
    // A pull that hangs is not waited for once the watch has found it.
    while (pulling_ && !instance_->quarantine()) idle_.wait_for(lock, std::chrono::milliseconds(100));
  }

 private:
  void again(base::Duration delay) {
    std::lock_guard lock(mutex_);
    if (stopped_) return;
    timer_ = parts_.reactor->after(delay,
                                   [self = shared_from_this()] { self->parts_.pool->post([self] { self->pull(); }); });
  }
  void pull() {
    {
      std::lock_guard lock(mutex_);
      if (stopped_) return;
      pulling_ = true;
    }
    const auto begin = std::chrono::steady_clock::now();
    const auto more = instance_->pull(parts_.clock->now() + timeout_);
    report(more);
    {
      std::lock_guard lock(mutex_);
      pulling_ = false;
    }
    idle_.notify_all();
    if (more && !*more) return;  // a finite input is at its end
    const auto took = std::chrono::duration_cast<base::Duration>(std::chrono::steady_clock::now() - begin);
    again(std::max(base::Duration(std::chrono::milliseconds(1)), every_ - took));
  }
  void report(const base::Result<bool>& pulled) {
    if (pulled) {
      // The first good pull ends a SourceDown from before: of another instance, or of another run of the agent.
      if (!pulled_ || failures_ >= failures_until_down) parts_.pipeline->source_state(instance_->name(), true);
      pulled_ = true;
      failures_ = 0;
      return;
    }
    ++failures_;
    if (failures_ <= failures_until_down) telemetry::log_error(instance_->name(), pulled.error().message());
    if (failures_ == failures_until_down) parts_.pipeline->source_state(instance_->name(), false);
  }

  std::shared_ptr<plugin_host::Instance> instance_;
  const Parts parts_;
  const base::Duration every_, timeout_;
  std::mutex mutex_;
  std::condition_variable idle_;
  bool stopped_ = false, pulling_ = false;
  runtime::Reactor::Id timer_ = 0;
  int failures_ = 0;
  bool pulled_ = false;  ///< at least once
};

struct Fleet::Member {
  Wanted wanted;
  std::shared_ptr<plugin_host::Instance> instance;
  std::shared_ptr<Poller> poller;
  std::uint64_t identity = 0;
  std::string path, version, config_text, error;
};

Fleet::Fleet(Parts parts) : parts_(std::move(parts)) {}
Fleet::~Fleet() {
  stop();
}

std::vector<std::string> Fleet::reconcile(const std::vector<Wanted>& wanted,
                                          const std::vector<plugin_host::Found>& found) {
  Lines lines;
  std::map<std::string, const Wanted*> by_name;
  for (const auto& each : wanted) by_name[each.full()] = &each;
  for (auto it = members_.begin(); it != members_.end();) {
    if (by_name.contains(it->first)) {
      ++it;
      continue;
    }
    end(*it->second);
    lines.push_back(it->first + ": stopped");
    std::lock_guard lock(mutex_);
    it = members_.erase(it);
  }
  for (const auto& [name, each] : by_name) {
    auto& member = member_for(*each);
    const auto* file = plugin_host::find_type(found, each->plugin);
    const auto* type = file && file->error.empty() ? plugin_host::type_of(*file, each->plugin) : nullptr;
    if (!type || !(type->kinds & kind_bit(each->kind))) {
      if (member.instance) {
        end(member);
        lines.push_back(name + ": stopped, its plugin was removed");
      }
      refuse(member,
             type ? "plugin \"" + each->plugin + "\" is no " + each->kind : "waits for plugin \"" + each->plugin + "\"",
             lines);
      continue;
    }
    auto config = parts_.prepare(*each, *type);
    if (!config) {
      refuse(member, config.error().message(), lines);
      continue;
    }
    bring_up(member, *file, *type, std::move(*config), lines);
  }
  std::vector<model::PluginStatus> available;
  for (const auto& file : found) {
    if (!file.error.empty()) available.push_back({"", "", "", "", file.path, "failed", file.error});
    for (const auto& type : file.descriptor.types)
      available.push_back({type.id, type.version, kinds_text(type.kinds), "", file.path, "available", ""});
  }
  {
    std::lock_guard lock(mutex_);
    available_ = std::move(available);
  }
  publish_routes();
  return lines;
}

// members_ is changed by reconcile() and end() alone, one call at a time; the lock is for those who read beside them.
Fleet::Member& Fleet::member_for(const Wanted& wanted) {
  std::lock_guard lock(mutex_);
  auto& slot = members_[wanted.full()];
  if (!slot) slot = std::make_unique<Member>();
  slot->wanted = wanted;
  slot->error.clear();
  return *slot;
}

void Fleet::refuse(Member& member, std::string why, Lines& lines) {
  lines.push_back(member.wanted.full() + ": " + why);
  std::lock_guard lock(mutex_);
  member.error = std::move(why);
}

void Fleet::bring_up(Member& member, const plugin_host::Found& file, const model::PluginType& type, base::Value config,
                     Lines& lines) {
  const std::string name = member.wanted.full();
  const std::string text = base::to_json(config) + member.wanted.labels.text() +
                           base::format_duration(member.wanted.every) + base::format_duration(member.wanted.timeout);
  if (member.instance && member.identity == file.identity && !member.instance->quarantine()) {
    if (member.config_text == text) return;
    if (auto taken = member.instance->reconfigure(config); taken && *taken) {
      member.config_text = text;
      lines.push_back(name + ": took the new configuration");
      return;
    }
  }
  // The successor is made before the predecessor stops: what cannot be made keeps the old one serving.
  const std::uint64_t sequence = parts_.journal->next_seq(name);
  auto made = make(member, file, config);
  if (!made) {
    return refuse(member, made.error().message() + (member.instance ? "; the running one is kept" : ""), lines);
  }
  const bool exchanged = member.instance != nullptr;
  auto before = std::make_unique<Member>();
  {
    std::lock_guard lock(mutex_);
    std::swap(before->instance, member.instance);
    std::swap(before->poller, member.poller);
  }
  before->wanted = member.wanted;
  if (exchanged) end(*before);
  // What the predecessor still submitted moved the sequence on: the successor must begin behind it.
  if (exchanged && parts_.journal->next_seq(name) != sequence) {
    if (auto again = make(member, file, config)) made = std::move(again);
  }
  if (auto begun = begin(member, *made); !begun) {
    (*made)->stop();
    return refuse(member, begun.error().message(), lines);
  }
  std::lock_guard lock(mutex_);
  member.identity = file.identity;
  member.path = file.path;
  member.version = type.version;
  member.config_text = text;
  lines.push_back(name + (exchanged ? ": exchanged, now " : ": started, ") + type.id + " " + type.version);
}

base::Result<std::shared_ptr<plugin_host::Instance>> Fleet::make(const Member& member, const plugin_host::Found& file,
                                                                 base::Value config) {
  [[maybe_unused]] const bool isolated = must_isolate(member.wanted, file);
  TRY(auto library, plugin_host::load_library(file));
  const std::string name = member.wanted.full();
  plugin_host::InstanceSettings settings;
  settings.name = name;
  settings.type = member.wanted.plugin;
  settings.config = std::move(config);
  settings.data_dir = parts_.data_dir + "/plugins/" + name;
  settings.labels = member.wanted.labels;
  settings.max_series = member.wanted.max_series;
  settings.next_seq = parts_.journal->next_seq(name);
  settings.identity = file.identity;
  return plugin_host::Instance::create(std::move(library), std::move(settings), *parts_.port);
}

bool Fleet::must_isolate(const Wanted& wanted, const plugin_host::Found& file) const {
  return parts_.crashes != nullptr && parts_.crashes->isolates(wanted.full(), wanted.plugin, file.identity);
}

base::Result<void> Fleet::begin(Member& member, const std::shared_ptr<plugin_host::Instance>& instance) {
  TRY_VOID(instance->start(parts_.journal->cursor(member.wanted.full())));
  {
    std::lock_guard lock(mutex_);
    member.instance = instance;
  }
  parts_.pipeline->own_alert(detection::OwnAlert::plugin_quarantined,
                             model::Labels{{"instance", member.wanted.full()}, {"plugin", member.wanted.plugin}},
                             false);
  if (member.wanted.kind != "source") {
    parts_.pipeline->set_channel(member.wanted.name, std::make_shared<ChannelAdapter>(instance, parts_.external_url));
  } else if (instance->polled()) {
    const auto every = member.wanted.every > base::Duration::zero() ? member.wanted.every : default_every;
    const auto timeout = member.wanted.timeout > base::Duration::zero() ? member.wanted.timeout : default_timeout;
    member.poller = std::make_shared<Poller>(instance, parts_, every, timeout);
    member.poller->start();
  }
  return {};
}

void Fleet::end(Member& member) {
  if (member.poller) member.poller->stop();
  member.poller.reset();
  if (!member.instance) return;
  if (member.wanted.kind != "source") parts_.pipeline->set_channel(member.wanted.name, nullptr);
  member.instance->stop();
  std::lock_guard lock(mutex_);
  member.instance.reset();
  member.identity = 0;
}

void Fleet::publish_routes() {
  std::vector<Route> routes;
  for (const auto& [name, member] : members_) {
    if (!member->instance) continue;
    for (const auto& route : member->instance->type().routes) {
      const bool prefix = route.path.ends_with("/*");
      routes.push_back(
          {route.method, prefix ? route.path.substr(0, route.path.size() - 1) : route.path, prefix, member->instance});
    }
  }
  std::unique_lock lock(routes_mutex_);
  routes_.swap(routes);
}

bool Fleet::handle(const plugin_host::Instance::Request& request,
                   std::function<void(plugin_host::Instance::Response)> done) {
  std::shared_ptr<plugin_host::Instance> target;
  {
    std::shared_lock lock(routes_mutex_);
    for (const auto& route : routes_) {
      if (route.method != request.method) continue;
      if (route.prefix ? request.path.starts_with(route.path) : request.path == route.path) {
        target = route.instance;
        break;
      }
    }
  }
  if (!target) return false;
  target->handle(
      request, parts_.clock->now() + default_timeout,
      [target, done = std::move(done)](plugin_host::Instance::Response response) { done(std::move(response)); });
  return true;
}

void Fleet::stop_sources() {
  for (auto& [name, member] : members_) {
    if (member->wanted.kind == "source") end(*member);
  }
  publish_routes();
}

void Fleet::stop() {
  stop_sources();
  for (auto& [name, member] : members_) end(*member);
  std::unique_lock lock(routes_mutex_);
  routes_.clear();
}

std::vector<model::RouteDoc> Fleet::routes() const {
  std::lock_guard lock(mutex_);
  std::vector<model::RouteDoc> all;
  for (const auto& [name, member] : members_) {
    if (!member->instance) continue;
    const auto& routes = member->instance->type().routes;
    all.insert(all.end(), routes.begin(), routes.end());
  }
  return all;
}

std::shared_ptr<plugin_host::Instance> Fleet::instance(const std::string& full) const {
  std::lock_guard lock(mutex_);
  const auto it = members_.find(full);
  return it == members_.end() ? nullptr : it->second->instance;
}

std::vector<model::PluginStatus> Fleet::status() const {
  std::lock_guard lock(mutex_);
  std::vector<model::PluginStatus> lines;
  for (const auto& [name, member] : members_) {
    model::PluginStatus line;
    line.id = member->wanted.plugin;
    line.version = member->version;
    line.kind = member->wanted.kind;
    line.instance = name;
    line.path = member->path;
    line.error = member->error;
    line.state = member->instance ? "running" : member->error.starts_with("waits") ? "waiting" : "failed";
    show_health(member->instance.get(), parts_.crashes, member->identity, line);
    if (member->instance) {
      const auto counters = member->instance->counters();
      line.calls = counters.calls, line.errors = counters.errors;
      line.signals = counters.signals, line.rejected = counters.rejected;
    }
    lines.push_back(std::move(line));
  }
  for (const auto& type : available_) {
    const bool used = std::any_of(lines.begin(), lines.end(),
                                  [&](const auto& line) { return line.id == type.id && !type.id.empty(); });
    if (!used) lines.push_back(type);
  }
  return lines;
}

}  // namespace tocsin::app
