// What a detector works on: a rule, the inputs it asks for, rows of aggregates, verdicts.
#pragma once

#include <chrono>
#include <cmath>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

#include "tocsin/config.hpp"
#include "tocsin/context.hpp"

namespace tsn {

/// A rule as the host validated it. Borrowed until compile() returns.
class Rule {
 public:
  explicit Rule(const tsn_rule* source) : from_(detail::read_struct(source)) {}
  std::string_view name() const noexcept { return view(from_.name); }
  std::string_view file() const noexcept { return view(from_.file); }
  tsn_severity severity() const noexcept { return from_.severity; }
  tsn_aggregate aggregate() const noexcept { return from_.aggregate; }
  std::chrono::nanoseconds over() const noexcept { return std::chrono::nanoseconds(from_.over); }
  /// The whole [[rule]] table, the detector's own keys (rule_options) included.
  Config table() const { return Config(from_.table, "rule." + std::string(name())); }
  std::vector<std::string_view> by() const {
    std::vector<std::string_view> names;
    for (std::uint32_t i = 0; i < from_.by_count; ++i)
      names.push_back(view(detail::read_element(from_.by, from_.by_stride, i)));
    return names;
  }
  /// What load() passed to RuleSink::add() for it; null for a rule from TOML.
  template <class Script>
  Script* script() const noexcept {
    return static_cast<Script*>(from_.script);
  }

 private:
  tsn_rule from_;
};

/// One aggregate that a rule reads for each of its groups.
struct Input {
  tsn_aggregate aggregate = TSN_AGG_LAST;
  std::string_view selector = {};      ///< empty: the rule's own signal
  std::chrono::nanoseconds over{0};    ///< the window (t − over, t]; 0: the newest value within the look-back
  std::chrono::nanoseconds offset{0};  ///< before t
};

class Inputs {
 public:
  explicit Inputs(const tsn_inputs* to) noexcept : to_(to) {}
  /// Declares an input and gives its column; equal inputs give the same column. Declared during evaluate(), it has data
  /// from the next evaluation on: answer again(row). Throws a Failure when the host refuses it.
  std::uint32_t add(const Input& input) const {
    tsn_input out{};
    out.size = sizeof out;
    out.aggregate = input.aggregate;
    out.selector = str(input.selector);
    out.over = input.over.count();
    out.offset = input.offset.count();
    std::uint32_t column = 0;
    tsn_err err = detail::empty_err();
    const auto status = to_->add(to_, &out, &column, &err);
    if (status != TSN_OK) throw Failure(Status(status, err));
    return column;
  }

 private:
  const tsn_inputs* to_;
};

/// Groups to judge, one row each.
class Rows {
 public:
  explicit Rows(const tsn_rows* source) noexcept : from_(detail::read_struct(source)) {}
  std::uint32_t size() const noexcept { return from_.rows; }
  std::uint32_t columns() const noexcept { return from_.columns; }
  /// NaN: no data.
  double cell(std::uint32_t row, std::uint32_t column) const noexcept {
    return from_.cells[std::size_t{row} * from_.columns + column];
  }
  const double* cells(std::uint32_t row) const noexcept { return from_.cells + std::size_t{row} * from_.columns; }
  Time at(std::uint32_t row) const noexcept { return from_.at[row]; }
  /// The group's by-values, in the order of the rule's `by`.
  std::uint32_t label_count() const noexcept { return from_.label_count; }
  std::string_view label_name(std::uint32_t row, std::uint32_t k) const noexcept {
    return view(from_.labels[row][k].name);
  }
  std::string_view label_value(std::uint32_t row, std::uint32_t k) const noexcept {
    return view(from_.labels[row][k].value);
  }
  Inputs inputs() const noexcept { return Inputs(from_.inputs); }

 private:
  tsn_rows from_;
};

/// The answers, all TSN_VERDICT_OK before evaluate().
class Verdicts {
 public:
  explicit Verdicts(tsn_verdicts* to) noexcept : to_(to) {}
  static constexpr double none = std::numeric_limits<double>::quiet_NaN();

  /// value NaN: the first cell is shown. severity NONE: the rule's.
  void firing(std::uint32_t row, double value = none, double threshold = none,
              tsn_severity severity = TSN_SEV_NONE) noexcept {
    set(row, TSN_VERDICT_FIRING, value, threshold, severity);
  }
  void ok(std::uint32_t row, double value = none, double threshold = none) noexcept {
    set(row, TSN_VERDICT_OK, value, threshold, TSN_SEV_NONE);
  }
  void no_data(std::uint32_t row) noexcept { set(row, TSN_VERDICT_NO_DATA, none, none, TSN_SEV_NONE); }
  void keep(std::uint32_t row) noexcept { set(row, TSN_VERDICT_KEEP, none, none, TSN_SEV_NONE); }
  void again(std::uint32_t row) noexcept { set(row, TSN_VERDICT_AGAIN, none, none, TSN_SEV_NONE); }
  /// A message of the row's own, after its state was set. What does not fit is cut.
  void message(std::uint32_t row, std::string_view text) noexcept {
    const auto room = to_->text_cap - to_->text_used;
    const auto used = static_cast<std::uint32_t>(detail::fitting(text, room));
    auto& verdict = item(row);
    verdict.message_at = to_->text_used;
    verdict.message_n = used;
    if (used) std::memcpy(to_->text + to_->text_used, text.data(), used);
    to_->text_used += used;
  }

 private:
  tsn_verdict& item(std::uint32_t row) noexcept {
    return *reinterpret_cast<tsn_verdict*>(reinterpret_cast<unsigned char*>(to_->items) +
                                           std::size_t{row} * to_->stride);
  }
  void set(std::uint32_t row, tsn_verdict_state state, double value, double threshold, tsn_severity severity) noexcept {
    auto& verdict = item(row);
    verdict.state = state;
    verdict.severity = severity;
    verdict.value = value;
    verdict.threshold = threshold;
  }
  tsn_verdicts* to_;
};

/// Where load() reports the rules of a script file.
class RuleSink {
 public:
  explicit RuleSink(const tsn_rule_sink* to) noexcept : to_(to) {}
  /// `table` has the form of a [[rule]] table; `script` comes back as Rule::script(). Throws a Failure if refused.
  void add(Value& table, void* script) const {
    tsn_err err = detail::empty_err();
    const auto status = to_->add_rule(to_, table.view(), script, &err);
    if (status != TSN_OK) throw Failure(Status(status, err));
  }

 private:
  const tsn_rule_sink* to_;
};

}  // namespace tsn
