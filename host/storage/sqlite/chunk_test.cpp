#include "storage/sqlite/chunk.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <limits>
#include <random>

#include "storage/crc32c.hpp"

namespace tocsin::storage::sqlite {
namespace {

std::vector<Sample> back(const std::vector<Sample>& samples) {
  Chunk chunk;
  EXPECT_TRUE(decode_chunk(encode_chunk(samples, {}), chunk));
  return chunk.samples;
}
void expect_same(const std::vector<Sample>& got, const std::vector<Sample>& want) {
  ASSERT_EQ(got.size(), want.size());
  for (std::size_t i = 0; i < want.size(); ++i) {
    EXPECT_EQ(got[i].ts, want[i].ts) << i;
    EXPECT_EQ(std::bit_cast<std::uint64_t>(got[i].value), std::bit_cast<std::uint64_t>(want[i].value)) << i;
  }
}

TEST(Chunk, GivesBackAnythingInOrder) {
  std::mt19937_64 random(7);
  for (int round = 0; round < 200; ++round) {
    std::vector<Sample> samples(random() % (chunk_samples + 1));
    std::int64_t ts = static_cast<std::int64_t>(random() >> 1);
    for (Sample& s : samples) {
      if (random() % 3 == 0 && ts < std::numeric_limits<std::int64_t>::max() / 2)
        ts += static_cast<std::int64_t>(random() % 1'000'000'000'000);
      s = {ts, random() % 2 ? std::bit_cast<double>(random()) : static_cast<double>(random() % 5)};
    }
    expect_same(back(samples), samples);
  }
}

TEST(Chunk, GivesBackTheEdgesOfTime) {
  constexpr auto low = std::numeric_limits<std::int64_t>::min(), high = std::numeric_limits<std::int64_t>::max();
  const std::vector<Sample> samples{{low, 0}, {low, -0.0}, {0, std::nan("")}, {0, INFINITY}, {high, 1e-300}};
  expect_same(back(samples), samples);
}

TEST(Chunk, ARegularSeriesThatStandsStillTakesAFewBytes) {
  std::vector<Sample> samples;
  for (int i = 0; i < 1024; ++i) samples.push_back({1'700'000'000'000'000'000 + i * 10'000'000'000LL, 42.5});
  EXPECT_LT(encode_chunk(samples, {}).size(), 64u);
}

/// Series that machines send every ten seconds: none takes more than two bytes a sample, and some 30 a chunk.
TEST(Chunk, ARegularSeriesTakesTwoBytesASample) {
  std::mt19937_64 random(7);
  const auto step = [&](std::int64_t most) { return static_cast<std::int64_t>(random() % (2 * most + 1)) - most; };
  std::int64_t level = 5000, total = 123'456'789;
  const std::pair<const char*, std::function<double()>> kinds[] = {
      {"constant", [] { return 42.17; }},
      {"percent of two places", [&] { return static_cast<double>(level += step(50)) / 100; }},
      {"integer", [&] { return static_cast<double>(level += step(3)); }},
      {"counter", [&] { return static_cast<double>(total += 4000 + step(1000)); }},
      {"on and off", [&] { return static_cast<double>(random() % 10 == 0); }},
  };
  for (const auto& [name, next] : kinds) {
    std::vector<Sample> samples;
    for (int i = 0; i < 1024; ++i) samples.push_back({1'700'000'000'000'000'000 + i * 10'000'000'000LL, next()});
    EXPECT_LE(encode_chunk(samples, {}).size(), 2048u + 64) << name;
    expect_same(back(samples), samples);
  }
}

TEST(Chunk, ReadsWhatEarlierVersionsWrote) {
  // Of {1 s, 1.5}, {2 s, 1.5}, {3 s, 2.25} without the forms of columns.
  std::string old("\0\x03", 2);
  old += std::string("\x80\xa8\xd6\xb9\x07", 5) + std::string("\x80\xa8\xd6\xb9\x07", 5) + std::string("\0\0", 2);
  old += std::string("\x06\xf8\x3f", 3) + "\x80" + std::string("\x06\xfa\x7f", 3);
  const std::uint32_t crc = crc32c(0, old.data(), old.size());
  old.append(reinterpret_cast<const char*>(&crc), sizeof crc);
  Chunk chunk;
  ASSERT_TRUE(decode_chunk(old, chunk));
  expect_same(chunk.samples, {{1'000'000'000, 1.5}, {2'000'000'000, 1.5}, {3'000'000'000, 2.25}});
}

TEST(Chunk, KeepsSummariesBesidePlainValues) {
  const std::vector<Sample> samples{{1, 3}, {2, 7}};
  const std::vector<model::Summary> summaries{{5, 1, 9, 3, 15}, no_summary()};
  Chunk chunk;
  ASSERT_TRUE(decode_chunk(encode_chunk(samples, summaries), chunk));
  EXPECT_EQ(chunk.summaries[0].max, 9);
  EXPECT_FALSE(has_summary(chunk.summaries[1]));
}

TEST(Chunk, RefusesEveryFlippedByteAndEveryLength) {
  std::vector<Sample> samples;
  for (int i = 0; i < 50; ++i) samples.push_back({i * 7919LL % 1000 + i * 1000, i * 0.1});
  const std::string good = encode_chunk(samples, {});
  for (std::size_t at = 0; at < good.size(); ++at) {
    std::string bad = good;
    bad[at] = static_cast<char>(bad[at] ^ 0x10);
    Chunk chunk;
    EXPECT_FALSE(decode_chunk(bad, chunk)) << at;
    EXPECT_FALSE(decode_chunk(std::string_view(good).substr(0, at), chunk)) << at;
    EXPECT_TRUE(chunk.samples.empty());
  }
}

}  // namespace
}  // namespace tocsin::storage::sqlite
