// The queue of one instance: lanes in which messages keep their order, and which lane may go next. No I/O, no clock.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.hpp"
#include "model/delivery.hpp"

namespace tocsin::delivery {

/// A delivery on its way. Owned by its lane; only the head of a lane is ever attempted.
struct Item {
  model::Delivery delivery;
  std::uint64_t sequence = 0;
  base::Time give_up_at{};
  bool busy = false;        ///< an attempt, or its durable intent, is under way
  std::string withdrawn;    ///< why it is not tried again if the attempt under way fails; empty: it is
  bool limit_said = false;  ///< a verdict says that the limits hold it
};

/// (incident or group, recipient): its messages go one after the other.
std::string lane_of(const model::Delivery& delivery);

class Queue {
 public:
  void add(model::Delivery delivery, std::uint64_t sequence, base::Time give_up_at);

  /// The idle head with the lowest sequence whose next attempt is due, or null.
  Item* next(base::Time now);
  /// An idle head whose time was up by `now`, due or not, or null; one never tried only if `untried_too`.
  Item* expired(base::Time now, bool untried_too);
  /// Takes the item out of the choice until wake() or pop().
  void begin(Item& item);
  /// The item may be tried again at its delivery's next_attempt_at.
  void again(Item& item);
  /// The head of its lane is done; the next one moves up. The item is gone afterwards; its delivery is returned.
  model::Delivery pop(Item& item);

  /// Takes idle ones of an incident out, wherever they stand in their lanes.
  std::vector<model::Delivery> take_out(const std::string& correlation_id,
                                        const std::function<bool(const model::Delivery&)>& wanted);

  /// When next() may have something it has not now.
  std::optional<base::Time> next_due() const;
  std::optional<base::Time> next_expiry() const;
  std::size_t size() const { return size_; }
  /// Whether its recipient already waits for a message about its service.
  bool waits_for(const model::Delivery& delivery) const {
    return services_.contains({delivery.recipient, delivery.incident.service_name});
  }

  /// Calls `f` for each queued delivery of the incident.
  template <class F>
  void each_of(const std::string& correlation_id, F&& f) {
    for (auto& [name, lane] : lanes_) {
      for (auto& item : lane) {
        if (item->delivery.correlation_id == correlation_id) f(*item);
      }
    }
  }

 private:
  using Lane = std::deque<std::unique_ptr<Item>>;
  void offer(const std::string& lane, Item& head);
  void withdraw(const std::string& lane, const Item& head);
  void forget(const model::Delivery& gone);

  std::map<std::string, Lane> lanes_;
  std::set<std::pair<std::uint64_t, std::string>> ready_;
  std::set<std::pair<base::Time, std::string>> sleeping_;
  std::set<std::pair<base::Time, std::string>> expiry_;          ///< of idle heads
  std::multiset<std::pair<std::string, std::string>> services_;  ///< recipient and service of each firing message
  std::size_t size_ = 0;
};

}  // namespace tocsin::delivery
