#include <algorithm>
#include <charconv>
#include <map>
#include <mutex>

#include "etl_day.hpp"
#include "tocsin/plugin.hpp"

namespace tocsin_plugins {
namespace {

/// The member of a flat JSON object as text, without quotes; empty: none. Enough for the two members we read.
std::string member(std::string_view json, std::string_view name) {
  const auto key = json.find("\"" + std::string(name) + "\"");
  if (key == json.npos) return {};
  auto at = json.find(':', key);
  if (at == json.npos) return {};
  at = json.find_first_not_of(" \t\r\n", at + 1);
  if (at == json.npos) return {};
  if (json[at] == '"') {
    const auto end = json.find('"', at + 1);
    return end == json.npos ? std::string() : std::string(json.substr(at + 1, end - at - 1));
  }
  const auto end = json.find_first_of(",} \t\r\n", at);
  return std::string(json.substr(at, end == json.npos ? json.npos : end - at));
}

}  // namespace

class Generator {
 public:
  static constexpr auto id = "generator", version = "1.0.0",
                        doc = "Synthetic signals with faults on demand, for trials and load tests";
  static constexpr tsn::Option options[] = {
      {.key = "day",
       .type = tsn::duration,
       .fallback = "\"24h\"",
       .min = "\"1s\"",
       .doc = "Length of the simulated day"},
      {.key = "loaders",
       .type = tsn::array,
       .fallback = R"(["DAILY_SALES", "POSITIONS", "FX_RATES", "CARDS", "LEDGER", "CUSTOMERS"])",
       .doc = "Codes of the loaders that run; the first is the one that fails, the second the one that slows down"},
      {.key = "faults",
       .type = tsn::array,
       .fallback = "[]",
       .doc = "Faults of every day: failing_loader, brute_force, filling_disk, error_storm, slow_loader, no_runs, "
              "open_breaker, exhausted_pool, high_memory, high_cpu, pod_restarts, slow_service"},
      {.key = "seed", .type = tsn::integer, .fallback = "1", .doc = "The same seed gives the same day"},
      {.key = "rate",
       .type = tsn::number,
       .fallback = "0",
       .min = "0",
       .max = "5000000",
       .doc = "Further signals a second, named load.value, for load tests"},
      {.key = "series",
       .type = tsn::integer,
       .fallback = "1000",
       .min = "1",
       .max = "1000000",
       .doc = "How many series load.value has"},
  };
  static constexpr tsn::Signal signals[] = {
      {.name = "etl.run", .unit = "1", .labels = "loader,status", .doc = "A run ended"},
      {.name = "etl.duration", .unit = "s", .labels = "loader", .doc = "How long it took"},
      {.name = "etl.rows", .unit = "1", .labels = "loader", .doc = "Rows it loaded"},
      {.name = "auth.failure", .unit = "1", .labels = "client_ip,user", .doc = "A login failed"},
      {.name = "auth.success", .unit = "1", .labels = "client_ip,user", .doc = "A login succeeded"},
      {.name = "host.disk.used_percent", .unit = "%", .labels = "host,mount", .doc = "How full the data volume is"},
      {.name = "log.error", .unit = "1", .labels = "service", .doc = "An error record"},
      {.name = "resilience4j_circuitbreaker_state",
       .unit = "1",
       .labels = "service_name,name,state",
       .doc = "1 for the state that a circuit breaker is in"},
      {.name = "hikaricp_connections_active", .unit = "1", .labels = "service_name,pool", .doc = "Connections in use"},
      {.name = "hikaricp_connections_max", .unit = "1", .labels = "service_name,pool", .doc = "Of so many"},
      {.name = "host.memory.used_percent", .unit = "%", .labels = "host", .doc = "Memory in use"},
      {.name = "host.cpu.used_percent", .unit = "%", .labels = "host", .doc = "Processor time in use"},
      {.name = "kube_pod_container_status_restarts_total",
       .unit = "1",
       .labels = "namespace,pod,container",
       .doc = "Restarts of a container so far"},
      {.name = "http.server.request.duration", .unit = "s", .labels = "service", .doc = "How long a request took"},
      {.name = "load.value", .unit = "1", .labels = "worker", .doc = "With `rate`: a value"},
  };
  static constexpr tsn::Route routes[] = {
      {.method = "GET", .path = "/api/v1/generator/faults", .doc = "Every fault, and whether it is on"},
      {.method = "POST",
       .path = "/api/v1/generator/faults",
       .doc = "Begins a fault now: {\"fault\", \"for\" seconds}; 0 seconds end it"}};

