// An instance whose plugin runs in a runner: every call goes there, what comes from there is checked here, and a runner
// that dies is not noticed by the caller unless what it was handed kills its runner twice.
//
// Handed again. A pull, a delivery or a request that a runner died of is handed once more to the next runner: alone,
// with nothing else under way. If that dies too it was the cause: a delivery ends with TSN_INVALID (a dead letter), a
// request is answered 502, and both are told to Poisoned. Rows of an evaluation are then judged one by one, and the one
// that kills is left out (its rule keeps its state).
#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>

#include "plugin_host/accounting.hpp"
#include "plugin_host/exchange.hpp"
#include "plugin_host/inlet.hpp"
#include "plugin_host/runner/cell.hpp"
#include "plugin_host/runner/messages.hpp"
#include "plugin_host/session.hpp"

namespace tocsin::plugin_host::runner {

/// What killed its runner twice.
struct Poison {
  std::string instance, what;  ///< what: "delivery", "request", "rows"
  std::string key;             ///< idempotency key, path, or rule
  std::string cause;
};

struct Limits {
  base::Duration control = std::chrono::seconds(10);  ///< create, start, stop, compile, …
  base::Duration evaluate = std::chrono::seconds(5);
  base::Duration grace = std::chrono::seconds(2);         ///< beyond a call's own deadline, before its runner is ended
  base::Duration restart = std::chrono::seconds(1);       ///< how long an evaluation waits for the next runner
  base::Duration again = std::chrono::milliseconds(250);  ///< how long a pull does
  base::Duration spare = std::chrono::minutes(1);  ///< how long a group that killed two runners is not judged again
};

class RemoteInstance final : public Instance, public Tenant, public std::enable_shared_from_this<RemoteInstance> {
 public:
  struct Parts {
    std::shared_ptr<Cell> cell;
    std::shared_ptr<const LibraryFile> library;
    model::PluginType type;
    InstanceSettings settings;
    Port* port = nullptr;
    Limits limits;
    std::function<void(const Poison&)> poisoned;
  };
  explicit RemoteInstance(Parts parts);

  base::Result<void> create();
  /// Stops and destroys; then the cell knows it no more.
  void shut_down();

  // --- Tenant ---
  std::uint32_t number() const override { return number_; }
  const LibraryFile& library() const override { return *parts_.library; }
  base::Result<void> come_up(const std::shared_ptr<Process>& process) override;
  void went_down(const std::shared_ptr<Process>& process, const std::string& cause) override;
  void receive(Process& process, const Frame& frame, std::string_view content) override;

  // --- Instance; for Tenant too where they share a name ---
  base::Result<void> start(std::string_view cursor) override;
  void stop() override;
  base::Result<bool> reconfigure(const base::Value& config) override;
  const std::string& name() const override { return parts_.settings.name; }
  const model::PluginType& type() const override { return parts_.type; }
  Usage usage() const override;
  base::Result<std::string> save() override;
  base::Result<void> load(std::string_view state) override;
  ProcessStatus process_status() const override;
  bool polled() const override { return polled_; }
  base::Result<bool> pull(base::Time deadline) override;
  bool queries() const override { return queries_; }
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
  bool syncs() const override { return syncs_; }
  base::Result<void> sync(base::Time deadline) override;
  bool probes() const override { return probes_; }
  base::Result<std::string> probe(const model::Delivery* dry_run, const std::string& external_url,
                                  base::Time deadline) override;
  void handle(const Request& request, base::Time deadline, std::function<void(Response)> done) override;

 private:
  /// A rule of a script, as given out for `void* script`. Its runner's pointer changes with the runner.
  struct Script {
    std::uint64_t remote = 0;
  };
  struct ScriptFile {
    std::string text;
    std::vector<std::unique_ptr<Script>> rules;
  };
  /// A compiled rule, as given out for `void* program`.
  struct Program {
    RuleParts rule;
    Script* script = nullptr;
    std::uint64_t remote = 0;
    std::uint64_t process = 0;  ///< number of the process that `remote` is of; 0: none
  };
  /// A delivery or request, until it is answered.
  struct Handed {
    Kind kind = Kind::deliver;
    DeliverParts delivery;
    HandleParts request;
    SteadyTime deadline{};
    std::function<void(Sent)> sent;
    std::function<void(Response)> responded;
    int deaths = 0;
    std::string cause;
    SteadyTime began{};  ///< when it was last handed to the runner
    runtime::Reactor::Id timer = 0;
  };
  struct Answered {
    Link::End end = Link::End::closed;
    std::string content;
  };

