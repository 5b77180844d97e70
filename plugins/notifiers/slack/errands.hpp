// One thread that does what it is handed, one after the other: for work that must not keep a caller waiting.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <mutex>
#include <optional>

#include "tocsin/plugin.hpp"

namespace tocsin_plugins {

class Errands {
 public:
  enum class AtStop { finish, drop };  ///< what waits then
  Errands(const tsn::Context& ctx, const char* name, AtStop at_stop) : ctx_(ctx), name_(name), at_stop_(at_stop) {}
  void start();
  /// What runs is waited for. Idempotent.
  void stop();
  /// False: too many wait, or it is not running. [any]
  bool push(std::function<void()> errand);

  static constexpr std::size_t most = 100;

 private:
  void run();

  const tsn::Context& ctx_;
  const char* name_;
  const AtStop at_stop_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::function<void()>> waiting_;
  bool running_ = false;
  std::optional<tsn_thread> thread_;
};

}  // namespace tocsin_plugins
