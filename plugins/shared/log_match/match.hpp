// One [[match]]: its pattern, its conditions on fields, and the series that it made so far. Thread: the instance's.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "log_match/fields.hpp"
#include "log_match/pattern.hpp"
#include "tocsin/plugin.hpp"

namespace tocsin_plugins::log_match {

class Match {
 public:
  static constexpr std::size_t most_label = 1024;  ///< bytes of a label's value, of the ABI

  /// With `source_syntax` the entry may have `parser` and `where`, and ask for fields in `value` and `labels`; it is
  /// what an entry without `parser` has.
  Match(const tsn::Config& table, const std::string& where, std::optional<FieldSyntax> source_syntax = {});
  /// Without a pattern: every line is `signal`.
  explicit Match(std::string_view signal);

  /// The entries of the option `match`; where there are none, one that makes every line a `fallback`.
  static std::vector<Match> read(const tsn::Config& config, std::string_view fallback,
                                 std::optional<FieldSyntax> source_syntax = {});

  bool has_pattern() const noexcept { return pattern_.has_value(); }
  /// Made of no entry: takes every line.
  bool takes_all() const noexcept { return takes_all_; }
  /// What the entry's own `parser` says.
  std::optional<FieldSyntax> syntax() const noexcept { return syntax_; }
  /// `fields`: of the record that the line is; null: it is none. They must live until series() has returned.
  bool find(std::string_view line, Fields* fields = nullptr);
  /// The value of the line found last: 1, or the number in the group or field `value`. False: it holds no number.
  bool value(double& out) const;
  /// The series of the line found last. `more`: labels of the line itself, over which the pattern's and the entry's own
  /// win; no NUL in them.
  tsn::Status series(const tsn::Context& ctx, std::span<const tsn::LabelView> more, tsn::Series& out);
  const std::string& signal() const noexcept { return signal_; }
  const std::string& value_group() const noexcept { return value_; }
  /// "the group "ms"", "the field "/ms"": for messages.
  std::string value_place() const { return (value_index_ ? "the group \"" : "the field \"") + value_ + "\""; }

 private:
  struct Hash {
    using is_transparent = void;
    // Not noexcept: libstdc++ then keeps the hashes.
    std::size_t operator()(std::string_view text) const { return std::hash<std::string_view>{}(text); }
  };
  static constexpr std::size_t most_series = 100'000;  ///< the host's own limit, by default
  void add_labels(const tsn::Config& table, const std::string& where, bool with_fields);
  void add_conditions(const tsn::Config& table, const std::string& where);

  std::string signal_, value_;
  bool takes_all_ = false, needs_fields_ = false;
  std::optional<FieldSyntax> syntax_;
  std::vector<Condition> conditions_;
  std::optional<FieldName> value_field_;
  std::optional<double> found_value_;  ///< in that field
  std::vector<std::pair<std::string, FieldText>> field_labels_;
  Fields* fields_ = nullptr;  ///< of the line found last
  std::optional<Pattern> pattern_;
  std::vector<Pattern::Group> groups_;  ///< those that are labels
  int value_index_ = 0;
  std::vector<std::pair<std::string, std::string>> labels_;
  std::unordered_map<std::string, tsn::Series, Hash, std::equal_to<>> known_;  ///< by the texts of the labels
  std::string key_;                ///< of the line at hand; kept to allocate once
  std::vector<std::size_t> ends_;  ///< of the texts of field_labels_ in key_
  std::vector<tsn::LabelView> views_;
};

}  // namespace tocsin_plugins::log_match
