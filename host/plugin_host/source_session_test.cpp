#include <gtest/gtest.h>

#include <future>

#include "plugin_host/testdata/fake_port.hpp"

namespace tocsin::plugin_host {
namespace {

using testing::BlockBuilder;
using testing::simple_block;
using testing::test_of;
using testing::text;
using testing::WireTest;

class Submitting : public WireTest {
 public:
  tsn_status submit(const tsn_batch* block, const tsn_bytes* cursor = nullptr) {
    out = {};
    out.size = sizeof out;
    out.rejects = rejects;
    out.cap = 2;
    err.size = sizeof err;
    return host()->submit(host(), id(), block, cursor, &out, &err);
  }
  std::string said() const { return std::string(err.msg, err.n); }

  tsn_submitted out{};
  tsn_row_reject rejects[2] = {};
  tsn_err err{};
};

TEST_F(Submitting, HandsOnWhatWasSubmitted) {
  auto with = settings();
  with.next_seq = 41;
  make(with);
  tsn_bytes cursor{"line 7", 6};
  ASSERT_EQ(submit(simple_block(series("x"), now(), 3).block(), &cursor), TSN_OK);
  ASSERT_EQ(port_.batches.size(), 1u);
  const model::SignalBatch& batch = *port_.batches[0];
  EXPECT_EQ(batch.instance + " " + batch.source, "source.wired wire");
  EXPECT_EQ(batch.cursor, "line 7");
  EXPECT_TRUE(batch.has_cursor);
  EXPECT_EQ(batch.first_seq, 41u);
  EXPECT_EQ(batch.arrived, port_.clock_.now());
  EXPECT_EQ(port_.series_.key(batch.series[0]).labels.get("dc"), "riyadh-1");
  EXPECT_EQ(out.accepted, 3u);
  EXPECT_EQ(out.first_seq, 41u);
}
TEST_F(Submitting, CountsRowsWithoutGapsThroughARefusal) {
  make();
  tsn_series x = series("x");
  ASSERT_EQ(submit(simple_block(x, now(), 2).block()), TSN_OK);
  port_.full = true;
  EXPECT_EQ(submit(simple_block(x, now(), 5).block()), TSN_RETRY);
  EXPECT_EQ(said(), "the intake is full");
  port_.full = false;
  ASSERT_EQ(submit(simple_block(x, now(), 5).block()), TSN_OK);
  EXPECT_EQ(out.first_seq, 3u);
}
TEST_F(Submitting, SaysWhichRowsWereRejectedAndKeepsThem) {
  make();
  BlockBuilder builder(4);
  builder.column<std::int64_t>(TSN_COL_TS, TSN_TYPE_I64, {now() + 61'000'000'000, now(), now() + 62'000'000'000, -1});
  builder.column<std::uint64_t>(TSN_COL_SERIES, TSN_TYPE_U64, std::vector<std::uint64_t>(4, series("x")));
  builder.column<double>(TSN_COL_VALUE, TSN_TYPE_F64, {1, 2, 3, 4});
  ASSERT_EQ(submit(builder.block()), TSN_OK);
  EXPECT_EQ(out.accepted, 1u);
  EXPECT_EQ(out.rejected, 3u);
  EXPECT_EQ(rejects[0].row, 0u);
  EXPECT_EQ(rejects[1].row, 2u);
  EXPECT_EQ(rejects[1].reason, TSN_REJECT_FUTURE);
  ASSERT_EQ(port_.rejects.size(), 2u);
  EXPECT_EQ(port_.rejects[0].error_type, "future");
  EXPECT_EQ(port_.rejects[0].count, 2u);
  EXPECT_EQ(port_.rejects[0].name, "x");
  EXPECT_EQ(port_.rejects[1].error_type, "timestamp");
  EXPECT_EQ(instance_->usage().rejected, 3u);
}
TEST_F(Submitting, RefusesWhatIsNoBatchAndCountsTheError) {
  make();
  EXPECT_EQ(submit(nullptr), TSN_INVALID);
  EXPECT_EQ(said(), "batch: there is none");
  EXPECT_EQ(instance_->usage().errors, 1u);
  EXPECT_TRUE(port_.batches.empty());
}
TEST_F(Submitting, RefusesCursorsBeyondTheLimit) {
  make();
  std::string longest(65537, 'c');
  tsn_bytes over{longest.data(), longest.size()}, without{nullptr, 4};
  auto block = simple_block(series("x"), now(), 1);
  EXPECT_EQ(submit(block.block(), &over), TSN_INVALID);
  EXPECT_EQ(submit(block.block(), &without), TSN_INVALID);
}
TEST_F(Submitting, MovesTheCursorWithoutRows) {
  make();
  tsn_bytes cursor{"c", 1};
  ASSERT_EQ(submit(BlockBuilder(0).block(), &cursor), TSN_OK);
  ASSERT_EQ(port_.batches.size(), 1u);
  ASSERT_EQ(submit(BlockBuilder(0).block()), TSN_OK);
  EXPECT_EQ(port_.batches.size(), 1u);
}
TEST_F(Submitting, LeavesAnOlderPluginsStructWithinItsSize) {
  make();
  tsn_submitted old{};
  old.size = offsetof(tsn_submitted, first_seq);
  old.first_seq = 99;
  auto block = simple_block(series("x"), now(), 1);
  ASSERT_EQ(host()->submit(host(), id(), block.block(), nullptr, &old, nullptr), TSN_OK);
  EXPECT_EQ(old.accepted, 1u);
  EXPECT_EQ(old.first_seq, 99u);
}
TEST_F(Submitting, KeepsInputThatCouldNotBecomeASignal) {
  make();
  std::string raw(3000, 'r');
  tsn_reject reject{};
  reject.size = sizeof reject;
  reject.error_type = text("json");
  reject.reason = text("not JSON");
  reject.raw = text(raw);
  host()->reject(host(), id(), &reject);
  ASSERT_EQ(port_.rejects.size(), 1u);
  EXPECT_EQ(port_.rejects[0].error_type, "json");
  EXPECT_EQ(port_.rejects[0].count, 1u);
  EXPECT_EQ(port_.rejects[0].raw.size(), 1024u);
}
TEST_F(Submitting, WarnsOnceOfTheLimitOfSeries) {
  auto with = settings();
  with.max_series = 1;
  make(with);
  ASSERT_NE(series("a"), 0u);
  EXPECT_EQ(series("b"), 0u);
  EXPECT_EQ(series("c"), 0u);
  EXPECT_EQ(port_.lines.size(), 1u);
}

class Pulling : public WireTest {
 public:
  base::Result<bool> pull() { return instance_->pull(in(std::chrono::seconds(5))); }
  std::promise<tsn_token> asked;
};

TEST_F(Pulling, GivesTheAnswer) {
  make_started();
  EXPECT_FALSE(*pull());
  wire_.pull = [](wire*, tsn_token, std::int64_t, tsn_err*) -> tsn_status { return TSN_OK; };
  EXPECT_TRUE(*pull());
  wire_.pull = [](wire*, tsn_token, std::int64_t, tsn_err*) -> tsn_status { return TSN_FAILED; };
  auto failed = pull();
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().message(), "source.wired: pull: pull failed with TSN_FAILED and no text");
}
TEST_F(Pulling, WaitsForAPendingAnswer) {
  make_started();
  wire_.pull = [](wire* w, tsn_token token, std::int64_t, tsn_err*) -> tsn_status {
    return test_of<Pulling>(w).asked.set_value(token), TSN_PENDING;
  };
  auto answer = std::async(std::launch::async, [&] { return pull(); });
  EXPECT_EQ(host()->complete(host(), id(), asked.get_future().get(), TSN_END, nullptr, nullptr), TSN_OK);
  EXPECT_FALSE(*answer.get());
}
TEST_F(Pulling, EndsWithAnErrorWhenTheInstanceStops) {
  make_started();
  wire_.pull = [](wire* w, tsn_token token, std::int64_t, tsn_err*) -> tsn_status {
    return test_of<Pulling>(w).asked.set_value(token), TSN_PENDING;
  };
  wire_.cancel = [](wire* w, tsn_token token) {
    w->host->complete(w->host, w->instance, token, TSN_CANCELLED, nullptr, nullptr);
  };
  auto answer = std::async(std::launch::async, [&] { return pull(); });
  asked.get_future().wait();
  instance_->stop();
  auto got = answer.get();
  ASSERT_FALSE(got);
  EXPECT_EQ(got.error().fault(), base::Fault::cancelled);
  EXPECT_EQ(pull().error().fault(), base::Fault::cancelled);
}

}  // namespace
}  // namespace tocsin::plugin_host
