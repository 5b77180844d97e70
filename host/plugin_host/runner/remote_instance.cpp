// Life of an isolated instance: made, started, brought up again, stopped.
#include "plugin_host/runner/remote_instance.hpp"

#include <utility>

#include "base/text.hpp"

namespace tocsin::plugin_host::runner {

using base::fail;
using base::Fault;
using base::Result;

namespace {

Function function_of(Kind kind) {
  switch (kind) {
    case Kind::create:
      return Function::create;
    case Kind::start:
      return Function::start;
    case Kind::stop:
    case Kind::destroy:
      return Function::stop;
    case Kind::reconfigure:
      return Function::reconfigure;
    case Kind::save:
      return Function::save;
    case Kind::restore:
      return Function::load;
    case Kind::pull:
      return Function::pull;
    case Kind::load_script:
    case Kind::unload_script:
      return Function::script;
    case Kind::evaluate:
      return Function::evaluate;
    case Kind::sync:
      return Function::sync;
    case Kind::probe:
      return Function::probe;
    default:
      return Function::compile;
  }
}

std::uint64_t ns_since(SteadyTime then) {
  return static_cast<std::uint64_t>(
      std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::steady_clock::now() - then).count());
}

}  // namespace

RemoteInstance::RemoteInstance(Parts parts)
    : parts_(std::move(parts)),
      port_(*parts_.port),
      number_(next_instance_number()),
      inlet_(parts_.settings, parts_.type.id, port_, number_),
      config_(parts_.settings.config) {
  secrets_.learn(config_, parts_.type.options);
}

std::shared_ptr<Process> RemoteInstance::up(SteadyTime deadline) {
  std::unique_lock lock(mutex_);
  changed_.wait_until(lock, deadline, [this] { return stopped_ || (process_ && !process_->dead()); });
  return stopped_ || !process_ || process_->dead() ? nullptr : process_;
}

/// A call that does not come back in time ends its runner: nothing else can end the call.
RemoteInstance::Answered RemoteInstance::ask(Process& process, Kind kind, Link::Parts content, base::Duration limit,
                                             std::string_view what, std::uint64_t id) {
  Answered out;
  if (id == 0) id = process.link().next_id();
  const auto began = std::chrono::steady_clock::now();
  out.end = process.link().call(kind, number_, id, content, began + limit, out.content);
  // Processor time is the process's; what the plugin answered is the first byte.
  const bool failed = out.end != Link::End::answered || out.content.empty() || out.content[0] != 0;
  usage_.called(function_of(kind), failed, ns_since(began), 0);
  if (out.end == Link::End::late)
    process.kill("it did not return from " + std::string(what) + " of " + name() + " within " +
                 std::to_string(std::chrono::duration_cast<std::chrono::milliseconds>(limit).count()) + " ms");
  return out;
}

base::Error RemoteInstance::died(Process& process, std::string_view what) {
  return base::Error(Fault::unavailable,
                     name() + ": its runner died in " + std::string(what) + " (" + process.cause() + ")");
}

Result<std::string> RemoteInstance::control(Kind kind, Link::Parts content, std::string_view what) {
  auto process = up(std::chrono::steady_clock::now() + parts_.limits.control);
  if (!process) return fail(Fault::unavailable, name() + ": its runner is not there");
  return control_of(*process, kind, content, what);
}

Result<std::string> RemoteInstance::control_of(Process& process, Kind kind, Link::Parts content,
                                               std::string_view what) {
  const Answered answer = ask(process, kind, content, parts_.limits.control, what);
  if (answer.end != Link::End::answered) return fail(died(process, what));
  Reader in(answer.content);
  TRY_VOID(read_outcome(in));
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
  TRY(const std::string answer, control_of(process, Kind::create, {content.bytes}, "create"));
  Reader in(answer);
  polled_ = in.value<std::uint8_t>() != 0;
  syncs_ = in.value<std::uint8_t>() != 0;
  probes_ = in.value<std::uint8_t>() != 0;
  queries_ = in.value<std::uint8_t>() != 0;
  return {};
}

Result<void> RemoteInstance::begin(Process& process) {
  Writer content;
  {
    std::lock_guard lock(mutex_);
    content(cursor_);
  }
  TRY_VOID(control_of(process, Kind::start, {content.bytes}, "start"));
  return {};
}

