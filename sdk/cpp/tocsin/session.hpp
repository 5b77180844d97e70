// What the SDK keeps for one instance: the host's table, the callbacks and threads it lent out, the overlap check.
// Owner: the instance's trampolines (type.hpp). Authors use it through tsn::Context.
#pragma once

#include <algorithm>
#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "tocsin/config.hpp"
#include "tocsin/status.hpp"

namespace tsn::detail {

class Session;
/// The instance whose code runs on this thread; null outside of calls.
inline constinit thread_local Session* current = nullptr;

/// Sets `current` for the duration of a call.
class Entered {
 public:
  explicit Entered(Session* session) noexcept : before_(std::exchange(current, session)) {}
  ~Entered() { current = before_; }
  Entered(const Entered&) = delete;

 private:
  Session* before_;
};

class Session {
 public:
  Session(const tsn_host* of, const tsn_create& create)
      : host(of),
        table(read_struct(of)),
        instance(create.instance),
        replay(create.replay != 0),
        name(view(create.name)),
        data_dir(view(create.data_dir)) {}
  ~Session() { release(); }
  Session(const Session&) = delete;

  /// After stop(): cancels what is still pending and joins what still runs, so that the plugin holds nothing.
  void release() noexcept {
    // A thread may ask for a timer while it is being joined: until nothing is left.
    for (auto left = take_all(); !left.empty(); left = take_all()) {
      for (auto& callback : left) {
        if (callback->watch && table.unwatch) table.unwatch(host, instance, callback->watch);
        if (callback->timer && table.cancel_timer) table.cancel_timer(host, instance, callback->timer);
        if (callback->thread && table.join) table.join(host, instance, callback->thread);
      }
    }
  }

  void log(tsn_log_level level, std::string_view text) const noexcept {
    if (table.log) table.log(host, instance, level, str(text));
  }

  std::uint64_t timer(std::chrono::nanoseconds after, std::function<void()> call) {
    auto* entry = keep([call = std::move(call)](std::uint32_t) { call(); });
    tsn_err err = empty_err();
    tsn_timer id = 0;
    check(entry,
          table.timer ? table.timer(host, instance, after.count(), &fire_timer, entry, &id, &err) : TSN_UNSUPPORTED,
          err);
    return remember(entry, &Callback::timer, id);
  }
  void cancel_timer(std::uint64_t id) noexcept {
    if (table.cancel_timer && table.cancel_timer(host, instance, id) == TSN_OK) drop(&Callback::timer, id);
  }

  std::uint64_t watch_fd(int fd, std::uint32_t events, std::function<void(std::uint32_t)> call) {
    auto* entry = keep(std::move(call));
    tsn_err err = empty_err();
    tsn_watch id = 0;
    check(entry, table.watch_fd ? table.watch_fd(host, instance, fd, events, &fire, entry, &id, &err) : TSN_UNSUPPORTED,
          err);
    return remember(entry, &Callback::watch, id);
  }
  void unwatch(std::uint64_t id) noexcept {
    if (table.unwatch && table.unwatch(host, instance, id) == TSN_OK) drop(&Callback::watch, id);
  }

  std::uint64_t spawn(std::string_view thread_name, std::function<void()> body) {
    auto* entry = keep([body = std::move(body)](std::uint32_t) { body(); });
    tsn_err err = empty_err();
    tsn_thread id = 0;
    check(entry,
          table.spawn ? table.spawn(host, instance, str(thread_name), &run_thread, entry, &id, &err) : TSN_UNSUPPORTED,
          err);
    return remember(entry, &Callback::thread, id);
  }
  void join(std::uint64_t id) noexcept {
    if (table.join && table.join(host, instance, id) == TSN_OK) drop(&Callback::thread, id);
  }

  const tsn_host* const host;  ///< first argument of every call
  const tsn_host table;        ///< the same, read with this side's size: newer functions of an older host are null
  const tsn_instance instance;
  const bool replay;
  const std::string name;
  const std::string data_dir;
  const tsn_value* config = nullptr;  ///< during create() and reconfigure() only
  std::atomic<bool> busy{false};      ///< a [seq] or [main] call is in progress (checked in debug builds)

