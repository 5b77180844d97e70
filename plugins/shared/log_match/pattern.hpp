// One pattern of [[match]]: a regular expression of the user's, run by RE2, whose time is linear in the line whatever
// the expression. Thread: the instance's.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace re2 {
class RE2;
class StringPiece;
}  // namespace re2

namespace tocsin_plugins::log_match {

/// `(?<name>` as `(?P<name>`, which is what RE2 before 2023 knows.
std::string translate_groups(std::string_view pattern);

/// A text that every matching line contains; empty: none was found. Found by reading the expression from left to right,
/// so that most lines need no expression at all.
std::string required_literal(std::string_view pattern);

class Pattern {
 public:
  /// Throws tsn::Failure (invalid) with what is wrong with the expression; `where` begins the text
  /// ("match[0].pattern").
  Pattern(std::string_view pattern, std::string_view where);
  ~Pattern();
  Pattern(Pattern&&) noexcept;

  struct Group {
    std::string name;
    int index;
  };
  const std::vector<Group>& named_groups() const noexcept { return groups_; }
  /// The pattern is somewhere in `line`; the groups are then those of its leftmost match. `line` is UTF-8.
  bool find(std::string_view line);
  /// What a group held at the last successful find(); empty too where it took no part.
  std::string_view group(int index) const;

 private:
  std::unique_ptr<re2::RE2> expression_;
  bool search(std::string_view line, std::size_t from, bool here);

  std::string literal_;
  bool prefix_ = false;  ///< every match begins with literal_
  std::vector<Group> groups_;
  std::unique_ptr<re2::StringPiece[]> found_;
  int used_ = 1;  ///< groups that are asked for: up to the last named one
};

}  // namespace tocsin_plugins::log_match
