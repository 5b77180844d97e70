#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <deque>
#include <future>
#include <memory>
#include <string>
#include <thread>

#include "event_paths.hpp"
#include "hand_over.hpp"
#include "id_window.hpp"
#include "message_reader.hpp"
#include "tocsin/testing/fake_host.hpp"
#include "tocsin/testing/values.hpp"
#include "unpack/packing_test.hpp"

// What needs a broker is in tests/acceptance/amqp_source_test.py, with a real one.
namespace {

using namespace tocsin_plugins::amqp;
using tsn::Value;
using tsn::testing::FakeHost;

constexpr tsn::Time second = 1'000'000'000;

Delivery delivery(std::string body) {
  Delivery out;
  out.exchange = "orders";
  out.routing_key = "order.paid";
  out.body = std::move(body);
  return out;
}

/// A T in an instance of the fake host, with `options` as the instance's.
template <class T>
class Inside {
 public:
  explicit Inside(const char* options)
      : config_(tsn::testing::from_json(options)),
        create_(make()),
        session_(host.table(), create_),
        entered_(&session_) {
    session_.config = create_.config;
    it = std::make_unique<T>(tsn::Context(), tsn::Config(config_.view()));
  }

  FakeHost host;
  std::unique_ptr<T> it;

 private:
  tsn_create make() {
    tsn_create create{};
    create.size = sizeof create;
    create.instance = host.register_instance();
    create.config = config_.view();
    return create;
  }
  Value config_;
  tsn_create create_;
  tsn::detail::Session session_;
  const tsn::detail::Entered entered_;
};

class Reading : public Inside<MessageReader> {
 public:
  using Inside::Inside;
  std::optional<Poison> take(Delivery message) { return it->take(message); }
  std::optional<Poison> take(std::string body) { return take(delivery(std::move(body))); }
  /// The rows of what was taken since the last time.
  std::vector<tsn::testing::Row> rows() {
    host.clear();
    EXPECT_TRUE(it->batch().submit().status.is_ok());
    it->submitted();
    it->report_refusals();
    return host.rows();
  }
};

TEST(AmqpSignals, TakesOneAnArrayAndTheBulkPush) {
  Reading in(R"({"format": "signals"})");
  EXPECT_FALSE(in.take(R"({"name": "etl.run", "value": 1, "labels": {"loader": "A"}})"));
  EXPECT_FALSE(in.take(R"([{"name": "b", "value": 2}, {"name": "c", "value": 3}])"));
  EXPECT_FALSE(in.take(R"({"signals": [{"name": "d", "value": 4, "ts": "2026-11-20T09:59:00Z"}]})"));
  const auto rows = in.rows();
  ASSERT_EQ(rows.size(), 4u);
  EXPECT_EQ(rows[0].label("loader"), "A");
  EXPECT_EQ(rows[2].name, "c");
  EXPECT_EQ(rows[3].ts, in.host.now() - 60 * second);
}

TEST(AmqpSignals, OneBadSignalDoesNotCostTheMessage) {
  Reading in("{}");
  EXPECT_FALSE(in.take(R"([{"name": "a", "value": NaN}, {"value": 1}, {"name": "good", "value": 2}])"));
  const auto rows = in.rows();
  ASSERT_EQ(rows.size(), 1u);
  EXPECT_EQ(rows[0].name, "good");
  ASSERT_EQ(in.host.rejected().size(), 2u);
  EXPECT_EQ(in.host.rejected()[0].error_type, "name");
}

TEST(AmqpSignals, AMessageThatCannotBeReadLeavesWhatCameBeforeItAlone) {
  Reading in("{}");
  EXPECT_FALSE(in.take(R"({"name": "first", "value": 1})"));
  for (const char* body : {"", "garbage", "{", "7", R"([{"name": "half", "value": 1}, {"name": )", R"({"signals": 5})",
                           R"({"name": "a", "value": "x"})", R"([{"value": 1}])", "\xff\xfe"}) {
    EXPECT_TRUE(in.take(body)) << body;
  }
  EXPECT_FALSE(in.take("[]"));
  const auto rows = in.rows();
  ASSERT_EQ(rows.size(), 1u);
  EXPECT_EQ(rows[0].name, "first");
}

TEST(AmqpSignals, UnpacksWithinTheBound) {
  Reading in(R"({"max_message": 4096})");
  auto packed = delivery(tocsin_plugins::packing::gzip(R"({"name": "a", "value": 1})"));
  packed.content_encoding = "gzip";
  EXPECT_FALSE(in.take(packed));
  EXPECT_EQ(in.rows().size(), 1u);
  packed.body = tocsin_plugins::packing::gzip(std::string(5000, ' '));
  EXPECT_EQ(in.take(packed)->type, "size");
  packed.body = "no gzip";
  EXPECT_EQ(in.take(packed)->type, "encoding");
  packed = delivery(tocsin_plugins::packing::zstd(R"({"name": "a", "value": 2})"));
  packed.content_encoding = "zstd";
  EXPECT_FALSE(in.take(packed));
  EXPECT_EQ(in.rows().size(), 1u);
  packed.body = tocsin_plugins::packing::zstd(std::string(5000, ' '));
  EXPECT_EQ(in.take(packed)->type, "size");
  packed.content_encoding = "br";
  EXPECT_EQ(in.take(packed)->type, "encoding");
  auto large = delivery("");
  large.too_long = true;
  EXPECT_EQ(in.take(large)->type, "size");
}

constexpr const char* event_options =
    R"({"format": "event", "signal": "order.event", "fields": ["routing_key", "header:x-shop"],
  "event": {"signal": "/kind", "value": "/amount", "time": "/at", "text": "/words", "labels": {"status": "/state/name", "line": "/lines/1/sku"}}})";

