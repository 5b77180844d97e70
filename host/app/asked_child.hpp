// A question asked in a process of its own: what a plugin that crashes or hangs there takes along is one answer.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <functional>
#include <string>
#include <string_view>

#include "base/clock.hpp"
#include "base/result.hpp"

namespace tocsin::app {

class AskedChild {
 public:
  /// Gives the answer and ends the child at once: nothing is torn down that a hanging plugin could hold up. `code`: of
  /// the asker's choosing, below 64.
  using Tell = std::function<void(std::string_view answer, int code)>;
  using Question = std::function<void(const Tell&)>;
  struct Answer {
    std::string text;
    int code = 0;
    std::string failure;  ///< why there may be no whole answer: "it did not answer in time …"; empty: none
  };

  /// Forks: the caller has one thread, and nothing waits in its output streams. The child ends with the caller; what
  /// the question throws is the failure. Its log holds errors only.
  static base::Result<AskedChild> ask(const Question& question, base::Duration time);
  AskedChild(AskedChild&& other) noexcept;
  AskedChild& operator=(AskedChild&&) = delete;
  ~AskedChild();

  /// Waits for the answer, until the time is up; once. What is longer than `most` bytes is cut.
  Answer wait(std::size_t most);

 private:
  AskedChild(pid_t pid, int from, std::chrono::steady_clock::time_point end) : pid_(pid), from_(from), end_(end) {}
  pid_t pid_ = -1;
  int from_ = -1;
  std::chrono::steady_clock::time_point end_;
};

}  // namespace tocsin::app
