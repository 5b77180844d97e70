// Asynchronous calls: what a plugin's answer means, completion exactly once, deadlines.
#include <algorithm>
#include <utility>

#include "plugin_host/instance_core.hpp"

namespace tocsin::plugin_host {
namespace {

/// Runs a task when told, or when it is dropped unrun: a stopped pool must not swallow a completion.
class Surely {
 public:
  explicit Surely(runtime::Task task) : task_(std::move(task)) {}
  Surely(const Surely&) = delete;
  Surely& operator=(const Surely&) = delete;
  ~Surely() { run(); }
  void run() {
    if (runtime::Task task = std::exchange(task_, nullptr)) task();
  }

 private:
  runtime::Task task_;
};

bool possible(CallKind kind, tsn_status status) {
  if (status == TSN_END) return kind == CallKind::pull;
  return known(status) && status != TSN_NEEDS_RESTART && status != TSN_PENDING;
}

std::string first(const char* text, std::uint32_t n, std::size_t most) {
  return std::string(text, std::min<std::size_t>(n, most));
}

}  // namespace

Answer InstanceCore::answer_of(CallKind kind, tsn_status status, const tsn_err& err) {
  Answer out;
  out.status = status;
  out.error = text_of(err);
  out.code = err.code;
  out.retry_after_ms = err.retry_after_ms;
  if (!possible(kind, status)) {
    out.status = TSN_FAILED;
    out.error = std::string(to_string(kind)) + " was answered with " + status_name(status) +
                ", which this call does not have; report it to the plugin's author" +
                (out.error.empty() ? "" : " (" + out.error + ")");
    violation(out.error);
  } else if (status < 0 && out.error.empty()) {
    out.error = std::string(to_string(kind)) + " failed with " + status_name(status) + " and no text";
  }
  return out;
}

void InstanceCore::read_result(CallKind kind, const void* result, Answer& answer) const {
  if (result == nullptr || answer.status != TSN_OK) return;
  if (kind == CallKind::deliver) {
    auto in = copy_sized(static_cast<const tsn_delivered*>(result));
    answer.provider_id = first(in.id, in.id_n, sizeof in.id);
  } else if (kind == CallKind::upsert) {
    auto in = copy_sized(static_cast<const tsn_ticket*>(result));
    answer.created = in.created != 0;
    answer.ticket_key = first(in.key, in.key_n, sizeof in.key);
    answer.ticket_url = first(in.url, in.url_n, sizeof in.url);
    answer.ticket_status = first(in.status, in.status_n, sizeof in.status);
  }
}

void InstanceCore::returned(tsn_token token, tsn_status status, Answer answer) {
  if (status == TSN_PENDING) return arm(token);
  if (auto call = tokens_.take(token)) return finish(std::move(*call), std::move(answer), false);
  if (quarantined()) return;  // the call came back late: it was ended when it was found to hang
  violation("it completed a call and answered the same call with " + status_name(status) + "; a call ends once");
}

void InstanceCore::arm(tsn_token token) {
  auto known_call = tokens_.deadline_of(token);
  if (!known_call) return;  // completed before the call returned, as the ABI allows
  base::Duration left = std::max(*known_call - port_.clock().now(), base::Duration(0));
  auto id = port_.reactor().after(left, [weak = weak_from_this(), token] {
    auto core = weak.lock();
    if (!core) return;
    core->port_.pool().post([weak, token] {
      if (auto alive = weak.lock()) alive->deadline_passed(token);
    });
  });
  if (!tokens_.set_timer(token, id)) port_.reactor().cancel(id);
}

/// First the plugin is asked to end the call; what it has not ended a second later is ended without it.
void InstanceCore::deadline_passed(tsn_token token) {
  auto deadline = tokens_.deadline_of(token);
  if (!deadline) return;
  if (auto pass = gate_.enter(); pass && type_.table.cancel != nullptr && !quarantined()) {
    Entered entered(*mark_, EntryPoint::cancel, Within{}.limit_ms);
    Accounted accounted(usage_, Function::cancel);
    type_.table.cancel(self_, token);
  }
  auto id = port_.reactor().after(grace, [weak = weak_from_this(), token] {
    auto core = weak.lock();
    if (!core) return;
    core->port_.pool().post([weak, token] {
      if (auto alive = weak.lock()) alive->force(token, TSN_DEADLINE, "the plugin did not answer by its deadline");
    });
  });
  if (!tokens_.set_timer(token, id)) port_.reactor().cancel(id);
}

void InstanceCore::force(tsn_token token, tsn_status status, const std::string& why) {
  auto call = tokens_.take(token);
  if (!call) return;
  violation(std::string(to_string(call->kind)) + " was not completed: " + why);
  if (call->response) {
    std::lock_guard lock(late_mutex_);
    late_.push_back(call->response);
  }
  Answer answer;
  answer.status = status;
  answer.error = why;
  finish(std::move(*call), std::move(answer), true);
}

void InstanceCore::finish(Call call, Answer answer, bool later) {
  if (call.timer != 0) port_.reactor().cancel(call.timer);
  // A pull's or a request's `done` only hands the answer on; a delivery's may call into this instance again.
  bool hands_on = call.kind == CallKind::pull || call.kind == CallKind::handle || call.kind == CallKind::query;
  if (!later || hands_on) return call.done(std::move(answer));
  auto surely = std::make_shared<Surely>([done = std::move(call.done), answer = std::move(answer)] { done(answer); });
  port_.pool().post([surely = std::move(surely)] { surely->run(); });
}

tsn_status InstanceCore::complete(tsn_token token, tsn_status status, const void* result, const tsn_err* err) {
  auto call = tokens_.take(token);
  if (!call) {
    violation("it completed a call that is not open (done before, ended by its deadline, or never begun)");
    return TSN_INVALID;
  }
  tsn_err text = copy_sized(err, offsetof(tsn_err, msg));
  Answer answer = answer_of(call->kind, status, text);
  read_result(call->kind, result, answer);
  if (answer.status < 0) usage_.error();
  finish(std::move(*call), std::move(answer), true);
  return TSN_OK;
}

}  // namespace tocsin::plugin_host
