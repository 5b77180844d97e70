// One rule at work in one shard: its program, its groups with their windows and lives, and the rows that wait to be
// judged. Rows are collected over a batch and judged by one call, then the verdicts are applied in order. Owned and
// called by Shard, on its thread.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/result.hpp"
#include "detection/evaluator.hpp"
#include "detection/life_cycle.hpp"
#include "detection/shard.hpp"
#include "detection/timers.hpp"
#include "detection/window.hpp"

namespace tocsin::detection {

class RuleRun;

/// What the runs of a shard share while it works.
struct Desk {
  explicit Desk(const ShardSettings& with) : settings(with) {}

  const ShardSettings& settings;
  Timers timers;
  const model::SignalBatch* batch = nullptr;  ///< being pushed; null: timers only
  std::vector<model::Alert>* out = nullptr;
  /// No uncommitted row may be older than its rule's `for` or `keep_firing_for` at this instant: see RuleRun::hold().
  std::int64_t commit_due = never;
  /// Inputs were declared during an evaluation: attach known series to new selectors and fetch history.
  std::function<void(RuleRun&)> declared;
  std::vector<tsn_verdict> verdicts;  ///< scratch of one evaluate()
  std::vector<char> text;
};

struct Group {
  std::int64_t judged_at = long_ago;  ///< the last instant of evaluation; never goes back
  std::int64_t scheduled = never;     ///< the entry in the timers that counts
  std::int64_t recheck = never;       ///< a restored alert is looked at again then, whatever arrives
  std::unique_ptr<Life> life;         ///< null while there is nothing to remember
  std::unique_ptr<tsn_label[]> labels;
  std::vector<std::string> values;  ///< of `by`, in its order
  std::vector<model::SeriesId> series;
  model::Labels by;
  bool live = true;  ///< false: reclaimed, may be used again
};

class RuleRun {
 public:
  static constexpr std::uint32_t no_row = 0xffffffffu;

  RuleRun(std::uint32_t index, Desk& desk) : index_(index), desk_(desk) {}
  ~RuleRun() { release(); }
  RuleRun(const RuleRun&) = delete;
  RuleRun& operator=(const RuleRun&) = delete;

  /// Compiles the rule, new or changed. Groups stay; `moved[k]` says where the old selector k is now, -1: gone. On an
  /// error nothing has changed.
  base::Result<std::vector<int>> compile(model::SharedRule rule, Evaluator* evaluator, base::Time now);
  /// The rule's program of another evaluator, a newer version of its detector, beside the one that runs: inputs that
  /// both read keep their columns, others are added (and stay, should it come to nothing).
  base::Result<void*> prepare(Evaluator& successor);
  /// Judges by it from now on. Windows, lives and timers stay as they are.
  void exchange(Evaluator& successor, void* program);
  /// Tells of every active alert that it is over.
  void end(std::int64_t t);

  // -- series and groups
  std::size_t selectors() const { return selectors_.size(); }
  bool selects(std::size_t selector, const model::SeriesKey& key) const;
  /// The group of a series' labels, made if it is new; none: another shard owns it.
  struct Place {
    bool ours = false, full = false;
    std::uint32_t group = 0;
  };
  Place place(const model::Labels& labels, std::int64_t t);
  /// Gives a series its number within the group; once for each series.
  std::uint32_t enlist(std::uint32_t group, model::SeriesId series);
  /// Series of groups that were reclaimed: their slots are to be looked up again.
  std::vector<model::SeriesId> take_orphans() { return std::move(orphans_); }
  void note_source(std::uint32_t instance, bool up);
  /// Selectors were declared during an evaluation: known series are to be attached from this one on.
  std::size_t attached_selectors = 0;

  // -- signals
  void add(std::uint32_t group, std::uint32_t selector, std::uint32_t series, std::int64_t ts, double value,
           const model::Summary* summary) {
    Window& window = windows_[group * selectors_.size() + selector];
    late_ |= window.add(selectors_[selector].plan, ts, value, series, summary);
    if (ts < since_) since_ = ts;
  }
  void end_series(std::uint32_t group, std::uint32_t selector, std::uint32_t series, std::int64_t ts) {
    windows_[group * selectors_.size() + selector].end_series(series, ts);
  }
  /// Beyond it a signal is kept and not evaluated.
  std::int64_t max_age() const { return max_age_; }
  bool on_arrival() const { return every_ == 0; }

  // -- judging
  /// Puts the group's aggregates at instant `t` (not before its last one) down to be judged. `row` of the batch.
  void capture(std::uint32_t group, std::int64_t t, std::uint32_t row);
  /// A timer of this rule came up.
  void on_timer(const Timer& timer, std::int64_t warmed_through);
  /// The clock has jumped by more than `most` ticks: goes on near its end. True: this tick is dropped.
  bool skip_ticks(std::int64_t due, std::int64_t now, std::int64_t most);
  /// Judges what was captured.
  void commit();
  bool uncommitted() const { return rows_ > 0; }
  std::int64_t commit_due() const { return rows_ > 0 && hold_ != never ? first_at_ + hold_ : never; }
  void schedule(std::uint32_t group);
  void schedule_tick(std::int64_t after);
  /// Fetches what the windows should hold already; `locate` gives the group of a series.
  using Locate = std::function<std::optional<std::pair<std::uint32_t, std::uint32_t>>(model::SeriesId, std::size_t)>;
  void backfill(std::int64_t t, const Locate& locate);
  bool wants_history() const { return wants_history_; }

