// Life of an isolated instance: made, started, brought up again, stopped.
#include "plugin_host/runner/remote_instance.hpp"

#include <utility>

#include "base/text.hpp"

namespace tocsin::plugin_host::runner {

using base::fail;
using base::Fault;
using base::Result;

namespace {

std::string_view text_of(Kind kind) {
  switch (kind) {
    case Kind::create:
      return "create";
    case Kind::start:
      return "start";
    case Kind::stop:
      return "stop";
    case Kind::destroy:
      return "destroy";
    case Kind::reconfigure:
      return "reconfigure";
    case Kind::save:
      return "save";
    case Kind::restore:
      return "load";
    default:
      return "call";
  }
}

}  // namespace

RemoteInstance::RemoteInstance(Parts parts)
    : parts_(std::move(parts)),
      port_(*parts_.port),
      number_(next_instance_number()),
      inlet_(parts_.settings, parts_.type.id, port_, number_),
      config_(parts_.settings.config) {}

std::shared_ptr<Process> RemoteInstance::up(SteadyTime deadline) {
  std::unique_lock lock(mutex_);
  changed_.wait_until(lock, deadline, [this] { return stopped_ || (process_ && !process_->dead()); });
  return stopped_ || !process_ || process_->dead() ? nullptr : process_;
}

/// A call that does not come back in time ends its runner: nothing else can end the call.
RemoteInstance::Answered RemoteInstance::ask(Process& process, Kind kind, Link::Parts content, base::Duration limit,
                                             std::string_view what, std::uint64_t id) {
  Answered out;
  calls_.fetch_add(1, std::memory_order_relaxed);
  if (id == 0) id = process.link().next_id();
  out.end = process.link().call(kind, number_, id, content, std::chrono::steady_clock::now() + limit, out.content);
  if (out.end == Link::End::late)
    process.kill("it did not return from " + std::string(what) + " of " + name() + " within " +
                 std::to_string(std::chrono::duration_cast<std::chrono::milliseconds>(limit).count()) + " ms");
  if (out.end == Link::End::answered) return out;
  errors_.fetch_add(1, std::memory_order_relaxed);
  return out;
}

base::Error RemoteInstance::died(Process& process, std::string_view what) {
  return base::Error(Fault::unavailable,
                     name() + ": its runner died in " + std::string(what) + " (" + process.cause() + ")");
}

Result<std::string> RemoteInstance::control(Kind kind, Link::Parts content, std::string_view what) {
  auto process = up(std::chrono::steady_clock::now() + parts_.limits.control);
  if (!process) return fail(Fault::unavailable, name() + ": its runner is not there");
  Answered answer = ask(*process, kind, content, parts_.limits.control, what);
  if (answer.end != Link::End::answered) return fail(died(*process, what));
  Reader in(answer.content);
  if (auto good = read_outcome(in); !good) {
    errors_.fetch_add(1, std::memory_order_relaxed);
    return fail(good.error());
  }
  return std::string(in.raw(in.left()));
}

Result<void> RemoteInstance::create() {
  parts_.cell->add(shared_from_this());
  const auto deadline = std::chrono::steady_clock::now() + parts_.limits.control;
  auto process = parts_.cell->process(deadline);
  if (!process) return fail(process.error().in(name()));
  std::lock_guard life(life_);
  TRY_VOID(make(**process));
  std::lock_guard lock(mutex_);
  // Where it died meanwhile the cell brings the instance up again, as it does from now on.
  made_ = true;
  process_ = *process;
  changed_.notify_all();
  return {};
}

Result<void> RemoteInstance::make(Process& process) {
  TRY_VOID(process.load(*parts_.library, std::chrono::steady_clock::now() + parts_.limits.control));
  CreateParts create{parts_.library->path,     parts_.type.id, parts_.settings.name,
                     parts_.settings.data_dir, config_,        parts_.settings.replay};
  Writer content;
  content(create);
  const Answered answer = ask(process, Kind::create, {content.bytes}, parts_.limits.control, "create");
  if (answer.end != Link::End::answered) return fail(died(process, "create"));
  Reader in(answer.content);
  TRY_VOID(read_outcome(in));
  polled_ = in.value<std::uint8_t>() != 0;
  return {};
}

Result<void> RemoteInstance::begin(Process& process) {
  Writer content;
  {
    std::lock_guard lock(mutex_);
    content(cursor_);
  }
  const Answered answer = ask(process, Kind::start, {content.bytes}, parts_.limits.control, "start");
  if (answer.end != Link::End::answered) return fail(died(process, "start"));
  Reader in(answer.content);
  return read_outcome(in);
}

Result<void> RemoteInstance::start(std::string_view cursor) {
  std::lock_guard life(life_);
  {
    std::lock_guard lock(mutex_);
    if (!cursor.empty() || cursor_.empty()) cursor_ = cursor;
    stopped_ = false;
  }
  auto process = up(std::chrono::steady_clock::now() + parts_.limits.control);
  if (!process) return fail(Fault::unavailable, name() + ": its runner is not there");
  TRY_VOID(begin(*process));
  started_ = true;
  pump();
  return {};
}

/// On the cell's thread, for a runner that has just begun.
Result<void> RemoteInstance::come_up(const std::shared_ptr<Process>& process) {
  {
    std::lock_guard life(life_);
    {
      std::lock_guard lock(mutex_);
      if (!made_ || stopped_) return {};
    }
    TRY_VOID(make(*process));
    std::lock_guard scripts(scripts_mutex_);
    for (auto& [file, known] : scripts_) {
      TRY(const auto rules, read_script(*process, file, known.text));
      for (std::size_t i = 0; i < known.rules.size(); ++i)
        known.rules[i]->remote = i < rules.size() ? rules[i].script : 0;
    }
    if (started_) TRY_VOID(begin(*process));
    std::lock_guard lock(mutex_);
    process_ = process;
    changed_.notify_all();
  }
  pump();
  return {};
}

void RemoteInstance::went_down(const std::shared_ptr<Process>& process, const std::string& cause) {
  std::vector<std::shared_ptr<Handed>> poison;
  {
    std::lock_guard lock(mutex_);
    last_death_ = cause + ", " + base::format_rfc3339(port_.clock().now());
    if (process_ == process) process_ = nullptr;
    for (auto& [id, handed] : under_way_) {
      handed->cause = cause;
      if (++handed->deaths >= 2)
        poison.push_back(handed);
      else
        suspects_.push_back(handed);
    }
    under_way_.clear();
    alone_ = false;
  }
  for (const auto& handed : poison) give_up(handed);
}

void RemoteInstance::stop() {
  {
    std::lock_guard lock(mutex_);
    if (std::exchange(stopped_, true)) return;
    changed_.notify_all();
  }
  std::lock_guard life(life_);
  std::shared_ptr<Process> process;
  std::deque<std::shared_ptr<Handed>> left;
  {
    std::lock_guard lock(mutex_);
    process = process_;
    left.swap(waiting_);
    left.insert(left.end(), suspects_.begin(), suspects_.end());
    suspects_.clear();
  }
  for (const auto& handed : left) finish(handed, {TSN_CANCELLED, "the instance is stopping"});
  // The runner ends what is under way by itself; what it has not answered by then is answered here.
  if (process && !process->dead()) ask(*process, Kind::stop, {}, 2 * parts_.limits.control, "stop");
  started_ = false;
  std::map<std::uint64_t, std::shared_ptr<Handed>> open;
  {
    std::lock_guard lock(mutex_);
    open.swap(under_way_);
  }
  for (const auto& [id, handed] : open) finish(handed, {TSN_UNKNOWN, "the instance stopped before it was answered"});
}

void RemoteInstance::shut_down() {
  stop();
  {
    std::lock_guard life(life_);
    std::shared_ptr<Process> process;
    {
      std::lock_guard lock(mutex_);
      made_ = false;
      process = std::exchange(process_, nullptr);
    }
    if (process && !process->dead()) ask(*process, Kind::destroy, {}, 2 * parts_.limits.control, "destroy");
  }
  parts_.cell->remove(number_);
}

Result<bool> RemoteInstance::reconfigure(const base::Value& config) {
  std::lock_guard life(life_);
  Writer content;
  content(config);
  TRY(const std::string answer, control(Kind::reconfigure, {content.bytes}, text_of(Kind::reconfigure)));
  if (Reader(answer).value<std::uint8_t>() == 0) return false;
  config_ = config;
  return true;
}

InstanceCounters RemoteInstance::counters() const {
  const Inlet::Counts in = inlet_.counts();
  return {calls_.load(std::memory_order_relaxed), errors_.load(std::memory_order_relaxed) + in.errors, in.signals,
          in.rejected};
}

ProcessStatus RemoteInstance::process_status() const {
  std::lock_guard lock(mutex_);
  return {true, process_ ? process_->pid() : 0, parts_.cell->restarts(), last_death_};
}

}  // namespace tocsin::plugin_host::runner