 private:
  /// A function lent to the host. Freed when it has fired, was cancelled, or the instance is released.
  struct Callback {
    Session* session = nullptr;
    std::function<void(std::uint32_t)> call;
    tsn_timer timer = 0;
    tsn_watch watch = 0;
    tsn_thread thread = 0;
  };
  using Callbacks = std::vector<std::unique_ptr<Callback>>;

  Callback* keep(std::function<void(std::uint32_t)> call) {
    auto made = std::make_unique<Callback>();
    made->session = this;
    made->call = std::move(call);
    const std::lock_guard lock(mutex_);
    return callbacks_.emplace_back(std::move(made)).get();
  }
  std::unique_ptr<Callback> take(const Callback* entry) {
    const std::lock_guard lock(mutex_);
    const auto at = std::find_if(callbacks_.begin(), callbacks_.end(), [&](auto& kept) { return kept.get() == entry; });
    if (at == callbacks_.end()) return nullptr;
    auto taken = std::move(*at);
    callbacks_.erase(at);
    return taken;
  }
  Callbacks take_all() {
    const std::lock_guard lock(mutex_);
    return std::exchange(callbacks_, {});
  }
  /// The callback may have fired, and be gone, before its id was known here.
  std::uint64_t remember(const Callback* entry, std::uint64_t Callback::* slot, std::uint64_t id) {
    const std::lock_guard lock(mutex_);
    for (auto& kept : callbacks_)
      if (kept.get() == entry) kept.get()->*slot = id;
    return id;
  }
  void drop(std::uint64_t Callback::* slot, std::uint64_t id) noexcept {
    const std::lock_guard lock(mutex_);
    std::erase_if(callbacks_, [&](auto& kept) { return kept.get()->*slot == id; });
  }
  void check(const Callback* entry, tsn_status status, const tsn_err& err) {
    if (status == TSN_OK) return;
    take(entry);
    throw Failure(Status(status, err));
  }

  void run(Callback& callback, std::uint32_t events) noexcept;
  static void fire(void* arg, std::uint32_t events) noexcept {
    auto* entry = static_cast<Callback*>(arg);
    if (auto taken = entry->session->take(entry)) taken->session->run(*taken, events);
  }
  static void fire_timer(void* arg) noexcept { fire(arg, 0); }
  /// A thread's entry stays kept until it is joined; only its function is run here.
  static void run_thread(void* arg) noexcept {
    auto& entry = *static_cast<Callback*>(arg);
    const Entered entered(entry.session);
    tsn_err err = empty_err();
    const auto status = barrier(&err, [&] { entry.call(0); });
    if (status != TSN_OK) entry.session->log(TSN_LOG_ERROR, "thread ended: " + std::string(err.msg, err.n));
  }

  std::mutex mutex_;
  Callbacks callbacks_;
};

/// Marks a [seq] or [main] call. In debug builds an overlap is logged and refused: the caller broke the thread tags.
class Sequential {
 public:
  explicit Sequential(Session& session) noexcept : entered_(&session) {
#ifndef NDEBUG
    session_ = session.busy.exchange(true, std::memory_order_acquire) ? nullptr : &session;
    if (!session_) session.log(TSN_LOG_ERROR, "the host overlapped two calls that are tagged [seq]");
#endif
  }
  ~Sequential() {
#ifndef NDEBUG
    if (session_) session_->busy.store(false, std::memory_order_release);
#endif
  }
  void require() const {
#ifndef NDEBUG
    if (!session_) throw Failure(invalid("overlapping [seq] calls into one instance"));
#endif
  }

 private:
  Entered entered_;
#ifndef NDEBUG
  Session* session_ = nullptr;
#endif
};

inline void Session::run(Callback& callback, std::uint32_t events) noexcept {
  const Sequential call(*this);
  tsn_err err = empty_err();
  const auto status = barrier(&err, [&] { callback.call(events); });
  if (status != TSN_OK) log(TSN_LOG_ERROR, "callback failed: " + std::string(err.msg, err.n));
}

}  // namespace tsn::detail
