// Promises about what comes back from outside: lost messages, details that are asked for, tickets that changed.
#include <gtest/gtest.h>

#include "incidents/desk_world.hpp"

namespace tocsin::incidents::testing {
namespace {

const Labels broken{{"alertname", "A"}, {"service", "web"}};

model::Routing two_at_once() {
  model::Routing r = ladder_routing();
  r.policies["page"].steps[0].notify = {"sms:contact.first", "mail:contact.first"};
  return r;
}

void lose(World& w, const std::string& key) {
  w.keep(w.desk->on_lost(w.only().correlation_id, key, "sms to first", "UNDELIV", w.now()));
}

TEST(Answering, AStepWhoseOnlyMessageNeverArrivesPassesOnAtOnce) {
  World w(ladder_routing());
  w.fire(broken);
  w.deliver_all();
  w.told();
  lose(w, w.store.order[0]);
  EXPECT_EQ(w.told(), (Told{"sms>second:FIRING"}));
  EXPECT_EQ(w.store.timeline[w.store.timeline.size() - 3].text, "did not arrive: UNDELIV");
}

TEST(Answering, AStepWaitsWhileAnotherOfItsMessagesMayHaveArrived) {
  World w(two_at_once());
  w.fire(broken);
  w.deliver_all();
  w.told();
  lose(w, w.store.order[0]);
  EXPECT_EQ(w.told(), Told{});
  lose(w, w.store.order[1]);
  EXPECT_EQ(w.told(), (Told{"sms>second:FIRING"}));
}

TEST(Answering, ALostMessageOfAnEarlierStepChangesNothing) {
  World w(ladder_routing());
  w.fire(broken);
  w.deliver_all();
  const std::string first = w.store.order[0];
  w.pass(5min);
  w.deliver_all();
  w.told();
  lose(w, first);
  EXPECT_EQ(w.told(), Told{});
}

TEST(Answering, ALostMessageOfAnAcknowledgedIncidentWakesNobody) {
  World w(ladder_routing());
  w.fire(broken);
  w.deliver_all();
  ASSERT_TRUE(w.set(w.only(), IncidentStatus::acknowledged, "first"));
  w.told();
  lose(w, w.store.order[0]);
  EXPECT_EQ(w.told(), Told{});
}

TEST(Answering, DetailsGoToWhoAskedByPhoneAndMail) {
  World w(ladder_routing());
  w.fire(broken);
  w.told();
  ASSERT_EQ(w.act(w.desk->tell_details(w.only().correlation_id, "second", w.now())), "");
  EXPECT_EQ(w.told(), (Told{"sms>second:UPDATE", "mail>second:UPDATE"}));
  EXPECT_NE(w.newest().text.find("incident 1001: "), std::string::npos) << w.newest().text;
  EXPECT_NE(w.newest().text.find("service=\"web\""), std::string::npos) << w.newest().text;
  EXPECT_EQ(w.only().status, IncidentStatus::open);
}

TEST(Answering, DetailsNeedAContact) {
  World w(ladder_routing());
  w.fire(broken);
  EXPECT_EQ(w.act(w.desk->tell_details(w.only().correlation_id, "nobody", w.now())),
            "the details go to a contact, and none is called \"nobody\"");
}

TEST(Answering, ATicketsStatusIsTakenIntoItsRowAndNoFurther) {
  model::Routing r = ladder_routing();
  r.channels["jira"] = tracker("jira");
  World w(r);
  w.fire(broken);
  const std::string id = w.only().correlation_id;
  w.keep(w.desk->on_ticket({id, "jira", "OPS-1", "https://jira/OPS-1", "Open", "", {}}, w.now()));
  w.told();
  model::TicketRef now_is;
  now_is.instance = "jira", now_is.key = "OPS-1", now_is.status = "Done";
  ASSERT_EQ(w.act(w.desk->ticket_is(id, now_is, w.now())), "");
  EXPECT_EQ(w.store.tickets.at(id + "jira").status, "Done");
  EXPECT_EQ(w.store.tickets.at(id + "jira").url, "https://jira/OPS-1");
  EXPECT_EQ(w.told(), Told{});
  EXPECT_EQ(w.only().status, IncidentStatus::open);
}

}  // namespace
}  // namespace tocsin::incidents::testing
