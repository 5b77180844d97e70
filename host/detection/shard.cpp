#include "detection/shard.hpp"

#include <algorithm>
#include <cmath>
#include <map>
#include <unordered_map>
#include <utility>

#include "detection/own_alerts.hpp"
#include "detection/rule_run.hpp"

namespace tocsin::detection {
namespace {

constexpr std::uint32_t unknown = 0xffffffffu;    ///< series not seen yet; slot to be looked up again
constexpr std::uint32_t crowded = 0xfffffffeu;    ///< the rule has too many groups for this one
constexpr std::int64_t most_ticks_behind = 1500;  ///< a clock that jumps further skips ticks

/// Where a row of a series goes. The slots of one series stand together, those of one rule next to each other.
struct Slot {
  std::uint32_t rule;
  std::uint32_t group;
  std::uint16_t selector;
  bool last_of_rule;
  std::uint32_t series;  ///< number of the series within the group
};

struct SlotRange {
  std::uint32_t begin = unknown;
  std::uint32_t count = 0;
};

const model::Rule& down_rule() {
  return own_rule(OwnAlert::source_down);
}

}  // namespace

struct Shard::Impl {
  Impl(ShardSettings with, const model::SeriesTable& table_, FindEvaluator find_)
      : settings(std::move(with)), table(table_), find(std::move(find_)), desk(settings), own(settings) {
    desk.out = &backlog;
    desk.declared = [this](RuleRun& run) {
      attach_new_selectors(run);
      fetch_history(run, now);
    };
  }

  // -- rules
  RuleRun* run_of(const std::string& name, std::uint32_t* index = nullptr);
  std::uint32_t free_index();
  base::Result<void> set_rule(const model::SharedRule& rule, base::Time at);
  void remap(std::uint32_t rule, const std::vector<int>& moved);
  void remove(std::uint32_t rule, base::Time at);
  // -- slots
  const SlotRange& range(model::SeriesId series) {
    if (series >= ranges.size() || ranges[series].begin == unknown) find_slots(series);
    return ranges[series];
  }
  void find_slots(model::SeriesId series);
  void collect(std::uint32_t rule, model::SeriesId series, const model::SeriesKey& key, std::vector<Slot>& out);
  void attach(std::uint32_t rule, std::size_t first_selector);
  void attach_new_selectors(RuleRun& run);
  void store(model::SeriesId series, std::vector<Slot> found);
  std::vector<Slot> slots_of(model::SeriesId series) const;
  bool find_group(Slot& slot, model::SeriesId series, std::int64_t t);
  void forget_orphans(std::uint32_t rule);
  void compact();
  // -- signals
  void take(const model::SignalBatch& batch, std::uint32_t row, bool judge);
  void enter(const model::SignalBatch& batch);
  void fetch_history(RuleRun& run, std::int64_t t);
  // -- time
  void run_timers(std::int64_t before);
  void run_timer(const Timer& timer, std::int64_t before);
  void commit_due_rules();
  void commit_all();
  void settle_wake() { wake = std::min(desk.timers.due(), desk.commit_due); }
  std::uint32_t instance_id(const std::string& name);
  void sort_from(std::size_t first, std::vector<model::Alert>& out) const;
  void flush_backlog(std::vector<model::Alert>& out);

  struct Instance {
    bool up = true;
    std::unique_ptr<Life> down;
    std::int64_t judged_at = long_ago;
  };

