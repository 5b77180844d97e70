// Deliveries to durable signals, and only then to the broker's ears: what was read is submitted together with the ids
// of its messages, and is settled when the host has it. Thread: the source's own.
#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "delivery.hpp"
#include "id_window.hpp"
#include "message_reader.hpp"
#include "settler.hpp"
#include "tocsin/plugin.hpp"

namespace tocsin_plugins::amqp {

struct HandOverCounts {
  std::uint64_t messages = 0, acknowledged = 0, rejected = 0, redelivered = 0;
  std::uint64_t duplicates = 0;  ///< of a known id: acknowledged, and not counted again
  std::uint64_t refusals = 0;    ///< times that the agent began to take nothing in
};

class HandOver {
 public:
  /// Options `id_header`, `remember`, `prefetch`, and those of MessageReader.
  HandOver(tsn::Context ctx, const tsn::Config& config);

  /// The ids of a cursor. False: it is none of ours.
  bool load(std::string_view cursor) { return ids_.load(cursor); }
  /// Takes from `pending` as far as the agent takes it in, and settles what is durable. What is left waits for the next
  /// call. Another status than ok is the settler's.
  tsn::Status work(std::deque<Delivery>& pending, Settler& settler);
  /// The agent took nothing in at the last attempt: try again in a while.
  bool refused() const noexcept { return refused_; }
  /// The deliveries are gone: what was not settled comes again.
  void forget();
  HandOverCounts take_counts() { return std::exchange(counts_, {}); }
  ReadCounts take_read_counts() { return reader_.take_counts(); }

 private:
  /// What is to become of a delivery once the batch is durable.
  struct Held {
    std::uint64_t tag;
    bool rejected;
  };
  void judge(Delivery& message);
  bool submit();
  tsn::Status settle(Settler& settler);

  tsn::Context ctx_;
  MessageReader reader_;
  const std::string id_header_;
  IdWindow ids_;
  std::vector<Held> held_;
  bool refused_ = false;
  HandOverCounts counts_;
};

}  // namespace tocsin_plugins::amqp
