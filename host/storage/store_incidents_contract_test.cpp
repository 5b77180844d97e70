// What both stores promise about incidents beyond keeping them: search, changes in order, files.
#include "storage/store_contract_test.hpp"

namespace tocsin::storage {
namespace {

using model::Changes;
using std::chrono::seconds;

class IncidentStore : public StoreContract {
 protected:
  std::vector<std::string> found(IncidentQuery query) {
    std::vector<std::string> ids;
    for (const auto& i : must(store->incidents(query)).items) ids.push_back(i.correlation_id);
    return ids;
  }
  static model::TimelineEntry entry(const std::string& id, const std::string& what, const std::string& text = "",
                                    base::Time at = now) {
    return {id, at, "ana", what, "old", "new", text};
  }
  static model::Attachment file(const std::string& key, std::string content, const std::string& incident = "i-1") {
    model::Attachment a;
    a.key = key;
    a.correlation_id = incident;
    a.name = "تقرير \"1\".png";
    a.content_type = "image/png";
    a.by = "ana";
    a.size = content.size();
    a.at = now;
    a.content = std::make_shared<const std::string>(std::move(content));
    return a;
  }
};

using Ids = std::vector<std::string>;

TEST_P(IncidentStore, SearchesTextLabelsTagsAndNotes) {
  Changes c;
  c.incidents = {incident("i-1", "one"), incident("i-2", "two"), incident("i-3", "three")};
  c.incidents[0].labels = {{"loader", "NIGHTLY_50%"}};
  c.incidents[1].tags = {"Owl"};
  c.incidents[2].resolution_notes = "swapped the cable";
  c.timeline = {entry("i-1", "note", "the vendor called back"), entry("i-2", "status", "nothing about a vendor")};
  commit(c);
  EXPECT_EQ(found({.text = "nightly_50%"}), Ids{"i-1"});
  EXPECT_EQ(found({.text = "nightlyx50"}), Ids{});
  EXPECT_EQ(found({.text = "owl"}), Ids{"i-2"});
  EXPECT_EQ(found({.text = "CABLE"}), Ids{"i-3"});
  EXPECT_EQ(found({.text = "vendor"}), Ids{"i-1"}) << "notes, not every entry";
}

TEST_P(IncidentStore, FiltersByCategoryOwnerServiceTagAndRule) {
  Changes c;
  c.incidents = {incident("i-1"), incident("i-2"), incident("i-3")};
  c.incidents[0].category = model::Category::log;
  c.incidents[0].owner = "bob";
  c.incidents[1].service_name = "web";
  c.incidents[1].tags = {"etl", "50% done"};
  c.incidents[2].tags = {"etl-extra"};
  auto a = alert("a1");
  a.rule = "other_rule";
  c.incident_alerts = {{"i-1", alert("a0")}, {"i-2", a}};
  commit(c);
  EXPECT_EQ(found({.category = {model::Category::log}}), Ids{"i-1"});
  EXPECT_EQ(found({.owner = {"bob", "zoe"}}), Ids{"i-1"});
  EXPECT_EQ(found({.service = {"web"}}), Ids{"i-2"});
  EXPECT_EQ(found({.tags = {"ETL"}}), (Ids{"i-2", "i-1"})) << "the whole tag";
  EXPECT_EQ(found({.tags = {"etl", "50% done"}}), Ids{"i-2"});
  EXPECT_EQ(found({.rule = "other_rule"}), Ids{"i-2"});
}

model::Matchers matchers(std::initializer_list<const char*> texts) {
  model::Matchers out;
  for (const char* text : texts) out.push_back(model::Matcher::parse(text).value());
  return out;
}

TEST_P(IncidentStore, MatchesLabelsAndTurnsPagesAllTheSame) {
  Changes c;
  for (int i = 0; i < 1300; ++i) {
    auto x = incident("i-" + std::to_string(i));
    x.labels = {{"team", i % 100 == 0 ? "pay\"ments" : "web"}, {"n", std::to_string(i)}};
    c.incidents.push_back(std::move(x));
  }
  commit(c);
  for (const char* text : {"team=~pay.*", "team!=web", "team=\"pay\\\"ments\""}) {
    IncidentQuery q;
    q.matchers = matchers({text});
    q.page.limit = 5;
    Ids all;
    int pages = 0;
    do {
      const auto listed = must(store->incidents(q));
      for (const auto& i : listed.items) all.push_back(i.labels.get("n").data());
      q.page.after = listed.next;
      ++pages;
    } while (!q.page.after.empty());
    EXPECT_EQ(all, (Ids{"1200", "1100", "1000", "900", "800", "700", "600", "500", "400", "300", "200", "100", "0"}))
        << text;
    EXPECT_EQ(pages, 3) << text;
  }
  EXPECT_EQ(found({.matchers = matchers({"n=7", "team=web"})}), Ids{"i-7"});
  EXPECT_EQ(found({.matchers = matchers({"n=7", "team!=web"})}), Ids{});
  EXPECT_EQ(found({.matchers = matchers({"missing=\"\"", "n=7"})}), Ids{"i-7"});
}

TEST_P(IncidentStore, HandsOutChangesInOrderWithTheirIncident) {
  Changes c;
  c.incidents = {incident("i-1", "one"), incident("i-2", "two")};
  c.timeline = {entry("i-1", "opened"), entry("i-2", "opened"), entry("i-1", "note", "hello")};
  commit(c);
  const auto newest = must(store->newest_event());
  const auto all = must(store->incident_events(0, 100, now + seconds(60)));
  ASSERT_EQ(all.size(), 3u);
  EXPECT_EQ(all.back().id, newest);
  EXPECT_EQ(all[2].title, "one");
  EXPECT_EQ(all[2].incident, 1001u);
  EXPECT_EQ(all[2].entry.text, "hello");
  EXPECT_EQ(all[2].entry.from, "old");
  EXPECT_EQ(all[1].severity, model::Severity::critical);
  const auto rest = must(store->incident_events(all[0].id, 1, now + seconds(60)));
  ASSERT_EQ(rest.size(), 1u);
  EXPECT_EQ(rest[0].id, all[1].id);
  EXPECT_TRUE(must(store->incident_events(newest, 100, now)).empty());
}

TEST_P(IncidentStore, WithoutChangesThereIsNoNewest) {
  EXPECT_EQ(must(store->newest_event()), 0u);
}

TEST_P(IncidentStore, KeepsFilesByteForByteWithTheirIncident) {
  std::string bytes;
  for (int i = 0; i < 100'000; ++i) bytes += static_cast<char>(i % 256);
  Changes c;
  c.incidents = {incident("i-1"), incident("i-2")};
  c.attachments = {file("k1", bytes), file("k2", "second"), file("k3", "other", "i-2")};
  commit(c);
  commit(Changes{.attachments = {file("k1", bytes)}});
  reopen();
  const auto listed = must(store->attachments("i-1"));
  ASSERT_EQ(listed.size(), 2u) << "the same key once";
  EXPECT_EQ(listed[0].name, "تقرير \"1\".png");
  EXPECT_EQ(listed[0].size, bytes.size());
  EXPECT_EQ(listed[0].at, now);
  EXPECT_EQ(listed[0].content, nullptr);
  const auto whole = must(store->attachment("i-1", listed[0].id));
  ASSERT_TRUE(whole && whole->content);
  EXPECT_EQ(*whole->content, bytes);
  EXPECT_FALSE(must(store->attachment("i-2", listed[0].id))) << "of another incident";
  EXPECT_FALSE(must(store->attachment("i-1", 99)));
}

TEST_P(IncidentStore, AFileOfNoIncidentIsRefused) {
  EXPECT_FALSE(store->commit(Changes{.attachments = {file("k1", "x", "nobody")}}));
}

TEST_P(IncidentStore, AnIncidentIsHandedBackWithItsAlertsLadderAndTickets) {
  model::Changes changes;
  changes.incidents = {incident("c-1"), incident("c-2")};
  changes.incidents[0].status = model::IncidentStatus::closed;
  changes.incident_alerts.push_back({"c-1", alert("a-1")});
  for (const char* id : {"c-1", "c-2"}) {
    model::Ladder ladder;
    ladder.correlation_id = id;
    ladder.steps = {{"sms:contact.first"}};
    ladder.waits = {std::chrono::minutes(5)};
    ladder.next_step = 1;
    changes.ladders.push_back(ladder);
    changes.tickets.push_back({id, "jira", std::string("OPS-") + id, "", "Done", "", now});
  }
  commit(changes);
  const Restored found = must(store->restore_incident("c-1"));
  ASSERT_EQ(found.incidents.size(), 1u);
  EXPECT_EQ(found.incidents[0].status, model::IncidentStatus::closed);
  ASSERT_EQ(found.incident_alerts.size(), 1u);
  ASSERT_EQ(found.ladders.size(), 1u);
  EXPECT_EQ(found.ladders[0].correlation_id, "c-1");
  EXPECT_EQ(found.ladders[0].next_step, 1u);
  ASSERT_EQ(found.tickets.size(), 1u);
  EXPECT_EQ(found.tickets[0].key, "OPS-c-1");
  EXPECT_EQ(must(store->restore_incident(std::to_string(found.incidents[0].number))).tickets.size(), 1u);
  EXPECT_TRUE(must(store->restore_incident("c-3")).incidents.empty());
}

INSTANTIATE_TEST_SUITE_P(Stores, IncidentStore, ::testing::Values("sqlite", "postgres"),
                         [](const auto& param) { return std::string(param.param); });

}  // namespace
}  // namespace tocsin::storage
