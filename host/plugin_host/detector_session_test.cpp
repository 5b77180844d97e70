#include <gtest/gtest.h>

#include "plugin_host/testdata/fake_port.hpp"
#include "plugin_host/value_view.hpp"

namespace tocsin::plugin_host {
namespace {

using testing::test_of;
using testing::text;
using testing::WireTest;

class Judging : public WireTest {
 public:
  tsn_status add_rule(const tsn_rule_sink* sink, const base::Value& table, void* script, tsn_err* err) {
    ValueView view(table);
    return sink->add_rule(sink, view.root(), script, err);
  }
  base::Result<void> evaluate() {
    rows.size = sizeof rows, rows.rows = 3, rows.columns = 1, rows.cells = cells;
    verdicts.size = sizeof verdicts, verdicts.stride = sizeof(tsn_verdict), verdicts.items = items;
    verdicts.text = buffer, verdicts.text_cap = sizeof buffer;
    return instance_->evaluate(nullptr, rows, verdicts);
  }
  double cells[3] = {1, 2, 3};
  tsn_verdict items[3] = {};
  char buffer[16] = {};
  tsn_rows rows{};
  tsn_verdicts verdicts{};
  std::string seen;
};

TEST_F(Judging, TakesTheRulesOfAScript) {
  make_started();
  wire_.load = [](wire* w, tsn_str file, tsn_str source, const tsn_rule_sink* sink, tsn_err* err) -> tsn_status {
    auto& test = test_of<Judging>(w);
    test.seen = text(file) + ":" + text(source);
    base::Value table;
    table.set("name", base::Value("r1"));
    table.set("tiers", base::Value(base::Value::Array{base::Value(std::int64_t{85}), base::Value(0.5)}));
    return test.add_rule(sink, table, &test, err);
  };
  auto rules = instance_->load_script("rules.d/a.wire", "rule {}");
  ASSERT_TRUE(rules) << rules.error().message();
  ASSERT_EQ(rules->size(), 1u);
  EXPECT_EQ(seen, "rules.d/a.wire:rule {}");
  EXPECT_EQ(base::to_json((*rules)[0].table), R"({"name":"r1","tiers":[85,0.5]})");
  EXPECT_EQ((*rules)[0].script, this);
}
TEST_F(Judging, NamesTheFileThatCannotBeLoaded) {
  make_started();
  wire_.load = [](wire*, tsn_str, tsn_str, const tsn_rule_sink*, tsn_err* err) -> tsn_status {
    err->n = 6;
    __builtin_memcpy(err->msg, "line 3", 6);
    return TSN_INVALID;
  };
  auto rules = instance_->load_script("a.wire", "");
  ASSERT_FALSE(rules);
  EXPECT_EQ(rules.error().message(), "source.wired: a.wire: line 3");
}
TEST_F(Judging, RefusesTablesThatCannotBe) {
  make_started();
  wire_.load = [](wire* w, tsn_str, tsn_str, const tsn_rule_sink* sink, tsn_err* err) -> tsn_status {
    tsn_value inner{};
    inner.type = TSN_TABLE, inner.count = 5, inner.stride = sizeof inner;
    test_of<Judging>(w).seen += std::to_string(sink->add_rule(sink, &inner, nullptr, err));  // no items
    inner.items = &inner, inner.count = 1;
    static const tsn_str key = {"k", 1};
    inner.keys = &key;
    test_of<Judging>(w).seen += std::to_string(sink->add_rule(sink, &inner, nullptr, err));  // holds itself
    inner.type = 99;
    test_of<Judging>(w).seen += std::to_string(sink->add_rule(sink, &inner, nullptr, err));
    inner.type = TSN_STRING, inner.s = {nullptr, 8};
    test_of<Judging>(w).seen += std::to_string(sink->add_rule(sink, &inner, nullptr, err));
    test_of<Judging>(w).seen += std::to_string(sink->add_rule(sink, nullptr, nullptr, err));
    return TSN_OK;
  };
  auto rules = instance_->load_script("a.wire", "");
  ASSERT_TRUE(rules);
  EXPECT_TRUE(rules->empty());
  EXPECT_EQ(seen, "-2-2-2-2-2");
}
TEST_F(Judging, ShowsARuleToItsDetector) {
  make_started();
  wire_.compile = [](wire* w, const tsn_rule* rule, const tsn_inputs*, void** program, tsn_err*) -> tsn_status {
    test_of<Judging>(w).seen = text(rule->name) + std::to_string(rule->severity) + std::to_string(rule->over) +
                               text(rule->by[1]) + std::to_string(rule->table->count) + std::to_string(rule->aggregate);
    *program = rule->script;
    return TSN_OK;
  };
  model::Rule rule;
  rule.name = "r", rule.severity = model::Severity::high, rule.over = base::Duration(60), rule.by = {"a", "b"};
  rule.aggregate = model::Aggregate::count;
  rule.table.set("threshold", base::Value(5.0));
  tsn_inputs inputs{};
  inputs.size = sizeof inputs;
  auto program = instance_->compile(rule, this, inputs);
  ASSERT_TRUE(program);
  EXPECT_EQ(*program, this);
  EXPECT_EQ(seen, "r360b15");
}
TEST_F(Judging, GivesTheVerdicts) {
  make_started();
  wire_.evaluate = [](wire*, void*, const tsn_rows* in, tsn_verdicts* out, tsn_err*) -> tsn_status {
    for (std::uint32_t r = 0; r < in->rows; ++r) {
      if (in->cells[r] > 2) out->items[r] = {TSN_VERDICT_FIRING, TSN_SEV_HIGH, in->cells[r], 2, 0, 4};
    }
    out->text_used = 4;
    return TSN_OK;
  };
  ASSERT_TRUE(evaluate());
  EXPECT_EQ(items[1].state, TSN_VERDICT_OK);
  EXPECT_EQ(items[2].state, TSN_VERDICT_FIRING);
  EXPECT_EQ(items[2].message_n, 4u);
  EXPECT_EQ(verdicts.text_used, 4u);
}
TEST_F(Judging, MakesImpossibleVerdictsHarmless) {
  make_started();
  wire_.evaluate = [](wire*, void*, const tsn_rows*, tsn_verdicts* out, tsn_err*) -> tsn_status {
    out->items[0] = {99, 0, 1, 1, 0, 0};
    out->items[1] = {TSN_VERDICT_FIRING, 9, 1, 1, 0, 0};
    out->items[2] = {TSN_VERDICT_FIRING, 0, 1, 1, 0xFFFFFFF0, 0xFFFFFFF0};
    out->items = nullptr, out->stride = 0, out->text_used = 0xFFFFFFFF;
    return TSN_OK;
  };
  ASSERT_TRUE(evaluate());
  for (const tsn_verdict& one : items) {
    EXPECT_EQ(one.state, TSN_VERDICT_KEEP);
    EXPECT_EQ(one.message_n, 0u);
  }
  EXPECT_EQ(verdicts.text_used, sizeof buffer);
  EXPECT_EQ(instance_->usage().errors, 1u);
}
TEST_F(Judging, FailsWithThePluginsStatus) {
  make_started();
  wire_.evaluate = [](wire*, void*, const tsn_rows*, tsn_verdicts*, tsn_err*) -> tsn_status { return TSN_FAILED; };
  EXPECT_EQ(evaluate().error().fault(), base::Fault::unavailable);
}

}  // namespace
}  // namespace tocsin::plugin_host
