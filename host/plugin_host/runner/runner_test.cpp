// Isolated instances, with real runner processes.
#include <gtest/gtest.h>
#include <stdlib.h>

#include <fstream>
#include <future>
#include <thread>

#include "plugin_host/runner/runners.hpp"
#include "plugin_host/testdata/fake_port.hpp"
#include "plugin_host/testdata/temp_dir.hpp"

namespace tocsin::plugin_host::runner {
namespace {

using plugin_host::testing::Event;
using plugin_host::testing::FakePort;
using plugin_host::testing::patience;

class Isolated : public ::testing::Test {
 public:
  std::shared_ptr<Instance> make(const std::string& type, base::Value config = base::Value(base::Value::Table{}),
                                 Isolation isolation = {}) {
    auto made = try_make(type, std::move(config), std::move(isolation));
    EXPECT_TRUE(made) << made.error().message();
    return made ? *made : nullptr;
  }
  base::Result<std::shared_ptr<Instance>> try_make(
      const std::string& type, base::Value config, Isolation isolation,
      const std::function<base::Result<void>(Instance&)>& before_start = [](Instance&) {
        return base::Result<void>();
      }) {
    if (!runners) {
      port.clock_.set(base::SystemClock().now());  // the plugins stamp their signals by the machine's clock
      Limits limits;
      limits.evaluate = limits.grace = std::chrono::milliseconds(300);
      runners = std::make_unique<Runners>(
          RunnersSettings{TEST_RUNNER, limits}, port,
          Runners::Listeners{[this](const Death& death) { event.notify([&] { deaths.push_back(death); }); },
                             [this](const Poison& one) { event.notify([&] { poison.push_back(one); }); }});
    }
    InstanceSettings settings;
    settings.name = "source." + type + std::to_string(++made_);
    settings.type = type;
    settings.config = std::move(config);
    settings.labels = model::Labels{{"dc", "riyadh-1"}};
    Found found;
    found.path = TEST_PLUGINS "/fragile.so";
    auto instance = runners->create(found, std::move(settings), isolation);
    if (!instance) return instance;
    TRY_VOID(before_start(**instance));
    if (auto started = (*instance)->start(""); !started) return base::fail(started.error());
    return instance;
  }
  static base::Value counting(const std::string& what, std::int64_t at, std::int64_t rows = 1) {
    base::Value config;
    config.set("what", what);
    config.set("at", at);
    config.set("rows", rows);
    return config;
  }
  base::Time soon(base::Duration d = std::chrono::seconds(10)) { return port.clock_.now() + d; }
  /// Every value taken in so far, in order.
  std::vector<double> values() {
    std::lock_guard lock(port.mutex);
    std::vector<double> out;
    for (const auto& batch : port.batches) out.insert(out.end(), batch->value.begin(), batch->value.end());
    return out;
  }
  static std::vector<double> count_to(int n) {
    std::vector<double> out;
    for (int i = 1; i <= n; ++i) out.push_back(i);
    return out;
  }
  Instance::Sent deliver(Instance& to, const std::string& title, base::Duration limit = std::chrono::seconds(10)) {
    return deliver_later(to, title, limit).get();
  }
  std::future<Instance::Sent> deliver_later(Instance& to, const std::string& title,
                                            base::Duration limit = std::chrono::seconds(10)) {
    auto promise = std::make_shared<std::promise<Instance::Sent>>();
    model::Delivery delivery;
    delivery.key = "key " + title;
    delivery.title = title;
    delivery.instance = "teller";
    to.deliver(delivery, "", "", soon(limit), [promise](Instance::Sent sent) { promise->set_value(std::move(sent)); });
    return promise->get_future();
  }
  Instance::Response request(Instance& to, const std::string& body) {
    auto promise = std::make_shared<std::promise<Instance::Response>>();
    Instance::Request request{"POST", "/echo", "", "127.0.0.1", "", {{"host", "x"}}, body};
    to.handle(request, soon(), [promise](Instance::Response response) { promise->set_value(std::move(response)); });
    return promise->get_future().get();
  }
  /// What a probe's pull said.
  std::string probe(const std::string& type, const std::string& what, Isolation isolation = {}) {
    base::Value config;
    config.set("probe", what);
    auto instance = make(type, config, std::move(isolation));
    if (!instance || !instance->pull(soon())) return "could not be asked";
    // What is logged comes beside the answer, at most a moment later.
    const auto end = std::chrono::steady_clock::now() + patience;
    while (std::chrono::steady_clock::now() < end) {
      for (const std::string word : {"allowed", "refused"}) {
        if (port.logged(instance->name() + " 1 " + word)) return word;
      }
      std::this_thread::yield();
    }
    return "silent";
  }

