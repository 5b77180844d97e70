#include "app/online_check.hpp"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <exception>
#include <functional>
#include <memory>
#include <optional>

#include "app/configuration.hpp"
#include "app/instance_factory.hpp"
#include "app/port.hpp"
#include "base/text.hpp"
#include "plugin_host/directory.hpp"
#include "telemetry/log.hpp"
#include "telemetry/metrics.hpp"

namespace tocsin::app {
namespace {

using Steady = std::chrono::steady_clock;

constexpr base::Duration usual_time = std::chrono::seconds(30);
/// Beyond an instance's own time: to load it, and for the host to give up on a call.
constexpr base::Duration load_time = std::chrono::seconds(10);
constexpr std::size_t most_at_once = 16, most_read = 256 * 1024;
/// Exit codes of the process that asks one instance.
constexpr int asked_code = 0, not_asked_code = 3;

/// A port that leads nowhere: an instance that is only looked at has no store, and keeps nothing.
class OnlinePort final : public AgentPort {
 public:
  using AgentPort::AgentPort;
  base::Result<std::optional<std::string>> kv_get(const std::string&, const std::string&) override {
    return std::nullopt;
  }
  base::Result<void> kv_put(const std::string&, const std::string&, std::string) override { return {}; }
  base::Result<void> exchange(const std::string&, model::Exchange) override { return {}; }
};

/// What is configured, read anew in each process: what a plugin's library holds open is not shared.
struct Setup {
  explicit Setup(const std::string& file)
      : agent(settings::load_agent(file, config::process_environment(), findings)),
        directory(agent.plugin_dirs, reactor, trust_policy(agent)),
        found(directory.scan()),
        configuration(file) {
    findings = configuration.read(found);
  }
  config::Diagnostics findings;
  settings::Agent agent;
  runtime::Reactor reactor{"reactor"};
  plugin_host::Directory directory;
  std::vector<plugin_host::Found> found;
  Configuration configuration;
};

base::Duration time_of(const Wanted& wanted) {
  return wanted.timeout > base::Duration::zero() ? wanted.timeout : usual_time;
}

using Hear = std::function<void(std::optional<std::string>)>;

/// `hear` gets the report, or nothing where the type cannot look, while the instance is still there: taking it down may
/// hang.
void look(const std::string& config_file, const std::string& name, const Hear& hear) {
  Setup setup(config_file);
  const auto all = setup.configuration.wanted();
  const auto wanted = std::ranges::find(all, name, &Wanted::full);
  if (wanted == all.end()) return hear("error: it is no longer configured");
  const auto* file = find_type(setup.found, *wanted);
  if (file == nullptr || !file->error.empty()) {
    return hear("error: its plugin \"" + wanted->plugin + "\" is not there" + (file ? ": " + file->error : ""));
  }
  auto config = setup.configuration.prepare(*wanted, *plugin_host::type_of(*file, wanted->plugin));
  if (!config) return hear("error: " + config.error().message());
  base::SystemClock clock;
  model::SeriesTable series;
  telemetry::Metrics metrics;
  runtime::Pool pool("pool", 2);
  OnlinePort port({&clock, &series, nullptr, &metrics, &setup.reactor, &pool});
  InstanceFactory factory({.port = &port});
  plugin_host::InstanceSettings settings;
  settings.name = name;
  settings.type = wanted->plugin;
  settings.config = std::move(*config);
  settings.data_dir = setup.agent.data_dir + "/plugins/" + name;
  settings.labels = wanted->labels;
  settings.max_series = wanted->max_series;
  settings.identity = file->identity;
  auto made = factory.make(*file, std::move(settings), wanted->isolation);
  if (!made) return hear("error: " + made.error().message());
  if (!(*made)->probes()) return hear(std::nullopt);
  auto report = (*made)->probe(nullptr, setup.agent.http.external_url, clock.now() + time_of(*wanted));
  hear(report ? *report : "error: " + report.error().message());
}

void write_all(int descriptor, std::string_view text) {
  while (!text.empty()) {
    const ssize_t n = ::write(descriptor, text.data(), text.size());
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return;
    text.remove_prefix(static_cast<std::size_t>(n));
  }
}

/// In the child. Ends at once: nothing is torn down that a hanging plugin could hold up.
[[noreturn]] void be_asker(const std::string& config_file, const std::string& name, int to, pid_t parent) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != parent) ::_exit(asked_code);
  telemetry::LogSettings log;
  log.level = telemetry::Level::error;
  telemetry::setup_log(log);
  const auto tell = [to](const std::optional<std::string>& report) {
    if (!report) ::_exit(not_asked_code);
    write_all(to, *report);
    ::_exit(asked_code);
  };
  try {
    look(config_file, name, tell);
  } catch (const std::exception& error) {
    write_all(to, std::string("error: ") + error.what());
  }
  ::_exit(asked_code);
}

