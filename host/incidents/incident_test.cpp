// Promises about incidents: opening, joining, raising, resolving, reopening, and what people do to them.
#include <gtest/gtest.h>

#include "incidents/desk_world.hpp"

namespace tocsin::incidents::testing {
namespace {

TEST(Incident, OpensForAFiringAlertAndTakesItsWords) {
  World w(routing());
  Alert a = w.alert({{"alertname", "DiskFull"}, {"service", "db"}, {"host", "n1"}});
  a.value = 97, a.threshold = 95;
  a.links = {{"Grafana", "https://g"}};
  w.send(a);
  const Incident i = w.only();
  EXPECT_EQ(i.title, "DiskFull");
  EXPECT_EQ(i.description, "it is broken");
  EXPECT_EQ(i.suggestion, "mend it");
  EXPECT_EQ(i.service_name, "db");
  EXPECT_EQ(i.affected_component, "n1");
  EXPECT_EQ(i.metric_value, 97);
  EXPECT_EQ(i.threshold_value, 95);
  EXPECT_EQ(i.links.size(), 1u);
  EXPECT_EQ(i.status, IncidentStatus::open);
  EXPECT_EQ(i.route, "root");
  EXPECT_EQ(i.group_key, R"({}:{alertname="DiskFull", service="db"}:HIGH)");
  EXPECT_EQ(i.correlation_id.at(14), '7') << "UUIDv7";
}

TEST(Incident, IsFoundByNumberAndByCorrelationId) {
  World w(routing());
  w.fire({{"alertname", "A"}});
  const Incident i = w.only();
  EXPECT_EQ(w.desk->find(std::to_string(i.number))->correlation_id, i.correlation_id);
  EXPECT_EQ(w.desk->find(i.correlation_id)->number, i.number);
  EXPECT_FALSE(w.desk->find("7"));
}

TEST(Incident, TakesLaterAlertsOfItsGroupAndSeverity) {
  World w(routing());
  w.fire({{"alertname", "A"}, {"host", "1"}});
  w.fire({{"alertname", "A"}, {"host", "2"}});
  const Incident i = w.only();
  EXPECT_EQ(w.store.members.size(), 2u);
  EXPECT_EQ(i.labels, (Labels{{"alertname", "A"}})) << "common to its alerts";
}

TEST(Incident, IsOnePerGroupAndSeverity) {
  World w(routing());
  w.fire({{"alertname", "A"}, {"host", "1"}});
  w.fire({{"alertname", "A"}, {"host", "2"}}, Severity::critical);
  w.fire({{"alertname", "B"}, {"host", "1"}});
  EXPECT_EQ(w.incidents().size(), 3u);
}

TEST(Incident, IsUnchangedByTheSameAlertReadAgain) {
  World w(routing());
  const Alert a = w.fire({{"alertname", "A"}});
  w.keep(w.desk->on_alerts({a}, w.now()));
  EXPECT_TRUE(w.last.empty());
}

TEST(Incident, IsUnchangedByOlderNewsOfItsAlert) {
  World w(routing());
  const Alert a = w.fire({{"alertname", "A"}});
  w.pass(10s);
  w.resolve(a);
  w.keep(w.desk->on_alerts({a}, w.now()));
  EXPECT_TRUE(w.last.empty());
  EXPECT_EQ(w.only().status, IncidentStatus::resolved);
}

TEST(Incident, PendingAlertsAreRecordedOnly) {
  World w(routing());
  Alert a = w.alert({{"alertname", "A"}});
  a.state = AlertState::pending;
  w.send(a);
  EXPECT_EQ(w.store.alerts.size(), 1u);
  EXPECT_TRUE(w.incidents().empty());
}

TEST(Incident, RisesWithItsAlertInsteadOfOpeningAnother) {
  World w(routing());
  Alert a = w.fire({{"alertname", "A"}});
  w.pass(1min);
  a.severity = Severity::critical;
  a.updated_at = w.now();
  w.send(a);
  EXPECT_EQ(w.only().severity, Severity::critical);
  EXPECT_EQ(w.store.timeline.back().what, "severity");
}

TEST(Incident, RisesAlsoWhenTheSeverityLabelChangesTheFingerprint) {
  World w(routing());
  Alert a = w.fire({{"alertname", "A"}, {"severity", "HIGH"}});
  w.pass(1min);
  a.labels.set("severity", "CRITICAL");
  a.fingerprint = a.labels.fingerprint();
  a.severity = Severity::critical;
  a.updated_at = w.now();
  w.send(a);
  EXPECT_EQ(w.only().severity, Severity::critical);
  w.resolve(a);
  EXPECT_EQ(w.only().status, IncidentStatus::resolved);
}

TEST(Incident, KeepsItsSeverityWhenTheAlertFalls) {
  World w(routing());
  Alert a = w.fire({{"alertname", "A"}}, Severity::critical);
  w.pass(1min);
  a.severity = Severity::high;
  a.updated_at = w.now();
  w.send(a);
  EXPECT_EQ(w.only().severity, Severity::critical);
}

TEST(Incident, ResolvesWhenAllItsAlertsHave) {
  World w(routing());
  const Alert a = w.fire({{"alertname", "A"}, {"host", "1"}});
  const Alert b = w.fire({{"alertname", "A"}, {"host", "2"}});
  w.pass(1min);
  w.resolve(a);
  EXPECT_EQ(w.only().status, IncidentStatus::open);
  w.resolve(b);
  EXPECT_EQ(w.only().status, IncidentStatus::resolved);
  EXPECT_FALSE(w.only().resolution_notes.empty());
}

TEST(Incident, ReopensForARefireWithinTheWindow) {
  World w(ladder_routing());
  const Alert a = w.fire({{"alertname", "A"}});
  w.pass(1min);
  w.resolve(a);
  w.pass(10min);
  w.told();
  w.fire({{"alertname", "A"}});
  EXPECT_EQ(w.only().status, IncidentStatus::open);
  EXPECT_EQ(w.told(), (Told{"sms>first:FIRING"})) << "its ladder starts anew";
}

TEST(Incident, OpensAnotherForARefireAfterTheWindow) {
  World w(routing());
  const Alert a = w.fire({{"alertname", "A"}});
  w.resolve(a);
  w.pass(10min + 1s);
  w.fire({{"alertname", "A"}});
  EXPECT_EQ(w.incidents().size(), 2u);
}

TEST(Incident, ReopensAlsoAfterARestart) {
  World w(routing());
  const Alert a = w.fire({{"alertname", "A"}});
  w.resolve(a);
  w.restart();
  w.pass(5min);
  w.fire({{"alertname", "A"}});
  EXPECT_EQ(w.only().status, IncidentStatus::open);
}

TEST(Incident, ARefireInTheSameInstantIsToldToo) {
  World w(ladder_routing());
  const Alert a = w.fire({{"alertname", "A"}});
  const Alert b = w.resolve(a);
  Alert c = w.alert({{"alertname", "A"}});
  c.id += "again";
  c.active_at = b.active_at + 1ns;
  w.send(c);
  EXPECT_EQ(w.told(), (Told{"sms>first:FIRING", "sms>first:RESOLVED", "sms>first:FIRING"}));
}

TEST(Incident, ASilentRefireReopensAndTellsOnlyAfterTheCooldown) {
  World w(ladder_routing());
  const Alert a = w.fire({{"alertname", "A"}});
  w.pass(1min);
  w.resolve(a);
  w.told();
  w.pass(1min);
  Alert again = w.alert({{"alertname", "A"}});
  again.silent = true;
  again.cooldown_until = w.now() + 4min;
  w.send(again);
  EXPECT_EQ(w.only().status, IncidentStatus::open);
  EXPECT_EQ(w.told(), Told{});
  w.pass(4min);
  EXPECT_EQ(w.told(), (Told{"sms>first:FIRING"})) << "it still fires";
}

TEST(Incident, ResolvedByAPersonDoesNotReopenWhileTheAlertGoesOn) {
  World w(routing());
  Alert a = w.fire({{"alertname", "A"}});
  ASSERT_TRUE(w.set(w.only(), IncidentStatus::resolved));
  w.pass(1min);
  a.value = 7;
  a.updated_at = w.now();
  w.send(a);
  EXPECT_EQ(w.only().status, IncidentStatus::resolved);
}

TEST(Incident, ClosedByAPersonStaysClosedAcrossARestart) {
  World w(routing());
  Alert a = w.fire({{"alertname", "A"}});
  ASSERT_TRUE(w.set(w.only(), IncidentStatus::resolved));
  ASSERT_TRUE(w.set(w.only(), IncidentStatus::closed));
  w.restart();
  a.value = 7;
  a.updated_at = w.now() + 1s;
  w.send(a);
  EXPECT_EQ(w.only().status, IncidentStatus::closed);
}

TEST(Incident, OpensWithoutAnyRouteAndTellsNobody) {
  model::Routing r = routing();
  r.root.reset();
  World w(r);
  w.fire({{"alertname", "A"}}, Severity::critical);
  w.pass(24h);
  EXPECT_EQ(w.incidents().size(), 1u);
  EXPECT_EQ(w.told(), Told{});
}

TEST(OpenAfter, WaitsForEnoughDistinctAlertsWithinTheTime) {
  model::Routing r = routing();
  r.root->open_after = {3, 10min};
  World w(r);
  w.fire({{"alertname", "A"}, {"host", "1"}});
  w.pass(4min);
  w.fire({{"alertname", "A"}, {"host", "2"}});
  EXPECT_TRUE(w.incidents().empty());
  w.pass(4min);
  w.fire({{"alertname", "A"}, {"host", "3"}});
  EXPECT_EQ(w.incidents().size(), 1u);
  EXPECT_EQ(w.store.members.size(), 3u);
}

TEST(OpenAfter, CountsNoAlertThatWasOverTooLongAgo) {
  model::Routing r = routing();
  r.root->open_after = {2, 10min};
  World w(r);
  w.resolve(w.fire({{"alertname", "A"}, {"host", "1"}}));
  w.pass(11min);
  w.fire({{"alertname", "A"}, {"host", "2"}});
  EXPECT_TRUE(w.incidents().empty());
}

TEST(OpenAfter, CountsAcrossARestart) {
  model::Routing r = routing();
  r.root->open_after = {2, 10min};
  World w(r);
  w.fire({{"alertname", "A"}, {"host", "1"}});
  w.restart();
  w.fire({{"alertname", "A"}, {"host", "2"}});
  EXPECT_EQ(w.incidents().size(), 1u);
}

TEST(OpenAfter, NeverHoldsUpACriticalAlert) {
  model::Routing r = routing();
  r.root->open_after = {3, 10min};
  World w(r);
  w.fire({{"alertname", "A"}}, Severity::critical);
  EXPECT_EQ(w.incidents().size(), 1u);
}

TEST(OpenAfter, BelowItTheFirstStepIsToldByTheGroup) {
  model::Routing r = ladder_routing();
  r.root->open_after = {2, 10min};
  World w(r);
  w.fire({{"alertname", "A"}, {"host", "1"}});
  w.pass(30s);
  EXPECT_EQ(w.told(), (Told{"sms>first:FIRING"}));
  EXPECT_TRUE(w.newest().correlation_id.empty());
  EXPECT_EQ(w.newest().incident.title, "A") << "something to render";
  w.deliver_all();
  w.fire({{"alertname", "A"}, {"host", "2"}});
  EXPECT_EQ(w.told(), (Told{"sms>first:FIRING"})) << "the ladder's own";
  w.pass(4min);
  EXPECT_EQ(w.told(), Told{}) << "the group is silent from now on";
}

TEST(Status, RefusesAnInvalidTransitionAndNamesTheValidOnes) {
  World w(routing());
  w.fire({{"alertname", "A"}});
  auto refused = w.set(w.only(), IncidentStatus::closed);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().fault(), base::Fault::conflict);
  EXPECT_NE(refused.error().message().find("ACKNOWLEDGED, IN_PROGRESS, RESOLVED"), std::string::npos)
      << refused.error().message();
}

TEST(Status, NeedsNotesToResolveAndAReasonToClose) {
  World w(routing());
  w.fire({{"alertname", "A"}});
  EXPECT_EQ(w.set(w.only(), IncidentStatus::resolved, "alice", " ").error().fault(), base::Fault::invalid);
  ASSERT_TRUE(w.set(w.only(), IncidentStatus::resolved));
  EXPECT_EQ(w.set(w.only(), IncidentStatus::closed, "alice", "").error().fault(), base::Fault::invalid);
}

TEST(Status, OfAnUnknownIncidentIsNotFound) {
  World w(routing());
  auto changes = w.desk->set_status("4711", {}, w.now());
  ASSERT_FALSE(changes);
  EXPECT_EQ(changes.error().fault(), base::Fault::not_found);
}

TEST(Status, LeavesATraceOfWhoAndWhat) {
  World w(routing());
  w.fire({{"alertname", "A"}});
  ASSERT_TRUE(w.set(w.only(), IncidentStatus::acknowledged, "alice"));
  const auto& entry = w.store.timeline.back();
  EXPECT_EQ(entry.actor, "alice");
  EXPECT_EQ(entry.from, "OPEN");
  EXPECT_EQ(entry.to, "ACKNOWLEDGED");
  EXPECT_EQ(w.only().acknowledged_at, w.now());
}

TEST(Status, ReopenedByAPersonStartsTheLadderAnew) {
  World w(ladder_routing());
  w.fire({{"alertname", "A"}});
  ASSERT_TRUE(w.set(w.only(), IncidentStatus::resolved, "alice"));
  w.told();
  ASSERT_TRUE(w.set(w.only(), IncidentStatus::open, "alice"));
  EXPECT_EQ(w.told(), (Told{"sms>first:FIRING"}));
  EXPECT_EQ(w.only().resolved_at, base::no_time);
}

TEST(Status, IsNotReopenedWhileItsAlertIsInAnotherOpenIncident) {
  World w(routing());
  w.resolve(w.fire({{"alertname", "A"}}));
  w.pass(11min);
  w.fire({{"alertname", "A"}});
  auto refused = w.set(w.incidents().front(), IncidentStatus::open);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().fault(), base::Fault::conflict);
}

