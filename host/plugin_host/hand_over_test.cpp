// A successor takes over: its state, its cursor, its row numbers; and what becomes of one that cannot.
#include "plugin_host/hand_over.hpp"

#include "plugin_host/abi_text.hpp"
#include "plugin_host/sequence.hpp"
#include "plugin_host/testdata/fake_port.hpp"

namespace tocsin::plugin_host {
namespace {

using namespace testing;
using Serving = HandedOver::Serving;

class HandOver : public WireTest {
 public:
  ~HandOver() override {  // they still note what is called
    successor_.reset();
    instance_.reset();
  }
  /// The old one runs behind wire_, the successor behind next_. Each notes what is called.
  void make_both() {
    for (wire* w : {&wire_, &next_}) {
      w->start = [](wire* me, tsn_bytes cursor, tsn_err*) -> tsn_status {
        test_of<HandOver>(me).note(me, "start " + std::string(static_cast<const char*>(cursor.p), cursor.n));
        return TSN_OK;
      };
      w->stop = [](wire* me) { test_of<HandOver>(me).note(me, "stop"); };
      w->save = [](wire* me, tsn_out* out, tsn_err*) -> tsn_status {
        auto& test = test_of<HandOver>(me);
        test.note(me, "save " + std::to_string(out->cap));
        out->n = static_cast<std::uint32_t>(test.state.size());
        if (out->n > out->cap) return TSN_RETRY;
        __builtin_memcpy(out->p, test.state.data(), test.state.size());
        return TSN_OK;
      };
      w->take_over = [](wire* me, tsn_bytes given, tsn_err*) -> tsn_status {
        auto& test = test_of<HandOver>(me);
        test.note(me, "load");
        test.taken.assign(static_cast<const char*>(given.p), given.n);
        return TSN_OK;
      };
    }
    auto with = settings();
    with.sequence = sequence;
    make(with);
    ASSERT_TRUE(instance_->start("0"));
    next_.test = this;
    with.config.set("wire", base::Value(static_cast<std::int64_t>(reinterpret_cast<std::intptr_t>(&next_))));
    auto made = Instance::create(*load_library(TEST_PLUGINS "/wire.so"), with, port_);
    ASSERT_TRUE(made) << made.error().message();
    successor_ = *made;
    order.clear();
  }
  void note(wire* who, const std::string& what) { order.push_back((who == &next_ ? "new " : "old ") + what); }
  HandedOver go() {
    return hand_over(*instance_, *successor_, [this] {
      order.emplace_back("cursor");
      return "7";
    });
  }
  std::uint64_t submit(const wire& through) {
    tsn_series handle = 0;
    through.host->series(through.host, through.instance, text("x"), nullptr, 0, &handle, nullptr);
    auto block = simple_block(handle, now(), 1);
    tsn_submitted out{};
    out.size = sizeof out;
    EXPECT_EQ(through.host->submit(through.host, through.instance, block.block(), nullptr, &out, nullptr), TSN_OK);
    return out.first_seq;
  }

