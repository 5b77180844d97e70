// Promises about action links, with a real path behind them: what is offered to whom, what a link is worth, and how
// often.
#include "app/action_links.hpp"

#include <gtest/gtest.h>

#include "app/feedback_world_test.hpp"

namespace tocsin::app {
namespace {

using api::LinkView;
using feedback_world::have;
using model::AnswerKind;
using model::IncidentStatus;

class LinkPath : public feedback_world::FeedbackPath {
 protected:
  void SetUp() override {
    FeedbackPath::SetUp();
    asked_at.set(clock.now());
    begin();
  }
  /// As a restart does.
  void begin(std::string url = "https://tocsin.corp") {
    ActionLinks::Parts parts;
    parts.pipeline = pipeline.get(), parts.clock = &asked_at, parts.metrics = &metrics;
    parts.external_url = std::move(url);
    parts.answer = [this](const std::string& instance, model::Answer answer) {
      return feedback->answer(instance, std::move(answer));
    };
    links = std::make_unique<ActionLinks>(std::move(parts));
  }
  model::Delivery message(const model::Incident& incident) {
    model::Delivery out;
    out.key = incident.correlation_id + ":s0.0:1:x";
    out.instance = "mail";
    out.kind = model::MessageKind::firing;
    out.correlation_id = incident.correlation_id;
    out.target = "mail:contact.first", out.recipient = "first", out.address = "first@corp";
    out.reason = "ladder step 1";
    out.incident = incident;
    out.created_at = asked_at.now();
    return out;
  }
  /// The TOKEN of the link of that kind in a new message about the incident.
  std::string token(const model::Incident& incident, AnswerKind kind = AnswerKind::acknowledge,
                    std::string_view field = "email") {
    return token(links->of(message(incident), field), kind);
  }
  static std::string token(const std::vector<plugin_host::Action>& actions, AnswerKind kind) {
    for (const auto& action : actions) {
      if (action.kind == kind) return action.href.substr(action.href.find("/a/") + 3);
    }
    ADD_FAILURE() << "there is no such link";
    return {};
  }
  LinkView view(const std::string& token) { return have(links->view(token, "192.0.2.1")); }
  LinkView follow(const std::string& token) { return have(links->follow(token, "192.0.2.1")); }
  void set_status(const model::Incident& incident, IncidentStatus to, const std::string& notes) {
    have(pipeline->decide([id = incident.correlation_id, to, notes](incidents::Desk& desk, base::Time now) {
      return desk.set_status(id, {to, "ana", notes, notes, {}}, now);
    }));
  }
  /// Who changed it last, as the timeline says.
  std::string last_actor(const model::Incident& incident) {
    std::string actor;
    for (const auto& entry : have(store->timeline(incident.correlation_id))) {
      if (entry.what == "status") actor = entry.actor;
    }
    return actor;
  }
  double counted(const char* result) {
    return metrics.counter("tocsin_action_links_total", "", {{"result", result}}).value();
  }