TEST(Status, OfAnIncidentTheDeskNoLongerHoldsWorksOnceItIsHandedBack) {
  World w(routing());
  w.resolve(w.fire({{"alertname", "A"}}));
  const Known known = w.store.known();
  w.desk = std::make_unique<Desk>(w.routing);
  ASSERT_FALSE(w.set(known.incidents.front(), IncidentStatus::closed));
  w.desk->adopt(known, w.now());
  EXPECT_TRUE(w.set(known.incidents.front(), IncidentStatus::closed));
}

TEST(Status, AnIncidentThatIsHandedBackBringsItsTicketAndThoseWhoWereTold) {
  model::Routing r = ladder_routing();
  r.channels["jira"] = tracker("jira");
  World w(r);
  const Alert a = w.fire({{"alertname", "A"}});
  w.keep(w.desk->on_ticket({w.only().correlation_id, "jira", "OPS-1", "https://jira/OPS-1", "Open", "", {}}, w.now()));
  w.resolve(a);
  w.pass(1h);
  w.told();
  Known known = w.store.known();
  known.alerts.clear();
  w.desk = std::make_unique<Desk>(w.routing);
  w.desk->adopt(known, w.now());
  ASSERT_TRUE(w.set(w.only(), IncidentStatus::open));
  EXPECT_EQ(w.told(), (Told{"sms>first:FIRING", "jira:UPDATE"}));
  EXPECT_EQ(w.newest().change, 6u) << "reopened, and not another ticket";
  EXPECT_EQ(w.newest().incident.ticket_key, "OPS-1");
  w.keep(w.desk->note(w.only().correlation_id, "n", "alice", w.now()).value());
  EXPECT_EQ(w.told(), (Told{"sms>first:UPDATE", "jira:UPDATE"}));
}

