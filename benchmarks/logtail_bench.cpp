// Lines a second through logtail, from a file to rows in a batch that a host takes, on one thread; the baseline is
// std::getline and one RE2::PartialMatch for each line of the same file, and for JSON std::getline and simdjson.
#include <benchmark/benchmark.h>
#include <re2/re2.h>
#include <simdjson.h>
#include <unistd.h>

#include <cstdio>
#include <fstream>
#include <random>
#include <string>

#include "tocsin/config.hpp"
#include "tocsin/plugin.hpp"

extern "C" const tsn_plugin* tsn_plugin_entry_v1() noexcept;

namespace {

constexpr int lines = 400'000;
constexpr auto pattern = R"(Failed password for (?:invalid user )?(?P<user>.*?) from (?P<client_ip>\S+) port)";

/// A file like sshd's, in which `share` percent of the lines match.
std::string make_log(int share) {
  const std::string path = "/tmp/logtail_bench_" + std::to_string(::getpid()) + "_" + std::to_string(share) + ".log";
  std::ofstream out(path);
  std::mt19937 random(7);
  char line[256];
  for (int i = 0; i < lines; ++i) {
    const auto address = static_cast<int>(random() % 200);
    const bool match = static_cast<int>(random() % 100) < share;
    std::snprintf(line, sizeof line,
                  match ? "Nov 20 %02d:%02d:%02d gate sshd[%d]: Failed password for invalid user admin from "
                          "198.51.100.%d port %d ssh2\n"
                        : "Nov 20 %02d:%02d:%02d gate sshd[%d]: Connection closed by authenticating peer 198.51.100.%d "
                          "port %d [preauth]\n",
                  i / 36000 % 24, i / 600 % 60, i / 10 % 60, 1000 + i % 30000, address, 30000 + i % 20000);
    out << line;
  }
  return path;
}

/// A host that takes everything and keeps nothing.
struct Host {
  std::uint64_t rows = 0;
  tsn_series next = 0;
  tsn_host table{};

