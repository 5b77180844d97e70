#include "app/agent.hpp"

#include <malloc.h>
#include <unistd.h>

#include <algorithm>
#include <condition_variable>
#include <thread>

#include "api/server.hpp"
#include "app/action_links.hpp"
#include "app/backend.hpp"
#include "app/configuration.hpp"
#include "app/crash_book.hpp"
#include "app/data_lock.hpp"
#include "app/deciding_lease.hpp"
#include "app/exchange_log.hpp"
#include "app/fellows.hpp"
#include "app/heartbeat_watch.hpp"
#include "app/instance_factory.hpp"
#include "app/plugin_metrics.hpp"
#include "app/port.hpp"
#include "app/query_loop.hpp"
#include "app/questions.hpp"
#include "app/row_rule_loop.hpp"
#include "app/statistics.hpp"
#include "app/tracker_desk.hpp"
#include "app/version.hpp"
#include "app/watchdog.hpp"
#include "base/text.hpp"
#include "plugin_host/call_watch.hpp"
#include "telemetry/log.hpp"

namespace tocsin::app {
namespace {

constexpr std::size_t pool_threads = 4;
constexpr base::Duration files_every = std::chrono::seconds(1);

std::string findings(const config::Diagnostics& diagnostics, bool errors_only) {
  std::string text;
  for (const auto& each : diagnostics) {
    if (errors_only && each.level != config::Diagnostic::Level::error) continue;
    text += (text.empty() ? "" : "\n") + each.text();
  }
  return text;
}

void report(const config::Diagnostics& diagnostics) {
  for (const auto& each : diagnostics) {
    telemetry::log(each.level == config::Diagnostic::Level::error ? telemetry::Level::error : telemetry::Level::warn,
                   "config", each.text());
  }
}

/// "tocsin.corp" of "https://tocsin.corp:8443/x".
std::string host_name(const std::string& url) {
  const auto scheme = url.find("://");
  const auto begin = scheme == url.npos ? 0 : scheme + 3;
  const auto end = url.find_first_of(":/", begin);
  return url.substr(begin, end == url.npos ? url.npos : end - begin);
}

telemetry::LogSettings log_settings(const settings::Log& log) {
  telemetry::LogSettings out;
  out.level = log.level == "debug"   ? telemetry::Level::debug
              : log.level == "warn"  ? telemetry::Level::warn
              : log.level == "error" ? telemetry::Level::error
                                     : telemetry::Level::info;
  out.json = log.format == "json" || (log.format == "auto" && !::isatty(2));
  return out;
}

model::Labels labels_of(const std::string& instance, const std::string& plugin) {
  return model::Labels{{"instance", instance}, {"plugin", plugin}};
}

}  // namespace

struct Agent::Impl {
  explicit Impl(AgentOptions given)
      : options(std::move(given)), configuration(options.config_file, options.read_tree, options.environment) {}
  ~Impl() { stop(); }

  // --- start, in order; each step names itself in its error ---
  base::Result<void> read_configuration();
  base::Result<void> open_storage();
  base::Result<void> make_pipeline();
  void make_links();
  base::Result<void> listen();
  base::Result<void> bring_up_plugins();
  base::Result<void> begin_duties();
  base::Result<void> start();
  void stop();

  base::Result<std::vector<std::string>> reload();
  Detectors::Running running();
  std::vector<model::SharedRule> all_rules() const;
  std::vector<std::string> apply_rules();
  std::vector<std::string> reconcile();
  void report_found();
  void on_directory_changed();
  bool directory_differs();
  void look_at_files();
  void stop_watching();
  std::string not_ready();
  void forward(const settings::Agent& agent);
  // --- plugins that crash and hang ---
  base::Result<void> open_crash_book(const std::string& data_dir);
  void make_factory();
  void tell_crashes();
  void forget_exchanged();
  void look_for_hangs();
  void on_hang(const plugin_host::Hang& hang, bool back);

