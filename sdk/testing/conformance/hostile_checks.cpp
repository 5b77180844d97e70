#include <algorithm>
#include <atomic>
#include <functional>
#include <limits>
#include <thread>

#include "../abi_values.hpp"
#include "apart.hpp"
#include "checks.hpp"
#include "trial.hpp"

namespace tsn::conformance {
namespace {

using std::chrono::seconds;

/// A call that the fake host does not make for us.
tsn_status caught(const char* function, Findings& found, const std::function<tsn_status()>& call) {
  tsn_status status = TSN_FAILED;
  testing::on_call(function);
  try {
    status = call();
  } catch (...) {
    found.add({"throws", last_call(), "let an exception cross the line"});
  }
  testing::on_call(nullptr);
  return status;
}

/// create() with structs of a host that is older or newer than this plugin.
void create_with_sizes(Trial& trial, const tsn_host* table, std::uint32_t create_size, std::uint32_t err_size,
                       Findings& found) {
  const auto& type = trial.type;
  auto config = config_for(trial.subject, type);
  struct {
    tsn_create create{};
    unsigned char newer[64];
  } args;
  std::memset(args.newer, 0xa5, sizeof args.newer);
  args.create.size = create_size;
  args.create.instance = trial.host.register_instance();
  args.create.name = str("sizes");
  args.create.config = config.view();
  struct {
    tsn_err err;
    unsigned char guard[16];
  } out;
  std::memset(&out, 0x5a, sizeof out);
  out.err.size = err_size;
  caught("create", found, [&] {
    void* self = nullptr;
    if (type.create(table, &args.create, &self, &out.err) == TSN_OK) type.destroy(self);
    return TSN_OK;
  });
  const auto* bytes = reinterpret_cast<const unsigned char*>(&out);
  const auto from = std::max<std::size_t>(err_size, 4);
  found.expect(std::all_of(bytes + from, bytes + sizeof out, [](auto byte) { return byte == 0x5a; }),
               "overruns_buffers", last_call(), "wrote beyond a tsn_err of " + std::to_string(err_size) + " bytes");
}

/// A struct with a tail that this plugin cannot know, or cut off at `size`.
template <class Struct>
struct Resized {
  Resized(const Struct* from, std::uint32_t size) {
    std::memset(bytes, 0xa5, sizeof bytes);
    std::memcpy(bytes, from, sizeof(Struct));
    if (size < sizeof(Struct))
      std::memset(bytes + std::max<std::size_t>(size, 4), 0, sizeof(Struct) - std::max(size, 4u));
    std::memcpy(bytes, &size, sizeof size);
  }
  Struct* get() { return reinterpret_cast<Struct*>(bytes); }
  alignas(8) unsigned char bytes[sizeof(Struct) + 256];
};

/// Calls deliver or upsert as `size` has it; a result buffer of size 0 takes nothing.
void deliver_with_size(Trial& trial, testing::FakeInstance& instance, std::uint32_t size, std::uint32_t out_size,
                       Findings& found) {
  testing::AbiValues values;
  tsn_err err = detail::empty_err();
  const auto token = instance.begin_call();
  const auto deadline = trial.host.now() + 1'000'000'000;
  tsn_status status = TSN_OK;
  const auto untouched = [&](const auto& out) {
    const auto* bytes = out.bytes + std::max<std::size_t>(out_size, 4);
    found.expect(std::all_of(bytes, std::end(out.bytes), [&](auto byte) { return byte == 0xa5 || byte == 0; }),
                 "overruns_buffers", last_call(), "wrote beyond a result of " + std::to_string(out_size) + " bytes");
  };
  if (trial.type.notifier) {
    Resized<tsn_message> message(values.message(testing::sample_message()), size);
    const tsn_delivered empty{};
    Resized<tsn_delivered> out(&empty, out_size);
    status = caught("deliver", found, [&] {
      return trial.type.notifier->deliver(instance.self(), token, message.get(), deadline, out.get(), &err);
    });
    instance.end_call(token, status);
    untouched(out);
  } else {
    Resized<tsn_upsert> change(values.upsert(testing::sample_upsert()), size);
    const tsn_ticket empty{};
    Resized<tsn_ticket> out(&empty, out_size);
    status = caught("upsert", found, [&] {
      return trial.type.tracker->upsert(instance.self(), token, change.get(), deadline, out.get(), &err);
    });
    instance.end_call(token, status);
    untouched(out);
  }
}

std::string takes_other_sizes(const Subject& subject, Findings& found) {
  for_each_type(subject, found, [&](Trial& trial) {
    const auto attempt = [&](const tsn_host* table, std::size_t create_size, std::size_t err_size) {
      create_with_sizes(trial, table, static_cast<std::uint32_t>(create_size), static_cast<std::uint32_t>(err_size),
                        found);
    };
    auto& host = trial.host;
    const auto* own = host.table();
    attempt(own, sizeof(tsn_create) + 64, sizeof(tsn_err));
    attempt(own, offsetof(tsn_create, data_dir), sizeof(tsn_err));
    attempt(own, offsetof(tsn_create, config), sizeof(tsn_err));
    // Too short to say which instance it is: what the plugin then asks the host for may be refused, and is no breach.
    testing::FakeHost lenient(nullptr);
    attempt(lenient.table(), 0, sizeof(tsn_err));
    attempt(own, sizeof(tsn_create), offsetof(tsn_err, msg) + 8);
    attempt(own, sizeof(tsn_create), 4);
    attempt(own, sizeof(tsn_create), 0);
    attempt(host.table_of_size(sizeof(tsn_host) + 256), sizeof(tsn_create), sizeof(tsn_err));
    attempt(host.table_of_size(offsetof(tsn_host, metric)), sizeof(tsn_create), sizeof(tsn_err));
    if (!trial.type.notifier && !trial.type.tracker) return;
    auto instance = trial.create();
    if (!instance) return;
    instance->start();
    const auto message = trial.type.notifier ? sizeof(tsn_message) : sizeof(tsn_upsert);
    const auto result = trial.type.notifier ? sizeof(tsn_delivered) : sizeof(tsn_ticket);
    for (const auto size : {std::size_t{0}, std::size_t{4}, message - 16, message + 256})
      for (const auto out : {std::size_t{0}, std::size_t{8}, result, result + 256})
        deliver_with_size(trial, *instance, static_cast<std::uint32_t>(size), static_cast<std::uint32_t>(out), found);
    instance->stop();
  });
  return {};
}

std::string survives_a_host_that_refuses(const Subject& subject, Findings& found) {
  for (const auto status : {TSN_RETRY, TSN_FAILED, TSN_INVALID, TSN_UNSUPPORTED}) {
    for_each_type(subject, found, [&](Trial& trial) {  // from the beginning
      trial.host.answer_everything(status);
      if (auto instance = trial.create()) exercise(trial, *instance);
    });
    for_each_type(subject, found, [&](Trial& trial) {  // when it runs already
      auto instance = trial.create();
      if (!instance) return;
      instance->start();
      trial.host.answer_everything(status);
      call_once(*instance);
      trial.host.advance(seconds(10));
      trial.host.answer_everything(TSN_OK);
      call_once(*instance);
      instance->stop();
    });
  }
  for_each_type(subject, found, [&](Trial& trial) {
    trial.host.without_services();
    trial.host.max_series = 1;
    if (auto instance = trial.create()) exercise(trial, *instance);
  });
  return {};
}

std::string survives_any_order(const Subject& subject, Findings& found) {
  for_each_type(subject, found, [&](Trial& trial) { trial.create(); });  // destroyed without start
  for_each_type(subject, found, [&](Trial& trial) {                      // stopped at once, started again
    auto instance = trial.create();
    if (!instance) return;
    for (int i = 0; i < 2; ++i) {
      instance->start();
      instance->stop();
    }
  });
  return {};
}

/// [seq] calls each on another thread; [any] calls beside them, and while it is stopped.
std::string keeps_to_the_thread_tags(const Subject& subject, Findings& found) {
  for_each_type(subject, found, [&](Trial& trial) {
    auto instance = trial.create();
    if (!instance) return;
    const auto elsewhere = [](auto call) { std::thread(call).join(); };
    elsewhere([&] { instance->start(); });
    std::atomic<bool> ending{false};
    std::vector<std::thread> beside;
    for (int i = 0; i < 3; ++i)
      beside.emplace_back([&] {
        for (int round = 0; round < 200 && !ending; ++round) {
          instance->cancel(~std::uint64_t{0});
          if (!trial.type.routes) continue;
          const auto route = detail::read_element(trial.type.routes->routes, trial.type.routes->route_stride, 0);
          instance->handle(
              {.method = std::string(view(route.method)), .path = std::string(view(route.path)), .body = "{}"},
              seconds(1));
        }
      });
    for (int i = 0; i < 3; ++i)
      if (trial.type.source && trial.type.source->pull) elsewhere([&] { instance->pull(seconds(1)); });
    elsewhere([&] { instance->stop(); });
    ending = true;
    for (auto& thread : beside) thread.join();
    found.expect(!trial.host.logged("overlapped two calls"), "odd_answer", last_call(),
                 "takes an [any] call for a [seq] one");
  });
  return {};
}

/// The host validates; a plugin must still not fall over when something slips through.
std::string survives_odd_configuration(const Subject& subject, Findings& found) {
  const Value odd[] = {Value(),
                       Value(true),
                       Value(0),
                       Value(-1),
                       Value(INT64_MAX),
                       Value(INT64_MIN),
                       Value(-1e308),
                       Value(std::numeric_limits<double>::quiet_NaN()),
                       Value(""),
                       Value(std::string(70'000, 'x')),
                       Value("\xff\xfe"),
                       Value("\xed\xa0\x80\xf4\x90\x80\x80"),
                       Value(std::string_view("a\0b", 3)),
                       Value::array(),
                       Value::array({Value(1), Value::table()}),
                       Value::table({{"x", 1}})};
  for_each_type(subject, found, [&](Trial& trial) {
    const auto sound = config_for(subject, trial.type);
    for (std::uint32_t i = 0; i < trial.type.option_count; ++i) {
      const std::string key(view(detail::read_element(trial.type.options, trial.type.option_stride, i).key));
      for (const auto& value : odd) {
        auto config = sound;
        config.set(key, value);
        trial.create(config);
      }
    }
    trial.create(Value::table());
    trial.create(Value());
    if (auto instance = trial.create(sound)) {
      instance->start("\x01 no cursor of yours \xff");
      instance->load("\x01 no state of yours \xff");
      instance->stop();
    }
  });
  return {};
}

std::string survives_odd_requests(const Subject& subject, Findings& found) {
  std::string remark = "skipped: no routes";
  const std::string bodies[] = {
      "", "{", "[]", "null", std::string(100'000, '['), "{\"signals\": 1}", "\xff\xfe\x00\x01", "\"", "{\"a\":"};
  for_each_type(subject, found, [&](Trial& trial) {
    if (!trial.type.routes) return;
    remark.clear();
    auto instance = trial.create();
    if (!instance) return;
    instance->start();
    for (std::uint32_t i = 0; i < trial.type.routes->route_count; ++i) {
      const auto route = detail::read_element(trial.type.routes->routes, trial.type.routes->route_stride, i);
      for (const auto& body : bodies) {
        const auto got = instance->handle({.method = std::string(view(route.method)),
                                           .path = std::string(view(route.path)),
                                           .query = "a=%zz&&=",
                                           .headers = {{"content-type", "application/json"}},
                                           .body = body});
        found.expect(got.status != TSN_OK || (got.response.status >= 100 && got.response.status < 600), "odd_answer",
                     last_call(), "answers the HTTP status " + std::to_string(got.response.status));
      }
    }
    instance->stop();
  });
  return remark;
}

}  // namespace

std::vector<Check> hostile_checks() {
  return {{"takes structs of other sizes", takes_other_sizes},
          {"survives a host that refuses", survives_a_host_that_refuses},
          {"survives any order of calls", survives_any_order},
          {"keeps to the thread tags", keeps_to_the_thread_tags},
          {"survives odd configuration", survives_odd_configuration},
          {"survives odd requests", survives_odd_requests}};
}

}  // namespace tsn::conformance
