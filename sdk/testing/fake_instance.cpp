#include <cmath>
#include <limits>
#include <mutex>

#include "abi_values.hpp"
#include "state.hpp"

namespace tsn::testing {
namespace {

/// What the callee of an ABI function may write, fenced.
struct ErrOut : Fenced<tsn_err> {
  ErrOut() { value = detail::empty_err(); }
};

void response_header(tsn_response* to, tsn_str name, tsn_str value) {
  static_cast<HttpResponse*>(to->ctx)->headers.emplace_back(view(name), view(value));
}
void response_body(tsn_response* to, tsn_bytes bytes) {
  static_cast<HttpResponse*>(to->ctx)->body += view(bytes);
}

/// Where query() puts its rows; the host's checks.
struct QueryBox {
  std::vector<QueryRow>& rows;
  Time at;
  std::uint32_t most;
  std::mutex mutex = {};

  static tsn_status add(tsn_query_rows* to, const tsn_label* labels, std::uint32_t count, double value, Time ts) {
    auto& box = *static_cast<QueryBox*>(to->ctx);
    QueryRow row;
    for (std::uint32_t i = 0; i < count; ++i)
      if (labels[i].value.n) row.labels.emplace(view(labels[i].name), view(labels[i].value));
    row.value = value;
    row.ts = ts ? ts : box.at;
    const std::lock_guard lock(box.mutex);
    for (const auto& known : box.rows)
      if (known.labels == row.labels) return TSN_INVALID;
    if (box.rows.size() >= box.most) return TSN_CARDINALITY;
    box.rows.push_back(std::move(row));
    return TSN_OK;
  }
};

tsn_status declare_input(const tsn_inputs* inputs, const tsn_input* source, std::uint32_t* column, tsn_err*) {
  auto& program = *static_cast<FakeInstance::Program*>(inputs->ctx);
  const auto from = detail::read_struct(source);
  const std::string selector(view(from.selector));
  for (std::uint32_t i = 0; i < program.inputs.size(); ++i) {
    const auto& known = program.inputs[i];
    if (known.aggregate == from.aggregate && program.selectors[i] == selector && known.over.count() == from.over &&
        known.offset.count() == from.offset)
      return *column = i, TSN_OK;
  }
  *column = static_cast<std::uint32_t>(program.inputs.size());
  program.selectors.push_back(selector);
  program.inputs.push_back(
      {from.aggregate, {}, std::chrono::nanoseconds(from.over), std::chrono::nanoseconds(from.offset)});
  for (std::size_t i = 0; i < program.inputs.size(); ++i) program.inputs[i].selector = program.selectors[i];
  return TSN_OK;
}

tsn_inputs inputs_of(FakeInstance::Program& program) {
  return {sizeof(tsn_inputs), 0, &program, &declare_input};
}

}  // namespace

FakeInstance::~FakeInstance() {
  if (!self_) return;
  stop();
  auto& state = *host_.state_;
  {
    // As a host does: one that was never started has nothing to stop, but its threads are to end.
    const std::lock_guard lock(state.mutex);
    state.stopping.insert(id_);
  }
  guarded(state, "destroy", [&] { type_.destroy(self_); });
  const std::lock_guard lock(state.mutex);
  state.live.erase(id_);
}

Answer FakeInstance::answer_of(const char* function, tsn_status status, const tsn_err& err) const {
  Answer answer;
  answer.status = status;
  answer.text.assign(err.msg, std::min<std::size_t>(err.n, sizeof err.msg));
  answer.code = err.code;
  answer.retry_after_ms = err.retry_after_ms;
  if (err.n > sizeof err.msg)
    host_.state_->report("lying_lengths", std::string(function) + "() says that its error is longer than tsn_err.msg");
  return answer;
}

/// The call of one function that has a tsn_err: fenced, guarded, and its answer read.
template <class Call>
static tsn_status call_fenced(FakeHost::State& state, const char* function, tsn_err& copy, Call&& call) {
  ErrOut err;
  const auto status = guarded(state, function, [&] { return call(&err.value); });
  if (!err.whole()) state.report("overruns_buffers", std::string(function) + "() wrote beyond tsn_err");
  copy = err.value;
  return status;
}

Time FakeInstance::deadline(std::chrono::nanoseconds time) const {
  return host_.now() + time.count();
}

Answer FakeInstance::start(std::string_view cursor) {
  started_ = true;
  {
    const std::lock_guard lock(host_.state_->mutex);
    host_.state_->stopping.erase(id_);
  }
  if (!type_.start) return {};
  tsn_err err;
  const auto status = call_fenced(*host_.state_, "start", err,
                                  [&](tsn_err* to) { return type_.start(self_, {cursor.data(), cursor.size()}, to); });
  return answer_of("start", status, err);
}

void FakeInstance::stop() {
  if (!std::exchange(started_, false)) return;
  auto& state = *host_.state_;
  {
    const std::lock_guard lock(state.mutex);
    state.stopping.insert(id_);
  }
  if (type_.stop) guarded(state, "stop", [&] { type_.stop(self_); });
  const std::lock_guard lock(state.mutex);
  const auto owned = [&](const auto& entry) { return entry.second.owner == id_; };
  if (std::any_of(state.timers.begin(), state.timers.end(), owned))
    state.violate("leaks_timer", "a timer is left after stop()");
  if (std::any_of(state.watches.begin(), state.watches.end(), owned))
    state.violate("leaks_watch", "a watch is left after stop()");
  if (std::any_of(state.threads.begin(), state.threads.end(), owned))
    state.violate("leaks_thread", "a thread is left after stop()");
  for (const auto& [token, call] : state.calls)
    if (call.owner == id_ && call.pending && !call.answered)
      state.violate("never_completes", "a token is left after stop()");
}

Answer FakeInstance::reconfigure(const Value& config) {
  if (!type_.reconfigure)
    return {TSN_NEEDS_RESTART, "the plugin does not take a changed configuration", 0, 0, {}, {}, {}};
  auto whole = testing::completed(config, type_);
  tsn_err err;
  const auto status = call_fenced(*host_.state_, "reconfigure", err,
                                  [&](tsn_err* to) { return type_.reconfigure(self_, whole.view(), to); });
  return answer_of("reconfigure", status, err);
}

Answer FakeInstance::pull(std::chrono::nanoseconds time) {
  if (!type_.source || !type_.source->pull) return {TSN_UNSUPPORTED, "the source is not polled", 0, 0, {}, {}, {}};
  const auto token = new_token();
  tsn_err err;
  const auto status = call_fenced(*host_.state_, "pull", err,
                                  [&](tsn_err* to) { return type_.source->pull(self_, token, deadline(time), to); });
  return answered("pull", token, status, err);
}

std::string FakeInstance::save() {
  std::string state(64, '\0');
  if (!type_.save) return {};
  for (;;) {
    tsn_out out{state.data(), static_cast<std::uint32_t>(state.size()), 0};
    tsn_err err;
    const auto status =
        call_fenced(*host_.state_, "save", err, [&](tsn_err* to) { return type_.save(self_, &out, to); });
    if (status == TSN_OK && out.n > out.cap)
      host_.state_->report("lying_lengths", "save() says that it wrote more than the buffer holds");
    if (out.n > 64u << 20) throw Failure(Status(TSN_INVALID, "save() wants more than 64 MiB"));
    state.resize(out.n);
    if (status == TSN_OK) return state;
    if (status != TSN_RETRY) throw Failure(Status(status, err));
  }
}

Answer FakeInstance::load(std::string_view saved) {
  if (!type_.load) return {TSN_UNSUPPORTED, "the type has no load()", 0, 0, {}, {}, {}};
  tsn_err err;
  const auto status = call_fenced(*host_.state_, "load", err,
                                  [&](tsn_err* to) { return type_.load(self_, {saved.data(), saved.size()}, to); });
  return answer_of("load", status, err);
}

tsn_token FakeInstance::new_token() {
  auto& state = *host_.state_;
  const std::lock_guard lock(state.mutex);
  const auto token = state.next_handle();
  state.calls[token].owner = id_;
  return token;
}

/// A call that did not answer PENDING is answered by its status; completing its token later is a violation.
Answer FakeInstance::answered(const char* function, tsn_token token, tsn_status status, const tsn_err& err) {
  auto& state = *host_.state_;
  if (status == TSN_PENDING) {
    owes(token);
    return finish(token);
  }
  auto answer = answer_of(function, status, err);
  {
    const std::lock_guard lock(state.mutex);
    auto& call = state.calls[token];
    if (call.answered) state.violate("completes_twice", "a token was completed and the call answered too");
    call.answered = true;
    call.answer = std::move(answer);
  }
  return finish(token);
}

/// From here on the token must be completed by stop(); a call that runs beside stop() is not in its way.
void FakeInstance::owes(tsn_token token) {
  const std::lock_guard lock(host_.state_->mutex);
  host_.state_->calls.at(token).pending = true;
}

void* FakeInstance::call_of(tsn_token token) const {
  const std::lock_guard lock(host_.state_->mutex);
  return &host_.state_->calls.at(token);  // a node of the map: it stays where it is
}

tsn_token FakeInstance::begin_deliver(const Message& message, std::chrono::nanoseconds time) {
  const auto token = new_token();
  auto& call = *static_cast<FakeHost::State::Call*>(call_of(token));
  call.delivered.value.size = sizeof(tsn_delivered);
  AbiValues values;
  tsn_err err;
  const auto status = call_fenced(*host_.state_, "deliver", err, [&](tsn_err* to) {
    return type_.notifier->deliver(self_, token, values.message(message), deadline(time), &call.delivered.value, to);
  });
  status == TSN_PENDING ? owes(token) : void(answered("deliver", token, status, err));
  return token;
}

tsn_token FakeInstance::begin_upsert(const Upsert& change, std::chrono::nanoseconds time) {
  const auto token = new_token();
  auto& call = *static_cast<FakeHost::State::Call*>(call_of(token));
  call.ticket.value.size = sizeof(tsn_ticket);
  AbiValues values;
  tsn_err err;
  const auto status = call_fenced(*host_.state_, "upsert", err, [&](tsn_err* to) {
    return type_.tracker->upsert(self_, token, values.upsert(change), deadline(time), &call.ticket.value, to);
  });
  status == TSN_PENDING ? owes(token) : void(answered("upsert", token, status, err));
  return token;
}

Answer FakeInstance::deliver(const Message& message, std::chrono::nanoseconds time) {
  return finish(begin_deliver(message, time));
}
Answer FakeInstance::upsert(const Upsert& change, std::chrono::nanoseconds time) {
  return finish(begin_upsert(change, time));
}

Answer FakeInstance::sync(std::chrono::nanoseconds time) {
  Answer missing;
  missing.status = TSN_UNSUPPORTED;
  if (!type_.tracker || !type_.tracker->sync) return missing;
  tsn_err err;
  const auto status = call_fenced(*host_.state_, "sync", err,
                                  [&](tsn_err* to) { return type_.tracker->sync(self_, deadline(time), to); });
  return answer_of("sync", status, err);
}

Answer FakeInstance::probe(std::string& report, const Upsert* dry_run, std::chrono::nanoseconds time) {
  Answer missing;
  missing.status = TSN_UNSUPPORTED;
  if (!type_.probe) return missing;
  AbiValues values;
  const tsn_upsert* change = dry_run ? values.upsert(*dry_run) : nullptr;
  report.assign(std::size_t{64} << 10, '\0');
  tsn_out out{report.data(), static_cast<std::uint32_t>(report.size()), 0};
  tsn_err err;
  const auto status = call_fenced(*host_.state_, "probe", err,
                                  [&](tsn_err* to) { return type_.probe(self_, change, deadline(time), &out, to); });
  if (out.n > out.cap) host_.state_->report("lying_lengths", "the report is longer than its buffer");
  report.resize(std::min(out.n, out.cap));
  return answer_of("probe", status, err);
}

Answer FakeInstance::query(const Value& table, std::vector<QueryRow>& rows, std::chrono::nanoseconds time,
                           std::uint32_t max_rows) {
  rows.clear();
  const auto source = type_.source ? detail::read_struct(type_.source) : tsn_source_vtable{};
  if (!source.query) {
    Answer missing;
    missing.status = TSN_UNSUPPORTED;
    return missing;
  }
  auto whole = completed_query(table, type_);
  const auto token = new_token();
  const tsn_query question{sizeof(tsn_query), max_rows, whole.view(), host_.now()};
  QueryBox box{rows, host_.now(), max_rows};
  tsn_query_rows to{sizeof(tsn_query_rows), 0, &box, &QueryBox::add};
  tsn_err err;
  const auto status = call_fenced(*host_.state_, "query", err, [&](tsn_err* error) {
    return source.query(self_, token, &question, &to, deadline(time), error);
  });
  return answered("query", token, status, err);
}

Answer FakeInstance::handle(const HttpRequest& request, std::chrono::nanoseconds time) {
  const auto token = new_token();
  auto& call = *static_cast<FakeHost::State::Call*>(call_of(token));
  constexpr std::uint32_t padding = 64;
  std::string body = request.body;
  body.append(padding, '\0');
  std::vector<tsn_label> headers;
  for (const auto& [name, value] : request.headers) headers.push_back({str(name), str(value)});
  const tsn_request from{sizeof(tsn_request),
                         static_cast<std::uint32_t>(headers.size()),
                         sizeof(tsn_label),
                         padding,
                         str(request.method),
                         str(request.path),
                         str(request.query),
                         str(request.remote),
                         str(request.user),
                         headers.data(),
                         {body.data(), request.body.size()},
                         str(request.certificate)};
  HttpResponse filled;
  call.response = std::make_unique<tsn_response>(
      tsn_response{sizeof(tsn_response), 200, &filled, &response_header, &response_body});
  tsn_err err;
  const auto status = call_fenced(*host_.state_, "handle", err, [&](tsn_err* to) {
    return type_.routes->handle(self_, token, &from, call.response.get(), deadline(time), to);
  });
  auto answer = answered("handle", token, status, err);
  filled.status = call.response->status;
  answer.response = std::move(filled);
  return answer;
}

bool FakeInstance::completed(tsn_token token) const {
  const std::lock_guard lock(host_.state_->mutex);
  return host_.state_->calls.at(token).answered;
}

Answer FakeInstance::finish(tsn_token token) {
  auto& state = *host_.state_;
  std::unique_lock lock(state.mutex);
  auto& call = state.calls.at(token);
  if (!state.changed.wait_for(lock, host_.patience, [&] { return call.answered; })) {
    state.violate("never_completes", "a pending call was not completed in time");
    return {TSN_DEADLINE, "not completed", 0, 0, {}, {}, {}};
  }
  auto answer = call.answer;
  if (!call.delivered.whole()) state.violate("overruns_buffers", "deliver() wrote beyond tsn_delivered");
  if (!call.ticket.whole()) state.violate("overruns_buffers", "upsert() wrote beyond tsn_ticket");
  const auto cut = [&](const char* from, std::uint32_t count, std::size_t most, const char* what) {
    if (count > most) state.violate("lying_lengths", std::string(what) + " is longer than its buffer");
    return std::string(from, std::min<std::size_t>(count, most));
  };
  const auto& delivered = call.delivered.value;
  if (delivered.size)
    answer.delivered.provider_id = cut(delivered.id, delivered.id_n, sizeof delivered.id, "the provider id");
  const auto& ticket = call.ticket.value;
  if (ticket.size)
    answer.ticket = {ticket.created != 0, cut(ticket.key, ticket.key_n, sizeof ticket.key, "the ticket's key"),
                     cut(ticket.url, ticket.url_n, sizeof ticket.url, "the ticket's URL"),
                     cut(ticket.status, ticket.status_n, sizeof ticket.status, "the ticket's status")};
  return answer;
}

void FakeInstance::cancel(tsn_token token) {
  if (type_.cancel) guarded(*host_.state_, "cancel", [&] { type_.cancel(self_, token); });
}

std::unique_ptr<FakeInstance::Program> FakeInstance::compile(const RuleSample& rule) {
  auto program = std::make_unique<Program>();
  std::vector<tsn_str> by;
  for (const auto& name : rule.by) by.push_back(str(name));
  auto table = rule.table;
  const tsn_rule from{sizeof(tsn_rule),
                      rule.severity,
                      str(rule.name),
                      str(rule.file),
                      table.view(),
                      rule.aggregate,
                      0,
                      rule.over.count(),
                      by.data(),
                      static_cast<std::uint32_t>(by.size()),
                      sizeof(tsn_str),
                      rule.script};
  const auto inputs = inputs_of(*program);
  tsn_err err;
  const auto status = call_fenced(*host_.state_, "compile", err, [&](tsn_err* to) {
    return type_.detector->compile(self_, &from, &inputs, &program->raw, to);
  });
  program->answer = answer_of("compile", status, err);
  return program;
}

void FakeInstance::release(Program& program) {
  if (!program.raw) return;
  guarded(*host_.state_, "release", [&] { type_.detector->release(self_, std::exchange(program.raw, nullptr)); });
}

std::vector<Verdict> FakeInstance::evaluate(Program& program, const std::vector<RowSample>& rows, Answer* answer) {
  const auto columns = program.inputs.size();
  std::vector<double> cells;
  std::vector<Time> at;
  std::vector<std::vector<tsn_label>> labels;
  std::vector<const tsn_label*> label_rows;
  for (const auto& row : rows) {
    for (std::size_t k = 0; k < columns; ++k)
      cells.push_back(k < row.cells.size() ? row.cells[k] : std::numeric_limits<double>::quiet_NaN());
    at.push_back(row.at ? row.at : host_.now());
    auto& list = labels.emplace_back();
    for (const auto& [name, value] : row.labels) list.push_back({str(name), str(value)});
  }
  for (const auto& list : labels) label_rows.push_back(list.data());
  const auto inputs = inputs_of(program);
  const tsn_rows from{sizeof(tsn_rows),
                      static_cast<std::uint32_t>(rows.size()),
                      static_cast<std::uint32_t>(columns),
                      rows.empty() ? 0 : static_cast<std::uint32_t>(rows[0].labels.size()),
                      cells.data(),
                      at.data(),
                      label_rows.data(),
                      &inputs};
  std::vector<tsn_verdict> items(rows.size());
  constexpr std::uint32_t room = 16384, fence = 128;
  std::string text(room + fence, '\x5a');
  tsn_verdicts to{sizeof(tsn_verdicts), sizeof(tsn_verdict), items.data(), text.data(), room, 0};
  tsn_err err;
  auto& state = *host_.state_;
  const auto status = call_fenced(state, "evaluate", err, [&](tsn_err* told) {
    return type_.detector->evaluate(self_, program.raw, &from, &to, told);
  });
  if (text.find_first_not_of('\x5a', room) != std::string::npos)
    state.report("overruns_buffers", "evaluate() wrote beyond tsn_verdicts.text");
  if (to.text_used > room) state.report("lying_lengths", "evaluate() says that it wrote more text than there is room");
  auto told = answer_of("evaluate", status, err);
  if (answer) *answer = std::move(told);
  std::vector<Verdict> out;
  for (const auto& item : items) {
    const bool inside = item.message_at <= room && item.message_n <= room - item.message_at;
    if (!inside) state.report("lying_lengths", "evaluate() names a message outside of tsn_verdicts.text");
    out.push_back({item.state, item.severity, item.value, item.threshold,
                   inside ? text.substr(item.message_at, item.message_n) : std::string()});
  }
  return out;
}

Answer FakeInstance::load_script(std::string_view file, std::string_view text, std::vector<LoadedRule>& rules) {
  if (!type_.detector->load) return {TSN_UNSUPPORTED, "the detector has no files of its own", 0, 0, {}, {}, {}};
  const tsn_rule_sink sink{sizeof(tsn_rule_sink), 0, &rules,
                           [](const tsn_rule_sink* to, const tsn_value* table, void* script, tsn_err*) -> tsn_status {
                             static_cast<std::vector<LoadedRule>*>(to->ctx)->push_back({copy(*table), script});
                             return TSN_OK;
                           }};
  tsn_err err;
  const auto status = call_fenced(*host_.state_, "load", err, [&](tsn_err* to) {
    return type_.detector->load(self_, str(file), str(text), &sink, to);
  });
  return answer_of("load", status, err);
}

void FakeInstance::unload_script(std::string_view file) {
  if (type_.detector->unload) guarded(*host_.state_, "unload", [&] { type_.detector->unload(self_, str(file)); });
}

}  // namespace tsn::testing
