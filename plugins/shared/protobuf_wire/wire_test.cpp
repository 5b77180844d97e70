#include "protobuf_wire/wire.hpp"

#include <gtest/gtest.h>

#include <vector>

namespace {

using namespace tocsin_plugins::protobuf;
using namespace std::string_literals;

TEST(Wire, ReadsTheExamplesOfTheFormatsGuide) {
  const auto message = "\x08\x96\x01\x12\x07testing"s;
  std::string_view rest = message;
  Field field;
  ASSERT_TRUE(take_field(rest, field));
  EXPECT_TRUE(field.is(1, varint));
  EXPECT_EQ(field.value, 150u);
  ASSERT_TRUE(take_field(rest, field));
  EXPECT_TRUE(field.is(2, bytes));
  EXPECT_EQ(field.content, "testing");
  EXPECT_TRUE(rest.empty());
}

TEST(Wire, ReadsBackWhatItWrites) {
  std::string out;
  put_number(out, 1, UINT64_MAX);
  put_number(out, 2, 0);
  put_bytes(out, 300, "x");
  std::vector<std::uint64_t> numbers;
  EXPECT_TRUE(each_field(out, [&](const Field& field) { return numbers.push_back(field.number), true; }));
  EXPECT_EQ(numbers, (std::vector<std::uint64_t>{1, 300}));
}

TEST(Wire, UndoesZigzag) {
  EXPECT_EQ(unzigzag(0), 0);
  EXPECT_EQ(unzigzag(1), -1);
  EXPECT_EQ(unzigzag(2), 1);
  EXPECT_EQ(unzigzag(UINT64_MAX), INT64_MIN);
}

TEST(Wire, ReadsNumbersPackedAndOneByOne) {
  std::uint64_t sum = 0;
  const auto add = [&](std::uint64_t value) { sum += value; };
  EXPECT_TRUE(each_number({1, bytes, 0, "\x01\x02\x96\x01"}, varint, add));
  EXPECT_TRUE(each_number({1, varint, 7, {}}, varint, add));
  EXPECT_EQ(sum, 160u);
  EXPECT_FALSE(each_number({1, bytes, 0, "\x01\x02"}, fixed64, add));
  EXPECT_TRUE(each_number({1, fixed32, 7, {}}, varint, add)) << "another wire type is passed over";
  EXPECT_EQ(sum, 160u);
}

TEST(Wire, RefusesWhatIsNotWhole) {
  for (const auto& bad :
       {"\x08"s, "\x0a\x05hell"s, "\x09\x01"s, "\x0d\x01"s, "\x0b"s, "\x00\x01"s,
        "\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"s, "\x0a\xff\xff\xff\xff\xff\xff\xff\xff\x7f"s})
    EXPECT_FALSE(each_field(bad, [](const Field&) { return true; })) << testing::PrintToString(bad);
}

}  // namespace
