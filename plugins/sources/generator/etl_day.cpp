#include "etl_day.hpp"

#include <algorithm>
#include <cmath>

namespace tocsin_plugins {
namespace {

struct Fault {
  const char* name;
  double from, to;  // fractions of the day
};
constexpr Fault faults[] = {
    {"failing_loader", 0.15, 0.60}, {"brute_force", 0.25, 0.55},    {"filling_disk", 0.20, 0.70},
    {"error_storm", 0.40, 0.60},    {"slow_loader", 0.30, 0.60},    {"no_runs", 0.70, 0.80},
    {"open_breaker", 0.35, 0.45},   {"exhausted_pool", 0.45, 0.55}, {"high_memory", 0.50, 0.70},
    {"high_cpu", 0.65, 0.80},       {"pod_restarts", 0.60, 0.70},   {"slow_service", 0.25, 0.45}};
constexpr double runs_per_day = 48;  // of each loader
constexpr std::int64_t second = 1'000'000'000;

}  // namespace

EtlDay::EtlDay(DayPlan plan) : plan_(std::move(plan)), random_(plan_.seed), around_(plan_.seed + 1) {
  plan_.length = std::max<std::int64_t>(plan_.length, second);
  const auto spacing = static_cast<double>(plan_.length) / runs_per_day;
  std::uniform_real_distribution<double> phase(0, spacing);
  for (std::size_t i = 0; i < plan_.loaders.size(); ++i)
    next_run_.push_back(plan_.begin + static_cast<std::int64_t>(phase(random_)));
}

const std::vector<std::string>& EtlDay::known_faults() {
  static const std::vector<std::string> names = [] {
    std::vector<std::string> all;
    for (const auto& fault : faults) all.emplace_back(fault.name);
    return all;
  }();
  return names;
}

bool EtlDay::inject(std::string_view fault, std::int64_t until) {
  if (std::find(known_faults().begin(), known_faults().end(), fault) == known_faults().end()) return false;
  injected_[std::string(fault)] = {std::max(last_, plan_.begin), until};
  return true;
}

bool EtlDay::end(std::string_view fault) {
  const auto it = injected_.find(fault);
  if (it != injected_.end()) injected_.erase(it);
  return std::find(known_faults().begin(), known_faults().end(), fault) != known_faults().end();
}

double EtlDay::fraction(std::int64_t now) const {
  return static_cast<double>((now - plan_.begin) % plan_.length) / static_cast<double>(plan_.length);
}

double EtlDay::progress(std::string_view name, std::int64_t now) const {
  if (const auto it = injected_.find(name); it != injected_.end() && now <= it->second.second) {
    const auto length = std::max<std::int64_t>(it->second.second - it->second.first, 1);
    return static_cast<double>(now - it->second.first) / static_cast<double>(length);
  }
  if (std::find(plan_.faults.begin(), plan_.faults.end(), name) == plan_.faults.end()) return -1;
  const double at = fraction(now);
  for (const auto& fault : faults) {
    if (fault.name == name && at >= fault.from && at < fault.to) return (at - fault.from) / (fault.to - fault.from);
  }
  return -1;
}

bool EtlDay::active(std::string_view fault, std::int64_t now) const {
  return progress(fault, now) >= 0;
}

std::uint32_t EtlDay::events(double per_second, double seconds) {
  std::poisson_distribution<std::uint32_t> count(per_second * seconds);
  return per_second * seconds > 0 ? count(random_) : 0;
}

std::vector<Emission> EtlDay::advance(std::int64_t now) {
  std::vector<Emission> out;
  const std::int64_t since = last_;
  last_ = now;
  if (since == 0 || now <= since) {
    for (auto& next : next_run_) next = std::max(next, now);
    return out;
  }
  const double seconds = static_cast<double>(now - since) / 1e9;
  run_loaders(now, since, out);
  log_in(now, seconds, out);
  fill_disk(now, out);
  log_errors(now, seconds, out);
  run_platform(now, seconds, out);
  serve(now, seconds, out);
  return out;
}

void EtlDay::run_loaders(std::int64_t now, std::int64_t, std::vector<Emission>& out) {
  const auto spacing = static_cast<double>(plan_.length) / runs_per_day;
  std::lognormal_distribution<double> duration(3.4, 0.25);
  std::uniform_real_distribution<double> jitter(0.8, 1.2), luck(0, 1);
  for (std::size_t i = 0; i < plan_.loaders.size(); ++i) {
    const bool broken = i == 0 && active("failing_loader", now);
    const bool slow = i == 1 && active("slow_loader", now);
    const bool silent = active("no_runs", now);
    while (next_run_[i] <= now) {
      // A failing loader is tried again and again, as schedulers do.
      next_run_[i] +=
          std::max<std::int64_t>(1, static_cast<std::int64_t>(spacing * jitter(random_) * (broken ? 0.5 : 1)));
      const bool failed = broken || luck(random_) < 0.002;
      if (silent) continue;
      const auto& loader = plan_.loaders[i];
      out.push_back({"etl.run", {{"loader", loader}, {"status", failed ? "FAILED" : "SUCCESS"}}, 1});
      out.push_back({"etl.duration", {{"loader", loader}}, duration(random_) * (slow ? 10 : 1)});
      if (!failed)
        out.push_back(
            {"etl.rows", {{"loader", loader}}, std::round(10'000 * (1 + static_cast<double>(i)) * jitter(random_))});
    }
  }
}

void EtlDay::log_in(std::int64_t now, double seconds, std::vector<Emission>& out) {
  std::uniform_int_distribution<int> host(10, 60), user(0, 4);
  static constexpr const char* users[] = {"amal", "badr", "dana", "faris", "huda"};
  for (auto n = events(0.5, seconds); n > 0; --n) {
    out.push_back({"auth.success",
                   {{"client_ip", "10.1.0." + std::to_string(host(random_))}, {"user", users[user(random_)]}},
                   1});
  }
  if (!active("brute_force", now)) return;
  for (auto n = events(4, seconds); n > 0; --n) {
    out.push_back({"auth.failure", {{"client_ip", "203.0.113.7"}, {"user", "root"}}, 1});
  }
}

void EtlDay::fill_disk(std::int64_t now, std::vector<Emission>& out) {
  const double filled = progress("filling_disk", now);
  std::uniform_real_distribution<double> noise(-0.3, 0.3);
  const double used = filled < 0 ? 52 : std::min(97.0, 52 + 60 * filled);
  out.push_back({"host.disk.used_percent", {{"host", "etl-db-1"}, {"mount", "/data"}}, used + noise(random_)});
}

void EtlDay::log_errors(std::int64_t now, double seconds, std::vector<Emission>& out) {
  const double rate = active("error_storm", now) ? 5 : 0.02;
  for (auto n = events(rate, seconds); n > 0; --n) out.push_back({"log.error", {{"service", "settlement"}}, 1});
}

/// What the platform's exporters say, under the names that the default rules read.
void EtlDay::run_platform(std::int64_t now, double seconds, std::vector<Emission>& out) {
  std::uniform_real_distribution<double> noise(-1, 1);
  const bool open = active("open_breaker", now);
  for (const char* state : {"closed", "half_open", "open"}) {
    const bool present = (std::string_view(state) == "open") == open && std::string_view(state) != "half_open";
    out.push_back({"resilience4j_circuitbreaker_state",
                   {{"service_name", "settlement"}, {"name", "core-banking"}, {"state", state}},
                   present ? 1.0 : 0.0});
  }
  const double in_use = active("exhausted_pool", now) ? 20 : std::round(6 + 2 * noise(around_));
  const std::vector<std::pair<std::string, std::string>> pool = {{"service_name", "settlement"}, {"pool", "ledger"}};
  out.push_back({"hikaricp_connections_active", pool, in_use});
  out.push_back({"hikaricp_connections_max", pool, 20});
  const double grown = progress("high_memory", now);
  const double memory = grown < 0 ? 48 : std::min(96.0, 48 + 80 * grown);
  out.push_back({"host.memory.used_percent", {{"host", "etl-db-1"}}, memory + noise(around_)});
  const double cpu = active("high_cpu", now) ? 97 : 22;
  out.push_back({"host.cpu.used_percent", {{"host", "etl-db-1"}}, cpu + 2 * noise(around_)});
  if (active("pod_restarts", now)) restarts_ += std::poisson_distribution<std::uint32_t>(0.1 * seconds)(around_);
  out.push_back({"kube_pod_container_status_restarts_total",
                 {{"namespace", "etl"}, {"pod", "settlement-0"}, {"container", "settlement"}},
                 static_cast<double>(restarts_)});
}

/// Two requests a second: enough for a quantile over some minutes.
void EtlDay::serve(std::int64_t now, double seconds, std::vector<Emission>& out) {
  std::lognormal_distribution<double> duration(-2.5, 0.5);
  const bool slow = active("slow_service", now);
  for (auto n = std::poisson_distribution<std::uint32_t>(2 * seconds)(around_); n > 0; --n)
    out.push_back({"http.server.request.duration", {{"service", "settlement"}}, duration(around_) * (slow ? 20 : 1)});
}

}  // namespace tocsin_plugins
