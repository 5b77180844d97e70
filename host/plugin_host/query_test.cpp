// Questions of rules to an instance: what is asked arrives, what is answered is checked.
#include <gtest/gtest.h>

#include <cmath>
#include <thread>

#include "plugin_host/testdata/fake_port.hpp"

namespace tocsin::plugin_host {
namespace {

using testing::test_of;

class Questions : public testing::WireTest {
 protected:
  base::Result<model::RuleAnswer> ask(std::uint32_t most = 10) {
    base::Value table;
    table.set("expr", "up == 0");
    return instance_->query(table, most, base::from_ns(now()), in(std::chrono::seconds(3)));
  }
  static tsn_status add(tsn_query_rows* rows, std::vector<std::pair<std::string_view, std::string_view>> labels,
                        double value, std::int64_t ts = 0) {
    std::vector<tsn_label> abi;
    for (const auto& [name, text] : labels)
      abi.push_back({{name.data(), static_cast<std::uint32_t>(name.size())},
                     {text.data(), static_cast<std::uint32_t>(text.size())}});
    return rows->add(rows, abi.data(), static_cast<std::uint32_t>(abi.size()), value, ts);
  }
};

TEST_F(Questions, TheQuestionArrivesAndItsRowsComeBack) {
  make_started();
  ASSERT_TRUE(instance_->queries());
  wire_.query = [](wire*, tsn_token, const tsn_query* q, tsn_query_rows* rows, tsn_err*) -> tsn_status {
    EXPECT_EQ(q->max_rows, 10u);
    EXPECT_EQ(q->table->count, 1u);
    EXPECT_EQ(std::string(q->table->items[0].s.p, q->table->items[0].s.n), "up == 0");
    add(rows, {{"job", "a"}, {"empty", ""}}, 1.5, 42);
    return add(rows, {{"job", "b"}}, NAN);
  };
  const auto answer = ask();
  ASSERT_TRUE(answer) << answer.error().message();
  ASSERT_EQ(answer->rows.size(), 2u);
  EXPECT_EQ(answer->rows[0].labels.text(), "{job=\"a\"}");
  EXPECT_EQ(base::to_ns(answer->rows[0].at), 42);
  EXPECT_TRUE(std::isnan(answer->rows[1].value));
  EXPECT_EQ(base::to_ns(answer->rows[1].at), now());
  EXPECT_EQ(instance_->usage().of(Function::query).calls, 1u);
}

TEST_F(Questions, AnAnswerMayComeLaterFromAnotherThread) {
  make_started();
  std::thread later;
  static std::thread* thread;
  thread = &later;
  wire_.query = [](wire* w, tsn_token token, const tsn_query*, tsn_query_rows* rows, tsn_err*) -> tsn_status {
    *thread = std::thread([w, token, rows] {
      add(rows, {{"job", "a"}}, 1);
      w->host->complete(w->host, w->instance, token, TSN_OK, nullptr, nullptr);
    });
    return TSN_PENDING;
  };
  const auto answer = ask();
  later.join();
  ASSERT_TRUE(answer) << answer.error().message();
  EXPECT_EQ(answer->rows.size(), 1u);
}

TEST_F(Questions, TooManyRowsAreNoAnswer) {
  make_started();
  wire_.query = [](wire*, tsn_token, const tsn_query*, tsn_query_rows* rows, tsn_err*) -> tsn_status {
    EXPECT_EQ(add(rows, {{"n", "1"}}, 1), TSN_OK);
    EXPECT_EQ(add(rows, {{"n", "2"}}, 1), TSN_CARDINALITY);
    return TSN_OK;  // a plugin that does not look
  };
  const auto answer = ask(1);
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().fault(), base::Fault::exhausted);
}

TEST_F(Questions, TwoRowsWithTheSameLabelsAreNoAnswer) {
  make_started();
  wire_.query = [](wire*, tsn_token, const tsn_query*, tsn_query_rows* rows, tsn_err*) -> tsn_status {
    EXPECT_EQ(add(rows, {{"n", "1"}}, 1), TSN_OK);
    EXPECT_EQ(add(rows, {{"n", "1"}}, 2), TSN_INVALID);
    return TSN_OK;
  };
  EXPECT_EQ(ask().error().message(),
            "source.wired: the answer has two rows with the same labels; ask for one row for each, for instance with a "
            "sum or a GROUP BY");
}

TEST_F(Questions, ARefusalSaysWhy) {
  make_started();
  wire_.query = [](wire*, tsn_token, const tsn_query*, tsn_query_rows*, tsn_err* err) -> tsn_status {
    err->n = 5;
    __builtin_memcpy(err->msg, "1:3: ", 5);
    return TSN_INVALID;
  };
  const auto answer = ask();
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().fault(), base::Fault::invalid);
  EXPECT_EQ(answer.error().message(), "source.wired: query: 1:3: ");
}

}  // namespace
}  // namespace tocsin::plugin_host
