// Instances of plugins and the calls into them. An Instance owns the library's mapping, the host table and the plugin's
// self; sessions are typed views of it. Exceptions cannot cross (the SDK's barrier); a status and text come back.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "base/value.hpp"
#include "model/delivery.hpp"
#include "model/feedback.hpp"
#include "model/plugin.hpp"
#include "model/rule.hpp"
#include "model/rule_row.hpp"
#include "model/series_table.hpp"
#include "model/signal.hpp"
#include "model/ticket.hpp"
#include "model/usage.hpp"
#include "plugin_host/trust.hpp"
#include "runtime/executor.hpp"
#include "tocsin/abi.h"

namespace tocsin::plugin_host {

/// What became of a submit; rows refer to the batch as submitted.
struct Taken {
  std::uint32_t accepted = 0;
  std::uint64_t first_seq = 0;
};

/// A call into an instance that has gone over its deadline. No call goes into the instance any more.
struct Hang {
  std::string instance, plugin, call;  ///< "notifier.mail", "email", "deliver"
  std::uint64_t identity = 0;          ///< of the plugin's file
  bool on_pool = false;                ///< it holds a thread of the pool
  bool on_path = false;                ///< it holds a thread that nothing can stand in for: a shard's, the listener's
};

/// What instances need from the agent. Declared here, the consumer; implemented in pipeline/app. Any thread.
class Port {
 public:
  virtual ~Port() = default;
  virtual const base::Clock& clock() const = 0;
  virtual model::SeriesTable& series() = 0;
  /// The batch is validated and its series are interned; rows too far in the future are already left out. Returns when
  /// it is durable. Fault::exhausted: the intake is full (TSN_RETRY).
  virtual base::Result<Taken> take(std::shared_ptr<model::SignalBatch> batch) = 0;
  virtual void rejected(model::RejectedSignal rejected) = 0;
  virtual void log(const std::string& instance, int level, std::string_view text) = 0;
  virtual void metric(const std::string& instance, tsn_metric_kind kind, const std::string& name,
                      const model::Labels& labels, double value) = 0;
  virtual base::Result<std::optional<std::string>> kv_get(const std::string& instance, const std::string& key) = 0;
  virtual base::Result<void> kv_put(const std::string& instance, const std::string& key, std::string value) = 0;
  /// Return when what they say is durable. Checked before (feedback.hpp). Fault::unavailable: later (TSN_RETRY).
  virtual base::Result<void> receipt(const std::string& instance, model::Receipt receipt);
  virtual base::Result<model::Answered> answer(const std::string& instance, model::Answer answer);
  /// Queues it for the store and does not wait; masked and cut before (exchange.hpp). Fault::exhausted: too many wait.
  virtual base::Result<void> exchange(const std::string& instance, model::Exchange exchange);
  virtual runtime::Reactor& reactor() = 0;
  virtual runtime::Executor& pool() = 0;
  /// Told by the watch over calls, on its thread; not to block. came_back() follows if the call returns after all.
  virtual void hangs(const Hang&) {}
  virtual void came_back(const Hang&) {}
};

/// A mapped library. Loaded with rtld_now | rtld_local; never unloaded while an instance of it lives, by default never.
/// Refused before any of its code runs if its file is not trusted (trust.hpp) under the policy it was found with.
class Library;
class Sequence;
struct Found;
base::Result<std::shared_ptr<Library>> load_library(const Found& file);
/// Beside a Directory. The default policy asks for owner and modes only.
base::Result<std::shared_ptr<Library>> load_library(const std::string& path, const TrustPolicy& policy = {});

struct InstanceSettings {
  std::string name;    ///< "source.auth"
  std::string type;    ///< plugin id, "logtail"
  base::Value config;  ///< validated, defaults filled in, secrets resolved
  std::string data_dir;
  model::Labels labels;  ///< the agent's and the instance's, added to every series
  std::uint32_t max_series = 100'000;
  bool replay = false;
  std::uint64_t next_seq = 1;
  /// Row numbers shared by the instances that follow each other under one name; null: numbers of its own, from next_seq
  /// on.
  std::shared_ptr<Sequence> sequence;
  std::uint64_t identity = 0;  ///< of the plugin's file, as Found::identity: what a crash is put down to
};

/// Why an instance gets no calls any more.
struct Quarantine {
  std::string call;    ///< the one that went over its deadline
  base::Time since{};  ///< when that was found
  bool inside = true;  ///< it has not returned yet
};

using model::Function;
using model::Usage;

/// What the recipient may do by opening a link (tsn_action).
struct Action {
  model::AnswerKind kind = model::AnswerKind::acknowledge;
  std::string text, href;
};

/// Where a message leads to.
struct Links {
  Links(std::string url) : external_url(std::move(url)) {}
  Links(const char* url) : external_url(url) {}
  Links(std::string url, std::vector<Action> offered) : external_url(std::move(url)), actions(std::move(offered)) {}
  std::string external_url;  ///< the agent's own; empty: the incident and its alerts have no URL
  std::vector<Action> actions;
};

/// The process an isolated instance runs in.
struct ProcessStatus {
  bool isolated = false;
  std::int64_t pid = 0;  ///< 0: it is being started again
  std::uint64_t restarts = 0;
  std::string last_death;  ///< "SIGSEGV in pull, 2026-11-25T10:00:00Z"; empty: none
};

class Instance {
 public:
  /// Creates; does not start.
  static base::Result<std::shared_ptr<Instance>> create(std::shared_ptr<Library> library, InstanceSettings settings,
                                                        Port& port);
  virtual ~Instance() = default;  ///< stops and destroys; waits for its threads and tokens

