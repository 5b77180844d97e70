// Definition, selectors, groups: what a rule is made of. judging.cpp has what it does.
#include "detection/rule_run.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

#include "base/id.hpp"

namespace tocsin::detection {
namespace {

constexpr char separator = '\xff';  // in no UTF-8 text, so that joined values stay apart

std::string_view view(tsn_str text) {
  return {text.p ? text.p : "", text.n};
}
tsn_str str(std::string_view text) {
  return {text.data(), static_cast<std::uint32_t>(text.size())};
}

std::string joined(const std::vector<std::string>& values) {
  std::string key;
  for (const std::string& value : values) key.append(value).push_back(separator);
  return key;
}

}  // namespace

void write_error(tsn_err* err, const base::Error& error) {
  if (!err || err->size < sizeof(tsn_err)) return;
  err->n = static_cast<std::uint32_t>(std::min(error.message().size(), sizeof err->msg));
  std::memcpy(err->msg, error.message().data(), err->n);
}

std::string signature_of(const model::Rule& rule) {
  std::string out;
  const auto add = [&out](std::string_view text) { out.append(text).push_back(separator); };
  const auto number = [&](std::int64_t n) { add(std::to_string(n)); };
  for (const std::string* text : {&rule.name, &rule.detector, &rule.signal_text, &rule.pack, &rule.message,
                                  &rule.suggestion, &rule.runbook_url, &rule.script_file})
    add(*text);
  for (const std::string& name : rule.by) add(name);
  for (const std::int64_t n : {static_cast<std::int64_t>(rule.category), static_cast<std::int64_t>(rule.severity),
                               static_cast<std::int64_t>(rule.aggregate), static_cast<std::int64_t>(rule.no_data),
                               rule.over.count(), rule.for_.count(), rule.keep_firing_for.count(), rule.every.count(),
                               rule.cooldown ? rule.cooldown->count() : -1, static_cast<std::int64_t>(rule.script)})
    number(n);
  number(rule.also_timed + 2 * rule.fleet + 4 * rule.shadow);
  add(rule.labels.text());
  for (const model::Link& link : rule.links) {
    add(link.text);
    add(link.href);
  }
  add(base::to_json(rule.table));
  return out;
}

bool owns(const ShardSettings& settings, std::string_view rule, std::string_view key) {
  if (settings.count <= 1) return true;
  return base::Fnv1a().add(rule).add_byte(0xff).add(key).value() % settings.count == settings.index;
}

std::uint32_t owner_of(const model::Rule& rule, const model::Labels& group, std::uint32_t shards) {
  std::vector<std::string> values;
  for (const std::string& name : rule.by) values.emplace_back(group.get(name));
  const std::string key = joined(values);
  ShardSettings settings;
  settings.count = shards;
  while (settings.index + 1 < shards && !owns(settings, rule.name, key)) ++settings.index;
  return settings.index;
}

// ---- definition ----------------------------------------------------------------------------------------------------

base::Result<std::vector<int>> RuleRun::compile(model::SharedRule rule, Evaluator* evaluator, base::Time now) {
  auto old_rule = std::exchange(rule_, std::move(rule));
  auto old_selectors = std::exchange(selectors_, {});
  auto old_columns = std::exchange(columns_, {});
  inputs_ = tsn_inputs{sizeof(tsn_inputs), 0, this, &RuleRun::declare};
  base::Result<void*> program = nullptr;
  if (!rule_->signal_text.empty()) {
    if (auto own = selector_for({}); !own) program = std::unexpected(own.error());
  }
  if (program) program = evaluator->compile(*rule_, inputs_);
  if (!program) {
    rule_ = std::move(old_rule);
    selectors_ = std::move(old_selectors);
    columns_ = std::move(old_columns);
    return base::fail(program.error());
  }
  release();
  evaluator_ = evaluator;
  program_ = *program;
  signature_ = signature_of(*rule_);
  settled_ = false;
  wants_history_ = desk_.settings.history != nullptr;
  std::vector<int> moved;
  for (const SelectorState& old : old_selectors) {
    const auto at = std::find_if(selectors_.begin(), selectors_.end(),
                                 [&](const SelectorState& one) { return one.text == old.text; });
    moved.push_back(at == selectors_.end() ? -1 : static_cast<int>(at - selectors_.begin()));
  }
  rearrange(moved, old_selectors.size());
  if (!old_rule) since_ = base::to_ns(now);
  adopt_definition();
  if (rule_->by.empty() && groups_.empty()) place({}, base::to_ns(now));
  attached_selectors = selectors_.size();
  schedule_tick(base::to_ns(now));
  return moved;
}

base::Result<void*> RuleRun::prepare(Evaluator& successor) {
  commit();
  auto program = successor.compile(*rule_, inputs_);
  if (desk_.declared) desk_.declared(*this);
  return program;
}

void RuleRun::exchange(Evaluator& successor, void* program) {
  commit();
  release();
  evaluator_ = &successor;
  program_ = program;
}

void RuleRun::release() {
  if (evaluator_ && program_) evaluator_->release(program_);
  program_ = nullptr;
}

void RuleRun::adopt_definition() {
  every_ = rule_->every.count();
  tick_every_ = every_ > 0 ? every_ : rule_->also_timed ? minute : 0;
  hold_ = never;
  for (const std::int64_t n : {rule_->for_.count(), rule_->keep_firing_for.count()})
    if (n > 0) hold_ = std::min(hold_, n);
  std::int64_t over = rule_->over.count();
  for (const ColumnState& column : columns_)
    if (column.offset == 0) over = std::max(over, column.over);
  max_age_ = over + 5 * minute;
  may_collide_ = false;
  for (const std::string& name : rule_->by)
    may_collide_ =
        may_collide_ || rule_->labels.has(name) || name == "alertname" || name == "severity" || name == "category";
  for (Group& group : groups_) label(group);
  row_columns_ = 0;
  at_.clear();
}

base::Result<std::uint32_t> RuleRun::selector_for(std::string_view text) {
  base::Result<model::Selector> selector = rule_->signal;
  if (!text.empty())
    selector = model::Selector::parse(text);
  else if (rule_->signal_text.empty())
    return base::fail(base::Fault::invalid, "the rule has no `signal`: give one, or name a selector");
  if (!selector) return base::fail(selector.error());
  const std::string canonical = selector->text();
  for (std::uint32_t i = 0; i < selectors_.size(); ++i)
    if (selectors_[i].text == canonical) return i;
  SelectorState state{std::move(*selector), canonical, {}};
  state.plan.look_back = desk_.settings.look_back.count();
  // Until the first evaluation has declared what it needs, keep what it may ask for.
  state.plan.retention = state.plan.look_back + rule_->every.count();
  state.plan.by_series = true;
  selectors_.push_back(std::move(state));
  return static_cast<std::uint32_t>(selectors_.size() - 1);
}

base::Result<std::uint32_t> RuleRun::column_for(const tsn_input& input) {
  if (input.aggregate > TSN_AGG_LAST_SEEN)
    return base::fail(base::Fault::invalid, "unknown aggregate " + std::to_string(input.aggregate));
  if (input.over < 0 || input.offset < 0)
    return base::fail(base::Fault::invalid, "`over` and `offset` cannot be negative");
  const std::size_t before = selectors_.size();
  TRY(const std::uint32_t selector, selector_for(view(input.selector)));
  const ColumnState wanted{selector, static_cast<model::Aggregate>(input.aggregate), input.over, input.offset};
  for (std::uint32_t i = 0; i < columns_.size(); ++i) {
    const ColumnState& one = columns_[i];
    if (one.selector == wanted.selector && one.aggregate == wanted.aggregate && one.over == wanted.over &&
        one.offset == wanted.offset)
      return i;
  }
  const auto cell = static_cast<std::uint32_t>(columns_.size());
  columns_.push_back(wanted);
  selectors_[selector].plan.add(wanted.aggregate, wanted.over, wanted.offset, cell);
  wants_history_ = desk_.settings.history != nullptr;
  if (selectors_.size() != before && !windows_.empty()) {
    std::vector<int> moved;
    for (std::size_t i = 0; i < before; ++i) moved.push_back(static_cast<int>(i));
    rearrange(moved, before);
  }
  return cell;
}

tsn_status RuleRun::declare(const tsn_inputs* inputs, const tsn_input* input, std::uint32_t* column, tsn_err* err) {
  if (!inputs || !input || !column) return TSN_INVALID;
  tsn_input own{};
  std::memcpy(&own, input, std::min<std::size_t>(input->size, sizeof own));
  auto result = static_cast<RuleRun*>(inputs->ctx)->column_for(own);
  if (!result) {
    write_error(err, result.error());
    return TSN_INVALID;
  }
  *column = *result;
  return TSN_OK;
}

void RuleRun::rearrange(const std::vector<int>& moved, std::size_t before) {
  std::vector<Window> windows(groups_.size() * selectors_.size());
  for (std::size_t group = 0; group < groups_.size(); ++group) {
    for (std::size_t k = 0; k < before; ++k) {
      if (moved[k] < 0) continue;
      Window& window = windows[group * selectors_.size() + static_cast<std::size_t>(moved[k])];
      window = std::move(windows_[group * before + k]);
      window.replan();
    }
  }
  windows_ = std::move(windows);
}

void RuleRun::end(std::int64_t t) {
  for (Group& group : groups_)
    if (group.life) group.life->end(subject(group), std::max(t, group.judged_at), *desk_.out);
  succeeded(t);
}

// ---- series and groups ---------------------------------------------------------------------------------------------

bool RuleRun::selects(std::size_t selector, const model::SeriesKey& key) const {
  return selectors_[selector].selector.matches(key.name, key.labels);
}

RuleRun::Place RuleRun::place(const model::Labels& labels, std::int64_t t) {
  std::vector<std::string> values;
  for (const std::string& name : rule_->by) values.emplace_back(labels.get(name));
  std::string key = joined(values);
  if (!owns(desk_.settings, rule_->name, key)) return {};
  if (const auto at = by_key_.find(key); at != by_key_.end()) return {true, false, at->second};
  if (by_key_.size() >= desk_.settings.max_groups && !reclaim(t)) return {true, true, 0};
  return {true, false, make_group(std::move(values), std::move(key))};
}

std::uint32_t RuleRun::make_group(std::vector<std::string> values, std::string key) {
  std::uint32_t index = static_cast<std::uint32_t>(groups_.size());
  if (free_.empty()) {
    groups_.emplace_back();
    windows_.resize(groups_.size() * selectors_.size());
  } else {
    index = free_.back();
    free_.pop_back();
    groups_[index] = Group{};
  }
  groups_[index].values = std::move(values);
  label(groups_[index]);
  by_key_.emplace(std::move(key), index);
  return index;
}

void RuleRun::label(Group& group) {
  group.labels = std::make_unique<tsn_label[]>(rule_->by.size());
  group.by = {};
  for (std::size_t i = 0; i < rule_->by.size(); ++i) {
    group.labels[i] = {str(rule_->by[i]), str(group.values[i])};
    group.by.set(rule_->by[i], group.values[i]);
  }
}

std::uint32_t RuleRun::enlist(std::uint32_t group, model::SeriesId series) {
  groups_[group].series.push_back(series);
  return static_cast<std::uint32_t>(groups_[group].series.size() - 1);
}

bool RuleRun::dead(std::uint32_t index, std::int64_t t) const {
  const Group& group = groups_[index];
  if (group.life && !group.life->over(t)) return false;
  for (std::size_t k = 0; k < selectors_.size(); ++k) {
    const Window& window = windows(index)[k];
    const std::int64_t retention = std::max(selectors_[k].plan.retention, selectors_[k].plan.look_back);
    if (window.newest_ts() > t - retention) return false;
  }
  return true;
}

// Every ten seconds at most: a sweep costs O(groups). Groups of ABSENT and the like are remembered while they are few
// enough; when the limit is reached they go too.
bool RuleRun::reclaim(std::int64_t t) {
  if (t < reclaimed_at_ + 10 * second) return false;
  reclaimed_at_ = t;
  commit();
  for (std::uint32_t i = 0; i < groups_.size(); ++i) {
    if (!groups_[i].live || !dead(i, t)) continue;
    by_key_.erase(joined(groups_[i].values));
    orphans_.insert(orphans_.end(), groups_[i].series.begin(), groups_[i].series.end());
    busy_ -= groups_[i].life != nullptr;
    groups_[i] = Group{};
    groups_[i].live = false;
    for (std::size_t k = 0; k < selectors_.size(); ++k) windows(i)[k] = Window{};
    free_.push_back(i);
  }
  return by_key_.size() < desk_.settings.max_groups;
}

// ---- history -------------------------------------------------------------------------------------------------------

void RuleRun::backfill(std::int64_t t, const Locate& locate) {
  wants_history_ = false;
  if (!desk_.settings.history) return;
  std::int64_t until = t;
  if (desk_.batch)
    for (const std::int64_t ts : desk_.batch->ts) until = std::min(until, ts - 1);
  for (std::size_t k = 0; k < selectors_.size(); ++k) {
    std::int64_t reach = 0;
    for (const ColumnPlan& column : selectors_[k].plan.columns)
      if (!column.newest) reach = std::max(reach, column.over + column.offset);
    if (reach <= selectors_[k].filled) continue;
    selectors_[k].filled = reach;
    std::unordered_map<std::uint32_t, std::vector<Window::Past>> past;
    desk_.settings.history(selectors_[k].selector, base::from_ns(t - reach), base::from_ns(until),
                           [&](model::SeriesId series, std::int64_t ts, double value) {
                             if (ts <= t - reach || ts > until) return;
                             if (const auto at = locate(series, k)) past[at->first].push_back({ts, value, at->second});
                           });
    for (auto& [group, samples] : past) {
      std::stable_sort(samples.begin(), samples.end(), [](const auto& a, const auto& b) { return a.ts < b.ts; });
      windows(group)[k].prepend(selectors_[k].plan, samples);
    }
  }
}

// ---- status --------------------------------------------------------------------------------------------------------

RuleStatus RuleRun::status() const {
  RuleStatus out;
  out.rule = rule_->name;
  out.health = failures_in_a_row_ > 0 ? "failing" : evaluations_ == 0 ? "unknown" : "ok";
  out.last_error = last_error_;
  out.evaluations = evaluations_;
  out.failures = failures_;
  out.groups = by_key_.size();
  out.dropped = dropped_;
  out.last_evaluation = base::from_ns(last_evaluation_);
  for (const Group& group : groups_) {
    if (!group.life) continue;
    out.pending += group.life->state() == model::AlertState::pending;
    out.firing += group.life->state() == model::AlertState::firing;
  }
  return out;
}

void RuleRun::active(std::vector<model::Alert>& out) const {
  for (const Group& group : groups_)
    if (group.life && group.life->active()) out.push_back(group.life->alert());
  if (failing_ && failing_->active()) out.push_back(failing_->alert());
}

}  // namespace tocsin::detection
