#include "delivery/queue.hpp"

namespace tocsin::delivery {

std::string lane_of(const model::Delivery& delivery) {
  const std::string& what = delivery.correlation_id.empty() ? delivery.group_key : delivery.correlation_id;
  // Without an incident or a group there is no order to keep (a trial message).
  if (what.empty()) return delivery.key;
  return what + "\n" + (delivery.tracker ? "" : delivery.recipient);
}

namespace {

bool names_service(const model::Delivery& delivery) {
  return delivery.kind == model::MessageKind::firing && !delivery.incident.service_name.empty();
}

}  // namespace

void Queue::add(model::Delivery delivery, std::uint64_t sequence, base::Time give_up_at) {
  if (names_service(delivery)) services_.insert({delivery.recipient, delivery.incident.service_name});
  const std::string name = lane_of(delivery);
  Lane& lane = lanes_[name];
  lane.push_back(std::make_unique<Item>(Item{std::move(delivery), sequence, give_up_at}));
  ++size_;
  if (lane.size() == 1) offer(name, *lane.front());
}

void Queue::offer(const std::string& lane, Item& head) {
  if (head.delivery.next_attempt_at == base::no_time)
    ready_.insert({head.sequence, lane});
  else
    sleeping_.insert({head.delivery.next_attempt_at, lane});
  expiry_.insert({head.give_up_at, lane});
}

void Queue::withdraw(const std::string& lane, const Item& head) {
  ready_.erase({head.sequence, lane});
  sleeping_.erase({head.delivery.next_attempt_at, lane});
  expiry_.erase({head.give_up_at, lane});
}

Item* Queue::next(base::Time now) {
  while (!sleeping_.empty() && sleeping_.begin()->first <= now) {
    const std::string lane = sleeping_.begin()->second;
    sleeping_.erase(sleeping_.begin());
    ready_.insert({lanes_.at(lane).front()->sequence, lane});
  }
  return ready_.empty() ? nullptr : lanes_.at(ready_.begin()->second).front().get();
}

Item* Queue::expired(base::Time now, bool untried_too) {
  for (auto it = expiry_.begin(); it != expiry_.end() && it->first <= now; ++it) {
    Item* head = lanes_.at(it->second).front().get();
    if (untried_too || head->delivery.attempts > 0) return head;
  }
  return nullptr;
}

void Queue::begin(Item& item) {
  withdraw(lane_of(item.delivery), item);
  item.busy = true;
}

void Queue::again(Item& item) {
  item.busy = false;
  offer(lane_of(item.delivery), item);
}

model::Delivery Queue::pop(Item& item) {
  const std::string name = lane_of(item.delivery);
  withdraw(name, item);
  model::Delivery done = std::move(item.delivery);
  forget(done);
  Lane& lane = lanes_.at(name);
  lane.pop_front();
  if (lane.empty())
    lanes_.erase(name);
  else
    offer(name, *lane.front());
  return done;
}

void Queue::forget(const model::Delivery& gone) {
  --size_;
  if (!names_service(gone)) return;
  const auto one = services_.find({gone.recipient, gone.incident.service_name});
  if (one != services_.end()) services_.erase(one);
}

std::vector<model::Delivery> Queue::take_out(const std::string& correlation_id,
                                             const std::function<bool(const model::Delivery&)>& wanted) {
  std::vector<model::Delivery> out;
  const std::string lanes_of_it = correlation_id + "\n";
  for (auto it = lanes_.lower_bound(lanes_of_it); it != lanes_.end() && it->first.starts_with(lanes_of_it);) {
    auto& [name, lane] = *it;
    const bool head_goes = !lane.front()->busy && wanted(lane.front()->delivery);
    if (head_goes) withdraw(name, *lane.front());
    Lane rest;
    for (auto& item : lane) {
      if (item->busy || !wanted(item->delivery)) {
        rest.push_back(std::move(item));
        continue;
      }
      forget(item->delivery);
      out.push_back(std::move(item->delivery));
    }
    lane.swap(rest);
    if (lane.empty()) {
      it = lanes_.erase(it);
      continue;
    }
    if (head_goes) offer(name, *lane.front());
    ++it;
  }
  return out;
}

std::optional<base::Time> Queue::next_due() const {
  if (sleeping_.empty()) return std::nullopt;
  return sleeping_.begin()->first;
}

std::optional<base::Time> Queue::next_expiry() const {
  if (expiry_.empty()) return std::nullopt;
  return expiry_.begin()->first;
}

}  // namespace tocsin::delivery
