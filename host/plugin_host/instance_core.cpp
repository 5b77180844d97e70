// Making, starting, stopping and leaving behind.
#include "plugin_host/instance_core.hpp"

#include <algorithm>

#include "plugin_host/call_watch.hpp"
#include "plugin_host/value_view.hpp"
#include "runtime/thread.hpp"

namespace tocsin::plugin_host {

using base::fail;
using base::Fault;
using base::Result;

namespace {

/// "auth" of "source.auth".
std::string after_dot(const std::string& name) {
  std::size_t dot = name.find('.');
  return dot == std::string::npos ? name : name.substr(dot + 1);
}

/// Cores whose plugin still runs something: never destroyed, reachable for ever.
void keep_for_ever(std::shared_ptr<InstanceCore> core) {
  static auto& kept = *new std::vector<std::shared_ptr<InstanceCore>>;
  static std::mutex mutex;
  std::lock_guard lock(mutex);
  kept.push_back(std::move(core));
}

}  // namespace

InstanceCore::InstanceCore(std::shared_ptr<Library> library, const LibraryType& type, InstanceSettings settings,
                           Port& port, std::uint32_t number, std::unique_ptr<Inlet> inlet)
    : library_(std::move(library)),
      type_(type),
      settings_(std::move(settings)),
      short_name_(after_dot(settings_.name)),
      port_(port),
      number_(number),
      mark_(number, settings_.name, type.description.id, settings_.identity,
            reinterpret_cast<const void*>(type.table.create)),
      host_(make_host_table(*this)),
      inlet_(inlet ? std::move(inlet) : std::make_unique<AgentInlet>(settings_, type.description.id, port, number)),
      tokens_(number << 12),
      threads_(number << 12, *mark_),
      strand_(port.pool()),
      callbacks_(port.reactor(), number << 12) {
  secrets_.learn(settings_.config, type_.description.options);
}

Result<std::shared_ptr<Instance>> Instance::create(std::shared_ptr<Library> library, InstanceSettings settings,
                                                   Port& port) {
  return create_instance(std::move(library), std::move(settings), port, nullptr);
}

Result<std::shared_ptr<Instance>> create_instance(std::shared_ptr<Library> library, InstanceSettings settings,
                                                  Port& port, std::unique_ptr<Inlet> inlet) {
  const LibraryType* type = library->find(settings.type);
  if (type == nullptr) {
    return fail(Fault::not_found,
                settings.name + ": " + library->path() + " has no plugin type \"" + settings.type + "\"");
  }
  auto core = std::make_shared<InstanceCore>(std::move(library), *type, std::move(settings), port,
                                             next_instance_number(), std::move(inlet));
  TRY_VOID(core->create_self());
  // Whoever lets go of the last handle stops and destroys, on that thread; tasks in flight only keep the memory.
  Instance* face = core.get();
  return std::shared_ptr<Instance>(face, [core = std::move(core)](Instance*) mutable {
    if (!core->shut_down()) keep_for_ever(core);
    core.reset();
  });
}

Result<void> InstanceCore::create_self() {
  watch_calls(*mark_, weak_from_this());
  callbacks_.set_runner([weak = weak_from_this()](runtime::Task task) {
    if (auto core = weak.lock()) core->run_later(std::move(task));
  });
  Outcome made = life_call(EntryPoint::create, [this](tsn_err& e) {
    ValueView config(settings_.config);
    tsn_create create{};
    create.size = sizeof create;
    create.replay = settings_.replay;
    create.instance = handle_of_instance();
    create.name = str(short_name_);
    create.config = config.root();
    create.data_dir = str(settings_.data_dir);
    return type_.table.create(&host_, &create, &self_, &e);
  });
  if (made.status == TSN_OK) return self_made_ = true, Result<void>();
  stopping_ = true;
  sweep();  // a plugin may have begun something before it failed
  if (state_ == State::abandoned) keep_for_ever(shared_from_this());
  return fail(error(made.status, made.err, "create"));
}

Result<void> InstanceCore::start(std::string_view cursor) {
  std::lock_guard life(life_);
  if (state_ == State::running) return {};
  if (state_ != State::created && state_ != State::stopped) {
    return fail(Fault::conflict, settings_.name + ": cannot be started again; make a new instance");
  }
  stopping_ = false;
  gate_.open();
  Outcome begun;
  if (type_.table.start != nullptr) {
    begun = life_call(EntryPoint::start, [this, at = std::string(cursor)](tsn_err& e) {
      return type_.table.start(self_, tsn_bytes{at.data(), at.size()}, &e);
    });
  }
  if (begun.status == TSN_OK) return state_ = State::running, Result<void>();
  // A failed start has nothing to stop; what it left behind is taken from it.
  stopping_ = true;
  sweep();
  if (state_ != State::abandoned) stopping_ = false;
  return fail(error(begun.status, begun.err, "start"));
}

void InstanceCore::stop() {
  std::lock_guard life(life_);
  if (state_ != State::created && state_ != State::running) return;
  stopping_ = true;
  if (call_inside()) return abandon("a call into it hangs");
  auto open = tokens_.open_tokens();
  if (type_.table.cancel != nullptr && !open.empty()) {
    auto cancel_all = [this, open] {
      Entered entered(*mark_, EntryPoint::cancel, Within{}.limit_ms);
      for (tsn_token token : open) type_.table.cancel(self_, token);
    };
    if (!apart("cancel", cancel_all)) return abandon("cancel hangs");
  }
  gate_.close(grace);  // requests under way get a moment to end by themselves
  std::unique_lock seq(seq_, std::defer_lock);
  if (!seq.try_lock_for(patience)) return abandon("a call into it has not returned for 10 s");
  if (state_ == State::running && type_.table.stop != nullptr) {
    auto stop_it = [this] {
      Entered entered(*mark_, EntryPoint::stop, Within{}.limit_ms);
      Accounted accounted(usage_, Function::stop);
      type_.table.stop(self_);
    };
    if (!apart("stop", stop_it)) return abandon("stop hangs");
  }
  seq.unlock();
  sweep();
  if (state_ != State::abandoned) state_ = State::stopped;
}

/// Takes from the plugin what it may not hold any more, and says what that was.
void InstanceCore::sweep() {
  if (call_inside()) return abandon("a call into it hangs");
  if (!threads_.join_all(grace)) {
    violation("after stop " + std::to_string(threads_.running()) +
              " of its threads still run; they must end when stopping() is 1");
    if (!threads_.join_all(patience)) return abandon("its threads have not ended for 10 s");
  }
  Callbacks::Held held = callbacks_.cancel_all();
  if (held.timers + held.watches > 0) {
    violation("after stop it still held " + std::to_string(held.timers) + " timers and " +
              std::to_string(held.watches) + " watches; stop must cancel them");
  }
  if (!tokens_.wait_empty(grace)) {
    for (tsn_token token : tokens_.open_tokens())
      force(token, TSN_CANCELLED, "the instance stopped and the plugin had not completed the call");
  }
  if (!gate_.close(patience)) return abandon("a request into it has not returned for 10 s");
  // A callback that began before the sweep runs under seq_; after this none does.
  std::unique_lock seq(seq_, std::defer_lock);
  if (!seq.try_lock_for(patience)) return abandon("a callback of it has not returned for 10 s");
}

void InstanceCore::abandon(const std::string& why) {
  state_ = State::abandoned;
  left_behind_ = true;
  for (tsn_token token : tokens_.open_tokens()) force(token, TSN_CANCELLED, "the instance hangs and was left behind");
  callbacks_.cancel_all();
  violation("it is left behind, because " + why + "; restart the agent to be rid of it");
}

bool InstanceCore::shut_down() {
  stop();
  std::lock_guard life(life_);
  if (state_ == State::abandoned) return false;
  if (state_ != State::destroyed && type_.table.destroy != nullptr) {
    auto destroy = [this] {
      Entered entered(*mark_, EntryPoint::destroy, Within{}.limit_ms);
      type_.table.destroy(self_);
    };
    if (!apart("destroy", destroy)) return abandon("destroy hangs"), false;
  }
  self_made_ = false;
  state_ = State::destroyed;
  return true;
}

namespace {

constexpr std::uint32_t first_state_buffer = 64 * 1024, most_state = 64u << 20;

}  // namespace

Result<std::string> InstanceCore::save() {
  if (type_.table.save == nullptr) return std::string();
  std::string state(first_state_buffer, '\0');
  for (;;) {
    const auto room = static_cast<std::uint32_t>(state.size());
    tsn_out out{state.data(), room, 0};
    tsn_err err = new_err();
    tsn_status status = call({EntryPoint::save}, err, [&](tsn_err& e) {
      return self_made_ && !left_behind_ ? type_.table.save(self_, &out, &e)
                                         : refuse(&e, TSN_CANCELLED, "the instance hangs and was left behind");
    });
    if (status == TSN_OK && out.n <= room) return state.resize(out.n), state;
    if (status != TSN_RETRY && status != TSN_OK) return fail(error(status, err, "save"));
    if (out.n <= room || out.n > most_state) {
      return fail(Fault::invalid, settings_.name + ": save asks for " + std::to_string(out.n) +
                                      " bytes; more than it was given and at most 64 MiB are possible");
    }
    state.resize(out.n);
  }
}

Result<void> InstanceCore::load(std::string_view state) {
  if (state.empty()) return {};
  if (type_.table.load == nullptr) {
    return fail(Fault::unsupported, settings_.name + ": " + type_.description.id + " " + type_.description.version +
                                        " takes no state of a predecessor");
  }
  std::lock_guard life(life_);
  if (state_ != State::created) {
    return fail(Fault::conflict, settings_.name + ": takes a predecessor's state before its start only");
  }
  tsn_err err = new_err();
  tsn_status status = call({EntryPoint::restore}, err,
                           [&](tsn_err& e) { return type_.table.load(self_, {state.data(), state.size()}, &e); });
  if (status == TSN_OK) return {};
  return fail(error(status, err, "load"));
}

Result<bool> InstanceCore::reconfigure(const base::Value& config) {
  if (type_.table.reconfigure == nullptr) return false;
  secrets_.learn(config, type_.description.options);
  Outcome taken = life_call(EntryPoint::reconfigure, [this, config](tsn_err& e) {
    ValueView view(config);
    return accepts_calls() ? type_.table.reconfigure(self_, view.root(), &e)
                           : refuse(&e, TSN_CANCELLED, "the instance is stopping");
  });
  if (taken.status == TSN_OK) return true;
  if (taken.status == TSN_NEEDS_RESTART) return false;
  return fail(error(taken.status, taken.err, "reconfigure"));
}

InstanceCore::Outcome InstanceCore::life_call(EntryPoint entry, std::function<tsn_status(tsn_err&)> f) {
  auto out = std::make_shared<Outcome>();
  bool back =
      apart(to_string(entry), [this, entry, out, f = std::move(f)] { out->status = call({entry}, out->err, f); });
  if (back) return *out;
  Outcome hung;
  hung.status = refuse_quarantined(hung.err);
  return hung;
}

/// Why a thread of its own: what starts, exchanges and stops instances holds the configuration's lock, and one plugin
/// must not keep it for ever. Life cycle calls are rare; making a thread costs some 20 µs.
bool InstanceCore::apart(const char* name, std::function<void()> f) {
  auto done = std::make_shared<bool>(false);
  runtime::Thread thread(name, runtime::plugin_stack, [self = shared_from_this(), f = std::move(f), done]() mutable {
    f();
    f = nullptr;
    std::lock_guard lock(self->quarantine_mutex_);
    *done = true;
    self->quarantine_changed_.notify_all();
  });
  std::unique_lock lock(quarantine_mutex_);
  quarantine_changed_.wait(lock, [&] { return *done || inside_ > 0; });
  if (*done) return true;
  lock.unlock();
  thread.let_go();
  return false;
}

/// Memory is what the host holds for the instance: its series and the batches it has filled. What the plugin's code
/// allocates itself is in the agent's heap and cannot be told apart there.
Usage InstanceCore::usage() const {
  Usage out = usage_.read();
  const Inlet::Counts in = inlet_->counts();
  out.signals += in.signals;
  out.rejected += in.rejected;
  out.refused += in.refused;
  out.errors += in.errors;
  out.cpu_ns += threads_.cpu_ns();
  out.memory_bytes = sizeof *this + inlet_->bytes();
  return out;
}

Function InstanceCore::function_of(EntryPoint entry) {
  switch (entry) {
    case EntryPoint::create:
      return Function::create;
    case EntryPoint::start:
      return Function::start;
    case EntryPoint::stop:
      return Function::stop;
    case EntryPoint::reconfigure:
      return Function::reconfigure;
    case EntryPoint::save:
      return Function::save;
    case EntryPoint::restore:
      return Function::load;
    case EntryPoint::pull:
      return Function::pull;
    case EntryPoint::deliver:
      return Function::deliver;
    case EntryPoint::upsert:
      return Function::upsert;
    case EntryPoint::handle:
      return Function::handle;
    case EntryPoint::sync:
      return Function::sync;
    case EntryPoint::probe:
      return Function::probe;
    case EntryPoint::query:
      return Function::query;
    case EntryPoint::load:
      return Function::script;
    case EntryPoint::compile:
      return Function::compile;
    case EntryPoint::evaluate:
      return Function::evaluate;
    case EntryPoint::cancel:
      return Function::cancel;
    default:
      return Function::callback;
  }
}

base::Error InstanceCore::error(tsn_status status, const tsn_err& err, std::string_view call) {
  return error_of(status, text_of(err), settings_.name, call);
}

/// A breach of the contract. A plugin that does nothing else must not fill the log: the first ten, then powers of two.
void InstanceCore::violation(std::string text) {
  usage_.error();
  std::uint64_t n = ++violations_;
  if (n > 10 && (n & (n - 1)) != 0) return;
  port_.log(
      settings_.name, TSN_LOG_ERROR,
      "plugin " + type_.description.id + " breaks its contract (" + std::to_string(n) + " times so far): " + text);
}

/// Callbacks of the reactor come here: they run on the pool, one at a time with all other calls.
void InstanceCore::run_later(runtime::Task task) {
  strand_.post([weak = weak_from_this(), task = std::move(task)] {
    auto alive = weak.lock();
    if (!alive || !alive->seq_.enter()) return;
    std::lock_guard seq(alive->seq_, std::adopt_lock);
    Entered entered(*alive->mark_, EntryPoint::callback, Within{}.limit_ms);
    if (!alive->self_made_) return;
    Accounted accounted(alive->usage_, Function::callback);
    task();
  });
}

}  // namespace tocsin::plugin_host
