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
  PipeReader(PipeState& state, const char* data, const std::atomic<bool>& closed)
      : state_(state), data_(data), closed_(closed), taken_(state.taken.load()) {}
  /// Exactly `n` bytes. `closed` comes only after what is there was read.
  PipeEnd read(void* to, std::size_t n);

 private:
  PipeEnd wait_for_data();
  PipeState& state_;
  const char* const data_;
  const std::atomic<bool>& closed_;
  std::uint64_t taken_;
};

/// Wakes both ends after `closed` was set.
void ring_all(PipeState& state);

/// Nanoseconds until then, at least 0; -1: never.
std::int64_t left_ns(SteadyTime deadline);

/// A moment of waiting without giving the processor away: an answer of the other process usually comes within
/// microseconds.
template <class Done>
bool spin_until(Done&& done) {
  for (int i = 0; i < 60; ++i) {
    if (done()) return true;
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    asm volatile("yield");
#endif
  }
  return done();
}

}  // namespace tocsin::plugin_host::runner