struct Asker {
  std::string name;
  pid_t pid = -1;
  int from = -1;
  Steady::time_point end{};
};

base::Result<Asker> begin(const std::string& config_file, const Wanted& wanted) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0)
    return base::fail(base::Fault::internal, std::string("pipe: ") + std::strerror(errno));
  const pid_t parent = ::getpid(), child = ::fork();
  if (child < 0) {
    ::close(ends[0]), ::close(ends[1]);
    return base::fail(base::Fault::internal, std::string("fork: ") + std::strerror(errno));
  }
  if (child == 0) {
    ::close(ends[0]);
    be_asker(config_file, wanted.full(), ends[1], parent);
  }
  ::close(ends[1]);
  return Asker{wanted.full(), child, ends[0], Steady::now() + time_of(wanted) + load_time};
}

/// What it writes until it ends; false: its time was up.
bool read_until_end(const Asker& asker, std::string& out) {
  char buffer[4096];
  for (;;) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(asker.end - Steady::now()).count();
    if (left <= 0) return false;
    pollfd ready{asker.from, POLLIN, 0};
    const int n = ::poll(&ready, 1, static_cast<int>(std::min<long long>(left, 60'000)));
    if (n < 0 && errno != EINTR) return true;
    if (n <= 0) continue;
    const ssize_t got = ::read(asker.from, buffer, sizeof buffer);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return true;
    if (out.size() < most_read) out.append(buffer, static_cast<std::size_t>(got));
  }
}

/// Each line with its level; one without is what a report should not have.
std::vector<std::string> lines_of(std::string_view report) {
  std::vector<std::string> out;
  for (std::string_view line : base::split(report, '\n')) {
    line = base::trim(line);
    if (line.empty()) continue;
    const bool marked = line.starts_with("error: ") || line.starts_with("warning: ") || line.starts_with("ok: ");
    out.push_back((marked ? "" : "warning: ") + std::string(line));
  }
  return out;
}

OnlineFinding hear(const Asker& asker) {
  OnlineFinding out{asker.name, true, {}};
  std::string report;
  const bool ended = read_until_end(asker, report);
  ::close(asker.from);
  if (!ended) ::kill(asker.pid, SIGKILL);
  int status = 0;
  while (::waitpid(asker.pid, &status, 0) < 0 && errno == EINTR) {
  }
  out.lines = lines_of(report);
  if (!ended) {
    out.lines.push_back("error: it did not answer in time and was ended; a shorter `timeout` makes it give up earlier");
  } else if (WIFSIGNALED(status)) {
    out.lines.push_back(std::string("error: its plugin crashed (") + ::strsignal(WTERMSIG(status)) + ")");
  } else if (WEXITSTATUS(status) == not_asked_code) {
    out.asked = false;
  } else if (out.lines.empty()) {
    out.lines.push_back("warning: it looked and had nothing to say");
  }
  return out;
}

}  // namespace

bool OnlineFinding::good() const {
  return std::ranges::none_of(lines, [](const std::string& line) { return line.starts_with("error: "); });
}

std::vector<OnlineFinding> check_online(const std::string& config_file) {
  // Its threads have ended before the first fork.
  std::vector<Wanted> all = Setup(config_file).configuration.wanted();
  std::ranges::sort(all, {}, &Wanted::full);
  std::vector<OnlineFinding> out;
  for (std::size_t first = 0; first < all.size(); first += most_at_once) {
    std::vector<base::Result<Asker>> askers;
    const std::size_t end = std::min(all.size(), first + most_at_once);
    for (std::size_t i = first; i < end; ++i) askers.push_back(begin(config_file, all[i]));
    for (std::size_t i = first; i < end; ++i) {
      const auto& asker = askers[i - first];
      out.push_back(asker ? hear(*asker) : OnlineFinding{all[i].full(), true, {"error: " + asker.error().message()}});
    }
  }
  return out;
}

}  // namespace tocsin::app
