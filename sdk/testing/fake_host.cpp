#include "tocsin/testing/fake_host.hpp"

#include <dlfcn.h>
#include <poll.h>

#include <cmath>
#include <stdexcept>

#include "state.hpp"

namespace tsn::testing {
namespace {

std::string text(tsn_str from) {
  return std::string(view(from));
}

tsn_status refuse(tsn_err* err, tsn_status status, std::string_view why) {
  detail::write_error(err, why, 0, 0);
  return status;
}

}  // namespace

/// The functions of the table. `host->ctx` is the State.
struct FakeHost::Calls {
  static State& of(const tsn_host* host) { return *static_cast<State*>(host->ctx); }
  /// Holds the lock. Whether the call goes on: the instance lives, and the test does not want a refusal.
  static tsn_status admitted(State& state, const char* function, tsn_instance instance, tsn_err* err) {
    if (!state.live.contains(instance)) {
      state.violate("garbage_handles", std::string(function) + "() for an instance that is not there");
      return refuse(err, TSN_INVALID, "no such instance");
    }
    return state.host_answer == TSN_OK ? TSN_OK : refuse(err, state.host_answer, "refused by the test");
  }
  static tsn_status unknown(State& state, const char* function, std::uint64_t handle) {
    if (!state.given(handle))
      state.violate("garbage_handles", std::string(function) + "() with a handle that was never given");
    return TSN_INVALID;
  }

