// A detector's successor judges on: windows, alerts and timers are the shard's and stay.
#include <gtest/gtest.h>

#include "detection/fake_world.hpp"
#include "detection/shard.hpp"

namespace tocsin::detection {
namespace {

using namespace fake;
using std::chrono::seconds;

model::Rule held() {
  model::Rule out = rule("held", "load", ">", 10);
  out.by = {"host"};
  out.for_ = seconds(60);
  return out;
}
World::Row load(double when, double value) {
  return {when, "load", {{"host", "a"}}, value};
}

TEST(Exchange, LetsAForGoOn) {
  World world;
  Comparing successor;
  world.rules({held()});
  world.push({load(0, 20)});
  EXPECT_EQ(world.told(), Told{"0 pending 20"});
  ASSERT_TRUE(world.shard.exchange(world.detector, successor));
  EXPECT_EQ(world.detector.released, 1);
  world.advance(59);
  EXPECT_EQ(world.told(), Told{});
  world.advance(61);
  EXPECT_EQ(world.told(), Told{"60 firing 20"});
  const int judged = world.detector.calls;
  world.push({load(62, 1)});
  EXPECT_EQ(world.told(), Told{"62 resolved 20"});
  EXPECT_EQ(world.detector.calls, judged);
  EXPECT_GT(successor.calls, 0);
}

TEST(Exchange, KeepsTheWindow) {
  World world;
  Comparing successor;
  model::Rule often = rule("often", "failure", ">=", 3);
  often.aggregate = model::Aggregate::count;
  often.over = seconds(60);
  world.rules({often});
  world.push({{1, "failure", {}}, {2, "failure", {}}});
  ASSERT_TRUE(world.shard.exchange(world.detector, successor));
  world.push({{3, "failure", {}}});
  EXPECT_EQ(world.told(), Told{"3 firing 3"});
  world.advance(100);
  EXPECT_EQ(world.told(), Told{"61 resolved 3"});
}

TEST(Exchange, GivesASuccessorWhatElseItReads) {
  struct Wider : Comparing {
    base::Result<void*> compile(const model::Rule& rule, const tsn_inputs& inputs) override {
      tsn_input other{};
      other.size = sizeof other;
      const std::string_view selector = "other";
      other.selector = {selector.data(), static_cast<std::uint32_t>(selector.size())};
      std::uint32_t column = 0;
      if (inputs.add(&inputs, &other, &column, nullptr) != TSN_OK)
        return base::fail(base::Fault::invalid, "not that selector");
      return Comparing::compile(rule, inputs);
    }
  } successor;
  World world;
  world.rules({held()});
  world.push({load(0, 20), {0, "other", {{"host", "a"}}, 7}});
  ASSERT_TRUE(world.shard.exchange(world.detector, successor));
  double seen = 0;
  successor.watch = [&](const tsn_rows& rows, std::uint32_t row, double) {
    seen = rows.cells[row * rows.columns + rows.columns - 1];
  };
  world.push({{1, "other", {{"host", "a"}}, 8}, load(1, 20)});
  EXPECT_EQ(seen, 8);
  world.advance(61);
  EXPECT_EQ(world.told(), (Told{"0 pending 20", "60 firing 20"}));
}

TEST(Exchange, KeepsAllRulesWhereOneDoesNotCompile) {
  struct Picky : Comparing {
    base::Result<void*> compile(const model::Rule& rule, const tsn_inputs& inputs) override {
      if (rule.name == "held") return base::fail(base::Fault::invalid, "not any more");
      return Comparing::compile(rule, inputs);
    }
  } successor;
  World world;
  world.rules({rule("first", "load", ">", 10), held()});
  world.push({load(0, 20)});
  const auto done = world.shard.exchange(world.detector, successor);
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().message(), "rule held: not any more");
  EXPECT_EQ(successor.released, 1);
  EXPECT_EQ(world.detector.released, 0);
  world.told();
  world.push({load(1, 1)});
  EXPECT_EQ(successor.calls, 0);
  EXPECT_EQ(world.alerts.size(), 2u);
}

}  // namespace
}  // namespace tocsin::detection