  FakePort port;
  Event event;
  std::vector<Death> deaths;
  std::vector<Poison> poison;
  std::unique_ptr<Runners> runners;
  int made_ = 0;
};

TEST_F(Isolated, SourceDeliversWhatItCounts) {
  auto counter = make("counter", counting("", 0, 1000));
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(counter->pull(soon()));
  EXPECT_EQ(values(), count_to(3000));
  EXPECT_EQ(counter->usage().signals, 3000u);
  EXPECT_EQ(port.batches.back()->cursor, "3000");
  EXPECT_EQ(port.series_.key(port.batches[0]->series[0]).labels.text(), R"({by="fragile",dc="riyadh-1"})");
  EXPECT_TRUE(counter->process_status().isolated);
  EXPECT_NE(counter->process_status().pid, ::getpid());
}

TEST_F(Isolated, BatchLargerThanThePipePassesInPieces) {
  auto counter = make("counter", counting("", 0, 100'000));
  ASSERT_TRUE(counter->pull(soon()));
  EXPECT_EQ(values(), count_to(100'000));
}

TEST_F(Isolated, CrashOfASourceCostsNoSignalAndNoCaller) {
  auto counter = make("counter", counting("crash once", 3));
  for (int i = 0; i < 10; ++i) ASSERT_TRUE(counter->pull(soon()));
  EXPECT_EQ(values(), count_to(10));
  ASSERT_TRUE(event.wait([&] { return deaths.size() == 1; }));
  EXPECT_EQ(deaths[0].cause, "SIGSEGV");
  EXPECT_EQ(deaths[0].instances, std::vector<std::string>{counter->name()});
  EXPECT_EQ(counter->process_status().restarts, 1u);
}

TEST_F(Isolated, PullThatKillsTwiceFailsWithTheCause) {
  auto counter = make("counter", counting("crash", 0));
  auto pulled = counter->pull(soon());
  ASSERT_FALSE(pulled);
  EXPECT_EQ(pulled.error().message(), counter->name() + ": its runner died in pull (SIGSEGV)");
}

TEST_F(Isolated, HandsItsStateToASuccessorAndIsStartedAgainWhereThatFails) {
  auto old = make("counter", counting("", 0, 10));
  ASSERT_TRUE(old->pull(soon()));
  old->stop();
  auto state = old->save();
  ASSERT_TRUE(state) << state.error().message();
  EXPECT_EQ(*state, "10");
  auto successor = try_make("counter", counting("", 0, 10), {}, [&](Instance& made) { return made.load(*state); });
  ASSERT_TRUE(successor) << successor.error().message();
  ASSERT_TRUE((*successor)->pull(soon()));
  EXPECT_EQ(values(), count_to(20));
  ASSERT_TRUE(old->start("20"));
  ASSERT_TRUE(old->pull(soon()));
  EXPECT_EQ(values(), count_to(30));
}

TEST_F(Isolated, SaysWhatItUsed) {
  auto counter = make("counter", counting("crash once", 2));
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(counter->pull(soon()));
  const Usage usage = counter->usage();
  EXPECT_EQ(usage.of(Function::pull).calls, 4u);
  EXPECT_EQ(usage.of(Function::pull).errors, 1u);
  EXPECT_EQ(usage.signals, 3u);
  EXPECT_TRUE(usage.memory_measured);
  EXPECT_GT(usage.memory_bytes, 100'000u);
  EXPECT_GT(usage.cpu_ns, 100'000u);
}

TEST_F(Isolated, OneThatHangsIsEndedAndStartedAgain) {
  auto counter = make("counter", counting("hang", 2));
  ASSERT_TRUE(counter->pull(soon()));
  ASSERT_TRUE(counter->pull(soon()));
  auto pulled = counter->pull(soon(std::chrono::milliseconds(200)));
  ASSERT_FALSE(pulled);
  EXPECT_NE(pulled.error().message().find("did not return from pull"), std::string::npos) << pulled.error().message();
}

TEST_F(Isolated, CountsMetricsInSharedMemory) {
  auto counter = make("counter", counting("metric", 0));
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(counter->pull(soon()));
  runners->collect();
  runners->collect();
  std::lock_guard lock(port.mutex);
  EXPECT_EQ(port.metrics[R"(pulls_total{kind="test"})"], 6);
}

TEST_F(Isolated, NotifierAnswersAtOnceLaterOrWithItsRefusal) {
  auto teller = make("teller");
  EXPECT_EQ(deliver(*teller, "hello").provider_id, "key hello");
  EXPECT_EQ(deliver(*teller, "later").provider_id, "later");
  const auto refused = deliver(*teller, "refuse");
  EXPECT_EQ(refused.status, TSN_DENIED);
  EXPECT_EQ(refused.error, "not for you");
}

TEST_F(Isolated, NotifierSeesWhatTheRecipientMayDo) {
  auto teller = make("teller");
  auto promise = std::make_shared<std::promise<Instance::Sent>>();
  model::Delivery delivery;
  delivery.key = "k", delivery.title = "actions", delivery.instance = "teller";
  const Links links("https://t", {{model::AnswerKind::acknowledge, "Acknowledge", "https://t/a/1"},
                                  {model::AnswerKind::escalate, "Escalate", "https://t/a/2"}});
  teller->deliver(delivery, "", links, soon(), [promise](Instance::Sent sent) { promise->set_value(std::move(sent)); });
  EXPECT_EQ(promise->get_future().get().provider_id, "Acknowledge=https://t/a/1;Escalate=https://t/a/2;");
}

TEST_F(Isolated, RouteSeesWhoseCertificateAClientShowed) {
  auto echo = make("echo");
  auto promise = std::make_shared<std::promise<Instance::Response>>();
  Instance::Request asked{"POST", "/echo", "", "127.0.0.1", "", {{"host", "x"}}, ""};
  asked.certificate = "CN=gateway,O=Corp";
  echo->handle(asked, soon(), [promise](Instance::Response response) { promise->set_value(std::move(response)); });
  const auto response = promise->get_future().get();
  ASSERT_EQ(response.headers.size(), 2u);
  EXPECT_EQ(response.headers[1].second, "CN=gateway,O=Corp");
}

TEST_F(Isolated, DeliveryThatKilledItsRunnerIsHandedAgainWithItsOutcomeUnknown) {
  auto teller = make("teller");
  const auto sent = deliver(*teller, "crash once");
  EXPECT_EQ(sent.status, TSN_OK) << sent.error;
  EXPECT_EQ(sent.provider_id, "key crash once again");
}

TEST_F(Isolated, DeliveryThatKillsTwiceIsGivenUpAndTheOthersArrive) {
  auto teller = make("teller");
  auto bad = deliver_later(*teller, "crash");
  std::vector<std::future<Instance::Sent>> good;
  for (int i = 0; i < 20; ++i) good.push_back(deliver_later(*teller, "number " + std::to_string(i)));
  EXPECT_EQ(bad.get().status, TSN_INVALID);
  for (auto& each : good) EXPECT_EQ(each.get().status, TSN_OK);
  ASSERT_EQ(poison.size(), 1u);
  EXPECT_EQ(poison[0].key, "key crash");
  EXPECT_EQ(poison[0].cause, "SIGSEGV");
}

TEST_F(Isolated, DeliveryThatHangsEndsItsRunnerAndIsGivenUp) {
  auto teller = make("teller");
  auto hung = deliver_later(*teller, "hang", std::chrono::milliseconds(200));
  EXPECT_EQ(hung.get().status, TSN_UNKNOWN);
  EXPECT_EQ(deliver(*teller, "hang", std::chrono::milliseconds(200)).status, TSN_INVALID);
  EXPECT_EQ(deliver(*teller, "after").status, TSN_OK);
}

TEST_F(Isolated, RequestIsAnsweredAndOneThatKillsTwiceToo) {
  auto echo = make("echo");
  const auto good = request(*echo, std::string(300'000, 'x'));
  EXPECT_EQ(good.status, 200u);
  EXPECT_EQ(good.body.size(), 300'000u);
  EXPECT_EQ(good.headers.at(0).second, "/echo");
  EXPECT_EQ(request(*echo, "crash").status, 500u);
  EXPECT_EQ(request(*echo, "after").body, "after");
}

/// A detector's rows with one column and one label each.
struct Rows {
  std::vector<double> cells;
  std::vector<std::int64_t> at;
  std::vector<std::string> hosts;
  std::vector<tsn_label> labels;
  std::vector<const tsn_label*> label_rows;
  std::vector<tsn_verdict> items;
  std::string text = std::string(4096, '\0');
  std::uint32_t next_column = 0;
  tsn_inputs inputs{};
  tsn_rows rows{};
  tsn_verdicts verdicts{};

  explicit Rows(std::vector<double> values) : cells(std::move(values)), at(cells.size(), 1), items(cells.size()) {
    for (std::size_t i = 0; i < cells.size(); ++i) hosts.push_back("host-" + std::to_string(i));
    for (const auto& host : hosts) labels.push_back({testing_text("host"), testing_text(host)});
    for (const auto& label : labels) label_rows.push_back(&label);
    inputs.size = sizeof inputs;
    inputs.ctx = this;
    inputs.add = [](const tsn_inputs* self, const tsn_input*, std::uint32_t* column, tsn_err*) -> tsn_status {
      *column = static_cast<Rows*>(self->ctx)->next_column;
      return TSN_OK;
    };
    const auto n = static_cast<std::uint32_t>(cells.size());
    rows = {sizeof rows, n, 1, 1, cells.data(), at.data(), label_rows.data(), &inputs};
    verdicts = {sizeof verdicts, sizeof(tsn_verdict), items.data(), text.data(), 4096, 0};
  }
  static tsn_str testing_text(std::string_view s) { return plugin_host::testing::text(s); }
  std::string message(std::size_t row) const { return text.substr(items[row].message_at, items[row].message_n); }
};

model::Rule rule_above(double limit) {
  model::Rule rule;
  rule.name = "above";
  rule.by = {"host"};
  rule.table.set("limit", limit);
  return rule;
}

TEST_F(Isolated, AnswersAndReceiptsOfAPluginArrive) {
  auto echo = make("echo");
  EXPECT_EQ(request(*echo, "answer").body, "1042 acknowledged by first");
  ASSERT_EQ(port.answers.size(), 1u);
  EXPECT_EQ(port.answers[0].incident, "1042");
  EXPECT_EQ(port.answers[0].address, "+966500000001");
  EXPECT_EQ(port.answers[0].way, "SMS reply");
  ASSERT_EQ(port.receipts.size(), 1u);
  EXPECT_EQ(port.receipts[0].instance, echo->name());
  EXPECT_EQ(port.receipts[0].key, "k-1");
  EXPECT_EQ(port.receipts[0].detail, "UNDELIV");
}

TEST_F(Isolated, AnAnswerThatIsRefusedSaysWhy) {
  port.refusal = base::Error(base::Fault::not_found, "there is no incident 1042");
  auto echo = make("echo");
  EXPECT_EQ(request(*echo, "answer").body, "there is no incident 1042");
}

TEST_F(Isolated, TrackerIsAskedInItsRunner) {
  base::Value config;
  config.set("token", "s3cr3t-value");
  auto instance = make("asked", config);
  ASSERT_TRUE(instance->syncs() && instance->probes());
  ASSERT_TRUE(instance->sync(soon()));
  EXPECT_EQ(instance->probe(nullptr, "", soon()).value_or(""), "error: 401 for ***");
  model::Delivery change;
  change.incident.title = "disk full";
  EXPECT_EQ(instance->probe(&change, "", soon()).value_or(""), "ok: POST disk full");
  // What is logged comes beside the answers, at most a moment later.
  const auto end = std::chrono::steady_clock::now() + patience;
  for (bool there = false; !there && std::chrono::steady_clock::now() < end; std::this_thread::yield()) {
    std::lock_guard lock(port.mutex);
    there = !port.exchanges.empty();
  }
  std::lock_guard lock(port.mutex);
  ASSERT_EQ(port.exchanges.size(), 1u);
  EXPECT_EQ(port.exchanges[0].instance, instance->name());
  EXPECT_EQ(port.exchanges[0].target, "/search?token=***");
  EXPECT_EQ(port.exchanges[0].http_status, 200u);
}

TEST_F(Isolated, ASourceAnswersRulesFromItsRunner) {
  base::Value config, question;
  config.set("token", "s3cr3t-value");
  auto oracle = make("oracle", config);
  ASSERT_TRUE(oracle->queries());
  const auto ask = [&](const char* words) {
    question.set("words", words);
    return oracle->query(question, 3, port.clock().now(), soon());
  };
  const auto answer = ask("why");
  ASSERT_TRUE(answer) << answer.error().message();
  ASSERT_EQ(answer->rows.size(), 1u);
  EXPECT_EQ(answer->rows[0].labels.text(), "{word=\"why\"}");
  EXPECT_EQ(answer->rows[0].value, 3);
  EXPECT_EQ(ask("many").error().message(), oracle->name() +
                                               ": the answer has more than 3 rows; ask for fewer, for "
                                               "instance with a condition or a sum");
  EXPECT_EQ(ask("refuse").error().message(), oracle->name() + ": query: position 3: no such word, ***");
  EXPECT_FALSE(ask("crash"));
  const auto end = std::chrono::steady_clock::now() + patience;
  bool again = false;
  while (!(again = ask("again").has_value()) && std::chrono::steady_clock::now() < end) std::this_thread::yield();
  EXPECT_TRUE(again) << "a question that killed its runner costs no other";
}

TEST_F(Isolated, TrackerIsToldTheOwnersMailbox) {
  auto instance = make("asked");
  auto promise = std::make_shared<std::promise<Instance::Sent>>();
  model::Delivery change;
  change.tracker = true;
  change.address = "first@corp";
  instance->upsert(change, "", soon(), [promise](Instance::Sent sent) { promise->set_value(std::move(sent)); });
  EXPECT_EQ(promise->get_future().get().ticket_status, "first@corp");
}

TEST_F(Isolated, ALookThatKillsItsRunnerIsAnError) {
  base::Value config;
  config.set("does", "crash");
  auto instance = make("asked", config);
  const auto report = instance->probe(nullptr, "", soon());
  ASSERT_FALSE(report);
  EXPECT_NE(report.error().message().find("died in probe"), std::string::npos) << report.error().message();
  EXPECT_FALSE(instance->sync(soon()));
}

TEST_F(Isolated, ALookThatHangsEndsItsRunnerAndNotTheCaller) {
  base::Value config;
  config.set("does", "hang");
  auto instance = make("asked", config);
  EXPECT_FALSE(instance->probe(nullptr, "", soon(std::chrono::milliseconds(50))));
}

TEST_F(Isolated, DetectorJudgesItsRows) {
  auto judge = make("judge");
  Rows rows({1, 7, 3, 9});
  auto program = judge->compile(rule_above(5), nullptr, rows.inputs);
  ASSERT_TRUE(program) << program.error().message();
  ASSERT_TRUE(judge->evaluate(*program, rows.rows, rows.verdicts));
  EXPECT_EQ(rows.items[0].state, TSN_VERDICT_OK);
  EXPECT_EQ(rows.items[1].state, TSN_VERDICT_FIRING);
  EXPECT_EQ(rows.message(3), "host-3 is above");
  judge->release(*program);
}

TEST_F(Isolated, RowThatKillsItsRunnerIsLeftOutAndTheOthersAreJudged) {
  auto judge = make("judge");
  Rows rows({1, 666, 9});
  auto program = judge->compile(rule_above(5), nullptr, rows.inputs);
  ASSERT_TRUE(program);
  auto judged = judge->evaluate(*program, rows.rows, rows.verdicts);
  ASSERT_TRUE(judged) << judged.error().message();
  EXPECT_EQ(rows.items[0].state, TSN_VERDICT_OK);
  EXPECT_EQ(rows.items[1].state, TSN_VERDICT_KEEP);
  EXPECT_EQ(rows.message(2), "host-2 is above");
  ASSERT_TRUE(event.wait([&] { return poison.size() == 1; }));
  EXPECT_EQ(poison[0].key, "above{host=host-1}");
  // It is left alone for a while: no further runner dies of it, and the others are judged.
  const auto restarts = judge->process_status().restarts;
  Rows again({1, 666, 9});
  ASSERT_TRUE(judge->evaluate(*program, again.rows, again.verdicts));
  EXPECT_EQ(again.items[1].state, TSN_VERDICT_KEEP);
  EXPECT_EQ(again.items[2].state, TSN_VERDICT_FIRING);
  EXPECT_EQ(judge->process_status().restarts, restarts);
  judge->release(*program);
}

TEST_F(Isolated, ScriptsAndProgramsOutliveTheirRunner) {
  auto judge = make("judge");
  EXPECT_FALSE(judge->load_script("a.judge", "bad"));
  auto loaded = judge->load_script("a.judge", "mine");
  ASSERT_TRUE(loaded) << loaded.error().message();
  ASSERT_EQ(loaded->size(), 1u);
  EXPECT_EQ(*loaded->at(0).table.find("name")->string(), "mine");
  Rows rows({9});
  auto program = judge->compile(rule_above(5), loaded->at(0).script, rows.inputs);
  ASSERT_TRUE(program);
  Rows poison_rows({7, 666});
  ASSERT_TRUE(judge->evaluate(*program, poison_rows.rows, poison_rows.verdicts));
  ASSERT_TRUE(judge->evaluate(*program, rows.rows, rows.verdicts));
  EXPECT_EQ(rows.items[0].state, TSN_VERDICT_FIRING);
  judge->release(*program);
}

TEST_F(Isolated, GroupSharesOneRunnerAndItsPermissions) {
  Isolation group;
  group.group = "friends";
  auto counter = make("counter", counting("", 0), group);
  auto teller = make("teller", base::Value(base::Value::Table{}), group);
  EXPECT_EQ(counter->process_status().pid, teller->process_status().pid);
  EXPECT_EQ(deliver(*teller, "crash once").status, TSN_OK);
  ASSERT_TRUE(counter->pull(soon()));
  EXPECT_EQ(values(), count_to(1));
  EXPECT_EQ(try_make("networked", base::Value(base::Value::Table{}), group).error().fault(), base::Fault::conflict);
}

TEST_F(Isolated, StandbyTakesOver) {
  Isolation warm;
  warm.standby = true;
  auto counter = make("counter", counting("crash once", 2), warm);
  for (int i = 0; i < 5; ++i) ASSERT_TRUE(counter->pull(soon()));
  EXPECT_EQ(values(), count_to(5));
}

TEST_F(Isolated, MayDoWhatItDeclaresAndNoMore) {
  plugin_host::testing::TempDir dir;
  const std::string file = dir.path() + "/secret";
  std::ofstream(file) << "x";
  EXPECT_EQ(probe("bare", "thread"), "allowed");
  EXPECT_EQ(probe("bare", "read /proc/stat"), "allowed");
  EXPECT_EQ(probe("bare", "read /etc/hosts"), "allowed");
  EXPECT_EQ(probe("bare", "network"), "refused");
  EXPECT_EQ(probe("bare", "fork"), "refused");
  EXPECT_EQ(probe("bare", "kill"), "refused");
  EXPECT_EQ(probe("bare", "environment"), "refused");
  EXPECT_EQ(probe("bare", "read /etc/shadow"), "refused");
  EXPECT_EQ(probe("bare", "read " + file), "refused");
  EXPECT_EQ(probe("bare", "write " + dir.path() + "/new"), "refused");
  EXPECT_EQ(probe("networked", "network"), "allowed");
  EXPECT_EQ(probe("networked", "fork"), "refused");
}

TEST_F(Isolated, ConfigurationWidensWhatItMayDo) {
  plugin_host::testing::TempDir dir;
  Isolation wide;
  wide.needs = {"network", "processes", "files:" + dir.path()};
  EXPECT_EQ(probe("bare", "network", wide), "allowed");
  EXPECT_EQ(probe("bare", "fork", wide), "allowed");
  EXPECT_EQ(probe("bare", "kill", wide), "refused");
  EXPECT_EQ(probe("bare", "write " + dir.path() + "/new", wide), "allowed");
  EXPECT_EQ(probe("bare", "read " + dir.path() + "/new", wide), "allowed");
  EXPECT_EQ(probe("bare", "write /etc/new", wide), "refused");
  wide.needs = {"everything"};
  auto made = try_make("bare", base::Value(base::Value::Table{}), wide);
  ASSERT_FALSE(made);
  EXPECT_NE(made.error().message().find("\"everything\" is none of"), std::string::npos);
}

TEST_F(Isolated, RefusesAProgramThatIsNotThere) {
  runners = std::make_unique<Runners>(RunnersSettings{"/nonexistent/tocsin-runner", {}}, port, Runners::Listeners{});
  auto made = try_make("teller", base::Value(base::Value::Table{}), {});
  ASSERT_FALSE(made);
  EXPECT_NE(made.error().message().find("cannot be started"), std::string::npos) << made.error().message();
}

TEST_F(Isolated, StopsWithCallsUnderWay) {
  auto teller = make("teller");
  std::vector<std::future<Instance::Sent>> open;
  for (int i = 0; i < 50; ++i) open.push_back(deliver_later(*teller, "later"));
  teller->stop();
  teller.reset();
  for (auto& each : open) EXPECT_EQ(each.wait_for(patience), std::future_status::ready);
}

}  // namespace
}  // namespace tocsin::plugin_host::runner
