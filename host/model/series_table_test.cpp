#include "model/series_table.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <thread>

namespace tocsin::model {
namespace {

SeriesKey numbered(int n) {
  return {"host.cpu", Labels{{"cpu", std::to_string(n)}, {"host", "node-" + std::to_string(n % 7)}}};
}

TEST(SeriesTable, GivesEqualKeysTheSameIdAndOthersTheNext) {
  SeriesTable table;
  EXPECT_EQ(table.intern({"a", {{"x", "1"}}}), 0u);
  EXPECT_EQ(table.intern({"a", {{"x", "2"}}}), 1u);
  EXPECT_EQ(table.intern({"a", {{"x", "1"}}}), 0u);
  EXPECT_EQ(table.intern({"b", {}}), 2u);
  EXPECT_EQ(table.size(), 3u);
}

TEST(SeriesTable, TellsNamesFromValues) {
  SeriesTable table;
  EXPECT_NE(table.intern({"a", {{"x", "y"}}}), table.intern({"a", {{"y", "x"}}}));
}

TEST(SeriesTable, KeepsKeysWhereTheyAreWhileItGrows) {
  SeriesTable table;
  table.intern(numbered(0));
  const SeriesKey* first = &table.key(0);
  for (int n = 1; n < 50'000; ++n) ASSERT_EQ(table.intern(numbered(n)), static_cast<SeriesId>(n));
  EXPECT_EQ(&table.key(0), first);
  for (int n = 0; n < 50'000; ++n) {
    ASSERT_EQ(table.key(static_cast<SeriesId>(n)), numbered(n));
    ASSERT_EQ(table.intern(numbered(n)), static_cast<SeriesId>(n));
  }
}

TEST(SeriesTable, AgreesAcrossThreadsThatInternTheSameKeys) {
  SeriesTable table;
  constexpr int keys = 5'000;
  std::vector<std::vector<SeriesId>> seen(4, std::vector<SeriesId>(keys));
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < keys; ++i) {
        int n = (i * 7 + t * 1'001) % keys;
        SeriesId id = table.intern(numbered(n));
        seen[t][n] = table.key(id) == numbered(n) ? id : UINT32_MAX;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(table.size(), static_cast<SeriesId>(keys));
  for (int t = 1; t < 4; ++t) EXPECT_EQ(seen[t], seen[0]);
  EXPECT_EQ(std::count(seen[0].begin(), seen[0].end(), UINT32_MAX), 0);
}

}  // namespace
}  // namespace tocsin::model