  Host() {
    table.size = sizeof table;
    table.abi = TSN_ABI_VERSION;
    table.ctx = this;
    table.now = [](const tsn_host*) -> std::int64_t { return 1'795'219'200'000'000'000; };  // 2026-11-21T00:00:00Z
    table.log = [](const tsn_host*, tsn_instance, tsn_log_level, tsn_str) {};
    table.series = [](const tsn_host* host, tsn_instance, tsn_str, const tsn_label*, std::uint32_t, tsn_series* out,
                      tsn_err*) -> tsn_status {
      *out = ++static_cast<Host*>(host->ctx)->next;
      return TSN_OK;
    };
    table.submit = [](const tsn_host* host, tsn_instance, const tsn_batch* batch, const tsn_bytes*, tsn_submitted* out,
                      tsn_err*) -> tsn_status {
      static_cast<Host*>(host->ctx)->rows += batch->rows;
      out->accepted = batch->rows;
      return TSN_OK;
    };
    table.stopping = [](const tsn_host*, tsn_instance) { return 0; };
    table.metric = [](const tsn_host*, tsn_instance, tsn_metric_kind, tsn_str, const tsn_label*, std::uint32_t,
                      double) {};
  }
};

void read_file(benchmark::State& state, const std::string& path, const tsn::Value& options) {
  std::uint64_t rows = 0;
  for (auto _ : state) {
    Host host;
    auto config = options;
    config.set("paths", tsn::Value::array({tsn::Value(path)})).set("max_line", 1 << 20);
    tsn_create create{};
    create.size = sizeof create;
    create.replay = 1;
    create.config = config.view();
    const auto& type = *tsn_plugin_entry_v1()->types[0];
    tsn_err err = tsn::detail::empty_err();
    void* self = nullptr;
    if (type.create(&host.table, &create, &self, &err) != TSN_OK || type.start(self, {}, &err) != TSN_OK)
      return state.SkipWithError(err.msg);
    while (type.source->pull(self, 1, INT64_MAX, &err) == TSN_OK) continue;
    type.stop(self);
    type.destroy(self);
    rows = host.rows;
  }
  state.SetItemsProcessed(state.iterations() * lines);
  state.counters["matched"] = static_cast<double>(rows);
  std::remove(path.c_str());
}

void reads(benchmark::State& state) {
  read_file(
      state, make_log(static_cast<int>(state.range(0))),
      tsn::Value::table(
          {{"timestamp", tsn::Value::table({{"format", "rfc3164"}, {"zone", "Asia/Riyadh"}})},
           {"match", tsn::Value::array({tsn::Value::table({{"signal", "auth.failure"}, {"pattern", pattern}})})}}));
}

enum Wrapping { none, cri, docker };

/// Records as a load test of another agent has them: 1000 series, a time and a value; about 72 bytes.
std::string make_records(Wrapping wrapping) {
  const std::string path = "/tmp/logtail_bench_" + std::to_string(::getpid()) + "_json.log";
  std::ofstream out(path);
  char line[256], wrapped[512];
  for (int i = 0; i < lines; ++i) {
    const bool quoted = wrapping == docker;
    std::snprintf(line, sizeof line,
                  quoted ? R"({\"host\":\"h001\",\"metric\":\"cpu_user\",\"series\":%d,\"ts\":%.3f,\"value\":%.1f})"
                         : R"({"host":"h001","metric":"cpu_user","series":%d,"ts":%.3f,"value":%.1f})",
                  i % 1000, 1e9 * 1.7 + i * 0.01, i % 1000 * 919 % 1000 / 10.0);
    const char* format =
        wrapping == none  ? "%s\n"
        : wrapping == cri ? "2026-11-20T10:00:00.123456789Z stdout F %s\n"
                          : "{\"log\":\"%s\\n\",\"stream\":\"stdout\",\"time\":\"2026-11-20T10:00:00.123456789Z\"}\n";
    std::snprintf(wrapped, sizeof wrapped, format, line);
    out << wrapped;
  }
  return path;
}

/// Every record is a row of one of 1000 series; with `where`, one in twenty is.
void reads_json(benchmark::State& state) {
  auto match = tsn::Value::table({{"signal", "cpu"},
                                  {"value", "value"},
                                  {"labels", tsn::Value::table({{"host", "{host}"}, {"series", "{series}"}})}});
  if (state.range(1)) match.set("where", tsn::Value::table({{"value", ">95"}}));
  read_file(state, make_records(static_cast<Wrapping>(state.range(0))),
            tsn::Value::table({{"parser", "json"},
                               {"timestamp", tsn::Value::table({{"field", "ts"}})},
                               {"match", tsn::Value::array({match})}}));
}

/// No parser and no pattern: what the lines themselves cost.
void reads_plain(benchmark::State& state) {
  read_file(state, make_records(static_cast<Wrapping>(state.range(0))),
            tsn::Value::table({{"timestamp", tsn::Value::table({{"format", "none"}})}}));
}

void getline_and_simdjson(benchmark::State& state) {
  const auto path = make_records(none);
  simdjson::dom::parser parser;
  double sum = 0;
  for (auto _ : state) {
    std::ifstream in(path);
    std::string line;
    while (std::getline(in, line)) {
      const auto record = parser.parse(line);
      sum += record["value"].get_double().value() + record["ts"].get_double().value() +
             static_cast<double>(record["series"].get_int64().value() + record["host"].get_string().value()[0]);
    }
  }
  benchmark::DoNotOptimize(sum);
  state.SetItemsProcessed(state.iterations() * lines);
  std::remove(path.c_str());
}

void getline_and_re2(benchmark::State& state) {
  const auto path = make_log(static_cast<int>(state.range(0)));
  const RE2 expression(pattern);
  std::uint64_t rows = 0;
  for (auto _ : state) {
    std::ifstream in(path);
    std::string line, user, address;
    rows = 0;
    while (std::getline(in, line)) rows += RE2::PartialMatch(line, expression, &user, &address);
  }
  state.SetItemsProcessed(state.iterations() * lines);
  state.counters["matched"] = static_cast<double>(rows);
  std::remove(path.c_str());
}

BENCHMARK(reads)->Name("logtail")->Arg(25)->Arg(100)->Unit(benchmark::kMillisecond);
BENCHMARK(reads_json)->Name("logtail JSON")->ArgsProduct({{none, cri, docker}, {0, 1}})->Unit(benchmark::kMillisecond);
BENCHMARK(reads_plain)->Name("logtail lines")->Arg(none)->Arg(cri)->Arg(docker)->Unit(benchmark::kMillisecond);
BENCHMARK(getline_and_simdjson)->Name("getline+simdjson")->Unit(benchmark::kMillisecond);
BENCHMARK(getline_and_re2)->Name("getline+RE2")->Arg(25)->Arg(100)->Unit(benchmark::kMillisecond);

}  // namespace

BENCHMARK_MAIN();