TEST(Notices, GoToWhoWasToldButNotToWhoMadeTheChange) {
  model::Routing r = ladder_routing();
  r.policies["page"].steps[0].notify = {"sms:group.platform"};
  World w(r);
  w.fire({{"alertname", "A"}});
  w.told();
  w.keep(w.desk->note(w.only().correlation_id, "looking", "first", w.now()).value());
  EXPECT_EQ(w.told(), (Told{"sms>second:UPDATE"}));
  EXPECT_EQ(w.newest().note, "looking");
  EXPECT_EQ(w.newest().note_author, "first");
}

TEST(Notices, OfOneKindAreHeldForFiveMinutes) {
  World w(ladder_routing());
  w.fire({{"alertname", "A"}});
  ASSERT_TRUE(w.set(w.only(), IncidentStatus::acknowledged));
  w.told();
  auto note = [&] { w.keep(w.desk->note(w.only().correlation_id, "n", "alice", w.now()).value()); };
  note();
  EXPECT_EQ(w.told().size(), 1u);
  w.pass(1min);
  note();
  EXPECT_EQ(w.told().size(), 0u);
  EXPECT_EQ(w.newest().state, DeliveryState::suppressed);
  w.pass(5min);
  note();
  EXPECT_EQ(w.told().size(), 1u);
}

