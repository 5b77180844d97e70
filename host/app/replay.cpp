#include "app/replay.hpp"

#include <fnmatch.h>
#include <algorithm>
#include <filesystem>
#include <map>
#include <mutex>

#include "app/configuration.hpp"
#include "app/detectors.hpp"
#include "base/text.hpp"
#include "detection/shard.hpp"
#include "incidents/desk.hpp"
#include "plugin_host/directory.hpp"
#include "plugin_host/session.hpp"

namespace tocsin::app {
namespace {

namespace fs = std::filesystem;

/// One row of one file, in a form that can be merged with others.
struct Line {
  std::int64_t ts = 0;
  std::size_t file = 0;   ///< order of the files on the command line
  std::size_t order = 0;  ///< within its file
  model::SharedBatch batch;
  std::size_t row = 0;
};

/// Takes what the sources submit into memory; the clock stands at the newest timestamp seen.
class ReplayPort final : public plugin_host::Port {
 public:
  ReplayPort(base::ManualClock& clock, model::SeriesTable& series, runtime::Reactor& reactor, runtime::Executor& pool)
      : clock_(clock), series_(series), reactor_(reactor), pool_(pool) {}

  const base::Clock& clock() const override { return clock_; }
  model::SeriesTable& series() override { return series_; }
  base::Result<plugin_host::Taken> take(std::shared_ptr<model::SignalBatch> batch) override {
    const plugin_host::Taken taken{static_cast<std::uint32_t>(batch->rows()), batch->first_seq};
    std::lock_guard lock(mutex_);
    batches_.push_back(std::move(batch));
    return taken;
  }
  void rejected(model::RejectedSignal) override {}
  void log(const std::string& instance, int level, std::string_view text) override {
    if (level < 2) return;
    std::lock_guard lock(mutex_);
    notes_.push_back(instance + ": " + std::string(text));
  }
  void metric(const std::string&, tsn_metric_kind, const std::string&, const model::Labels&, double) override {}
  base::Result<std::optional<std::string>> kv_get(const std::string&, const std::string& key) override {
    std::lock_guard lock(mutex_);
    const auto it = kv_.find(key);
    return it == kv_.end() ? std::optional<std::string>() : it->second;
  }
  base::Result<void> kv_put(const std::string&, const std::string& key, std::string value) override {
    std::lock_guard lock(mutex_);
    kv_[key] = std::move(value);
    return {};
  }
  runtime::Reactor& reactor() override { return reactor_; }
  runtime::Executor& pool() override { return pool_; }

  std::vector<model::SharedBatch> drain() {
    std::lock_guard lock(mutex_);
    return std::exchange(batches_, {});
  }
  std::vector<std::string> notes() {
    std::lock_guard lock(mutex_);
    return std::exchange(notes_, {});
  }

 private:
  base::ManualClock& clock_;
  model::SeriesTable& series_;
  runtime::Reactor& reactor_;
  runtime::Executor& pool_;
  std::mutex mutex_;
  std::vector<model::SharedBatch> batches_;
  std::vector<std::string> notes_;
  std::map<std::string, std::string> kv_;
};

class Replay {
 public:
  explicit Replay(const ReplayRequest& request)
      : request_(request),
        reactor_("reactor"),
        pool_("pool", 2),
        port_(clock_, series_, reactor_, pool_),
        configuration_(request.config_file) {
    // Every line of the past is acceptable: until lines move it the clock stands at the real present.
    clock_.set(base::SystemClock().now());
  }

  base::Result<ReplayReport> run() {
    TRY_VOID(configure());
    TRY_VOID(read_files());
    TRY_VOID(judge());
    report_.notes.insert(report_.notes.end(), notes_.begin(), notes_.end());
    return std::move(report_);
  }

 private:
  base::Result<void> configure();
  base::Result<void> read_files();
  base::Result<void> read_file(std::size_t index, const Wanted& wanted);
  std::vector<Wanted> readers_of(const std::string& file) const;
  base::Result<void> judge();
  void decide(std::vector<model::Alert>& alerts);
  void keep(model::Changes changes);
  void advance(base::Time now);

