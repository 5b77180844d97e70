// The same events give the same alerts, however they are cut into batches; and the alerts are those of a plain
// recomputation.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>
#include <tuple>

#include "detection/fake_world.hpp"

namespace tocsin::detection {
namespace {

using namespace fake;
using std::chrono::seconds;

std::vector<model::Rule> many_rules() {
  std::vector<model::Rule> out;
  for (int a = 0; a <= static_cast<int>(model::Aggregate::last_seen); ++a) {
    const auto aggregate = static_cast<model::Aggregate>(a);
    model::Rule one = rule("over_" + std::string(model::to_string(aggregate)), "load", a % 2 ? ">" : "<", 50);
    one.by = {"host"};
    one.aggregate = aggregate;
    one.over = seconds(20 + 5 * a);
    if (a % 3 == 0) one.for_ = seconds(7 + a);
    if (a % 4 == 1) one.keep_firing_for = seconds(9);
    one.cooldown = seconds(30);
    out.push_back(one);
  }
  model::Rule newest = rule("newest", "load", ">", 80);
  newest.by = {"host"};
  newest.no_data = model::NoData::ok;
  newest.table.set("critical", 95.0);
  out.push_back(newest);
  model::Rule all = rule("all", "load", ">", 60);
  all.aggregate = model::Aggregate::avg;
  all.over = seconds(30);
  out.push_back(all);
  model::Rule timed = rule("few", "load", "<", 3);
  timed.aggregate = model::Aggregate::count;
  timed.over = seconds(60);
  timed.by = {"host"};
  timed.also_timed = true;
  out.push_back(timed);
  return out;
}

std::vector<World::Row> events(std::uint64_t seed) {
  std::mt19937_64 random(seed);
  std::vector<World::Row> out;
  double now = 1;
  for (int i = 0; i < 1200; ++i) {
    now += random() % 60 == 0 ? 40.0 + static_cast<double>(random() % 400)
                              : static_cast<double>(random() % 4000) / 1000 + 1e-6 * i;
    const double late = random() % 5 == 0 ? static_cast<double>(random() % 30'000) / 1000 : 0;
    out.push_back({now - late,
                   "load",
                   {{"host", "h" + std::to_string(random() % 4)}, {"core", std::to_string(random() % 2)}},
                   static_cast<double>(random() % 100),
                   random() % 90 == 0 ? static_cast<std::uint32_t>(model::row_stale) : 0u});
  }
  return out;
}

/// What was told, in an order that does not depend on the batches.
std::vector<std::string> run(const std::vector<World::Row>& rows, std::size_t cut) {
  World world;
  world.rules(many_rules());
  double clock = 0;
  for (std::size_t from = 0; from < rows.size(); from += cut) {
    const std::vector<World::Row> part(rows.begin() + static_cast<std::ptrdiff_t>(from),
                                       rows.begin() + static_cast<std::ptrdiff_t>(std::min(from + cut, rows.size())));
    for (const auto& row : part) clock = std::max(clock, row.at);
    world.shard.push(world.batch(part), at(clock), world.alerts);
    world.advance(clock);
  }
  world.advance(clock + 2000);
  std::vector<std::string> out;
  for (const auto& alert : world.alerts)
    out.push_back(std::to_string(base::to_ns(alert.updated_at)) + " " + alert.labels.text() + " " +
                  std::string(model::to_string(alert.state)) + " " + alert.id + " " + std::to_string(alert.value) +
                  (alert.silent ? " silent" : ""));
  std::sort(out.begin(), out.end());
  return out;
}

class Batches : public testing::TestWithParam<std::uint64_t> {};

TEST_P(Batches, OfAnySizeGiveTheSameAlerts) {
  const auto rows = events(GetParam());
  const auto one_by_one = run(rows, 1);
  EXPECT_GT(one_by_one.size(), 100u);
  for (const std::size_t cut : {2, 7, 64, 500, 1200}) {
    const auto batched = run(rows, cut);
    std::vector<std::string> only_one, only_batched;
    std::set_difference(one_by_one.begin(), one_by_one.end(), batched.begin(), batched.end(),
                        std::back_inserter(only_one));
    std::set_difference(batched.begin(), batched.end(), one_by_one.begin(), one_by_one.end(),
                        std::back_inserter(only_batched));
    ASSERT_EQ(only_batched, only_one) << "batches of " << cut;
  }
}
INSTANTIATE_TEST_SUITE_P(Order, Batches, testing::Values(1, 2, 3, 5));

// Addresses that fail now and then, in bursts, on whole seconds as log lines have them: the first alert of each address
// is at exactly the line at which a plain recount finds five within (t - 60 s, t].
TEST(Order, BruteForceFiresFirstAtExactlyTheLineARecountFinds) {
  for (const auto& [needed, over] : {std::pair{5, 60}, std::pair{10, 300}, std::pair{20, 600}}) {
    std::mt19937_64 random(static_cast<std::uint64_t>(needed));
    std::vector<World::Row> rows;
    int now = 0;
    for (int i = 0; i < 4000; ++i) {
      now += random() % 50 == 0 ? static_cast<int>(random() % 300) : static_cast<int>(random() % 3);
      rows.push_back({static_cast<double>(now),
                      "auth.failure",
                      {{"client_ip", "10.0.0." + std::to_string(random() % 3 ? random() % 8 : random() % 60)}}});
    }
    std::map<std::string, std::uint64_t> want;
    std::map<std::string, std::vector<double>> seen;
    for (std::size_t i = 0; i < rows.size(); ++i) {
      const std::string address(rows[i].labels.get("client_ip"));
      auto& times = seen[address];
      times.push_back(rows[i].at);
      const auto within = std::count_if(times.begin(), times.end(), [&](double t) { return t > rows[i].at - over; });
      if (within >= needed) want.emplace(address, i + 1);
    }
    World world;
    model::Rule brute = rule("brute", "auth.failure", ">=", needed);
    brute.by = {"client_ip"};
    brute.aggregate = model::Aggregate::count;
    brute.over = seconds(over);
    world.rules({brute});
    world.push(rows);
    std::map<std::string, std::uint64_t> got;
    for (const auto& alert : world.alerts)
      if (alert.state == model::AlertState::firing) got.emplace(alert.labels.get("client_ip"), alert.origin.line);
    EXPECT_FALSE(want.empty());
    EXPECT_EQ(got, want) << needed << " in " << over;
  }
}

}  // namespace
}  // namespace tocsin::detection
