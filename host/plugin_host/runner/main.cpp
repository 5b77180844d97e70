// tocsin-runner: loads a plugin in a process of its own. Started by the agent alone, never by a person.
#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdlib>
#include <iostream>
#include <string>
#include <vector>

#include "plugin_host/runner/link.hpp"
#include "plugin_host/runner/region.hpp"
#include "plugin_host/runner/sandbox.hpp"
#include "plugin_host/runner/server.hpp"
#include "plugin_host/runner/start.hpp"

namespace {

using namespace tocsin::plugin_host::runner;

[[noreturn]] void die(const std::string& why) {
  std::cerr << "tocsin-runner: " << why << std::endl;
  ::_exit(runner_failed);
}

/// The runner ends with the agent, also where the agent ended before this line.
void die_with(pid_t agent) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != agent) ::_exit(runner_failed);
}

void own_signals() {
  sigset_t none;
  sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  ::signal(SIGPIPE, SIG_IGN);
  ::setpgid(0, 0);  // what the terminal sends is for the agent; what the plugin starts can be ended with it
}

}  // namespace

int main(int argc, char** argv) {
  const auto start = parse_start(std::vector<std::string>(argv + 1, argv + argc));
  if (!start) die(start.error().message());
  die_with(start->agent);
  own_signals();
  ::syscall(SYS_close_range, std::max(region_descriptor, control_descriptor) + 1, ~0u, 0);
  ::fcntl(region_descriptor, F_SETFD, FD_CLOEXEC);
  ::fcntl(control_descriptor, F_SETFD, FD_CLOEXEC);
  auto region = SharedRegion::map(region_descriptor);
  if (!region) die(region.error().message());
  const auto missing = confine(start->sandbox);
  if (!missing) die(missing.error().message());
  Link link(Link::Side::runner, **region);
  Server server(link, **region, control_descriptor);
  if (!missing->empty()) server.warn("it runs without a restriction of " + *missing);
  server.run();
  ::_exit(0);  // no destructor of a plugin's keeps the process
}
