// A host for tests: a tsn_host table with a clock set by hand, everything a plugin hands over captured and decoded,
// timers and descriptors fired by hand, real threads for spawn(). It holds plugins to the contract: what breaks it is
// listed in violations().
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "tocsin/batch.hpp"
#include "tocsin/config.hpp"
#include "tocsin/testing/samples.hpp"
#include "tocsin/testing/values.hpp"
#include "tocsin/token.hpp"

extern "C" const tsn_plugin* tsn_plugin_entry_v1() noexcept;

namespace tsn::testing {

/// The plugin linked into this test.
inline const tsn_plugin* in_process() {
  return tsn_plugin_entry_v1();
}

/// A plugin in a file. Never unloaded. Throws std::runtime_error with the loader's text.
const tsn_plugin* load_library(const std::string& path);

/// A signal as the host took it, with its series spelled out.
struct Row {
  std::string name;
  std::map<std::string, std::string> labels;
  Time ts = 0;
  double value = 0;
  std::optional<Summary> summary;
  std::string text, attributes, body, origin_file;
  std::uint32_t flags = 0, severity = 0;
  std::uint64_t origin_offset = 0, origin_line = 0;
  std::uint64_t seq = 0;

  std::string label(const std::string& key) const {
    const auto at = labels.find(key);
    return at == labels.end() ? std::string() : at->second;
  }
};

struct LogLine {
  tsn_log_level level = TSN_LOG_INFO;
  std::string text;
};

struct Rejected {
  std::string error_type, reason, name, loader, raw;
  std::uint32_t count = 1;
};

/// What a call answered, at once or through its token.
struct Answer {
  tsn_status status = TSN_OK;
  std::string text;
  int code = 0;
  std::uint32_t retry_after_ms = 0;
  Delivered delivered;    ///< deliver()
  Ticket ticket;          ///< upsert()
  HttpResponse response;  ///< handle()
};

/// What came through "tsn.feedback/1".
struct GivenReceipt {
  tsn_receipt_state state = TSN_RECEIPT_DELIVERED;
  std::string key, provider_id, detail;
  Time at = 0;
};
struct GivenAnswer {
  tsn_answer_kind kind = TSN_ANSWER_ACKNOWLEDGE;
  bool whole_service = false;
  tsn_incident_status status = 0;
  std::string id, incident, key, provider_id, ticket, ticket_url, ticket_status, address, actor, way, text;
  std::int64_t lasts = 0;
  Time at = 0;
};

/// What came through "tsn.exchanges/1".
struct GivenExchange {
  bool incoming = false;
  std::string correlation_id, ticket, method, target, request, response, error;
  std::uint32_t status = 0;
  Time at = 0;
  std::int64_t took = 0;
};

/// What a query answered.
struct QueryRow {
  std::map<std::string, std::string> labels;
  double value = 0;
  Time ts = 0;
};

/// A breach of the contract, by the name that `tocsin plugin check` gives to it.
struct Breach {
  const char* defect = "";
  std::string text;
};

/// Told the function's name when a plugin is entered, null when it returns; for a supervisor of the test. [any]
inline void (*on_call)(const char* function) = nullptr;

class FakeInstance;

class FakeHost {
 public:
  struct State;
  explicit FakeHost(const tsn_plugin* plugin = in_process());
  ~FakeHost();
  FakeHost(const FakeHost&) = delete;

  /// Makes an instance of type `type` (empty: the plugin's first). `config` is completed with the declared defaults.
  /// Throws tsn::Failure with what create() answered.
  std::unique_ptr<FakeInstance> create(std::string_view type = {}, const Value& config = Value::table(),
                                       std::string_view name = "test");
  /// The same with `config` as it stands, unchecked; null when create() refuses, which `answer` then tells.
  std::unique_ptr<FakeInstance> create_raw(const tsn_type& type, Value config, Answer& answer,
                                           std::string_view name = "test");
  /// A handle for a test that calls create() itself.
  tsn_instance register_instance();
  const tsn_type& type(std::string_view id = {}) const;

  // --- settings, before create() ---
  std::string data_dir;
  bool replay = false;
  std::size_t max_series = 100'000;
  /// How long (really) an answer that is PENDING is waited for.
  std::chrono::milliseconds patience = std::chrono::seconds(10);

  // --- time ---
  /// The clock stands at 2026-11-20T10:00:00Z and moves only here.
  void set_now(Time at);
  Time now() const;
  /// Moves the clock and fires what comes due, in order, on this thread.
  void advance(std::chrono::nanoseconds by);
  std::size_t timers() const;
  std::size_t watches() const;
  std::size_t threads() const;
  /// Waits (really) up to `wait` for watched descriptors and calls back those that are ready, on this thread.
  std::size_t pump(std::chrono::milliseconds wait = std::chrono::milliseconds(0));

