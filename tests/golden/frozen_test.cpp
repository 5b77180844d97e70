// The frozen plugins of every release under today's host: each function of each kind, with what it must bring about.
#include <gtest/gtest.h>

#include <cmath>
#include <future>

#include "plugin_host/library.hpp"
#include "plugin_host/testdata/fake_port.hpp"

namespace tocsin::plugin_host {
namespace {

class Frozen : public ::testing::Test {
 public:
  void SetUp() override {
#ifndef __x86_64__
    GTEST_SKIP() << "they are built for x86-64";
#endif
  }
  void make(const std::string& kind) {
    auto library = load_library(FROZEN "/1.0/" + kind + ".so");
    ASSERT_TRUE(library) << library.error().message();
    library_ = *library;
    InstanceSettings settings;
    settings.name = kind + ".f", settings.type = "frozen_" + kind, settings.config = base::Value(base::Value::Table{});
    auto made = Instance::create(*library, settings, port_);
    ASSERT_TRUE(made) << made.error().message();
    instance_ = *made;
    auto started = instance_->start("cursor 1");
    ASSERT_TRUE(started) << started.error().message();
  }
  const LibraryType& type() const { return *library_->find(instance_->type().id); }
  base::Time in(base::Duration duration) { return port_.clock_.now() + duration; }
  /// The plugin said it in its log.
  void said(std::string_view line) { EXPECT_TRUE(port_.logged(line)) << line; }

