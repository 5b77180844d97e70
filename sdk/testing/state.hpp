// What the fake host keeps; shared by its source files.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstring>
#include <exception>
#include <string>
#include <type_traits>
#include <utility>

#include "tocsin/testing/fake_host.hpp"

namespace tsn::testing {

/// A struct that the plugin writes, with bytes behind it that are not its own.
template <class Struct>
struct Fenced {
  Fenced() { std::memset(behind, 0x5a, sizeof behind); }
  bool whole() const {
    return std::all_of(std::begin(behind), std::end(behind), [](unsigned char byte) { return byte == 0x5a; });
  }
  Struct value{};
  unsigned char behind[128];
};

struct FakeHost::State {
  using Key = std::pair<std::string, std::map<std::string, std::string>>;
  struct Timer {
    Time due;
    void (*fn)(void*);
    void* arg;
    tsn_instance owner;
  };
  struct Watch {
    int fd;
    std::uint32_t events;
    void (*fn)(void*, std::uint32_t);
    void* arg;
    tsn_instance owner;
  };
  struct Running {
    std::thread thread;
    tsn_instance owner;
  };
  struct Call {
    tsn_instance owner;
    bool answered = false;
    bool pending = false;  ///< the call returned and owes its answer
    Answer answer;
    /// Buffers that the plugin may fill until completion.
    std::unique_ptr<tsn_response> response;
    Fenced<tsn_delivered> delivered;
    Fenced<tsn_ticket> ticket;
  };

  explicit State(const tsn_plugin* of) : plugin(of) {}

  std::uint64_t next_handle() { return first_handle | ++handles; }
  /// Handles count up: what is beyond the last one was never given to anybody.
  bool given(std::uint64_t handle) const { return handle > first_handle && handle <= (first_handle | handles); }
  void violate(const char* defect, std::string text) { breaches.push_back({defect, std::move(text)}); }
  /// The same, from a place that holds no lock.
  void report(const char* defect, std::string text) {
    const std::lock_guard lock(mutex);
    violate(defect, std::move(text));
  }

  static constexpr std::uint64_t first_handle = std::uint64_t{1} << 32;
  const tsn_plugin* plugin;
  tsn_host table{};
  std::vector<std::unique_ptr<unsigned char[]>> other_tables;
  tsn_kv_v1 kv_service{};
  tsn_feedback_v1 feedback_service{};
  tsn_exchanges_v1 exchanges_service{};

  mutable std::mutex mutex;
  mutable std::condition_variable changed;
  std::uint64_t handles = 0;
  Time clock = 1'795'168'800'000'000'000;
  std::size_t max_series = 100'000;
  std::map<Key, tsn_series> series;
  std::map<tsn_series, const Key*> by_handle;
  std::vector<Row> rows;
  std::size_t batches = 0;
  std::optional<std::string> cursor;
  std::uint64_t next_seq = 1;
  std::size_t refusals = 0;
  tsn_status refusal = TSN_RETRY;
  std::vector<Rejected> rejected;
  std::vector<LogLine> logs;
  std::map<std::string, double> metrics;
  std::map<std::string, std::string> kv;
  std::vector<GivenReceipt> receipts;
  std::vector<GivenAnswer> answers;
  std::vector<GivenExchange> exchanges;
  std::function<Answer(const GivenAnswer&)> on_answer;
  std::map<tsn_timer, Timer> timers;
  std::map<tsn_watch, Watch> watches;
  std::map<tsn_thread, Running> threads;
  std::map<tsn_token, Call> calls;
  std::set<tsn_instance> live, stopping;
  tsn_status host_answer = TSN_OK;
  bool has_services = true;
  std::vector<Breach> breaches;
};

/// Calls into the plugin: tells `on_call`, and lets no exception of the plugin further.
template <class Call>
auto guarded(FakeHost::State& state, const char* function, Call&& call) -> decltype(call()) {
  using Result = decltype(call());
  struct Told {
    explicit Told(const char* name) {
      if (on_call) on_call(name);
    }
    ~Told() {
      if (on_call) on_call(nullptr);
    }
  };
  std::string text = "something that is no std::exception";
  try {
    const Told told(function);
    return call();
  } catch (const std::exception& error) {
    text = error.what();
  } catch (...) {
  }
  state.report("throws", std::string(function) + "() let an exception cross the line: " + text);
  if constexpr (!std::is_void_v<Result>) return TSN_FAILED;
}

/// What is wrong with the form of a batch; an empty text: nothing.
Breach read_batch(const tsn_batch* batch, std::vector<Row>& rows, std::vector<tsn_series>& series);

}  // namespace tsn::testing