  // --- what was handed over ---
  std::vector<Row> rows() const;
  /// Waits (really) until `count` rows are there.
  bool wait_for_rows(std::size_t count, std::chrono::milliseconds at_most = std::chrono::seconds(10)) const;
  std::size_t batches() const;
  std::optional<std::string> cursor() const;  ///< the last one
  std::vector<Rejected> rejected() const;
  std::vector<LogLine> logs() const;
  bool logged(std::string_view part) const;
  std::map<std::string, double> metrics() const;
  std::map<std::string, std::string> kv() const;
  void set_kv(const std::string& key, std::string value);
  std::vector<GivenReceipt> receipts() const;
  std::vector<GivenAnswer> answers() const;
  std::vector<GivenExchange> exchanges() const;
  /// What answers are answered with; without it TSN_OK and the sentence "done". Called under no lock.
  void on_answer(std::function<Answer(const GivenAnswer&)> decide);
  void clear();  ///< rows, cursor, rejects and logs
  /// The next `count` submits answer `status`.
  void refuse_submits(std::size_t count, tsn_status status = TSN_RETRY);
  /// From now on every function that can fail answers `status`; TSN_OK: works again.
  void answer_everything(tsn_status status);
  /// A host without any service.
  void without_services();
  /// Breaches of the contract: a token completed twice, a malformed batch, something left behind by stop().
  std::vector<std::string> violations() const;
  std::vector<Breach> breaches() const;

  const tsn_host* table() const;
  /// A table whose `size` says `bytes`: a host older or newer than this header.
  const tsn_host* table_of_size(std::uint32_t bytes);

 private:
  friend class FakeInstance;
  struct Calls;
  std::unique_ptr<State> state_;
};

/// One instance of a type. Stopped and destroyed with it.
class FakeInstance {
 public:
  ~FakeInstance();
  FakeInstance(const FakeInstance&) = delete;

  Answer start(std::string_view cursor = {});
  /// Idempotent. Checks that nothing of the instance is left.
  void stop();
  Answer reconfigure(const Value& config);
  Answer pull(std::chrono::nanoseconds time = std::chrono::seconds(10));
  std::string save();
  Answer load(std::string_view state);

  /// Waits (really) for the token when the plugin answers PENDING.
  Answer deliver(const Message& message, std::chrono::nanoseconds time = std::chrono::seconds(10));
  Answer upsert(const Upsert& change, std::chrono::nanoseconds time = std::chrono::seconds(10));
  /// TSN_UNSUPPORTED where the tracker has none.
  Answer sync(std::chrono::nanoseconds time = std::chrono::seconds(10));
  /// What it found is in `report`. TSN_UNSUPPORTED where the type has none.
  Answer probe(std::string& report, const Upsert* dry_run = nullptr,
               std::chrono::nanoseconds time = std::chrono::seconds(10));
  /// TSN_UNSUPPORTED where the source answers no questions. `table` is completed with the declared defaults.
  Answer query(const Value& table, std::vector<QueryRow>& rows,
               std::chrono::nanoseconds time = std::chrono::seconds(10), std::uint32_t max_rows = 1000);
  Answer handle(const HttpRequest& request, std::chrono::nanoseconds time = std::chrono::seconds(10));

  /// The same in two halves, for plugins that answer later: the token of a call that is pending, then its answer.
  tsn_token begin_deliver(const Message& message, std::chrono::nanoseconds time = std::chrono::seconds(10));
  tsn_token begin_upsert(const Upsert& change, std::chrono::nanoseconds time = std::chrono::seconds(10));
  bool completed(tsn_token token) const;
  Answer finish(tsn_token token);
  /// For a test that calls a function itself: its token, and what the call answered.
  tsn_token begin_call() { return new_token(); }
  Answer end_call(tsn_token token, tsn_status status) {
    return answered("the call", token, status, detail::empty_err());
  }
  void cancel(tsn_token token);

  // --- detector ---
  struct Program {
    void* raw = nullptr;
    std::vector<Input> inputs;           ///< by column
    std::vector<std::string> selectors;  ///< what Input::selector of the same column points to
    Answer answer;                       ///< of compile()
  };
  struct LoadedRule {
    Value table;
    void* script = nullptr;
  };
  std::unique_ptr<Program> compile(const RuleSample& rule);
  void release(Program& program);
  /// Rows with fewer cells than the program has inputs are filled up with NaN.
  std::vector<Verdict> evaluate(Program& program, const std::vector<RowSample>& rows, Answer* answer = nullptr);
  Answer load_script(std::string_view file, std::string_view text, std::vector<LoadedRule>& rules);
  void unload_script(std::string_view file);

  tsn_instance handle_id() const { return id_; }
  void* self() const { return self_; }
  const tsn_type& type() const { return type_; }

 private:
  friend class FakeHost;
  FakeInstance(FakeHost& host, const tsn_type& type, tsn_instance id) : host_(host), type_(type), id_(id) {}
  tsn_token new_token();
  void owes(tsn_token token);
  void* call_of(tsn_token token) const;
  Answer answer_of(const char* function, tsn_status status, const tsn_err& err) const;
  Answer answered(const char* function, tsn_token token, tsn_status status, const tsn_err& err);
  Time deadline(std::chrono::nanoseconds time) const;

  FakeHost& host_;
  const tsn_type& type_;
  tsn_instance id_;
  void* self_ = nullptr;
  bool started_ = false;
};

}  // namespace tsn::testing
