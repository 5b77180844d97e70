#include "log_match/pattern.hpp"

#include <re2/re2.h>

#include <cstring>

#include "tocsin/plugin.hpp"

namespace tocsin_plugins::log_match {
namespace {

constexpr std::string_view meta = ".[]()*+?{}|^$\\";

/// The length of the escape at `at`: \Q…\E, \x41, \x{41}, \101, \pN, \p{Greek}, or two signs.
std::size_t escape_length(std::string_view pattern, std::size_t at) {
  if (at + 1 >= pattern.size()) return 1;
  const char kind = pattern[at + 1];
  if (kind == 'Q') {
    const auto end = pattern.find("\\E", at + 2);
    return end == pattern.npos ? pattern.size() - at : end + 2 - at;
  }
  if (kind == 'x' || kind == 'p' || kind == 'P') {
    if (at + 2 >= pattern.size() || pattern[at + 2] != '{')
      return std::min(pattern.size() - at, std::size_t{kind == 'x' ? 4u : 3u});
    const auto end = pattern.find('}', at + 2);
    return end == pattern.npos ? pattern.size() - at : end + 1 - at;
  }
  const auto octal = [&](std::size_t i) { return i < pattern.size() && pattern[i] >= '0' && pattern[i] <= '7'; };
  std::size_t length = 2;
  while (octal(at + 1) && length < 4 && octal(at + length)) ++length;
  return length;
}

/// The length of what begins at `at`: an escape, a class, or one sign.
std::size_t token_length(std::string_view pattern, std::size_t at) {
  if (pattern[at] == '\\') return escape_length(pattern, at);
  if (pattern[at] != '[') return 1;
  auto end = at + 1;
  if (end < pattern.size() && pattern[end] == '^') ++end;
  if (end < pattern.size() && pattern[end] == ']') ++end;  // a bracket at the front is itself
  for (; end < pattern.size() && pattern[end] != ']'; ++end) {
    if (pattern[end] == '\\') ++end;
    if (pattern.substr(end, 2) == "[:") {
      const auto close = pattern.find(":]", end + 2);
      if (close != pattern.npos) end = close + 1;
    }
  }
  return std::min(end + 1, pattern.size()) - at;
}

/// Collects runs of plain signs outside of groups; the longest wins.
class LiteralSearch {
 public:
  std::string run(std::string_view pattern) {
    int depth = 0;
    for (std::size_t at = 0; at < pattern.size();) {
      const auto length = token_length(pattern, at);
      const auto token = pattern.substr(at, length);
      at += length;
      if (token == "(") {
        // Flags such as (?i) change the meaning of what follows; such a pattern has no literal. Names and (?: do not.
        const bool named =
            pattern.substr(at, 3) == "?P<" || pattern.substr(at, 2) == "?<" || pattern.substr(at, 2) == "?:";
        if (at < pattern.size() && pattern[at] == '?' && !named) return {};
        ++depth, end_run();
      } else if (token == ")") {
        --depth, end_run();
      } else if (depth > 0) {
        continue;
      } else if (token == "|") {
        return {};
      } else if (token == "*" || token == "?" || token == "{") {
        drop_last(), end_run();  // the sign before may be absent
        if (token == "{") at = after_repeat(pattern, at);
      } else if (token == "+") {
        end_run();
      } else {
        take(token);
      }
    }
    end_run();
    return std::move(best_);
  }

 private:
  void take(std::string_view token) {
    const auto first = static_cast<unsigned char>(token.front());
    if (token.size() == 1 && meta.find(token.front()) == meta.npos && first < 0x80) {
      now_ += token;
    } else if (token.size() == 2 && token[0] == '\\' && std::ispunct(static_cast<unsigned char>(token[1]))) {
      now_ += token[1];
    } else {
      end_run();  // a class, an anchor, \Q…\E, or a sign of several bytes, of which a quantifier takes the whole
    }
  }
  /// After "2,5}"; `at` itself where the brace is no repetition but stands for itself.
  static std::size_t after_repeat(std::string_view pattern, std::size_t at) {
    const auto end = std::min(pattern.find_first_not_of("0123456789,", at), pattern.size());
    return end < pattern.size() && pattern[end] == '}' ? end + 1 : at;
  }
  void drop_last() {
    if (!now_.empty()) now_.pop_back();
  }
  void end_run() {
    if (now_.size() > best_.size()) best_ = now_;
    now_.clear();
  }
  std::string now_, best_;
};

}  // namespace

std::string translate_groups(std::string_view pattern) {
  std::string out;
  for (std::size_t at = 0; at < pattern.size();) {
    const auto length = token_length(pattern, at);
    const auto after = pattern.substr(at + length, 3);
    const bool named = pattern[at] == '(' && after.starts_with("?<") && !after.ends_with('=') && !after.ends_with('!');
    out.append(pattern.substr(at, length));
    at += length;
    if (named) out.append("?P"), ++at;
  }
  return out;
}

std::string required_literal(std::string_view pattern) {
  return LiteralSearch().run(pattern);
}

Pattern::Pattern(std::string_view pattern, std::string_view where) : literal_(required_literal(pattern)) {
  const auto behind = pattern.substr(std::min(literal_.size(), pattern.size()), 1);
  prefix_ = pattern.starts_with(literal_) && literal_.find_first_of(meta) == literal_.npos && behind != "*" &&
            behind != "?" && behind != "{";
  re2::RE2::Options options;
  options.set_log_errors(false);
  options.set_max_mem(8 << 20);
  expression_ = std::make_unique<re2::RE2>(translate_groups(pattern), options);
  if (!expression_->ok())
    throw tsn::Failure(tsn::invalid(std::string(where) + ": " + expression_->error() +
                                    "; expected a regular expression of RE2 (no look-around, no back-references)"));
  for (const auto& [index, name] : expression_->CapturingGroupNames()) {
    if (name[0] >= '0' && name[0] <= '9')
      throw tsn::Failure(tsn::invalid(std::string(where) + ": the group \"" + name +
                                      "\" cannot be a label: its name begins with a digit"));
    groups_.push_back({name, index});
    used_ = std::max(used_, index + 1);
  }
  found_ = std::make_unique<re2::StringPiece[]>(static_cast<std::size_t>(used_));
}

Pattern::~Pattern() = default;
Pattern::Pattern(Pattern&&) noexcept = default;

/// Where each match begins with a literal, RE2 need not look for the beginning. A few places are tried; then it looks
/// itself, so that the time stays linear in the line.
bool Pattern::find(std::string_view line) {
  constexpr int most_tries = 4;
  std::size_t from = 0;
  if (literal_.empty()) return search(line, 0, false);
  for (int i = 0; i < most_tries; ++i) {
    const void* found = ::memmem(line.data() + from, line.size() - from, literal_.data(), literal_.size());
    if (!found) return false;
    if (!prefix_) return search(line, 0, false);
    from = static_cast<std::size_t>(static_cast<const char*>(found) - line.data());
    if (search(line, from, true)) return true;
    ++from;
  }
  return search(line, from, false);
}

bool Pattern::search(std::string_view line, std::size_t from, bool here) {
  return expression_->Match(re2::StringPiece(line.data(), line.size()), from, line.size(),
                            here ? re2::RE2::ANCHOR_START : re2::RE2::UNANCHORED, found_.get(), used_);
}

std::string_view Pattern::group(int index) const {
  const auto& text = found_[static_cast<std::size_t>(index)];
  return text.data() ? std::string_view(text.data(), text.size()) : std::string_view();
}

}  // namespace tocsin_plugins::log_match
