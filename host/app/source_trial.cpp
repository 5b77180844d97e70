#include "app/source_trial.hpp"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <nlohmann/json.hpp>
#include <thread>

#include "app/asked_child.hpp"
#include "app/file_ends.hpp"
#include "app/instance_factory.hpp"
#include "app/looked_at.hpp"
#include "base/text.hpp"
#include "settings/plugin_routes.hpp"
#include "tocsin/abi.h"

namespace tocsin::app {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr base::Duration usual_call = std::chrono::seconds(30), load_and_end = std::chrono::seconds(15);
constexpr std::size_t most_answer = 8u << 20, most_series = 1000, most_examples = 3, most_reasons = 20, most_notes = 20;

/// A directory that is gone when the trial is over.
class Scratch {
 public:
  Scratch() {
    std::string name = (fs::temp_directory_path() / "tocsin-source-test-XXXXXX").string();
    if (::mkdtemp(name.data()) != nullptr) path_ = name;
  }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  ~Scratch() {
    std::error_code ignored;
    if (!path_.empty()) fs::remove_all(path_, ignored);
  }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

json labels_json(const model::Labels& labels) {
  json out = json::object();
  for (const auto& [name, value] : labels) out[name] = value;
  return out;
}

json number_or_null(double value) {
  return std::isfinite(value) ? json(value) : json();
}

/// Takes what a source brings, counts it, and keeps a few examples.
class TrialPort final : public OnlinePort {
 public:
  TrialPort(Parts parts, std::size_t most) : OnlinePort(parts), series_(*parts.series), most_(most) {}

  base::Result<plugin_host::Taken> take(std::shared_ptr<model::SignalBatch> batch) override {
    std::lock_guard lock(mutex_);
    const plugin_host::Taken taken{static_cast<std::uint32_t>(batch->rows()), batch->first_seq};
    for (std::size_t row = 0; row < batch->rows(); ++row) {
      const bool fresh = counts_[batch->series[row]]++ == 0;
      auto& examples = fresh ? firsts_ : others_;
      if (examples.size() < most_examples) examples.push_back(example(*batch, row));
    }
    signals_ += batch->rows();
    return taken;
  }
  void rejected(model::RejectedSignal rejected) override {
    std::lock_guard lock(mutex_);
    auto& [count, reason] = rejected_[rejected.error_type];
    count += rejected.count;
    if (reason.empty()) reason = rejected.reason;
  }
  void log(const std::string&, int level, std::string_view text) override {
    std::lock_guard lock(mutex_);
    constexpr int warning = 2;
    if (level >= warning && notes_.size() < most_notes) notes_.emplace_back(text);
  }
  void metric(const std::string&, tsn_metric_kind kind, const std::string& name, const model::Labels& labels,
              double value) override {
    std::lock_guard lock(mutex_);
    if (kind == TSN_METRIC_COUNTER && value != 0) counters_[name + (labels.empty() ? "" : labels.text())] += value;
  }
  bool enough() const {
    std::lock_guard lock(mutex_);
    return signals_ >= most_;
  }

  void write(json& out, const model::PluginType& type) const {
    std::lock_guard lock(mutex_);
    out["signals"] = signals_;
    out["examples"] = firsts_;
    for (const auto& each : others_)
      if (out["examples"].size() < most_examples) out["examples"].push_back(each);
    out["series_total"] = counts_.size();
    out["series"] = json::array();
    for (const auto& [id, count] : counts_) {
      if (out["series"].size() >= most_series) break;
      const auto& key = series_.key(id);
      const auto doc = std::ranges::find(type.signals, key.name, &model::SignalDoc::name);
      out["series"].push_back({{"name", key.name},
                               {"labels", labels_json(key.labels)},
                               {"unit", doc == type.signals.end() ? "" : doc->unit},
                               {"signals", count}});
    }
    out["rejected"] = json::array();
    for (const auto& [error, what] : rejected_) {
      if (out["rejected"].size() < most_reasons)
        out["rejected"].push_back({{"error_type", error}, {"count", what.first}, {"reason", what.second}});
    }
    out["counters"] = json::object();
    out["unmatched"] = nullptr;
    for (const auto& [name, value] : counters_) {
      const bool whole = value == std::floor(value) && value < 1e15;
      out["counters"][name] = whole ? json(static_cast<std::uint64_t>(value)) : json(value);
      const double before = out["unmatched"].is_null() ? 0 : out["unmatched"].get<double>();
      if (name.ends_with("unmatched") || name.find("unmatched_total") != name.npos) out["unmatched"] = before + value;
    }
    out["notes"] = notes_;
  }

