// The memory that an agent and one runner process share: two byte pipes, slots for quick replies, and the runner's own
// metrics. One sealed memfd (it can neither shrink nor grow, so the agent cannot be made to fault on it).
//
// Everything in it may be written by the runner, and so by a hostile plugin: the agent keeps its own positions, copies
// before it checks, and checks before it believes. Both sides are the same build, so plain structs are the format.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "base/result.hpp"

namespace tocsin::plugin_host::runner {

constexpr std::uint32_t pipe_bytes = 256 * 1024;  ///< longer messages pass through in pieces
constexpr std::uint32_t slot_count = 16;          ///< calls that wait at a time, each way; more wait for a free one
constexpr std::uint32_t slot_bytes = 68 * 1024;   ///< a key-value entry (64 KiB) with its frame fits
constexpr std::uint32_t metric_count = 512;

/// Positions of a pipe: bytes written and taken since it was made, and the bells its ends wait at (futex words).
struct PipeState {
  alignas(64) std::atomic<std::uint64_t> written;
  alignas(64) std::atomic<std::uint64_t> taken;
  alignas(64) std::atomic<std::uint32_t> data_bell;
  std::atomic<std::uint32_t> reader_waits;
  alignas(64) std::atomic<std::uint32_t> room_bell;
  std::atomic<std::uint32_t> writer_waits;
};

enum SlotState : std::uint32_t { slot_waiting = 1, slot_answered = 2, slot_by_pipe = 3 };

/// Where the answer of one call is put, and the futex word its caller waits at.
struct Slot {
  alignas(64) std::atomic<std::uint32_t> state;
  std::atomic<std::uint32_t> bytes;
  char data[slot_bytes];
};

/// A counter or gauge of the plugin's: the bits of a double. What it is called comes by message, once.
struct Metric {
  std::atomic<std::uint64_t> bits;
};

struct Region {
  PipeState down, up;      ///< agent → runner, runner → agent
  Slot calls[slot_count];  ///< answers to the agent's calls
  Slot asks[slot_count];   ///< answers to the runner's calls
  Metric metrics[metric_count];
  alignas(64) char down_data[pipe_bytes];
  char up_data[pipe_bytes];
};

/// Waits at a futex word while it is `seen`, at most `limit_ns` (negative: for ever). May wake early.
void futex_wait(std::atomic<std::uint32_t>& word, std::uint32_t seen, std::int64_t limit_ns);
void futex_wake(std::atomic<std::uint32_t>& word);

/// A region mapped into this process; unmapped with it.
class SharedRegion {
 public:
  /// The agent: a new sealed memfd.
  static base::Result<SharedRegion> make();
  /// The runner: the one it was given.
  static base::Result<SharedRegion> map(int fd);
  SharedRegion(SharedRegion&& other) noexcept;
  SharedRegion& operator=(SharedRegion&&) = delete;
  ~SharedRegion();
  Region& operator*() const { return *region_; }
  Region* operator->() const { return region_; }
  int fd() const { return fd_; }

 private:
  SharedRegion(int fd, Region* region) : fd_(fd), region_(region) {}
  int fd_;
  Region* region_;
};

}  // namespace tocsin::plugin_host::runner