  const ReplayRequest& request_;
  base::ManualClock clock_;
  model::SeriesTable series_;
  runtime::Reactor reactor_;
  runtime::Pool pool_;
  ReplayPort port_;
  Configuration configuration_;
  std::vector<plugin_host::Found> found_;
  InstanceFactory factory_{{.port = &port_}};
  std::unique_ptr<Detectors> detectors_;
  std::unique_ptr<detection::Shard> shard_;
  std::unique_ptr<incidents::Desk> desk_;
  std::vector<Line> lines_;
  std::map<std::string, model::Incident> incidents_;
  std::vector<std::string> order_;
  std::uint64_t next_number_ = 1001;
  ReplayReport report_;
  std::vector<std::string> notes_;
};

base::Result<void> Replay::configure() {
  config::Diagnostics diagnostics;
  const auto agent = settings::load_agent(request_.config_file, config::process_environment(), diagnostics);
  plugin_host::Directory directory(agent.plugin_dirs, reactor_, trust_policy(agent));
  found_ = directory.scan();
  diagnostics = configuration_.read(found_);
  std::string errors;
  for (const auto& each : diagnostics) {
    (each.level == config::Diagnostic::Level::error ? errors : notes_.emplace_back()) +=
        each.text() + (each.level == config::Diagnostic::Level::error ? "\n" : "");
  }
  if (!errors.empty()) return base::fail(base::Fault::invalid, errors);
  detectors_ = std::make_unique<Detectors>(factory_, agent.data_dir, 1,
                                           [this](const auto& type) { return configuration_.prepare_detector(type); });
  detectors_->set_found(found_, {});
  for (const auto& finding : configuration_.read_scripts(*detectors_)) notes_.push_back(finding.text());
  detection::ShardSettings settings;
  shard_ = std::make_unique<detection::Shard>(settings, series_, detectors_->for_shard(0));
  desk_ = std::make_unique<incidents::Desk>(configuration_.routing());
  return {};
}

/// The finite sources that read this file live: by their paths; one alone reads every file.
std::vector<Wanted> Replay::readers_of(const std::string& file) const {
  std::vector<Wanted> able, by_path;
  for (const auto& wanted : configuration_.wanted()) {
    const auto* there = find_type(found_, wanted);
    if (wanted.kind != "source" || !there) continue;
    if (plugin_host::type_of(*there, wanted.plugin)->source_features & TSN_SOURCE_REPLAYS) able.push_back(wanted);
  }
  if (able.size() <= 1) return able;
  const std::string name = fs::path(file).filename();
  for (const auto& wanted : able) {
    const auto* there = find_type(found_, wanted);
    for (const auto& type : there->descriptor.types) {
      if (type.id != wanted.plugin) continue;
      const auto options = configuration_.prepare(wanted, type);
      const auto* paths = options ? options->find("paths") : nullptr;
      if (!paths || !paths->array()) continue;
      const bool reads = std::any_of(paths->array()->begin(), paths->array()->end(), [&](const auto& path) {
        return path.string() && (::fnmatch(path.string()->c_str(), file.c_str(), 0) == 0 ||
                                 ::fnmatch(fs::path(*path.string()).filename().c_str(), name.c_str(), 0) == 0);
      });
      if (reads) by_path.push_back(wanted);
    }
  }
  return by_path.empty() ? able : by_path;
}

base::Result<void> Replay::read_files() {
  for (std::size_t i = 0; i < request_.files.size(); ++i) {
    const auto& file = request_.files[i];
    if (!fs::is_regular_file(file))
      return base::fail(base::Fault::not_found, "cannot read " + file + ": it is not a file");
    const auto readers = readers_of(file);
    if (readers.empty()) {
      return base::fail(base::Fault::invalid,
                        (request_.config_file.empty() ? "the embedded default" : request_.config_file) +
                            " has no source that reads files; add a [source.NAME] with plugin = \"logtail\"");
    }
    for (const auto& wanted : readers) TRY_VOID(read_file(i, wanted));
  }
  // Files are merged by time; within a second a file keeps its own order, so that is sorted by whole seconds.
  std::stable_sort(lines_.begin(), lines_.end(), [](const Line& a, const Line& b) {
    const auto x = a.ts / 1'000'000'000, y = b.ts / 1'000'000'000;
    return x != y ? x < y : a.file != b.file ? a.file < b.file : a.order < b.order;
  });
  return {};
}

base::Result<void> Replay::read_file(std::size_t index, const Wanted& wanted) {
  const auto* there = find_type(found_, wanted);
  const auto* type = plugin_host::type_of(*there, wanted.plugin);
  TRY(auto options, configuration_.prepare(wanted, *type));
  options.set("paths", base::Value::Array{base::Value(request_.files[index])});
  options.set("exclude", base::Value::Array{});
  plugin_host::InstanceSettings settings;
  settings.name = wanted.full();
  settings.type = wanted.plugin;
  settings.config = std::move(options);
  settings.labels = wanted.labels;
  settings.max_series = wanted.max_series;
  settings.replay = true;
  TRY(auto library, plugin_host::load_library(*there));
  TRY(auto instance, plugin_host::Instance::create(std::move(library), std::move(settings), port_));
  TRY_VOID(instance->start({}));
  std::size_t order = 0;
  // Lines out of order within a file never move the clock back, and keep the file's order.
  std::int64_t newest = 0;
  for (bool more = true; more;) {
    auto pulled = instance->pull(clock_.now() + std::chrono::hours(1));
    if (!pulled) return base::fail(pulled.error());
    more = *pulled;
    for (auto& batch : port_.drain()) {
      for (std::size_t row = 0; row < batch->rows(); ++row) {
        newest = std::max(newest, batch->ts[row]);
        lines_.push_back({newest, index, order++, batch, row});
      }
    }
  }
  instance->stop();
  for (auto& note : port_.notes()) notes_.push_back(std::move(note));
  return {};
}

/// A batch of one row, as the shard takes it.
model::SignalBatch single(const Line& line) {
  const auto& from = *line.batch;
  model::SignalBatch one;
  one.instance = from.instance;
  one.source = from.source;
  one.ts = {from.ts[line.row]};
  one.value = {from.value[line.row]};
  one.series = {from.series[line.row]};
  if (!from.text.empty()) one.text = {from.text[line.row]};
  if (!from.summary.empty()) one.summary = {from.summary[line.row]};
  if (!from.line.empty()) one.line = {from.line[line.row]};
  if (!from.offset.empty()) one.offset = {from.offset[line.row]};
  if (!from.file.empty()) {
    one.files = {from.files[from.file[line.row]]};
    one.file = {0};
  }
  return one;
}

base::Result<void> Replay::judge() {
  if (!lines_.empty()) clock_.set(base::from_ns(lines_.front().ts));
  std::vector<model::Alert> alerts;
  auto rules = configuration_.rules();
  std::erase_if(rules, [this](const auto& rule) {
    const bool asks = !rule->query_source.empty();
    if (asks) notes_.push_back(rule->name + ": asks source." + rule->query_source + ", so files cannot test it");
    return asks;
  });
  for (const auto& problem : shard_->set_rules(std::move(rules), clock_.now(), alerts)) {
    notes_.push_back(problem.rule + ": " + problem.error.message());
  }
  desk_->restore({}, clock_.now());
  for (const auto& line : lines_) {
    const base::Time now = std::max(clock_.now(), base::from_ns(line.ts));
    advance(now);
    clock_.set(now);
    auto one = single(line);
    shard_->push(one, now, alerts);
    decide(alerts);
    ++report_.signals;
  }
  for (const auto& id : order_) report_.incidents.push_back(incidents_[id]);
  detectors_->stop();
  return {};
}

/// What is due by timers up to `now`, in order.
void Replay::advance(base::Time now) {
  std::vector<model::Alert> alerts;
  for (;;) {
    const auto shard_due = shard_->next_due(), desk_due = desk_->next_due();
    const auto due = shard_due && desk_due ? std::min(*shard_due, *desk_due)
                     : shard_due           ? *shard_due
                     : desk_due            ? *desk_due
                                           : base::Time::max();
    if (due > now) return;
    clock_.set(std::max(clock_.now(), due));
    if (shard_due && *shard_due <= due) {
      shard_->advance(due, alerts);
      decide(alerts);
    }
    if (desk_due && *desk_due <= due) keep(desk_->advance(due));
    // A stage that leaves its due instant in place would be asked for ever.
    const auto shard_next = shard_->next_due(), desk_next = desk_->next_due();
    if (shard_next == shard_due && desk_next == desk_due) return;
  }
}

void Replay::decide(std::vector<model::Alert>& alerts) {
  if (alerts.empty()) return;
  for (const auto& alert : alerts) {
    if (alert.state == model::AlertState::firing && !alert.silent) report_.alerts.push_back(alert);
  }
  keep(desk_->on_alerts(alerts, clock_.now()));
  alerts.clear();
}

void Replay::keep(model::Changes changes) {
  for (auto& incident : changes.incidents) {
    auto [it, fresh] = incidents_.emplace(incident.correlation_id, incident);
    if (fresh) {
      order_.push_back(incident.correlation_id);
      it->second.number = next_number_++;
      desk_->numbered(incident.correlation_id, it->second.number);
    } else {
      const auto number = it->second.number;
      it->second = incident;
      it->second.number = number;
    }
  }
  // Every delivery is taken as told: what would follow a success follows.
  for (auto& delivery : changes.deliveries) {
    delivery.state = model::DeliveryState::sent;
    keep(desk_->on_delivery(delivery, clock_.now()));
  }
}

}  // namespace

base::Result<ReplayReport> replay(const ReplayRequest& request) {
  return Replay(request).run();
}

}  // namespace tocsin::app