  // Calls that are waited for.
  std::shared_ptr<Process> up(SteadyTime deadline);
  Answered ask(Process& process, Kind kind, Link::Parts content, base::Duration limit, std::string_view what,
               std::uint64_t id = 0);
  base::Result<std::string> control(Kind kind, Link::Parts content, std::string_view what);
  base::Error died(Process& process, std::string_view what);
  base::Result<void> make(Process& process);
  base::Result<void> read_scripts_again(Process& process);
  base::Result<std::shared_ptr<Process>> settle();
  base::Result<std::string> control_of(Process& process, Kind kind, Link::Parts content, std::string_view what);
  base::Result<void> begin(Process& process);
  base::Result<std::vector<ScriptRule>> read_script(Process& process, const std::string& file, std::string_view text);
  base::Result<void> translate(Process& process, Program& program, const tsn_inputs& inputs);
  Answered judge(Process& process, Program& program, const tsn_rows& rows, std::uint32_t first, std::uint32_t count,
                 std::uint32_t text_cap);
  bool spared(const std::string& row);
  base::Result<void> judge_one_by_one(Program& program, const tsn_rows& rows, tsn_verdicts& verdicts);

  // Calls that are answered later.
  SteadyTime steady(base::Time deadline) const;
  void hand(std::shared_ptr<Handed> handed);
  void arm(const std::shared_ptr<Handed>& handed, SteadyTime at);
  void pump();
  void transmit(Process& process, std::uint64_t id, const Handed& handed);
  void overdue(const std::shared_ptr<Handed>& handed);
  void finish(const std::shared_ptr<Handed>& handed, Sent sent);
  void answered(std::uint64_t id, std::string_view content);
  void give_up(const std::shared_ptr<Handed>& handed);

  // What the runner asks for.
  void on_submit(Process& process, const Frame& frame, std::string_view content);
  void on_series(Process& process, const Frame& frame, std::string_view content);
  void on_reject(std::string_view content);
  void on_metric_name(Process& process, std::string_view content);
  void on_key_value(Process& process, const Frame& frame, std::string_view content);
  void on_receipt(Process& process, const Frame& frame, std::string_view content);
  void on_person_answer(Process& process, const Frame& frame, std::string_view content);
  void on_exchange(std::string_view content);
  void on_add_input(Process& process, const Frame& frame, std::string_view content);

  const Parts parts_;
  Port& port_;
  const std::uint32_t number_;
  AgentInlet inlet_;
  std::atomic<bool> polled_{false}, syncs_{false}, probes_{false}, queries_{false};
  Secrets secrets_;
  Account usage_;

  std::mutex life_;  ///< create, start, stop, come_up, one at a time
  bool made_ = false, started_ = false;
  base::Value config_;  ///< under life_: the one in force

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::shared_ptr<Process> process_;  ///< that it runs in; null while it is down
  bool stopped_ = false;
  std::string last_death_;
  std::uint64_t past_cpu_ns_ = 0;  ///< of processes that have ended
  std::string cursor_;
  std::map<std::uint64_t, std::shared_ptr<Handed>> under_way_;
  using Queue = std::deque<std::shared_ptr<Handed>>;
  Queue waiting_, suspects_;
  static constexpr std::size_t most_killers = 1000;
  std::set<std::string> killers_;  ///< keys of deliveries that a runner died of once
  bool alone_ = false;

  std::mutex scripts_mutex_;
  std::map<std::string, ScriptFile> scripts_;
  std::set<Program*> programs_;  ///< under scripts_mutex_
  static constexpr std::size_t most_spared = 1000;
  std::map<std::string, SteadyTime> spared_;  ///< groups not to be judged, until when; on the shard's thread
  std::mutex inputs_mutex_;
  std::map<std::uint64_t, const tsn_inputs*> inputs_;  ///< of compile and evaluate under way, by call
};

}  // namespace tocsin::plugin_host::runner
