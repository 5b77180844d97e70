#include "app/online_check.hpp"

#include <algorithm>
#include <functional>
#include <memory>
#include <optional>

#include "app/asked_child.hpp"
#include "app/instance_factory.hpp"
#include "app/looked_at.hpp"
#include "base/text.hpp"

namespace tocsin::app {
namespace {

constexpr base::Duration usual_time = std::chrono::seconds(30);
/// Beyond an instance's own time: to load it, and for the host to give up on a call.
constexpr base::Duration load_time = std::chrono::seconds(10);
constexpr std::size_t most_at_once = 16, most_read = 256 * 1024;
/// Exit codes of the process that asks one instance.
constexpr int asked_code = 0, not_asked_code = 3;

base::Duration time_of(const Wanted& wanted) {
  return wanted.timeout > base::Duration::zero() ? wanted.timeout : usual_time;
}

using Hear = std::function<void(std::optional<std::string>)>;

/// `hear` gets the report, or nothing where the type cannot look, while the instance is still there: taking it down may
/// hang.
void look(const std::string& config_file, const std::string& name, const Hear& hear) {
  LookedAt setup(config_file);
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

base::Result<AskedChild> begin(const std::string& config_file, const Wanted& wanted) {
  return AskedChild::ask(
      [&](const AskedChild::Tell& tell) {
        look(config_file, wanted.full(), [&](const std::optional<std::string>& report) {
          tell(report.value_or(""), report ? asked_code : not_asked_code);
        });
      },
      time_of(wanted) + load_time);
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

OnlineFinding hear(const std::string& name, AskedChild child) {
  OnlineFinding out{name, true, {}};
  const AskedChild::Answer answer = child.wait(most_read);
  out.lines = lines_of(answer.text);
  if (!answer.failure.empty()) {
    out.lines.push_back("error: " + answer.failure);
  } else if (answer.code == not_asked_code) {
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
  std::vector<Wanted> all = LookedAt(config_file).configuration.wanted();
  std::ranges::sort(all, {}, &Wanted::full);
  std::vector<OnlineFinding> out;
  for (std::size_t first = 0; first < all.size(); first += most_at_once) {
    std::vector<base::Result<AskedChild>> askers;
    const std::size_t end = std::min(all.size(), first + most_at_once);
    for (std::size_t i = first; i < end; ++i) askers.push_back(begin(config_file, all[i]));
    for (std::size_t i = first; i < end; ++i) {
      auto& asker = askers[i - first];
      const std::string name = all[i].full();
      out.push_back(asker ? hear(name, std::move(*asker))
                          : OnlineFinding{name, true, {"error: " + asker.error().message()}});
    }
  }
  return out;
}

}  // namespace tocsin::app
