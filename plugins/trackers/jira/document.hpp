// The text of an issue or a comment, written once and rendered as Jira Cloud or Jira Data Center want it.
//
// Cloud's API v3 takes the Atlassian Document Format (a JSON tree, version 1), v2 of Data Center takes wiki notation.
// Text comes from logs and people, so neither rendering lets it become markup. The rejected alternative, v2 on both
// sides, would leave Cloud on an API whose text format it converts and has announced to drop.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

namespace tocsin_plugins::jira {

struct Span {
  std::string text;
  std::string href;  ///< http(s): a link; anything else is shown as text
  bool strong = false;
};
using Line = std::vector<Span>;

/// Jira takes 32 767 characters. What would lead beyond `most_bytes` as wiki text, the longer form, is left out, and
/// a last paragraph says so.
class Document {
 public:
  static constexpr std::size_t most_bytes = 32'000;

  void heading(std::string_view text);
  /// Texts longer than `most` bytes are cut; empty ones add nothing.
  void paragraph(std::string_view text, std::size_t most = 8000);
  void paragraph(Line line);
  void bullets(std::vector<Line> lines);

  nlohmann::json adf() const;
  std::string wiki() const;

 private:
  enum class Kind { heading, paragraph, bullets };
  struct Block {
    Kind kind;
    std::vector<Line> lines;
  };
  /// The lines that fit; takes their room.
  std::vector<Line> fitting(std::vector<Line> lines);
  void add(Kind kind, std::vector<Line> lines);

  std::vector<Block> blocks_;
  std::size_t used_ = 0;
  bool full_ = false;
};

/// At most `most_bytes` of `text`, cut between characters and then ended by "…".
std::string shortened(std::string_view text, std::size_t most_bytes);

}  // namespace tocsin_plugins::jira
