// Matchers of [[tracker.X.projects]]: label="value" with = != =~ !~, regular expressions anchored, as in routes.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "tocsin/incident.hpp"

namespace re2 {
class RE2;
}

namespace tocsin_plugins::jira {

class Matcher {
 public:
  /// Throws tsn::Failure (TSN_INVALID) on what is no matcher.
  explicit Matcher(std::string_view text);
  ~Matcher();
  Matcher(const Matcher&) = default;
  Matcher(Matcher&&) noexcept = default;

  /// A missing label is an empty one. `severity` stands for the incident's severity, compared without case, and
  /// `category` for its category.
  bool matches(const tsn::Incident& incident) const;

 private:
  bool holds(std::string_view value) const;

  std::string label_, value_;
  bool negated_ = false;
  std::shared_ptr<const re2::RE2> pattern_;  ///< none: compared as text
};

/// Equal without regard to case, by Unicode's simple folding.
bool same_name(std::string_view a, std::string_view b);

}  // namespace tocsin_plugins::jira