  testing::FakePort port_;
  std::shared_ptr<Library> library_;
  std::shared_ptr<Instance> instance_;
};

TEST_F(Frozen, SourceReachesEveryFunctionOfTheHost) {
  make("source");
  said("create f");
  said("start cursor 1");
  const auto pulled = instance_->pull(in(std::chrono::seconds(5)));
  ASSERT_TRUE(pulled) << pulled.error().message();
  EXPECT_FALSE(*pulled);
  ASSERT_EQ(port_.batches.size(), 1u);
  const auto& batch = *port_.batches[0];
  EXPECT_EQ(batch.cursor, "after 2");
  ASSERT_EQ(batch.rows(), 2u);
  EXPECT_EQ(batch.value[1], 1.5);
  EXPECT_EQ(port_.series_.key(batch.series[0]).name, "frozen.x");
  EXPECT_EQ(port_.series_.key(batch.series[0]).labels.get("a"), "b");
  ASSERT_EQ(port_.rejects.size(), 1u);
  EXPECT_EQ(port_.metrics.size(), 1u);
}

TEST_F(Frozen, SourceAnswersRequestsAndKeepsItsState) {
  make("source");
  auto answer = std::make_shared<std::promise<Instance::Response>>();
  const std::string body = std::string("hello") + std::string(64, '\0');
  instance_->handle({.method = "GET", .path = "/frozen", .body = std::string_view(body).substr(0, 5)},
                    in(std::chrono::seconds(5)),
                    [answer](Instance::Response got) { answer->set_value(std::move(got)); });
  const auto got = answer->get_future().get();
  EXPECT_EQ(got.status, 207u);
  EXPECT_EQ(got.body, "hello!");
  ASSERT_EQ(got.headers.size(), 1u);
  EXPECT_EQ(got.headers[0].second, "/frozen");
  const auto taken = instance_->reconfigure(base::Value(base::Value::Table{}));
  ASSERT_TRUE(taken) << taken.error().message();
  EXPECT_TRUE(*taken);
  char room[8];
  tsn_out out{room, 2, 0};
  tsn_err err{};
  err.size = sizeof err;
  EXPECT_EQ(type().table.save(nullptr, &out, &err), TSN_RETRY);
  out.cap = sizeof room;
  EXPECT_EQ(type().table.save(nullptr, &out, &err), TSN_OK);
  EXPECT_EQ(std::string(room, out.n), "saved");
  EXPECT_EQ(type().table.load(nullptr, {room, out.n}, &err), TSN_OK);
  said("load saved");
  instance_->stop();
  said("stop");
  instance_.reset();
  said("destroy");
}

TEST_F(Frozen, DetectorLoadsCompilesAndJudges) {
  make("detector");
  auto rules = instance_->load_script("a.frozen", "rule one");
  ASSERT_TRUE(rules) << rules.error().message();
  ASSERT_EQ(rules->size(), 1u);
  EXPECT_EQ(base::to_json((*rules)[0].table), R"({"name":"rule one"})");
  const tsn_inputs inputs{sizeof inputs, 0, nullptr,
                          [](const tsn_inputs*, const tsn_input* input, std::uint32_t* column, tsn_err*) -> tsn_status {
                            *column = 0;
                            return input->size == sizeof(tsn_input) ? TSN_OK : TSN_INVALID;
                          }};
  model::Rule rule;
  rule.name = "r";
  auto program = instance_->compile(rule, (*rules)[0].script, inputs);
  ASSERT_TRUE(program) << program.error().message();
  const double cells[] = {3, 11, std::nan("")};
  tsn_verdict items[3] = {};
  char text[16] = {};
  tsn_rows rows{};
  rows.size = sizeof rows, rows.rows = 3, rows.columns = 1, rows.cells = cells;
  tsn_verdicts verdicts{sizeof verdicts, sizeof(tsn_verdict), items, text, sizeof text, 0};
  const auto judged = instance_->evaluate(*program, rows, verdicts);
  ASSERT_TRUE(judged) << judged.error().message();
  EXPECT_EQ(items[0].state, tsn_verdict_state{TSN_VERDICT_OK});
  EXPECT_EQ(items[1].state, tsn_verdict_state{TSN_VERDICT_FIRING});
  EXPECT_EQ(std::string(text + items[1].message_at, items[1].message_n), "high");
  EXPECT_EQ(items[1].threshold, 10);
  EXPECT_EQ(items[2].state, tsn_verdict_state{TSN_VERDICT_NO_DATA});
  instance_->release(*program);
  instance_->unload_script("a.frozen");
  for (const char* line : {"load a.frozen", "compile r", "release", "unload a.frozen"}) said(line);
}

class FrozenDelivery : public Frozen {
 public:
  FrozenDelivery() {
    delivery.key = "k1";
    delivery.kind = model::MessageKind::firing;
    delivery.recipient = "first", delivery.address = "first@corp", delivery.title = "disk full";
    delivery.incident.number = 7, delivery.incident.correlation_id = "0190-x";
  }
  Instance::Sent sent(bool tracker) {
    auto answer = std::make_shared<std::promise<Instance::Sent>>();
    const auto done = [answer](Instance::Sent one) { answer->set_value(std::move(one)); };
    if (tracker)
      instance_->upsert(delivery, "", in(std::chrono::seconds(9)), done);
    else
      instance_->deliver(delivery, "id0", "", in(std::chrono::seconds(9)), done);
    return answer->get_future().get();
  }
  model::Delivery delivery;
};

TEST_F(FrozenDelivery, NotifierAnswersAtOnceLaterAndWithAFailure) {
  make("notifier");
  EXPECT_EQ(type().notifier.features, std::uint32_t{TSN_NOTIFIER_CHANNELS});
  const auto at_once = sent(false);
  EXPECT_EQ(at_once.status, TSN_OK);
  EXPECT_EQ(at_once.provider_id, "first");
  for (const char* line : {"key k1", "to first@corp", "title disk full", "incident 0190-x", "earlier id0"}) said(line);
  delivery.attempts = 2;
  const auto later = sent(false);
  EXPECT_EQ(later.status, TSN_OK);
  EXPECT_EQ(later.provider_id, "later");
  delivery.attempts = 3;
  const auto failed = sent(false);
  EXPECT_EQ(failed.status, TSN_FAILED);
  EXPECT_EQ(failed.code, 451);
  EXPECT_EQ(failed.retry_after_ms, 1500u);
  EXPECT_EQ(failed.error, "greylisted");
  type().table.cancel(nullptr, 1);
  said("cancel");
}

TEST_F(FrozenDelivery, TrackerMakesATicket) {
  make("tracker");
  delivery.tracker = true, delivery.change = TSN_CHANGE_OPENED, delivery.note = "looked at",
  delivery.note_author = "ann";
  const auto made = sent(true);
  EXPECT_EQ(made.status, TSN_OK) << made.error;
  EXPECT_TRUE(made.created);
  EXPECT_EQ(made.ticket_key + " " + made.ticket_url + " " + made.ticket_status, "FRZ-1 https://t/FRZ-1 Open");
  said("note looked at");
  said("author ann");
}

}  // namespace
}  // namespace tocsin::plugin_host
