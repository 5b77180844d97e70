#include "storage/progress.hpp"

#include <gtest/gtest.h>

namespace tocsin::storage {
namespace {

TEST(Progress, TakesEachPositionOnce) {
  Progress p;
  EXPECT_TRUE(p.take(1));
  EXPECT_FALSE(p.take(1));
  EXPECT_TRUE(p.take(3));
  EXPECT_FALSE(p.take(3));
  EXPECT_TRUE(p.take(0));
  EXPECT_TRUE(p.take(0));
}

TEST(Progress, WaitsForWhatComesLateAndThenPassesIt) {
  Progress p;
  for (std::uint64_t position : {1, 4, 3, 6}) p.take(position);
  EXPECT_EQ(p.through(), 1u);
  EXPECT_EQ(p.text(), "1;3-4;6-6");
  p.take(2);
  EXPECT_EQ(p.through(), 4u);
  p.take(5);
  EXPECT_EQ(p.text(), "6");
}

TEST(Progress, ReadsBackWhatItWrote) {
  Progress p;
  for (std::uint64_t position : {1, 2, 5, 6, 9}) p.take(position);
  auto copy = Progress::parse(p.text());
  ASSERT_TRUE(copy);
  EXPECT_EQ(copy->text(), "2;5-6;9-9");
  EXPECT_FALSE(copy->take(5));
  EXPECT_TRUE(copy->take(7));
}

TEST(Progress, GivesUpAPositionThatWasLost) {
  Progress p;
  for (std::uint64_t position = 2; position <= Progress::patience + 1; ++position) p.take(position);
  EXPECT_EQ(p.through(), Progress::patience + 1);
}

TEST(Progress, RefusesTextThatIsNotIts) {
  for (const char* text : {"", "x", "3;2-4", "3;9-8", "3;5", "3;5-x"}) EXPECT_FALSE(Progress::parse(text)) << text;
}

}  // namespace
}  // namespace tocsin::storage
