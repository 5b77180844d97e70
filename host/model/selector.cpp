// PromQL's instant selector (prometheus.io/docs/prometheus/latest/querying/basics), with the wider names we allow.
#include <algorithm>

#include "base/text.hpp"
#include "model/matcher.hpp"
#include "model/operators.hpp"
#include "model/quoting.hpp"

namespace tocsin::model {
namespace {

using base::Fault;

constexpr std::string_view name_label = "__name__";

base::Result<Matcher> take_matcher(std::string_view& rest) {
  std::size_t length = name_length(rest);
  if (length == 0) return base::fail(Fault::invalid, "a label name is expected at \"" + std::string(rest) + "\"");
  std::string label(rest.substr(0, length));
  rest = base::trim(rest.substr(length));
  std::optional<MatchOp> op = take_operator(rest);
  if (!op) return base::fail(Fault::invalid, "= != =~ or !~ is expected after " + label);
  rest = base::trim(rest);
  if (rest.empty() || std::string_view("\"'`").find(rest.front()) == std::string_view::npos) {
    return base::fail(Fault::invalid, "the value of " + label + " needs quotes");
  }
  auto value = take_quoted(rest, StrayBackslash::refused);
  if (!value) return base::fail(value.error().in("the value of " + label));
  return Matcher::make(std::move(label), *op, std::move(*value));
}

/// `rest` begins after the opening brace and ends after the closing one.
base::Result<Matchers> take_matchers(std::string_view& rest) {
  Matchers matchers;
  for (rest = base::trim(rest); !rest.starts_with('}'); rest = base::trim(rest)) {
    TRY(Matcher matcher, take_matcher(rest));
    matchers.push_back(std::move(matcher));
    rest = base::trim(rest);
    if (rest.starts_with(','))
      rest.remove_prefix(1);
    else if (!rest.starts_with('}'))
      return base::fail(Fault::invalid, "a comma or the closing } is missing");
  }
  rest.remove_prefix(1);
  return matchers;
}

}  // namespace

base::Result<Selector> Selector::parse(std::string_view text) {
  auto bad = [&](std::string_view why) {
    return base::fail(Fault::invalid, "selector " + std::string(text) + ": " + std::string(why));
  };
  std::string_view rest = base::trim(text);
  if (rest.empty()) return base::fail(Fault::invalid, "a selector is empty; write it as etl.run{status=\"FAILED\"}");
  Selector selector;
  std::size_t length = name_length(rest);
  if (rest.substr(length).starts_with('*')) {
    selector.prefix_ = true;
    ++length;
  }
  selector.name_ = rest.substr(0, length);
  rest = base::trim(rest.substr(length));
  if (rest.starts_with('{')) {
    rest.remove_prefix(1);
    auto matchers = take_matchers(rest);
    if (!matchers) return bad(matchers.error().message());
    selector.matchers_ = std::move(*matchers);
    rest = base::trim(rest);
  }
  if (rest.starts_with('[')) return bad("a range does not belong here; give the window as `over`");
  if (!rest.empty())
    return bad("\"" + std::string(rest) + "\" is not part of a selector: name{label=\"value\", …} is all it may be");
  if (selector.name_.empty() && selector.matchers_.empty()) return bad("it names nothing; * stands for every signal");
  selector.name_from_matcher();
  return selector;
}

void Selector::name_from_matcher() {
  if (!name_.empty()) return;
  auto by_name = std::find_if(matchers_.begin(), matchers_.end(), [](const Matcher& matcher) {
    return matcher.label() == name_label && matcher.op() == MatchOp::equal && !matcher.value().empty();
  });
  // A name that ends in * is written as a matcher where the star is meant as itself.
  if (by_name == matchers_.end() || by_name->value().ends_with('*')) return;
  name_ = by_name->value();
  matchers_.erase(by_name);
}

bool Selector::matches(std::string_view name, const Labels& labels) const {
  if (prefix_) {
    if (!name.starts_with(std::string_view(name_).substr(0, name_.size() - 1))) return false;
  } else if (!name_.empty() && name != name_) {
    return false;
  }
  return std::all_of(matchers_.begin(), matchers_.end(), [&](const Matcher& matcher) {
    return matcher.label() == name_label ? matcher.matches(name) : matcher.matches(labels);
  });
}

std::string Selector::text() const {
  bool plain = prefix_ || name_length(name_) == name_.size();
  std::string out = plain ? name_ : std::string();
  std::string inner = plain ? std::string() : std::string(name_label) + '=' + quote(name_);
  for (const Matcher& matcher : matchers_) {
    if (!inner.empty()) inner += ',';
    inner += matcher.text();
  }
  return inner.empty() ? out : out + '{' + inner + '}';
}

}  // namespace tocsin::model
