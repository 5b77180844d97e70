// What the fake host keeps; shared by its source files.
#pragma once

#include <algorithm>
#include <atomic>
#include <string>
#include <utility>

#include "tocsin/testing/fake_host.hpp"

namespace tsn::testing {

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
    Answer answer;
    /// Buffers that the plugin may fill until completion.
    std::unique_ptr<tsn_response> response;
    tsn_delivered delivered{};
    tsn_ticket ticket{};
  };

  explicit State(const tsn_plugin* of) : plugin(of) {}

  std::uint64_t next_handle() { return (std::uint64_t{1} << 32) | ++handles; }
  void violate(std::string text) { violations.push_back(std::move(text)); }

  const tsn_plugin* plugin;
  tsn_host table{};
  std::vector<std::unique_ptr<unsigned char[]>> other_tables;
  tsn_kv_v1 kv_service{};

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
  std::map<tsn_timer, Timer> timers;
  std::map<tsn_watch, Watch> watches;
  std::map<tsn_thread, Running> threads;
  std::map<tsn_token, Call> calls;
  std::set<tsn_instance> live, stopping;
  std::vector<std::string> violations;
};

/// Decodes and checks a batch. Returns an empty text, or what is wrong with its form.
std::string read_batch(const tsn_batch* batch, std::vector<Row>& rows, std::vector<tsn_series>& series);

}  // namespace tsn::testing
