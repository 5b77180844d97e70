#include "matcher.hpp"

#include <re2/re2.h>

namespace tocsin_plugins::jira {
namespace {

re2::StringPiece piece(std::string_view text) {
  return {text.data(), text.size()};
}

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

[[noreturn]] void refuse(std::string_view text, const std::string& why) {
  throw tsn::Failure(
      tsn::invalid("matcher '" + std::string(text) + "': " + why + "; expected label=\"value\" with = != =~ or !~"));
}

std::string unquoted(std::string_view value, std::string_view whole) {
  if (value.empty() || value.front() != '"') return std::string(value);
  std::string out;
  for (std::size_t i = 1; i < value.size(); ++i) {
    if (value[i] == '"') {
      if (i + 1 != value.size()) refuse(whole, "text after the closing quote");
      return out;
    }
    if (value[i] == '\\' && i + 1 < value.size()) {
      ++i;
      // Only \" \\ and \n are escapes; any other backslash belongs to the regular expression.
      if (value[i] == 'n') {
        out += '\n';
        continue;
      }
      if (value[i] != '"' && value[i] != '\\') out += '\\';
    }
    out += value[i];
  }
  refuse(whole, "the quote is not closed");
}

}  // namespace

Matcher::Matcher(std::string_view text) {
  const auto end = text.find_first_of("=!");
  if (end == text.npos) refuse(text, "there is no operator");
  label_ = trimmed(text.substr(0, end));
  if (label_.empty()) refuse(text, "there is no label");
  const auto op = text.substr(end, 2);
  const bool regex = op == "=~" || op == "!~";
  negated_ = text[end] == '!';
  if (negated_ && op != "!=" && op != "!~") refuse(text, "unknown operator");
  value_ = unquoted(trimmed(text.substr(end + (regex || negated_ ? 2 : 1))), text);
  const bool folded = label_ == "severity";
  if (!regex && !folded) return;
  RE2::Options options;
  options.set_log_errors(false);
  options.set_case_sensitive(!folded);
  options.set_dot_nl(true);
  auto pattern = std::make_shared<const RE2>(regex ? value_ : RE2::QuoteMeta(value_), options);
  if (!pattern->ok()) refuse(text, pattern->error());
  pattern_ = std::move(pattern);
}

Matcher::~Matcher() = default;

bool Matcher::holds(std::string_view value) const {
  const bool equal = pattern_ ? RE2::FullMatch(piece(value), *pattern_) : value == value_;
  return equal != negated_;
}

bool Matcher::matches(const tsn::Incident& incident) const {
  if (label_ == "severity") return holds(tsn::severity_name(incident.severity));
  if (label_ == "category") return holds(incident.category);
  return holds(incident.labels[label_]);
}

bool same_name(std::string_view a, std::string_view b) {
  if (a == b) return true;
  RE2::Options options;
  options.set_log_errors(false);
  options.set_case_sensitive(false);
  return RE2::FullMatch(piece(a), RE2(RE2::QuoteMeta(piece(b)), options));
}

}  // namespace tocsin_plugins::jira
