// The ids of the messages that were taken in last, so that one that is delivered again counts once. It travels in the
// source's cursor: the host makes rows and cursor durable together, so a crash leaves both or neither.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "delivery.hpp"

namespace tocsin_plugins::amqp {

class IdWindow {
 public:
  static constexpr std::size_t most = 8000;  ///< what the 64 KiB of a cursor hold

  /// Remembers the last `size` ids.
  explicit IdWindow(std::size_t size) : size_(size) {}

  /// 64 bits of SHA-256 over exchange, routing key, app_id and the message's id: ids are unique for their sender only.
  /// 0: it has no id. `header`: the header that holds it; empty: message_id.
  static std::uint64_t key_of(const Delivery& delivery, std::string_view header);

  bool knows(std::uint64_t key) const { return known_.contains(key); }
  /// Counts from now on, and is kept once commit() was called.
  void add(std::uint64_t key);
  /// What was added stays.
  void commit();
  /// What was added since the last commit() is forgotten.
  void roll_back();
  /// The newest `size` ids, with those that were added.
  std::string cursor() const;
  /// False: `cursor` is none of this.
  bool load(std::string_view cursor);
  std::size_t size() const noexcept { return order_.size(); }

 private:
  const std::size_t size_;
  std::deque<std::uint64_t> order_;  ///< the oldest first; those added are at the end
  std::unordered_set<std::uint64_t> known_;
  std::size_t added_ = 0;
};

}  // namespace tocsin_plugins::amqp