TEST(Notices, TellTheNewOwner) {
  World w(ladder_routing());
  w.fire({{"alertname", "A"}});
  w.told();
  w.keep(w.desk->assign(w.only().correlation_id, "second", "first", w.now()).value());
  EXPECT_EQ(w.told(), (Told{"mail>second:UPDATE"}));
  EXPECT_EQ(w.only().owner, "second");
}

TEST(HandMade, OpensClimbsAndIsLeftAloneByAlerts) {
  World w(ladder_routing());
  Incident made;
  made.title = "Customers call";
  made.severity = Severity::high;
  w.keep(w.desk->create(made, "alice", w.now()).value());
  EXPECT_EQ(w.told(), (Told{"sms>first:FIRING"}));
  w.fire({{"alertname", "A"}});
  EXPECT_EQ(w.incidents().size(), 2u);
}

TEST(HandMade, NeedsATitleAndASeverity) {
  World w(routing());
  EXPECT_FALSE(w.desk->create({}, "alice", w.now()));
  Incident made;
  made.title = "t";
  EXPECT_FALSE(w.desk->create(made, "alice", w.now()));
}

TEST(Shadow, RecordsEverythingAndMarksItsDeliveries) {
  model::Routing r = ladder_routing();
  r.channels["jira"] = tracker("jira");
  World w(r);
  Alert a = w.alert({{"alertname", "A"}});
  a.shadow = true;
  w.send(a);
  EXPECT_TRUE(w.only().shadow);
  ASSERT_EQ(w.store.deliveries.size(), 2u);
  for (const auto& [key, d] : w.store.deliveries) EXPECT_TRUE(d.shadow) << key;
}

