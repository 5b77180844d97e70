// Alerts from outside: what a message of a sender's changes, and those that end because nobody repeats them.
#include "incidents/decisions.hpp"

namespace tocsin::incidents {

void Desk::Impl::receive(std::vector<model::ReceivedAlert> alerts, base::Time now) {
  if (alerts.empty()) return;
  const std::uint64_t first = alerts.front().labels.fingerprint();
  take_received(received_.expire(now, routing_.resolve_timeout), now);
  take_received(received_.take(std::move(alerts), routing_, now), now);
  // Said before and perhaps not durable yet: the answer to this one must wait for that.
  if (const auto known = received_.find(first); known && out_.alerts.empty()) out_.alerts.push_back(*known);
}

void Desk::Impl::take_received(std::vector<Received::Change> changes, base::Time now) {
  std::vector<model::Alert> news;
  if (!holds_->inhibitor.idle()) {
    for (const Received::Change& change : changes) {
      if (change.news) news.push_back(*change.alert);
    }
  }
  learn_sources(news, now);
  for (const Received::Change& change : changes) {
    const std::size_t before = out_.alerts.size();
    if (change.news) take(*change.alert, now);
    if (out_.alerts.size() == before) out_.alerts.push_back(*change.alert);
  }
}

void Desk::Impl::expire_received(base::Time now) {
  take_received(received_.expire(now, routing_.resolve_timeout), now);
  schedule_received();
}

/// One entry of due_ stands for the timers of all received alerts.
void Desk::Impl::schedule_received() {
  const base::Time due = received_.next_due().value_or(base::no_time);
  if (due == received_due_) return;
  due_.erase({received_due_, "r"});
  received_due_ = due;
  if (due != base::no_time) due_.insert({due, "r"});
}

base::Result<model::Changes> Desk::on_received(std::vector<model::ReceivedAlert> alerts, base::Time now) {
  for (const model::ReceivedAlert& alert : alerts) TRY_VOID(model::check_received(alert));
  impl_->receive(std::move(alerts), now);
  impl_->schedule_received();
  impl_->run_due(now);
  return impl_->finish(now);
}

}  // namespace tocsin::incidents
