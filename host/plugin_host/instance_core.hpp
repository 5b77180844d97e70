// One instance of a plugin: the calls into it (Instance) and the calls out of it (the host table's functions).
//
// Threads. Calls tagged [seq] hold `seq_`: the agent's calls, timers and watches. `handle` and `cancel` are [any] and
// pass `gate_` instead, so that stop() can wait for them. `evaluate` takes no lock: a detector belongs to one shard's
// thread; only if it ever asked for a timer or a watch does evaluate lock too. Calls out are [any].
//
// Every call in is an Entered: who runs is known when the process crashes, and a call over its deadline is found. The
// instance is then quarantined: who waits for `seq_` is let go, open calls are ended, and nothing goes in any more.
// create, start, reconfigure, stop and destroy run apart, on a thread of their own, so that whoever asks for them goes
// on.
//
// Stopping is bounded. An instance whose plugin does not come back within `patience` is left behind: it is reported,
// its memory and its library stay, and the agent goes on.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "plugin_host/abi_text.hpp"
#include "plugin_host/accounting.hpp"
#include "plugin_host/attribution.hpp"
#include "plugin_host/call_gate.hpp"
#include "plugin_host/callbacks.hpp"
#include "plugin_host/exchange.hpp"
#include "plugin_host/inlet.hpp"
#include "plugin_host/library.hpp"
#include "plugin_host/response_box.hpp"
#include "plugin_host/seq_lock.hpp"
#include "plugin_host/session.hpp"
#include "plugin_host/thread_group.hpp"
#include "plugin_host/tokens.hpp"

namespace tocsin::plugin_host {

class InstanceCore final : public Instance, public std::enable_shared_from_this<InstanceCore> {
 public:
  /// `inlet` null: the agent's own.
  InstanceCore(std::shared_ptr<Library> library, const LibraryType& type, InstanceSettings settings, Port& port,
               std::uint32_t number, std::unique_ptr<Inlet> inlet = nullptr);

  base::Result<void> create_self();
  /// Stops and destroys; false: the plugin holds on, and this object must stay for ever.
  bool shut_down();

  // --- Instance ---
  base::Result<void> start(std::string_view cursor) override;
  void stop() override;
  base::Result<bool> reconfigure(const base::Value& config) override;
  const std::string& name() const override { return settings_.name; }
  const model::PluginType& type() const override { return type_.description; }
  Usage usage() const override;
  base::Result<std::string> save() override;
  base::Result<void> load(std::string_view state) override;
  std::optional<Quarantine> quarantine() const override;
  bool polled() const override { return type_.source.pull != nullptr; }
  base::Result<bool> pull(base::Time deadline) override;
  bool queries() const override { return type_.source.query != nullptr; }
  base::Result<model::RuleAnswer> query(const base::Value& table, std::uint32_t most_rows, base::Time at,
                                        base::Time deadline) override;
  base::Result<std::vector<LoadedRule>> load_script(const std::string& file, std::string_view text) override;
  void unload_script(const std::string& file) override;
  base::Result<void*> compile(const model::Rule& rule, void* script, const tsn_inputs& inputs) override;
  void release(void* program) override;
  base::Result<void> evaluate(void* program, const tsn_rows& rows, tsn_verdicts& verdicts) override;
  void deliver(const model::Delivery& delivery, const std::string& provider_id, const Links& links, base::Time deadline,
               std::function<void(Sent)> done) override;
  void upsert(const model::Delivery& delivery, const std::string& external_url, base::Time deadline,
              std::function<void(Sent)> done) override;
  bool syncs() const override { return type_.tracker.sync != nullptr; }
  base::Result<void> sync(base::Time deadline) override;
  bool probes() const override { return type_.table.probe != nullptr; }
  base::Result<std::string> probe(const model::Delivery* dry_run, const std::string& external_url,
                                  base::Time deadline) override;
  void handle(const Request& request, base::Time deadline, std::function<void(Response)> done) override;

  // --- the watch over calls (call_watch.cpp); its thread ---
  /// A call is over its deadline: refuses all others, ends what waits, tells the port.
  void hangs(EntryPoint entry);
  void came_back(EntryPoint entry);
  std::uint32_t number() const { return number_; }

  // --- the host table (host_table.cpp); any thread ---
  /// It hung and another instance has its name now: nothing it says counts any more.
  bool left_behind() const { return left_behind_.load(std::memory_order_acquire); }
  tsn_instance handle_of_instance() const { return std::uint64_t{number_} << 32 | 1; }
  std::int64_t now() const { return base::to_ns(port_.clock().now()); }
  void log(int level, std::string_view text);
  Inlet& inlet() { return *inlet_; }
  tsn_status complete(tsn_token token, tsn_status status, const void* result, const tsn_err* err);
  tsn_status spawn(tsn_str name, void (*fn)(void*), void* arg, tsn_thread* out, tsn_err* err);
  tsn_status join(tsn_thread thread) { return threads_.join(thread); }
  bool stopping() const { return stopping_.load(std::memory_order_acquire); }
  tsn_status watch(int descriptor, std::uint32_t events, void (*fn)(void*, std::uint32_t), void* arg, tsn_watch* out,
                   tsn_err* err);
  tsn_status unwatch(tsn_watch watch) { return callbacks_.unwatch(watch); }
  tsn_status timer(std::int64_t after_ns, void (*fn)(void*), void* arg, tsn_timer* out, tsn_err* err);
  tsn_status cancel_timer(tsn_timer timer) { return callbacks_.cancel_timer(timer); }
  void metric(tsn_metric_kind kind, tsn_str name, const tsn_label* labels, std::uint32_t count, double value);
  tsn_status kv_get(tsn_str key, tsn_out* value, tsn_err* err);
  tsn_status kv_put(tsn_str key, tsn_bytes value, tsn_err* err);
  tsn_status kv_remove(tsn_str key, tsn_err* err);
  // feedback.cpp
  tsn_status receipt(const tsn_receipt* in, tsn_err* err);
  tsn_status answer(const tsn_answer* in, tsn_answered* out, tsn_err* err);
  // exchange.cpp
  tsn_status log_exchange(const tsn_exchange* in, tsn_err* err);

