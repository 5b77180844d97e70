// Which instance of a plugin a thread is in: for the crash handler, which must name who ran, and for the watch over
// calls that hang.
//
// Every call into a plugin is an Entered. Its cost is on the path of each judgement, so it takes no lock and reads no
// clock: it stores into a seat that only this thread writes. The watch samples the seats of all threads.
// Rejected: a stack of frames in shared memory (more stores, and a reader would follow pointers into a stack that
// unwinds), and a time stamp at each entry (the clock costs more than a small rule).
#pragma once

#include <atomic>
#include <cstdint>
#include <string_view>

namespace tocsin::plugin_host {

/// What of a plugin is called. `thread` is a thread of its own (host->spawn), `callback` a timer or a watch.
enum class EntryPoint : std::uint8_t {
  none,
  create,
  start,
  stop,
  destroy,
  reconfigure,
  cancel,
  pull,
  deliver,
  upsert,
  handle,
  load,
  unload,
  compile,
  release,
  evaluate,
  callback,
  save,
  restore,
  thread,
  sync,
  probe,
  query
};
/// Async-signal-safe.
const char* to_string(EntryPoint entry);

/// An instance as a crash handler can read it: fixed text at a fixed place.
struct Mark {
  std::atomic<std::uint32_t> number{0};  ///< of the instance; 0: the place is free
  std::uint64_t identity = 0;            ///< of the plugin's file, as Found::identity
  std::uintptr_t begin = 0, end = 0;     ///< where the plugin's library is mapped
  char instance[128] = {}, plugin[64] = {};
};

/// A place among the marks, held as long as the instance may run. Any thread.
class Marked {
 public:
  /// `code` is an address within the plugin's library. Beyond 1024 instances the mark names nobody.
  Marked(std::uint32_t number, std::string_view instance, std::string_view plugin, std::uint64_t identity,
         const void* code);
  ~Marked();
  Marked(const Marked&) = delete;
  Marked& operator=(const Marked&) = delete;
  const Mark& operator*() const { return *mark_; }

 private:
  Mark* mark_;
};

/// Where one thread says what it is in. Written by that thread alone; read by the watch and by a crash handler.
struct Seat {
  std::atomic<const Mark*> mark{nullptr};  ///< null: in no plugin
  std::atomic<std::uint64_t> call{0};      ///< EntryPoint << 32 | limit in ms (0: none)
  std::atomic<std::uint64_t> entries{0};   ///< counts calls: the same number seen twice is the same call
};

/// Null until the thread's first call into a plugin.
/// Initial-exec: a load, and no call that a handler must not make. The room is linked into programs only.
extern constinit thread_local Seat* this_seat __attribute__((tls_model("initial-exec")));
/// Gives the thread a seat, and an alternate stack so that a handler can run when the thread's own has overflowed.
Seat* claim_seat();

/// One call into a plugin, from before it to after it.
class Entered {
 public:
  /// `limit_ms` 0: the call may take as long as it likes.
  Entered(const Mark& mark, EntryPoint entry, std::uint32_t limit_ms)
      : seat_(this_seat != nullptr ? this_seat : claim_seat()),
        mark_(seat_->mark.load(std::memory_order_relaxed)),
        call_(seat_->call.load(std::memory_order_relaxed)) {
    seat_->entries.store(seat_->entries.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
    seat_->call.store(std::uint64_t{static_cast<std::uint8_t>(entry)} << 32 | limit_ms, std::memory_order_relaxed);
    seat_->mark.store(&mark, std::memory_order_relaxed);
  }
  ~Entered() {
    seat_->mark.store(mark_, std::memory_order_relaxed);
    seat_->call.store(call_, std::memory_order_relaxed);
  }
  Entered(const Entered&) = delete;
  Entered& operator=(const Entered&) = delete;

 private:
  Seat* const seat_;
  const Mark* const mark_;  ///< of the call around this one
  const std::uint64_t call_;
};

/// What a thread was in when it was looked at.
struct Seen {
  const Mark* mark = nullptr;
  std::uint32_t number = 0;  ///< of the mark's instance
  EntryPoint entry = EntryPoint::none;
  std::uint32_t limit_ms = 0;
  std::uint64_t entries = 0;
};
/// How many seats there ever were, at most 4096; seat i looked at. Any thread.
std::size_t seats();
Seen look_at(std::size_t seat);

}  // namespace tocsin::plugin_host
