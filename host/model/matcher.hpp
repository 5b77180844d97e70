// Matchers as PromQL and Alertmanager write them: = != =~ !~, regular expressions anchored (RE2), ANDed.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "model/labels.hpp"

namespace tocsin::model {

enum class MatchOp : std::uint8_t { equal, not_equal, match, not_match };

class Matcher {
 public:
  static base::Result<Matcher> make(std::string label, MatchOp op, std::string value);
  /// `severity="critical"`, `service=~"core-.*"`, also without quotes as amtool takes it.
  static base::Result<Matcher> parse(std::string_view text);

  bool matches(std::string_view value) const;
  bool matches(const Labels& labels) const { return matches(labels.get(label_)); }
  const std::string& label() const { return label_; }
  const std::string& value() const { return value_; }
  MatchOp op() const { return op_; }
  std::string text() const;  ///< `label="value"`

 private:
  struct Regex;
  std::string label_, value_;
  MatchOp op_ = MatchOp::equal;
  std::shared_ptr<const Regex> regex_;
};

using Matchers = std::vector<Matcher>;
bool matches(const Matchers& matchers, const Labels& labels);

/// A PromQL instant selector: `etl.run{status="FAILED"}`. Names may hold dots, dashes and slashes. The name may end in
/// `*` (any suffix); a selector without a name, `{a="b"}`, matches every name.
class Selector {
 public:
  static base::Result<Selector> parse(std::string_view text);

  bool matches(std::string_view name, const Labels& labels) const;
  /// As written, with the star of a prefix; empty: every name.
  const std::string& name() const { return name_; }
  /// Whether name() is one whole name, so that series can be looked up by it.
  bool exact() const { return !prefix_ && !name_.empty(); }
  const Matchers& matchers() const { return matchers_; }
  std::string text() const;

 private:
  /// `{__name__="x", …}` says the same as `x{…}`.
  void name_from_matcher();

  std::string name_;
  bool prefix_ = false;
  Matchers matchers_;
};

}  // namespace tocsin::model