/// The process it is made in; made there if it died while the instance was stopped. Caller holds `life_`.
Result<std::shared_ptr<Process>> RemoteInstance::settle() {
  TRY(auto process, parts_.cell->process(std::chrono::steady_clock::now() + parts_.limits.control));
  {
    std::lock_guard lock(mutex_);
    if (process_ == process) return process;
  }
  TRY_VOID(make(*process));
  TRY_VOID(read_scripts_again(*process));
  std::lock_guard lock(mutex_);
  process_ = process;
  changed_.notify_all();
  return process;
}

Result<void> RemoteInstance::start(std::string_view cursor) {
  std::lock_guard life(life_);
  {
    std::lock_guard lock(mutex_);
    if (!cursor.empty() || cursor_.empty()) cursor_ = cursor;
    stopped_ = false;
  }
  TRY(auto process, settle());
  TRY_VOID(begin(*process));
  started_ = true;
  pump();
  return {};
}

Result<std::string> RemoteInstance::save() {
  std::lock_guard life(life_);
  TRY(auto process, settle());
  return control_of(*process, Kind::save, {}, "save");
}

Result<void> RemoteInstance::load(std::string_view state) {
  if (state.empty()) return {};
  std::lock_guard life(life_);
  TRY(auto process, settle());
  Writer content;
  content(state);
  TRY_VOID(control_of(*process, Kind::restore, {content.bytes}, "load"));
  return {};
}

Result<void> RemoteInstance::read_scripts_again(Process& process) {
  std::lock_guard lock(scripts_mutex_);
  for (auto& [file, known] : scripts_) {
    TRY(const auto rules, read_script(process, file, known.text));
    for (std::size_t i = 0; i < known.rules.size(); ++i)
      known.rules[i]->remote = i < rules.size() ? rules[i].script : 0;
  }
  return {};
}

/// On the cell's thread, for a runner that has just begun.
Result<void> RemoteInstance::come_up(const std::shared_ptr<Process>& process) {
  {
    std::lock_guard life(life_);
    {
      std::lock_guard lock(mutex_);
      if (!made_ || stopped_ || process_ == process) return {};
    }
    TRY_VOID(make(*process));
    TRY_VOID(read_scripts_again(*process));
    if (started_) TRY_VOID(begin(*process));
    std::lock_guard lock(mutex_);
    process_ = process;
    changed_.notify_all();
  }
  pump();
  return {};
}

void RemoteInstance::went_down(const std::shared_ptr<Process>& process, const std::string& cause) {
  Queue poison, late;
  {
    std::lock_guard lock(mutex_);
    past_cpu_ns_ += process->cpu_ns();
    last_death_ = cause + ", " + base::format_rfc3339(port_.clock().now());
    if (process_ == process) process_ = nullptr;
    for (auto& [id, handed] : under_way_) {
      handed->cause = cause;
      if (++handed->deaths >= 2) {
        killers_.erase(handed->delivery.delivery.key);
        poison.push_back(handed);
        continue;
      }
      // Whoever hands it again later is to find it a suspect still.
      if (handed->kind != Kind::handle && killers_.size() < most_killers)
        killers_.insert(handed->delivery.delivery.key);
      (std::chrono::steady_clock::now() < handed->deadline ? suspects_ : late).push_back(handed);
    }
    under_way_.clear();
    alone_ = false;
  }
  for (const auto& handed : poison) give_up(handed);
  for (const auto& handed : late) finish(handed, {TSN_UNKNOWN, "its runner died of it (" + cause + ")"});
}

void RemoteInstance::stop() {
  {
    std::lock_guard lock(mutex_);
    if (std::exchange(stopped_, true)) return;
    changed_.notify_all();
  }
  std::lock_guard life(life_);
  std::shared_ptr<Process> process;
  Queue left;
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
  secrets_.learn(config, parts_.type.options);
  TRY(const std::string answer, control(Kind::reconfigure, {content.bytes}, "reconfigure"));
  if (Reader(answer).value<std::uint8_t>() == 0) return false;
  config_ = config;
  return true;
}

Usage RemoteInstance::usage() const {
  Usage out = usage_.read();
  const Inlet::Counts in = inlet_.counts();
  out.signals = in.signals;
  out.rejected = in.rejected;
  out.refused = in.refused;
  out.errors += in.errors;
  out.memory_measured = true;
  std::lock_guard lock(mutex_);
  out.cpu_ns = past_cpu_ns_;
  if (!process_) return out;
  out.cpu_ns += process_->cpu_ns();
  out.memory_bytes = process_->memory_bytes();
  return out;
}

ProcessStatus RemoteInstance::process_status() const {
  std::lock_guard lock(mutex_);
  return {true, process_ ? process_->pid() : 0, parts_.cell->restarts(), last_death_};
}

}  // namespace tocsin::plugin_host::runner