TEST(AmqpEvent, ReadsWhatItsPointersSay) {
  Reading in(event_options);
  auto message = delivery(R"({"kind": "order.paid", "amount": "12.5", "at": 1795168700, "words": "paid in full",
                              "state": {"name": "PAID"}, "lines": [{"sku": "a"}, {"sku": 17}]})");
  message.headers.emplace_back("x-shop", "riyadh");
  EXPECT_FALSE(in.take(message));
  const auto rows = in.rows();
  ASSERT_EQ(rows.size(), 1u);
  EXPECT_EQ(rows[0].name, "order.paid");
  EXPECT_EQ(rows[0].value, 12.5);
  EXPECT_EQ(rows[0].ts, 1'795'168'700 * second);
  EXPECT_EQ(rows[0].text, "paid in full");
  EXPECT_EQ(rows[0].label("status"), "PAID");
  EXPECT_EQ(rows[0].label("line"), "17");
  EXPECT_EQ(rows[0].label("routing_key"), "order.paid");
  EXPECT_EQ(rows[0].label("x_shop"), "riyadh");
}

TEST(AmqpEvent, WhatIsNotThereIsLeftOut) {
  Reading in(
      R"({"format": "event", "signal": "order.event", "event": {"signal": "/kind", "time": "/at", "labels": {"s": "/s"}}})");
  EXPECT_FALSE(in.take(R"({"x": 1})"));
  const auto rows = in.rows();
  ASSERT_EQ(rows.size(), 1u);
  EXPECT_EQ(rows[0].name, "order.event");
  EXPECT_EQ(rows[0].value, 1);
  EXPECT_EQ(rows[0].ts, in.host.now());
  EXPECT_EQ(rows[0].text, R"({"x": 1})");
  EXPECT_EQ(rows[0].label("s"), "");
}