  // -- life
  bool restore(const model::Alert& alert, base::Time now, std::int64_t warmed_through);
  void restore_failing(const model::Alert& alert);
  /// Whether one of the sources that feed it is `instance`, and then whether all of them are down.
  void source_state(std::uint32_t instance, bool up, std::int64_t t);

  const model::SharedRule& rule() const { return rule_; }
  Evaluator* evaluator() const { return evaluator_; }
  const std::string& signature() const { return signature_; }
  std::uint64_t& dropped() { return dropped_; }
  RuleStatus status() const;
  void active(std::vector<model::Alert>& out) const;

 private:
  struct SelectorState {
    model::Selector selector;
    std::string text;
    WindowPlan plan;
    std::int64_t filled = 0;  ///< how far back history has been fetched
  };
  struct ColumnState {
    std::uint32_t selector;
    model::Aggregate aggregate;
    std::int64_t over, offset;
  };

  static tsn_status declare(const tsn_inputs* inputs, const tsn_input* input, std::uint32_t* column, tsn_err* err);
  base::Result<std::uint32_t> column_for(const tsn_input& input);
  base::Result<std::uint32_t> selector_for(std::string_view text);
  void release();
  void adopt_definition();
  void rearrange(const std::vector<int>& moved, std::size_t before);
  void label(Group& group);
  std::uint32_t make_group(std::vector<std::string> values, std::string key);
  bool reclaim(std::int64_t t);
  bool dead(std::uint32_t group, std::int64_t t) const;
  bool too_early(std::int64_t t, bool tick) const;
  void reserve_rows();
  tsn_rows rows(std::uint32_t n, const double* cells, const std::int64_t* at, const tsn_label* const* labels);
  base::Result<void> evaluate(std::uint32_t n);
  base::Result<void> evaluate_again(std::vector<std::uint32_t> again, std::uint32_t columns_before,
                                    tsn_verdicts& verdicts);
  std::vector<std::uint32_t> asking_again(std::uint32_t n) const;
  void settle();
  base::Result<void> check_duplicates(std::uint32_t n);
  void apply(std::uint32_t row, const tsn_verdict& verdict);
  void apply(std::uint32_t group, std::int64_t t, std::uint32_t row, const Judgement& judgement);
  std::optional<bool> truth(const tsn_verdict& verdict, std::uint32_t row) const;
  void judge_blind(std::uint32_t group, std::int64_t t);
  void pass(std::uint32_t group, std::int64_t t);
  void on_tick(std::int64_t t);
  void failed(const base::Error& error, std::int64_t t);
  void succeeded(std::int64_t t);
  std::int64_t group_due(std::uint32_t group) const;
  model::Origin origin(std::uint32_t row) const;
  Subject subject(const Group& group) const { return {*rule_, group.by, desk_.settings.cooldown}; }
  Window* windows(std::uint32_t group) { return &windows_[group * selectors_.size()]; }
  const Window* windows(std::uint32_t group) const { return &windows_[group * selectors_.size()]; }

  const std::uint32_t index_;
  Desk& desk_;
  model::SharedRule rule_;
  std::string signature_;
  Evaluator* evaluator_ = nullptr;
  void* program_ = nullptr;
  tsn_inputs inputs_{};

  std::vector<SelectorState> selectors_;
  std::vector<ColumnState> columns_;
  std::vector<Group> groups_;
  std::vector<Window> windows_;  ///< [group * selectors + selector]
  std::unordered_map<std::string, std::uint32_t> by_key_;
  std::vector<std::uint32_t> free_;
  std::vector<model::SeriesId> orphans_;
  std::int64_t reclaimed_at_ = long_ago;

  std::int64_t every_ = 0, tick_every_ = 0, hold_ = never, max_age_ = never;
  std::int64_t next_tick_ = never;
  std::int64_t since_ = never;  ///< the rule, or its source, has been there since
  bool late_ = false;           ///< the row that is being added came late: something may be due earlier
  bool may_collide_ = false;    ///< two groups could end up with the same labels
  bool settled_ = false;        ///< a first evaluation has declared what it wanted
  bool wants_history_ = false;

  // Rows captured and not yet judged.
  std::uint32_t rows_ = 0, row_columns_ = 0;
  std::int64_t first_at_ = never;
  std::vector<double> cells_;
  std::vector<std::int64_t> at_;
  std::vector<const tsn_label*> row_labels_;
  std::vector<std::uint32_t> row_group_, row_index_;
  std::vector<std::uint8_t> row_ended_;  ///< all series of the group had ended by a marker

  struct Feed {
    std::uint32_t instance;
    bool up;
  };
  std::vector<Feed> feeds_;
  bool blind_ = false;      ///< all its sources are down
  std::uint32_t busy_ = 0;  ///< groups with a life

  std::unique_ptr<Life> failing_;
  std::int64_t failing_at_ = long_ago;
  std::uint32_t failures_in_a_row_ = 0;
  std::string last_error_;
  std::uint64_t evaluations_ = 0, failures_ = 0, dropped_ = 0;
  std::int64_t last_evaluation_ = 0;
};

/// The error's text, as far as there is room.
void write_error(tsn_err* err, const base::Error& error);
/// The definition as one string: equal strings are the same rule.
std::string signature_of(const model::Rule& rule);
/// What stands in for the rule of RuleFailing{rule}.
const model::Rule& failing_rule();
/// Whether this shard is the owner of a group.
bool owns(const ShardSettings& settings, std::string_view rule, std::string_view key);
/// The shard that owns a rule's group, by the values of its `by` labels.
std::uint32_t owner_of(const model::Rule& rule, const model::Labels& group, std::uint32_t shards);

}  // namespace tocsin::detection
