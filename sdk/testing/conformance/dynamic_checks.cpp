#include <malloc.h>

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <thread>

#include "apart.hpp"
#include "checks.hpp"
#include "descriptor.hpp"
#include "elf.hpp"
#include "trial.hpp"

namespace tsn::conformance {
namespace {

using std::chrono::milliseconds;
using Clock = std::chrono::steady_clock;

std::size_t entries(const char* directory) {
  return static_cast<std::size_t>(std::distance(std::filesystem::directory_iterator(directory), {}));
}

/// A joined thread leaves /proc a moment after join() returned: asks again until the count is down, or for a second.
std::size_t settled_threads(std::size_t wanted) {
  const auto end = Clock::now() + std::chrono::seconds(1);
  auto count = entries("/proc/self/task");
  while (count > wanted && Clock::now() < end) {
    std::this_thread::yield();
    count = entries("/proc/self/task");
  }
  return count;
}

void check_sizes(const tsn_type& type, const std::string& id, Findings& found) {
  found.expect(type.size >= offsetof(tsn_type, routes), "zero_sizes", id,
               "tsn_type.size is " + std::to_string(type.size));
  const auto sized = [&](const auto* vtable, std::size_t least, const char* name) {
    if (vtable)
      found.expect(vtable->size >= least, "zero_sizes", id,
                   std::string(name) + ".size is " + std::to_string(vtable->size));
  };
  sized(type.source, offsetof(tsn_source_vtable, query_options), "tsn_source_vtable");
  sized(type.detector, offsetof(tsn_detector_vtable, extension), "tsn_detector_vtable");
  sized(type.notifier, offsetof(tsn_notifier_vtable, address_field), "tsn_notifier_vtable");
  sized(type.tracker, offsetof(tsn_tracker_vtable, sync), "tsn_tracker_vtable");
  sized(type.routes, sizeof(tsn_routes_vtable), "tsn_routes_vtable");
}

void check_declarations(const Subject& subject, const tsn_type& type, const std::string& id, Findings& found) {
  const auto odd = [&](bool holds, const std::string& what) { found.expect(holds, "odd_descriptor", id, what); };
  const auto plain = [](unsigned char c) { return std::islower(c) || std::isdigit(c) || c == '_' || c == '-'; };
  odd(!id.empty() && std::all_of(id.begin(), id.end(), plain), "the id \"" + id + "\" is not in a-z, 0-9, _ and -");
  odd(type.version.n > 0, "has no version");
  odd(type.doc.n > 0, "has no doc");
  odd(type.create && type.destroy, "lacks create or destroy");
  odd(!(type.kinds & TSN_KIND_SOURCE) == !type.source && !(type.kinds & TSN_KIND_DETECTOR) == !type.detector &&
          !(type.kinds & TSN_KIND_NOTIFIER) == !type.notifier && !(type.kinds & TSN_KIND_TRACKER) == !type.tracker,
      "kinds and vtables differ");
  for (std::uint32_t i = 0; i < type.option_count; ++i) {
    const auto option = detail::read_element(type.options, type.option_stride, i);
    odd(option.doc.n > 0, "option " + std::string(view(option.key)) + " has no doc");
  }
  for (std::uint32_t i = 0; i < type.need_count; ++i) {
    const auto need = view(detail::read_element(type.needs, type.need_stride, i));
    odd(need == "network" || need == "processes" || need.starts_with("files:/"),
        "needs \"" + std::string(need) + "\"; there are network, processes and files:/DIR");
  }
  config_for(subject, type);
}

std::string describes_itself(const Subject& subject, Findings& found) {
  const auto* plugin = load(subject);
  found.expect(plugin->size >= offsetof(tsn_plugin, reserved), "zero_sizes", "tsn_plugin",
               "its size is " + std::to_string(plugin->size));
  found.expect(plugin->abi == TSN_ABI_VERSION, "odd_descriptor", "tsn_plugin",
               "built for ABI " + std::to_string(plugin->abi));
  bool sized = true;
  for (std::uint32_t i = 0; i < plugin->type_count; ++i) {
    const auto& type = *plugin->types[i];
    check_sizes(type, id_of(type), found);
    sized &= type.size > 0;
    check_declarations(subject, type, id_of(type), found);
  }
  // A type of size zero is empty to who reads it by the rules: the difference would say nothing more.
  const auto difference = sized ? compare_with_note(*plugin, read_elf(subject.path).note) : std::string();
  found.expect(difference.empty(), "note_differs", TSN_NOTE_SECTION, difference);
  return {};
}

std::string works(const Subject& subject, Findings& found) {
  std::string remark;
  for_each_type(subject, found, [&](Trial& trial) {
    auto instance = trial.create();
    found.expect(instance || !trial.answer.text.empty(), "silent_failure", last_call(), "failed without a text");
    found.expect(instance || has_required(trial.type), "odd_answer", last_call(),
                 "cannot be made with its defaults: " + trial.answer.text);
    if (!instance) {
      remark = id_of(trial.type) + " refuses the made-up configuration: " + trial.answer.text;
      return;
    }
    const auto started = instance->start();
    found.expect(started.status == TSN_OK || !started.text.empty(), "silent_failure", last_call(),
                 "failed without a text");
    instance->stop();
    exercise(trial, *instance);
  });
  return remark;
}

/// One life of an instance, with one call of what it is for while there is time for it.
bool live_once(const Subject& subject, const tsn_plugin* plugin, const tsn_type& type, Clock::duration& left,
               Findings& found) {
  Trial trial(subject, plugin, type);
  auto instance = trial.create();
  if (!instance) return false;
  instance->start();
  if (const auto begun = Clock::now(); left > Clock::duration::zero()) {
    call_once(*instance);
    trial.host.advance(std::chrono::seconds(1));
    left -= Clock::now() - begun;
  }
  instance->stop();
  instance.reset();
  found.breaches(trial.host, last_call());
  return trial.host.breaches().empty();
}

struct Held {
  std::size_t descriptors = entries("/proc/self/fd"), threads = entries("/proc/self/task");
  std::size_t memory = [] {
    const auto info = mallinfo2();
    return info.uordblks + info.hblkhd;
  }();
};

/// Growth per cycle that is no leak: rounding of the allocator, caches of libraries that fill slowly.
constexpr std::size_t slack_per_cycle = 256, slack = 64 * 1024;

std::string cycles_leak_nothing(const Subject& subject, Findings& found) {
  std::string remark;
  for_each_type(subject, found, [&](Trial& trial) {
    const auto id = id_of(trial.type);
    Clock::duration left = std::chrono::seconds(1);
    const std::size_t warm_up = std::min<std::size_t>(20, subject.cycles / 4);
    for (std::size_t i = 0; i < warm_up; ++i)
      if (!live_once(subject, trial.plugin, trial.type, left, found)) {
        remark = "skipped: " + id + " cannot be made, or broke the contract";
        return;
      }
    const Held before;
    for (std::size_t i = 0; i < subject.cycles; ++i)
      if (!live_once(subject, trial.plugin, trial.type, left, found)) return;
    const auto threads = settled_threads(before.threads);
    const Held after;
    const auto per = " after " + std::to_string(subject.cycles) + " cycles";
    found.expect(after.descriptors <= before.descriptors, "leaks_descriptors", id,
                 std::to_string(after.descriptors - before.descriptors) + " are left" + per);
    found.expect(threads <= before.threads, "leaks_thread", id,
                 std::to_string(threads - before.threads) + " are left" + per);
    found.expect(after.memory <= before.memory + slack + slack_per_cycle * subject.cycles, "leaks_memory", id,
                 std::to_string((after.memory - before.memory) >> 10) + " KiB are left" + per);
  });
  return remark;
}

std::string completes_each_token_once(const Subject& subject, Findings& found) {
  std::string remark;
  for_each_type(subject, found, [&](Trial& trial) {
    auto instance = trial.create();
    if (!instance) {
      remark = "skipped: " + trial.answer.text;
      return;
    }
    instance->start();
    const auto begin = [&] {
      constexpr std::chrono::seconds time(1);
      return trial.type.notifier ? instance->begin_deliver(testing::sample_message(), time)
                                 : instance->begin_upsert(testing::sample_upsert(), time);
    };
    if (trial.type.notifier || trial.type.tracker) {
      for (int i = 0; i < 3; ++i) {
        const auto token = begin();
        std::thread racing([&] { instance->cancel(token); });
        instance->cancel(token);
        instance->finish(token);
        racing.join();
        instance->cancel(token);
      }
      begin();  // still in flight when it is stopped
    }
    if (trial.type.source && trial.type.source->pull) instance->pull(std::chrono::seconds(1));
    instance->cancel(0);
    instance->cancel(~std::uint64_t{0});
    instance->stop();
  });
  return remark;
}

std::string keeps_secrets(const Subject& subject, Findings& found) {
  std::string remark;
  for_each_type(subject, found, [&](Trial& trial) {
    auto instance = trial.create(true);
    std::string said = trial.answer.text;
    if (instance)
      said += exercise(trial, *instance);
    else
      remark = "create() only: " + trial.answer.text;
    found.expect(said.find(secret_marker) == std::string::npos, "shows_secret", id_of(trial.type),
                 "a SECRET option's value shows in an error, a log line or an answer");
  });
  return remark;
}

}  // namespace

std::vector<Check> dynamic_checks() {
  return {{"describes itself as its note does", describes_itself},
          {"starts, works and stops", works},
          {"leaks nothing over start and stop cycles", cycles_leak_nothing},
          {"completes each token exactly once", completes_each_token_once},
          {"shows no secret", keeps_secrets}};
}

}  // namespace tsn::conformance
