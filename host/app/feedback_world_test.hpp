// A real path behind people's answers: the desk decides, SQLite keeps, the outbox sends. For tests of what is answered.
#pragma once

#include <gtest/gtest.h>
#include <stdlib.h>

#include <algorithm>
#include <condition_variable>
#include <filesystem>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "app/feedback.hpp"
#include "base/clock.hpp"
#include "runtime/executor.hpp"
#include "storage/journal.hpp"
#include "telemetry/metrics.hpp"

namespace tocsin::app::feedback_world {

using model::AnswerKind;
using model::IncidentStatus;

template <class T>
T have(base::Result<T> result) {
  if (result) return std::move(*result);
  ADD_FAILURE() << result.error().message();
  return T();
}
inline void have(const base::Result<void>& result) {
  if (!result) ADD_FAILURE() << result.error().message();
}

/// Takes every message; the provider calls it "p-" and its recipient.
class TakingChannel : public delivery::Channel {
 public:
  void send(const model::Delivery& delivery, const std::string&, base::Time,
            std::function<void(delivery::Outcome)> done) override {
    delivery::Outcome outcome;
    outcome.ok = true;
    outcome.provider_id = "p-" + delivery.recipient;
    done(outcome);
  }
};

inline model::Routing phone_routing() {
  model::Routing r;
  const auto person = [&](const std::string& name, const std::string& phone, const std::string& slack) {
    model::Contact c;
    c.name = name, c.phone = phone, c.slack = slack, c.email = name + "@corp";
    r.contacts[name] = c;
  };
  person("first", "+966 50 000 0001", "U01");
  person("second", "+966500000002", "U02");
  model::Channel sms;
  sms.instance = sms.plugin = "sms";
  sms.address_field = "phone";
  r.channels["sms"] = sms;
  model::Channel jira;
  jira.instance = jira.plugin = "jira";
  jira.tracker = true;
  r.channels["jira"] = jira;
  model::Policy page;
  page.name = "page";
  page.steps = {{{"sms:contact.first"}, std::chrono::hours(1)}, {{"sms:contact.second"}, std::chrono::hours(1)}};
  r.policies["page"] = page;
  model::Route root;
  root.name = root.path = "root";
  root.policy = "page";
  r.root = root;
  return r;
}

class FeedbackPath : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string name = (std::filesystem::temp_directory_path() / "tocsin-feedback-XXXXXX").string();
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    folder = name;
    storage::StoreSettings settings;
    settings.data_dir = folder;
    store = have(storage::open_store(settings, series));
    ASSERT_NE(store, nullptr);
    storage::Journal::Settings journal_settings;
    journal_settings.directory = folder + "/journal";
    journal = have(storage::Journal::open(journal_settings, series));
    pipeline::Parts parts;
    parts.clock = &clock, parts.series = &series, parts.journal = journal.get(), parts.store = store.get();
    parts.metrics = &metrics, parts.reactor = &reactor, parts.pool = &pool;
    parts.evaluators = [](std::uint32_t) {
      return [](const std::string&) -> base::Result<detection::Evaluator*> {
        return base::fail(base::Fault::not_found, "there are no detectors here");
      };
    };
    pipeline = std::make_unique<pipeline::Pipeline>(pipeline::Settings{}, parts, phone_routing());
    pipeline->on_delivered([this](const model::Delivery& delivery, const delivery::Outcome&) {
      const std::lock_guard lock(mutex);
      arrived.push_back(delivery.recipient);
      changed.notify_all();
    });
    have(pipeline->start({}, have(store->restore(clock.now()))));
    pipeline->set_channel("sms", std::make_shared<TakingChannel>());
    make_feedback();
  }
  void TearDown() override {
    if (pipeline) pipeline->stop();
    pipeline.reset();
    pool.stop();
    reactor.stop();
    journal.reset();
    store.reset();
    std::error_code ignored;
    std::filesystem::remove_all(folder, ignored);
  }
  /// As a restart does: nothing is remembered but what is kept.
  void make_feedback() {
    feedback =
        std::make_unique<Feedback>(Feedback::Parts{pipeline.get(), &asked_at, [] { return phone_routing(); }, {}});
  }
  model::Incident open(const std::string& service = "web") {
    model::Incident incident;
    incident.title = "disk full";
    incident.severity = model::Severity::high;
    incident.service_name = service;
    auto id = std::make_shared<std::string>();
    have(pipeline->decide([=](incidents::Desk& desk, base::Time now) -> base::Result<model::Changes> {
      TRY(auto changes, desk.create(incident, "ana", now));
      *id = changes.incidents.front().correlation_id;
      return changes;
    }));
    return now_is(*id);
  }
  model::Incident now_is(const std::string& id) { return have(store->incident(id)).value_or(model::Incident{}); }
  model::Incident now_is(const model::Incident& incident) { return now_is(incident.correlation_id); }
  /// Until so many messages were sent in all.
  void sent(std::size_t messages) {
    std::unique_lock lock(mutex);
    EXPECT_TRUE(changed.wait_for(lock, std::chrono::seconds(20), [&] { return arrived.size() >= messages; }));
  }
  static model::Answer reply(const model::Incident& to, AnswerKind kind = AnswerKind::acknowledge) {
    model::Answer out;
    out.kind = kind;
    out.incident = std::to_string(to.number);
    out.address = "+966-50-0000001";
    out.way = "SMS reply";
    return out;
  }
  model::Answered answer(const model::Answer& given) { return have(feedback->answer("notifier.sms", given)); }
  std::string refusal(const model::Answer& given) {
    auto became = feedback->answer("notifier.sms", given);
    return became ? "taken: " + became->text : became.error().message();
  }
  /// Of the newest message to the recipient.
  model::Attempt row(const std::string& recipient) {
    for (const auto& each : have(store->attempts({.provider_id = "p-" + recipient})).items) return each;
    return {};
  }

  base::SystemClock clock;
  base::ManualClock asked_at;
  model::SeriesTable series;
  telemetry::Metrics metrics;
  runtime::Pool pool{"test-pool", 2};
  runtime::Reactor reactor{"test-reactor"};
  std::string folder;
  std::unique_ptr<storage::Store> store;
  std::unique_ptr<storage::Journal> journal;
  std::unique_ptr<pipeline::Pipeline> pipeline;
  std::unique_ptr<Feedback> feedback;
  std::mutex mutex;
  std::condition_variable changed;
  std::vector<std::string> arrived;
};

}  // namespace tocsin::app::feedback_world
