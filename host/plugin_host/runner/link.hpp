// Calls and messages over a shared region, the same on both sides: frames out, frames in, and answers awaited.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <initializer_list>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "plugin_host/runner/pipe.hpp"
#include "plugin_host/runner/region.hpp"
#include "plugin_host/runner/wire.hpp"

namespace tocsin::plugin_host::runner {

class Link {
 public:
  enum class Side : std::uint8_t { agent, runner };
  enum class End : std::uint8_t { answered, closed, late };
  /// `region` must outlive it.
  Link(Side side, Region& region);

  /// Content that one thread reads out of the pipe; kept from message to message. Starts at a multiple of 8.
  struct Content {
    std::vector<std::uint64_t> words;
    std::size_t bytes = 0;
    std::string_view view() const { return {reinterpret_cast<const char*>(words.data()), bytes}; }
  };
  using Parts = std::initializer_list<std::string_view>;

  /// Numbers of calls; never used twice by one side.
  std::uint64_t next_id() { return next_id_.fetch_add(1, std::memory_order_relaxed); }

  /// Sends and waits for nothing. False: the other side is gone or has not made room by `deadline`. Any thread.
  bool send(Kind kind, std::uint32_t instance, std::uint64_t id, Parts content, SteadyTime deadline = never);
  /// Sends and waits for the answer. `late` leaves the slot to whoever still writes to it: the link should be closed
  /// soon. Any thread but the one in next().
  End call(Kind kind, std::uint32_t instance, std::uint64_t id, Parts content, SteadyTime deadline,
           std::string& answer);
  /// Answers a frame that waits for it; without one it does nothing. Any thread.
  void answer(const Frame& to, std::string_view content);

  /// The next frame that is not an answer, in order; false: the other side is gone, or broke the format (broken()).
  /// One thread.
  bool next(Frame& frame, Content& content);

  /// Nobody waits any more, and nobody will. Idempotent, any thread; does no work.
  void close();
  bool closed() const { return closed_.load(std::memory_order_acquire); }
  bool broken() const { return broken_.load(std::memory_order_acquire); }

 private:
  bool write(const Frame& frame, Parts content, SteadyTime deadline);
  std::uint16_t take_slot(SteadyTime deadline);
  void give_slot(std::uint16_t number);
  bool read_answer(Slot& slot, std::uint64_t id, std::string& answer);

  const Side side_;
  Region& region_;
  Slot* const mine_;    ///< where answers to this side's calls come
  Slot* const theirs_;  ///< where this side answers
  std::atomic<bool> closed_{false}, broken_{false};
  std::atomic<std::uint64_t> next_id_{1};
  std::mutex write_mutex_;
  PipeWriter writer_;
  PipeReader reader_;
  std::mutex slots_mutex_;
  std::condition_variable slot_free_;
  std::uint32_t slots_taken_ = 0;  ///< a bit each
  std::mutex answers_mutex_;
  std::map<std::uint64_t, std::string> answers_;  ///< that came by the pipe, by call
};

static_assert(slot_count <= 32);

}  // namespace tocsin::plugin_host::runner
