// Keys stand in chunks that double in size and never move; ids are found through a table of (hash, id) slots.
//
// A lookup that hits takes no lock: it probes the current slot table, whose slots only ever go from 0 to their final
// value, and reads a key that was complete before its slot was published (release, acquire). A miss takes the lock,
// looks again and inserts. An outgrown slot table is kept until the end, because a reader may still probe it; together
// they are as large as the current one. Rejected: a sharded std::unordered_map, three times the memory and a lock per
// lookup.
#include "model/series_table.hpp"

#include <array>
#include <bit>
#include <cstdlib>
#include <functional>
#include <mutex>
#include <string_view>

namespace tocsin::model {
namespace {

constexpr unsigned first_chunk_bits = 6;  // 64 keys
constexpr std::size_t most_chunks = 32 - first_chunk_bits;

struct Spot {
  std::size_t chunk, index;
};

/// Chunk k holds the ids from 64 * (2^k - 1) on, 64 * 2^k of them.
Spot spot_of(SeriesId id) {
  std::uint64_t shifted = std::uint64_t{id} + (1u << first_chunk_bits);
  auto chunk = static_cast<std::size_t>(std::bit_width(shifted)) - 1 - first_chunk_bits;
  return {chunk, static_cast<std::size_t>(shifted - (std::uint64_t{1} << (chunk + first_chunk_bits)))};
}

std::uint32_t hash_of(const SeriesKey& key) {
  std::hash<std::string_view> hash;
  std::uint64_t mixed = hash(key.name);
  auto mix = [&mixed](std::uint64_t part) { mixed = (std::rotl(mixed, 23) ^ part) * 0x9e3779b97f4a7c15ull; };
  for (const auto& [name, value] : key.labels) {
    mix(hash(name));
    mix(hash(value));
  }
  return static_cast<std::uint32_t>(mixed >> 32 ^ mixed);
}

struct Slots {
  explicit Slots(std::size_t count) : mask(count - 1), slot(std::make_unique<std::atomic<std::uint64_t>[]>(count)) {}
  std::size_t mask;
  std::unique_ptr<std::atomic<std::uint64_t>[]> slot;  ///< hash << 32 | id + 1; 0: free
};

}  // namespace

struct SeriesTable::Impl {
  std::array<std::atomic<SeriesKey*>, most_chunks> chunks{};
  std::atomic<SeriesId> size{0};
  std::atomic<Slots*> slots{nullptr};
  std::mutex mutex;  ///< held to insert
  std::vector<std::unique_ptr<Slots>> tables;

  Impl() {
    tables.push_back(std::make_unique<Slots>(128));
    slots.store(tables.back().get(), std::memory_order_release);
  }
  ~Impl() {
    for (auto& chunk : chunks) delete[] chunk.load(std::memory_order_relaxed);
  }

  const SeriesKey& key(SeriesId id) const {
    Spot spot = spot_of(id);
    return chunks[spot.chunk].load(std::memory_order_acquire)[spot.index];
  }

  /// The id, or -1.
  std::int64_t find(const SeriesKey& wanted, std::uint32_t hash) const {
    const Slots& table = *slots.load(std::memory_order_acquire);
    for (std::size_t at = hash & table.mask;; at = (at + 1) & table.mask) {
      std::uint64_t entry = table.slot[at].load(std::memory_order_acquire);
      if (entry == 0) return -1;
      if (entry >> 32 != hash) continue;
      auto id = static_cast<SeriesId>(entry) - 1;
      if (key(id) == wanted) return id;
    }
  }

  static void place(Slots& table, std::uint64_t entry) {
    std::size_t at = (entry >> 32) & table.mask;
    while (table.slot[at].load(std::memory_order_relaxed) != 0) at = (at + 1) & table.mask;
    table.slot[at].store(entry, std::memory_order_release);
  }

  void grow() {
    const Slots& old = *tables.back();
    auto larger = std::make_unique<Slots>((old.mask + 1) * 2);
    for (std::size_t i = 0; i <= old.mask; ++i) {
      if (std::uint64_t entry = old.slot[i].load(std::memory_order_relaxed)) place(*larger, entry);
    }
    slots.store(larger.get(), std::memory_order_release);
    tables.push_back(std::move(larger));
  }

  SeriesId insert(const SeriesKey& wanted, std::uint32_t hash) {
    SeriesId id = size.load(std::memory_order_relaxed);
    if (id == UINT32_MAX - 1) std::abort();  // the cap on series per source is far below it
    Spot spot = spot_of(id);
    SeriesKey* chunk = chunks[spot.chunk].load(std::memory_order_relaxed);
    if (!chunk) {
      chunk = new SeriesKey[std::size_t{1} << (spot.chunk + first_chunk_bits)];
      chunks[spot.chunk].store(chunk, std::memory_order_release);
    }
    chunk[spot.index] = wanted;  // a copy, not a move: it has no spare capacity, and it stays for good
    if ((std::size_t{id} + 1) * 4 > (tables.back()->mask + 1) * 3) grow();
    size.store(id + 1, std::memory_order_release);
    place(*tables.back(), std::uint64_t{hash} << 32 | (id + 1));
    return id;
  }
};

SeriesTable::SeriesTable() : impl_(std::make_unique<Impl>()) {}
SeriesTable::~SeriesTable() = default;

SeriesId SeriesTable::intern(const SeriesKey& key) {
  std::uint32_t hash = hash_of(key);
  if (std::int64_t id = impl_->find(key, hash); id >= 0) return static_cast<SeriesId>(id);
  std::lock_guard lock(impl_->mutex);
  if (std::int64_t id = impl_->find(key, hash); id >= 0) return static_cast<SeriesId>(id);
  return impl_->insert(key, hash);
}

const SeriesKey& SeriesTable::key(SeriesId id) const {
  return impl_->key(id);
}

SeriesId SeriesTable::size() const {
  return impl_->size.load(std::memory_order_acquire);
}

}  // namespace tocsin::model