  wire next_{};
  std::shared_ptr<Instance> successor_;
  std::shared_ptr<Sequence> sequence = std::make_shared<Sequence>(1);
  std::string state = "state", taken;
  std::vector<std::string> order;
};

TEST_F(HandOver, StopsBeforeItSavesAndAsksForTheCursorLast) {
  make_both();
  const auto done = go();
  EXPECT_EQ(done.serving, Serving::successor);
  EXPECT_EQ(done.text, "");
  EXPECT_EQ(taken, "state");
  EXPECT_EQ(order, (std::vector<std::string>{"old stop", "old save 65536", "new load", "cursor", "new start 7"}));
}

TEST_F(HandOver, GivesALargeStateItsRoom) {
  make_both();
  state = std::string(1'000'000, 's');
  EXPECT_EQ(go().serving, Serving::successor);
  EXPECT_EQ(taken, state);
  EXPECT_EQ(order[2], "old save 1000000");
}

TEST_F(HandOver, RefusesAStateWithoutBounds) {
  make_both();
  wire_.save = [](wire*, tsn_out* out, tsn_err*) -> tsn_status {
    out->n = 65u << 20;
    return TSN_RETRY;
  };
  const auto done = go();
  EXPECT_EQ(done.serving, Serving::successor);
  EXPECT_NE(done.text.find("save asks for 68157440 bytes"), std::string::npos) << done.text;
  EXPECT_EQ(taken, "");
}

TEST_F(HandOver, StartsTheOldOneAgainWhenTheStateIsNotUnderstood) {
  make_both();
  next_.take_over = [](wire*, tsn_bytes, tsn_err* err) -> tsn_status {
    return refuse(err, TSN_FAILED, "what is this");
  };
  const auto done = go();
  EXPECT_EQ(done.serving, Serving::old);
  EXPECT_NE(done.text.find("what is this"), std::string::npos) << done.text;
  EXPECT_EQ(order.back(), "old start 7");
  submit(wire_);
}

TEST_F(HandOver, StartsTheOldOneAgainWhenTheSuccessorDoesNotStart) {
  make_both();
  next_.start = [](wire*, tsn_bytes, tsn_err* err) -> tsn_status { return refuse(err, TSN_FAILED, "port in use"); };
  const auto done = go();
  EXPECT_EQ(done.serving, Serving::old);
  EXPECT_NE(done.text.find("port in use"), std::string::npos) << done.text;
  EXPECT_EQ(order.back(), "old start 7");
}

TEST_F(HandOver, SaysWhenNeitherServes) {
  make_both();
  for (wire* w : {&wire_, &next_})
    w->start = [](wire*, tsn_bytes, tsn_err* err) -> tsn_status { return refuse(err, TSN_FAILED, "no more"); };
  EXPECT_EQ(go().serving, Serving::none);
}

TEST_F(HandOver, GoesOnWithoutAStateThatCannotBeSaved) {
  make_both();
  wire_.save = [](wire*, tsn_out*, tsn_err* err) -> tsn_status { return refuse(err, TSN_FAILED, "disk gone"); };
  const auto done = go();
  EXPECT_EQ(done.serving, Serving::successor);
  EXPECT_NE(done.text.find("disk gone"), std::string::npos) << done.text;
}

TEST_F(HandOver, NumbersRowsOnWithoutGapOrDouble) {
  make_both();
  EXPECT_EQ(submit(wire_), 1u);
  EXPECT_EQ(submit(wire_), 2u);
  ASSERT_EQ(go().serving, Serving::successor);
  EXPECT_EQ(submit(next_), 3u);
}

TEST_F(HandOver, LeavesTheOldOneRunningBesideASuccessorThatFails) {
  make_both();
  next_.start = [](wire*, tsn_bytes, tsn_err* err) -> tsn_status { return refuse(err, TSN_FAILED, "no"); };
  EXPECT_EQ(start_beside(*instance_, *successor_, [] { return ""; }).serving, Serving::old);
  EXPECT_EQ(order, (std::vector<std::string>{"old save 65536", "new load"}));
}

TEST_F(HandOver, TakesNoStateOnceItRuns) {
  make_both();
  EXPECT_FALSE(instance_->load("late"));
}

TEST_F(HandOver, AccountsWhatEachFunctionTook) {
  make_both();
  ASSERT_EQ(go().serving, Serving::successor);
  submit(next_);
  const Usage old = instance_->usage(), now = successor_->usage();
  EXPECT_EQ(old.of(Function::save).calls, 1u);
  EXPECT_EQ(old.of(Function::stop).calls, 1u);
  EXPECT_EQ(now.of(Function::load).calls, 1u);
  EXPECT_EQ(now.calls, 3u);  // create, load, start
  EXPECT_EQ(now.signals, 1u);
  EXPECT_GT(now.cpu_ns, 0u);
  EXPECT_GT(now.memory_bytes, sizeof(void*));
  EXPECT_GT(now.mean_seconds(), 0);
}

}  // namespace
}  // namespace tocsin::plugin_host
