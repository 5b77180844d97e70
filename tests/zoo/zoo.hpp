// What the bad plugins of this folder share. Each file is one defect; the plugin around it is sound, counts, and waits
// with its defect until the phase `when` was reached `after` times, so that it can run for a while first.
//
// As a source it submits `zoo.seq`, which counts from 1 without a gap and goes on from its cursor: a row that was lost
// or doubled shows. The name in the label `zoo` is the instance's.
#pragma once

#include <atomic>
#include <charconv>
#include <memory>
#include <string>
#include <string_view>
#include <tocsin/plugin.hpp>

namespace zoo {

/// Says when it is time. [seq], but for "create", which is counted for the whole process.
class Trigger {
 public:
  explicit Trigger(const tsn::Config& config) : when_(config.str("when")), after_(config.integer("after")) {}
  bool due(std::string_view phase) {
    if (phase != when_) return false;
    if (phase == "create") return created_++ >= after_;
    return seen_++ >= after_;
  }

 private:
  static inline std::atomic<std::int64_t> created_{0};
  std::string when_;
  std::int64_t after_;
  std::int64_t seen_ = 0;
};

#define ZOO_OPTIONS(natural, phases)                                                                                \
  static constexpr tsn::Option options[] = {                                                                        \
      {.key = "when", .type = tsn::string, .fallback = "\"" natural "\"", .choices = phases, .doc = "Which call"},  \
      {.key = "after", .type = tsn::integer, .fallback = "0", .min = "0", .doc = "How many of them go well first"}, \
      {.key = "rows", .type = tsn::integer, .fallback = "1", .min = "1", .doc = "Rows of each pull"},               \
      {.key = "token", .type = tsn::string, .flags = tsn::secret, .doc = "A secret"}}

/// What every kind has: the trigger, and the phases that all of them pass through.
template <class Defect>
struct Animal {
  static constexpr auto version = "1.0.0", doc = Defect::doc;
  tsn::Context ctx;
  std::string secret{ctx.config().str("token")};
  Trigger trigger{ctx.config()};

  Animal() { step("create"); }
  ~Animal() { step("destroy"); }
  void start() {
    step("start");
    again();
  }
  void stop() { step("stop"); }

  void step(std::string_view phase) {
    if (trigger.due(phase)) Defect::act(*this);
  }

 private:
  void again() {
    ctx.timer(std::chrono::milliseconds(20), [this] {
      step("timer");
      again();
    });
  }
};

template <class Defect>
struct Source : Animal<Defect> {
  static constexpr auto id = Defect::id;
  static constexpr tsn::Signal signals[] = {
      {.name = "zoo.seq", .unit = "1", .labels = "zoo", .doc = "Counts without a gap"}};
  ZOO_OPTIONS("pull", "create|start|stop|destroy|pull|timer");
  std::int64_t rows = this->ctx.config().integer("rows");
  tsn::Series series = this->ctx.series("zoo.seq", {{"zoo", this->ctx.name()}});
  std::uint64_t count = 0;
  bool due = false;  ///< in the pull that was just made

  void start(std::string_view cursor) {
    std::from_chars(cursor.data(), cursor.data() + cursor.size(), count);
    Animal<Defect>::start();
  }
  tsn::Status poll(tsn::Batch& out) {
    for (std::int64_t i = 0; i < rows; ++i) out.push(tsn::now(), series, static_cast<double>(++count));
    out.cursor(std::to_string(count));
    if ((due = this->trigger.due("pull"))) {
      const auto before = out.submit();  // what was counted is handed over before the defect shows
      if (before.status.is_ok()) Defect::act(*this);
    }
    return tsn::ok;
  }
  std::string save() { return std::to_string(count); }
  void load(std::string_view state) { std::from_chars(state.data(), state.data() + state.size(), count); }
};

template <class Defect>
struct Notifier : Animal<Defect> {
  static constexpr auto id = Defect::notifier_id;
  static constexpr auto features = tsn::no_recipient;
  ZOO_OPTIONS("deliver", "create|start|stop|destroy|deliver|timer");
  std::int64_t sent = 0;

  tsn::Status deliver(const tsn::Message&, tsn::Delivered& out, tsn::Deadline) {
    this->step("deliver");
    out.provider_id = std::to_string(++sent);
    return tsn::ok;
  }
};

template <class Defect>
struct Detector : Animal<Defect> {
  static constexpr auto id = Defect::detector_id;
  ZOO_OPTIONS("evaluate", "create|start|stop|destroy|compile|evaluate|timer");
  struct Program {
    std::uint32_t column;
  };

  std::unique_ptr<Program> compile(const tsn::Rule& rule, tsn::Inputs& inputs) {
    this->step("compile");
    return std::make_unique<Program>(Program{inputs.add({.aggregate = rule.aggregate(), .over = rule.over()})});
  }
  /// Fires on what is above zero.
  tsn::Status evaluate(Program& program, const tsn::Rows& rows, tsn::Verdicts& out) {
    this->step("evaluate");
    for (std::uint32_t row = 0; row < rows.size(); ++row) {
      const double value = rows.cell(row, program.column);
      if (value > 0)
        out.firing(row, value, 0);
      else
        out.ok(row, value, 0);
    }
    return tsn::ok;
  }
};

/// Names of the three types that one file makes.
#define ZOO_NAMES(name, text)                                                                         \
  static constexpr auto id = #name, notifier_id = #name "_notifier", detector_id = #name "_detector"; \
  static constexpr auto doc = text

/// A type like `from`, whose functions a file may then replace one by one (the SDK itself lets no defect through).
template <class T>
struct Opened {
  tsn_type type = tsn::detail::make_type<T>();
  tsn_source_vtable source = type.source ? *type.source : tsn_source_vtable{};
  tsn_notifier_vtable notifier = type.notifier ? *type.notifier : tsn_notifier_vtable{};
  tsn_tracker_vtable tracker = type.tracker ? *type.tracker : tsn_tracker_vtable{};
  tsn_detector_vtable detector = type.detector ? *type.detector : tsn_detector_vtable{};
  tsn_routes_vtable routes = type.routes ? *type.routes : tsn_routes_vtable{};

  const tsn_type* closed() {
    if (type.source) type.source = &source;
    if (type.notifier) type.notifier = &notifier;
    if (type.tracker) type.tracker = &tracker;
    if (type.detector) type.detector = &detector;
    if (type.routes) type.routes = &routes;
    return &type;
  }
};

}  // namespace zoo

/// As TOCSIN_PLUGIN, with `plugin` in place of the one that the compiler makes.
#define ZOO_EXPORT(plugin, ...)                                                                          \
  [[gnu::section(TSN_NOTE_SECTION), gnu::used, gnu::retain]] alignas(4) static constexpr auto zoo_note = \
      ::tsn::detail::make_note<__VA_ARGS__>();                                                           \
  extern "C" [[gnu::visibility("default")]] const tsn_plugin* tsn_plugin_entry_v1() noexcept;            \
  extern "C" const tsn_plugin* tsn_plugin_entry_v1() noexcept {                                          \
    return plugin;                                                                                       \
  }

/// A plugin of the three kinds, all with the one defect.
#define ZOO_PLUGIN(Defect) TOCSIN_PLUGIN(::zoo::Source<Defect>, ::zoo::Notifier<Defect>, ::zoo::Detector<Defect>)