  Generator()
      : day_(plan()),
        rate_(ctx_.config().number("rate")),
        worker_count_(static_cast<std::uint32_t>(ctx_.config().integer("series", 1000))) {}

  tsn::Status poll(tsn::Batch& out, tsn::Deadline) {
    const tsn::Time now = ctx_.now();
    std::vector<Emission> emissions;
    {
      std::lock_guard lock(mutex_);
      emissions = day_.advance(now);
    }
    for (const auto& emission : emissions) out.push(now, series(emission), emission.value);
    if (rate_ > 0) load(out, now);
    last_ = now;
    return tsn::ok;
  }

  void handle(const tsn::Request& request, tsn::Response& response) {
    if (request.method() == "GET") return tell(response);
    const std::string fault = member(request.body(), "fault"), seconds = member(request.body(), "for");
    double span = 60;
    const char* const end = seconds.data() + seconds.size();
    const bool readable = seconds.empty() || std::from_chars(seconds.data(), end, span).ptr == end;
    bool known = false;
    if (readable && span >= 0 && span < 1e6) {
      std::lock_guard lock(mutex_);
      known = span > 0 ? day_.inject(fault, ctx_.now() + static_cast<tsn::Time>(span * 1e9)) : day_.end(fault);
    }
    if (known) {
      response.json(202, "{\"accepted\":true}");
      return;
    }
    std::string names;
    for (const auto& name : EtlDay::known_faults()) names += (names.empty() ? "" : ", ") + name;
    response.status(400).header("content-type", "application/problem+json");
    response.body("{\"title\":\"Bad Request\",\"status\":400,\"detail\":\"expected {\\\"fault\\\": one of " + names +
                  ", \\\"for\\\": seconds}\"}");
  }

 private:
  /// What is owed of `rate` after a pause, at most: a machine that slept does not come back to hours of signals at
  /// once.
  static constexpr double most_owed_seconds = 10;

  void tell(tsn::Response& response) {
    std::string out = "{\"items\":[";
    std::lock_guard lock(mutex_);
    for (const auto& name : EtlDay::known_faults())
      out += (out.back() == '[' ? "{\"fault\":\"" : ",{\"fault\":\"") + name +
             (day_.active(name, ctx_.now()) ? "\",\"active\":true}" : "\",\"active\":false}");
    response.json(200, out + "]}");
  }

  DayPlan plan() const {
    const auto config = ctx_.config();
    DayPlan plan;
    plan.begin = ctx_.now();
    plan.length = config.duration("day", std::chrono::hours(24)).count();
    plan.loaders = config.strings("loaders");
    plan.faults = config.strings("faults");
    plan.seed = static_cast<std::uint64_t>(config.integer("seed", 1));
    const auto& known = EtlDay::known_faults();
    for (const auto& fault : plan.faults) {
      if (std::find(known.begin(), known.end(), fault) == known.end()) {
        std::string names;
        for (const auto& name : known) names += (names.empty() ? "" : ", ") + name;
        throw tsn::Failure(tsn::invalid("faults: there is no \"" + fault + "\"; expected any of " + names));
      }
    }
    return plan;
  }

  tsn::Series series(const Emission& emission) {
    std::string key = emission.name;
    for (const auto& [name, value] : emission.labels) key.append("\xff").append(name).append("\xff").append(value);
    const auto it = series_.find(key);
    if (it != series_.end()) return it->second;
    std::vector<tsn::LabelView> labels(emission.labels.begin(), emission.labels.end());
    return series_.emplace(std::move(key), ctx_.series(emission.name, labels)).first->second;
  }

  void load(tsn::Batch& out, tsn::Time now) {
    while (workers_.size() < worker_count_) {
      const std::string name = std::to_string(workers_.size());
      workers_.push_back(ctx_.series("load.value", {{"worker", name}}));
    }
    owed_ += last_ ? rate_ * std::min(static_cast<double>(now - last_) / 1e9, most_owed_seconds) : 0;
    for (; owed_ >= 1; owed_ -= 1, ++sent_) {
      out.push(now, workers_[sent_ % worker_count_], static_cast<double>(sent_ * 7919 % 1000) / 10.0);
    }
  }

  tsn::Context ctx_;
  std::mutex mutex_;  // poll() and handle() come on different threads
  EtlDay day_;
  const double rate_;
  const std::uint32_t worker_count_;
  std::map<std::string, tsn::Series> series_;
  std::vector<tsn::Series> workers_;
  tsn::Time last_ = 0;
  double owed_ = 0;
  std::uint64_t sent_ = 0;
};

}  // namespace tocsin_plugins

using tocsin_plugins::Generator;
TOCSIN_PLUGIN(Generator)
