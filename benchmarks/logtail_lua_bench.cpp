// A log file judged by a rule in Lua, the whole agent: logtail_lua_bench PROGRAM [--lines N] [--runs N] [--rule NAME]
// The real agent tails a file that is there at its start, each JSON record becomes a signal of one of 1000 series
// (journal, windows, history), and a rule judges it. FLUENT_BIT=path measures Fluent Bit with the same file, its Lua
// filter and its null output in the same run: it keeps nothing. What is compared is lines per processor second, from
// the moment the file has its name until every line was taken and the process is quiet; one JSON object a line.
#include <algorithm>
#include <cstring>
#include <vector>

#include "agent_process.hpp"

namespace {

using namespace outside;

struct Spent {
  double wall = 0, cpu = 0, lines = 0;
};

/// The records that the load test of other agents writes; about 72 bytes each, one in twenty over 95.
void write_file(const std::string& path, int lines) {
  std::FILE* out = std::fopen(path.c_str(), "w");
  if (!out) std::perror(path.c_str()), std::exit(1);
  const double begin = now_seconds() - lines * 1e-5;
  for (int i = 0; i < lines; ++i)
    std::fprintf(out, "{\"host\":\"h001\",\"metric\":\"cpu_user\",\"series\":%d,\"ts\":%.3f,\"value\":%.1f}\n",
                 i % 1000, begin + i * 1e-5, static_cast<double>(i * 7919LL % 1000) / 10);
  std::fclose(out);
}

std::string get(std::uint16_t port, const std::string& path) {
  const int line = dial(port);
  if (line < 0) return {};
  std::string buffer;
  send_all(line, "GET " + path + " HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n");
  char chunk[65536];
  for (ssize_t n; (n = read(line, chunk, sizeof chunk)) > 0;) buffer.append(chunk, static_cast<std::size_t>(n));
  close(line);
  return buffer;
}

/// The sum of the samples of `name` on a page of metrics.
double metric(const std::string& page, const std::string& name) {
  double sum = 0;
  for (std::size_t at = 0; (at = page.find("\n" + name, at)) != page.npos; ++at) {
    const auto end = page.find('\n', at + 1);
    const auto blank = page.rfind(' ', end);
    if (blank != page.npos && blank > at) sum += std::atof(page.c_str() + blank);
  }
  return sum;
}

/// Until `taken` says `lines` and the process has used next to nothing for a while; the last busy moment is the end.
template <class Cpu, class Taken>
Spent measure(Cpu&& cpu_now, Taken&& taken, int lines, double cpu_before, Clock::time_point begin) {
  Spent spent;
  double last = cpu_now();
  int quiet = 0;
  for (int looks = 0; quiet < 10 && since(begin) < 120; ++looks) {
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    const double cpu = cpu_now();
    quiet = cpu - last > 0.011 ? 0 : quiet + 1;
    if (quiet == 0) spent.wall = since(begin), spent.cpu = cpu - cpu_before;
    last = cpu;
    if (quiet == 9 && (spent.lines = taken()) < lines) quiet = 0;
  }
  return spent;
}

void print(const char* who, const char* rule, std::vector<Spent> runs) {
  std::sort(runs.begin(), runs.end(), [](const auto& a, const auto& b) { return a.lines / a.cpu < b.lines / b.cpu; });
  const auto& median = runs[runs.size() / 2];
  std::printf(
      "{\"who\":\"%s\",\"rule\":\"%s\",\"lines\":%.0f,\"lines_per_cpu_second\":%.0f,\"min\":%.0f,\"max\":%.0f,"
      "\"lines_per_second\":%.0f}\n",
      who, rule, median.lines, median.lines / median.cpu, runs.front().lines / runs.front().cpu,
      runs.back().lines / runs.back().cpu, median.lines / median.wall);
  std::fflush(stdout);
}

Spent of_tocsin(const char* program, const std::string& directory, int lines, const char* rules, const char* match) {
  const std::string log = directory + "/tail.log";
  fs::remove(log);
  write_file(log + ".tmp", lines);
  std::ofstream(directory + "/rule.lua") << rules;
  const std::string lua = *rules ? "[rules]\npaths = [\"" + directory + "/rule.lua\"]\n" : "";
  Agent agent(program, lua + "[source.tail]\nplugin = \"logtail\"\npaths = [\"" + log +
                           "\"]\nstart = \"beginning\"\nparser = \"json\"\ntimestamp = { field = \"ts\" }\n"
                           "[[source.tail.match]]\nsignal = \"cpu\"\nvalue = \"value\"\n" +
                           match);
  std::this_thread::sleep_for(std::chrono::milliseconds(500));
  const auto begin = Clock::now();
  const double before = agent.cpu();
  fs::rename(log + ".tmp", log);
  return measure([&] { return agent.cpu(); },
                 [&] { return metric(get(agent.port(), "/metrics"), "tocsin_plugin_lines_read"); }, lines, before,
                 begin);
}

Spent of_fluent_bit(const char* program, const std::string& directory, int lines, const char* call) {
  const std::string log = directory + "/tail.log";
  fs::remove(log);
  write_file(log + ".tmp", lines);
  std::uint16_t port = 0;
  close(listener(port));
  std::ofstream(directory + "/parsers.conf") << "[PARSER]\n    Name j\n    Format json\n";
  std::ofstream(directory + "/rule.lua") << "local over = 0\n"
                                            "function check(tag, ts, rec)\n"
                                            "  local v = rec[\"value\"]\n"
                                            "  if v and v > 95 then over = over + 1 end\n"
                                            "  return 0, ts, rec\n"
                                            "end\n"
                                            "function mark(tag, ts, rec)\n"
                                            "  local v = rec[\"value\"]\n"
                                            "  if v and v > 95 then rec[\"alert\"] = true; return 2, ts, rec end\n"
                                            "  return 0, ts, rec\n"
                                            "end\n";
  std::ofstream(directory + "/flb.conf")
      << "[SERVICE]\n    Flush 0.1\n    Grace 1\n    Log_Level warn\n    HTTP_Server On\n    HTTP_Listen 127.0.0.1\n"
         "    HTTP_Port "
      << port << "\n    Parsers_File " << directory << "/parsers.conf\n[INPUT]\n    Name tail\n    Tag x\n    Path "
      << log
      << "\n    Parser j\n    Read_from_Head On\n    Buffer_Chunk_Size 256k\n    Buffer_Max_Size 1M\n    "
         "Refresh_Interval 1\n"
      << (*call ? "[FILTER]\n    Name lua\n    Match *\n    Script " + directory + "/rule.lua\n    Call " + call + "\n"
                : "")
      << "[OUTPUT]\n    Name null\n    Match *\n";
  const pid_t pid = fork();
  if (pid == 0) {
    execl(program, "fluent-bit", "-q", "-c", (directory + "/flb.conf").c_str(), nullptr);
    _exit(127);
  }
  for (int i = 0; i < 100 && get(port, "/api/v1/uptime").empty(); ++i)
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  const auto begin = Clock::now();
  const double before = cpu_of(pid);
  fs::rename(log + ".tmp", log);
  const auto spent =
      measure([pid] { return cpu_of(pid); },
              [port] { return metric(get(port, "/api/v1/metrics/prometheus"), "fluentbit_output_proc_records_total"); },
              lines, before, begin);
  kill(pid, SIGTERM);
  waitpid(pid, nullptr, 0);
  return spent;
}

constexpr auto check = R"(rule "over" {
  severity = "HIGH", signals = { cpu = "cpu" }, by = { "series" },
  check = function(s) return s.cpu:last() > 95 end,
}
)";
constexpr auto labels = "labels = { series = \"{series}\" }\n";
constexpr auto few = "labels = { series = \"{series}\" }\nwhere = { value = \">95\" }\n";