TEST(AmqpEvent, RefusesAValueOrATimeThatIsNone) {
  Reading in(event_options);
  EXPECT_EQ(in.take(R"({"amount": "many"})")->type, "value");
  EXPECT_EQ(in.take(R"({})")->type, "value");
  EXPECT_EQ(in.take(R"({"amount": 1, "at": "yesterday"})")->type, "timestamp");
  EXPECT_EQ(in.take(R"({"amount": 1,)")->type, "json");
  EXPECT_EQ(in.take("[]")->type, "json");
  EXPECT_TRUE(in.rows().empty());
}

TEST(AmqpEvent, TextIsAnEventUnlessItIsSaidToBeJson) {
  Reading in(R"({"format": "event", "signal": "note"})");
  EXPECT_FALSE(in.take("disk replaced\n"));
  auto broken = delivery("disk replaced");
  broken.content_type = "application/json; charset=utf-8";
  EXPECT_EQ(in.take(broken)->type, "json");
  EXPECT_EQ(in.take(" \n")->type, "event");
  const auto rows = in.rows();
  ASSERT_EQ(rows.size(), 1u);
  EXPECT_EQ(rows[0].text, "disk replaced");
}

constexpr const char* text_options = R"({"format": "text", "match": [
  {"signal": "job.failed", "pattern": "job (?<job>\\w+) failed"}, {"signal": "job.seconds", "pattern": "took (?<s>\\S+)s", "value": "s"}]})";

TEST(AmqpText, EachPatternThatFitsIsASignal) {
  Reading in(text_options);
  EXPECT_FALSE(in.take("job nightly failed, took 12.5s"));
  EXPECT_FALSE(in.take("all is well"));
  const auto rows = in.rows();
  ASSERT_EQ(rows.size(), 2u);
  EXPECT_EQ(rows[0].label("job"), "nightly");
  EXPECT_EQ(rows[1].value, 12.5);
  EXPECT_EQ(in.it->take_counts().unmatched, 1u);
}

TEST(AmqpText, AMessageOfWhichNothingBecameASignalIsRefused) {
  Reading in(text_options);
  EXPECT_EQ(in.take("took manys")->type, "value");
  EXPECT_FALSE(in.take("job x failed, took manys")) << "one of its patterns gave a signal";
  EXPECT_EQ(in.rows().size(), 1u);
}

TEST(AmqpText, HasTheMessagesTimeAndNoOtherFuture) {
  Reading in(R"({"format": "text", "max_age": 60000000000})");
  const auto now = in.host.now();
  auto message = delivery("x");
  for (const tsn::Time stamp :
       {now / second - 10, (now / second - 10) * 1000, now / second + 600, now / second - 600}) {
    message.timestamp = static_cast<std::uint64_t>(stamp);
    EXPECT_FALSE(in.take(message));
  }
  const auto rows = in.rows();
  ASSERT_EQ(rows.size(), 4u);
  EXPECT_EQ(rows[0].ts, now - 10 * second);
  EXPECT_EQ(rows[1].ts, now - 10 * second) << "milliseconds";
  EXPECT_EQ(rows[2].ts, now) << "ahead";
  EXPECT_EQ(rows[3].flags & TSN_ROW_OLD, TSN_ROW_OLD);
  EXPECT_EQ(rows[0].flags & TSN_ROW_OLD, 0u);
}

TEST(AmqpOptions, AreRefusedWithTheirName) {
  for (const auto& [options, part] :
       {std::pair{R"({"format": "event", "event": {"value": "amount"}})", "event.value"},
        std::pair{R"({"format": "event", "event": {"labels": {"a": "/x~2"}}})", "event.labels.a"},
        std::pair{R"({"format": "event", "event": {"labels": {"a-b": "/x"}}})", "event.labels"},
        std::pair{R"({"format": "event", "event": {"kind": "/x"}})", "kind"},
        std::pair{R"({"format": "event", "fields": ["type"], "event": {"labels": {"type": "/x"}}})", "fields"},
        std::pair{R"({"format": "text", "event": {"value": "/x"}})", "event"},
        std::pair{R"({"match": [{"signal": "a", "pattern": "b"}]})", "match"},
        std::pair{R"({"format": "text", "fields": ["colour"]})", "colour"}}) {
    try {
      Reading in(options);
      ADD_FAILURE() << options;
    } catch (const tsn::Failure& failure) {
      EXPECT_EQ(failure.status().value(), TSN_INVALID);
      EXPECT_NE(failure.status().text().find(part), std::string::npos) << failure.status().text();
    }
  }
}

