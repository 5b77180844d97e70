// Calls into a runner that the caller waits for: pulls, scripts, rules.
#include <algorithm>

#include "base/text.hpp"
#include "plugin_host/runner/evaluation.hpp"
#include "plugin_host/runner/remote_instance.hpp"

namespace tocsin::plugin_host::runner {

using base::fail;
using base::Fault;
using base::Result;

namespace {

template <class Call>
class Registered {
 public:
  Registered(std::mutex& mutex, std::map<std::uint64_t, Call>& calls, std::uint64_t id, Call call)
      : mutex_(mutex), calls_(calls), id_(id) {
    std::lock_guard lock(mutex_);
    calls_[id_] = call;
  }
  Registered(const Registered&) = delete;
  Registered& operator=(const Registered&) = delete;
  ~Registered() {
    std::lock_guard lock(mutex_);
    calls_.erase(id_);
  }

 private:
  std::mutex& mutex_;
  std::map<std::uint64_t, Call>& calls_;
  const std::uint64_t id_;
};

}  // namespace

Result<bool> RemoteInstance::pull(base::Time deadline) {
  const auto left = [&] { return std::max(deadline - port_.clock().now(), base::Duration(0)); };
  for (int attempt = 1;; ++attempt) {
    // A thread of the pool waits for no runner that is down: the next pull is soon. Only the one that has just died is
    // waited for, a moment, as it is usually there again at once.
    const bool wait = attempt > 1 && parts_.cell->soon();
    const auto patience = wait ? std::min(left(), parts_.limits.again) : base::Duration(0);
    auto process = up(std::chrono::steady_clock::now() + patience);
    if (!process) return fail(Fault::unavailable, name() + ": its runner is not there");
    Writer content;
    content(left());
    const Answered answer = ask(*process, Kind::pull, {content.bytes}, left() + parts_.limits.grace, "pull");
    if (answer.end != Link::End::answered) {
      // What it was pulled for is pulled once more, behind the last durable cursor.
      if (attempt == 1 && left().count() > 0) continue;
      return fail(died(*process, "pull"));
    }
    Reader in(answer.content);
    TRY_VOID(read_outcome(in));
    process->delivered = true;
    return in.value<std::uint8_t>() != 0;
  }
}

Result<void> RemoteInstance::sync(base::Time deadline) {
  if (!syncs()) return Instance::sync(deadline);
  const base::Duration left = std::max(deadline - port_.clock().now(), base::Duration(0));
  auto process = up(std::chrono::steady_clock::now() + std::min(left, parts_.limits.control));
  if (!process) return fail(Fault::unavailable, name() + ": its runner is not there");
  Writer content;
  content(left);
  const Answered answer = ask(*process, Kind::sync, {content.bytes}, left + parts_.limits.grace, "sync");
  if (answer.end != Link::End::answered) return fail(died(*process, "sync"));
  Reader in(answer.content);
  const auto done = read_outcome(in);
  return done ? done : fail(secrets_.masked(done.error()));
}

Result<std::string> RemoteInstance::probe(const model::Delivery* dry_run, const std::string& external_url,
                                          base::Time deadline) {
  if (!probes()) return Instance::probe(dry_run, external_url, deadline);
  ProbeParts parts;
  parts.dry_run = dry_run != nullptr;
  if (dry_run != nullptr) parts.delivery = *dry_run;
  parts.external_url = external_url;
  parts.left = std::max(deadline - port_.clock().now(), base::Duration(0));
  auto process = up(std::chrono::steady_clock::now() + std::min(parts.left, parts_.limits.control));
  if (!process) return fail(Fault::unavailable, name() + ": its runner is not there");
  Writer content;
  content(parts);
  const Answered answer = ask(*process, Kind::probe, {content.bytes}, parts.left + parts_.limits.grace, "probe");
  if (answer.end != Link::End::answered) return fail(died(*process, "probe"));
  Reader in(answer.content);
  if (const auto looked = read_outcome(in); !looked) return fail(secrets_.masked(looked.error()));
  const std::string_view report = in.text();
  if (!in.good()) return fail(Fault::corrupt, name() + ": the runner's report cannot be read");
  return secrets_.masked(report.substr(0, 128 * 1024));
}

Result<model::RuleAnswer> RemoteInstance::query(const base::Value& table, std::uint32_t most_rows, base::Time at,
                                                base::Time deadline) {
  if (!queries()) return Instance::query(table, most_rows, at, deadline);
  QueryParts parts{table, most_rows, at, std::max(deadline - port_.clock().now(), base::Duration(0))};
  auto process = up(std::chrono::steady_clock::now() + std::min(parts.left, parts_.limits.control));
  if (!process) return fail(Fault::unavailable, name() + ": its runner is not there");
  Writer content;
  content(parts);
  const Answered answer = ask(*process, Kind::query, {content.bytes}, parts.left + parts_.limits.grace, "query");
  if (answer.end != Link::End::answered) return fail(died(*process, "query"));
  Reader in(answer.content);
  if (const auto asked = read_outcome(in); !asked) return fail(secrets_.masked(asked.error()));
  model::RuleAnswer out;
  in(out);
  if (!in.good() || out.rows.size() > most_rows)
    return fail(Fault::corrupt, name() + ": the runner's answer cannot be read");
  return out;
}

Result<std::vector<ScriptRule>> RemoteInstance::read_script(Process& process, const std::string& file,
                                                            std::string_view text) {
  Writer content;
  content(file, text);
  const Answered answer = ask(process, Kind::load_script, {content.bytes}, parts_.limits.control, "load");
  if (answer.end != Link::End::answered) return fail(died(process, "load of " + file));
  Reader in(answer.content);
  TRY_VOID(read_outcome(in));
  std::vector<ScriptRule> rules;
  in(rules);
  if (!in.good()) return fail(Fault::corrupt, name() + ": " + file + ": the runner's rules cannot be read");
  for (ScriptRule& rule : rules) rule.table.place.file = std::make_shared<const std::string>(file);
  return rules;
}

Result<std::vector<Instance::LoadedRule>> RemoteInstance::load_script(const std::string& file, std::string_view text) {
  auto process = up(std::chrono::steady_clock::now() + parts_.limits.control);
  if (!process) return fail(Fault::unavailable, name() + ": its runner is not there");
  TRY(auto rules, read_script(*process, file, text));
  std::vector<LoadedRule> out;
  std::lock_guard lock(scripts_mutex_);
  // Scripts are known by file and text; those of an earlier text stay valid for programs that were made from them.
  ScriptFile& known = scripts_[file];
  known.text = text;
  for (std::size_t i = 0; i < rules.size(); ++i) {
    if (i >= known.rules.size()) known.rules.push_back(std::make_unique<Script>());
    known.rules[i]->remote = rules[i].script;
    out.push_back({std::move(rules[i].table), known.rules[i].get()});
  }
  return out;
}

void RemoteInstance::unload_script(const std::string& file) {
  {
    std::lock_guard lock(scripts_mutex_);
    scripts_.erase(file);
  }
  Writer content;
  content(file);
  static_cast<void>(control(Kind::unload_script, {content.bytes}, "unload"));
}

Result<void*> RemoteInstance::compile(const model::Rule& rule, void* script, const tsn_inputs& inputs) {
  auto program = std::make_unique<Program>();
  program->rule = {rule.name,     rule.place.file ? *rule.place.file : rule.script_file,
                   rule.severity, rule.aggregate,
                   rule.over,     rule.by,
                   rule.table,    0};
  program->script = static_cast<Script*>(script);
  auto process = up(std::chrono::steady_clock::now() + parts_.limits.restart);
  if (!process) return fail(Fault::unavailable, name() + ": its runner is not there");
  TRY_VOID(translate(*process, *program, inputs));
  std::lock_guard lock(scripts_mutex_);
  programs_.insert(program.get());
  return program.release();
}

/// Compiles in this process what was compiled in an earlier one, or for the first time.
Result<void> RemoteInstance::translate(Process& process, Program& program, const tsn_inputs& inputs) {
  if (program.process == process.number()) return {};
  {
    std::lock_guard lock(scripts_mutex_);
    program.rule.script = program.script != nullptr ? program.script->remote : 0;
  }
  Writer content;
  content(program.rule);
  const std::uint64_t id = process.link().next_id();
  Registered registered(inputs_mutex_, inputs_, id, &inputs);
  const Answered answer = ask(process, Kind::compile, {content.bytes}, parts_.limits.control, "compile", id);
  if (answer.end != Link::End::answered) return fail(died(process, "compile of rule " + program.rule.name));
  Reader in(answer.content);
  TRY_VOID(read_outcome(in));
  program.remote = in.value<std::uint64_t>();
  program.process = process.number();
  return {};
}

void RemoteInstance::release(void* program) {
  std::unique_ptr<Program> old(static_cast<Program*>(program));
  {
    std::lock_guard lock(scripts_mutex_);
    if (programs_.erase(old.get()) == 0) return static_cast<void>(old.release());
  }
  std::shared_ptr<Process> process;
  {
    std::lock_guard lock(mutex_);
    process = process_;
  }
  if (!process || process->dead() || process->number() != old->process) return;
  Writer content;
  content(old->remote);
  ask(*process, Kind::release, {content.bytes}, parts_.limits.control, "release");
}

RemoteInstance::Answered RemoteInstance::judge(Process& process, Program& program, const tsn_rows& rows,
                                               std::uint32_t first, std::uint32_t count, std::uint32_t text_cap) {
  thread_local Writer content;
  content.bytes.clear();
  write_rows(content, program.remote, rows, first, count, text_cap);
  const std::uint64_t id = process.link().next_id();
  Registered registered(inputs_mutex_, inputs_, id, rows.inputs);
  return ask(process, Kind::evaluate, {content.bytes}, parts_.limits.evaluate, "evaluate of rule " + program.rule.name,
             id);
}

Result<void> RemoteInstance::evaluate(void* program_pointer, const tsn_rows& rows, tsn_verdicts& verdicts) {
  auto& program = *static_cast<Program*>(program_pointer);
  // A shard's thread waits a moment for a runner that is being started, and not at all where that takes a pause.
  auto process =
      up(std::chrono::steady_clock::now() + (parts_.cell->soon() ? parts_.limits.restart : base::Duration(0)));
  if (!process) return fail(Fault::unavailable, name() + ": its runner is being started again");
  if (!spared_.empty()) return judge_one_by_one(program, rows, verdicts);
  TRY_VOID(translate(*process, program, *rows.inputs));
  const Answered answer = judge(*process, program, rows, 0, rows.rows, verdicts.text_cap - verdicts.text_used);
  if (answer.end != Link::End::answered) return judge_one_by_one(program, rows, verdicts);
  Reader in(answer.content);
  TRY_VOID(read_outcome(in));
  process->delivered.store(true, std::memory_order_relaxed);
  return read_verdicts(in, 0, rows.rows, verdicts);
}

namespace {

std::string name_of_row(const std::string& rule, const tsn_rows& rows, std::uint32_t row) {
  std::string labels;
  for (std::uint32_t k = 0; k < rows.label_count; ++k) {
    const tsn_label& label = rows.labels[row][k];
    labels +=
        (k == 0 ? "" : ",") + std::string(label.name.p, label.name.n) + "=" + std::string(label.value.p, label.value.n);
  }
  return rule + "{" + labels + "}";
}

void keep_state(tsn_verdicts& verdicts, std::uint32_t row) {
  tsn_verdict keep{};
  keep.state = TSN_VERDICT_KEEP;
  std::memcpy(reinterpret_cast<char*>(verdicts.items) + std::size_t{row} * verdicts.stride, &keep, sizeof keep);
}

}  // namespace

/// Whether a group has killed a runner a short while ago: it would again, and a shard has more to do.
bool RemoteInstance::spared(const std::string& row) {
  const auto now = std::chrono::steady_clock::now();
  std::erase_if(spared_, [&](const auto& entry) { return entry.second < now; });
  return spared_.contains(row);
}

/// After a death: each row alone, so that the one that kills costs no other.
Result<void> RemoteInstance::judge_one_by_one(Program& program, const tsn_rows& rows, tsn_verdicts& verdicts) {
  for (std::uint32_t row = 0; row < rows.rows; ++row) {
    const std::string called = name_of_row(program.rule.name, rows, row);
    if (spared(called)) {
      keep_state(verdicts, row);
      continue;
    }
    auto process = up(std::chrono::steady_clock::now() + parts_.limits.restart);
    if (!process) return fail(Fault::unavailable, name() + ": its runner is being started again");
    TRY_VOID(translate(*process, program, *rows.inputs));
    const Answered answer = judge(*process, program, rows, row, 1, verdicts.text_cap - verdicts.text_used);
    if (answer.end == Link::End::answered) {
      Reader in(answer.content);
      TRY_VOID(read_outcome(in));
      process->delivered = true;
      TRY_VOID(read_verdicts(in, row, 1, verdicts));
      continue;
    }
    keep_state(verdicts, row);
    if (spared_.size() < most_spared) spared_[called] = std::chrono::steady_clock::now() + parts_.limits.spare;
    parts_.poisoned({name(), "rows", called, process->cause()});
  }
  return {};
}

}  // namespace tocsin::plugin_host::runner