 private:
  json example(const model::SignalBatch& batch, std::size_t row) const {
    const auto& key = series_.key(batch.series[row]);
    json out{{"at", base::format_rfc3339(base::from_ns(batch.ts[row]))},
             {"name", key.name},
             {"labels", labels_json(key.labels)}};
    if (!batch.summary.empty() && !std::isnan(batch.summary[row].count)) {
      const auto& s = batch.summary[row];
      out.update({{"count", s.count}, {"min", s.min}, {"max", s.max}, {"avg", s.avg}, {"sum", s.sum}});
    } else {
      out["value"] = number_or_null(batch.value[row]);
    }
    if (!batch.text.empty() && !batch.text[row].empty()) out["text"] = batch.text[row].substr(0, 2048);
    return out;
  }

  model::SeriesTable& series_;
  const std::size_t most_;
  mutable std::mutex mutex_;
  std::uint64_t signals_ = 0;
  std::map<model::SeriesId, std::uint64_t> counts_;
  std::vector<json> firsts_, others_;  ///< of series seen for the first time; further ones
  std::map<std::string, std::pair<std::uint64_t, std::string>> rejected_;
  std::map<std::string, double> counters_;
  std::vector<std::string> notes_;
};

/// Copies have the names of what they are copies of.
void forget(json& value, const std::string& beneath) {
  if (value.is_string()) {
    std::string text = value.get<std::string>();
    for (std::size_t at; (at = text.find(beneath)) != text.npos;) text.erase(at, beneath.size());
    value = text;
  }
  if (value.is_structured())
    for (auto& each : value) forget(each, beneath);
}

/// Where the agent's listener is reached.
std::string url_of(const settings::Agent& agent) {
  std::string url = agent.http.external_url;
  if (url.empty()) url = std::string(agent.http.tls ? "https://" : "http://") + agent.http.listen;
  while (url.ends_with('/')) url.pop_back();
  return url;
}

json auth_word(const std::optional<settings::RouteAuth>& auth) {
  constexpr std::array<const char*, 5> words = {"allow_from", "bearer", "basic", "hmac", "mtls"};
  return auth ? json(words[static_cast<std::size_t>(auth->type)]) : json();
}

// --- in the child
// -----------------------------------------------------------------------------------------------------

class Trial {
 public:
  /// `hear` gets what was found while the instance is still there; where it does not come to that, nothing.
  Trial(const SourceTrial& asked, const std::string& scratch, json& out, std::function<void(const json&)> hear)
      : asked_(asked), scratch_(scratch), setup_(asked.config_file), out_(out), hear_(std::move(hear)) {
    for (const char* list : {"errors", "report", "send_to"}) out_[list] = json::array();
  }

