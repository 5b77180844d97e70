// Texts with {{values}}, conditions and loops that users write: compiled once, then filled with data from outside.
//
//   {{path}}  {{path | filter:argument | …}}  {{"a text"}}  {{! a comment }}
//   {{#if expression}}…{{else if expression}}…{{else}}…{{/if}}      == != < <= > >= and or not ( )
//   {{#each path}}…{{else}}…{{/each}}      within: {{this.x}} or {{x}}, {{index}} from 1, {{first}}, {{last}}
//   {{#shorten}}…{{/shorten}}  {{#optional}}…{{/optional}}      what gives way where a channel has a limit
//
// Every value is escaped for the format that the template writes; there is no way around it. A line that holds nothing
// but a tag vanishes. What can be wrong with a template is found when it is compiled; filling it never fails: a value
// that is missing is empty, and beyond the budget the text ends early.
//
// Rejected: a template language of a library, such as inja: it renders whatever data it is given without a budget, and
// knows neither names to check nor the place in HTML or JSON that a value stands in.
#pragma once

#include <cstddef>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "template/datum.hpp"

namespace tocsin_plugins {

/// What a template writes, by which values are escaped.
enum class Escape {
  text,    ///< lines of plain text; control characters go
  line,    ///< one line: subjects and summaries
  html,    ///< text or a quoted attribute; elsewhere values are refused
  json,    ///< inside a string; elsewhere only numbers, truths and what went through the filter json
  xml,     ///< text or a quoted attribute
  url,     ///< all but unreserved characters as %XX: forms
  mrkdwn,  ///< Slack's: & < > as entities
  sms,     ///< one line without marks that only turn directions
  speech   ///< one line without addresses, markup and signs that a voice would spell
};

/// "line 3, column 7: expected …": where in the template, and what should stand there.
class TemplateError : public std::runtime_error {
 public:
  TemplateError(std::size_t at_line, std::size_t at_column, const std::string& what)
      : std::runtime_error("line " + std::to_string(at_line) + ", column " + std::to_string(at_column) + ": " + what),
        line(at_line),
        column(at_column) {}
  std::size_t line, column;  ///< from 1; columns in characters
};

/// What filling a template may cost.
struct TemplateBudget {
  std::size_t output = 256 * 1024;  ///< bytes; a single value has a sixteenth of it, and is cut beyond
  std::size_t steps = 200'000;      ///< tags, and one more for every 64 bytes that a filter reads or a tag writes
};

/// Bytes [begin, end) of a text.
struct TextRange {
  std::size_t begin = 0, end = 0;
};

struct Filled {
  std::string text;
  bool whole = true;                ///< within the budget
  std::vector<TextRange> shorten;   ///< what {{#shorten}} wrote
  std::vector<TextRange> optional;  ///< what {{#optional}} wrote
  std::vector<TextRange> texts;     ///< values that may be cut: those outside of loops
  std::vector<TextRange> kept;      ///< addresses, which are worthless when cut
};

class Template {
 public:
  /// Throws TemplateError.
  Template(std::string_view source, Escape escape, Schema schema);
  ~Template();
  Template(Template&&) noexcept;
  Template& operator=(Template&&) noexcept;

  /// `now` is what the filter `age` counts to. Never throws but for want of memory.
  Filled fill(const Datum& data, std::int64_t now, const TemplateBudget& budget = {}) const;
  Escape escape() const noexcept { return escape_; }

  static constexpr std::size_t most_bytes = 64 * 1024, most_depth = 16;

 private:
  struct Program;
  std::unique_ptr<const Program> program_;
  Escape escape_;
};

}  // namespace tocsin_plugins
