#include "app/alertmanager_yaml.hpp"

#include <algorithm>
#include <cctype>

#include "base/text.hpp"

namespace tocsin::app {
namespace {

/// Names of labels as Alertmanager takes them.
bool plain_name(std::string_view name) {
  const auto rest = [](unsigned char c) { return std::isalnum(c) != 0 || c == '_'; };
  return !name.empty() && std::isdigit(static_cast<unsigned char>(name[0])) == 0 && std::ranges::all_of(name, rest);
}

bool plain(const model::Matchers& matchers) {
  return std::ranges::all_of(matchers, [](const model::Matcher& m) { return plain_name(m.label()); });
}

/// A double-quoted scalar of YAML is a string of JSON.
std::string listed(const std::vector<std::string>& texts) {
  std::string out = "[";
  for (const std::string& text : texts) out += (out.size() > 1 ? ", " : "") + base::json_quote(text);
  return out + "]";
}

std::string listed(const model::Matchers& matchers) {
  std::vector<std::string> texts;
  for (const model::Matcher& matcher : matchers) texts.push_back(matcher.text());
  return listed(texts);
}

/// Prometheus' durations: whole milliseconds, in one unit.
std::string duration(base::Duration d) {
  const auto ms = std::max<std::int64_t>(std::chrono::duration_cast<std::chrono::milliseconds>(d).count(), 1);
  return ms % 1000 == 0 ? std::to_string(ms / 1000) + "s" : std::to_string(ms) + "ms";
}

class Writer {
 public:
  std::string write(const model::Routing& routing) {
    out_ = "# Made from the agent's own configuration, for Alertmanager's clients.\n";
    out_ += "global:\n  resolve_timeout: " + duration(routing.resolve_timeout) + "\n";
    model::Route none;
    none.name = "none";
    note(routing.root ? *routing.root : none);
    for (const std::string& name : routing.receivers) add(name);
    out_ += "route:\n";
    route(routing.root ? *routing.root : none, "  ", true);
    out_ += "receivers:\n";
    for (const std::string& name : receivers_) out_ += "- name: " + base::json_quote(name) + "\n";
    inhibition(routing);
    return std::move(out_);
  }

 private:
  void add(const std::string& name) {
    if (std::ranges::find(receivers_, name) == receivers_.end()) receivers_.push_back(name);
  }
  void note(const model::Route& route) {
    add(route.receiver_name());
    for (const model::Route& child : route.routes) note(child);
  }

  void route(const model::Route& node, const std::string& indent, bool root) {
    out_ += indent + "receiver: " + base::json_quote(node.receiver_name()) + "\n";
    std::vector<std::string> by;
    for (const std::string& name : node.group_by) {
      if (name == "..." || plain_name(name)) by.push_back(name);
    }
    if (!by.empty()) out_ += indent + "group_by: " + listed(by) + "\n";
    out_ += indent + "group_wait: " + duration(node.group_wait) + "\n";
    out_ += indent + "group_interval: " + duration(node.group_interval) + "\n";
    out_ += indent + "repeat_interval: " + duration(node.repeat_interval) + "\n";
    if (!root) {
      out_ += indent + "matchers: " + listed(node.matchers) + "\n";
      out_ += indent + "continue: " + (node.continues ? "true" : "false") + "\n";
    }
    bool any = false;
    for (const model::Route& child : node.routes) {
      if (!plain(child.matchers)) {
        out_ += indent + "# left out: " + base::json_quote(child.receiver_name()) + ", for the names of its labels\n";
        continue;
      }
      if (!std::exchange(any, true)) out_ += indent + "routes:\n";
      out_ += indent + "-\n";
      route(child, indent + "  ", false);
    }
  }

  void inhibition(const model::Routing& routing) {
    bool any = false;
    for (const model::InhibitRule& rule : routing.inhibit_rules) {
      if (!plain(rule.source) || !plain(rule.target) || !std::ranges::all_of(rule.equal, plain_name)) continue;
      if (!std::exchange(any, true)) out_ += "inhibit_rules:\n";
      out_ += "- source_matchers: " + listed(rule.source) + "\n  target_matchers: " + listed(rule.target) + "\n";
      out_ += "  equal: " + listed(rule.equal) + "\n";
    }
  }

  std::string out_;
  std::vector<std::string> receivers_;
};

}  // namespace

std::string alertmanager_yaml(const model::Routing& routing) {
  return Writer().write(routing);
}

}  // namespace tocsin::app
