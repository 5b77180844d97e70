// Rules judged: scripts, compiling, evaluating. Called by the one thread of the detector's shard.
#include "plugin_host/instance_core.hpp"
#include "plugin_host/value_view.hpp"

namespace tocsin::plugin_host {

using base::fail;
using base::Fault;
using base::Result;

namespace {

struct ScriptRules {
  std::string file;
  std::vector<Instance::LoadedRule> rules;
};

tsn_status add_rule(const tsn_rule_sink* sink, const tsn_value* table, void* script, tsn_err* err) noexcept {
  if (sink == nullptr || sink->ctx == nullptr) return refuse(err, TSN_INVALID, "add_rule: the sink is not the host's");
  auto& to = *static_cast<ScriptRules*>(sink->ctx);
  try {
    auto value = read_value(table, to.file);
    if (!value) return refuse(err, TSN_INVALID, value.error().message());
    if (value->table() == nullptr) return refuse(err, TSN_INVALID, "add_rule: a rule is a table");
    to.rules.push_back({std::move(*value), script});
    return TSN_OK;
  } catch (const std::exception& error) {
    return refuse(err, TSN_FAILED, error.what());
  }
}

/// What a plugin may have written into a verdict, made into what detection expects.
bool sound_verdict(tsn_verdict& verdict, std::uint32_t text_used) {
  bool good = verdict.state <= TSN_VERDICT_AGAIN && verdict.severity <= TSN_SEV_CRITICAL &&
              (verdict.message_n == 0 ||
               (verdict.message_at <= text_used && verdict.message_n <= text_used - verdict.message_at));
  if (good) return true;
  verdict = {TSN_VERDICT_KEEP, TSN_SEV_NONE, verdict.value, verdict.threshold, 0, 0};
  return false;
}

}  // namespace

Result<std::vector<Instance::LoadedRule>> InstanceCore::load_script(const std::string& file, std::string_view text) {
  if (type_.detector.load == nullptr)
    return fail(Fault::unsupported, settings_.name + ": this detector has no script files");
  ScriptRules rules{file, {}};
  tsn_rule_sink sink{};
  sink.size = sizeof sink;
  sink.ctx = &rules;
  sink.add_rule = &add_rule;
  tsn_err err = new_err();
  tsn_status status = call({EntryPoint::load}, err,
                           [&](tsn_err& e) { return type_.detector.load(self_, str(file), str(text), &sink, &e); });
  if (status != TSN_OK) return fail(error(status, err, file));
  return std::move(rules.rules);
}

void InstanceCore::unload_script(const std::string& file) {
  if (type_.detector.unload == nullptr) return;
  if (!seq_.enter()) return;
  std::lock_guard seq(seq_, std::adopt_lock);
  Entered entered(*mark_, EntryPoint::unload, Within{}.limit_ms);
  type_.detector.unload(self_, str(file));
}

Result<void*> InstanceCore::compile(const model::Rule& rule, void* script, const tsn_inputs& inputs) {
  if (type_.detector.compile == nullptr) return fail(Fault::unsupported, settings_.name + ": is not a detector");
  ValueView table(rule.table);
  std::vector<tsn_str> by;
  for (const std::string& name : rule.by) by.push_back(str(name));
  tsn_rule view{};
  view.size = sizeof view;
  view.severity = static_cast<tsn_severity>(rule.severity);
  view.name = str(rule.name);
  view.file = str(rule.place.file ? std::string_view(*rule.place.file) : std::string_view(rule.script_file));
  view.table = table.root();
  view.aggregate = static_cast<tsn_aggregate>(rule.aggregate);
  view.over = rule.over.count();
  view.by = by.data();
  view.by_count = static_cast<std::uint32_t>(by.size());
  view.by_stride = sizeof(tsn_str);
  view.script = script;
  void* program = nullptr;
  tsn_err err = new_err();
  tsn_status status = call({EntryPoint::compile}, err,
                           [&](tsn_err& e) { return type_.detector.compile(self_, &view, &inputs, &program, &e); });
  if (status != TSN_OK) return fail(error(status, err, "rule " + rule.name));
  return program;
}

void InstanceCore::release(void* program) {
  if (type_.detector.release == nullptr) return;
  if (!seq_.enter()) return;
  std::lock_guard seq(seq_, std::adopt_lock);
  Entered entered(*mark_, EntryPoint::release, Within{}.limit_ms);
  type_.detector.release(self_, program);
}

Result<void> InstanceCore::evaluate(void* program, const tsn_rows& rows, tsn_verdicts& verdicts) {
  std::unique_lock seq(seq_, std::defer_lock);
  if (has_callbacks_.load(std::memory_order_relaxed)) seq.lock();
  AccountedEvaluate accounted(usage_);
  tsn_err err;
  err.size = sizeof err;
  err.code = 0, err.retry_after_ms = 0, err.n = 0;
  tsn_verdicts out = verdicts;  // a copy: the plugin cannot redirect what is read below
  tsn_status status;
  {
    Entered entered(*mark_, EntryPoint::evaluate, evaluate_limit_ms);
    status = type_.detector.evaluate(self_, program, &rows, &out, &err);
  }
  if (status != TSN_OK) [[unlikely]] {
    usage_.evaluate_failed();
    return fail(error(status, err, "evaluate"));
  }
  verdicts.text_used = std::min(out.text_used, verdicts.text_cap);
  bool good = true;
  char* item = reinterpret_cast<char*>(verdicts.items);
  for (std::uint32_t r = 0; r < rows.rows; ++r, item += verdicts.stride) {
    auto& verdict = *reinterpret_cast<tsn_verdict*>(item);
    if (verdict.state != TSN_VERDICT_OK) good &= sound_verdict(verdict, verdicts.text_used);
  }
  if (!good) [[unlikely]]
    violation("evaluate wrote a verdict that the ABI does not know; the rule's state is kept");
  return {};
}

}  // namespace tocsin::plugin_host
