// Requests whose answer waits until something changes: kept as a function that asks anew, so that no thread is held.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <mutex>
#include <vector>

namespace tocsin::api {

/// Any thread.
class Waiters {
 public:
  using Time = std::chrono::steady_clock::time_point;
  using Again = std::function<void()>;
  static constexpr std::size_t most = 1000;
  /// What changed without a word (another agent of the database did it) is looked for this often.
  static constexpr std::chrono::steady_clock::duration look_every = std::chrono::seconds(2);

  /// How often something has changed. Taken before the question, it tells add() what the answer cannot know.
  std::uint64_t turn() const;
  enum class Added { waits, changed, refused };
  /// `again` runs once, after a change or at `until` at the latest. `changed`: it would have to at once, and is
  /// dropped; `refused`: too many wait, or none may any more.
  Added add(std::uint64_t turn, Time until, Again again);

  /// Those that a change wakes: all of them.
  std::vector<Again> changed();
  /// Those whose time is over, or that look again by now.
  std::vector<Again> due(Time now);
  /// The same as changed(), and nobody waits from here on.
  std::vector<Again> close();

 private:
  struct Waiter {
    Time until;
    Again again;
  };
  mutable std::mutex mutex_;
  std::vector<Waiter> waiting_;
  std::uint64_t turn_ = 0;
  bool closed_ = false;
};

}  // namespace tocsin::api