  static Time now(const tsn_host* host) {
    const std::lock_guard lock(of(host).mutex);
    return of(host).clock;
  }
  static void log(const tsn_host* host, tsn_instance, tsn_log_level level, tsn_str line) {
    const std::lock_guard lock(of(host).mutex);
    of(host).logs.push_back({level, text(line)});
    of(host).changed.notify_all();
  }
  static tsn_status series(const tsn_host* host, tsn_instance instance, tsn_str name, const tsn_label* labels,
                           std::uint32_t count, tsn_series* out, tsn_err* err) {
    auto& state = of(host);
    if (!name.n || name.n > 1024) return refuse(err, TSN_INVALID, "a series needs a name of 1 to 1024 bytes");
    State::Key key{text(name), {}};
    for (std::uint32_t i = 0; i < count; ++i) {
      if (!labels[i].name.n || labels[i].name.n > 1024 || labels[i].value.n > 1024)
        return refuse(err, TSN_INVALID, "a label is empty or longer than 1024 bytes");
      if (labels[i].value.n) key.second[text(labels[i].name)] = text(labels[i].value);
    }
    const std::lock_guard lock(state.mutex);
    if (const auto no = admitted(state, "series", instance, err)) return no;
    auto at = state.series.find(key);
    if (at == state.series.end()) {
      if (state.series.size() >= state.max_series)
        return refuse(err, TSN_CARDINALITY, "the limit of series is reached");
      at = state.series.emplace(std::move(key), state.next_handle()).first;
      state.by_handle[at->second] = &at->first;
    }
    *out = at->second;
    return TSN_OK;
  }
  static tsn_reject_reason reason_against(const State& state, const Row& row, tsn_series series) {
    if (!state.by_handle.contains(series)) return TSN_REJECT_SERIES;
    if (row.ts < 0) return TSN_REJECT_TIMESTAMP;
    if (row.ts > state.clock + 60'000'000'000) return TSN_REJECT_FUTURE;
    if (!std::isfinite(row.value) && !row.summary && !(row.flags & TSN_ROW_STALE)) return TSN_REJECT_VALUE;
    return 0;
  }
  static tsn_status submit(const tsn_host* host, tsn_instance instance, const tsn_batch* batch, const tsn_bytes* cursor,
                           tsn_submitted* out, tsn_err* err) {
    auto& state = of(host);
    std::vector<Row> rows;
    std::vector<tsn_series> series;
    const auto wrong = read_batch(batch, rows, series);
    const std::lock_guard lock(state.mutex);
    if (!wrong.text.empty()) {
      state.violate(wrong.defect, "malformed batch: " + wrong.text);
      return refuse(err, TSN_INVALID, wrong.text);
    }
    if (const auto no = admitted(state, "submit", instance, err)) return no;
    if (cursor && cursor->n > 65536) return refuse(err, TSN_INVALID, "the cursor is longer than 64 KiB");
    if (state.refusals) return --state.refusals, refuse(err, state.refusal, "refused by the test");
    tsn_submitted result{};
    result.first_seq = state.next_seq;
    for (std::uint32_t i = 0; i < rows.size(); ++i) {
      if (const auto reason = reason_against(state, rows[i], series[i])) {
        if (reason == TSN_REJECT_SERIES) unknown(state, "submit", series[i]);
        if (out && result.rejected < out->cap) out->rejects[result.rejected] = {i, reason};
        ++result.rejected;
        continue;
      }
      const auto& key = *state.by_handle.at(series[i]);
      rows[i].name = key.first;
      rows[i].labels = key.second;
      rows[i].seq = state.next_seq++;
      state.rows.push_back(std::move(rows[i]));
      ++result.accepted;
    }
    if (cursor) state.cursor = std::string(view(*cursor));
    ++state.batches;
    if (out) out->accepted = result.accepted, out->rejected = result.rejected, out->first_seq = result.first_seq;
    state.changed.notify_all();
    return TSN_OK;
  }
  static void reject(const tsn_host* host, tsn_instance, const tsn_reject* source) {
    const auto from = detail::read_struct(source);
    const std::lock_guard lock(of(host).mutex);
    of(host).rejected.push_back({text(from.error_type), text(from.reason), text(from.name), text(from.loader),
                                 text(from.raw), from.count ? from.count : 1});
    of(host).changed.notify_all();
  }
  static tsn_status complete(const tsn_host* host, tsn_instance, tsn_token token, tsn_status status, const void* result,
                             const tsn_err* err) {
    auto& state = of(host);
    const std::lock_guard lock(state.mutex);
    const auto at = state.calls.find(token);
    if (at == state.calls.end()) return unknown(state, "complete", token);
    if (at->second.answered) {
      state.violate("completes_twice", "token " + std::to_string(token) + " completed twice");
      return TSN_INVALID;
    }
    auto& call = at->second;
    call.answered = true;
    call.answer.status = status;
    if (err) {
      if (err->n > sizeof err->msg) state.violate("lying_lengths", "complete() with an error longer than its buffer");
      call.answer.text = std::string(err->msg, std::min<std::size_t>(err->n, sizeof err->msg));
      call.answer.code = err->code;
      call.answer.retry_after_ms = err->retry_after_ms;
    }
    if (result && call.delivered.value.size)
      call.delivered.value = detail::read_struct(static_cast<const tsn_delivered*>(result));
    if (result && call.ticket.value.size)
      call.ticket.value = detail::read_struct(static_cast<const tsn_ticket*>(result));
    state.changed.notify_all();
    return TSN_OK;
  }
  static tsn_status spawn(const tsn_host* host, tsn_instance instance, tsn_str, void (*fn)(void*), void* arg,
                          tsn_thread* out, tsn_err* err) {
    auto& state = of(host);
    const std::lock_guard lock(state.mutex);
    if (const auto no = admitted(state, "spawn", instance, err)) return no;
    const auto id = state.next_handle();
    *out = id;
    state.threads.emplace(
        id, State::Running{std::thread([&state, fn, arg] { guarded(state, "thread", [&] { fn(arg); }); }), instance});
    return TSN_OK;
  }
  static tsn_status join(const tsn_host* host, tsn_instance, tsn_thread id) {
    auto& state = of(host);
    std::thread thread;
    {
      const std::lock_guard lock(state.mutex);
      const auto at = state.threads.find(id);
      if (at == state.threads.end()) return unknown(state, "join", id);
      thread = std::move(at->second.thread);
      state.threads.erase(at);
    }
    thread.join();
    return TSN_OK;
  }
  static std::int32_t stopping(const tsn_host* host, tsn_instance instance) {
    const std::lock_guard lock(of(host).mutex);
    return of(host).stopping.contains(instance) ? 1 : 0;
  }
  static tsn_status watch_fd(const tsn_host* host, tsn_instance instance, std::int32_t fd, std::uint32_t events,
                             void (*fn)(void*, std::uint32_t), void* arg, tsn_watch* out, tsn_err* err) {
    auto& state = of(host);
    const std::lock_guard lock(state.mutex);
    if (const auto no = admitted(state, "watch_fd", instance, err)) return no;
    *out = state.next_handle();
    state.watches[*out] = {fd, events, fn, arg, instance};
    return TSN_OK;
  }
  static tsn_status unwatch(const tsn_host* host, tsn_instance, tsn_watch id) {
    const std::lock_guard lock(of(host).mutex);
    return of(host).watches.erase(id) ? TSN_OK : unknown(of(host), "unwatch", id);
  }
  static tsn_status timer(const tsn_host* host, tsn_instance instance, std::int64_t after, void (*fn)(void*), void* arg,
                          tsn_timer* out, tsn_err* err) {
    auto& state = of(host);
    const std::lock_guard lock(state.mutex);
    if (const auto no = admitted(state, "timer", instance, err)) return no;
    *out = state.next_handle();
    state.timers[*out] = {state.clock + std::max<std::int64_t>(0, after), fn, arg, instance};
    return TSN_OK;
  }
  static tsn_status cancel_timer(const tsn_host* host, tsn_instance, tsn_timer id) {
    const std::lock_guard lock(of(host).mutex);
    return of(host).timers.erase(id) ? TSN_OK : unknown(of(host), "cancel_timer", id);
  }
  static void metric(const tsn_host* host, tsn_instance, tsn_metric_kind kind, tsn_str name, const tsn_label* labels,
                     std::uint32_t count, double value) {
    auto key = text(name);
    for (std::uint32_t i = 0; i < count; ++i) key += "," + text(labels[i].name) + "=" + text(labels[i].value);
    const std::lock_guard lock(of(host).mutex);
    auto& kept = of(host).metrics[key];
    kept = kind == TSN_METRIC_COUNTER ? kept + value : value;
  }
  static const void* service(const tsn_host* host, tsn_instance, tsn_str id) {
    if (!of(host).has_services) return nullptr;
    if (view(id) == "tsn.kv/1") return &of(host).kv_service;
    if (view(id) == "tsn.exchanges/1") return &of(host).exchanges_service;
    return view(id) == "tsn.feedback/1" ? &of(host).feedback_service : nullptr;
  }

  static tsn_status log_exchange(const tsn_host* host, tsn_instance, const tsn_exchange* in, tsn_err* err) {
    const auto from = detail::read_struct(in);
    const std::lock_guard lock(of(host).mutex);
    if (of(host).host_answer) return refuse(err, of(host).host_answer, "refused by the test");
    of(host).exchanges.push_back({from.incoming != 0, text(from.correlation_id), text(from.ticket), text(from.method),
                                  text(from.target), text(from.request), text(from.response), text(from.error),
                                  from.status, from.at, from.took});
    return TSN_OK;
  }
  static tsn_status receipt(const tsn_host* host, tsn_instance, const tsn_receipt* in, tsn_err* err) {
    const auto from = detail::read_struct(in);
    const std::lock_guard lock(of(host).mutex);
    if (of(host).host_answer) return refuse(err, of(host).host_answer, "refused by the test");
    if (!from.key.n && !from.provider_id.n) return refuse(err, TSN_INVALID, "a receipt names its message");
    of(host).receipts.push_back(
        {from.state, text(from.key), std::string(view(from.provider_id)), text(from.detail), from.at});
    return TSN_OK;
  }
  static tsn_status answer(const tsn_host* host, tsn_instance, const tsn_answer* in, tsn_answered* out, tsn_err* err) {
    const auto from = detail::read_struct(in);
    const GivenAnswer given{from.kind,
                            (from.flags & TSN_ANSWER_WHOLE_SERVICE) != 0,
                            from.status,
                            text(from.id),
                            text(from.incident),
                            text(from.key),
                            std::string(view(from.provider_id)),
                            text(from.ticket),
                            text(from.ticket_url),
                            text(from.ticket_status),
                            text(from.address),
                            text(from.actor),
                            text(from.way),
                            text(from.text),
                            from.lasts,
                            from.at};
    std::function<Answer(const GivenAnswer&)> decide;
    {
      const std::lock_guard lock(of(host).mutex);
      if (of(host).host_answer) return refuse(err, of(host).host_answer, "refused by the test");
      of(host).answers.push_back(given);
      decide = of(host).on_answer;
    }
    const Answer became = decide ? decide(given) : Answer{TSN_OK, "done", 0, 0, {}, {}, {}};
    if (became.status != TSN_OK) return refuse(err, became.status, became.text);
    out->status = TSN_INC_ACKNOWLEDGED;
    out->number = 1042;
    out->changed = 1;
    out->text_n = static_cast<std::uint32_t>(std::min(became.text.size(), sizeof out->text));
    std::memcpy(out->text, became.text.data(), out->text_n);
    return TSN_OK;
  }

  static tsn_status kv_get(const tsn_host* host, tsn_instance, tsn_str key, tsn_out* out, tsn_err* err) {
    const std::lock_guard lock(of(host).mutex);
    if (of(host).host_answer) return refuse(err, of(host).host_answer, "refused by the test");
    const auto at = of(host).kv.find(text(key));
    if (at == of(host).kv.end()) return TSN_END;
    out->n = static_cast<std::uint32_t>(at->second.size());
    std::memcpy(out->p, at->second.data(), std::min(out->n, out->cap));
    return TSN_OK;
  }
  static tsn_status kv_put(const tsn_host* host, tsn_instance, tsn_str key, tsn_bytes value, tsn_err* err) {
    if (!key.n || key.n > 256 || value.n > 65536)
      return refuse(err, TSN_INVALID, "a key has 1 to 256 bytes, a value at most 64 KiB");
    const std::lock_guard lock(of(host).mutex);
    if (of(host).host_answer) return refuse(err, of(host).host_answer, "refused by the test");
    of(host).kv[text(key)] = std::string(view(value));
    return TSN_OK;
  }
  static tsn_status kv_remove(const tsn_host* host, tsn_instance, tsn_str key, tsn_err*) {
    const std::lock_guard lock(of(host).mutex);
    of(host).kv.erase(text(key));
    return TSN_OK;
  }
};

const tsn_plugin* load_library(const std::string& path) {
  void* library = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (!library) throw std::runtime_error(dlerror());
  auto* entry = reinterpret_cast<tsn_plugin_entry_fn>(dlsym(library, TSN_ENTRY_SYMBOL));
  if (!entry) throw std::runtime_error(path + " has no symbol " TSN_ENTRY_SYMBOL);
  return entry();
}

FakeHost::FakeHost(const tsn_plugin* plugin) : state_(std::make_unique<State>(plugin)) {
  state_->kv_service = {sizeof(tsn_kv_v1), 0, &Calls::kv_get, &Calls::kv_put, &Calls::kv_remove};
  state_->feedback_service = {sizeof(tsn_feedback_v1), 0, &Calls::receipt, &Calls::answer};
  state_->exchanges_service = {sizeof(tsn_exchanges_v1), 0, &Calls::log_exchange};
  state_->table = {sizeof(tsn_host),     TSN_ABI_VERSION,  state_.get(),     &Calls::now,      &Calls::log,
                   &Calls::series,       &Calls::submit,   &Calls::reject,   &Calls::complete, &Calls::spawn,
                   &Calls::join,         &Calls::stopping, &Calls::watch_fd, &Calls::unwatch,  &Calls::timer,
                   &Calls::cancel_timer, &Calls::metric,   &Calls::service};
}

FakeHost::~FakeHost() {
  // What a plugin left running would outlive the state it uses.
  for (auto& [id, running] : state_->threads)
    if (running.thread.joinable()) running.thread.join();
}

const tsn_host* FakeHost::table() const {
  return &state_->table;
}

const tsn_host* FakeHost::table_of_size(std::uint32_t bytes) {
  auto& made = state_->other_tables.emplace_back(
      std::make_unique<unsigned char[]>(std::max<std::size_t>(bytes, sizeof(tsn_host))));
  std::memset(made.get(), 0xa5, bytes);
  std::memcpy(made.get(), &state_->table, std::min<std::size_t>(bytes, sizeof(tsn_host)));
  auto* table = reinterpret_cast<tsn_host*>(made.get());
  table->size = bytes;
  return table;
}

const tsn_type& FakeHost::type(std::string_view id) const {
  for (std::uint32_t i = 0; i < state_->plugin->type_count; ++i)
    if (id.empty() || view(state_->plugin->types[i]->id) == id) return *state_->plugin->types[i];
  throw std::invalid_argument("the plugin has no type \"" + std::string(id) + "\"");
}

tsn_instance FakeHost::register_instance() {
  const std::lock_guard lock(state_->mutex);
  state_->max_series = max_series;
  return *state_->live.insert(state_->next_handle()).first;
}

std::unique_ptr<FakeInstance> FakeHost::create_raw(const tsn_type& made_of, Value config, Answer& answer,
                                                   std::string_view name) {
  std::unique_ptr<FakeInstance> made(new FakeInstance(*this, made_of, register_instance()));
  tsn_create args{};
  args.size = sizeof args;
  args.replay = replay;
  args.instance = made->id_;
  args.name = str(name);
  args.config = config.view();
  args.data_dir = str(data_dir);
  Fenced<tsn_err> err;
  err.value = detail::empty_err();
  answer.status = guarded(*state_, "create", [&] { return made_of.create(table(), &args, &made->self_, &err.value); });
  if (!err.whole()) state_->report("overruns_buffers", "create() wrote beyond tsn_err");
  const auto status = answer.status;
  answer = made->answer_of("create", status, err.value);
  if (answer.status == TSN_OK) return made;
  made->self_ = nullptr;
  return nullptr;
}

std::unique_ptr<FakeInstance> FakeHost::create(std::string_view type_id, const Value& config, std::string_view name) {
  const auto& made_of = type(type_id);
  Answer answer;
  auto made = create_raw(made_of, completed(config, made_of), answer, name);
  if (!made) throw Failure(Status(answer.status, answer.text, answer.code));
  return made;
}

void FakeHost::set_now(Time at) {
  const std::lock_guard lock(state_->mutex);
  state_->clock = at;
}
Time FakeHost::now() const {
  const std::lock_guard lock(state_->mutex);
  return state_->clock;
}

void FakeHost::advance(std::chrono::nanoseconds by) {
  const auto until = now() + by.count();
  for (;;) {
    State::Timer next{};
    {
      const std::lock_guard lock(state_->mutex);
      const auto first = std::min_element(state_->timers.begin(), state_->timers.end(),
                                          [](const auto& a, const auto& b) { return a.second.due < b.second.due; });
      if (first == state_->timers.end() || first->second.due > until) break;
      next = first->second;
      state_->timers.erase(first);
      state_->clock = std::max(state_->clock, next.due);
    }
    guarded(*state_, "timer", [&] { next.fn(next.arg); });
  }
  set_now(until);
}

std::size_t FakeHost::pump(std::chrono::milliseconds wait) {
  std::vector<pollfd> fds;
  std::vector<tsn_watch> ids;
  {
    const std::lock_guard lock(state_->mutex);
    for (const auto& [id, watch] : state_->watches) {
      const short events = static_cast<short>((watch.events & 1 ? POLLIN : 0) | (watch.events & 2 ? POLLOUT : 0));
      fds.push_back({watch.fd, events, 0});
      ids.push_back(id);
    }
  }
  if (poll(fds.data(), fds.size(), static_cast<int>(wait.count())) <= 0) return 0;
  std::size_t called = 0;
  for (std::size_t i = 0; i < fds.size(); ++i) {
    if (!fds[i].revents) continue;
    State::Watch watch{};
    {
      const std::lock_guard lock(state_->mutex);
      const auto at = state_->watches.find(ids[i]);
      if (at == state_->watches.end()) continue;
      watch = at->second;
      state_->watches.erase(at);
    }
    const bool in = fds[i].revents & (POLLIN | POLLHUP | POLLERR);
    const auto events = (in && (watch.events & 1) ? 1u : 0u) | (fds[i].revents & POLLOUT ? 2u : 0u);
    guarded(*state_, "watch", [&] { watch.fn(watch.arg, events); });
    ++called;
  }
  return called;
}

std::size_t FakeHost::timers() const {
  const std::lock_guard lock(state_->mutex);
  return state_->timers.size();
}
std::size_t FakeHost::watches() const {
  const std::lock_guard lock(state_->mutex);
  return state_->watches.size();
}
std::size_t FakeHost::threads() const {
  const std::lock_guard lock(state_->mutex);
  return state_->threads.size();
}
std::vector<Row> FakeHost::rows() const {
  const std::lock_guard lock(state_->mutex);
  return state_->rows;
}
bool FakeHost::wait_for_rows(std::size_t count, std::chrono::milliseconds at_most) const {
  std::unique_lock lock(state_->mutex);
  return state_->changed.wait_for(lock, at_most, [&] { return state_->rows.size() >= count; });
}
std::size_t FakeHost::batches() const {
  const std::lock_guard lock(state_->mutex);
  return state_->batches;
}
std::optional<std::string> FakeHost::cursor() const {
  const std::lock_guard lock(state_->mutex);
  return state_->cursor;
}
std::vector<Rejected> FakeHost::rejected() const {
  const std::lock_guard lock(state_->mutex);
  return state_->rejected;
}
std::vector<LogLine> FakeHost::logs() const {
  const std::lock_guard lock(state_->mutex);
  return state_->logs;
}
bool FakeHost::logged(std::string_view part) const {
  const auto lines = logs();
  return std::any_of(lines.begin(), lines.end(),
                     [&](const auto& line) { return line.text.find(part) != std::string::npos; });
}
std::map<std::string, double> FakeHost::metrics() const {
  const std::lock_guard lock(state_->mutex);
  return state_->metrics;
}
std::map<std::string, std::string> FakeHost::kv() const {
  const std::lock_guard lock(state_->mutex);
  return state_->kv;
}
std::vector<GivenReceipt> FakeHost::receipts() const {
  const std::lock_guard lock(state_->mutex);
  return state_->receipts;
}
std::vector<GivenAnswer> FakeHost::answers() const {
  const std::lock_guard lock(state_->mutex);
  return state_->answers;
}
std::vector<GivenExchange> FakeHost::exchanges() const {
  const std::lock_guard lock(state_->mutex);
  return state_->exchanges;
}
void FakeHost::on_answer(std::function<Answer(const GivenAnswer&)> decide) {
  const std::lock_guard lock(state_->mutex);
  state_->on_answer = std::move(decide);
}
void FakeHost::set_kv(const std::string& key, std::string value) {
  const std::lock_guard lock(state_->mutex);
  state_->kv[key] = std::move(value);
}
void FakeHost::clear() {
  const std::lock_guard lock(state_->mutex);
  state_->rows.clear();
  state_->cursor.reset();
  state_->rejected.clear();
  state_->logs.clear();
  state_->batches = 0;
}
void FakeHost::refuse_submits(std::size_t count, tsn_status status) {
  const std::lock_guard lock(state_->mutex);
  state_->refusals = count;
  state_->refusal = status;
}
void FakeHost::answer_everything(tsn_status status) {
  const std::lock_guard lock(state_->mutex);
  state_->host_answer = status;
}
void FakeHost::without_services() {
  const std::lock_guard lock(state_->mutex);
  state_->has_services = false;
}
std::vector<Breach> FakeHost::breaches() const {
  const std::lock_guard lock(state_->mutex);
  return state_->breaches;
}
std::vector<std::string> FakeHost::violations() const {
  std::vector<std::string> texts;
  for (auto& breach : breaches()) texts.push_back(std::move(breach.text));
  return texts;
}

}  // namespace tsn::testing
