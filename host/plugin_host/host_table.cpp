// The C functions behind tsn_host: checks that hold for every call, then the core. [any] thread; nothing is thrown out.
#include <algorithm>
#include <exception>

#include "base/text.hpp"
#include "plugin_host/instance_core.hpp"

namespace tocsin::plugin_host {
namespace {

constexpr std::size_t max_log = 4096;

/// The core, if the table is one of ours and the handle is of this instance.
InstanceCore* core_of(const tsn_host* host, tsn_instance instance) {
  if (host == nullptr || host->ctx == nullptr) return nullptr;
  auto* core = static_cast<InstanceCore*>(host->ctx);
  return core->handle_of_instance() == instance ? core : nullptr;
}

/// Runs `f(core)`; a stale instance is refused, and memory running out becomes a status.
template <class F>
tsn_status with(const tsn_host* host, tsn_instance instance, tsn_err* err, F&& f) noexcept {
  InstanceCore* core = core_of(host, instance);
  if (core == nullptr) return refuse(err, TSN_INVALID, "the instance's handle is stale or of another instance");
  try {
    return f(*core);
  } catch (const std::exception& error) {
    return refuse(err, TSN_FAILED, error.what());
  }
}

std::int64_t now(const tsn_host* host) noexcept {
  return host == nullptr || host->ctx == nullptr ? 0 : static_cast<InstanceCore*>(host->ctx)->now();
}

void log(const tsn_host* host, tsn_instance instance, tsn_log_level level, tsn_str text) noexcept {
  with(host, instance, nullptr, [&](InstanceCore& core) {
    if (sound(text)) core.log(static_cast<int>(std::min<tsn_log_level>(level, TSN_LOG_ERROR)), view(text));
    return TSN_OK;
  });
}

tsn_status series(const tsn_host* host, tsn_instance instance, tsn_str name, const tsn_label* labels,
                  std::uint32_t count, tsn_series* out, tsn_err* err) noexcept {
  return with(host, instance, err,
              [&](InstanceCore& core) { return core.inlet().intern(name, labels, count, out, err); });
}

tsn_status submit(const tsn_host* host, tsn_instance instance, const tsn_batch* batch, const tsn_bytes* cursor,
                  tsn_submitted* out, tsn_err* err) noexcept {
  return with(host, instance, err, [&](InstanceCore& core) {
    if (core.left_behind()) return refuse(err, TSN_CANCELLED, "submit: the instance hung and was left behind");
    return core.inlet().submit(batch, cursor, out, err);
  });
}

void reject(const tsn_host* host, tsn_instance instance, const tsn_reject* in) noexcept {
  with(host, instance, nullptr, [&](InstanceCore& core) {
    if (in != nullptr) core.inlet().reject(copy_sized(in));
    return TSN_OK;
  });
}

tsn_status complete(const tsn_host* host, tsn_instance instance, tsn_token token, tsn_status status, const void* result,
                    const tsn_err* err) noexcept {
  return with(host, instance, nullptr, [&](InstanceCore& core) { return core.complete(token, status, result, err); });
}

tsn_status spawn(const tsn_host* host, tsn_instance instance, tsn_str name, void (*fn)(void*), void* arg,
                 tsn_thread* out, tsn_err* err) noexcept {
  return with(host, instance, err, [&](InstanceCore& core) { return core.spawn(name, fn, arg, out, err); });
}

tsn_status join(const tsn_host* host, tsn_instance instance, tsn_thread thread) noexcept {
  return with(host, instance, nullptr, [&](InstanceCore& core) { return core.join(thread); });
}

std::int32_t stopping(const tsn_host* host, tsn_instance instance) noexcept {
  InstanceCore* core = core_of(host, instance);
  return core == nullptr || core->stopping() ? 1 : 0;
}

tsn_status watch_fd(const tsn_host* host, tsn_instance instance, std::int32_t fd, std::uint32_t events,
                    void (*fn)(void*, std::uint32_t), void* arg, tsn_watch* out, tsn_err* err) noexcept {
  return with(host, instance, err, [&](InstanceCore& core) { return core.watch(fd, events, fn, arg, out, err); });
}

tsn_status unwatch(const tsn_host* host, tsn_instance instance, tsn_watch watch) noexcept {
  return with(host, instance, nullptr, [&](InstanceCore& core) { return core.unwatch(watch); });
}

tsn_status timer(const tsn_host* host, tsn_instance instance, std::int64_t after_ns, void (*fn)(void*), void* arg,
                 tsn_timer* out, tsn_err* err) noexcept {
  return with(host, instance, err, [&](InstanceCore& core) { return core.timer(after_ns, fn, arg, out, err); });
}

tsn_status cancel_timer(const tsn_host* host, tsn_instance instance, tsn_timer timer_handle) noexcept {
  return with(host, instance, nullptr, [&](InstanceCore& core) { return core.cancel_timer(timer_handle); });
}

void metric(const tsn_host* host, tsn_instance instance, tsn_metric_kind kind, tsn_str name, const tsn_label* labels,
            std::uint32_t count, double value) noexcept {
  with(host, instance, nullptr,
       [&](InstanceCore& core) { return core.metric(kind, name, labels, count, value), TSN_OK; });
}

tsn_status kv_get(const tsn_host* host, tsn_instance instance, tsn_str key, tsn_out* value, tsn_err* err) noexcept {
  return with(host, instance, err, [&](InstanceCore& core) { return core.kv_get(key, value, err); });
}

tsn_status kv_put(const tsn_host* host, tsn_instance instance, tsn_str key, tsn_bytes value, tsn_err* err) noexcept {
  return with(host, instance, err, [&](InstanceCore& core) { return core.kv_put(key, value, err); });
}

tsn_status kv_remove(const tsn_host* host, tsn_instance instance, tsn_str key, tsn_err* err) noexcept {
  return with(host, instance, err, [&](InstanceCore& core) { return core.kv_remove(key, err); });
}

tsn_status receipt(const tsn_host* host, tsn_instance instance, const tsn_receipt* in, tsn_err* err) noexcept {
  return with(host, instance, err, [&](InstanceCore& core) { return core.receipt(in, err); });
}

tsn_status answer(const tsn_host* host, tsn_instance instance, const tsn_answer* in, tsn_answered* out,
                  tsn_err* err) noexcept {
  return with(host, instance, err, [&](InstanceCore& core) { return core.answer(in, out, err); });
}

tsn_status log_exchange(const tsn_host* host, tsn_instance instance, const tsn_exchange* in, tsn_err* err) noexcept {
  return with(host, instance, err, [&](InstanceCore& core) { return core.log_exchange(in, err); });
}

const void* service(const tsn_host* host, tsn_instance instance, tsn_str id) noexcept {
  static const tsn_kv_v1 kv{sizeof(tsn_kv_v1), 0, &kv_get, &kv_put, &kv_remove};
  static const tsn_feedback_v1 feedback{sizeof(tsn_feedback_v1), 0, &receipt, &answer};
  static const tsn_exchanges_v1 exchanges{sizeof(tsn_exchanges_v1), 0, &log_exchange};
  if (core_of(host, instance) == nullptr || !sound(id)) return nullptr;
  if (view(id) == "tsn.kv/1") return &kv;
  if (view(id) == "tsn.exchanges/1") return &exchanges;
  return view(id) == "tsn.feedback/1" ? &feedback : nullptr;
}

}  // namespace

tsn_host make_host_table(InstanceCore& core) {
  tsn_host out{};
  out.size = sizeof out;
  out.abi = TSN_ABI_VERSION;
  out.ctx = &core;
  out.now = &now;
  out.log = &log;
  out.series = &series;
  out.submit = &submit;
  out.reject = &reject;
  out.complete = &complete;
  out.spawn = &spawn;
  out.join = &join;
  out.stopping = &stopping;
  out.watch_fd = &watch_fd;
  out.unwatch = &unwatch;
  out.timer = &timer;
  out.cancel_timer = &cancel_timer;
  out.metric = &metric;
  out.service = &service;
  return out;
}

void InstanceCore::log(int level, std::string_view text) {
  if (text.size() > max_log) {
    std::size_t end = max_log;
    while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) --end;
    text = text.substr(0, end);
  }
  port_.log(settings_.name, level, text);
}

