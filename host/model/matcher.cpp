#include "model/matcher.hpp"

#include <re2/re2.h>

#include <algorithm>

#include "base/text.hpp"
#include "model/operators.hpp"
#include "model/quoting.hpp"

namespace tocsin::model {

using base::Fault;

/// Compiled once, shared by copies; RE2 objects may be used by any thread. Matching is in time linear in the value.
struct Matcher::Regex {
  explicit Regex(const std::string& pattern) : program(pattern, options()) {}
  static re2::RE2::Options options() {
    re2::RE2::Options options;
    options.set_log_errors(false);
    options.set_max_mem(1 << 20);  // the automaton's cache; beyond it RE2 goes on more slowly
    return options;
  }
  re2::RE2 program;
};

base::Result<Matcher> Matcher::make(std::string label, MatchOp op, std::string value) {
  if (label.empty()) return base::fail(Fault::invalid, "a matcher needs a label name");
  Matcher matcher;
  matcher.label_ = std::move(label);
  matcher.value_ = std::move(value);
  matcher.op_ = op;
  if (op == MatchOp::match || op == MatchOp::not_match) {
    auto regex = std::make_shared<const Regex>(matcher.value_);
    if (!regex->program.ok()) {
      return base::fail(Fault::invalid, matcher.text() +
                                            ": the regular expression is wrong: " + regex->program.error() +
                                            " (RE2 syntax: no look-around, no back-references)");
    }
    matcher.regex_ = std::move(regex);
  }
  return matcher;
}

base::Result<Matcher> Matcher::parse(std::string_view text) {
  std::string_view rest = base::trim(text);
  auto bad = [&](std::string_view why) {
    return base::fail(Fault::invalid, "matcher " + std::string(text) + ": " + std::string(why));
  };
  std::size_t length = name_length(rest);
  if (length == 0)
    return bad("it begins with no label name; write it as severity=\"critical\" or service=~\"core-.*\"");
  std::string label(rest.substr(0, length));
  rest = base::trim(rest.substr(length));
  std::optional<MatchOp> op = take_operator(rest);
  if (!op) return bad("= != =~ or !~ is expected after " + label);
  rest = base::trim(rest);
  if (rest.empty() || std::string_view("\"'`").find(rest.front()) == std::string_view::npos) {
    auto bare = unescape_bare(rest);
    if (!bare) return bad(bare.error().message());
    return make(std::move(label), *op, std::move(*bare));
  }
  auto value = take_quoted(rest, StrayBackslash::literal);
  if (!value) return bad(value.error().message());
  if (!rest.empty()) return bad("there is something after the closing quote");
  return make(std::move(label), *op, std::move(*value));
}

bool Matcher::matches(std::string_view value) const {
  switch (op_) {
    case MatchOp::equal:
      return value == value_;
    case MatchOp::not_equal:
      return value != value_;
    case MatchOp::match:
    case MatchOp::not_match:
      break;
  }
  bool matched = regex_ && re2::RE2::FullMatch(re2::StringPiece(value.data(), value.size()), regex_->program);
  return matched == (op_ == MatchOp::match);
}

std::string Matcher::text() const {
  return label_ + std::string(operator_text(op_)) + quote(value_);
}

bool matches(const Matchers& matchers, const Labels& labels) {
  return std::all_of(matchers.begin(), matchers.end(), [&](const Matcher& matcher) { return matcher.matches(labels); });
}

std::string_view operator_text(MatchOp op) {
  switch (op) {
    case MatchOp::equal:
      return "=";
    case MatchOp::not_equal:
      return "!=";
    case MatchOp::match:
      return "=~";
    case MatchOp::not_match:
      return "!~";
  }
  return "=";
}

std::optional<MatchOp> take_operator(std::string_view& rest) {
  for (MatchOp op : {MatchOp::match, MatchOp::not_match, MatchOp::not_equal, MatchOp::equal}) {
    std::string_view text = operator_text(op);
    if (!rest.starts_with(text)) continue;
    rest.remove_prefix(text.size());
    return op;
  }
  return std::nullopt;
}

}  // namespace tocsin::model
