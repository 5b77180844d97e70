// Silences at the desk: what they hold back, what survives a restart, what an incident says of them.
#include <algorithm>

#include "incidents/desk_world.hpp"

namespace tocsin::incidents {
namespace {

using namespace testing;
using model::Silence;
using model::SilenceState;

class Silencing : public ::testing::Test {
 protected:
  Silence silence(const std::vector<std::string>& texts, base::Duration lasts = 1h) const {
    Silence s;
    s.matchers = matchers(texts);
    s.ends_at = world.now() + lasts;
    s.created_by = "ana";
    s.comment = "CHG1";
    return s;
  }
  std::string set(Silence s) {
    std::string id;
    auto changes = world.desk->set_silence(std::move(s), world.now(), &id);
    EXPECT_TRUE(changes) << (changes ? "" : changes.error().message());
    if (changes) world.keep(std::move(*changes));
    return id;
  }
  void expire(const std::string& id) {
    auto changes = world.desk->expire_silence(id, "ben", world.now());
    ASSERT_TRUE(changes) << changes.error().message();
    world.keep(std::move(*changes));
  }
  /// Time passes and everything decided arrives.
  Told pass(base::Duration d) {
    world.pass(d);
    world.deliver_all();
    return world.told();
  }
  SilenceState state(const std::string& id) const { return world.desk->find_silence(id)->state(world.now()); }
  std::vector<std::string> entries() const {
    std::vector<std::string> out;
    for (const auto& e : world.store.timeline) {
      if (e.what == "silenced") out.push_back(e.actor + ": " + e.text);
    }
    return out;
  }

