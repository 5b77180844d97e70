// Promises about receipts and answers, with a real path behind them: the desk decides, SQLite keeps, the outbox sends.
#include "app/feedback.hpp"

#include <gtest/gtest.h>

#include <algorithm>

#include "app/feedback_world_test.hpp"

namespace tocsin::app {
namespace {

using feedback_world::FeedbackPath;
using feedback_world::have;
using feedback_world::phone_routing;
using model::AnswerKind;
using model::IncidentStatus;

TEST_F(FeedbackPath, AReplyAcknowledgesInTheNameOfTheContactWithThatNumber) {
  const auto incident = open();
  const auto became = answer(reply(incident));
  EXPECT_EQ(became.text, std::to_string(incident.number) + " acknowledged by first");
  EXPECT_TRUE(became.changed);
  EXPECT_EQ(became.status, IncidentStatus::acknowledged);
  EXPECT_EQ(became.number, incident.number);
  EXPECT_EQ(now_is(incident).status, IncidentStatus::acknowledged);
  EXPECT_EQ(now_is(incident).acknowledged_by, "first");
  std::string actor;
  for (const auto& entry : have(store->timeline(incident.correlation_id))) {
    if (entry.what == "status") actor = entry.actor;
  }
  EXPECT_EQ(actor, "first by SMS reply");
}

TEST_F(FeedbackPath, AStrangerIsCalledByTheNameOrAddressGiven) {
  auto one = reply(open());
  one.address = "+1";
  EXPECT_TRUE(answer(one).text.ends_with(" acknowledged by +1"));
  auto two = reply(open());
  two.address = "+1", two.actor = "Ana";
  EXPECT_TRUE(answer(two).text.ends_with(" acknowledged by Ana"));
}

TEST_F(FeedbackPath, ASecondAcknowledgementIsToldWhoWasFirst) {
  const auto incident = open();
  answer(reply(incident));
  auto again = reply(incident);
  again.address = "+966500000002";
  const auto became = answer(again);
  EXPECT_FALSE(became.changed);
  EXPECT_EQ(became.text, std::to_string(incident.number) + " was acknowledged before by first");
  EXPECT_EQ(now_is(incident).acknowledged_by, "first");
}

TEST_F(FeedbackPath, TheSameAnswerAgainChangesNothingAlsoAfterARestart) {
  const auto incident = open();
  auto note = reply(incident, AnswerKind::note);
  note.id = "m-1", note.text = "on my way";
  EXPECT_TRUE(answer(note).changed);
  EXPECT_FALSE(answer(note).changed);
  make_feedback();
  const auto became = answer(note);
  EXPECT_FALSE(became.changed);
  EXPECT_EQ(became.text, "this answer was taken before");
  std::size_t notes = 0;
  for (const auto& entry : have(store->timeline(incident.correlation_id))) notes += entry.what == "note" ? 1 : 0;
  EXPECT_EQ(notes, 1u);
}

TEST_F(FeedbackPath, WhatAnotherAgentTookMeanwhileIsReadWhenThisOneDecidesAgain) {
  const auto incident = open();
  auto note = reply(incident, AnswerKind::note);
  note.id = "m-0", note.text = "first here";
  EXPECT_TRUE(answer(note).changed);
  // The other agent's, on the same store.
  Feedback other(Feedback::Parts{pipeline.get(), &asked_at, [] { return phone_routing(); }, {}});
  note.id = "m-1", note.text = "on my way";
  EXPECT_TRUE(have(other.answer("notifier.sms", note)).changed);
  feedback->forget_seen();
  EXPECT_FALSE(answer(note).changed);
}

TEST_F(FeedbackPath, AnAnswerThatWasRefusedMayBeGivenAgain) {
  auto snooze = reply(open(), AnswerKind::snooze);
  snooze.id = "m-1";
  EXPECT_EQ(refusal(snooze), "a snooze needs to last for some time, up to 30d");
  snooze.lasts = std::chrono::hours(1);
  EXPECT_TRUE(answer(snooze).changed);
}

TEST_F(FeedbackPath, AnAnswerForTheWholeServiceIsDoneToAllOfItsOpenIncidents) {
  const auto one = open("web"), two = open("web"), other = open("mail");
  auto all = reply(one);
  all.whole_service = true;
  EXPECT_EQ(answer(all).text, std::to_string(one.number) + " acknowledged by first, and 1 more of the service");
  EXPECT_EQ(now_is(two).status, IncidentStatus::acknowledged);
  EXPECT_EQ(now_is(other).status, IncidentStatus::open);
}

TEST_F(FeedbackPath, ResolvingByADigitHasNotesThatSayHow) {
  const auto incident = open();
  answer(reply(incident, AnswerKind::resolve));
  EXPECT_EQ(now_is(incident).status, IncidentStatus::resolved);
  EXPECT_EQ(now_is(incident).resolution_notes, "resolved by SMS reply");
  EXPECT_FALSE(answer(reply(incident, AnswerKind::resolve)).changed);
}

TEST_F(FeedbackPath, EscalatingTakesTheNextStepNow) {
  const auto incident = open();
  sent(1);
  answer(reply(incident, AnswerKind::escalate));
  sent(2);
  EXPECT_EQ(arrived, (std::vector<std::string>{"first", "second"}));
}

TEST_F(FeedbackPath, AStepThatIsNotValidNamesTheValidOnes) {
  auto reopen = reply(open(), AnswerKind::status);
  reopen.status = IncidentStatus::closed;
  EXPECT_NE(refusal(reopen).find("from here it can become"), std::string::npos) << refusal(reopen);
}

TEST_F(FeedbackPath, AMessageIsAnsweredByItsKeyOrByWhatItsProviderCallsIt) {
  const auto incident = open();
  sent(1);
  auto by_key = reply(incident, AnswerKind::note);
  by_key.incident.clear(), by_key.text = "one", by_key.key = row("first").delivery_key;
  EXPECT_EQ(answer(by_key).number, incident.number);
  auto by_id = reply(incident, AnswerKind::note);
  by_id.incident.clear(), by_id.text = "two", by_id.provider_id = "p-first";
  EXPECT_EQ(answer(by_id).number, incident.number);
}

TEST_F(FeedbackPath, ATrackersNoteIsNotedAndNotTurnedBackToIt) {
  const auto incident = open();
  const std::string id = incident.correlation_id;
  have(pipeline->decide([=](incidents::Desk& desk, base::Time now) -> base::Result<model::Changes> {
    return desk.on_ticket({id, "jira", "OPS-1", "https://jira/OPS-1", "Open", "", {}}, now);
  }));
  model::Answer note;
  note.kind = AnswerKind::note;
  note.ticket = "OPS-1", note.ticket_status = "In Progress", note.actor = "Ana", note.text = "on it";
  EXPECT_TRUE(have(feedback->answer("tracker.jira", note)).changed);
  const auto deliveries = have(store->deliveries(id));
  EXPECT_TRUE(std::ranges::none_of(deliveries, [](const auto& d) { return d.tracker && d.note == "on it"; }));
  EXPECT_EQ(have(store->tickets()).at(0).status, "In Progress");
  note.incident = std::to_string(open().number);
  EXPECT_EQ(refusal(note), "the ticket OPS-1 is another incident's");
}

TEST_F(FeedbackPath, AMessageThatIsNotInTheLogIsWaitedForAndThenIsNone) {
  model::Receipt receipt{model::ReceiptState::delivered, "", "k-1", "", "", {}};
  EXPECT_EQ(feedback->receipt("notifier.sms", receipt).error().fault(), base::Fault::unavailable);
  asked_at.advance(std::chrono::minutes(2));
  EXPECT_EQ(feedback->receipt("notifier.sms", receipt).error().fault(), base::Fault::not_found);
}

TEST_F(FeedbackPath, AnUnknownIncidentIsRefused) {
  auto nobody = reply({});
  nobody.incident = "77777";
  EXPECT_EQ(refusal(nobody), "there is no incident 77777");
}

TEST_F(FeedbackPath, ADeliveredReceiptStandsInTheLog) {
  open();
  sent(1);
  have(feedback->receipt("notifier.sms", {model::ReceiptState::delivered, "", "", "p-first", "", clock.now()}));
  EXPECT_EQ(row("first").status, "DELIVERED");
  have(feedback->receipt("notifier.sms", {model::ReceiptState::failed, "", "", "p-first", "UNDELIV", {}}));
  EXPECT_EQ(row("first").status, "DELIVERED");
}

TEST_F(FeedbackPath, AFailedReceiptOfTheOnlyMessageTakesTheNextStep) {
  open();
  sent(1);
  have(feedback->receipt("notifier.sms", {model::ReceiptState::failed, "", "", "p-first", "UNDELIV", {}}));
  EXPECT_EQ(row("first").status, "FAILED");
  EXPECT_EQ(row("first").error, "UNDELIV");
  sent(2);
  EXPECT_EQ(arrived, (std::vector<std::string>{"first", "second"}));
}

TEST_F(FeedbackPath, AnotherNotifiersMessageIsNotItsBusiness) {
  open();
  sent(1);
  const model::Receipt receipt{model::ReceiptState::delivered, "", "", "p-first", "", {}};
  EXPECT_FALSE(feedback->receipt("notifier.other", receipt));
  EXPECT_EQ(row("first").status, "SENT");
}

TEST(ContactWith, ComparesNumbersByDigitsAndTheRestWithoutCase) {
  const auto routing = phone_routing();
  EXPECT_EQ(contact_with(routing, "notifier.sms", "966500000001")->name, "first");
  EXPECT_EQ(contact_with(routing, "source.any", "FIRST@corp")->name, "first");
  EXPECT_EQ(contact_with(routing, "notifier.chat", "u02")->name, "second");
  EXPECT_EQ(contact_with(routing, "notifier.sms", "U02"), nullptr) << "an sms comes from a number";
  EXPECT_EQ(contact_with(routing, "notifier.sms", ""), nullptr);
}

TEST(SeenAnswers, KeepsTheNewestThousand) {
  SeenAnswers seen;
  for (std::size_t i = 0; i <= SeenAnswers::most; ++i) seen.add("m" + std::to_string(i));
  EXPECT_FALSE(seen.contains("m0"));
  EXPECT_TRUE(seen.contains("m1"));
  const SeenAnswers again(seen.text());
  EXPECT_TRUE(again.contains("m1000"));
  EXPECT_EQ(again.text(), seen.text());
}

}  // namespace
}  // namespace tocsin::app
