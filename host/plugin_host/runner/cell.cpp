#include "plugin_host/runner/cell.hpp"

#include <unistd.h>

#include <algorithm>

namespace tocsin::plugin_host::runner {

using base::fail;
using base::Fault;
using base::Result;

namespace {

constexpr auto start_limit = std::chrono::seconds(10);

}  // namespace

Cell::Cell(CellSettings settings, Port& port, std::function<void(const Death&)> died)
    : settings_(std::move(settings)),
      port_(port),
      died_(std::move(died)),
      thread_("runner-keep", runtime::small_stack, [this] { run(); }) {}

Cell::~Cell() {
  stop();
}

void Cell::stop() {
  {
    Lock lock(mutex_);
    stopping_ = true;
    changed_.notify_all();
    for (const auto& process : {process_, standby_}) {
      if (process) process->kill("the agent needs it no more");
    }
  }
  thread_.join();
}

Result<std::shared_ptr<Process>> Cell::process(SteadyTime deadline) {
  Lock lock(mutex_);
  const auto there = [this] { return stopping_ || cannot_start_ || (process_ && !process_->dead()); };
  if (!changed_.wait_until(lock, std::min(deadline, std::chrono::steady_clock::now() + start_limit), there))
    return fail(Fault::unavailable, why_none_.empty() ? "its runner has not started" : why_none_);
  if (stopping_) return fail(Fault::cancelled, "the agent is stopping");
  if (cannot_start_) return fail(Fault::unavailable, why_none_);
  return process_;
}

void Cell::add(std::shared_ptr<Tenant> tenant) {
  std::scoped_lock lock(tenants_mutex_, list_mutex_);
  tenants_[tenant->number()] = std::move(tenant);
}

void Cell::remove(std::uint32_t number) {
  std::shared_ptr<Tenant> last;  // destroyed without a lock
  std::scoped_lock lock(tenants_mutex_, list_mutex_);
  if (const auto it = tenants_.find(number); it != tenants_.end()) {
    last = std::move(it->second);
    tenants_.erase(it);
  }
}

bool Cell::empty() const {
  std::lock_guard lock(list_mutex_);
  return tenants_.empty();
}

std::uint64_t Cell::restarts() const {
  Lock lock(mutex_);
  return restarts_;
}

bool Cell::soon() const {
  constexpr auto a_moment = std::chrono::milliseconds(50);
  Lock lock(mutex_);
  return !stopping_ && !cannot_start_ && (process_ || not_before_ <= std::chrono::steady_clock::now() + a_moment);
}

std::shared_ptr<Process> Cell::current() const {
  Lock lock(mutex_);
  return process_;
}

// Everything below runs on the cell's thread, which outlives its processes: they end with it (PR_SET_PDEATHSIG).

void Cell::run() {
  Lock lock(mutex_);
  while (!stopping_) {
    if (process_ && process_->dead()) {
      end(lock);
    } else if (!process_ && std::chrono::steady_clock::now() >= not_before_) {
      begin(lock);
    } else if (!process_) {
      changed_.wait_until(lock, not_before_);
    } else if (settings_.standby && (!standby_ || standby_->dead()) && process_->delivered) {
      warm_up(lock);
    } else if (settings_.standby && !standby_) {
      changed_.wait_for(lock, std::chrono::milliseconds(100));  // until it has delivered
    } else {
      changed_.wait(lock);
    }
  }
  for (auto process : {std::exchange(process_, nullptr), std::exchange(standby_, nullptr)}) {
    if (!process) continue;
    lock.unlock();
    process->kill("the agent needs it no more");
    process->reap();
    lock.lock();
  }
}

Result<std::shared_ptr<Process>> Cell::spawn() {
  return Process::spawn(
      settings_.program, {settings_.name, ::getpid(), settings_.sandbox}, *settings_.library,
      [this](Process& process, const Frame& frame, std::string_view content) { deliver(process, frame, content); },
      port_.reactor(),
      [bell = bell_] {
        std::lock_guard lock(bell->mutex);
        bell->changed.notify_all();
      });
}

void Cell::begin(Lock& lock) {
  std::shared_ptr<Process> next = std::exchange(standby_, nullptr);
  if (!next || next->dead()) {
    lock.unlock();
    if (next) next->reap();
    auto spawned = spawn();
    lock.lock();
    cannot_start_ = !spawned;
    if (!spawned) {
      changed_.notify_all();
      why_none_ = spawned.error().message();
      not_before_ = std::chrono::steady_clock::now() + settings_.backoff.most;
      lock.unlock();
      port_.log(settings_.name, TSN_LOG_ERROR, why_none_);
      lock.lock();
      return;
    }
    next = std::move(*spawned);
  }
  if (std::exchange(was_up_, true)) ++restarts_;
  process_ = std::move(next);
  changed_.notify_all();
  bring_up(lock);
}

void Cell::bring_up(Lock& lock) {
  const auto process = process_;
  lock.unlock();
  {
    std::lock_guard telling(tenants_mutex_);
    for (auto& [number, tenant] : tenants_) {
      if (process->dead()) break;
      const auto up = tenant->come_up(process);
      if (!up && !process->dead()) port_.log(tenant->name(), TSN_LOG_ERROR, up.error().message());
    }
  }
  lock.lock();
}

void Cell::warm_up(Lock& lock) {
  std::shared_ptr<Process> cold = std::exchange(standby_, nullptr);
  lock.unlock();
  if (cold) cold->reap();
  auto spawned = spawn();
  if (spawned) {
    std::lock_guard telling(tenants_mutex_);
    for (auto& [number, tenant] : tenants_)
      static_cast<void>((*spawned)->load(tenant->library(), std::chrono::steady_clock::now() + start_limit));
  }
  lock.lock();
  if (spawned) standby_ = std::move(*spawned);
}

void Cell::end(Lock& lock) {
  const auto process = std::exchange(process_, nullptr);
  lock.unlock();
  Death death;
  death.pid = process->pid();
  death.cause = process->reap();
  process->collect(port_);
  // It did what it is for: again at once. Otherwise it would only die again as fast.
  if (process->delivered) {
    failures_ = 0;
  } else {
    ++failures_;
    death.delay = runtime::backoff_delay(settings_.backoff, failures_, runtime::jitter());
  }
  {
    std::lock_guard telling(tenants_mutex_);
    for (auto& [number, tenant] : tenants_) {
      death.instances.push_back(tenant->name());
      tenant->went_down(process, death.cause);
    }
  }
  lock.lock();
  why_none_ = "its runner died (" + death.cause + ") and is started again";
  not_before_ = std::chrono::steady_clock::now() + death.delay;
  death.restarts = restarts_;
  if (stopping_) return;
  if (death.delay.count() == 0) begin(lock);
  lock.unlock();
  died_(death);
  lock.lock();
}

/// On a reading thread.
void Cell::deliver(Process& process, const Frame& frame, std::string_view content) {
  if (frame.instance == 0 && static_cast<Kind>(frame.kind) == Kind::log) {
    Reader in(content);
    const int level = in.value<int>();
    port_.log(settings_.name, std::clamp(level, 0, 3), in.text());
    return;
  }
  std::shared_ptr<Tenant> tenant;
  {
    std::lock_guard lock(list_mutex_);
    if (const auto it = tenants_.find(frame.instance); it != tenants_.end()) tenant = it->second;
  }
  if (tenant) return tenant->receive(process, frame, content);
  Writer out;
  out(TSN_CANCELLED, std::int32_t{0}, std::uint32_t{0}, "the instance is gone");
  process.link().answer(frame, out.bytes);
}

}  // namespace tocsin::plugin_host::runner
