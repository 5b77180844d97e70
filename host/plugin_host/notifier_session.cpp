// Deliveries out: messages of notifiers, tickets of trackers. The last step of a signal's path.
#include "plugin_host/delivery_view.hpp"
#include "plugin_host/instance_core.hpp"

namespace tocsin::plugin_host {

void InstanceCore::deliver(const model::Delivery& delivery, const std::string& provider_id, const Links& links,
                           base::Time deadline, std::function<void(Sent)> done) {
  send(CallKind::deliver, delivery, provider_id, links, deadline, std::move(done));
}

void InstanceCore::upsert(const model::Delivery& delivery, const std::string& external_url, base::Time deadline,
                          std::function<void(Sent)> done) {
  send(CallKind::upsert, delivery, {}, external_url, deadline, std::move(done));
}

void InstanceCore::send(CallKind kind, const model::Delivery& delivery, const std::string& provider_id,
                        const Links& links, base::Time deadline, std::function<void(Sent)> done) {
  bool is_message = kind == CallKind::deliver;
  DeliveryView view(delivery, provider_id, links);
  tsn_token token = tokens_.open({kind, deadline, std::move(done), {}, 0});
  tsn_delivered delivered{};
  tsn_ticket ticket{};
  delivered.size = sizeof delivered;
  ticket.size = sizeof ticket;
  tsn_err err = new_err();
  const Within within = until(is_message ? EntryPoint::deliver : EntryPoint::upsert, deadline);
  tsn_status status = call(within, err, [&](tsn_err& e) {
    if (!accepts_calls()) return refuse(&e, TSN_CANCELLED, "the instance is stopping");
    if (is_message && type_.notifier.deliver != nullptr) {
      return type_.notifier.deliver(self_, token, view.message(), base::to_ns(deadline), &delivered, &e);
    }
    if (!is_message && type_.tracker.upsert != nullptr) {
      return type_.tracker.upsert(self_, token, view.upsert(), base::to_ns(deadline), &ticket, &e);
    }
    return refuse(&e, TSN_UNSUPPORTED, is_message ? "is not a notifier" : "is not a tracker");
  });
  if (status == TSN_PENDING) return arm(token);
  Answer answer = answer_of(kind, status, err);
  delivered.size = sizeof delivered;  // ours, whatever the plugin wrote there
  ticket.size = sizeof ticket;
  read_result(kind, is_message ? static_cast<const void*>(&delivered) : &ticket, answer);
  returned(token, status, std::move(answer));
}

}  // namespace tocsin::plugin_host