 private:
  static constexpr std::chrono::seconds patience{10};
  static constexpr std::chrono::seconds grace{1};
  enum class State : std::uint8_t { created, running, stopped, abandoned, destroyed };

  /// A call in and how long it may take.
  struct Within {
    EntryPoint entry;
    std::uint32_t limit_ms = 10'000;
  };
  /// Until `deadline` and a second more, which the plugin has to answer in.
  Within until(EntryPoint entry, base::Time deadline) const;
  /// A judgement has no deadline of its own; one that takes this long holds up every rule of its shard.
  static constexpr std::uint32_t evaluate_limit_ms = 5'000;

  // Calls in. `f(err)` runs under seq_; the call is marked, watched and accounted.
  template <class F>
  tsn_status call(Within within, tsn_err& err, F&& f) {
    if (!seq_.enter()) return refuse_quarantined(err);
    std::lock_guard lock(seq_, std::adopt_lock);
    Entered entered(*mark_, within.entry, within.limit_ms);
    Accounted accounted(usage_, function_of(within.entry));
    return accounted.ended(f(err));
  }
  static Function function_of(EntryPoint entry);
  tsn_status refuse_quarantined(tsn_err& err);
  struct Outcome {
    tsn_status status = TSN_OK;
    tsn_err err = new_err();
  };
  /// A counted call of the life cycle, run apart. What `f` uses it owns.
  Outcome life_call(EntryPoint entry, std::function<tsn_status(tsn_err&)> f);
  /// Runs a call of the life cycle on a thread of its own; false: it hangs, and the thread is left to it. What `f` uses
  /// it owns.
  bool apart(const char* name, std::function<void()> f);
  base::Error error(tsn_status status, const tsn_err& err, std::string_view call);
  void violation(std::string text);
  bool accepts_calls() const { return self_made_ && !stopping(); }
  bool quarantined() const { return quarantined_.load(std::memory_order_acquire); }
  bool call_inside() const;
  Hang hang_of(EntryPoint entry) const;

  // Asynchronous calls.
  /// What a plugin's answer means for this kind of call; a status the call does not have becomes TSN_FAILED.
  Answer answer_of(CallKind kind, tsn_status status, const tsn_err& err);
  void read_result(CallKind kind, const void* result, Answer& answer) const;
  /// After the plugin's function has returned: finishes the call, or arms the deadline of a pending one.
  void returned(tsn_token token, tsn_status status, Answer answer);
  void arm(tsn_token token);
  void deadline_passed(tsn_token token);
  void force(tsn_token token, tsn_status status, const std::string& why);
  /// `later`: not on this thread, which may hold locks of the plugin's.
  void finish(Call call, Answer answer, bool later);
  void send(CallKind kind, const model::Delivery& delivery, const std::string& provider_id, const Links& links,
            base::Time deadline, std::function<void(Sent)> done);

  // Life cycle.
  void sweep();
  void abandon(const std::string& why);
  void run_later(runtime::Task task);

  const std::shared_ptr<Library> library_;  ///< first in, last out: the plugin's code
  const LibraryType& type_;
  const InstanceSettings settings_;
  const std::string short_name_;
  Port& port_;
  const std::uint32_t number_;
  const Marked mark_;
  tsn_host host_{};
  void* self_ = nullptr;
  std::atomic<bool> self_made_{false};

  std::mutex life_;  ///< start, stop, destroy, one at a time
  State state_ = State::created;
  SeqLock seq_;
  CallGate gate_;
  std::atomic<bool> stopping_{false};
  std::atomic<bool> has_callbacks_{false};
  std::atomic<bool> quarantined_{false}, left_behind_{false};
  mutable std::mutex quarantine_mutex_;
  std::condition_variable quarantine_changed_;  ///< for who waits apart
  Quarantine quarantine_;
  int inside_ = 0;  ///< calls over their deadline that have not returned

  const std::unique_ptr<Inlet> inlet_;
  TokenTable tokens_;
  ThreadGroup threads_;
  runtime::Strand strand_;
  Callbacks callbacks_;
  std::mutex late_mutex_;
  std::vector<std::shared_ptr<void>> late_;  ///< of calls ended by force: the plugin may still write to them

  Account usage_;
  Secrets secrets_;
  std::atomic<std::uint64_t> violations_{0};
};

/// Instance::create() with an inlet of the caller's.
base::Result<std::shared_ptr<Instance>> create_instance(std::shared_ptr<Library> library, InstanceSettings settings,
                                                        Port& port, std::unique_ptr<Inlet> inlet);

/// The table handed to a plugin; `ctx` is the core.
tsn_host make_host_table(InstanceCore& core);

}  // namespace tocsin::plugin_host