  void run(const std::string& name) {
    const auto all = setup_.configuration.wanted();
    const auto wanted = std::ranges::find(all, name, &Wanted::full);
    const auto* file = wanted == all.end()
                           ? nullptr
                           : plugin_host::find_type(setup_.found, wanted->plugin, settings::kinds_of(wanted->kind));
    if (file == nullptr || !file->error.empty())
      return error("its plugin is not there" + (file ? ": " + file->error : std::string()));
    type_ = plugin_host::type_of(*file, wanted->plugin);
    out_["plugin"] = wanted->plugin;
    auto config = setup_.configuration.prepare(*wanted, *type_);
    if (!config) return error(config.error().message());
    where_to_send(*wanted, *config);
    const bool finite = (type_->source_features & TSN_SOURCE_REPLAYS) != 0 && config->find("paths");
    if (finite) {
      for (auto& each : read_ends_instead(*config, scratch_ + "/files", asked_.lines)) note(std::move(each));
      if (texts_of(*config, "paths").empty()) return;
    }
    model::SeriesTable series;
    telemetry::Metrics metrics;
    runtime::Pool pool("pool", 2);
    TrialPort port({&clock_, &series, nullptr, &metrics, &setup_.reactor, &pool}, asked_.lines);
    InstanceFactory factory({.port = &port});
    plugin_host::InstanceSettings settings;
    settings.name = name;
    settings.type = wanted->plugin;
    settings.config = std::move(*config);
    settings.data_dir = scratch_ + "/data";
    settings.labels = wanted->labels;
    settings.max_series = wanted->max_series;
    settings.identity = file->identity;
    settings.replay = finite;
    auto made = factory.make(*file, std::move(settings), wanted->isolation);
    if (!made) return error(made.error().message());
    plugin_host::Instance& instance = **made;
    const base::Duration call = wanted->timeout > base::Duration::zero() ? wanted->timeout : usual_call;
    probe(instance, call);
    if ((type_->source_features & model::source_consumes) != 0) {
      out_["report"].push_back("ok: what it reads is taken away from the other side, so a trial leaves it there");
    } else if (!pushed_ || (listens_ && asked_.wait > base::Duration::zero())) {
      read(instance, port, *wanted, call, finite);
      factory.collect();
    }
    port.write(out_, *type_);
    forget(out_, scratch_ + "/files");
    hear_(out_);  // while it is still there: taking it down may hang
  }

 private:
  /// Once: what the probe found is often what the pull finds too.
  void error(std::string text) {
    for (const char* call : {"create: ", "start: ", "pull: "})
      if (const std::string head = out_["instance"].get<std::string>() + ": " + call; text.starts_with(head))
        text.erase(0, head.size());
    json& all = out_["errors"];
    if (std::ranges::find(all, json(text)) == all.end()) all.push_back(std::move(text));
  }
  void note(std::string text) {
    constexpr std::string_view mild = "warning: ";
    if (text.starts_with(mild))
      out_["report"].push_back(std::move(text));
    else
      error(std::move(text));
  }

  void where_to_send(const Wanted& wanted, const base::Value& config) {
    const std::string url = url_of(setup_.agent);
    for (const auto& route : settings::routes_of(type_->routes, config)) {
      out_["send_to"].push_back(route.method + " " + url + route.path);
      pushed_ = true;
    }
    out_["routes"] = pushed_;
    for (const auto& address : texts_of(config, "listen")) {
      out_["send_to"].push_back(address);
      pushed_ = listens_ = true;
    }
    out_["auth"] = auth_word(wanted.auth);
  }

  void probe(plugin_host::Instance& instance, base::Duration call) {
    if (!instance.probes()) return;
    const auto report = instance.probe(nullptr, setup_.agent.http.external_url, clock_.now() + call);
    if (!report) return error(report.error().message());
    for (std::string_view line : base::split(*report, '\n')) {
      line = base::trim(line);
      if (line.starts_with("error: "))
        error(std::string(line.substr(7)));
      else if (!line.empty())
        out_["report"].push_back(std::string(line));
    }
  }

