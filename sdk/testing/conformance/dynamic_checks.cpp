#include <algorithm>
#include <cctype>
#include <filesystem>
#include <fstream>
#include <thread>

#include "checks.hpp"
#include "descriptor.hpp"
#include "elf.hpp"
#include "trial.hpp"

namespace tsn::conformance {
namespace {

using testing::Answer;
using testing::FakeHost;

std::string id_of(const tsn_type& type) {
  return std::string(view(type.id));
}

std::size_t entries(const char* directory) {
  return static_cast<std::size_t>(std::distance(std::filesystem::directory_iterator(directory), {}));
}

/// A joined thread leaves /proc a moment after join() returned: asks again until the count is down, or for two seconds.
std::size_t settled_threads(std::size_t wanted) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(2);
  auto count = entries("/proc/self/task");
  while (count > wanted && std::chrono::steady_clock::now() < end) {
    std::this_thread::yield();
    count = entries("/proc/self/task");
  }
  return count;
}

void no_violation(const FakeHost& host, const tsn_type& type) {
  const auto violations = host.violations();
  expect(violations.empty(), id_of(type) + ": " + (violations.empty() ? "" : violations[0]));
}

std::string describes_itself(const std::string& path) {
  for_each_type(path, [](const tsn_plugin* plugin, const tsn_type& type) {
    expect(plugin->abi == TSN_ABI_VERSION, "built for ABI " + std::to_string(plugin->abi));
    const auto id = id_of(type);
    const auto plain = [](unsigned char c) { return std::islower(c) || std::isdigit(c) || c == '_' || c == '-'; };
    expect(!id.empty() && std::all_of(id.begin(), id.end(), plain),
           "the id \"" + id + "\" is not in a-z, 0-9, _ and -");
    expect(type.version.n > 0, id + " has no version");
    expect(type.doc.n > 0, id + " has no doc");
    expect(type.create && type.destroy, id + " lacks create or destroy");
    expect(!(type.kinds & TSN_KIND_SOURCE) == !type.source && !(type.kinds & TSN_KIND_DETECTOR) == !type.detector &&
               !(type.kinds & TSN_KIND_NOTIFIER) == !type.notifier && !(type.kinds & TSN_KIND_TRACKER) == !type.tracker,
           id + ": kinds and vtables differ");
    for (std::uint32_t i = 0; i < type.option_count; ++i) {
      const auto option = detail::read_element(type.options, type.option_stride, i);
      expect(option.doc.n > 0, id + ": option " + std::string(view(option.key)) + " has no doc");
    }
    testing::completed(made_up_config(type), type);
  });
  return {};
}

std::string note_is_the_descriptor(const std::string& path) {
  compare_with_note(*testing::load_library(path), read_elf(path).note);
  return {};
}

std::string cycles_leak_nothing(const std::string& path) {
  std::string remark;
  for_each_type(path, [&](const tsn_plugin* plugin, const tsn_type& type) {
    const auto config = made_up_config(type);
    FakeHost host(plugin);
    std::size_t descriptors = 0, threads = 0;
    for (int i = 0; i < 105; ++i) {
      if (i == 5) descriptors = entries("/proc/self/fd"), threads = entries("/proc/self/task");
      Answer answer;
      auto instance = try_create(host, type, config, answer);
      expect(instance || !answer.text.empty(), id_of(type) + ": create() failed without a text");
      expect(instance || has_required(type), id_of(type) + ": cannot be made with its defaults: " + answer.text);
      if (!instance) {
        remark = "refuses the made-up configuration: " + answer.text;
        continue;
      }
      const auto started = instance->start();
      expect(started.status == TSN_OK || !started.text.empty(), id_of(type) + ": start() failed without a text");
      instance->stop();
    }
    expect(entries("/proc/self/fd") <= descriptors, id_of(type) + ": descriptors are left after stop and destroy");
    expect(settled_threads(threads) <= threads, id_of(type) + ": threads are left after stop and destroy");
    no_violation(host, type);
  });
  return remark;
}

/// create() with structs of a host that is older or newer than this plugin.
std::string takes_other_sizes(const std::string& path) {
  for_each_type(path, [](const tsn_plugin* plugin, const tsn_type& type) {
    FakeHost host(plugin);
    auto config = made_up_config(type);
    struct Guarded {
      tsn_create create{};
      unsigned char newer[64];
    };
    const auto attempt = [&](const tsn_host* table, std::uint32_t create_size, std::uint32_t err_size) {
      Guarded args;
      std::memset(args.newer, 0xa5, sizeof args.newer);
      args.create.size = create_size;
      args.create.instance = host.register_instance();
      args.create.name = str("sizes");
      args.create.config = config.view();
      struct {
        tsn_err err;
        unsigned char guard[16];
      } out;
      std::memset(&out, 0x5a, sizeof out);
      out.err.size = err_size;
      void* self = nullptr;
      const auto status = type.create(table, &args.create, &self, &out.err);
      const auto* bytes = reinterpret_cast<const unsigned char*>(&out);
      for (std::size_t i = std::max<std::size_t>(err_size, 4); i < sizeof out; ++i)
        expect(bytes[i] == 0x5a, id_of(type) + ": wrote beyond the size of tsn_err");
      if (status == TSN_OK) type.destroy(self);
    };
    const auto* own = host.table();
    attempt(own, sizeof(Guarded), sizeof(tsn_err));
    attempt(own, offsetof(tsn_create, data_dir), sizeof(tsn_err));
    attempt(own, offsetof(tsn_create, config), sizeof(tsn_err));
    attempt(own, 0, sizeof(tsn_err));
    attempt(own, sizeof(tsn_create), offsetof(tsn_err, msg) + 8);
    attempt(own, sizeof(tsn_create), 4);
    attempt(host.table_of_size(sizeof(tsn_host) + 256), sizeof(tsn_create), sizeof(tsn_err));
    attempt(host.table_of_size(offsetof(tsn_host, metric)), sizeof(tsn_create), sizeof(tsn_err));
  });
  return {};
}

std::string completes_each_token_once(const std::string& path) {
  std::string remark;
  for_each_type(path, [&](const tsn_plugin* plugin, const tsn_type& type) {
    FakeHost host(plugin);
    Answer answer;
    auto instance = try_create(host, type, made_up_config(type), answer);
    if (!instance) {
      remark = "skipped: " + answer.text;
      return;
    }
    instance->start();
    const auto race = [&](tsn_token token) {
      instance->cancel(token);
      instance->cancel(token);
      instance->finish(token);
      instance->cancel(token);
    };
    if (type.notifier)
      for (int i = 0; i < 3; ++i) race(instance->begin_deliver(testing::sample_message(), std::chrono::seconds(2)));
    if (type.tracker)
      for (int i = 0; i < 3; ++i) race(instance->begin_upsert(testing::sample_upsert(), std::chrono::seconds(2)));
    instance->cancel(0);
    instance->cancel(~std::uint64_t{0});
    instance->stop();
    no_violation(host, type);
  });
  return remark;
}

std::string keeps_secrets(const std::string& path) {
  std::string remark;
  for_each_type(path, [&](const tsn_plugin* plugin, const tsn_type& type) {
    FakeHost host(plugin);
    Answer answer;
    const auto config = made_up_config(type, true);
    auto instance = try_create(host, type, config, answer);
    std::string said = answer.text;
    if (instance)
      said += exercise(host, *instance);
    else
      remark = "create() only: " + answer.text;
    expect(said.find(secret_marker) == std::string::npos,
           id_of(type) + ": a SECRET option's value shows in an error or log");
    no_violation(host, type);
  });
  return remark;
}

/// The host validates; a plugin must still not fall over when something slips through.
std::string survives_odd_configuration(const std::string& path) {
  for_each_type(path, [](const tsn_plugin* plugin, const tsn_type& type) {
    const Value odd[] = {Value(),
                         Value(true),
                         Value(-1),
                         Value(INT64_MAX),
                         Value(-1e308),
                         Value(""),
                         Value(std::string(70'000, 'x')),
                         Value("\xff\xfe"),
                         Value::array(),
                         Value::array({Value(1), Value::table()}),
                         Value::table({{"x", 1}})};
    for (std::uint32_t i = 0; i < type.option_count; ++i) {
      const auto key = std::string(view(detail::read_element(type.options, type.option_stride, i).key));
      for (const auto& value : odd) {
        FakeHost host(plugin);
        auto config = made_up_config(type);
        config.set(key, value);
        Answer answer;
        try_create(host, type, config, answer);
      }
    }
    FakeHost host(plugin);
    Answer answer;
    if (auto instance = try_create(host, type, made_up_config(type), answer))
      instance->start("\x01 no cursor of yours \xff");
  });
  return {};
}

std::string survives_odd_requests(const std::string& path) {
  std::string remark = "skipped: no routes";
  for_each_type(path, [&](const tsn_plugin* plugin, const tsn_type& type) {
    if (!type.routes) return;
    remark.clear();
    FakeHost host(plugin);
    Answer answer;
    auto instance = try_create(host, type, made_up_config(type), answer);
    if (!instance) return;
    instance->start();
    const std::string bodies[] = {
        "", "{", "[]", "null", std::string(100'000, '['), "{\"signals\": 1}", "\xff\xfe\x00\x01", "\"", "{\"a\":"};
    for (std::uint32_t i = 0; i < type.routes->route_count; ++i) {
      const auto route = detail::read_element(type.routes->routes, type.routes->route_stride, i);
      for (const auto& body : bodies) {
        const auto got = instance->handle({.method = std::string(view(route.method)),
                                           .path = std::string(view(route.path)),
                                           .query = "a=%zz&&=",
                                           .headers = {{"content-type", "application/json"}},
                                           .body = body});
        expect(got.status != TSN_OK || (got.response.status >= 100 && got.response.status < 600),
               "answers no HTTP status");
      }
    }
    instance->stop();
    no_violation(host, type);
  });
  return remark;
}

}  // namespace

std::vector<Check> dynamic_checks() {
  return {{"describes itself", describes_itself},
          {"note and descriptor agree", note_is_the_descriptor},
          {"100 start and stop cycles leak nothing", cycles_leak_nothing},
          {"takes structs of other sizes", takes_other_sizes},
          {"completes each token exactly once", completes_each_token_once},
          {"shows no secret", keeps_secrets},
          {"survives odd configuration", survives_odd_configuration},
          {"survives odd requests", survives_odd_requests}};
}

}  // namespace tsn::conformance