Delivery with_id(std::string id, std::string app = "shop") {
  Delivery out = delivery("x");
  out.message_id = std::move(id);
  out.app_id = std::move(app);
  return out;
}

TEST(AmqpIds, AreOfTheirSender) {
  const auto key = IdWindow::key_of(with_id("1"), "");
  EXPECT_NE(key, 0u);
  EXPECT_EQ(key, IdWindow::key_of(with_id("1"), ""));
  EXPECT_NE(key, IdWindow::key_of(with_id("1", "till"), ""));
  EXPECT_EQ(IdWindow::key_of(with_id(""), ""), 0u);
  auto message = with_id("1");
  message.headers.emplace_back("x-id", "9");
  EXPECT_NE(IdWindow::key_of(message, "x-id"), key);
  EXPECT_EQ(IdWindow::key_of(message, "x-other"), 0u);
}

TEST(AmqpIds, SurviveInTheCursorTheNewestFirst) {
  IdWindow ids(3);
  for (std::uint64_t key = 1; key <= 5; ++key) ids.add(key);
  const auto cursor = ids.cursor();
  ids.commit();
  EXPECT_EQ(ids.cursor(), cursor);
  IdWindow again(3);
  EXPECT_TRUE(again.load(cursor));
  for (std::uint64_t key = 1; key <= 5; ++key) EXPECT_EQ(again.knows(key), key > 2) << key;
  EXPECT_FALSE(again.load("something else"));
  EXPECT_EQ(again.size(), 0u);
}

TEST(AmqpIds, OfWhatWasNotHandedOverAreForgotten) {
  IdWindow ids(8);
  ids.add(1);
  ids.commit();
  ids.add(2);
  EXPECT_TRUE(ids.knows(2));
  ids.roll_back();
  EXPECT_FALSE(ids.knows(2));
  EXPECT_TRUE(ids.knows(1));
}

TEST(AmqpIds, FitIntoACursor) {
  IdWindow ids(IdWindow::most);
  for (std::uint64_t key = 1; key <= IdWindow::most + 10; ++key) ids.add(key);
  EXPECT_LE(ids.cursor().size(), 64u * 1024);
}

/// What was settled, in order: "+3" acknowledged up to 3, "-2" rejected.
class Told : public Settler {
 public:
  tsn::Status acknowledge(std::uint64_t tag) override { return say("+", tag); }
  tsn::Status reject(std::uint64_t tag) override { return say("-", tag); }
  std::string all;
  bool broken = false;

 private:
  tsn::Status say(const char* what, std::uint64_t tag) {
    if (broken) return tsn::fail("the line broke");
    all += what + std::to_string(tag);
    return tsn::ok;
  }
};

class Handing : public Inside<HandOver> {
 public:
  explicit Handing(const char* options = R"({"format": "signals", "prefetch": 10})") : Inside(options) {}
  void come(std::uint64_t tag, std::string body, std::string id = {}) {
    auto message = delivery(std::move(body));
    message.tag = tag;
    message.message_id = std::move(id);
    pending.push_back(std::move(message));
  }
  tsn::Status work() { return it->work(pending, told); }
  std::deque<Delivery> pending;
  Told told;
};

constexpr const char* good = R"({"name": "a", "value": 1})";