struct Case {
  const char *name, *rules, *match;
};
constexpr Case cases[] = {{"none", "", labels}, {"lua", check, labels}, {"where, then lua", check, few}};

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) return std::fprintf(stderr, "logtail_lua_bench PROGRAM [--lines N] [--runs N] [--rule NAME]\n"), 2;
  int lines = 2'000'000, runs = 3;
  std::string only;  // of the cases
  for (int i = 2; i + 1 < argc; i += 2) {
    if (!std::strcmp(argv[i], "--lines")) lines = std::atoi(argv[i + 1]);
    if (!std::strcmp(argv[i], "--rule")) only = argv[i + 1];
    if (!std::strcmp(argv[i], "--runs")) runs = std::max(std::atoi(argv[i + 1]), 1);
  }
  char name[] = "/tmp/logtail-lua-bench-XXXXXX";
  const std::string directory = mkdtemp(name);
  for (const auto& [rule, rules, match] : cases) {
    if (!only.empty() && only != rule) continue;
    std::vector<Spent> all;
    for (int i = 0; i < runs; ++i) all.push_back(of_tocsin(argv[1], directory, lines, rules, match));
    print("tocsin", rule, std::move(all));
  }
  const char* fluent_bit = std::getenv("FLUENT_BIT");
  if (!fluent_bit || access(fluent_bit, X_OK)) {
    std::printf("{\"who\":\"fluent-bit\",\"left out\":\"FLUENT_BIT names no program\"}\n");
  } else {
    for (const char* call : {"", "check", "mark"}) {
      std::vector<Spent> all;
      for (int i = 0; i < runs; ++i) all.push_back(of_fluent_bit(fluent_bit, directory, lines, call));
      print("fluent-bit", *call ? call : "none", std::move(all));
    }
  }
  fs::remove_all(directory);
}
