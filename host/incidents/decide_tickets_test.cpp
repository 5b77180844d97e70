// Promises about tickets that people link, unlink and ask for, and about what is owed to trackers.
#include <gtest/gtest.h>

#include "incidents/desk_world.hpp"

namespace tocsin::incidents::testing::decide_tickets_test {
namespace {

class TicketsByHand : public World, public ::testing::Test {
 protected:
  TicketsByHand() : World(make()) {}
  static model::Routing make() {
    model::Routing r = testing::routing();
    r.channels.clear();
    r.root->notify.clear();
    r.channels["jira"] = tracker("jira");
    return r;
  }
  /// "CHANGE:KEY" of what trackers were asked for since the last call.
  std::vector<std::string> asked() {
    std::vector<std::string> out;
    for (; seen_ < store.order.size(); ++seen_) {
      const Delivery& d = store.deliveries[store.order[seen_]];
      if (d.tracker) out.push_back(std::to_string(d.change) + ":" + d.incident.ticket_key);
    }
    return out;
  }
  std::string id_of(const std::string& title) const {
    for (const Incident& i : incidents()) {
      if (i.title == title) return i.correlation_id;
    }
    ADD_FAILURE() << "no incident " << title;
    return {};
  }
  Incident of(const std::string& title) const { return store.incidents.at(id_of(title)); }
  static model::TicketRef wanted(const std::string& key, const std::string& url = "") {
    model::TicketRef out;
    out.key = key;
    out.url = url;
    return out;
  }
  base::Result<void> take(base::Result<model::Changes> decided) {
    if (!decided) return base::fail(decided.error());
    last_changes = *decided;
    keep(std::move(*decided));
    return {};
  }
  base::Result<void> link(const std::string& title, const std::string& key, const std::string& url = "") {
    return take(desk->link_ticket(id_of(title), wanted(key, url), "ana", now()));
  }
  base::Result<void> unlink(const std::string& title) {
    return take(desk->unlink_ticket(id_of(title), "", "ana", now()));
  }
  void opened(const std::string& title, const std::string& key) {
    keep(desk->on_ticket({id_of(title), "jira", key, "https://j/browse/" + key, "Open", "", {}}, now()));
  }
  const model::TicketRef& mapping(const std::string& title) { return store.tickets.at(id_of(title) + "jira"); }
  /// The answer to a delivery that was sent for a ticket.
  void answered(const std::string& title, const std::string& sent_for, const std::string& key) {
    Delivery d;
    d.tracker = true;
    d.instance = "jira";
    d.correlation_id = id_of(title);
    d.incident.ticket_key = sent_for;
    keep(desk->on_ticket(d, {d.correlation_id, "jira", key, "https://j/browse/" + key, "Open", "", {}}, now()));
  }
  model::DeadLetter dead(const std::string& title, std::uint32_t change, const std::string& note = "") {
    model::DeadLetter letter;
    letter.id = ++letters_;
    letter.what = "delivery";
    letter.delivery.key = "dead" + std::to_string(letter.id);
    letter.delivery.tracker = true;
    letter.delivery.instance = "jira";
    letter.delivery.correlation_id = id_of(title);
    letter.delivery.change = change;
    letter.delivery.note = note;
    letter.delivery.state = DeliveryState::dead;
    letter.instance = "jira";
    return letter;
  }
  std::size_t in_step(std::vector<model::DeadLetter> letters = {}) {
    std::size_t incidents = 0;
    last_changes = desk->bring_tickets_in_step({"jira"}, letters, now(), &incidents);
    keep(model::Changes(last_changes));
    return incidents;
  }
  model::Changes last_changes;