tsn_status InstanceCore::spawn(tsn_str name, void (*fn)(void*), void* arg, tsn_thread* out, tsn_err* err) {
  if (fn == nullptr || !sound(name))
    return refuse(err, TSN_INVALID, "spawn: there is no function, or the name has no bytes");
  if (stopping()) return refuse(err, TSN_CANCELLED, "spawn: the instance is stopping");
  auto thread = threads_.spawn(std::string(view(name).substr(0, 15)), fn, arg);
  if (!thread) return refuse(err, TSN_FAILED, thread.error().message());
  if (out != nullptr) *out = *thread;
  return TSN_OK;
}

tsn_status InstanceCore::timer(std::int64_t after_ns, void (*fn)(void*), void* arg, tsn_timer* out, tsn_err* err) {
  if (fn == nullptr) return refuse(err, TSN_INVALID, "timer: there is no function");
  if (stopping()) return refuse(err, TSN_CANCELLED, "timer: the instance is stopping");
  has_callbacks_.store(true, std::memory_order_relaxed);
  auto timer = callbacks_.timer(base::Duration(after_ns), fn, arg);
  if (!timer) return refuse(err, TSN_FAILED, timer.error().message());
  if (out != nullptr) *out = *timer;
  return TSN_OK;
}

tsn_status InstanceCore::watch(int descriptor, std::uint32_t events, void (*fn)(void*, std::uint32_t), void* arg,
                               tsn_watch* out, tsn_err* err) {
  if (fn == nullptr) return refuse(err, TSN_INVALID, "watch_fd: there is no function");
  if (stopping()) return refuse(err, TSN_CANCELLED, "watch_fd: the instance is stopping");
  has_callbacks_.store(true, std::memory_order_relaxed);
  auto watch = callbacks_.watch(descriptor, events, fn, arg);
  if (!watch)
    return refuse(err, watch.error().fault() == base::Fault::invalid ? TSN_INVALID : TSN_FAILED,
                  watch.error().message());
  if (out != nullptr) *out = *watch;
  return TSN_OK;
}

}  // namespace tocsin::plugin_host
