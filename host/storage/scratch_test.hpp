// A folder of a test's own, and the values its tests write.
#pragma once

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <string>

#include "base/result.hpp"
#include "model/series_table.hpp"
#include "model/signal.hpp"
#include "storage/port.hpp"

namespace tocsin::storage {

class Scratch {
 public:
  Scratch() {
    std::string name = (std::filesystem::temp_directory_path() / "tocsin-storage-XXXXXX").string();
    if (::mkdtemp(name.data())) path_ = name;
  }
  ~Scratch() {
    std::error_code ignored;
    if (!path_.empty()) std::filesystem::remove_all(path_, ignored);
  }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  const std::string& path() const { return path_; }
  std::string operator/(const std::string& name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

/// The value, or a failed test and a fresh value.
template <class T>
T must(base::Result<T> result) {
  if (result) return std::move(*result);
  ADD_FAILURE() << result.error().message();
  if constexpr (std::is_default_constructible_v<T>)
    return T();
  else
    std::abort();
}
inline void must(const base::Result<void>& result) {
  if (!result) ADD_FAILURE() << result.error().message();
}

/// What was decided is in the database now, for a test that looks into its file.
inline void settle(Store& store) {
  must(store.newest_event());
}

/// `rows` samples of one series, one second apart.
inline model::SignalBatch batch_of(model::SeriesId series, std::size_t rows,
                                   std::int64_t first_ts = 1'700'000'000'000'000'000, double value = 1) {
  model::SignalBatch b;
  b.instance = "source.test";
  b.source = "http";
  for (std::size_t i = 0; i < rows; ++i) {
    b.ts.push_back(first_ts + static_cast<std::int64_t>(i) * 1'000'000'000);
    b.value.push_back(value + static_cast<double>(i));
    b.series.push_back(series);
  }
  return b;
}

}  // namespace tocsin::storage