 private:
  std::size_t seen_ = 0;
  std::uint64_t letters_ = 0;
};
using Asked = std::vector<std::string>;

TEST_F(TicketsByHand, ALinkedIssueIsToldWhereItsIncidentStandsAndWhatFollows) {
  fire({{"alertname", "A"}});
  opened("A", "OPS-1");
  ASSERT_TRUE(set(of("A"), IncidentStatus::acknowledged));
  asked();
  ASSERT_TRUE(link("A", "OPS-7", "https://j/browse/OPS-7"));
  EXPECT_EQ(asked(), (Asked{"4:OPS-7", "2:OPS-7"}));
  EXPECT_EQ(of("A").ticket_key + " " + of("A").ticket_url, "OPS-7 https://j/browse/OPS-7");
  keep(desk->note(id_of("A"), "a word", "ben", now()).value());
  EXPECT_EQ(asked(), (Asked{"3:OPS-7"}));
}

TEST_F(TicketsByHand, ALinkStandsInTheTimelineWithWhoMadeIt) {
  fire({{"alertname", "A"}});
  opened("A", "OPS-1");
  ASSERT_TRUE(link("A", "OPS-7"));
  const auto& entry = store.timeline.back();
  EXPECT_EQ(entry.actor + " " + entry.what + " " + entry.from + " " + entry.to, "ana ticket OPS-1 OPS-7");
}

TEST_F(TicketsByHand, ALinkTwiceIsALinkOnce) {
  fire({{"alertname", "A"}});
  ASSERT_TRUE(link("A", "OPS-7"));
  asked();
  ASSERT_TRUE(link("A", "OPS-7"));
  EXPECT_TRUE(last_changes.empty());
  EXPECT_EQ(asked(), Asked{});
}

TEST_F(TicketsByHand, AnIssueOfAnotherOpenIncidentIsRefusedByItsName) {
  fire({{"alertname", "A"}});
  fire({{"alertname", "B"}});
  opened("B", "OPS-7");
  const auto refused = link("A", "ops-7");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().fault(), base::Fault::conflict);
  EXPECT_NE(refused.error().message().find("incident " + std::to_string(of("B").number)), std::string::npos)
      << refused.error().message();
}

TEST_F(TicketsByHand, AnIssueOfAnIncidentThatEndedIsFree) {
  fire({{"alertname", "A"}});
  const Alert b = fire({{"alertname", "B"}});
  opened("B", "OPS-7");
  resolve(b);
  EXPECT_TRUE(link("A", "OPS-7"));
}

TEST_F(TicketsByHand, TheAddressIsLikeThatOfTheOthers) {
  fire({{"alertname", "A"}});
  fire({{"alertname", "B"}});
  opened("B", "OPS-1");
  ASSERT_TRUE(link("A", "OPS-7"));
  EXPECT_EQ(of("A").ticket_url, "https://j/browse/OPS-7");
}

TEST_F(TicketsByHand, WhatIsNoKeyOrAddressIsRefused) {
  fire({{"alertname", "A"}});
  for (const char* key : {"", "OPS 7", "OPS\n7"}) EXPECT_FALSE(link("A", key)) << key;
  EXPECT_FALSE(link("A", std::string(65, 'A')));
  EXPECT_FALSE(link("A", "OPS-7", "javascript:alert(1)"));
  EXPECT_FALSE(desk->link_ticket(id_of("A"), {"", "jiro", "OPS-7", "", "", "", {}}, "ana", now()));
}

TEST_F(TicketsByHand, AfterAnUnlinkNothingIsSentAndNoneIsOpened) {
  const Alert a = fire({{"alertname", "A"}});
  opened("A", "OPS-1");
  asked();
  ASSERT_TRUE(unlink("A"));
  EXPECT_EQ(of("A").ticket_key, "");
  EXPECT_EQ(mapping("A").intent, "unlinked");
  keep(desk->note(id_of("A"), "a word", "ben", now()).value());
  ASSERT_TRUE(set(of("A"), IncidentStatus::in_progress));
  restart();
  keep(desk->assign(id_of("A"), "first", "ben", now()).value());
  in_step();
  resolve(a);
  fire({{"alertname", "A"}});
  EXPECT_EQ(asked(), Asked{});
}

TEST_F(TicketsByHand, AnUnlinkTwiceIsAnUnlinkOnce) {
  fire({{"alertname", "A"}});
  opened("A", "OPS-1");
  ASSERT_TRUE(unlink("A"));
  ASSERT_TRUE(unlink("A"));
  EXPECT_TRUE(last_changes.empty());
}

TEST_F(TicketsByHand, ThereIsNothingToUnlinkWhereThereIsNoTicket) {
  fire({{"alertname", "A"}}, Severity::low);
  const auto refused = unlink("A");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().fault(), base::Fault::not_found);
}