TEST(AmqpHandOver, SettlesWhatIsDurableTheBadOnesFirst) {
  Handing in;
  in.come(1, good);
  in.come(2, "garbage");
  in.come(3, good);
  in.come(4, "garbage");
  EXPECT_TRUE(in.work());
  EXPECT_EQ(in.told.all, "-2-4+3");
  EXPECT_EQ(in.host.rows().size(), 2u);
  ASSERT_EQ(in.host.rejected().size(), 1u) << "one of each kind, with its count";
  EXPECT_EQ(in.host.rejected()[0].count, 2u);
  EXPECT_EQ(in.host.rejected()[0].raw, "garbage");
  EXPECT_NE(in.host.rejected()[0].reason.find("order.paid"), std::string::npos);
}

TEST(AmqpHandOver, AcknowledgesNothingWhileTheAgentTakesNothingIn) {
  Handing in;
  in.host.refuse_submits(2);
  in.come(1, good, "1");
  in.come(2, "garbage");
  EXPECT_TRUE(in.work());
  EXPECT_TRUE(in.it->refused());
  in.come(3, good, "3");
  EXPECT_TRUE(in.work());
  EXPECT_EQ(in.told.all, "");
  EXPECT_EQ(in.pending.size(), 1u) << "nothing more is read meanwhile";
  EXPECT_TRUE(in.work());
  EXPECT_FALSE(in.it->refused());
  EXPECT_EQ(in.told.all, "-2+1+3");
  EXPECT_EQ(in.host.rows().size(), 2u);
  EXPECT_EQ(in.it->take_counts().refusals, 1u);
}

TEST(AmqpHandOver, CountsOnceWhatComesAgainAndWhatIsSentTwice) {
  Handing in;
  in.come(1, good, "a");
  in.come(2, good, "a");
  in.come(3, good, "b");
  in.told.broken = true;  // durable, and the acknowledgement does not arrive
  EXPECT_FALSE(in.work());
  in.it->forget();
  in.told.broken = false;
  in.come(1, good, "a");
  in.come(2, good, "b");
  in.come(3, good);
  EXPECT_TRUE(in.work());
  EXPECT_EQ(in.host.rows().size(), 3u) << "a, b, and the one without an id";
  EXPECT_EQ(in.told.all, "+3");
}

TEST(AmqpHandOver, ForgetsWhatTheAgentDidNotTakeWhenTheLineBreaks) {
  Handing in;
  in.host.refuse_submits(1);
  in.come(1, good, "a");
  EXPECT_TRUE(in.work());
  in.it->forget();
  in.come(1, good, "a");
  EXPECT_TRUE(in.work());
  EXPECT_EQ(in.host.rows().size(), 1u);
  EXPECT_EQ(in.it->take_counts().duplicates, 0u);
}

TEST(AmqpHandOver, ASuccessorKnowsTheIdsOfTheCursor) {
  Handing first;
  first.come(1, good, "a");
  EXPECT_TRUE(first.work());
  ASSERT_TRUE(first.host.cursor());
  Handing second;
  EXPECT_TRUE(second.it->load(*first.host.cursor()));
  second.come(1, good, "a");
  second.come(2, good, "b");
  EXPECT_TRUE(second.work());
  EXPECT_EQ(second.host.rows().size(), 1u);
}

TEST(AmqpHandOver, RejectsWhatTheHostWillNeverTake) {
  Handing in;
  in.host.refuse_submits(1, TSN_INVALID);
  in.come(1, good, "a");
  EXPECT_TRUE(in.work());
  EXPECT_EQ(in.told.all, "-1");
  in.come(2, good, "a");
  EXPECT_TRUE(in.work());
  EXPECT_EQ(in.told.all, "-1+2") << "its id is not known: it was not taken";
}

TEST(AmqpHandOver, ABatchIsBoundedAndEachIsSettled) {
  Handing in(R"({"format": "text", "prefetch": 10})");
  for (std::uint64_t tag = 1; tag <= 200; ++tag) in.come(tag, std::string(16 * 1024, 'x'));
  EXPECT_TRUE(in.work());
  EXPECT_EQ(in.host.rows().size(), 200u);
  EXPECT_GT(in.host.batches(), 2u);
  EXPECT_TRUE(in.told.all.ends_with("+200")) << in.told.all;
}

