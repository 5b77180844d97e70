// Lets exceptions cross the line. The SDK's functions are noexcept, so each slot gets one around it that is not.
#include <stdexcept>

#include "zoo.hpp"

namespace {

thread_local bool wanted = false;

struct Defect {
  ZOO_NAMES(throws, "Lets exceptions cross the line");
  static void act(auto&) { wanted = true; }
};

void throw_if_wanted() {
  if (std::exchange(wanted, false)) throw std::runtime_error("thrown across the line");
}

template <auto fn>
struct Leaky;
template <class Result, class... Arguments, Result (*fn)(Arguments...) noexcept>
struct Leaky<fn> {
  static Result call(Arguments... arguments) {
    if constexpr (std::is_void_v<Result>) {
      fn(arguments...);
      throw_if_wanted();
    } else {
      const auto result = fn(arguments...);
      throw_if_wanted();
      return result;
    }
  }
};

struct Source : zoo::Source<Defect> {
  ZOO_OPTIONS("pull", "create|start|stop|destroy|pull|timer|handle");
  static constexpr tsn::Route routes[] = {{.method = "GET", .path = "/zoo/throws", .doc = "Throws"}};
  tsn::Status handle(const tsn::Request&, tsn::Response&) {
    step("handle");
    return tsn::ok;
  }
};
using Notifier = zoo::Notifier<Defect>;
using Detector = zoo::Detector<Defect>;

/// A timer of the ABI's own: the SDK's catches.
tsn_status start(void* self, tsn_bytes cursor, tsn_err* err) {
  const auto status = Leaky<&tsn::detail::Common<Source>::start>::call(self, cursor, err);
  auto& source = *tsn::detail::instance_of<Source>(self).object;
  const auto& session = source.ctx.session();
  tsn_timer timer = 0;
  if (source.ctx.session().table.timer && source.trigger.due("timer"))
    session.table.timer(
        session.host, session.instance, 1'000'000, [](void*) { throw std::runtime_error("thrown in a timer"); },
        nullptr, &timer, err);
  return status;
}

template <class T>
zoo::Opened<T>& opened() {
  using Calls = tsn::detail::Common<T>;
  static zoo::Opened<T> made;
  made.type.create = &Leaky<&Calls::create>::call;
  made.type.destroy = &Leaky<&Calls::destroy>::call;
  made.type.start = &Leaky<&Calls::start>::call;
  made.type.stop = &Leaky<&Calls::stop>::call;
  return made;
}

const tsn_plugin* plugin() {
  auto& source = opened<Source>();
  source.type.start = &start;
  source.source.pull = &Leaky<&tsn::detail::SourceCalls<Source>::pull>::call;
  source.routes.handle = &Leaky<&tsn::detail::RouteCalls<Source>::handle>::call;
  auto& notifier = opened<Notifier>();
  notifier.notifier.deliver = &Leaky<&tsn::detail::NotifierCalls<Notifier>::deliver>::call;
  auto& detector = opened<Detector>();
  detector.detector.compile = &Leaky<&tsn::detail::DetectorCalls<Detector>::compile>::call;
  detector.detector.evaluate = &Leaky<&tsn::detail::DetectorCalls<Detector>::evaluate>::call;
  static const tsn_type* const types[] = {source.closed(), notifier.closed(), detector.closed()};
  static const tsn_plugin made{sizeof made, TSN_ABI_VERSION, types, 3, 0};
  return &made;
}

}  // namespace

ZOO_EXPORT(plugin(), Source, Notifier, Detector)