TEST_F(TicketsByHand, AnotherTicketIsOpenedWhenAPersonAsksAndIsNotSearchedFor) {
  fire({{"alertname", "A"}});
  opened("A", "OPS-1");
  ASSERT_TRUE(unlink("A"));
  asked();
  ASSERT_TRUE(take(desk->open_ticket(id_of("A"), "", "ana", now())));
  EXPECT_EQ(asked(), (Asked{"1:"}));
  EXPECT_FALSE(newest().outcome_unknown);
  ASSERT_TRUE(take(desk->open_ticket(id_of("A"), "", "ana", now())));
  EXPECT_EQ(asked(), Asked{}) << "one is on its way";
  opened("A", "OPS-2");
  EXPECT_EQ(of("A").ticket_key, "OPS-2");
  EXPECT_EQ(desk->open_ticket(id_of("A"), "", "ana", now()).error().fault(), base::Fault::conflict);
}

TEST_F(TicketsByHand, APersonMayAskForATicketOfAnySeverity) {
  fire({{"alertname", "A"}}, Severity::low);
  ASSERT_TRUE(take(desk->open_ticket(id_of("A"), "", "ana", now())));
  EXPECT_EQ(asked(), (Asked{"1:"}));
}

TEST_F(TicketsByHand, AnAnswerThatComesTooLateUndoesNothing) {
  fire({{"alertname", "A"}});
  ASSERT_TRUE(unlink("A"));
  answered("A", "", "OPS-1");
  EXPECT_EQ(mapping("A").key + mapping("A").intent + of("A").ticket_key, "unlinked");
  ASSERT_TRUE(link("A", "OPS-7"));
  answered("A", "OPS-1", "OPS-1");
  EXPECT_EQ(mapping("A").key + of("A").ticket_key, "OPS-7OPS-7");
  restart();
  answered("A", "", "OPS-1");
  EXPECT_EQ(mapping("A").key, "OPS-7");
}

TEST_F(TicketsByHand, ALinkedIssueMayBeMovedByItsTracker) {
  fire({{"alertname", "A"}});
  ASSERT_TRUE(link("A", "OPS-7"));
  answered("A", "OPS-7", "PAY-1");
  EXPECT_EQ(mapping("A").key + mapping("A").intent + of("A").ticket_key, "PAY-1linkedPAY-1");
}

TEST_F(TicketsByHand, WhatAnOldIssueSaysIsNotTheIncidentsAnyMore) {
  fire({{"alertname", "A"}});
  ASSERT_TRUE(link("A", "OPS-7"));
  keep(desk->ticket_is(id_of("A"), {"", "jira", "OPS-1", "", "Done", "", {}}, now()).value());
  EXPECT_EQ(mapping("A").key, "OPS-7");
  keep(desk->ticket_is(id_of("A"), {"", "jira", "OPS-7", "", "Done", "", {}}, now()).value());
  EXPECT_EQ(mapping("A").status + mapping("A").intent, "Donelinked");
}