/// Takes one connection and says nothing.
class SilentBroker {
 public:
  SilentBroker() {
    listener_ = socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(bind(listener_, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    EXPECT_EQ(listen(listener_, 4), 0);
    socklen_t size = sizeof address;
    getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size);
    port_ = ntohs(address.sin_port);
    thread_ = std::thread([this] {
      const int line = accept(listener_, nullptr, nullptr);
      char buffer[512];
      if (read(line, buffer, sizeof buffer) > 0) heard_.set_value();
      while (read(line, buffer, sizeof buffer) > 0) {
      }
      close(line);
    });
  }
  ~SilentBroker() {
    shutdown(listener_, SHUT_RDWR);
    thread_.join();
    close(listener_);
  }
  std::string url() const { return "amqp://127.0.0.1:" + std::to_string(port_); }
  void wait() { EXPECT_EQ(heard_.get_future().wait_for(std::chrono::seconds(10)), std::future_status::ready); }

 private:
  int listener_ = -1, port_ = 0;
  std::promise<void> heard_;
  std::thread thread_;
};

Value options(const std::string& url) {
  return Value::table({{"url", url}, {"queue", "q"}, {"password", "s3cret"}, {"timeout", "60s"}});
}

TEST(AmqpSource, ABrokerThatIsNotThereIsToldWithoutThePassword) {
  FakeHost host;
  auto source = host.create({}, options("amqp://127.0.0.1:9"));
  EXPECT_EQ(source->start().status, TSN_OK);
  tsn::testing::Answer answer;
  const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(10);
  while ((answer = source->pull()).status == TSN_OK && std::chrono::steady_clock::now() < until)
    std::this_thread::yield();
  EXPECT_EQ(answer.status, TSN_FAILED);
  EXPECT_NE(answer.text.find("127.0.0.1:9"), std::string::npos) << answer.text;
  EXPECT_EQ(answer.text.find("s3cret"), std::string::npos);
  source->stop();
  EXPECT_TRUE(host.violations().empty());
}

TEST(AmqpSource, StopsWhileABrokerKeepsItWaiting) {
  SilentBroker broker;
  FakeHost host;
  auto source = host.create({}, options(broker.url()));
  source->start();
  broker.wait();
  const auto began = std::chrono::steady_clock::now();
  source->stop();
  EXPECT_LT(std::chrono::steady_clock::now() - began, std::chrono::seconds(20)) << "long before its timeout of 60 s";
}

TEST(AmqpSource, RefusesOptionsThatCannotBeMeant) {
  FakeHost host;
  const auto refuses = [&](const char* key, Value value, const char* part) {
    auto table = options("amqp://h");
    table.set(key, std::move(value));
    try {
      host.create({}, table);
      ADD_FAILURE() << key;
    } catch (const tsn::Failure& failure) {
      EXPECT_NE(std::string(failure.what()).find(part), std::string::npos) << failure.what();
      EXPECT_EQ(std::string(failure.what()).find("s3cret"), std::string::npos);
    }
  };
  refuses("url", "amqp://u:s3cret@h", "password");
  refuses("queue", "", "queue");
  refuses("declare", Value::table({{"durabel", true}}), "durabel");
  refuses("declare", Value::table({{"type", "stream"}}), "declare.type");
  refuses("declare", Value::table({{"bindings", Value::array({Value::table({{"routing_key", "#"}})})}}), "exchange");
}

TEST(AmqpSource, ALookSaysWhatIsWrongAndNoPassword) {
  FakeHost host;
  auto source = host.create({}, options("amqp://127.0.0.1:9"));
  std::string report;
  EXPECT_EQ(source->probe(report).status, TSN_OK);
  EXPECT_TRUE(report.starts_with("error: amqp: ")) << report;
  EXPECT_EQ(report.find("s3cret"), std::string::npos);
}

}  // namespace
