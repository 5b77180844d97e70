// Instances begun, exchanged for a successor, and ended. Everything slow (reading the file, checking and mapping it,
// making the instance) is done before anybody who serves is touched.
#include "app/adapters.hpp"
#include "app/fleet_member.hpp"
#include "base/text.hpp"
#include "settings/plugin_routes.hpp"
#include "telemetry/log.hpp"

namespace tocsin::app {
namespace {

constexpr base::Duration default_every = std::chrono::seconds(15);
constexpr base::Duration drain_limit =
    std::chrono::seconds(1);  ///< for requests that are inside when the switch begins

using Serving = plugin_host::HandedOver::Serving;

base::Duration given(base::Duration value, base::Duration otherwise) {
  return value > base::Duration::zero() ? value : otherwise;
}

}  // namespace

void Fleet::bring_up(Member& member, const plugin_host::Found& file, const model::PluginType& type, base::Value config,
                     Lines& lines) {
  const std::string name = member.wanted.full();
  const std::string text = base::to_json(config) + member.wanted.labels.text() +
                           base::format_duration(member.wanted.every) + base::format_duration(member.wanted.timeout) +
                           member.wanted.fallback + model::text_of(member.wanted.limits);
  const bool exchanged = member.instance != nullptr;
  if (exchanged && member.identity == file.identity && !member.instance->quarantine()) {
    if (member.config_text == text) return;
    if (auto taken = member.instance->reconfigure(config); taken && *taken) {
      std::lock_guard lock(mutex_);
      member.config_text = text;
      member.routes = settings::routes_of(type.routes, config);
      lines.push_back(name + ": took the new configuration");
      return;
    }
  }
  if (exchanged && member.refused_identity == file.identity && member.refused_config == text) {
    std::lock_guard lock(mutex_);
    member.error = member.refused_why;
    return;
  }
  const auto fail = [&](std::string why) {
    if (exchanged) {
      member.ledger->upgraded(false);
      telemetry::log_error(name, type.id + " " + type.version + " of " + file.path + " does not take over: " + why);
      member.refused_identity = file.identity, member.refused_config = text, member.refused_why = why;
    }
    refuse(member, std::move(why), lines);
  };
  auto made = make(member, file, config);
  if (!made) return fail(made.error().message() + (exchanged ? "; the running one is kept" : ""));
  if (!exchanged) {
    if (auto begun = begin(member, *made); !begun) {
      (*made)->stop();
      return fail(begun.error().message());
    }
  } else {
    const auto done = exchange(member, *made);
    if (done.serving != Serving::successor)
      return fail(done.text + (done.serving == Serving::old ? "; the running one is kept" : ""));
    member.ledger->upgraded(true);
    if (!done.text.empty()) telemetry::log_warn(name, type.id + " " + type.version + " took over " + done.text);
  }
  std::lock_guard lock(mutex_);
  member.identity = file.identity;
  member.path = file.path;
  member.version = type.version;
  member.config_text = text;
  member.routes = settings::routes_of(type.routes, config);
  member.refused_identity = 0;
  lines.push_back(name + (exchanged ? ": exchanged, now " : ": started, ") + type.id + " " + type.version);
}

base::Result<std::shared_ptr<plugin_host::Instance>> Fleet::make(Member& member, const plugin_host::Found& file,
                                                                 base::Value config) {
  const std::string name = member.wanted.full();
  if (!member.sequence) member.sequence = std::make_shared<plugin_host::Sequence>(parts_.journal->next_seq(name));
  plugin_host::InstanceSettings settings;
  settings.name = name;
  settings.type = member.wanted.plugin;
  settings.config = std::move(config);
  settings.data_dir = parts_.data_dir + "/plugins/" + name;
  settings.labels = member.wanted.labels;
  settings.max_series = member.wanted.max_series;
  settings.sequence = member.sequence;
  settings.identity = file.identity;
  return parts_.factory->make(file, std::move(settings), member.wanted.isolation);
}

base::Result<void> Fleet::begin(Member& member, const std::shared_ptr<plugin_host::Instance>& instance) {
  TRY_VOID(instance->start(parts_.journal->cursor(member.wanted.full())));
  serve(member, instance);
  if (member.wanted.kind != "source")
    open_channel(member);
  else
    poll(member, 0);
  return {};
}

void Fleet::serve(Member& member, std::shared_ptr<plugin_host::Instance> instance) {
  member.seat->put(instance);
  if (instance && !instance->quarantine()) {
    parts_.pipeline->own_alert(detection::OwnAlert::plugin_quarantined,
                               model::Labels{{"instance", member.wanted.full()}, {"plugin", member.wanted.plugin}},
                               false);
  }
  std::lock_guard lock(mutex_);
  member.instance = std::move(instance);
}

plugin_host::HandedOver Fleet::exchange(Member& member, const std::shared_ptr<plugin_host::Instance>& successor) {
  return member.wanted.kind == "source" ? exchange_source(member, successor) : exchange_channel(member, successor);
}

// One source at a time: what two would read twice, or a port both would listen on, allows no overlap. Its requests wait
// at the seat, its pulls begin anew at once.
plugin_host::HandedOver Fleet::exchange_source(Member& member,
                                               const std::shared_ptr<plugin_host::Instance>& successor) {
  const auto old = member.instance;
  if (member.poller) member.poller->stop();
  const int failures = member.poller ? member.poller->failures() : 0;
  member.poller.reset();
  member.seat->clear(drain_limit);
  auto done = plugin_host::hand_over(*old, *successor, [&] { return parts_.journal->cursor(member.wanted.full()); });
  if (done.serving != Serving::old) member.ledger->leaving(old);
  serve(member, done.serving == Serving::successor ? successor : done.serving == Serving::old ? old : nullptr);
  if (member.instance) poll(member, failures);
  member.ledger->close(old.get());
  return done;
}

// Deliveries under way end at the old one, new ones go to the successor; the old one is stopped when its last has
// ended.
plugin_host::HandedOver Fleet::exchange_channel(Member& member,
                                                const std::shared_ptr<plugin_host::Instance>& successor) {
  const auto old = member.instance;
  auto done = plugin_host::start_beside(*old, *successor, [&] { return parts_.journal->cursor(member.wanted.full()); });
  if (done.serving != Serving::successor) return done;
  member.ledger->leaving(old);
  serve(member, successor);
  open_channel(member);
  return done;
}

void Fleet::open_channel(const Member& member) {
  // Whoever lets go of the adapter last may be inside a call of the plugin: the instance is stopped elsewhere.
  auto gone = [pool = parts_.pool, ledger = member.ledger, instance = member.instance.get()] {
    pool->post([ledger, instance] { ledger->close(instance); });
  };
  ChannelAdapter::Settings settings{parts_.external_url, member.wanted.fallback, member.wanted.timeout,
                                    member.wanted.limits, parts_.links};
  parts_.pipeline->set_channel(member.wanted.name,
                               std::make_shared<ChannelAdapter>(member.instance, std::move(settings), std::move(gone)));
}

void Fleet::poll(Member& member, int failures) {
  if (!member.instance->polled()) return;
  Poller::Parts parts;
  parts.instance = member.instance;
  parts.reactor = parts_.reactor;
  parts.pool = parts_.pool;
  parts.clock = parts_.clock;
  parts.every = given(member.wanted.every, default_every);
  parts.timeout = given(member.wanted.timeout, default_timeout);
  parts.state = [pipeline = parts_.pipeline, name = member.wanted.full()](bool up) {
    pipeline->source_state(name, up);
  };
  parts.overrun = [ledger = member.ledger] { ledger->overrun(); };
  parts.failures = failures;
  member.poller = std::make_shared<Poller>(std::move(parts));
  member.poller->start();
}

void Fleet::end(Member& member) {
  if (member.poller) member.poller->stop();
  member.poller.reset();
  if (!member.instance) return;
  if (member.wanted.kind != "source") parts_.pipeline->set_channel(member.wanted.name, nullptr);
  const auto old = member.instance;
  old->stop();
  member.ledger->leaving(old);
  {
    std::lock_guard lock(mutex_);
    member.instance.reset();
    member.identity = 0;
  }
  member.seat->put(nullptr);
  member.ledger->close(old.get());
}

}  // namespace tocsin::app