TEST_F(TicketsByHand, WhatIsOwedIsSentOnce) {
  fire({{"alertname", "A"}});
  deliver_all(DeliveryState::dead);
  asked();
  EXPECT_EQ(in_step({dead("A", 1)}), 1u);
  EXPECT_EQ(asked(), (Asked{"1:"}));
  EXPECT_TRUE(newest().outcome_unknown) << "the one that was given up may have got through";
  EXPECT_EQ(last_changes.dead_letters_replayed.size(), 1u);
  EXPECT_EQ(in_step(), 0u);
}

TEST_F(TicketsByHand, AnIncidentFromBeforeTheTrackerGetsItsTicket) {
  model::Routing without = make();
  without.channels.clear();
  desk->set_routing(without, now());
  fire({{"alertname", "A"}});
  desk->set_routing(make(), now());
  EXPECT_EQ(in_step(), 1u);
  EXPECT_EQ(asked(), (Asked{"1:"}));
}

TEST_F(TicketsByHand, ATicketThatMissedChangesHearsItsNotesAndWhereTheIncidentStands) {
  fire({{"alertname", "A"}});
  opened("A", "OPS-1");
  ASSERT_TRUE(set(of("A"), IncidentStatus::acknowledged));
  asked();
  const auto status = dead("A", 2), first = dead("A", 3, "one"), second = dead("A", 3, "two");
  EXPECT_EQ(in_step({second, first, status}), 1u);
  EXPECT_EQ(asked(), (Asked{"3:OPS-1", "3:OPS-1", "4:OPS-1", "2:OPS-1"}));
  EXPECT_EQ(last_changes.deliveries.at(0).note + last_changes.deliveries.at(1).note, "onetwo");
  EXPECT_EQ(last_changes.dead_letters_replayed.size(), 3u);
}

TEST_F(TicketsByHand, NothingIsOwedToAnIncidentThatEndedWithoutATicket) {
  const Alert a = fire({{"alertname", "A"}});
  deliver_all(DeliveryState::dead);
  resolve(a);
  asked();
  EXPECT_EQ(in_step({dead("A", 1)}), 0u);
  EXPECT_TRUE(last_changes.dead_letters_replayed.empty());
}

TEST_F(TicketsByHand, ATicketHearsThatItsIncidentEnded) {
  const Alert a = fire({{"alertname", "A"}});
  opened("A", "OPS-1");
  resolve(a);
  asked();
  EXPECT_EQ(in_step({dead("A", 5)}), 1u);
  EXPECT_EQ(asked(), (Asked{"5:OPS-1"}));
}

TEST_F(TicketsByHand, ThePreviewDecidesNothing) {
  fire({{"alertname", "A"}});
  opened("A", "OPS-1");
  keep(desk->assign(id_of("A"), "first", "ben", now()).value());
  asked();
  const auto preview = desk->ticket_preview(std::to_string(of("A").number), "", now());
  ASSERT_TRUE(preview);
  EXPECT_EQ(preview->change, 4u);
  EXPECT_EQ(preview->incident.ticket_key + " " + preview->address + preview->last_error, "OPS-1 first@corp");
  EXPECT_EQ(asked(), Asked{});
  ASSERT_TRUE(unlink("A"));
  EXPECT_NE(desk->ticket_preview(id_of("A"), "", now())->last_error, "");
}

TEST_F(TicketsByHand, ARiseAndANewOwnerReachTheTicketOnceEach) {
  Alert a = fire({{"alertname", "A"}});
  opened("A", "OPS-1");
  asked();
  a.severity = Severity::critical;
  a.updated_at += 1s;
  send(a);
  EXPECT_EQ(asked(), (Asked{"4:OPS-1"}));
  keep(desk->assign(id_of("A"), "second", "ben", now()).value());
  EXPECT_EQ(asked(), (Asked{"4:OPS-1"}));
  EXPECT_EQ(newest().address, "second@corp");
  keep(desk->assign(id_of("A"), "somebody else", "ben", now()).value());
  EXPECT_EQ(newest().address, "") << "no contact, no mailbox";
}

}  // namespace
}  // namespace tocsin::incidents::testing::decide_tickets_test