  AgentOptions options;
  base::SystemClock clock;
  Configuration configuration;
  std::unique_ptr<DataLock> lock;
  std::unique_ptr<CrashBook> crashes;
  plugin_host::CallWatch calls;  ///< the reactor's thread
  telemetry::Metrics metrics;
  model::SeriesTable series;
  std::unique_ptr<runtime::Reactor> reactor;
  std::unique_ptr<runtime::Pool> pool;
  std::unique_ptr<storage::Store> store;
  std::unique_ptr<storage::Journal> journal;
  storage::Restored restored;
  std::unique_ptr<SignalTail> tail;
  std::unique_ptr<AgentPort> port;
  std::unique_ptr<plugin_host::Directory> directory;
  std::vector<plugin_host::Found> found;
  std::unique_ptr<InstanceFactory> factory;
  std::unique_ptr<Detectors> detectors;
  std::unique_ptr<pipeline::Pipeline> pipeline;
  std::unique_ptr<ActionLinks> links;
  std::unique_ptr<Fleet> fleet;
  std::unique_ptr<HeartbeatWatch> heartbeats;
  std::unique_ptr<Questions> questions;
  std::unique_ptr<RowRuleLoop> row_rules;
  std::unique_ptr<QueryLoop> queries;
  std::unique_ptr<StatisticsCapture> statistics;
  std::unique_ptr<Watchdog> watchdog;
  RouteGuard alertmanager_guard{"source.alertmanager"};
  std::unique_ptr<Fellows> fellows;
  std::unique_ptr<DecidingLease> lease;
  std::unique_ptr<TrackerDesk> trackers;
  std::unique_ptr<ExchangeLog> exchanges;
  std::unique_ptr<Backend> backend;
  std::unique_ptr<Feedback> feedback;
  std::unique_ptr<api::Server> server;
  // What changes the configuration runs one at a time.
  std::mutex changing;
  std::mutex watch_mutex;
  std::condition_variable watch_idle;
  runtime::Reactor::Id watch_timer = 0;
  int watch_running = 0;
  bool stopping = false, stopped = false;
  std::uint64_t signals_at_settle = 0;
};

base::Result<void> Agent::Impl::read_configuration() {
  // The plugin directories are named by the file, and what the file may say depends on the plugins: the agent's own
  // sections are read first.
  config::Diagnostics first;
  const auto agent = settings::load_agent(options.config_file, options.environment, first, options.read_tree);
  if (agent.plugin_dirs.empty()) return base::fail(base::Fault::invalid, findings(first, true));
  reactor = std::make_unique<runtime::Reactor>("reactor");
  directory = std::make_unique<plugin_host::Directory>(agent.plugin_dirs, *reactor, trust_policy(agent));
  found = directory->scan();
  const auto diagnostics = configuration.read(found);
  if (config::has_errors(diagnostics)) return base::fail(base::Fault::invalid, findings(diagnostics, true));
  telemetry::setup_log(log_settings(configuration.agent().log));
  report(diagnostics);
  report_found();
  return {};
}

void Agent::Impl::report_found() {
  for (const auto& file : found) {
    if (!file.error.empty()) telemetry::log_error("plugins", file.error);
    if (!file.warning.empty()) telemetry::log_warn("plugins", file.warning);
  }
}

base::Result<void> Agent::Impl::open_storage() {
  const auto agent = configuration.agent();
  TRY(lock, DataLock::take(agent.data_dir));
  TRY_VOID(open_crash_book(agent.data_dir));
  storage::StoreSettings settings;
  settings.url = agent.storage.url;
  settings.password = agent.storage.password;
  settings.schema = agent.storage.schema;
  settings.data_dir = agent.data_dir;
  settings.sync = agent.storage.sync;
  settings.agent = agent.name;
  settings.report = [](const base::Error& error) { telemetry::log_error("store", error.message()); };
  TRY(store, storage::open_store(settings, series));
  TRY(restored, store->restore(clock.now()));
  storage::Journal::Settings journal_settings;
  journal_settings.directory = agent.data_dir + "/journal";
  journal_settings.sync = agent.storage.sync;
  journal_settings.after = std::max(store->history_position(), restored.journal_position);
  journal_settings.report = [](const base::Error& error) { telemetry::log_error("journal", error.message()); };
  TRY(journal, storage::Journal::open(std::move(journal_settings), series));
  return {};
}

namespace {

storage::Retention retention_of(const settings::Retention& read) {
  const auto kept = [](const settings::Kept& k) { return storage::Kept{k.raw, k.five_minutes, k.hours}; };
  storage::Retention out;
  out.signals = kept(read.signals);
  for (const auto& c : read.classes) out.classes.push_back({c.match, kept(c.kept)});
  return out;
}

}  // namespace

base::Result<void> Agent::Impl::make_pipeline() {
  const auto agent = configuration.agent();
  pool = std::make_unique<runtime::Pool>("pool", pool_threads);
  port = std::make_unique<AgentPort>(AgentPort::Parts{&clock, &series, store.get(), &metrics, reactor.get(), pool.get(),
                                                      [this](const auto& hang, bool back) { on_hang(hang, back); }});
  look_for_hangs();
  pipeline::Settings settings;
  settings.agent = agent.name;
  settings.shards = std::clamp(std::thread::hardware_concurrency() / 2, 1u, 16u);
  // Each write brings the open chunk of every series up to date. The journal has it all, and questions find what waits;
  // users' SQL does not, so a database of theirs is written to more often.
  if (!agent.storage.url.starts_with("postgres")) settings.history.flush_every = std::chrono::minutes(1);
  settings.history.retention = retention_of(agent.storage.retention);
  // An instance takes one call at a time: one more waits at its door, and the rest of the pool stays free for others.
  settings.outbox.in_flight_per_instance = 2;
  make_factory();
  detectors = std::make_unique<Detectors>(
      *factory, agent.data_dir, settings.shards,
      [this](const model::PluginType& type) { return configuration.prepare_detector(type); }, crashes.get());
  detectors->set_found(found, {});
  const auto scripts = configuration.read_scripts(*detectors);
  report(scripts);
  pipeline::Parts parts;
  parts.clock = &clock;
  parts.series = &series;
  parts.journal = journal.get();
  parts.store = store.get();
  parts.metrics = &metrics;
  parts.reactor = reactor.get();
  parts.pool = pool.get();
  parts.evaluators = [this](std::uint32_t shard) { return Watchdog::with_evaluator(detectors->for_shard(shard)); };
  pipeline = std::make_unique<pipeline::Pipeline>(settings, parts, configuration.routing());
  make_links();
  Fleet::Parts fleet_parts;
  fleet_parts.factory = factory.get();
  fleet_parts.pipeline = pipeline.get();
  fleet_parts.journal = journal.get();
  fleet_parts.reactor = reactor.get();
  fleet_parts.pool = pool.get();
  fleet_parts.clock = &clock;
  fleet_parts.data_dir = agent.data_dir;
  fleet_parts.external_url = agent.http.external_url;
  fleet_parts.links = links.get();
  fleet_parts.prepare = [this](const Wanted& wanted, const model::PluginType& type) {
    return configuration.prepare(wanted, type);
  };
  fleet_parts.crashes = crashes.get();
  fleet = std::make_unique<Fleet>(std::move(fleet_parts));
  heartbeats = std::make_unique<HeartbeatWatch>(*pipeline, clock);
  questions = std::make_unique<Questions>(
      Questions::Parts{store.get(), &clock, &metrics, [this](const std::string& full) { return fleet->instance(full); },
                       [this](const std::string& plugin) { return configuration.answering(plugin); }});
  row_rules = std::make_unique<RowRuleLoop>(*pipeline, *questions, clock, metrics);
  queries =
      std::make_unique<QueryLoop>(*pipeline, *questions, detectors->for_shard(Detectors::answers), clock, metrics);
  statistics = std::make_unique<StatisticsCapture>(StatisticsCapture::Parts{
      pipeline.get(), questions.get(), &clock, &series, &metrics, journal->next_seq(StatisticsCapture::instance)});
  fellows = std::make_unique<Fellows>(
      Fellows::Parts{pipeline.get(), agent.name, agent.http.external_url, std::string(tocsin_version)});
  watchdog = std::make_unique<Watchdog>(Watchdog::Parts{pipeline.get(), &clock, &series, &metrics, settings.shards});
  DecidingLease::Parts deciding;
  deciding.shared = store->shared();
  deciding.address = agent.http.advertise_url;
  deciding.prolong = [this](auto sure_until) {
    // Another agent may have decided since the lease was this one's, also one that came and went while it was paused.
    if (!pipeline->decides()) feedback->forget_seen();
    return pipeline->prolong(sure_until);
  };
  deciding.give_up = [this] { pipeline->give_up(); };
  deciding.decides = [this] { return pipeline->decides(); };
  lease = std::make_unique<DecidingLease>(std::move(deciding));
  trackers = std::make_unique<TrackerDesk>(TrackerDesk::Parts{&clock, pipeline.get(), fleet.get(), pool.get(),
                                                              [this] { return configuration.routing(); },
                                                              agent.http.external_url});
  exchanges = std::make_unique<ExchangeLog>(*store, metrics, [this](base::Duration delay, runtime::Task task) {
    reactor->after(delay, [this, task = std::move(task)] { pool->post(task); });
  });
  tail = std::make_unique<SignalTail>(series, *journal, metrics);
  // The back end listens for ended deliveries, so it must be there before the first one can end.
  Backend::Parts back;
  back.clock = &clock;
  back.pipeline = pipeline.get();
  back.fleet = fleet.get();
  back.links = links.get();
  back.detectors = detectors.get();
  back.metrics = &metrics;
  back.heartbeats = heartbeats.get();
  back.row_rules = row_rules.get();
  back.queries = queries.get();
  back.trackers = trackers.get();
  back.tail = tail.get();
  back.rules = [this] { return configuration.rules(); };
  back.routing = [this] { return configuration.routing(); };
  back.reload = [this] { return reload(); };
  back.not_ready = [this] { return not_ready(); };
  back.alertmanager_guard = &alertmanager_guard;
  back.alertmanager = [this] { return configuration.alertmanager(); };
  back.name = agent.name;
  back.address = agent.http.listen;
  back.shown = [this] { return configuration.shown(); };
  back.cluster = options.cluster;
  back.decider = [this] { return lease->decider(); };
  backend = std::make_unique<Backend>(std::move(back));
  TRY(auto problems, pipeline->start(all_rules(), std::move(restored)));
  for (auto& problem : queries->set(configuration.rules())) problems.push_back(std::move(problem));
  for (const auto& problem : problems) telemetry::log_error("rules", problem.rule + ": " + problem.error.message());
  port->set_tail(tail.get());
  port->set_pipeline(pipeline.get());
  feedback = std::make_unique<Feedback>(Feedback::Parts{
      pipeline.get(), &clock, [this] { return configuration.routing(); }, [this] { return lease->decider(); }});
  port->set_feedback(feedback.get());
  port->set_exchanges(exchanges.get());
  tell_crashes();
  return {};
}

void Agent::Impl::make_links() {
  const auto http = configuration.agent().http;
  ActionLinks::Parts parts;
  parts.pipeline = pipeline.get();
  parts.clock = &clock;
  parts.metrics = &metrics;
  if (http.external_url_given) parts.external_url = http.external_url;
  parts.lifetime = http.link_lifetime;
  parts.answer = [this](const std::string& instance, model::Answer answer) {
    return feedback->answer(instance, std::move(answer));
  };
  links = std::make_unique<ActionLinks>(std::move(parts));
}

void Agent::Impl::make_factory() {
  InstanceFactory::Parts parts;
  parts.port = port.get();
  parts.crashes = crashes.get();
  parts.listeners.died = [this](const plugin_host::runner::Death& death) {
    std::string who;
    for (const auto& name : death.instances) {
      who += (who.empty() ? "" : ", ") + name;
      metrics
          .counter("tocsin_plugin_runner_deaths_total", "Ends of the process an isolated instance runs in",
                   {{"instance", name}})
          .add(1);
    }
    // One that crashes on and on must not fill the log.
    if (death.restarts > 10 && death.delay.count() == 0 && (death.restarts & (death.restarts - 1)) != 0) return;
    telemetry::log_error(
        "runners", who + ": the runner (process " + std::to_string(death.pid) + ") died: " + death.cause +
                       (death.delay.count() == 0 ? "; started again"
                                                 : "; it is started again in " + base::format_duration(death.delay)));
  };
  parts.listeners.poisoned = [this](const plugin_host::runner::Poison& poison) {
    telemetry::log_error(poison.instance, "the " + poison.what + " " + poison.key + " ended its runner twice (" +
                                              poison.cause + ") and is given up");
    if (poison.what == "delivery" || !pipeline) return;  // the outbox keeps those
    model::DeadLetter letter;
    letter.at = clock.now();
    letter.what = poison.what;
    letter.key = poison.key;
    letter.instance = poison.instance;
    letter.cause = poison.cause;
    model::Changes changes;
    changes.dead_letters.push_back(std::move(letter));
    pool->post([this, changes = std::move(changes)]() mutable {
      if (auto kept = pipeline->keep(std::move(changes)); !kept)
        telemetry::log_error("runners", kept.error().message());
    });
  };
  factory = std::make_unique<InstanceFactory>(std::move(parts));
  metrics.on_collect([this] {
    if (factory) factory->collect();
  });
}

/// What took the agents before this one down is written into the book before anything of a plugin runs again.
base::Result<void> Agent::Impl::open_crash_book(const std::string& data_dir) {
  TRY(crashes, CrashBook::open(data_dir + "/crashes.json"));
  if (options.findings) take_findings(*options.findings, *crashes);
  for (const auto& each : crashes->all()) {
    metrics
        .counter("tocsin_plugin_crashes_total", "Crashes of the agent put down to a plugin",
                 {{"instance", each.instance}, {"plugin", each.plugin}, {"signal", each.signal}})
        .add(static_cast<double>(each.count));
  }
  return {};
}

void Agent::Impl::tell_crashes() {
  for (const auto& each : crashes->all()) {
    pipeline->own_alert(detection::OwnAlert::plugin_crashed, labels_of(each.instance, each.plugin), true,
                        "Plugin " + each.plugin + " took the agent down: " + each.instance + " " + text_of(each));
  }
  forget_exchanged();
  // A detector that hung in the agent before this one; instances of the fleet resolve theirs when they begin.
  for (const auto& file : found) {
    for (const auto& type : file.descriptor.types) {
      if (type.kinds & model::kind_detector) {
        pipeline->own_alert(detection::OwnAlert::plugin_quarantined, labels_of("detector." + type.id, type.id), false);
      }
    }
  }
}

void Agent::Impl::forget_exchanged() {
  for (const auto& each : crashes->forget_exchanged(found)) {
    telemetry::log_info("crashes", each.instance + ": the plugin " + each.plugin + " that " + text_of(each) +
                                       " was exchanged; what it did is forgotten");
    pipeline->own_alert(detection::OwnAlert::plugin_crashed, labels_of(each.instance, each.plugin), false);
  }
}

void Agent::Impl::look_for_hangs() {
  reactor->after(plugin_host::CallWatch::every, [this] {
    calls.look(base::Time(std::chrono::steady_clock::now().time_since_epoch()));
    look_for_hangs();
  });
}

// On the reactor: it must not wait.
void Agent::Impl::on_hang(const plugin_host::Hang& hang, bool back) {
  if (back) {
    if (hang.on_pool) pool->give_back_one();
    return telemetry::log_warn(hang.instance,
                               hang.call + " has returned after all; no call goes in until it is begun anew");
  }
  metrics
      .counter("tocsin_plugin_quarantines_total",
               "Instances that got no calls any more because one went over its deadline",
               {{"instance", hang.instance}, {"plugin", hang.plugin}, {"call", hang.call}})
      .add();
  const std::string what = hang.instance + " (plugin " + hang.plugin + ") hangs in " + hang.call;
  if (hang.on_path && plugin_host::recording()) {
    telemetry::log_error("plugins", what + " on a thread that nothing can stand in for; the agent starts again");
    plugin_host::end_for_hang(hang.instance, hang.plugin, hang.identity, hang.call);
  }
  telemetry::log_error("plugins", what + " and is quarantined; `tocsin reload` begins it anew");
  if (hang.on_pool && !pool->replace_one()) {
    telemetry::log_error("plugins", "too many calls hang: the pool has a thread less until one returns");
  }
  pool->post([this, hang, what] {
    pipeline->own_alert(detection::OwnAlert::plugin_quarantined, labels_of(hang.instance, hang.plugin), true,
                        what + " and gets no calls");
  });
}

base::Result<void> Agent::Impl::listen() {
  const auto agent = configuration.agent();
  api::ServerSettings settings;
  settings.name = agent.name;
  settings.listen = agent.http.listen;
  settings.also_listen = agent.http.also_listen;
  settings.health_listen = agent.http.health_listen;
  settings.route_prefix = agent.http.route_prefix;
  settings.own_names = {host_name(agent.http.external_url)};
  if (agent.http.tls) settings.tls = {agent.http.tls->cert, agent.http.tls->key, agent.http.tls->client_ca};
  TRY(server, api::Server::start(settings, *backend, metrics));
  return {};
}

base::Result<void> Agent::Impl::bring_up_plugins() {
  std::lock_guard guard(changing);
  for (const auto& line : reconcile()) telemetry::log_info("plugins", line);
  return {};
}

/// What the agent does by itself, before anybody can ask it.
base::Result<void> Agent::Impl::begin_duties() {
  lease->start();
  TRY_VOID(heartbeats->start(configuration.heartbeats()));
  row_rules->start();
  queries->start();
  statistics->set(configuration.statistics(), configuration.agent().labels);
  watchdog->set(configuration.watchdog());
  fellows->start();
  return {};
}

std::vector<std::string> Agent::Impl::reconcile() {
  alertmanager_guard.set(configuration.alertmanager_auth());
  return fleet->reconcile(configuration.wanted(), found);
}

base::Result<void> Agent::Impl::start() {
  using Step = base::Result<void> (Impl::*)();
  const std::pair<const char*, Step> steps[] = {{"configuration", &Impl::read_configuration},
                                                {"storage", &Impl::open_storage},
                                                {"pipeline", &Impl::make_pipeline},
                                                {"plugins", &Impl::bring_up_plugins},
                                                {"duties", &Impl::begin_duties},
                                                {"http", &Impl::listen}};
  // Each thread would get an arena of its own; with two, threads that make and read messages wait for each other.
  ::mallopt(M_ARENA_MAX, 4);
  metrics.add_process_metrics();
  metrics.on_collect([this] {
    if (const double lost = static_cast<double>(telemetry::log_lines_lost())) {
      metrics.gauge("tocsin_log_lines_lost", "Log lines that could not be written").set(lost);
    }
  });
  metrics.on_expose(
      [this] { return plugin_metrics(backend ? backend->plugins() : std::vector<model::PluginStatus>{}); });
  for (const auto& [name, step] : steps) {
    if (auto done = (this->*step)(); !done)
      return base::fail(std::string(name) == "configuration" ? done.error() : done.error().in(name));
  }
  directory->watch([this] { pool->post([this] { on_directory_changed(); }); });
  // What was dropped between the first scan and the watch caused no event.
  if (directory_differs()) pool->post([this] { on_directory_changed(); });
  look_at_files();
  // What start-up used and freed (descriptors, configuration, restored rows) goes back to the system.
  ::malloc_trim(0);
  telemetry::log_info("agent", "running",
                      {{"version", tocsin_version},
                       {"url", "http://127.0.0.1:" + std::to_string(server->port())},
                       {"store", store->describe()},
                       {"data_dir", configuration.agent().data_dir}});
  return {};
}

void Agent::Impl::stop() {
  {
    // A reload that is under way ends first; none begins any more.
    std::lock_guard one(changing);
    if (std::exchange(stopped, true)) return;
  }
  stop_watching();
  // Sources first, so that nothing new comes; then the listener; then the path runs empty, stage by stage.
  const std::function<void()> steps[] = {
      [this] { directory.reset(); },
      [this] {
        if (fleet) fleet->stop_sources();
      },
      [this] {
        if (server) server->stop();
      },
      [this] {
        if (fellows) fellows->stop();
        if (watchdog) watchdog->stop();
        if (statistics) statistics->stop();
        if (queries) queries->stop();
        if (row_rules) row_rules->stop();
        if (heartbeats) heartbeats->stop();
        if (lease) lease->stop();
      },
      [this] {
        if (pipeline) pipeline->stop();
        if (lease) lease->release();
      },
      [this] {
        if (port) port->set_pipeline(nullptr);
        if (port) port->set_feedback(nullptr);
      },
      [this] {
        if (fleet) fleet->stop();
      },
      [this] {
        if (port) port->set_exchanges(nullptr);
        if (exchanges) exchanges->flush();
      },
      [this] {
        if (detectors) detectors->stop();
      },
      [this] {
        if (pool) pool->stop();
      },
      [this] {
        if (reactor) reactor->stop();
      },
      [this] {
        server.reset(), backend.reset(), fellows.reset(), statistics.reset(), queries.reset(), row_rules.reset(),
            heartbeats.reset();
      },
      [this] { lease.reset(), fleet.reset(), links.reset(), pipeline.reset(), watchdog.reset(), detectors.reset(); },
      [this] { trackers.reset(), factory.reset(), port.reset(), exchanges.reset(); },
      [this] { journal.reset(), store.reset(), lock.reset(); },
  };
  for (const auto& step : steps) {
    try {
      step();
    } catch (const std::exception& error) {
      telemetry::log_error("agent", std::string("while stopping: ") + error.what());
    }
  }
  telemetry::log_info("agent", "stopped");
}

void Agent::Impl::stop_watching() {
  std::unique_lock guard(watch_mutex);
  stopping = true;
  if (reactor) reactor->cancel(watch_timer);
  watch_idle.wait(guard, [this] { return watch_running == 0; });
}

void Agent::Impl::look_at_files() {
  std::lock_guard guard(watch_mutex);
  if (stopping) return;
  watch_timer = reactor->after(files_every, [this] {
    pool->post([this] {
      {
        std::lock_guard inner(watch_mutex);
        if (stopping) return;
        ++watch_running;
      }
      if (configuration.watched_files_changed()) {
        std::lock_guard one(changing);
        for (const auto& line : apply_rules()) telemetry::log_info("rules", line);
        // A changed secret makes new instances of whom it belongs to.
        for (const auto& line : reconcile()) telemetry::log_info("plugins", line);
        watchdog->set(configuration.watchdog());
      }
      look_at_files();
      std::lock_guard inner(watch_mutex);
      --watch_running;
      watch_idle.notify_all();
    });
  });
}

void Agent::Impl::on_directory_changed() {
  {
    std::lock_guard guard(watch_mutex);
    if (stopping) return;
    ++watch_running;
  }
  {
    std::lock_guard one(changing);
    found = directory->scan();
    configuration.set_known(found);
    report_found();
    forget_exchanged();
    const auto changed = detectors->set_found(found, running());
    for (const auto& line : changed.lines) telemetry::log_info("plugins", line);
    if (changed.rules) apply_rules();
    pipeline->set_routing(configuration.routing());
    for (const auto& line : reconcile()) telemetry::log_info("plugins", line);
  }
  std::lock_guard guard(watch_mutex);
  --watch_running;
  watch_idle.notify_all();
}

bool Agent::Impl::directory_differs() {
  std::lock_guard one(changing);
  return !std::ranges::equal(directory->scan(), found, [](const auto& a, const auto& b) {
    return a.path == b.path && a.identity == b.identity && a.error == b.error;
  });
}

Detectors::Running Agent::Impl::running() {
  return {configuration.rules(), [this](const Detectors::OnShard& visit) {
            pipeline->each_shard(visit);
            queries->visit([&](detection::Exchangeable& judge) { visit(Detectors::answers, judge); });
          }};
}

/// What shards judge: the configured ones that ask nobody, and what the agent judges itself by.
std::vector<model::SharedRule> Agent::Impl::all_rules() const {
  auto rules = configuration.rules();
  std::erase_if(rules, [](const auto& rule) { return !rule->query_source.empty(); });
  rules.push_back(Watchdog::rule());
  return rules;
}

std::vector<std::string> Agent::Impl::apply_rules() {
  std::vector<std::string> lines;
  for (const auto& finding : configuration.read_scripts(*detectors)) lines.push_back(finding.text());
  const auto rules = configuration.rules();
  auto problems = pipeline->set_rules(all_rules());
  for (auto& problem : queries->set(rules)) problems.push_back(std::move(problem));
  for (const auto& problem : problems) lines.push_back(problem.rule + ": " + problem.error.message());
  lines.push_back(std::to_string(rules.size()) + " rules");
  return lines;
}

base::Result<std::vector<std::string>> Agent::Impl::reload() {
  std::lock_guard one(changing);
  if (stopped) return base::fail(base::Fault::cancelled, "the agent is stopping");
  const auto before = configuration.agent();
  // What may be loaded is decided by the new [trust]; if the new configuration is refused, by the old one again.
  config::Diagnostics first;
  const auto read = settings::load_agent(options.config_file, options.environment, first, options.read_tree);
  if (!config::has_errors(first)) directory->set_policy(trust_policy(read));
  found = directory->scan();
  const auto diagnostics = configuration.read(found);
  if (config::has_errors(diagnostics)) {
    directory->set_policy(trust_policy(before));
    found = directory->scan();
    return base::fail(base::Fault::invalid, findings(diagnostics, true));
  }
  report_found();
  const auto now = configuration.agent();
  std::vector<std::string> lines;
  for (const auto& finding : diagnostics) lines.push_back(finding.text());
  for (const auto& [what, changed] : {std::pair{"[http] listen", before.http.listen != now.http.listen},
                                      {"[http] also_listen", before.http.also_listen != now.http.also_listen},
                                      {"[http] route_prefix", before.http.route_prefix != now.http.route_prefix},
                                      {"[http] health_listen", before.http.health_listen != now.http.health_listen},
                                      {"[http] external_url", before.http.external_url != now.http.external_url},
                                      {"[http] link_lifetime", before.http.link_lifetime != now.http.link_lifetime},
                                      {"[agent] data_dir", before.data_dir != now.data_dir},
                                      {"[agent] plugin_dirs", before.plugin_dirs != now.plugin_dirs},
                                      {"[storage] url", before.storage.url != now.storage.url}}) {
    if (changed) lines.push_back(std::string(what) + " changed: it takes effect when the agent is restarted");
  }
  telemetry::setup_log(log_settings(now.log));
  forget_exchanged();
  for (auto& line : detectors->set_found(found, running()).lines) lines.push_back(std::move(line));
  for (auto& line : apply_rules()) lines.push_back(std::move(line));
  pipeline->set_routing(configuration.routing());
  pipeline->set_retention(retention_of(now.storage.retention));
  heartbeats->set(configuration.heartbeats());
  statistics->set(configuration.statistics(), now.labels);
  watchdog->set(configuration.watchdog());
  for (auto& line : reconcile()) lines.push_back(std::move(line));
  telemetry::log_info("agent", "configuration reloaded");
  for (const auto& line : lines) telemetry::log_info("reload", line);
  return lines;
}

std::string Agent::Impl::not_ready() {
  if (!pipeline) return "starting";
  return pipeline->not_ready();
}

Agent::Agent(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Agent::~Agent() {
  stop();
}

base::Result<std::unique_ptr<Agent>> Agent::start(AgentOptions options) {
  auto impl = std::make_unique<Impl>(std::move(options));
  TRY_VOID(impl->start());
  return std::unique_ptr<Agent>(new Agent(std::move(impl)));
}

void Agent::stop() {
  impl_->stop();
}
base::Result<std::vector<std::string>> Agent::reload() {
  return impl_->reload();
}
std::string Agent::data_dir() const {
  return impl_->configuration.agent().data_dir;
}

std::string Agent::url() const {
  const auto http = impl_->configuration.agent().http;
  return std::string(http.tls ? "https" : "http") + "://127.0.0.1:" + std::to_string(impl_->server->port());
}

AgentTotals Agent::totals() {
  AgentTotals totals;
  for (const auto& line : impl_->fleet->status()) totals.signals += line.usage.signals;
  totals.signals = std::max(totals.signals, impl_->signals_at_settle);
  auto& kept = *impl_->store;
  auto count = [](auto list, auto query, auto matches) {
    std::uint64_t n = 0;
    query.page.limit = 1000;
    for (;;) {
      auto page = list(query);
      if (!page) return n;
      n += static_cast<std::uint64_t>(std::count_if(page->items.begin(), page->items.end(), matches));
      if (page->next.empty()) return n;
      query.page.after = page->next;
    }
  };
  totals.alerts = count([&](const auto& q) { return kept.alerts(q); }, storage::AlertQuery{},
                        [](const auto& alert) {
                          return alert.state == model::AlertState::firing || alert.state == model::AlertState::resolved;
                        });
  totals.incidents = count([&](const auto& q) { return kept.incidents(q); }, storage::IncidentQuery{},
                           [](const auto&) { return true; });
  totals.notifications =
      count([&](const auto& q) { return kept.attempts(q); }, storage::LogQuery{},
            [](const auto& attempt) { return attempt.status == "SENT" || attempt.status == "DELIVERED"; });
  for (const auto& channel : impl_->pipeline->channel_status()) totals.pending += channel.queued + channel.in_flight;
  return totals;
}

void Agent::settle(std::chrono::nanoseconds limit) {
  // Counters go with their instances.
  impl_->signals_at_settle = totals().signals;
  impl_->fleet->stop_sources();
  const auto end = std::chrono::steady_clock::now() + limit;
  AgentTotals last;
  int quiet = 0;
  while (quiet < 5 && std::chrono::steady_clock::now() < end) {
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
    const auto now = totals();
    const bool same = now.pending == 0 && now.alerts == last.alerts && now.notifications == last.notifications;
    quiet = same ? quiet + 1 : 0;
    last = now;
  }
}

}  // namespace tocsin::app
