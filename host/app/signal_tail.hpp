// Signals as they are taken in, for those who watch (`tocsin signal tail`): the newest batches, kept while somebody
// asks for them, and the journal's end for who asks first.
//
// Nobody is waited for: a batch is a shared pointer in a bounded ring, and a reader who comes too late is told how many
// signals are gone. While nobody watches, a batch costs one load. Rejected alternative: to follow the journal's files;
// a position is found by reading its file from the beginning, up to 64 MiB for each question.
#pragma once

#include <atomic>
#include <chrono>
#include <deque>
#include <functional>
#include <mutex>
#include <string>

#include "api/backend.hpp"
#include "base/result.hpp"
#include "model/series_table.hpp"
#include "model/signal.hpp"
#include "storage/journal.hpp"
#include "telemetry/metrics.hpp"

namespace tocsin::app {

struct TailLimits {
  std::size_t rows = 50'000, bytes = 16u << 20;      ///< kept; the newest batch always
  base::Duration watched = std::chrono::minutes(1);  ///< after a question, batches are kept so long for the next one
  base::Duration notice = std::chrono::milliseconds(200);  ///< between two calls of the listener, at least
  std::size_t most_text = 2048;                            ///< bytes of a signal's text that are shown
};

class SignalTail {
 public:
  using Steady = std::chrono::steady_clock;
  /// All outlive it.
  SignalTail(model::SeriesTable& series, storage::Journal& journal, telemetry::Metrics& metrics,
             TailLimits limits = TailLimits());

  /// A batch was accepted. Any thread; does not wait for a reader.
  void offer(const model::SharedBatch& batch, Steady::time_point now = Steady::now());
  /// Without a cursor: the last signals of the journal, and where now is. With one: what came after it. Reads the
  /// journal's end in the first case, so not for an io thread. Fault::invalid: the cursor is none of ours.
  base::Result<api::SignalTailPage> read(const api::SignalTailQuery& query, Steady::time_point now = Steady::now());
  /// Called when something came for a reader who found nothing; empty: nobody is. Any thread, one call at a time.
  void on_signals(std::function<void()> listener);

 private:
  struct Kept {
    std::uint64_t first = 0;  ///< number of its first row
    std::size_t bytes = 0;
    model::SharedBatch batch;
  };
  struct Cursor {
    std::uint64_t generation = 0, row = 0;
    std::uint64_t position = 0;  ///< of the journal: what is not after it was shown already
    std::string text() const;
  };
  static base::Result<Cursor> parse(const std::string& text);
  void watch(Steady::time_point now);  ///< with mutex_ held
  void drop_oldest();                  ///< likewise
  base::Result<api::SignalTailPage> begin(const api::SignalTailQuery& query, Steady::time_point now);
  base::Result<void> read_journal(const api::SignalTailQuery& query, std::uint64_t newest, api::SignalTailPage& page);
  api::TailedSignal shown(const model::SignalBatch& batch, std::size_t row) const;

  model::SeriesTable& series_;
  storage::Journal& journal_;
  telemetry::Counter& lost_;
  const TailLimits limits_;
  std::atomic<std::int64_t> watched_until_{0};  ///< of the steady clock; 0: nobody watches
  std::atomic<bool> awaited_{false};            ///< a reader found nothing
  std::mutex mutex_;
  std::deque<Kept> kept_;
  std::size_t rows_ = 0, bytes_ = 0;
  std::uint64_t generation_;  ///< of the ring: a cursor of another one says nothing about what came since
  std::uint64_t next_row_ = 0;
  std::mutex listener_mutex_;
  std::function<void()> listener_;
  Steady::time_point noticed_{};  ///< guarded by listener_mutex_
};

}  // namespace tocsin::app