  virtual base::Result<void> start(std::string_view cursor) = 0;
  /// Idempotent. After it the plugin holds nothing.
  virtual void stop() = 0;
  /// True: taken; false: needs a new instance.
  virtual base::Result<bool> reconfigure(const base::Value& config) = 0;

  virtual const std::string& name() const = 0;
  virtual const model::PluginType& type() const = 0;
  /// Since it was made. Any thread.
  virtual Usage usage() const = 0;

  virtual ProcessStatus process_status() const { return {}; }
  /// Set once a call went over its deadline. Calls are then refused with TSN_RETRY until a new instance takes its
  /// place.
  virtual std::optional<Quarantine> quarantine() const { return std::nullopt; }

  // --- hot upgrade ---
  virtual base::Result<std::string> save() = 0;  ///< [seq] state for a successor; empty: none or not supported
  virtual base::Result<void> load(std::string_view state) = 0;  ///< between create and start

  // --- source ---
  virtual bool polled() const = 0;
  /// One pull. False: the input is at its end. Calls are serialised by the caller.
  virtual base::Result<bool> pull(base::Time deadline) = 0;
  virtual bool queries() const { return false; }  ///< it answers questions of rules
  /// Asks a question: `table` as the type's query_options declare it, defaults filled in. Blocks, at most a second
  /// beyond `deadline`; several may be asked at a time. Fault::exhausted: the answer has more than `most_rows`.
  virtual base::Result<model::RuleAnswer> query(const base::Value& table, std::uint32_t most_rows, base::Time at,
                                                base::Time deadline);

  // --- detector ---
  struct LoadedRule {
    base::Value table;
    void* script = nullptr;
  };
  virtual base::Result<std::vector<LoadedRule>> load_script(const std::string& file, std::string_view text) = 0;
  virtual void unload_script(const std::string& file) = 0;
  virtual base::Result<void*> compile(const model::Rule& rule, void* script, const tsn_inputs& inputs) = 0;
  virtual void release(void* program) = 0;
  virtual base::Result<void> evaluate(void* program, const tsn_rows& rows, tsn_verdicts& verdicts) = 0;

  // --- notifier, tracker ---
  struct Sent {
    tsn_status status = TSN_OK;
    std::string error;
    int code = 0;
    std::uint32_t retry_after_ms = 0;
    std::string provider_id;  ///< notifier
    bool created = false;     ///< tracker
    std::string ticket_key, ticket_url, ticket_status;
  };
  /// Blocks at most until the plugin answers or returns PENDING; `done` exactly once, on any thread. A token not
  /// completed by deadline + 1 s is completed here with TSN_DEADLINE.
  virtual void deliver(const model::Delivery& delivery, const std::string& provider_id, const Links& links,
                       base::Time deadline, std::function<void(Sent)> done) = 0;
  virtual void upsert(const model::Delivery& delivery, const std::string& external_url, base::Time deadline,
                      std::function<void(Sent)> done) = 0;
  virtual bool syncs() const { return false; }  ///< a tracker that can be asked to
  /// Fetches what changed on the other side. Blocks, at most a second beyond `deadline` where the plugin keeps to it.
  virtual base::Result<void> sync(base::Time deadline);

  // --- a look outside ---
  virtual bool probes() const { return false; }
  /// Looks outside once and changes nothing there; blocks likewise. Lines that begin with "error: ", "warning: " or
  /// "ok: ". `dry_run`, trackers only: what upsert() would send for it; else null. May be asked before start().
  virtual base::Result<std::string> probe(const model::Delivery* dry_run, const std::string& external_url,
                                          base::Time deadline);

  // --- routes ---
  struct Request {
    std::string_view method, path, query, remote, user;
    std::vector<std::pair<std::string_view, std::string_view>> headers;  ///< names in lower case
    std::string_view body;
    std::uint32_t body_padding = 64;    ///< readable bytes after body
    std::string_view certificate = {};  ///< subject of the client's, verified; empty: none was asked for
  };
  struct Response {
    std::uint32_t status = 200;
    std::vector<std::pair<std::string, std::string>> headers;
    std::string body;
  };
  virtual void handle(const Request& request, base::Time deadline, std::function<void(Response)> done) = 0;
};

}  // namespace tocsin::plugin_host
