#include "app/demo.hpp"

#include <arpa/inet.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iostream>

#include "app/agent.hpp"
#include "base/text.hpp"

namespace tocsin::app {
namespace {

/// A port that nobody listens on now: links in the demo's mails lead to it.
int free_port() {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  const bool found = fd >= 0 && ::bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0 &&
                     ::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size) == 0;
  if (fd >= 0) ::close(fd);
  return found ? ntohs(address.sin_port) : 0;
}

/// Times in the demo's rules follow its length, so that every fault is seen whether it runs 20 s or an hour.
std::string config_text(const std::string& directory, std::chrono::nanoseconds length, bool json) {
  const auto part = [&](double share) {
    const auto ns = static_cast<std::int64_t>(static_cast<double>(length.count()) * share);
    return base::format_duration(std::chrono::milliseconds(std::max<std::int64_t>(ns / 1'000'000, 100)));
  };
  return R"toml([agent]
name     = "demo"
data_dir = ")toml" +
         directory + R"toml(/data"

[http]
listen = "127.0.0.1:)toml" +
         std::to_string(free_port()) + R"toml("

[log]
level = "warn"

# Live metrics of this machine.
[source.host]
every = "2s"

# An ETL day squeezed into the demo: a loader fails, an address tries passwords, a disk fills.
[source.generator]
every  = "250ms"
day    = ")toml" +
         base::format_duration(length) + R"toml("
faults = ["failing_loader", "brute_force", "filling_disk"]
seed   = 7

[rules]
pack = "none"

[[rule]]
name       = "loader_failing"
category   = "TRANSACTION"
severity   = "HIGH"
signal     = 'etl.run{status="FAILED"}'
by         = ["loader"]
aggregate  = "count"
over       = ")toml" +
         part(0.3) + R"toml("
op         = ">="
threshold  = 3
message    = "{{loader}} failed {{value}} times"
suggestion = "Look at the loader's last log; the source file may be missing"

[[rule]]
name       = "authentication_failure_cluster"
category   = "LOG"
severity   = "HIGH"
signal     = "auth.failure"
by         = ["client_ip"]
aggregate  = "count"
over       = ")toml" +
         part(0.3) + R"toml("
op         = ">="
threshold  = 5
message    = "Multiple authentication failures from {{client_ip}} ({{value}} attempts)"
suggestion = "Look for a brute-force attack; consider blocking the address"

[[rule]]
name       = "disk_filling"
category   = "INFRASTRUCTURE"
signal     = 'host.disk.used_percent{host="etl-db-1"}'
by         = ["host", "mount"]
op         = ">"
tiers      = [ { threshold = 80, severity = "HIGH" }, { threshold = 92, severity = "CRITICAL" } ]
message    = "{{mount}} on {{host}} is {{value}} % full (limit {{threshold}} %)"
suggestion = "Remove old extracts, or grow the volume"

[notifier.terminal]
stream = ")toml" +
         (json ? "stderr" : "stdout") + R"toml("

[notifier.mail]
plugin = "email"
url    = "maildir:)toml" +
         directory + R"toml(/maildir"
from   = "Tocsin <tocsin@localhost>"

[contact.you]
email = "you@localhost"

[route]
group_by   = ["alertname", "loader", "client_ip", "mount"]
group_wait = "0s"
notify     = ["terminal", "mail:contact.you"]
)toml";
}

/// Waits for SIGINT or SIGTERM, at most `length`; true if one came.
bool interrupted_within(std::chrono::nanoseconds length) {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGINT);
  sigaddset(&set, SIGTERM);
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(length);
  const timespec wait{seconds.count(), (length - seconds).count()};
  return sigtimedwait(&set, nullptr, &wait) > 0;
}

}  // namespace

base::Result<int> demo(const DemoRequest& request) {
  char name[] = "/tmp/tocsin-demo-XXXXXX";
  if (!mkdtemp(name)) return base::fail(base::Fault::denied, "cannot make a directory beneath /tmp");
  const std::string directory = name;
  const std::string file = directory + "/agent.toml";
  std::ofstream(file) << config_text(directory, request.length, request.json);
  TRY(auto agent, Agent::start({file}));
  auto& say = request.json ? std::cerr : std::cout;
  say << "The agent runs on " << agent->url() << " for " << base::format_duration(request.length) << ", configured by "
      << file << "\n"
      << "An ETL day with a failing loader, a brute-force attack and a filling disk begins; what it tells follows."
      << std::endl;
  interrupted_within(request.length);
  agent->settle(std::chrono::seconds(10));
  const auto totals = agent->totals();
  agent->stop();
  const std::string maildir = directory + "/maildir";
  if (!request.json) {
    std::cout << "\n"
              << totals.signals << " signals, " << totals.alerts << " alerts, " << totals.incidents << " incidents, "
              << totals.notifications << " notifications; mails in " << maildir << "\n";
  }
  std::cout << "{\"signals\": " << totals.signals << ", \"alerts\": " << totals.alerts
            << ", \"incidents\": " << totals.incidents << ", \"notifications\": " << totals.notifications
            << ", \"maildir\": " << base::json_quote(maildir) << "}" << std::endl;
  return totals.incidents >= 3 && totals.notifications >= totals.incidents ? 0 : 1;
}

}  // namespace tocsin::app
