// One direction of the shared memory: bytes in order, one writing process and one reading one.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "plugin_host/runner/region.hpp"

namespace tocsin::plugin_host::runner {

using SteadyTime = std::chrono::steady_clock::time_point;
constexpr SteadyTime never = SteadyTime::max();

/// How long the other process is waited for without giving the processor away. Eager: judgements, where a shard stands
/// still meanwhile. Patient: batches, which are better taken in on the processor whose cache holds them.
enum class Wait : std::uint8_t { patient, eager };

/// What became of waiting.
enum class PipeEnd : std::uint8_t {
  done,
  closed,
  late,
  broken
};  ///< broken: the other side wrote impossible positions

/// The writing end. One thread at a time.
class PipeWriter {
 public:
  PipeWriter(PipeState& state, char* data, const std::atomic<bool>& closed)
      : state_(state), data_(data), closed_(closed), written_(state.written.load()) {}
  /// All of the bytes, in pieces where they are more than there is room for. After anything but `done` the stream is
  /// cut short and of no use any more, unless nothing was written.
  PipeEnd write(std::string_view bytes, SteadyTime deadline);
  /// Makes what was written visible and wakes the reader. Done by write() itself only when it has to wait for room.
  void flush();

 private:
  PipeEnd wait_for_room(SteadyTime deadline);
  PipeState& state_;
  char* const data_;
  const std::atomic<bool>& closed_;
  std::uint64_t written_;
};

/// The reading end. One thread at a time.
class PipeReader {
 public:
  PipeReader(PipeState& state, const char* data, const std::atomic<bool>& closed, Wait manner)
      : state_(state), data_(data), closed_(closed), manner_(manner), taken_(state.taken.load()) {}
  /// Exactly `n` bytes. `closed` comes only after what is there was read.
  PipeEnd read(void* to, std::size_t n);

 private:
  PipeEnd wait_for_data();
  PipeState& state_;
  const char* const data_;
  const std::atomic<bool>& closed_;
  const Wait manner_;
  std::uint64_t taken_;
};

/// Wakes both ends after `closed` was set.
void ring_all(PipeState& state);

/// Nanoseconds until then, at least 0; -1: never.
std::int64_t left_ns(SteadyTime deadline);

/// Spins for as long as that has paid off lately: an answer usually comes within microseconds, and waking a sleeping
/// processor costs ten times that, in a virtual machine more. But where both share one processor the spinning keeps the
/// other from answering. So a failure halves the patience, a success doubles it, and now and then the whole of it is
/// tried. One for each thread and manner.
class Spin {
 public:
  template <class Done>
  static bool until(Wait manner, Done&& done) {
    thread_local Spin patient{4, 512}, eager{128, 4096};
    return (manner == Wait::eager ? eager : patient).wait(done);
  }

 private:
  Spin(unsigned least, unsigned most) : least_(least), most_(most), turns_(least) {}
  template <class Done>
  bool wait(Done& done) {
    constexpr unsigned trial = 64;
    const unsigned turns = ++waits_ % trial == 0 ? most_ : turns_;
    for (unsigned i = 0; i < turns; ++i) {
      if (done()) {
        turns_ = turns_ < most_ ? turns_ * 2 : most_;
        return true;
      }
#if defined(__x86_64__)
      __builtin_ia32_pause();
#elif defined(__aarch64__)
      asm volatile("yield");
#endif
    }
    turns_ = turns_ > least_ ? turns_ / 2 : least_;
    return done();
  }
  const unsigned least_, most_;
  unsigned turns_, waits_ = 0;
};

}  // namespace tocsin::plugin_host::runner
