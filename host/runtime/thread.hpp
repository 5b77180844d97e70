// One named thread with a stack of a chosen size. Every thread of the host is one of these, made in `app`'s order.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <string>

namespace tocsin::runtime {

/// Stack sizes, in bytes. Only touched pages cost memory, but a small stack keeps a runaway recursion from costing
/// much.
constexpr std::size_t small_stack = 512 * 1024;    ///< our own code alone
constexpr std::size_t plugin_stack = 1024 * 1024;  ///< plugins and libraries run on it

class Thread {
 public:
  /// Starts at once. Terminates the program with a clear line if the system gives no thread.
  Thread(const std::string& name, std::size_t stack_bytes, std::function<void()> run);
  /// Joins.
  ~Thread();
  Thread(Thread&&) noexcept;
  Thread& operator=(Thread&&) = delete;
  /// Waits for the end; idempotent. On the thread itself it lets go instead of waiting.
  void join();
  /// Waits no more: for a thread that may never end. It goes on, and what it holds is given back if it ends after all.
  void let_go();
  bool is_current() const;

 private:
  struct Handle;
  std::unique_ptr<Handle> handle_;
};

}  // namespace tocsin::runtime