  ShardSettings settings;
  const model::SeriesTable& table;
  FindEvaluator find;
  std::vector<model::Alert> backlog;  ///< told by the next push() or advance()
  Desk desk;
  OwnAlerts own;
  std::vector<std::unique_ptr<RuleRun>> runs;  ///< by rule number; null: free
  std::vector<std::uint32_t> touched;
  std::vector<bool> is_touched;
  std::vector<SlotRange> ranges;  ///< by series
  std::vector<Slot> slots;
  std::size_t abandoned = 0;  ///< slots that no range points to
  std::unordered_map<std::string, std::uint32_t> instance_ids;
  std::vector<Instance> instances;
  std::uint32_t instance = unknown;  ///< of the batch that is being pushed
  std::int64_t now = long_ago;
  std::int64_t wake = never;  ///< nothing is due before
  /// How far time has come: the clock of the last advance(), or a later signal's. A row finds everything due before it
  /// done, so that it does not matter how signals are cut into batches.
  std::int64_t horizon = long_ago;
  std::int64_t warmed_through = long_ago;
};

// ---- rules ---------------------------------------------------------------------------------------------------------

RuleRun* Shard::Impl::run_of(const std::string& name, std::uint32_t* index) {
  for (std::uint32_t i = 0; i < runs.size(); ++i) {
    if (!runs[i] || runs[i]->rule()->name != name) continue;
    if (index) *index = i;
    return runs[i].get();
  }
  return nullptr;
}

std::uint32_t Shard::Impl::free_index() {
  for (std::uint32_t i = 0; i < runs.size(); ++i)
    if (!runs[i]) return i;
  runs.emplace_back();
  is_touched.push_back(false);
  return static_cast<std::uint32_t>(runs.size() - 1);
}

base::Result<void> Shard::Impl::set_rule(const model::SharedRule& rule, base::Time at) {
  TRY(Evaluator* const evaluator, find(rule->detector));
  std::uint32_t index = 0;
  RuleRun* run = run_of(rule->name, &index);
  if (run && run->evaluator() == evaluator && run->signature() == signature_of(*rule)) return {};
  if (run && (run->rule()->by != rule->by || run->rule()->detector != rule->detector)) {
    remove(index, at);
    run = nullptr;
  }
  if (run) {
    TRY(const std::vector<int> moved, run->compile(rule, evaluator, at));
    remap(index, moved);
    return {};
  }
  index = free_index();
  auto fresh = std::make_unique<RuleRun>(index, desk);
  TRY_VOID(fresh->compile(rule, evaluator, at));
  runs[index] = std::move(fresh);
  attach(index, 0);
  return {};
}

/// Selectors of a changed rule have new numbers; those that are gone lose their slots, new ones are looked up.
void Shard::Impl::remap(std::uint32_t rule, const std::vector<int>& moved) {
  std::vector<bool> known(runs[rule]->selectors(), false);
  for (const int to : moved)
    if (to >= 0) known[static_cast<std::size_t>(to)] = true;
  for (model::SeriesId series = 0; series < ranges.size(); ++series) {
    if (ranges[series].begin == unknown) continue;
    std::vector<Slot> kept;
    for (Slot slot : slots_of(series)) {
      if (slot.rule == rule) {
        if (moved[slot.selector] < 0) continue;
        slot.selector = static_cast<std::uint16_t>(moved[slot.selector]);
      }
      kept.push_back(slot);
    }
    store(series, std::move(kept));
  }
  for (std::size_t k = 0; k < known.size(); ++k)
    if (!known[k]) attach(rule, k);
}

void Shard::Impl::remove(std::uint32_t rule, base::Time at) {
  runs[rule]->end(base::to_ns(at));
  desk.timers.remove_if([rule](const Timer& timer) { return timer.rule == rule; });
  for (model::SeriesId series = 0; series < ranges.size(); ++series) {
    if (ranges[series].begin == unknown) continue;
    std::vector<Slot> kept = slots_of(series);
    const auto gone = std::remove_if(kept.begin(), kept.end(), [rule](const Slot& slot) { return slot.rule == rule; });
    if (gone == kept.end()) continue;
    kept.erase(gone, kept.end());
    store(series, std::move(kept));
  }
  runs[rule].reset();
}

// ---- slots ---------------------------------------------------------------------------------------------------------

std::vector<Slot> Shard::Impl::slots_of(model::SeriesId series) const {
  const SlotRange& at = ranges[series];
  return {slots.begin() + at.begin, slots.begin() + at.begin + at.count};
}

void Shard::Impl::store(model::SeriesId series, std::vector<Slot> found) {
  std::stable_sort(found.begin(), found.end(), [](const Slot& a, const Slot& b) { return a.rule < b.rule; });
  for (std::size_t i = 0; i < found.size(); ++i)
    found[i].last_of_rule = i + 1 == found.size() || found[i + 1].rule != found[i].rule;
  SlotRange& at = ranges[series];
  if (at.begin != unknown && found.size() <= at.count) {
    std::copy(found.begin(), found.end(), slots.begin() + at.begin);
    abandoned += at.count - found.size();
  } else {
    abandoned += at.begin == unknown ? 0 : at.count;
    at.begin = static_cast<std::uint32_t>(slots.size());
    slots.insert(slots.end(), found.begin(), found.end());
  }
  at.count = static_cast<std::uint32_t>(found.size());
}

void Shard::Impl::compact() {
  if (abandoned < 1024 || abandoned < slots.size() / 2) return;
  std::vector<Slot> packed;
  for (SlotRange& at : ranges) {
    if (at.begin == unknown) continue;
    const auto from = slots.begin() + at.begin;
    at.begin = static_cast<std::uint32_t>(packed.size());
    packed.insert(packed.end(), from, from + at.count);
  }
  slots = std::move(packed);
  abandoned = 0;
}

void Shard::Impl::find_slots(model::SeriesId series) {
  if (series >= ranges.size()) ranges.resize(std::max<std::size_t>(series + 1, ranges.size() + ranges.size() / 2));
  const model::SeriesKey& key = table.key(series);
  std::vector<Slot> found;
  for (std::uint32_t rule = 0; rule < runs.size(); ++rule)
    if (runs[rule]) collect(rule, series, key, found);
  store(series, std::move(found));
}

void Shard::Impl::collect(std::uint32_t rule, model::SeriesId series, const model::SeriesKey& key,
                          std::vector<Slot>& out) {
  RuleRun& run = *runs[rule];
  std::optional<Slot> known;
  for (const Slot& slot : out)
    if (slot.rule == rule) known = slot;
  for (std::size_t k = 0; k < run.selectors(); ++k) {
    const bool there =
        std::any_of(out.begin(), out.end(), [&](const Slot& slot) { return slot.rule == rule && slot.selector == k; });
    if (there || !run.selects(k, key)) continue;
    if (!known) {
      const RuleRun::Place place = run.place(key.labels, now);
      forget_orphans(rule);
      if (!place.ours) return;
      known = Slot{rule, place.full ? crowded : place.group, 0, false, 0};
      if (!place.full) known->series = run.enlist(place.group, series);
      if (instance != unknown) run.note_source(instance, instances[instance].up);
    }
    known->selector = static_cast<std::uint16_t>(k);
    out.push_back(*known);
  }
}

/// Gives known series their slots for the selectors of a rule from `first` on.
void Shard::Impl::attach(std::uint32_t rule, std::size_t first) {
  if (first >= runs[rule]->selectors()) return;
  for (model::SeriesId series = 0; series < ranges.size(); ++series) {
    if (ranges[series].begin == unknown) continue;
    std::vector<Slot> found = slots_of(series);
    const std::size_t before = found.size();
    collect(rule, series, table.key(series), found);
    if (found.size() != before) store(series, std::move(found));
  }
}

void Shard::Impl::attach_new_selectors(RuleRun& run) {
  if (run.attached_selectors == run.selectors()) return;
  const std::size_t first = std::exchange(run.attached_selectors, run.selectors());
  for (std::uint32_t rule = 0; rule < runs.size(); ++rule)
    if (runs[rule].get() == &run) attach(rule, first);
}

/// Slots of groups that were reclaimed are looked up when their series comes again.
void Shard::Impl::forget_orphans(std::uint32_t rule) {
  for (const model::SeriesId series : runs[rule]->take_orphans()) {
    if (series >= ranges.size() || ranges[series].begin == unknown) continue;
    const SlotRange at = ranges[series];
    for (std::uint32_t i = at.begin; i < at.begin + at.count; ++i)
      if (slots[i].rule == rule) slots[i].group = unknown;
  }
}

bool Shard::Impl::find_group(Slot& slot, model::SeriesId series, std::int64_t t) {
  RuleRun& run = *runs[slot.rule];
  const std::uint32_t rule = slot.rule;
  const RuleRun::Place place = run.place(table.key(series).labels, t);
  forget_orphans(rule);
  if (place.full) {
    ++run.dropped();
    slot.group = crowded;
    return false;
  }
  const SlotRange at = ranges[series];
  const std::uint32_t number = run.enlist(place.group, series);
  for (std::uint32_t i = at.begin; i < at.begin + at.count; ++i) {
    if (slots[i].rule != rule) continue;
    slots[i].group = place.group;
    slots[i].series = number;
  }
  return true;
}

// ---- signals -------------------------------------------------------------------------------------------------------

std::uint32_t Shard::Impl::instance_id(const std::string& name) {
  const auto [at, fresh] = instance_ids.emplace(name, static_cast<std::uint32_t>(instances.size()));
  if (fresh) instances.emplace_back();
  return at->second;
}

void Shard::Impl::enter(const model::SignalBatch& batch) {
  desk.batch = &batch;
  instance = instance_id(batch.instance);
}

void Shard::Impl::fetch_history(RuleRun& run, std::int64_t t) {
  std::uint32_t rule = 0;
  while (rule < runs.size() && runs[rule].get() != &run) ++rule;
  if (!run.wants_history()) return;
  run.backfill(
      t, [&](model::SeriesId series, std::size_t selector) -> std::optional<std::pair<std::uint32_t, std::uint32_t>> {
        const SlotRange at = range(series);
        for (std::uint32_t i = at.begin; i < at.begin + at.count; ++i)
          if (slots[i].rule == rule && slots[i].selector == selector && slots[i].group < crowded)
            return std::pair{slots[i].group, slots[i].series};
        return std::nullopt;
      });
}

void Shard::Impl::take(const model::SignalBatch& batch, std::uint32_t row, bool judge) {
  const std::int64_t ts = batch.ts[row];
  const std::uint32_t flags = batch.flags.empty() ? 0 : batch.flags[row];
  const model::Summary* summary =
      batch.summary.empty() || std::isnan(batch.summary[row].count) ? nullptr : &batch.summary[row];
  const double value = summary ? summary->avg : batch.value[row];
  const bool stale = (flags & model::row_stale) != 0;
  if (std::isnan(value) && !stale) return;
  const std::int64_t age = batch.arrived == base::no_time ? 0 : base::to_ns(batch.arrived) - ts;
  const SlotRange at = range(batch.series[row]);
  for (std::uint32_t i = at.begin; i < at.begin + at.count; ++i) {
    RuleRun& run = *runs[slots[i].rule];
    if (slots[i].group >= crowded && !find_group(slots[i], batch.series[row], ts)) continue;
    if (judge && run.wants_history()) fetch_history(run, ts);
    const Slot slot = slots[i];  // a copy: judging may make new slots
    if (stale)
      run.end_series(slot.group, slot.selector, slot.series, ts);
    else
      run.add(slot.group, slot.selector, slot.series, ts, value, summary);
    if (!slot.last_of_rule) continue;
    if (!judge || (flags & model::row_old) != 0 || age > run.max_age()) {
      run.schedule(slot.group);
      continue;
    }
    if (!run.on_arrival()) continue;
    if (!is_touched[slot.rule]) {
      is_touched[slot.rule] = true;
      touched.push_back(slot.rule);
    }
    run.capture(slot.group, ts, row);
  }
}

// ---- time ----------------------------------------------------------------------------------------------------------

/// Everything due before the instant, in order of due time.
void Shard::Impl::run_timers(std::int64_t before) {
  for (;;) {
    if (desk.commit_due < before && desk.commit_due <= desk.timers.due())
      commit_due_rules();
    else if (desk.timers.due() < before)
      run_timer(desk.timers.pop(), before);
    else
      break;
  }
  settle_wake();
}

void Shard::Impl::run_timer(const Timer& timer, std::int64_t before) {
  RuleRun& run = *runs[timer.rule];
  if (run.wants_history()) fetch_history(run, timer.due);
  if (!is_touched[timer.rule]) {
    is_touched[timer.rule] = true;
    touched.push_back(timer.rule);
  }
  if (timer.group == Timer::tick && run.skip_ticks(timer.due, before, most_ticks_behind)) return;
  run.on_timer(timer, warmed_through);
}

void Shard::Impl::commit_due_rules() {
  const std::int64_t due = desk.commit_due;
  desk.commit_due = never;
  for (const std::uint32_t rule : touched) {
    if (runs[rule]->commit_due() <= due) runs[rule]->commit();
    desk.commit_due = std::min(desk.commit_due, runs[rule]->commit_due());
  }
}

void Shard::Impl::commit_all() {
  for (const std::uint32_t rule : touched) {
    runs[rule]->commit();
    is_touched[rule] = false;
  }
  touched.clear();
  desk.commit_due = never;
  settle_wake();
}

void Shard::Impl::sort_from(std::size_t first, std::vector<model::Alert>& out) const {
  std::stable_sort(out.begin() + static_cast<std::ptrdiff_t>(first), out.end(),
                   [](const model::Alert& a, const model::Alert& b) { return a.updated_at < b.updated_at; });
}

void Shard::Impl::flush_backlog(std::vector<model::Alert>& out) {
  std::move(backlog.begin(), backlog.end(), std::back_inserter(out));
  backlog.clear();
}

// ---- the shard -----------------------------------------------------------------------------------------------------

Shard::Shard(ShardSettings settings, const model::SeriesTable& series, FindEvaluator find)
    : impl_(std::make_unique<Impl>(std::move(settings), series, std::move(find))) {}
Shard::~Shard() = default;

std::vector<RuleProblem> Shard::set_rules(std::vector<model::SharedRule> rules, base::Time now,
                                          std::vector<model::Alert>& out) {
  Impl& my = *impl_;
  my.now = std::max(my.now, base::to_ns(now));
  my.desk.out = &out;
  std::vector<RuleProblem> problems;
  std::vector<std::string> kept;
  for (const model::SharedRule& rule : rules) {
    if (std::find(kept.begin(), kept.end(), rule->name) != kept.end()) {
      problems.push_back(
          {rule->name, base::Error(base::Fault::conflict, "there is another rule of this name; names are unique")});
      continue;
    }
    if (auto done = my.set_rule(rule, now); done)
      kept.push_back(rule->name);
    else
      problems.push_back({rule->name, done.error()});
  }
  for (std::uint32_t i = 0; i < my.runs.size(); ++i)
    if (my.runs[i] && std::find(kept.begin(), kept.end(), my.runs[i]->rule()->name) == kept.end()) my.remove(i, now);
  my.compact();
  my.settle_wake();
  my.desk.out = &my.backlog;
  return problems;
}

base::Result<void> Shard::exchange(Evaluator& from, Evaluator& to) {
  std::vector<std::pair<RuleRun*, void*>> prepared;
  for (auto& run : impl_->runs) {
    if (!run || run->evaluator() != &from) continue;
    auto program = run->prepare(to);
    if (!program) {
      for (const auto& [other, made] : prepared) to.release(made);
      return base::fail(program.error().in("rule " + run->rule()->name));
    }
    prepared.emplace_back(run.get(), *program);
  }
  for (const auto& [run, program] : prepared) run->exchange(to, program);
  impl_->settle_wake();
  return {};
}

void Shard::warm(const model::SignalBatch& batch) {
  Impl& my = *impl_;
  my.enter(batch);
  for (std::uint32_t row = 0; row < batch.rows(); ++row) {
    my.warmed_through = std::max(my.warmed_through, batch.ts[row]);
    my.take(batch, row, false);
  }
  my.desk.batch = nullptr;
  my.settle_wake();
}

void Shard::restore(const std::vector<model::Alert>& alerts, base::Time now) {
  Impl& my = *impl_;
  my.desk.out = &my.backlog;
  for (const model::Alert& alert : alerts) {
    if (!alert.keeper.empty()) continue;  // judged outside the shards
    if (alert.rule == down_rule().name) {
      const std::string source(alert.group.get("source"));
      if (!owns(my.settings, alert.rule, source)) continue;
      auto& instance = my.instances[my.instance_id(source)];
      instance.down = std::make_unique<Life>();
      instance.down->restore(alert);
      continue;
    }
    if (my.own.restore(alert)) continue;
    if (RuleRun* run = my.run_of(alert.rule)) {
      run->restore(alert, now, my.warmed_through);
      continue;
    }
    RuleRun* subject = my.run_of(std::string(alert.group.get("rule")));
    if (alert.rule == "RuleFailing" && subject) {
      if (owns(my.settings, alert.rule, subject->rule()->name)) subject->restore_failing(alert);
      continue;
    }
    // The rule is gone: its alert is over. One shard says so.
    if (!owns(my.settings, alert.rule, alert.id)) continue;
    model::Alert over = alert;
    if (over.state != model::AlertState::firing && over.state != model::AlertState::pending) continue;
    over.state = over.state == model::AlertState::firing ? model::AlertState::resolved : model::AlertState::inactive;
    over.resolved_at = over.updated_at = now;
    my.backlog.push_back(std::move(over));
  }
  my.settle_wake();
}

void Shard::push(const model::SignalBatch& batch, base::Time now, std::vector<model::Alert>& out) {
  Impl& my = *impl_;
  const std::size_t first = out.size();
  my.flush_backlog(out);
  my.now = std::max(my.now, base::to_ns(now));
  my.desk.out = &out;
  my.enter(batch);
  const auto rows = static_cast<std::uint32_t>(batch.rows());
  const std::int64_t limit = base::to_ns(now);
  for (std::uint32_t row = 0; row < rows; ++row) {
    my.horizon = std::max(my.horizon, std::min(batch.ts[row], limit));
    if (my.horizon > my.wake) my.run_timers(my.horizon);
    my.take(batch, row, true);
    my.wake = std::min(my.wake, std::min(my.desk.timers.due(), my.desk.commit_due));
  }
  my.commit_all();
  my.desk.batch = nullptr;
  my.desk.out = &my.backlog;
  my.instance = unknown;
  my.sort_from(first, out);
}

void Shard::advance(base::Time now, std::vector<model::Alert>& out) {
  Impl& my = *impl_;
  const std::size_t first = out.size();
  my.flush_backlog(out);
  my.now = std::max(my.now, base::to_ns(now));
  my.desk.out = &out;
  my.horizon = std::max(my.horizon, base::to_ns(now));
  do {
    my.run_timers(base::to_ns(now) + 1);
    my.commit_all();
  } while (my.wake <= base::to_ns(now));
  my.desk.out = &my.backlog;
  my.sort_from(first, out);
}

std::optional<base::Time> Shard::next_due() const {
  if (!impl_->backlog.empty()) return base::from_ns(impl_->now);
  const std::int64_t due = impl_->desk.timers.due();
  if (due == never) return std::nullopt;
  return base::from_ns(due);
}

void Shard::source_state(const std::string& instance, bool up, base::Time now, std::vector<model::Alert>& out) {
  Impl& my = *impl_;
  my.now = std::max(my.now, base::to_ns(now));
  const std::uint32_t id = my.instance_id(instance);
  Impl::Instance& state = my.instances[id];
  my.desk.out = &out;
  if (owns(my.settings, down_rule().name, instance)) {
    if (!state.down) state.down = std::make_unique<Life>();
    const model::Labels group{{"source", instance}};
    state.judged_at = std::max(state.judged_at, base::to_ns(now));
    Judgement judgement;
    judgement.firing = !up;
    state.down->judge(
        {down_rule(), group, my.settings.cooldown}, state.judged_at, judgement, [] { return model::Origin{}; }, out);
  }
  if (state.up != up) {
    state.up = up;
    for (auto& run : my.runs)
      if (run) run->source_state(id, up, base::to_ns(now));
  }
  my.settle_wake();
  my.desk.out = &my.backlog;
}

void Shard::own_alert(OwnAlert what, const model::Labels& group, bool firing, std::string_view message, base::Time now,
                      std::vector<model::Alert>& out) {
  impl_->own.judge(what, group, firing, message, now, out);
}

std::vector<RuleStatus> Shard::status() const {
  std::vector<RuleStatus> out;
  for (const auto& run : impl_->runs)
    if (run) out.push_back(run->status());
  return out;
}

std::vector<model::Alert> Shard::active() const {
  std::vector<model::Alert> out;
  for (const auto& run : impl_->runs)
    if (run) run->active(out);
  for (const auto& instance : impl_->instances)
    if (instance.down && instance.down->active()) out.push_back(instance.down->alert());
  impl_->own.active(out);
  return out;
}

}  // namespace tocsin::detection