TEST(Shadow, NeverSwallowsARealAlertOfTheSameGroup) {
  World w(ladder_routing());
  Alert a = w.alert({{"alertname", "A"}, {"host", "1"}});
  a.shadow = true;
  w.send(a);
  w.fire({{"alertname", "A"}, {"host", "2"}});
  EXPECT_EQ(w.incidents().size(), 2u);
  EXPECT_FALSE(w.newest().shadow);
}

TEST(Shadow, EndsWithTheFirstRealNewsOfTheAlert) {
  World w(ladder_routing());
  Alert a = w.alert({{"alertname", "A"}});
  a.shadow = true;
  w.send(a);
  a.shadow = false;
  w.send(a);
  EXPECT_FALSE(w.only().shadow);
  EXPECT_FALSE(w.newest().shadow);
  EXPECT_EQ(w.store.order.size(), 2u) << "told again, under another key";
}

TEST(Tickets, OpenForHighAndCriticalOnly) {
  model::Routing r = routing();
  r.root->notify.clear();
  r.channels.clear();
  r.channels["jira"] = tracker("jira");
  World w(r);
  w.fire({{"alertname", "A"}}, Severity::medium);
  EXPECT_EQ(w.told().size(), 0u);
  w.fire({{"alertname", "B"}}, Severity::high);
  EXPECT_EQ(w.told().size(), 1u);
  EXPECT_TRUE(w.newest().tracker);
  EXPECT_EQ(w.newest().change, 1u);
}

