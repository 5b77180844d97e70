// Promises about tickets whose opening is held back with the alerts of their incident.
#include <gtest/gtest.h>

#include "incidents/desk_world.hpp"

namespace tocsin::incidents::testing::tickets_test {
namespace {

const Labels down{{"alertname", "Down"}, {"host", "1"}}, slow{{"alertname", "Slow"}, {"host", "1"}};

class HeldTickets : public World, public ::testing::Test {
 protected:
  HeldTickets() : World(make()) {}
  static model::Routing make() {
    model::Routing r = testing::routing();
    r.channels.clear();
    r.root->notify.clear();
    r.channels["jira"] = tracker("jira");
    r.inhibit_rules = {{"down", matchers({R"(alertname="Down")"}), matchers({R"(alertname="Slow")"}), {"host"}}};
    return r;
  }
  /// "TITLE:CHANGE" of what trackers were asked for since the last call.
  std::vector<std::string> asked() {
    std::vector<std::string> out;
    for (; seen_ < store.order.size(); ++seen_) {
      const Delivery& d = store.deliveries[store.order[seen_]];
      out.push_back(d.title + ":" + std::to_string(d.change));
    }
    return out;
  }
  std::string silence(base::Duration lasts) {
    model::Silence s;
    s.matchers = matchers({"host=1"});
    s.ends_at = now() + lasts;
    s.created_by = "ana";
    s.comment = "CHG1";
    std::string id;
    keep(desk->set_silence(s, now(), &id).value());
    return id;
  }
  Incident of(const std::string& title) const {
    for (const Incident& i : incidents()) {
      if (i.title == title) return i;
    }
    ADD_FAILURE() << "no incident " << title;
    return {};
  }

 private:
  std::size_t seen_ = 0;
};
using Asked = std::vector<std::string>;

TEST_F(HeldTickets, AnInhibitedIncidentsTicketIsOpenedWhenItsSourceIsGone) {
  const Alert source = fire(down);
  fire(slow);
  EXPECT_EQ(asked(), (Asked{"Down:1"}));
  EXPECT_TRUE(std::ranges::count(store.timeline, "waits: inhibited by Down", &model::TimelineEntry::text));
  resolve(source);
  EXPECT_EQ(asked(), (Asked{"Down:5", "Slow:1"}));
  EXPECT_FALSE(newest().outcome_unknown) << "nothing was asked for before";
}

TEST_F(HeldTickets, ASilencedIncidentsTicketIsOpenedWhenTheSilenceEnds) {
  silence(20min);
  fire(slow);
  pass(20min - 1ns);
  EXPECT_EQ(asked(), Asked{});
  pass(1ns);
  EXPECT_EQ(asked(), (Asked{"Slow:1"}));
}

TEST_F(HeldTickets, AnExpiredSilenceOpensItAtOnce) {
  const std::string id = silence(1h);
  fire(slow);
  keep(desk->expire_silence(id, "ben", now()).value());
  pass(0s);
  EXPECT_EQ(asked(), (Asked{"Slow:1"}));
}

TEST_F(HeldTickets, TheHoldIsKnownAfterARestart) {
  silence(20min);
  fire(slow);
  restart();
  pass(10min);
  EXPECT_EQ(asked(), Asked{});
  pass(10min);
  EXPECT_EQ(asked(), (Asked{"Slow:1"}));
}

TEST_F(HeldTickets, NoneIsOpenedForWhatEndedMeanwhile) {
  silence(20min);
  const Alert a = fire(slow);
  resolve(a);
  pass(24h);
  EXPECT_EQ(asked(), Asked{});
  EXPECT_EQ(store.tickets.begin()->second.intent, "");
}

TEST_F(HeldTickets, OneAlertThatIsFreeIsEnough) {
  silence(1h);
  fire(slow);
  EXPECT_EQ(asked(), Asked{});
  fire({{"alertname", "Slow"}, {"host", "2"}});
  EXPECT_EQ(asked(), (Asked{"Slow:1"}));
}

TEST_F(HeldTickets, WhatFollowsAnOpenTicketIsNotHeld) {
  const Alert a = fire(slow);
  keep(desk->on_ticket({of("Slow").correlation_id, "jira", "OPS-1", "https://jira/OPS-1", "Open", "", {}}, now()));
  silence(1h);
  ASSERT_TRUE(set(of("Slow"), IncidentStatus::acknowledged));
  resolve(a);
  EXPECT_EQ(asked(), (Asked{"Slow:1", "Slow:2", "Slow:5"}));
}

}  // namespace
}  // namespace tocsin::incidents::testing::tickets_test
