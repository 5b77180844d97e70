// Batches whose columns keep their capacity, so that a source in its stride allocates nothing.
#pragma once

#include <atomic>
#include <cstddef>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "model/signal.hpp"

namespace tocsin::plugin_host {

/// Batches of one instance. Any thread. A batch comes back when its last holder lets go, which may be after the pool's
/// owner has gone.
class BatchPool : public std::enable_shared_from_this<BatchPool> {
 public:
  /// `instance` and `source` are those of every batch.
  BatchPool(std::string instance, std::string source) : instance_(std::move(instance)), source_(std::move(source)) {}

  std::shared_ptr<model::SignalBatch> get() {
    std::unique_ptr<Node> node;
    {
      std::lock_guard lock(mutex_);
      if (!idle_.empty()) node = std::move(idle_.back()), idle_.pop_back();
    }
    if (!node) {
      node = std::make_unique<Node>();
      node->batch.instance = instance_;
      node->batch.source = source_;
      node->counted = sizeof(Node);
      bytes_.fetch_add(node->counted, std::memory_order_relaxed);
    }
    model::SignalBatch* batch = &node->batch;
    node->home = shared_from_this();
    return {batch, [](model::SignalBatch*) {}, Place<std::byte>{node.release()}};
  }

  /// Room of all batches, idle and on their way; of one on its way as it was when it last came back.
  std::size_t bytes() const { return bytes_.load(std::memory_order_relaxed); }

 private:
  /// A batch and room for the count of its holders.
  struct Node {
    model::SignalBatch batch;
    std::shared_ptr<BatchPool> home;  ///< while it is out
    std::size_t counted = 0;          ///< its part of bytes_
    alignas(std::max_align_t) std::byte count[128];
  };
  /// Allocator of the shared_ptr's count: in the node; giving it up, the last thing done, returns the node.
  template <class T>
  struct Place {
    using value_type = T;
    Node* node;
    explicit Place(Node* n) : node(n) {}
    template <class U>
    Place(const Place<U>& other) : node(other.node) {}
    T* allocate(std::size_t) {
      static_assert(sizeof(T) <= sizeof(Node::count) && alignof(T) <= alignof(std::max_align_t));
      return reinterpret_cast<T*>(node->count);
    }
    void deallocate(T*, std::size_t) { std::exchange(node->home, nullptr)->put(node); }
    bool operator==(const Place& other) const { return node == other.node; }
  };

  /// Few and small ones are kept: memory at rest counts more than an allocation in a burst.
  static constexpr std::size_t most_idle = 4, most_rows = 4096;
  void put(Node* done) {
    std::unique_ptr<Node> node(done);
    if (node->batch.ts.capacity() > most_rows || node->batch.text.capacity() > 0) {
      bytes_.fetch_sub(node->counted, std::memory_order_relaxed);
      return;
    }
    const std::size_t now = room_of(*node);
    if (now != node->counted) bytes_.fetch_add(now - node->counted, std::memory_order_relaxed);
    node->counted = now;
    std::lock_guard lock(mutex_);
    if (idle_.size() < most_idle)
      idle_.push_back(std::move(node));
    else
      bytes_.fetch_sub(node->counted, std::memory_order_relaxed);
  }

  static std::size_t room_of(const Node& node) {
    const model::SignalBatch& b = node.batch;
    const auto room = [](const auto& column) { return column.capacity() * sizeof column[0]; };
    return sizeof node + room(b.ts) + room(b.value) + room(b.series) + room(b.flags) + room(b.summary) + room(b.line) +
           room(b.offset) + room(b.file) + room(b.files) + b.cursor.capacity();
  }

  const std::string instance_, source_;
  std::atomic<std::size_t> bytes_{0};
  std::mutex mutex_;
  std::vector<std::unique_ptr<Node>> idle_;
};

}  // namespace tocsin::plugin_host
