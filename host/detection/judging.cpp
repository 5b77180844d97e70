// What a rule does: rows down, verdicts in, alerts out, and what is due when.
#include <algorithm>
#include <string>

#include "detection/rule_run.hpp"

namespace tocsin::detection {
namespace {

constexpr std::uint32_t most_rows = 512;
constexpr int most_rounds = 8;
constexpr std::uint32_t failures_to_tell = 3;

}  // namespace

const model::Rule& failing_rule() {
  static const model::Rule rule = [] {
    model::Rule out;
    out.name = "RuleFailing";
    out.category = model::Category::infrastructure;
    out.severity = model::Severity::medium;
    out.by = {"rule"};
    out.message = "Rule {{rule}} fails and keeps its state";
    out.suggestion = "Read the error; `tocsin rule show {{rule}}` has it in full";
    return out;
  }();
  return rule;
}

// ---- rows down -----------------------------------------------------------------------------------------------------

void RuleRun::reserve_rows() {
  const std::uint32_t rows =
      std::min<std::uint32_t>(std::max<std::uint32_t>(64, 2 * static_cast<std::uint32_t>(at_.size())), most_rows);
  row_columns_ = static_cast<std::uint32_t>(columns_.size());
  cells_.resize(std::size_t{rows} * row_columns_);
  at_.resize(rows);
  row_labels_.resize(rows);
  row_group_.resize(rows);
  row_index_.resize(rows);
  row_ended_.resize(rows);
}

// A rule on counts below something, or on absence, must not speak before it has seen one whole window.
bool RuleRun::too_early(std::int64_t t, bool tick) const {
  if (!rule_->also_timed || since_ == never) return false;
  const std::int64_t over = rule_->over.count();
  return t < since_ + (over > 0 || !tick ? over : desk_.settings.look_back.count());
}

void RuleRun::capture(std::uint32_t index, std::int64_t t, std::uint32_t row) {
  t = std::max(t, groups_[index].judged_at);
  if (too_early(t, false)) return pass(index, t);
  if (blind_) return judge_blind(index, t);
  if (rows_ == at_.size() && rows_ == most_rows) commit();
  if (rows_ == at_.size() || row_columns_ != columns_.size()) reserve_rows();
  Group& group = groups_[index];
  group.judged_at = t;
  double* cells = cells_.data() + std::size_t{rows_} * row_columns_;
  bool ended = true;
  for (std::size_t k = 0; k < selectors_.size(); ++k) {
    windows(index)[k].read(selectors_[k].plan, t, cells);
    ended = ended && windows(index)[k].ended();
  }
  row_ended_[rows_] = ended;
  at_[rows_] = t;
  row_labels_[rows_] = group.labels.get();
  row_group_[rows_] = index;
  row_index_[rows_] = row;
  if (rows_++ == 0 || t < first_at_) {  // a late row of another group may be older
    first_at_ = t;
    desk_.commit_due = std::min(desk_.commit_due, commit_due());
  }
  if (group.scheduled == never || late_) schedule(index);
}

/// Time goes on for the group, and nothing is judged.
void RuleRun::pass(std::uint32_t index, std::int64_t t) {
  static thread_local std::vector<double> nowhere;
  nowhere.resize(columns_.size());
  groups_[index].judged_at = std::max(t, groups_[index].judged_at);
  for (std::size_t k = 0; k < selectors_.size(); ++k)
    windows(index)[k].read(selectors_[k].plan, groups_[index].judged_at, nowhere.data());
  schedule(index);
}

// ---- judging -------------------------------------------------------------------------------------------------------

tsn_rows RuleRun::rows(std::uint32_t n, const double* cells, const std::int64_t* at, const tsn_label* const* labels) {
  return {sizeof(tsn_rows),
          n,
          static_cast<std::uint32_t>(n ? row_columns_ : 0),
          static_cast<std::uint32_t>(rule_->by.size()),
          cells,
          at,
          labels,
          &inputs_};
}

void RuleRun::commit() {
  if (rows_ == 0) return;
  const std::uint32_t n = std::exchange(rows_, 0);
  auto result = evaluate(n);
  if (result && may_collide_) result = check_duplicates(n);
  evaluations_ += n;
  last_evaluation_ = at_[n - 1];
  if (!result) return failed(result.error(), at_[n - 1]);
  for (std::uint32_t row = 0; row < n; ++row) {
    const tsn_verdict& verdict = desk_.verdicts[row];
    if (verdict.state == TSN_VERDICT_OK && (busy_ == 0 || !groups_[row_group_[row]].life)) continue;
    apply(row, verdict);
  }
  succeeded(at_[n - 1]);
  if (!settled_) settle();
}

base::Result<void> RuleRun::evaluate(std::uint32_t n) {
  desk_.verdicts.assign(std::max<std::size_t>(n, 1), tsn_verdict{});
  if (desk_.text.empty()) desk_.text.resize(16 * 1024);
  tsn_verdicts verdicts{sizeof(tsn_verdicts),
                        sizeof(tsn_verdict),
                        desk_.verdicts.data(),
                        desk_.text.data(),
                        static_cast<std::uint32_t>(desk_.text.size()),
                        0};
  const std::uint32_t columns_before = row_columns_;
  const tsn_rows all = rows(n, cells_.data(), at_.data(), row_labels_.data());
  TRY_VOID(evaluator_->evaluate(program_, all, verdicts));
  std::vector<std::uint32_t> again = asking_again(n);
  if (again.empty()) return {};
  return evaluate_again(std::move(again), columns_before, verdicts);
}

std::vector<std::uint32_t> RuleRun::asking_again(std::uint32_t n) const {
  std::vector<std::uint32_t> rows;
  for (std::uint32_t row = 0; row < n; ++row)
    if (desk_.verdicts[row].state == TSN_VERDICT_AGAIN) rows.push_back(row);
  return rows;
}

// An input was declared in the middle. Its cell is computed from the samples held, for the instant of the row; cells
// that were captured stay as they were at that row.
base::Result<void> RuleRun::evaluate_again(std::vector<std::uint32_t> again, std::uint32_t columns_before,
                                           tsn_verdicts& verdicts) {
  std::vector<tsn_verdict> answers;
  for (int round = 0; round < most_rounds; ++round) {
    if (desk_.declared) desk_.declared(*this);
    const auto n = static_cast<std::uint32_t>(again.size());
    const auto columns = static_cast<std::uint32_t>(columns_.size());
    std::vector<double> cells(std::size_t{n} * columns, no_value);
    std::vector<std::int64_t> at(n);
    std::vector<const tsn_label*> labels(n);
    for (std::uint32_t i = 0; i < n; ++i) {
      const std::uint32_t row = again[i];
      at[i] = at_[row];
      labels[i] = row_labels_[row];
      std::copy_n(cells_.data() + std::size_t{row} * columns_before, columns_before,
                  cells.data() + std::size_t{i} * columns);
      for (std::size_t k = 0; k < selectors_.size(); ++k)
        for (const ColumnPlan& column : selectors_[k].plan.columns)
          if (column.cell >= columns_before)
            cells[std::size_t{i} * columns + column.cell] =
                windows(row_group_[row])[k].scan(column, selectors_[k].plan.look_back, at_[row]);
    }
    answers.assign(n, tsn_verdict{});
    verdicts.items = answers.data();
    tsn_rows some = rows(n, cells.data(), at.data(), labels.data());
    some.columns = columns;
    TRY_VOID(evaluator_->evaluate(program_, some, verdicts));
    std::vector<std::uint32_t> still;
    for (std::uint32_t i = 0; i < n; ++i) {
      desk_.verdicts[again[i]] = answers[i];
      if (answers[i].state == TSN_VERDICT_AGAIN) still.push_back(again[i]);
    }
    if (still.empty()) return {};
    again = std::move(still);
  }
  return base::fail(base::Fault::invalid,
                    "the detector of rule `" + rule_->name +
                        "` asks for a new input each time it is evaluated; declare them in compile()");
}

// After the first evaluation it is known what the rule reads; the rest is no longer kept.
void RuleRun::settle() {
  settled_ = true;
  for (std::size_t k = 0; k < selectors_.size(); ++k) {
    selectors_[k].plan.settle();
    for (std::size_t group = 0; group < groups_.size(); ++group)
      windows_[group * selectors_.size() + k].settle(selectors_[k].plan);
  }
}

base::Result<void> RuleRun::check_duplicates(std::uint32_t n) {
  std::unordered_map<std::uint64_t, std::uint32_t> owner;
  const auto identity = [&](std::uint32_t group) {
    return alert_labels(*rule_, groups_[group].by, model::Severity::none).fingerprint();
  };
  for (std::uint32_t i = 0; i < groups_.size(); ++i)
    if (groups_[i].life && groups_[i].life->active()) owner.emplace(identity(i), i);
  for (std::uint32_t row = 0; row < n; ++row) {
    if (desk_.verdicts[row].state != TSN_VERDICT_FIRING) continue;
    const std::uint32_t group = row_group_[row];
    const auto [at, fresh] = owner.emplace(identity(group), group);
    if (!fresh && at->second != group)
      return base::fail(base::Fault::conflict,
                        "rule `" + rule_->name + "`: the groups " + groups_[group].by.text() + " and " +
                            groups_[at->second].by.text() +
                            " give alerts with the same labels; do not overwrite a `by` label in `labels`");
  }
  return {};
}

std::optional<bool> RuleRun::truth(const tsn_verdict& verdict, std::uint32_t row) const {
  switch (verdict.state) {
    case TSN_VERDICT_FIRING:
      return true;
    case TSN_VERDICT_OK:
      return false;
    case TSN_VERDICT_NO_DATA:
      break;
    default:
      return std::nullopt;
  }
  switch (rule_->no_data) {
    case model::NoData::alert:
      return true;
    case model::NoData::ok:
      return false;
    case model::NoData::keep:
      break;
  }
  // A marker says that the series is over, which is more than not hearing of it.
  if (row_ended_[row] != 0) return false;
  return std::nullopt;
}

void RuleRun::apply(std::uint32_t row, const tsn_verdict& verdict) {
  const std::optional<bool> firing = truth(verdict, row);
  if (!firing) return;
  Judgement judgement{*firing,
                      static_cast<model::Severity>(std::min<tsn_severity>(verdict.severity, TSN_SEV_CRITICAL)),
                      verdict.value,
                      verdict.threshold,
                      {}};
  const bool own_value = verdict.state != TSN_VERDICT_NO_DATA && !std::isnan(verdict.value);
  if (!own_value) judgement.value = row_columns_ > 0 ? cells_[std::size_t{row} * row_columns_] : no_value;
  if (verdict.state == TSN_VERDICT_NO_DATA) judgement.threshold = no_value;
  if (verdict.message_n > 0 && std::size_t{verdict.message_at} + verdict.message_n <= desk_.text.size())
    judgement.message = {desk_.text.data() + verdict.message_at, verdict.message_n};
  apply(row_group_[row], at_[row], row_index_[row], judgement);
}

void RuleRun::apply(std::uint32_t index, std::int64_t t, std::uint32_t row, const Judgement& judgement) {
  Group& group = groups_[index];
  if (!group.life) {
    if (!judgement.firing) return;
    group.life = std::make_unique<Life>();
    ++busy_;
  }
  group.life->judge(subject(group), t, judgement, [this, row] { return origin(row); }, *desk_.out);
  if (group.life->over(t)) {
    group.life.reset();
    --busy_;
  } else {
    schedule(index);
  }
}

model::Origin RuleRun::origin(std::uint32_t row) const {
  model::Origin out;
  const model::SignalBatch* batch = desk_.batch;
  if (!batch || row == no_row) return out;
  if (row < batch->file.size() && batch->file[row] < batch->files.size()) out.file = batch->files[batch->file[row]];
  if (row < batch->line.size()) out.line = batch->line[row];
  if (row < batch->offset.size()) out.offset = batch->offset[row];
  return out;
}

// ---- no data, failures ---------------------------------------------------------------------------------------------

void RuleRun::judge_blind(std::uint32_t index, std::int64_t t) {
  commit();
  t = std::max(t, groups_[index].judged_at);
  pass(index, t);
  if (rule_->no_data == model::NoData::keep) return;
  apply(index, t, no_row, {rule_->no_data == model::NoData::alert, model::Severity::none, no_value, no_value, {}});
}

void RuleRun::note_source(std::uint32_t instance, bool up) {
  for (const Feed& feed : feeds_)
    if (feed.instance == instance) return;
  feeds_.push_back({instance, up});
  blind_ = std::none_of(feeds_.begin(), feeds_.end(), [](const Feed& feed) { return feed.up; });
}

void RuleRun::source_state(std::uint32_t instance, bool up, std::int64_t t) {
  for (Feed& feed : feeds_)
    if (feed.instance == instance) feed.up = up;
  const bool was_blind = blind_;
  commit();
  blind_ = !feeds_.empty() && std::none_of(feeds_.begin(), feeds_.end(), [](const Feed& feed) { return feed.up; });
  if (!blind_ || was_blind) return;
  for (std::uint32_t i = 0; i < groups_.size(); ++i)
    if (groups_[i].live) judge_blind(i, t);
}

void RuleRun::failed(const base::Error& error, std::int64_t t) {
  ++failures_;
  last_error_ = error.message();
  if (++failures_in_a_row_ < failures_to_tell) return;
  if (!failing_) failing_ = std::make_unique<Life>();
  const model::Labels group{{"rule", rule_->name}};
  const std::string message = "Rule " + rule_->name + " fails and keeps its state: " + last_error_;
  failing_->judge(
      {failing_rule(), group, desk_.settings.cooldown}, std::max(t, failing_at_),
      {true, model::Severity::none, static_cast<double>(failures_in_a_row_), no_value, message},
      [] { return model::Origin{}; }, *desk_.out);
  failing_at_ = std::max(t, failing_at_);
}

void RuleRun::succeeded(std::int64_t t) {
  failures_in_a_row_ = 0;
  if (!failing_ || !failing_->active()) return;
  failing_at_ = std::max(t, failing_at_);
  const model::Labels group{{"rule", rule_->name}};
  failing_->judge(
      {failing_rule(), group, desk_.settings.cooldown}, failing_at_, {}, [] { return model::Origin{}; }, *desk_.out);
}

// ---- when ----------------------------------------------------------------------------------------------------------

std::int64_t RuleRun::group_due(std::uint32_t index) const {
  if (every_ > 0) return never;
  const Group& group = groups_[index];
  const std::int64_t after = group.judged_at;
  std::int64_t due = group.recheck > after ? group.recheck : never;
  for (std::size_t k = 0; k < selectors_.size(); ++k) {
    const std::int64_t leaves = windows(index)[k].due(selectors_[k].plan);
    if (leaves > after) due = std::min(due, leaves);
  }
  if (group.life) {
    const std::int64_t ends = group.life->due(*rule_);
    if (ends > after) due = std::min(due, ends);
  }
  return due;
}

void RuleRun::schedule(std::uint32_t index) {
  late_ = false;
  const std::int64_t due = group_due(index);
  if (due >= groups_[index].scheduled) return;
  groups_[index].scheduled = due;
  desk_.timers.push({due, index_, index});
}

void RuleRun::schedule_tick(std::int64_t after) {
  if (tick_every_ == 0) {
    next_tick_ = never;
    return;
  }
  // Multiples of the period since 1970, so that a restart or a second agent keeps the beat.
  next_tick_ = (after / tick_every_ + 1) * tick_every_;
  desk_.timers.push({next_tick_, index_, Timer::tick});
}

void RuleRun::on_timer(const Timer& timer, std::int64_t warmed_through) {
  if (timer.group == Timer::tick) {
    if (timer.due == next_tick_) on_tick(timer.due);
    return;
  }
  if (timer.due != groups_[timer.group].scheduled) return;
  groups_[timer.group].scheduled = never;
  // Rows that wait to be judged may have stopped the `for` or `keep_firing_for` that would end here.
  if (groups_[timer.group].life && groups_[timer.group].life->due(*rule_) == timer.due) commit();
  if (group_due(timer.group) > timer.due) return schedule(timer.group);
  if (groups_[timer.group].recheck <= timer.due) groups_[timer.group].recheck = never;
  // What was due before the point from which the journal is read again has been judged by the agent that was.
  if (timer.due <= warmed_through) return pass(timer.group, timer.due);
  capture(timer.group, timer.due, no_row);
}

bool RuleRun::skip_ticks(std::int64_t due, std::int64_t now, std::int64_t most) {
  if (due != next_tick_ || tick_every_ == 0 || (now - due) / tick_every_ <= most) return false;
  schedule_tick(now - most * tick_every_);
  return true;
}

void RuleRun::on_tick(std::int64_t t) {
  schedule_tick(t);
  if (too_early(t, true)) return;
  for (std::uint32_t i = 0; i < groups_.size(); ++i)
    if (groups_[i].live) capture(i, t, no_row);
}

// ---- after a restart -----------------------------------------------------------------------------------------------

bool RuleRun::restore(const model::Alert& alert, base::Time now, std::int64_t warmed_through) {
  const Place at = place(alert.group, base::to_ns(now));
  if (!at.ours || at.full) return at.ours;
  Group& group = groups_[at.group];
  if (group.life) return true;
  group.life = std::make_unique<Life>();
  ++busy_;
  group.life->restore(alert);
  group.judged_at = std::max(group.judged_at, base::to_ns(alert.updated_at));
  // An alert of which nothing more is heard counts as over after resolve_timeout (5 min) of being up again.
  group.recheck = base::to_ns(now) + 5 * minute;
  // `for` goes on after an outage of up to an hour, with ten minutes of grace: Prometheus' RestoreForState.
  const std::int64_t down_at = std::max(warmed_through, base::to_ns(alert.updated_at));
  const std::int64_t outage = base::to_ns(now) - down_at;
  if (alert.state == model::AlertState::pending && outage > minute) {
    const std::int64_t active = base::to_ns(alert.active_at), hold_for = rule_->for_.count();
    const std::int64_t left = hold_for - (down_at - active);
    if (outage > 60 * minute) {
      group.life->end(subject(group), base::to_ns(now), *desk_.out);
      group.life.reset();
      --busy_;
    } else if (hold_for >= 10 * minute && left > 0) {
      const std::int64_t grace = 10 * minute;
      group.life->delay_pending(base::from_ns(left < grace ? base::to_ns(now) + grace - hold_for : active + outage));
    }
  }
  schedule(at.group);
  return true;
}

void RuleRun::restore_failing(const model::Alert& alert) {
  failing_ = std::make_unique<Life>();
  failing_->restore(alert);
  failing_at_ = base::to_ns(alert.updated_at);
}

}  // namespace tocsin::detection
