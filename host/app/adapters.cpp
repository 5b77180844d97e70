#include "app/adapters.hpp"

namespace tocsin::app {

delivery::Outcome outcome_of(const plugin_host::Instance::Sent& sent) {
  delivery::Outcome outcome;
  outcome.ok = sent.status == TSN_OK;
  // A refused password is tried again too: operators mend it, and the message is still owed.
  outcome.retry = sent.status != TSN_INVALID && sent.status != TSN_UNSUPPORTED;
  outcome.unknown = sent.status == TSN_UNKNOWN || sent.status == TSN_DEADLINE;
  outcome.retry_after = std::chrono::milliseconds(sent.retry_after_ms);
  outcome.provider_id = sent.provider_id;
  outcome.error = sent.error;
  outcome.code = sent.code;
  return outcome;
}

std::size_t ChannelAdapter::at_once() const {
  constexpr std::uint32_t concurrent = 8;  // TSN_NOTIFIER_CONCURRENT
  constexpr std::size_t several = 16;
  return instance_->type().notifier_features & concurrent ? several : 0;
}

void ChannelAdapter::send(const model::Delivery& delivery, const std::string& provider_id, base::Time deadline,
                          std::function<void(delivery::Outcome)> done) {
  if (!delivery.tracker) {
    plugin_host::Links links = settings_.external_url;
    if (settings_.links != nullptr) links.actions = settings_.links->of(delivery, instance_->type().address_field);
    instance_->deliver(delivery, provider_id, links, deadline,
                       [self = shared_from_this(), done = std::move(done)](const plugin_host::Instance::Sent& sent) {
                         done(outcome_of(sent));
                       });
    return;
  }
  instance_->upsert(delivery, settings_.external_url, deadline,
                    [self = shared_from_this(), done = std::move(done), correlation_id = delivery.correlation_id,
                     instance = delivery.instance](const plugin_host::Instance::Sent& sent) {
                      auto outcome = outcome_of(sent);
                      if (outcome.ok) {
                        outcome.ticket = {
                            correlation_id, instance, sent.ticket_key, sent.ticket_url, sent.ticket_status, "", {}};
                      }
                      done(std::move(outcome));
                    });
}

}  // namespace tocsin::app
