#include "storage/store_contract_test.hpp"

#include <atomic>
#include <cmath>
#include <set>
#include <thread>

#include "storage_migrations.hpp"

namespace tocsin::storage {

using model::Changes;
using std::chrono::hours;
using std::chrono::seconds;

void StoreContract::SetUp() {
  url = "sqlite:tocsin.db";
  if (postgres()) {
    PostgresServer* server = PostgresServer::shared();
    if (!server) GTEST_SKIP() << "not run against PostgreSQL: " << PostgresServer::why();
    url = server->make_database();
  }
  open();
}

StoreSettings StoreContract::settings(const std::string& agent) const {
  StoreSettings s;
  s.url = url;
  s.data_dir = scratch.path();
  s.agent = agent;
  if (postgres()) s.password = PostgresServer::password();
  return s;
}

void StoreContract::open(const std::string& agent) {
  series = std::make_unique<model::SeriesTable>();
  store = must(open_store(settings(agent), *series));
}
void StoreContract::close() {
  store.reset();
  series.reset();
}

model::Alert StoreContract::alert(const std::string& id, model::AlertState state) {
  model::Alert a;
  a.id = id;
  a.rule = "disk_full";
  a.fingerprint = 0xfedcba9876543210ull;
  a.state = state;
  a.severity = model::Severity::high;
  a.category = model::Category::infrastructure;
  a.labels = {{"alertname", "disk_full"}, {"host", "n1"}};
  a.group = {{"host", "n1"}};
  a.annotations = {{"message", "95 % of / is used"}};
  a.links = {{"logs", "https://logs/n1"}};
  a.value = 95;
  a.threshold = 90;
  a.active_at = now - seconds(60);
  a.fired_at = now - seconds(30);
  a.updated_at = now;
  if (state == model::AlertState::resolved) a.resolved_at = now;
  a.origin = {"/var/log/syslog", 77, 5};
  a.title = "disk_full host=n1";
  return a;
}

model::Incident StoreContract::incident(const std::string& correlation_id, const std::string& title) {
  model::Incident i;
  i.correlation_id = correlation_id;
  i.title = title;
  i.description = "what happened";
  i.severity = model::Severity::critical;
  i.category = model::Category::transaction;
  i.service_name = "payments";
  i.affected_component = "ledger";
  i.metric_name = "etl.failed";
  i.metric_value = 0.25;
  i.impact = "late reports";
  i.suggestion = "restart \"it\"";
  i.owner = "ana";
  i.group_key = "{}:{}";
  i.route = "root/payments";
  i.labels = {{"loader", "DAILY"}, {"team", "payments"}};
  i.tags = {"etl", "night"};
  i.links = {{"board", "https://grafana/1"}};
  i.runbook_url = "https://wiki/1";
  i.detected_at = now - seconds(5);
  i.created_at = now;
  i.updated_at = now;
  return i;
}

model::Delivery StoreContract::delivery(const std::string& key, const std::string& correlation_id) {
  model::Delivery d;
  d.key = key;
  d.instance = "mail";
  d.correlation_id = correlation_id;
  d.recipient = "ana";
  d.address = "ana@corp";
  d.incident = incident(correlation_id);
  d.alerts = {alert("a1")};
  d.text = "قرص ممتلئ \"quoted\"\n";
  d.created_at = now;
  d.next_attempt_at = now + seconds(1);
  return d;
}

namespace {

/// A Changes with one of something.
template <class T>
Changes one(std::vector<T> Changes::* list, T value) {
  Changes c;
  (c.*list).push_back(std::move(value));
  return c;
}

TEST_P(StoreContract, GivesIncidentsShortNumbersThatRise) {
  Changes first;
  first.incidents = {incident("i-1"), incident("i-2")};
  const auto numbers = commit(first).numbers;
  EXPECT_EQ(numbers.at("i-1"), 1001u);
  EXPECT_EQ(numbers.at("i-2"), 1002u);
  for (int update = 0; update < 3; ++update)
    EXPECT_EQ(commit(one(&Changes::incidents, incident("i-1"))).numbers.at("i-1"), 1001u);
  reopen();
  EXPECT_EQ(commit(one(&Changes::incidents, incident("i-3"))).numbers.at("i-3"), 1003u);
}

TEST_P(StoreContract, KeepsEveryFieldOfAnIncident) {
  commit(one(&Changes::incidents, incident("i-1")));
  auto update = incident("i-1", "a new title");
  update.number = 1001;
  update.status = model::IncidentStatus::resolved;
  update.resolution_notes = "disk replaced";
  update.close_reason = "done";
  update.ticket_key = "OPS-1";
  update.ticket_url = "https://jira/OPS-1";
  update.threshold_value = 5;
  update.metric_value = std::nan("");
  update.shadow = true;
  update.acknowledged_at = now + seconds(1);
  update.acknowledged_by = "bob";
  update.ack_expires_at = now + seconds(2);
  update.snoozed_until = now + seconds(3);
  update.merged_into = "i-9";
  update.merged_groups = {"root\n{}:{a=\"b\"}\n\nHIGH"};
  update.resolved_at = now + std::chrono::microseconds(123456);
  EXPECT_TRUE(commit(one(&Changes::incidents, update)).numbers.empty());
  reopen();
  const auto found = must(store->incident("1001"));
  ASSERT_TRUE(found);
  EXPECT_EQ(found->correlation_id, "i-1");
  EXPECT_EQ(found->number, 1001u);
  EXPECT_EQ(found->title, "a new title");
  EXPECT_EQ(found->description, update.description);
  EXPECT_EQ(found->severity, update.severity);
  EXPECT_EQ(found->category, update.category);
  EXPECT_EQ(found->status, update.status);
  EXPECT_EQ(found->service_name, update.service_name);
  EXPECT_EQ(found->affected_component, update.affected_component);
  EXPECT_EQ(found->metric_name, update.metric_name);
  EXPECT_TRUE(std::isnan(found->metric_value));
  EXPECT_EQ(found->threshold_value, 5);
  EXPECT_EQ(found->impact, update.impact);
  EXPECT_EQ(found->suggestion, update.suggestion);
  EXPECT_EQ(found->resolution_notes, "disk replaced");
  EXPECT_EQ(found->close_reason, "done");
  EXPECT_EQ(found->owner, "ana");
  EXPECT_EQ(found->ticket_key, "OPS-1");
  EXPECT_EQ(found->ticket_url, "https://jira/OPS-1");
  EXPECT_EQ(found->group_key, update.group_key);
  EXPECT_EQ(found->route, update.route);
  EXPECT_EQ(found->labels, update.labels);
  EXPECT_EQ(found->tags, update.tags);
  EXPECT_EQ(found->links, update.links);
  EXPECT_EQ(found->runbook_url, update.runbook_url);
  EXPECT_TRUE(found->shadow);
  EXPECT_EQ(found->detected_at, update.detected_at);
  EXPECT_EQ(found->acknowledged_at, update.acknowledged_at);
  EXPECT_EQ(found->resolved_at, update.resolved_at);
  EXPECT_EQ(found->closed_at, base::no_time);
  EXPECT_EQ(found->created_at, now);
  EXPECT_EQ(found->acknowledged_by, "bob");
  EXPECT_EQ(found->ack_expires_at, now + seconds(2));
  EXPECT_EQ(found->snoozed_until, now + seconds(3));
  EXPECT_EQ(found->merged_into, "i-9");
  EXPECT_EQ(found->merged_groups, update.merged_groups);
}

TEST_P(StoreContract, FindsAnIncidentByNumberOrCorrelationId) {
  commit(one(&Changes::incidents, incident("0190-abc")));
  EXPECT_EQ(must(store->incident("0190-abc"))->number, 1001u);
  EXPECT_EQ(must(store->incident("1001"))->correlation_id, "0190-abc");
  EXPECT_FALSE(must(store->incident("1002")));
  EXPECT_FALSE(must(store->incident("99999999999999999999")));
}

TEST_P(StoreContract, KeepsTextThatADatabaseMayNotLike) {
  auto i = incident("i-1", "'; DROP TABLE incidents; -- \\ % _ \"");
  i.description = std::string("nul \0 and \xff\xfe bytes", 18);
  commit(one(&Changes::incidents, i));
  const auto found = must(store->incident("i-1"));
  ASSERT_TRUE(found);
  EXPECT_EQ(found->title, i.title);
  EXPECT_EQ(found->description.substr(0, 4), "nul ");
}

TEST_P(StoreContract, ACommitThatFailsKeepsNothing) {
  Changes c;
  c.journal_position = 9;
  c.alerts = {alert("a1")};
  c.incidents = {incident("i-1")};
  c.kv = {{"key", "value"}};
  c.timeline = {{"no-such-incident", now, "tocsin", "opened", "", "", ""}};
  const auto failed = store->commit(c);
  ASSERT_FALSE(failed);
  EXPECT_NE(failed.error().message().find("no-such-incident"), std::string::npos);
  EXPECT_FALSE(must(store->incident("i-1")));
  EXPECT_FALSE(must(store->kv("key")));
  const Restored r = restore();
  EXPECT_TRUE(r.alerts.empty());
  EXPECT_EQ(r.journal_position, 0u);
  c.timeline.clear();
  EXPECT_EQ(commit(c).numbers.size(), 1u);
}

TEST_P(StoreContract, ContinuesWithEverythingAfterARestart) {
  Changes c;
  c.journal_position = 77;
  c.alerts = {alert("a1"), alert("a2", model::AlertState::pending)};
  c.incidents = {incident("i-1")};
  c.incident_alerts = {{"i-1", alert("a1")}};
  c.deliveries = {delivery("d1", "i-1")};
  c.provider_refs = {{"slack", "#ops", "i-1", "1700.1"}, {"mail", "ana", "", "<id@corp>"}};
  c.tickets = {{"i-1", "jira", "", "", "", "create", now}};
  c.groups = {{"root/{}",
               {{"host", "n1"}},
               now + seconds(30),
               now,
               {1, 0xffffffffffffffffull},
               {2},
               {alert("a1")},
               false,
               {3},
               {4},
               {}}};
  model::GroupState reports;
  reports.key = "root/{}\nfingerprint";
  reports.reports = {60'000'000'000, 28'000'000, 0xffffffffffffffffull, 5, 4};
  c.groups.push_back(reports);
  c.deliveries.front().digest = "d:1";
  c.ladders = {
      {"i-1", {{"ana"}, {"team", "mail:x"}}, {seconds(60), seconds(0)}, 1, 2, -1, {"boss"}, now + seconds(60)}};
  c.kv = {{"plugin/x", std::string("\0\xff binary", 9)}};
  commit(c);
  reopen();
  const Restored r = restore();
  EXPECT_EQ(r.journal_position, 77u);
  ASSERT_EQ(r.alerts.size(), 2u);
  const model::Alert &a = r.alerts[0], want = alert("a1");
  EXPECT_EQ(a.id, "a1");
  EXPECT_EQ(a.fingerprint, want.fingerprint);
  EXPECT_EQ(a.labels, want.labels);
  EXPECT_EQ(a.group, want.group);
  EXPECT_EQ(a.annotations, want.annotations);
  EXPECT_EQ(a.links, want.links);
  EXPECT_EQ(a.value, 95);
  EXPECT_EQ(a.active_at, want.active_at);
  EXPECT_EQ(a.origin.line, 5u);
  EXPECT_EQ(r.alerts[1].state, model::AlertState::pending);
  ASSERT_EQ(r.incidents.size(), 1u);
  EXPECT_EQ(r.incidents[0].number, 1001u);
  ASSERT_EQ(r.incident_alerts.size(), 1u);
  EXPECT_EQ(r.incident_alerts[0].alert.id, "a1");
  ASSERT_EQ(r.deliveries.size(), 1u);
  EXPECT_EQ(r.deliveries[0].text, c.deliveries[0].text);
  EXPECT_EQ(r.deliveries[0].incident.title, "disk full n1");
  EXPECT_EQ(r.deliveries[0].alerts[0].id, "a1");
  EXPECT_EQ(r.provider_refs.size(), 2u);
  ASSERT_EQ(r.tickets.size(), 1u);
  EXPECT_EQ(r.tickets[0].intent, "create");
  EXPECT_EQ(r.deliveries[0].digest, "d:1");
  ASSERT_EQ(r.groups.size(), 2u);
  EXPECT_EQ(r.groups[0].told_flapping, c.groups[0].told_flapping);
  EXPECT_EQ(r.groups[1].reports, reports.reports);
  EXPECT_EQ(r.groups[0].told_firing, c.groups[0].told_firing);
  EXPECT_EQ(r.groups[0].owed, c.groups[0].owed);
  EXPECT_EQ(r.groups[0].next_flush, c.groups[0].next_flush);
  EXPECT_EQ(r.groups[0].members.size(), 1u);
  ASSERT_EQ(r.ladders.size(), 1u);
  EXPECT_EQ(r.ladders[0].steps, c.ladders[0].steps);
  EXPECT_EQ(r.ladders[0].waits, c.ladders[0].waits);
  EXPECT_EQ(r.ladders[0].repeat, -1);
  EXPECT_EQ(must(store->kv("plugin/x")), c.kv[0].second);
}

TEST_P(StoreContract, LeavesBehindWhatIsOver) {
  Changes c;
  c.alerts = {alert("fresh", model::AlertState::resolved), alert("old", model::AlertState::resolved),
              alert("cooling", model::AlertState::resolved)};
  c.alerts[1].resolved_at = c.alerts[2].resolved_at = now - hours(2);
  c.alerts[2].cooldown_until = now + hours(1);
  c.incidents = {incident("resolved"), incident("closed")};
  c.incidents[0].status = model::IncidentStatus::resolved;
  c.incidents[1].status = model::IncidentStatus::closed;
  c.incident_alerts = {{"closed", alert("a")}};
  c.deliveries = {delivery("d1"), delivery("d2")};
  c.provider_refs = {{"slack", "#ops", "closed", "1"}};
  c.groups = {{"g1"}, {"g2"}};
  c.ladders = {{"l1"}, {"l2"}};
  c.kv = {{"k", "v"}};
  commit(c);
  Changes over;
  over.deliveries = {delivery("d1")};
  over.deliveries[0].state = model::DeliveryState::sent;
  over.groups = {{.key = "g1", .gone = true}};
  over.ladders = {{.correlation_id = "l1", .done = true}};
  over.kv = {{"k", ""}};
  commit(over);
  const Restored r = restore();
  std::set<std::string> alerts;
  for (const auto& a : r.alerts) alerts.insert(a.id);
  EXPECT_EQ(alerts, (std::set<std::string>{"fresh", "cooling"}));
  ASSERT_EQ(r.incidents.size(), 1u);
  EXPECT_EQ(r.incidents[0].correlation_id, "resolved");
  EXPECT_TRUE(r.incident_alerts.empty());
  ASSERT_EQ(r.deliveries.size(), 1u);
  EXPECT_EQ(r.deliveries[0].key, "d2");
  EXPECT_TRUE(r.provider_refs.empty());
  ASSERT_EQ(r.groups.size(), 1u);
  EXPECT_EQ(r.groups[0].key, "g2");
  ASSERT_EQ(r.ladders.size(), 1u);
  EXPECT_EQ(r.ladders[0].correlation_id, "l2");
  EXPECT_FALSE(must(store->kv("k")));
}

// A shared store's agents decide as one: postgres_shared_test.cpp.
TEST_P(StoreContract, AgentsOfAnEmbeddedStoreContinueWithTheirOwn) {
  if (postgres()) GTEST_SKIP() << "what is decided belongs to all agents there";
  Changes c;
  c.journal_position = 5;
  c.incidents = {incident("of-default")};
  c.alerts = {alert("same id")};
  c.deliveries = {delivery("same key")};
  c.kv = {{"k", "default's"}, {"fleet/k", "everybody's"}};
  commit(c);
  close();
  open("other");
  EXPECT_TRUE(must(store->incident("of-default")));
  EXPECT_EQ(restore().incidents.size(), 0u);
  EXPECT_EQ(restore().journal_position, 0u);
  EXPECT_FALSE(must(store->kv("k")));
  EXPECT_EQ(must(store->kv("fleet/k")), "everybody's");
  c.journal_position = 9;
  c.incidents = {incident("of-other")};
  commit(c);
  EXPECT_EQ(restore().alerts.size(), 1u);
  EXPECT_EQ(restore().journal_position, 9u);
  close();
  open();
  EXPECT_EQ(restore().journal_position, 5u);
  EXPECT_EQ(restore().incidents[0].correlation_id, "of-default");
  EXPECT_EQ(must(store->incidents({})).items.size(), 2u);
}

TEST_P(StoreContract, AJournalReadAgainDoesNotRepeatADelivery) {
  auto d = delivery("d1", "i-1");
  commit(one(&Changes::deliveries, d));
  auto sent = d;
  sent.state = model::DeliveryState::sent;
  sent.attempts = 1;
  commit(one(&Changes::deliveries, sent));
  commit(one(&Changes::deliveries, d));
  EXPECT_TRUE(restore().deliveries.empty());
  EXPECT_EQ(must(store->deliveries("i-1"))[0].state, model::DeliveryState::sent);
}

TEST_P(StoreContract, ADeliveryOnItsWayIsUpdated) {
  auto d = delivery("d1");
  commit(one(&Changes::deliveries, d));
  d.outcome_unknown = true;
  commit(one(&Changes::deliveries, d));
  EXPECT_TRUE(restore().deliveries.at(0).outcome_unknown);
  d.attempts = 3;
  d.last_error = "connection refused";
  commit(one(&Changes::deliveries, d));
  commit(one(&Changes::deliveries, delivery("d1")));
  EXPECT_EQ(restore().deliveries.at(0).attempts, 3u);
  EXPECT_EQ(restore().deliveries.at(0).last_error, "connection refused");
}

TEST_P(StoreContract, AReplayedDeadLetterIsPendingAgainAndLeavesTheList) {
  auto d = delivery("d1");
  d.state = model::DeliveryState::dead;
  Changes c = one(&Changes::deliveries, d);
  c.dead_letters = {{0, now, "delivery", "d1", "mail", "550 no such user", d},
                    {0, now, "batch", "b", "source.x", "killed", {}}};
  commit(c);
  const auto listed = must(store->dead_letters({}));
  ASSERT_EQ(listed.items.size(), 2u);
  EXPECT_EQ(listed.items[1].cause, "550 no such user");
  EXPECT_EQ(listed.items[1].delivery.address, "ana@corp");
  EXPECT_EQ(listed.items[1].at, now);
  const std::uint64_t id = listed.items[1].id;
  EXPECT_EQ(must(store->dead_letter(id))->key, "d1");
  Changes replay = one(&Changes::deliveries, delivery("d1"));
  replay.dead_letters_replayed = {id};
  commit(replay);
  EXPECT_EQ(restore().deliveries.at(0).key, "d1");
  EXPECT_EQ(must(store->dead_letters({})).items.size(), 1u);
  EXPECT_FALSE(must(store->dead_letter(id)));
}

TEST_P(StoreContract, FiltersIncidentsAndTurnsPages) {
  Changes c;
  for (int i = 0; i < 7; ++i) {
    auto x = incident("i-" + std::to_string(i), "Disk " + std::to_string(i) + (i == 3 ? " 100% full" : ""));
    x.severity = i % 2 ? model::Severity::low : model::Severity::high;
    x.status = i < 2 ? model::IncidentStatus::closed : model::IncidentStatus::open;
    x.created_at = now + seconds(i);
    c.incidents.push_back(std::move(x));
  }
  commit(c);
  std::vector<std::string> seen;
  IncidentQuery q;
  q.status = {model::IncidentStatus::open, model::IncidentStatus::acknowledged};
  q.page.limit = 2;
  do {
    const auto listed = must(store->incidents(q));
    EXPECT_LE(listed.items.size(), 2u);
    for (const auto& i : listed.items) seen.push_back(i.correlation_id);
    q.page.after = listed.next;
  } while (!q.page.after.empty());
  EXPECT_EQ(seen, (std::vector<std::string>{"i-6", "i-5", "i-4", "i-3", "i-2"}));
  EXPECT_EQ(must(store->incidents({.severity = {model::Severity::low}})).items.size(), 3u);
  EXPECT_EQ(must(store->incidents({.text = "100% FULL"})).items.size(), 1u);
  EXPECT_EQ(must(store->incidents({.text = "pay_ents"})).items.size(), 0u);
  EXPECT_EQ(must(store->incidents({.text = "PAYMENTS"})).items.size(), 7u);
  EXPECT_EQ(must(store->incidents({.from = now + seconds(2), .to = now + seconds(4)})).items.size(), 3u);
}

TEST_P(StoreContract, RefusesACursorThatIsNone) {
  const auto listed = store->incidents({.page = {10, "yesterday"}});
  ASSERT_FALSE(listed);
  EXPECT_EQ(listed.error().fault(), base::Fault::invalid);
  EXPECT_FALSE(store->alerts({.page = {10, "12"}}));
  EXPECT_FALSE(store->alerts({.page = {10, "x/y"}}));
}

TEST_P(StoreContract, PagesAlertsThatBeganTogether) {
  Changes c;
  for (int i = 0; i < 5; ++i)
    c.alerts.push_back(
        alert("a" + std::to_string(i), i == 4 ? model::AlertState::resolved : model::AlertState::firing));
  c.alerts[0].rule = "another";
  c.alerts[0].active_at = now - hours(1);
  commit(c);
  std::vector<std::string> seen;
  AlertQuery q;
  q.page.limit = 2;
  do {
    const auto listed = must(store->alerts(q));
    for (const auto& a : listed.items) seen.push_back(a.id);
    q.page.after = listed.next;
  } while (!q.page.after.empty());
  EXPECT_EQ(seen, (std::vector<std::string>{"a4", "a3", "a2", "a1", "a0"}));
  EXPECT_EQ(must(store->alerts({.states = {model::AlertState::resolved}})).items.size(), 1u);
  EXPECT_EQ(must(store->alerts({.rule = "another"})).items.size(), 1u);
  EXPECT_EQ(must(store->alerts({.to = now - seconds(120)})).items.size(), 1u);
}

TEST_P(StoreContract, AnAlertThatStillFiresIsInEverySpanSinceItBegan) {
  Changes c;
  c.alerts = {alert("firing"), alert("resolved", model::AlertState::resolved)};
  commit(c);
  const auto found = must(store->alerts({.from = now + hours(48), .to = now + hours(72)})).items;
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(found[0].id, "firing");
  EXPECT_TRUE(must(store->alerts({.from = now - hours(72), .to = now - hours(48)})).items.empty());
}

TEST_P(StoreContract, KeepsTheNotificationLogOfEachAttempt) {
  Changes c = one(&Changes::incidents, incident("i-1"));
  for (std::uint32_t n = 1; n <= 3; ++n)
    c.attempts.push_back({"d1", n == 3 ? "" : "i-1", "mail", "email", "ana", n == 1 ? "RETRYING" : "SENT",
                          now + seconds(n), n == 2 ? now + seconds(9) : base::no_time, "<id>",
                          n == 1 ? "451 later" : "", n});
  commit(c);
  const auto all = must(store->attempts({}));
  ASSERT_EQ(all.items.size(), 3u);
  EXPECT_EQ(all.items[0].attempt, 3u);
  EXPECT_EQ(all.items[1].delivered_at, now + seconds(9));
  EXPECT_EQ(all.items[2].error, "451 later");
  EXPECT_EQ(all.items[2].delivered_at, base::no_time);
  EXPECT_EQ(must(store->attempts({.correlation_id = "i-1"})).items.size(), 2u);
  EXPECT_EQ(must(store->attempts({.instance = "slack"})).items.size(), 0u);
  EXPECT_EQ(must(store->attempts({.status = "SENT"})).items.size(), 2u);
  const auto first = must(store->attempts({.page = {2, ""}}));
  EXPECT_EQ(must(store->attempts({.page = {2, first.next}})).items.size(), 1u);
}

TEST_P(StoreContract, KeepsTheTimelineInOrder) {
  Changes c = one(&Changes::incidents, incident("i-1"));
  for (int i = 0; i < 3; ++i) c.timeline.push_back({"i-1", now, "ana", "note", "", "", "note " + std::to_string(i)});
  commit(c);
  commit(one(&Changes::timeline, {"i-1", now + seconds(1), "tocsin", "status", "OPEN", "RESOLVED", ""}));
  const auto entries = must(store->timeline("i-1"));
  ASSERT_EQ(entries.size(), 4u);
  EXPECT_EQ(entries[1].text, "note 1");
  EXPECT_EQ(entries[3].from, "OPEN");
  EXPECT_EQ(entries[3].to, "RESOLVED");
  EXPECT_EQ(entries[3].at, now + seconds(1));
}

TEST_P(StoreContract, AnIncidentsAlertIsAsItLastWas) {
  Changes c = one(&Changes::incidents, incident("i-1"));
  c.incident_alerts = {{"i-1", alert("a1")}};
  commit(c);
  commit(one(&Changes::incident_alerts, {"i-1", alert("a1", model::AlertState::resolved)}));
  const auto members = must(store->incident_alerts("i-1"));
  ASSERT_EQ(members.size(), 1u);
  EXPECT_EQ(members[0].alert.state, model::AlertState::resolved);
}

TEST_P(StoreContract, ATicketHasOneMappingPerIncidentAndInstance) {
  Changes c = one(&Changes::incidents, incident("i-1"));
  c.tickets = {{"i-1", "jira", "", "", "", "create", now}};
  commit(c);
  commit(one(&Changes::tickets, {"i-1", "jira", "OPS-7", "https://jira/OPS-7", "To Do", "", now + seconds(1)}));
  const auto tickets = must(store->tickets());
  ASSERT_EQ(tickets.size(), 1u);
  EXPECT_EQ(tickets[0].key, "OPS-7");
  EXPECT_EQ(tickets[0].intent, "");
  EXPECT_EQ(tickets[0].synced_at, now + seconds(1));
}

TEST_P(StoreContract, ForgetsFinishedWorkInTimeAndNothingElse) {
  Changes c;
  c.alerts = {alert("firing"), alert("resolved", model::AlertState::resolved)};
  c.deliveries = {delivery("pending", "i"), delivery("sent", "i")};
  c.deliveries[1].state = model::DeliveryState::sent;
  c.attempts = {{"sent", "i", "mail", "email", "ana", "SENT", now}};
  c.incidents = {incident("i")};
  commit(c);
  must(store->expire(now + hours(24 * 500), {}));
  EXPECT_EQ(must(store->alerts({})).items.size(), 1u);
  ASSERT_EQ(must(store->deliveries("i")).size(), 1u);
  EXPECT_EQ(must(store->deliveries("i"))[0].key, "pending");
  EXPECT_TRUE(must(store->attempts({})).items.empty());
  EXPECT_TRUE(must(store->incident("i")));
}

model::Verdict verdict(base::Time at, model::VerdictKind kind, model::Labels labels) {
  model::Verdict v;
  v.at = at;
  v.kind = kind;
  v.fingerprint = labels.fingerprint();
  v.labels = std::move(labels);
  v.rule = "disk_full";
  return v;
}

TEST_P(StoreContract, KeepsEveryFieldOfAVerdict) {
  model::Verdict one = verdict(now, model::VerdictKind::silenced, {{"host", "n1"}});
  one.alert_id = "a1";
  one.route = "root/payments";
  one.group_key = "{}:{host=\"n1\"}";
  one.correlation_id = "i";
  one.target = "sms:contact.first";
  one.who = "first";
  one.by = "4f1c";
  one.until = now + hours(2);
  one.text = "CHG1 \"weekly\"";
  one.delivery_key = "g:1";
  Changes c;
  c.verdicts = {one};
  commit(c);
  const auto kept = must(store->verdicts({})).items;
  ASSERT_EQ(kept.size(), 1u);
  const model::Verdict& v = kept[0];
  EXPECT_EQ(v.at, one.at);
  EXPECT_EQ(v.kind, one.kind);
  EXPECT_EQ(v.fingerprint, one.fingerprint);
  EXPECT_EQ(v.labels, one.labels);
  EXPECT_EQ(v.alerts, 1u);
  EXPECT_EQ(v.until, one.until);
  EXPECT_EQ((std::vector{v.alert_id, v.rule, v.route, v.group_key, v.correlation_id, v.target, v.who, v.by, v.text,
                         v.delivery_key}),
            (std::vector{one.alert_id, one.rule, one.route, one.group_key, one.correlation_id, one.target, one.who,
                         one.by, one.text, one.delivery_key}));
}

TEST_P(StoreContract, FindsVerdictsByLabelsOrByTheAlertsTheyAreAbout) {
  model::Verdict many = verdict(now, model::VerdictKind::told, {{"alertname", "A"}});
  many.fingerprint = 0;
  many.alerts = 2;
  many.fingerprints = {7, 0xfedcba9876543210ull};
  Changes c;
  c.verdicts = {verdict(now, model::VerdictKind::told, {{"host", "n1"}}), many,
                verdict(now, model::VerdictKind::told, {{"host", "n2"}})};
  commit(c);
  VerdictQuery query;
  query.matchers = {must(model::Matcher::parse("host=~\"n[1]\""))};
  EXPECT_EQ(must(store->verdicts(query)).items.size(), 1u);
  query.fingerprints = {0xfedcba9876543210ull};
  const auto found = must(store->verdicts(query)).items;
  ASSERT_EQ(found.size(), 2u);
  EXPECT_EQ(found[0].fingerprints, many.fingerprints);
  EXPECT_EQ(found[0].alerts, 2u);
}

TEST_P(StoreContract, FiltersVerdictsAndTurnsPages) {
  Changes c;
  for (int i = 0; i < 5; ++i)
    c.verdicts.push_back(verdict(now + seconds(i), model::VerdictKind::told, {{"host", "n"}}));
  c.verdicts[3].correlation_id = "i";
  c.verdicts[3].who = "first";
  c.verdicts[1].rule = "other";
  commit(c);
  auto count = [&](const VerdictQuery& query) { return must(store->verdicts(query)).items.size(); };
  EXPECT_EQ(count({.from = now + seconds(1), .to = now + seconds(3)}), 3u);
  EXPECT_EQ(count({.correlation_id = "i"}), 1u);
  EXPECT_EQ(count({.who = "first"}), 1u);
  EXPECT_EQ(count({.rule = "other"}), 1u);
  VerdictQuery query;
  query.page.limit = 2;
  std::vector<base::Time> seen;
  for (int page = 0; page < 3; ++page) {
    const auto listed = must(store->verdicts(query));
    for (const auto& v : listed.items) seen.push_back(v.at);
    query.page.after = listed.next;
    EXPECT_EQ(listed.next.empty(), page == 2);
  }
  EXPECT_EQ(seen,
            (std::vector<base::Time>{now + seconds(4), now + seconds(3), now + seconds(2), now + seconds(1), now}));
}

TEST_P(StoreContract, KeepsVerdictsForThirtyDays) {
  Changes c;
  c.verdicts = {verdict(now, model::VerdictKind::told, {}), verdict(now + hours(48), model::VerdictKind::told, {})};
  commit(c);
  must(store->expire(now + hours(24 * 31), {}));
  const auto left = must(store->verdicts({})).items;
  ASSERT_EQ(left.size(), 1u);
  EXPECT_EQ(left[0].at, now + hours(48));
}

TEST_P(StoreContract, ManyThreadsCommitFoldAndAskAtOnce) {
  constexpr int threads = 4, each = 25;
  std::vector<model::SeriesId> ids;
  for (int t = 0; t < threads; ++t) ids.push_back(id("thread." + std::to_string(t)));
  std::atomic<std::uint64_t> position = 0;
  std::mutex mutex;
  std::set<std::uint64_t> numbers;
  {
    std::vector<std::jthread> running;
    for (int t = 0; t < threads; ++t)
      running.emplace_back([&, t] {
        for (int i = 0; i < each; ++i) {
          const std::string name = std::to_string(t) + "-" + std::to_string(i);
          const auto result = commit(one(&Changes::incidents, incident(name)));
          {
            std::lock_guard lock(mutex);
            numbers.insert(result.numbers.at(name));
          }
          fold(batch_of(ids[static_cast<std::size_t>(t)], 20), ++position);
          if (i % 10 == 0) must(store->flush_history());
          EXPECT_EQ(samples({.name = "thread." + std::to_string(t)}).at(0).samples.size(),
                    20u * static_cast<std::size_t>(i + 1));
          EXPECT_TRUE(store->incidents({}));
        }
      });
  }
  EXPECT_EQ(numbers.size(), static_cast<std::size_t>(threads * each));
  EXPECT_EQ(must(store->flush_history()), static_cast<std::uint64_t>(threads * each));
}

model::Silence silence(const std::string& id, base::Time now) {
  model::Silence s;
  s.id = id;
  s.matchers = {must(model::Matcher::make("service", model::MatchOp::match, "core-\\d+")),
                must(model::Matcher::make("alertname", model::MatchOp::not_equal, "a \"b\"\n"))};
  s.except = {must(model::Matcher::make("severity", model::MatchOp::equal, "critical"))};
  s.starts_at = now - hours(1);
  s.ends_at = now + hours(1) + std::chrono::nanoseconds(7);
  s.updated_at = now;
  s.created_by = "ana";
  s.comment = "صيانة";
  s.annotations = {{"change", "CHG1"}, {"empty", ""}};
  s.recurrence = {"fri 22:00", hours(4), "Asia/Riyadh"};
  return s;
}

TEST_P(StoreContract, KeepsEveryFieldOfASilence) {
  model::Silence want = silence("s-1", now);
  want.until_resolved = true;
  want.ended_by = "ben";
  commit(one(&Changes::silences, want));
  reopen();
  const auto silences = restore().silences;
  ASSERT_EQ(silences.size(), 1u);
  const model::Silence& got = silences[0];
  ASSERT_EQ(got.matchers.size(), 2u);
  EXPECT_EQ(got.matchers[0].text(), want.matchers[0].text());
  EXPECT_EQ(got.matchers[1].value(), "a \"b\"\n");
  ASSERT_EQ(got.except.size(), 1u);
  EXPECT_EQ(got.id + got.created_by + got.comment + got.ended_by, "s-1anaصيانةben");
  EXPECT_EQ(got.starts_at, want.starts_at);
  EXPECT_EQ(got.ends_at, want.ends_at);
  EXPECT_EQ(got.updated_at, want.updated_at);
  EXPECT_EQ(got.annotations, want.annotations);
  EXPECT_EQ(got.recurrence.every + got.recurrence.zone, "fri 22:00Asia/Riyadh");
  EXPECT_EQ(got.recurrence.length, hours(4));
  EXPECT_TRUE(got.until_resolved);
  EXPECT_FALSE(got.elsewhere || got.configured);
}

TEST_P(StoreContract, SilencesAreSharedAndSayWhoseTheyAre) {
  commit(one(&Changes::silences, silence("s-1", now)));
  close();
  open("other");
  ASSERT_EQ(restore().silences.size(), 1u);
  EXPECT_EQ(restore().silences[0].elsewhere, !postgres());
  // Another agent expires it, and it remains the first one's.
  model::Silence ended = silence("s-1", now + seconds(1));
  ended.ends_at = now + seconds(1);
  commit(one(&Changes::silences, ended));
  close();
  open();
  const auto silences = must(store->silences());
  ASSERT_EQ(silences.size(), 1u);
  EXPECT_EQ(silences[0].ends_at, now + seconds(1));
  EXPECT_FALSE(silences[0].elsewhere);
}

TEST_P(StoreContract, AnOlderVersionOfASilenceDoesNotReplaceANewerOne) {
  commit(one(&Changes::silences, silence("s-1", now)));
  model::Silence older = silence("s-1", now - seconds(1));
  older.comment = "older";
  commit(one(&Changes::silences, older));
  EXPECT_EQ(restore().silences.at(0).comment, "صيانة");
}

TEST_P(StoreContract, ASilenceThatIsGoneIsGone) {
  model::Silence s = silence("s-1", now);
  commit(one(&Changes::silences, s));
  s.gone = true;
  commit(one(&Changes::silences, s));
  EXPECT_TRUE(restore().silences.empty());
}

TEST_P(StoreContract, OverridesOfWhoIsOnCallSurviveARestartForEveryAgent) {
  model::OncallOverride o;
  o.id = "o-1", o.rotation = "payments", o.contact = "صيانة", o.created_by = "ben";
  o.from = now, o.until = now + hours(4), o.created_at = now - seconds(1);
  commit(one(&Changes::overrides, o));
  close();
  open("other");
  const auto rows = restore().overrides;
  ASSERT_EQ(rows.size(), 1u);
  EXPECT_EQ(rows[0].id + rows[0].rotation + rows[0].contact + rows[0].created_by, "o-1paymentsصيانةben");
  EXPECT_EQ(rows[0].from, o.from);
  EXPECT_EQ(rows[0].until, o.until);
  EXPECT_EQ(rows[0].created_at, o.created_at);
  o.gone = true;
  commit(one(&Changes::overrides, o));
  EXPECT_TRUE(restore().overrides.empty());
}

TEST_P(StoreContract, SaysWhoKeepsIt) {
  EXPECT_NE(store->describe().find(GetParam()), std::string::npos) << store->describe();
  const int newest = postgres() ? migrations::postgres.back().version : migrations::sqlite.back().version;
  EXPECT_NE(store->describe().find("schema " + std::to_string(newest)), std::string::npos) << store->describe();
}

}  // namespace

INSTANTIATE_TEST_SUITE_P(Of, StoreContract, ::testing::Values("sqlite", "postgres"),
                         [](const auto& param) { return param.param; });

}  // namespace tocsin::storage
