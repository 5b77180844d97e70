#include "delivery/queue.hpp"

namespace tocsin::delivery {

std::string lane_of(const model::Delivery& delivery) {
  const std::string& what = delivery.correlation_id.empty() ? delivery.group_key : delivery.correlation_id;
  // Without an incident or a group there is no order to keep (a trial message).
  if (what.empty()) return delivery.key;
  return what + "\n" + (delivery.tracker ? "" : delivery.recipient);
}

void Queue::add(model::Delivery delivery, std::uint64_t sequence, base::Time give_up_at) {
  const std::string name = lane_of(delivery);
  Lane& lane = lanes_[name];
  lane.push_back(std::make_unique<Item>(Item{std::move(delivery), sequence, give_up_at, false}));
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
  Lane& lane = lanes_.at(name);
  lane.pop_front();
  --size_;
  if (lane.empty())
    lanes_.erase(name);
  else
    offer(name, *lane.front());
  return done;
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
