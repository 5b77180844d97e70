// All series the agent has seen, interned. Reads by id and finding a known key are lock-free; a new key takes a lock.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "model/signal.hpp"

namespace tocsin::model {

class SeriesTable {
 public:
  SeriesTable();
  ~SeriesTable();
  SeriesTable(const SeriesTable&) = delete;
  SeriesTable& operator=(const SeriesTable&) = delete;

  /// The id of an equal key, made from a copy if it is new. Any thread; a known key takes no lock.
  SeriesId intern(const SeriesKey& key);
  /// The key; valid as long as the table. Any thread; `id` must come from intern().
  const SeriesKey& key(SeriesId id) const;
  /// Ids are 0 … size() - 1. Any thread.
  SeriesId size() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace tocsin::model
