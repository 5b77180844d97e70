// Promises about an answer that comes through a tracker: it is done, and that tracker is not told of it again.
#include "app/answering.hpp"

#include <gtest/gtest.h>

namespace tocsin::app {
namespace {

class AnswerFromATracker : public ::testing::Test {
 protected:
  AnswerFromATracker() : desk(routing()) {
    model::Incident incident;
    incident.title = "disk full";
    incident.severity = model::Severity::high;
    id = desk.create(incident, "ana", now).value().incidents.front().correlation_id;
    for (const char* tracker : {"jira", "other"}) desk.on_ticket({id, tracker, "OPS-1", "", "Open", "", {}}, now);
  }
  static model::Routing routing() {
    model::Routing out;
    for (const char* name : {"jira", "other"}) {
      model::Channel channel;
      channel.instance = name;
      channel.tracker = true;
      out.channels[name] = channel;
    }
    model::Contact first;
    first.name = "first";
    out.contacts["first"] = first;
    return out;
  }
  /// The trackers that hear of it.
  std::vector<std::string> told(model::AnswerKind kind, const std::string& text,
                                model::IncidentStatus status = model::IncidentStatus::open) {
    Answering answering;
    answering.answer.kind = kind;
    answering.answer.text = text;
    answering.answer.status = status;
    answering.who = "ben";
    answering.tracker = answering.from = "jira";
    answering.answer.ticket = "OPS-1";
    model::Answered became;
    const auto changes = act(desk, id, answering, now, became);
    EXPECT_TRUE(changes) << changes.error().message();
    EXPECT_TRUE(became.changed);
    std::vector<std::string> out;
    for (const auto& delivery : changes->deliveries) {
      if (delivery.tracker) out.push_back(delivery.instance);
    }
    return out;
  }
  const base::Time now = base::from_ns(1'700'000'000'000'000'000);
  incidents::Desk desk;
  std::string id;
};
using Told = std::vector<std::string>;

TEST_F(AnswerFromATracker, AnOwnerIsNotToldBack) {
  EXPECT_EQ(told(model::AnswerKind::assign, "first"), Told{"other"});
}

TEST_F(AnswerFromATracker, AStatusIsNotToldBack) {
  EXPECT_EQ(told(model::AnswerKind::status, "", model::IncidentStatus::in_progress), Told{"other"});
}

TEST_F(AnswerFromATracker, ANoteIsNotToldBack) {
  EXPECT_EQ(told(model::AnswerKind::note, "seen"), Told{"other"});
}

TEST_F(AnswerFromATracker, AnEndIsNotToldBack) {
  EXPECT_EQ(told(model::AnswerKind::status, "mended", model::IncidentStatus::resolved), Told{"other"});
}

}  // namespace
}  // namespace tocsin::app
