// Deliveries and requests: handed to the runner, answered later, handed again once where it died of them.
#include <algorithm>
#include <utility>

#include "plugin_host/response_box.hpp"
#include "plugin_host/runner/remote_instance.hpp"

namespace tocsin::plugin_host::runner {

namespace {

base::Duration left_until(SteadyTime deadline) {
  return std::max(std::chrono::duration_cast<base::Duration>(deadline - std::chrono::steady_clock::now()),
                  base::Duration(0));
}

}  // namespace

void RemoteInstance::deliver(const model::Delivery& delivery, const std::string& provider_id, const Links& links,
                             base::Time deadline, std::function<void(Sent)> done) {
  auto handed = std::make_shared<Handed>();
  handed->kind = Kind::deliver;
  handed->delivery = {delivery, provider_id, links.external_url, links.actions, {}};
  handed->deadline = steady(deadline);
  handed->sent = std::move(done);
  hand(std::move(handed));
}

void RemoteInstance::upsert(const model::Delivery& delivery, const std::string& external_url, base::Time deadline,
                            std::function<void(Sent)> done) {
  auto handed = std::make_shared<Handed>();
  handed->kind = Kind::upsert;
  handed->delivery = {delivery, {}, external_url, {}, {}};
  handed->deadline = steady(deadline);
  handed->sent = std::move(done);
  hand(std::move(handed));
}

void RemoteInstance::handle(const Request& request, base::Time deadline, std::function<void(Response)> done) {
  auto handed = std::make_shared<Handed>();
  handed->kind = Kind::handle;
  HandleParts& to = handed->request;
  to = {std::string(request.method),
        std::string(request.path),
        std::string(request.query),
        std::string(request.remote),
        std::string(request.user),
        std::string(request.certificate),
        std::string(request.body),
        {},
        {}};
  for (const auto& [name, value] : request.headers) to.headers.emplace_back(name, value);
  handed->deadline = steady(deadline);
  handed->responded = std::move(done);
  hand(std::move(handed));
}

/// An instant of the agent's clock, which may be virtual, as this process waits for it.
SteadyTime RemoteInstance::steady(base::Time deadline) const {
  return std::chrono::steady_clock::now() + (deadline - port_.clock().now());
}

void RemoteInstance::hand(std::shared_ptr<Handed> handed) {
  {
    std::lock_guard lock(mutex_);
    if (!stopped_) {
      arm(handed, handed->deadline);
      if (killers_.contains(handed->delivery.delivery.key)) handed->deaths = 1;
      (handed->deaths > 0 ? suspects_ : waiting_).push_back(handed);
    }
  }
  if (handed->timer == 0) return finish(handed, {TSN_CANCELLED, "the instance is stopping"});
  pump();
}

/// Looks at it then, on the pool. Caller holds the lock.
void RemoteInstance::arm(const std::shared_ptr<Handed>& handed, SteadyTime at) {
  handed->timer = port_.reactor().after(left_until(at), [weak = weak_from_this(), handed] {
    if (auto self = weak.lock()) self->port_.pool().post([self, handed] { self->overdue(handed); });
  });
}

/// Sends what may be sent now. A suspect goes alone: after all that is under way, and before anything else.
void RemoteInstance::pump() {
  for (;;) {
    std::shared_ptr<Process> process;
    std::shared_ptr<Handed> next;
    std::uint64_t id = 0;
    {
      std::lock_guard lock(mutex_);
      if (!process_ || process_->dead() || stopped_ || alone_) return;
      if (!suspects_.empty()) {
        if (!under_way_.empty()) return;
        next = suspects_.front();
        suspects_.pop_front();
        alone_ = true;
        next->delivery.delivery.outcome_unknown = true;
      } else if (!waiting_.empty()) {
        next = waiting_.front();
        waiting_.pop_front();
      } else {
        return;
      }
      process = process_;
      id = process->link().next_id();
      next->began = std::chrono::steady_clock::now();
      under_way_[id] = next;
    }
    transmit(*process, id, *next);
  }
}

void RemoteInstance::transmit(Process& process, std::uint64_t id, const Handed& handed) {
  Writer content;
  if (handed.kind == Kind::handle) {
    HandleParts parts = handed.request;
    parts.left = left_until(handed.deadline);
    content(parts);
  } else {
    DeliverParts parts = handed.delivery;
    parts.left = left_until(handed.deadline);
    content(parts);
  }
  // Where it cannot be sent the process is dead, and its end takes care of what is under way.
  process.link().send(handed.kind, number_, id, {content.bytes}, handed.deadline + parts_.limits.grace);
}

/// The deadline passed. What waits is answered; what is under way is the runner's to end, and a little later ours.
void RemoteInstance::overdue(const std::shared_ptr<Handed>& handed) {
  std::shared_ptr<Process> hung;
  {
    std::lock_guard lock(mutex_);
    const auto under =
        std::find_if(under_way_.begin(), under_way_.end(), [&](const auto& entry) { return entry.second == handed; });
    if (under != under_way_.end()) {
      if (std::chrono::steady_clock::now() < handed->deadline + parts_.limits.grace) {
        return arm(handed, handed->deadline + parts_.limits.grace);
      }
      hung = process_;
    } else {
      const auto in = [&](auto& queue) {
        const auto it = std::find(queue.begin(), queue.end(), handed);
        return it != queue.end() && (queue.erase(it), true);
      };
      if (!in(waiting_) && !in(suspects_)) return;
    }
  }
  if (hung) return hung->kill("it did not return from a delivery or request of " + name() + " by its deadline");
  finish(handed, {handed->deaths > 0 ? TSN_UNKNOWN : TSN_RETRY,
                  "its runner is not there" + (handed->cause.empty() ? "" : " (" + handed->cause + ")")});
}

void RemoteInstance::answered(std::uint64_t id, std::string_view content) {
  std::shared_ptr<Handed> handed;
  {
    std::lock_guard lock(mutex_);
    const auto it = under_way_.find(id);
    if (it == under_way_.end()) return;
    handed = std::move(it->second);
    under_way_.erase(it);
    if (handed->deaths > 0) {
      alone_ = false;
      killers_.erase(handed->delivery.delivery.key);
    }
    if (process_) process_->delivered = true;
  }
  Reader in(content);
  const auto account = [&](Function function, bool failed) {
    const auto took = std::chrono::steady_clock::now() - handed->began;
    usage_.called(function, failed, static_cast<std::uint64_t>(std::chrono::nanoseconds(took).count()), 0);
  };
  if (handed->kind == Kind::handle) {
    Response response;
    in(response);
    if (!in.good()) return give_up(handed);
    port_.reactor().cancel(handed->timer);
    account(Function::handle, response.status >= 500);
    handed->responded(checked(std::move(response)));
  } else {
    Sent sent;
    in(sent);
    if (!in.good()) return give_up(handed);
    account(handed->kind == Kind::deliver ? Function::deliver : Function::upsert, sent.status < 0);
    finish(handed, std::move(sent));
  }
  pump();
}

/// It killed its runner twice, or was answered with what is none.
void RemoteInstance::give_up(const std::shared_ptr<Handed>& handed) {
  const bool request = handed->kind == Kind::handle;
  const std::string cause = handed->cause.empty() ? "the runner's answer cannot be read" : handed->cause;
  usage_.error();
  parts_.poisoned({name(), request ? "request" : "delivery",
                   request ? handed->request.method + " " + handed->request.path : handed->delivery.delivery.key,
                   cause});
  finish(handed, {request ? TSN_FAILED : TSN_INVALID,
                  "it ended its runner twice (" + cause + "); report it to the plugin's author"});
}

/// On the pool: whoever waits may call into this instance again, and this thread may hold what that needs.
void RemoteInstance::finish(const std::shared_ptr<Handed>& handed, Sent sent) {
  port_.reactor().cancel(handed->timer);
  runtime::Task task = [handed, sent = std::move(sent)] {
    if (handed->responded) return handed->responded(problem(sent.status, sent.error));
    handed->sent(sent);
  };
  if (!port_.pool().try_post(task)) task();
}

}  // namespace tocsin::plugin_host::runner