  World world{routing()};
};

TEST_F(Silencing, ASilencedAlertIsToldWhenTheSilenceExpires) {
  const std::string id = set(silence({"alertname=\"Disk\""}, 10h));
  world.fire({{"alertname", "Disk"}});
  EXPECT_EQ(pass(1h), Told{});
  expire(id);
  EXPECT_EQ(pass(6min), Told{"hook:FIRING"});
}

TEST_F(Silencing, ASilencedAlertIsToldWhenTheSilenceEnds) {
  set(silence({"alertname=\"Disk\""}, 1h));
  world.fire({{"alertname", "Disk"}});
  EXPECT_EQ(pass(59min), Told{});
  EXPECT_EQ(pass(7min), Told{"hook:FIRING"});
}

TEST_F(Silencing, OnlyTheAlertsItMeansAreHeldBack) {
  world.fire({{"alertname", "Disk"}, {"host", "n1"}});
  set(silence({"host=\"n1\""}));
  world.fire({{"alertname", "Disk"}, {"host", "n2"}});
  EXPECT_EQ(pass(1min), Told{"hook:FIRING"});
  ASSERT_EQ(world.newest().alerts.size(), 1u);
  EXPECT_EQ(world.newest().alerts[0].labels.get("host"), "n2");
}

TEST_F(Silencing, TheEndOfWhatWasToldIsToldAlsoWhileItIsSilenced) {
  auto alert = world.fire({{"alertname", "Disk"}});
  EXPECT_EQ(pass(1min), Told{"hook:FIRING"});
  set(silence({"alertname=\"Disk\""}, 10h));
  world.resolve(alert);
  EXPECT_EQ(pass(6min), Told{"hook:RESOLVED"});
}

TEST_F(Silencing, SurvivesARestart) {
  const std::string id = set(silence({"alertname=\"Disk\""}, 10h));
  world.restart();
  world.fire({{"alertname", "Disk"}});
  EXPECT_EQ(pass(1h), Told{});
  EXPECT_EQ(state(id), SilenceState::active);
  EXPECT_EQ(world.desk->silenced_by(world.alert({{"alertname", "Disk"}}), world.now()), std::vector<std::string>{id});
}

TEST_F(Silencing, UntilResolvedEndsWithTheAlertAndSurvivesARestart) {
  auto alert = world.fire({{"alertname", "Disk"}});
  Silence s = silence({"alertname=\"Disk\""});
  s.ends_at = base::no_time;
  s.until_resolved = true;
  const std::string id = set(s);
  world.restart();
  EXPECT_EQ(pass(5h), Told{});
  EXPECT_EQ(state(id), SilenceState::active);
  world.resolve(alert);
  EXPECT_EQ(state(id), SilenceState::expired);
  EXPECT_EQ(world.store.silences.at(id).ended_by, "tocsin");
  pass(10min);
  world.fire({{"alertname", "Disk"}});
  EXPECT_EQ(pass(1min), Told{"hook:FIRING"});
}

TEST_F(Silencing, UntilResolvedEndsAfterARestartWhenNothingFiresAnyMore) {
  world.fire({{"alertname", "Disk"}});
  Silence s = silence({"alertname=\"Disk\""});
  s.ends_at = base::no_time;
  s.until_resolved = true;
  const std::string id = set(s);
  world.store.alerts.clear();
  world.store.members.clear();
  world.store.groups.clear();
  world.restart();
  pass(0s);
  EXPECT_EQ(state(id), SilenceState::expired);
}

TEST_F(Silencing, ARowGoesWhenItWasLongOver) {
  const std::string id = set(silence({"alertname=\"Disk\""}));
  pass(1h + 120h - 1s);
  EXPECT_TRUE(world.store.silences.contains(id));
  pass(1s);
  EXPECT_FALSE(world.store.silences.contains(id));
  EXPECT_FALSE(world.desk->next_due());
}

TEST_F(Silencing, AnIncidentAllOfWhoseAlertsAreSilencedSaysSoOnce) {
  world.fire({{"alertname", "Disk"}, {"host", "n1"}});
  world.fire({{"alertname", "Disk"}, {"host", "n2"}});
  set(silence({"host=\"n1\""}));
  EXPECT_TRUE(entries().empty());
  const std::string id = set(silence({"host=\"n2\""}));
  EXPECT_EQ(entries(), std::vector<std::string>{"ana: silenced by " + id + ": CHG1"});
  Silence edit = *world.desk->find_silence(id);
  edit.ends_at += 1h;
  EXPECT_EQ(set(edit), id);
  EXPECT_EQ(entries().size(), 1u);
}

TEST_F(Silencing, APreviewNamesTheFiringAlertsItMeans) {
  world.fire({{"alertname", "Disk"}, {"host", "n1"}});
  auto over = world.fire({{"alertname", "Disk"}, {"host", "n2"}});
  world.fire({{"alertname", "Net"}, {"host", "n1"}});
  world.resolve(over);
  const SilencePreview preview = world.desk->preview_silence(silence({"alertname=\"Disk\""}));
  EXPECT_EQ(preview.firing, 2u);
  ASSERT_EQ(preview.alerts.size(), 1u);
  EXPECT_EQ(preview.alerts[0].labels.get("host"), "n1");
  EXPECT_EQ(preview.warning, "");
  EXPECT_NE(world.desk->preview_silence(silence({"host=\"n1\""})).warning, "");
}

TEST_F(Silencing, ThoseOfTheConfigurationHoldAndGoWithAReload) {
  Silence s = silence({"alertname=\"Disk\"", "severity=\"high\""});
  s.id = "configured";
  s.configured = true;
  s.starts_at = base::no_time;
  s.ends_at = model::no_end;
  world.routing.silences = {s};
  world.desk->set_routing(world.routing, world.now());
  world.fire({{"alertname", "Disk"}}, Severity::high);
  EXPECT_EQ(pass(1h), Told{});
  EXPECT_EQ(world.desk->silences(world.now()).size(), 1u);
  EXPECT_TRUE(world.store.silences.empty());
  world.routing.silences.clear();
  world.desk->set_routing(world.routing, world.now());
  EXPECT_EQ(pass(6min), Told{"hook:FIRING"});
}

TEST_F(Silencing, WhatIsRefusedLeavesNothingBehind) {
  Silence s = silence({"a!=\"b\""});
  EXPECT_FALSE(world.desk->set_silence(s, world.now()));
  EXPECT_FALSE(world.desk->expire_silence("nope", "ben", world.now()));
  EXPECT_TRUE(world.desk->advance(world.now()).empty());
}

}  // namespace
}  // namespace tocsin::incidents
