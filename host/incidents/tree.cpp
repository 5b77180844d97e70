#include "incidents/tree.hpp"

#include <algorithm>
#include <cctype>

#include "base/text.hpp"

namespace tocsin::incidents {
namespace {

std::string upper(std::string_view text) {
  std::string out(text);
  std::ranges::transform(out, out.begin(), [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
  return out;
}

/// Stands among the labels that matchers see where they compare to the letter; no label of an alert is called so.
constexpr std::string_view to_the_letter = "(severity as received)";

/// Severity and category compare without case, also inside a regular expression: a positive matcher may fit either
/// spelling, a negative one must refuse neither.
bool matches_word(const model::Matcher& matcher, std::string_view word) {
  using enum model::MatchOp;
  if (matcher.op() == equal) return base::equal_without_case(matcher.value(), word);
  if (matcher.op() == not_equal) return !base::equal_without_case(matcher.value(), word);
  std::string small = base::lower(word), capital = small;
  if (!capital.empty()) capital[0] = static_cast<char>(std::toupper(static_cast<unsigned char>(capital[0])));
  bool all = true, any = false;
  for (const std::string& form : {small, capital, upper(word)}) {
    bool one = matcher.matches(std::string_view(form));
    all = all && one;
    any = any || one;
  }
  return matcher.op() == match ? any : all;
}

std::string quoted(std::string_view text) {
  std::string out = "\"";
  for (char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    if (c == '\n')
      out += "\\n";
    else
      out += c;
  }
  return out += '"';
}

std::string text_of(const model::Matchers& matchers) {
  std::string out = "{";
  for (const model::Matcher& m : matchers) {
    if (out.size() > 1) out += ',';
    out += m.text();
  }
  return out += '}';
}

}  // namespace

model::Severity severity_of(const model::Routing& routing, const model::Alert& alert) {
  return alert.severity != model::Severity::none ? alert.severity : routing.severity.of(alert.labels.get("severity"));
}

model::Labels seen_labels(const model::SeverityMap& severities, const model::Alert& alert) {
  model::Labels seen = alert.labels;
  if (severities.as_received) {
    seen.set(to_the_letter, "yes");
    return seen;
  }
  const bool own = alert.severity != model::Severity::none;
  seen.set("severity", model::to_string(own ? alert.severity : severities.of(alert.labels.get("severity"))));
  if (alert.category != model::Category::none) seen.set("category", model::to_string(alert.category));
  return seen;
}

bool matches_seen(const model::Matcher& matcher, const model::Labels& seen) {
  if ((matcher.label() == "severity" || matcher.label() == "category") && !seen.has(to_the_letter))
    return matches_word(matcher, seen.get(matcher.label()));
  return matcher.matches(seen);
}

bool matches_seen(const model::Matchers& matchers, const model::Labels& seen) {
  return std::ranges::all_of(matchers, [&](const model::Matcher& m) { return matches_seen(m, seen); });
}

Tree::Tree(const model::Routing& routing) : routing_(routing) {
  if (routing.root) {
    root_ = add(*routing.root, "", true);
    return;
  }
  none_.name = none_.path = "none";
  none_.group_by = {"alertname", "service"};
  branches_.push_back({Node{&none_, "{}", false}, {}});
  root_ = &branches_.back();
}

const Tree::Branch* Tree::add(const model::Route& route, const std::string& parent_key, bool root) {
  Branch branch{Node{&route, root ? "{}" : parent_key + "/" + text_of(route.matchers), true}, {}};
  for (const model::Route& child : route.routes) branch.children.push_back(add(child, branch.node.key, false));
  branches_.push_back(std::move(branch));
  return &branches_.back();
}

std::vector<const Node*> Tree::match(const model::Alert& alert) const {
  if (root_->children.empty()) return {&root_->node};
  const model::Labels seen = seen_labels(routing_.severity, alert);
  std::vector<const Node*> found;
  for (const Branch* child : root_->children) {
    if (descend(*child, seen, found) && !child->node.route->continues) break;
  }
  if (found.empty()) found.push_back(&root_->node);
  return found;
}

bool Tree::descend(const Branch& branch, const model::Labels& seen, std::vector<const Node*>& found) const {
  if (!matches_seen(branch.node.route->matchers, seen)) return false;
  bool below = false;
  for (const Branch* child : branch.children) {
    if (!descend(*child, seen, found)) continue;
    below = true;
    if (!child->node.route->continues) break;
  }
  if (!below) found.push_back(&branch.node);
  return true;
}

const Node* Tree::find(const std::string& path) const {
  auto found = std::ranges::find_if(branches_, [&](const Branch& b) { return b.node.route->path == path; });
  return found == branches_.end() ? nullptr : &found->node;
}

model::Labels group_labels(const model::Route& route, const model::Labels& labels) {
  if (std::ranges::find(route.group_by, "...") != route.group_by.end()) return labels;
  return labels.only(route.group_by);
}

std::string group_key(const Node& node, const model::Labels& group) {
  std::string out = node.key + ":{";
  bool first = true;
  for (const auto& [name, value] : group) {
    out += (first ? "" : ", ") + name + "=" + quoted(value);
    first = false;
  }
  return out += '}';
}

}  // namespace tocsin::incidents