class TicketWorld : public World {
 public:
  static model::Routing make() {
    model::Routing r = testing::routing();
    r.channels.clear();
    r.root->notify.clear();
    r.channels["jira"] = tracker("jira");
    return r;
  }
  TicketWorld() : World(make()) {}
  std::vector<std::uint32_t> changes() {
    std::vector<std::uint32_t> out;
    for (; seen < store.order.size(); ++seen) out.push_back(store.deliveries[store.order[seen]].change);
    return out;
  }
  void ticket(const Incident& i) {
    keep(desk->on_ticket({i.correlation_id, "jira", "OPS-1", "https://jira/OPS-1", "Open", "", {}}, now()));
  }
  std::size_t seen = 0;
};

TEST(Tickets, FollowTheIncidentToItsEnd) {
  TicketWorld w;
  const Alert a = w.fire({{"alertname", "A"}});
  w.ticket(w.only());
  EXPECT_EQ(w.only().ticket_key, "OPS-1");
  ASSERT_TRUE(w.set(w.only(), IncidentStatus::acknowledged));
  w.keep(w.desk->note(w.only().correlation_id, "n", "alice", w.now()).value());
  w.resolve(a);
  w.fire({{"alertname", "A"}});
  EXPECT_EQ(w.changes(), (std::vector<std::uint32_t>{1, 2, 3, 5, 6}));
  EXPECT_EQ(w.newest().incident.ticket_key, "OPS-1");
}

TEST(Tickets, AreNeverCreatedByAResolution) {
  TicketWorld w;
  const Alert a = w.fire({{"alertname", "A"}});
  w.deliver_all(DeliveryState::dead);
  w.changes();
  w.resolve(a);
  EXPECT_TRUE(w.changes().empty());
}

TEST(Tickets, AreSearchedForAfterAnOpeningThatWasGivenUp) {
  TicketWorld w;
  const Alert a = w.fire({{"alertname", "A"}});
  w.deliver_all(DeliveryState::dead);
  w.restart();
  w.resolve(a);
  w.fire({{"alertname", "A"}});
  EXPECT_EQ(w.newest().change, 1u);
  EXPECT_TRUE(w.newest().outcome_unknown);
}

TEST(Tickets, OpenWhenTheSeverityRisesIntoTheirRange) {
  TicketWorld w;
  Alert a = w.fire({{"alertname", "A"}}, Severity::medium);
  EXPECT_TRUE(w.changes().empty());
  a.severity = Severity::high;
  a.updated_at += 1s;
  w.send(a);
  EXPECT_EQ(w.changes(), (std::vector<std::uint32_t>{1}));
}

TEST(Tickets, DoNotHearOfTheirOwnChanges) {
  TicketWorld w;
  w.fire({{"alertname", "A"}});
  w.ticket(w.only());
  w.changes();
  ASSERT_TRUE(w.set(w.only(), IncidentStatus::in_progress, "jira"));
  EXPECT_TRUE(w.changes().empty());
}

TEST(Tickets, AreKnownAfterARestart) {
  TicketWorld w;
  const Alert a = w.fire({{"alertname", "A"}});
  w.ticket(w.only());
  w.restart();
  w.changes();
  w.resolve(a);
  EXPECT_EQ(w.changes(), (std::vector<std::uint32_t>{5}));
}

TEST(Tickets, ReachTheIncidentAlsoWhenACrashCameBetween) {
  TicketWorld w;
  w.fire({{"alertname", "A"}});
  const std::string id = w.only().correlation_id;
  w.store.tickets[id + "jira"] = {id, "jira", "OPS-1", "https://jira/OPS-1", "Open", "", w.now()};
  w.restart();
  w.keep(w.desk->advance(w.now()));
  EXPECT_EQ(w.only().ticket_key, "OPS-1");
}

TEST(Tickets, KnownAlreadyChangeNothing) {
  TicketWorld w;
  w.fire({{"alertname", "A"}});
  w.ticket(w.only());
  w.ticket(w.only());
  EXPECT_TRUE(w.last.empty());
}

}  // namespace
}  // namespace tocsin::incidents::testing