  void read(plugin_host::Instance& instance, const TrialPort& port, const Wanted& wanted, base::Duration call,
            bool finite) {
    if (auto started = instance.start({}); !started) return error(started.error().message());
    const auto end = std::chrono::steady_clock::now() + asked_.wait;
    const base::Duration every = std::max<base::Duration>(wanted.every, std::chrono::milliseconds(10));
    for (;;) {
      if (instance.polled()) {
        const auto pulled = instance.pull(clock_.now() + call);
        if (!pulled) return error(pulled.error().message());
        if (!*pulled) return;  // a finite input is at its end
        if (finite) continue;
      }
      const auto left = end - std::chrono::steady_clock::now();
      if (left <= left.zero() || port.enough()) return;
      const base::Duration pause = instance.polled() ? every : base::Duration(std::chrono::milliseconds(50));
      std::this_thread::sleep_for(std::min<std::chrono::nanoseconds>(left, pause));
    }
  }

  const SourceTrial& asked_;
  const std::string scratch_;
  LookedAt setup_;
  json& out_;
  const std::function<void(const json&)> hear_;
  base::SystemClock clock_;
  const model::PluginType* type_ = nullptr;
  bool pushed_ = false, listens_ = false;
};

/// Alertmanager's API is the agent's own: there is no instance to make.
json of_alertmanager(const LookedAt& setup) {
  return {{"instance", "source.alertmanager"},
          {"plugin", "alertmanager"},
          {"ok", true},
          {"errors", json::array()},
          {"report", json::array()},
          {"send_to", {"POST " + url_of(setup.agent) + "/api/v2/alerts"}},
          {"auth", auth_word(setup.configuration.alertmanager_auth())}};
}

json unknown(const std::string& given, const std::vector<std::string>& names) {
  std::string text = "no source is named \"" + given + "\"", list;
  for (const auto& name : names) list += (list.empty() ? "" : ", ") + name;
  const std::string near = base::nearest(given, names);
  if (!near.empty()) text += "; did you mean \"" + near + "\"?";
  text += list.empty() ? " (none is configured)" : " (there are: " + list + ")";
  return {{"unknown", true}, {"errors", {text}}};
}

}  // namespace

json try_source(const SourceTrial& asked) {
  std::string name = asked.instance.starts_with("source.") ? asked.instance.substr(7) : asked.instance;
  base::Duration call = usual_call;
  std::vector<std::string> names;
  {
    // Its threads have ended before the fork.
    const LookedAt setup(asked.config_file);
    for (const auto& wanted : setup.configuration.wanted()) {
      if (wanted.kind != "source") continue;
      names.push_back(wanted.name);
      if (wanted.name == name && wanted.timeout > base::Duration::zero()) call = wanted.timeout;
    }
    if (std::ranges::find(names, name) == names.end()) {
      const bool own = name == "alertmanager" && setup.configuration.alertmanager();
      return own ? of_alertmanager(setup) : unknown(name, names);
    }
  }
  name = "source." + name;
  const Scratch scratch;
  json out{{"instance", name}};
  auto begun = AskedChild::ask(
      [&](const AskedChild::Tell& tell) {
        json found{{"instance", name}};
        const auto hear = [&tell](const json& all) {
          tell(all.dump(-1, ' ', false, json::error_handler_t::replace), 0);
        };
        Trial(asked, scratch.path(), found, hear).run(name);
        hear(found);
      },
      call + call + asked.wait + load_and_end);
  if (!begun) return {{"instance", name}, {"errors", {begun.error().message()}}, {"ok", false}};
  const auto answer = begun->wait(most_answer);
  json found = json::parse(answer.text, nullptr, false);
  if (found.is_object()) out = std::move(found);
  if (!out.contains("errors")) out["errors"] = json::array();
  if (!answer.failure.empty()) out["errors"].push_back(answer.failure);
  if (answer.failure.empty() && !out.contains("send_to")) out["errors"].push_back("its answer cannot be read");
  const bool brings = out.value("signals", std::uint64_t{0}) > 0;
  const json unmatched = out.value("unmatched", json());
  const bool refused =
      (unmatched.is_number() && unmatched.get<double>() > 0) || !out.value("rejected", json::array()).empty();
  out["ok"] = out["errors"].empty() && (brings || !refused);
  return out;
}

}  // namespace tocsin::app
