#include "plugin_host/batch_decoder.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <random>

#include "plugin_host/testdata/fake_port.hpp"

namespace tocsin::plugin_host {
namespace {

using testing::BlockBuilder;
using testing::simple_block;
using testing::text;

constexpr double nan_value = std::numeric_limits<double>::quiet_NaN();

class Batches : public ::testing::Test {
 protected:
  Batches() {
    registry_.intern(text("other"), nullptr, 0, &series_, nullptr);
    registry_.intern(text("x"), nullptr, 0, &series_, nullptr);
  }
  base::Result<void> decode(const tsn_batch* block) {
    return decode_batch(block, registry_.snapshot(), base::from_ns(now), out_, result_);
  }
  std::string message(const tsn_batch* block) {
    auto done = decode(block);
    return done ? "no error" : done.error().message();
  }
  static bool has(const std::string& said, const std::string& part) { return said.find(part) != said.npos; }

  static constexpr std::int64_t now = 1'700'000'000'000'000'000;
  static constexpr std::int64_t minute = 60'000'000'000;
  model::SeriesTable table_;
  SeriesRegistry registry_{table_, {}, 100, 77};
  tsn_series series_ = 0;
  model::SignalBatch out_;
  DecodedBatch result_;
};

TEST_F(Batches, BecomeColumns) {
  BlockBuilder builder = simple_block(series_, now, 3);
  builder.column<std::uint32_t>(TSN_COL_FLAGS, TSN_TYPE_U32, {0, TSN_ROW_OLD, 0});
  builder.texts(TSN_COL_TEXT, {"one", "", "three"});
  builder.texts(TSN_COL_ORIGIN_FILE, {"/a", "/a", "/b"});
  builder.column<std::uint64_t>(TSN_COL_ORIGIN_LINE, TSN_TYPE_U64, {1, 2, 1});
  builder.column<std::uint64_t>(TSN_COL_ORIGIN_OFFSET, TSN_TYPE_U64, {0, 10, 0});
  ASSERT_TRUE(decode(builder.block()));
  EXPECT_EQ(out_.ts, std::vector<std::int64_t>(3, now));
  EXPECT_EQ(out_.value, (std::vector<double>{0, 1, 2}));
  EXPECT_EQ(table_.key(out_.series[2]).name, "x");
  EXPECT_EQ(out_.flags[1], model::row_old);
  EXPECT_EQ(out_.text, (std::vector<std::string>{"one", "", "three"}));
  EXPECT_EQ(out_.files, (std::vector<std::string>{"/a", "/b"}));
  EXPECT_EQ(out_.file, (std::vector<std::uint32_t>{0, 0, 1}));
  EXPECT_EQ(out_.offset[1], 10u);
  EXPECT_TRUE(result_.rejected.empty());
}
TEST_F(Batches, SkipColumnsTheyDoNotKnow) {
  BlockBuilder builder = simple_block(series_, now, 2);
  builder.raw(4711, 99, "whatever").raw(TSN_COL_HISTOGRAM, 1, "");
  EXPECT_EQ(message(builder.block()), "no error");
}
TEST_F(Batches, TakeSummariesInPlaceOfValues) {
  BlockBuilder builder(2);
  builder.column<std::int64_t>(TSN_COL_TS, TSN_TYPE_I64, {now, now});
  builder.column<std::uint64_t>(TSN_COL_SERIES, TSN_TYPE_U64, {series_, series_});
  builder.column<double>(TSN_COL_SUMMARY, TSN_TYPE_F64X5, {2, 1, 3, 2, 4, nan_value, 0, 0, 0, 0});
  ASSERT_TRUE(decode(builder.block()));
  ASSERT_EQ(out_.rows(), 1u);
  EXPECT_EQ(out_.summary[0].max, 3);
  EXPECT_TRUE(std::isnan(out_.value[0]));
  ASSERT_EQ(result_.rejected.size(), 1u);
  EXPECT_EQ(result_.rejected[0].reason, TSN_REJECT_VALUE);
}
TEST_F(Batches, LeaveOutTheRowsThatCannotBeTaken) {
  BlockBuilder builder(7);
  builder.column<std::int64_t>(TSN_COL_TS, TSN_TYPE_I64, {now, now + minute, now + minute + 1, -5, now, now, now});
  builder.column<std::uint64_t>(TSN_COL_SERIES, TSN_TYPE_U64,
                                {series_, series_, series_, series_, series_ + (1ull << 32), series_, series_});
  builder.column<double>(TSN_COL_VALUE, TSN_TYPE_F64, {1, 2, 3, 4, 5, HUGE_VAL, nan_value});
  builder.column<std::uint32_t>(TSN_COL_FLAGS, TSN_TYPE_U32, {0, 0, 0, 0, 0, 0, TSN_ROW_STALE});
  builder.texts(TSN_COL_TEXT, {"a", "b", "c", "d", "e", "f", "g"});
  ASSERT_TRUE(decode(builder.block()));
  EXPECT_EQ(out_.text, (std::vector<std::string>{"a", "b", "g"}));
  ASSERT_EQ(result_.rejected.size(), 4u);
  std::vector<std::pair<std::uint32_t, std::uint32_t>> got;
  for (auto& one : result_.rejected) got.emplace_back(one.row, one.reason);
  EXPECT_EQ(got,
            (std::vector<std::pair<std::uint32_t, std::uint32_t>>{
                {2, TSN_REJECT_FUTURE}, {3, TSN_REJECT_TIMESTAMP}, {4, TSN_REJECT_SERIES}, {5, TSN_REJECT_VALUE}}));
}
TEST_F(Batches, MayBeEmpty) {
  EXPECT_EQ(message(BlockBuilder(0).block()), "no error");
}

TEST_F(Batches, RefuseWhatIsNoBatch) {
  BlockBuilder b = simple_block(series_, now, 4);
  EXPECT_TRUE(has(message(nullptr), "there is none"));
  EXPECT_TRUE(has(message(b.block([](tsn_batch& h, tsn_column*) { h.size = 8; })), "header has only 8 bytes"));
  EXPECT_TRUE(
      has(message(b.block([](tsn_batch& h, tsn_column*) { h.rows = 0xFFFFFFFF; })), "rows, 1048576 are possible"));
  EXPECT_TRUE(has(message(b.block([](tsn_batch& h, tsn_column*) { h.bytes = ~0ull; })), "256 MiB"));
  EXPECT_TRUE(has(message(b.block([](tsn_batch& h, tsn_column*) { h.bytes = 16; })), "less than its header"));
  EXPECT_TRUE(has(message(b.block([](tsn_batch& h, tsn_column*) { h.columns = 0x10000000; })), "256 are possible"));
  EXPECT_TRUE(has(message(b.block([](tsn_batch& h, tsn_column*) { h.column_stride = 8; })), "stride is 8"));
  EXPECT_TRUE(has(message(b.block([](tsn_batch& h, tsn_column*) { h.directory = ~7ull; })), "directory lies outside"));
  EXPECT_TRUE(has(message(b.block([](tsn_batch& h, tsn_column*) { h.directory += 4; })), "directory lies outside"));
  EXPECT_TRUE(has(message(b.block([](tsn_batch&, tsn_column* c) { c[0].offset += 4; })), "column 1 is not aligned"));
  EXPECT_TRUE(has(message(b.block([](tsn_batch&, tsn_column* c) { c[0].offset = ~7ull; })), "column 1 lies outside"));
  EXPECT_TRUE(has(message(b.block([](tsn_batch&, tsn_column* c) { c[0].bytes = ~0ull; })), "column 1 lies outside"));
  EXPECT_TRUE(
      has(message(b.block([](tsn_batch&, tsn_column* c) { c[1].bytes = 31; })), "column 3 is too short for 4 rows"));
  EXPECT_TRUE(has(message(b.block([](tsn_batch&, tsn_column* c) { c[2].type = TSN_TYPE_I64; })),
                  "column 2 has the type 1 instead of 2"));
  EXPECT_TRUE(has(message(b.block([](tsn_batch&, tsn_column* c) {
                    c[2].id = TSN_COL_TS;
                    c[2].type = 1;
                  })),
                  "column 1 is there twice"));
  EXPECT_TRUE(has(message(b.block([](tsn_batch& h, tsn_column*) { h.columns = 1; })), "are required"));
  auto shifted = reinterpret_cast<const tsn_batch*>(reinterpret_cast<const char*>(b.block()) + 4);
  EXPECT_TRUE(has(message(shifted), "not aligned"));
}
TEST_F(Batches, RefuseEndsThatGoBackOrOutside) {
  for (std::vector<std::uint32_t> ends : {std::vector<std::uint32_t>{3, 2}, {1, 0xFFFFFFFF}, {0, 4}}) {
    BlockBuilder builder = simple_block(series_, now, 2);
    builder.raw(TSN_COL_TEXT, TSN_TYPE_BYTES, std::string(reinterpret_cast<const char*>(ends.data()), 8) + "abc");
    EXPECT_TRUE(has(message(builder.block()), "column 5: the end of row"));
  }
}
TEST_F(Batches, SurviveAnyDamageToHeaderAndDirectory) {
  std::mt19937 random(11);
  BlockBuilder builder = simple_block(series_, now, 8);
  builder.texts(TSN_COL_TEXT, std::vector<std::string>(8, "some text"));
  builder.texts(TSN_COL_ORIGIN_FILE, std::vector<std::string>(8, "/f"));
  for (int round = 0; round < 20000; ++round) {
    const tsn_batch* block = builder.block([&](tsn_batch& header, tsn_column* columns) {
      auto* bytes = reinterpret_cast<unsigned char*>(&header);
      auto* directory = reinterpret_cast<unsigned char*>(columns);
      std::uint64_t length = header.bytes;
      for (int i = 0; i < 3; ++i) {
        if (random() & 1)
          bytes[random() % sizeof header] ^= static_cast<unsigned char>(1u << random() % 8);
        else
          directory[random() % (5 * sizeof(tsn_column))] ^= static_cast<unsigned char>(1u << random() % 8);
      }
      if (header.bytes > length) header.bytes = length;  // the block's own length is the one thing that must be true
    });
    auto done = decode(block);
    ASSERT_TRUE(!done || out_.rows() + result_.rejected.size() == result_.rows);
  }
}

}  // namespace
}  // namespace tocsin::plugin_host