  std::unique_ptr<ActionLinks> links;
};

TEST_F(LinkPath, AMessageOfALaddersStepOffersToAcknowledgeAndToEscalate) {
  const auto actions = links->of(message(open()), "email");
  ASSERT_EQ(actions.size(), 2u);
  EXPECT_EQ(actions[0].text, "Acknowledge");
  EXPECT_EQ(actions[1].text, "Escalate");
  for (const auto& action : actions) EXPECT_TRUE(action.href.starts_with("https://tocsin.corp/a/")) << action.href;
}

TEST_F(LinkPath, WhereNobodyKnowsTheAgentsAddressThereAreNone) {
  begin("");
  EXPECT_TRUE(links->of(message(open()), "email").empty());
}

TEST_F(LinkPath, WhatCannotBeActedUponOffersNothing) {
  const auto incident = open();
  auto of = [&](auto change) {
    model::Delivery delivery = message(incident);
    change(delivery);
    return offered(delivery).size();
  };
  EXPECT_EQ(of([](auto& d) { d.kind = model::MessageKind::resolved; }), 0u);
  EXPECT_EQ(of([](auto& d) { d.kind = model::MessageKind::test; }), 0u);
  EXPECT_EQ(of([](auto& d) { d.tracker = true; }), 0u);
  EXPECT_EQ(of([](auto& d) { d.correlation_id.clear(); }), 0u);
  EXPECT_EQ(of([](auto& d) { d.incident.status = IncidentStatus::acknowledged; }), 0u);
  EXPECT_EQ(of([](auto& d) { d.incident.status = IncidentStatus::closed; }), 0u);
  EXPECT_EQ(of([](auto& d) { d.reason = "group flush"; }), 1u) << "no ladder to escalate on";
}

TEST_F(LinkPath, OpeningOneChangesNothing) {
  const auto incident = open();
  const std::string link = token(incident);
  for (int i = 0; i < 10; ++i) EXPECT_EQ(view(link).state, LinkView::State::good);
  EXPECT_EQ(view(link).who, "first");
  EXPECT_EQ(now_is(incident).status, IncidentStatus::open);
  EXPECT_EQ(counted("shown"), 11);
}

TEST_F(LinkPath, FollowingOneAcknowledgesInTheNameOfWhoeverGotIt) {
  const auto incident = open();
  const LinkView done = follow(token(incident));
  EXPECT_TRUE(done.answered.changed);
  EXPECT_EQ(done.answered.text, std::to_string(incident.number) + " acknowledged by first");
  EXPECT_EQ(done.incident.status, IncidentStatus::acknowledged);
  EXPECT_EQ(now_is(incident).acknowledged_by, "first");
  EXPECT_EQ(last_actor(incident), "first by mail link");
}

TEST_F(LinkPath, TheTimelineTellsAnSmsFromAMail) {
  const auto incident = open();
  follow(token(incident, AnswerKind::acknowledge, "phone"));
  EXPECT_EQ(last_actor(incident), "first by SMS link");
}

TEST_F(LinkPath, ASecondTimeItSaysWhoDidItAndDoesNothing) {
  const auto incident = open();
  const std::string link = token(incident);
  follow(link);
  const LinkView again = follow(link);
  EXPECT_FALSE(again.answered.changed);
  EXPECT_EQ(again.incident.acknowledged_by, "first");
  EXPECT_EQ(counted("done"), 1);
  EXPECT_EQ(counted("unchanged"), 1);
}

TEST_F(LinkPath, AUsedOneDoesNothingAlsoWhereTheIncidentIsOpenAgainAndAfterARestart) {
  const auto incident = open();
  const std::string link = token(incident);
  follow(link);
  set_status(incident, IncidentStatus::resolved, "mended");
  set_status(incident, IncidentStatus::open, "it is back");
  ASSERT_EQ(now_is(incident).status, IncidentStatus::open);
  make_feedback();
  begin();
  EXPECT_FALSE(follow(link).answered.changed);
  EXPECT_EQ(now_is(incident).status, IncidentStatus::open);
}

TEST_F(LinkPath, EscalatingTakesTheNextStepOnce) {
  const auto incident = open();
  sent(1);
  const std::string link = token(incident, AnswerKind::escalate);
  EXPECT_TRUE(follow(link).answered.changed);
  sent(2);
  EXPECT_EQ(arrived, (std::vector<std::string>{"first", "second"}));
  EXPECT_FALSE(follow(link).answered.changed);
  EXPECT_EQ(arrived.size(), 2u);
}

TEST_F(LinkPath, WhatIsNotPossibleAnyMoreIsRefusedWithItsReason) {
  const auto incident = open();
  const std::string link = token(incident, AnswerKind::escalate);
  set_status(incident, IncidentStatus::resolved, "mended");
  EXPECT_NE(follow(link).refusal, "");
  EXPECT_EQ(counted("refused"), 1);
}

TEST_F(LinkPath, AnotherAttemptHasTheSameLinkAndAnotherMessageAnother) {
  const auto incident = open();
  model::Delivery delivery = message(incident);
  const std::string first = token(links->of(delivery, "email"), AnswerKind::acknowledge);
  delivery.attempts = 3;
  delivery.next_attempt_at += std::chrono::minutes(5);
  asked_at.advance(std::chrono::minutes(5));
  begin();
  EXPECT_EQ(token(links->of(delivery, "email"), AnswerKind::acknowledge), first);
  delivery.key += "2";
  EXPECT_NE(token(links->of(delivery, "email"), AnswerKind::acknowledge), first);
}

TEST_F(LinkPath, ItEndsWhenItsTimeIsOver) {
  const auto incident = open();
  const std::string link = token(incident);
  asked_at.advance(std::chrono::hours(23));
  EXPECT_EQ(view(link).state, LinkView::State::good);
  asked_at.advance(std::chrono::hours(1));
  EXPECT_EQ(view(link).state, LinkView::State::expired);
  EXPECT_EQ(follow(link).state, LinkView::State::expired);
  EXPECT_EQ(now_is(incident).status, IncidentStatus::open);
  EXPECT_EQ(counted("expired"), 2);
}

TEST_F(LinkPath, OneThatWouldBeOverAlreadyIsNotMade) {
  model::Delivery old = message(open());
  old.created_at -= std::chrono::hours(25);
  EXPECT_TRUE(links->of(old, "email").empty());
}

TEST_F(LinkPath, ForgedOnesAreRefusedAlsoBeforeAnyWasMade) {
  EXPECT_EQ(view("AAAA").state, LinkView::State::forged);
  std::string link = token(open());
  link[20] = link[20] == 'A' ? 'B' : 'A';
  EXPECT_EQ(follow(link).state, LinkView::State::forged);
  EXPECT_EQ(counted("forged"), 2);
}

TEST_F(LinkPath, OfAnIncidentThatIsNotThereItSaysSo) {
  model::Incident gone = open();
  gone.correlation_id = "0193489c-8a40-7c3e-9d5f-1f0a2b3c4d5e";
  EXPECT_EQ(follow(token(gone)).state, LinkView::State::gone);
  EXPECT_EQ(counted("unknown"), 1);
}

TEST_F(LinkPath, GuessesAreLimitedAndGoodLinksNever) {
  const std::string link = token(open());
  LinkView last;
  for (std::size_t i = 0; i <= VainTries::most; ++i) last = view("guess");
  EXPECT_EQ(last.state, LinkView::State::limited);
  EXPECT_EQ(view(link).state, LinkView::State::good) << "everybody behind a proxy has one address";
  EXPECT_EQ(have(links->view("guess", "192.0.2.2")).state, LinkView::State::forged) << "another address";
  asked_at.advance(VainTries::window);
  EXPECT_EQ(view("guess").state, LinkView::State::forged);
}

TEST_F(LinkPath, TheKeyOutlivesTheAgentAndIsOfAllThatShareTheStore) {
  const std::string link = token(open());
  begin();
  EXPECT_EQ(view(link).state, LinkView::State::good);
  EXPECT_EQ(have(store->kv("fleet/action_link_key")).value_or("").size(), 32u);
}

TEST(VainTriesCounted, ManyAddressesAtOnceCountAsTooMany) {
  VainTries tries;
  const base::Time now = base::from_ns(1'795'168'800'000'000'000);
  for (std::size_t i = 0; i < VainTries::most_addresses; ++i) EXPECT_FALSE(tries.add(std::to_string(i), now));
  EXPECT_TRUE(tries.add("one more", now));
  EXPECT_FALSE(tries.add("one more", now + VainTries::window));
}

}  // namespace
}  // namespace tocsin::app
