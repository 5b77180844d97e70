// What is asked about the alerts that fire now. Alertmanager's filters and orders (api, dispatch, types.AlertSlice).
#include <algorithm>
#include <map>

#include "base/id.hpp"
#include "incidents/decisions.hpp"

namespace tocsin::incidents {
namespace {

using model::AlertFilter;
using model::AlertView;
using model::Labels;

/// Alertmanager's order of label sets: fewer labels first, then name by name.
bool before(const Labels& a, const Labels& b) {
  if (a.size() != b.size()) return a.size() < b.size();
  for (auto left = a.begin(), right = b.begin(); left != a.end(); ++left, ++right) {
    if (left->first != right->first) return left->first > right->first;  // whoever lacks the smaller name is first
    if (left->second != right->second) return left->second < right->second;
  }
  return false;
}

/// Within a group: by job, then by instance (whoever has none comes later), then by labels.
bool before_in_group(const AlertView& a, const AlertView& b) {
  const Labels &left = a.alert->labels, &right = b.alert->labels;
  for (std::string_view name : {"job", "instance"}) {
    const std::string_view one = left.get(name), other = right.get(name);
    if (one == other) continue;
    if (one.empty() || other.empty()) return other.empty();
    return one < other;
  }
  return before(left, right);
}

bool passes(const AlertFilter& filter, const std::string& receiver) {
  return !filter.receiver || filter.receiver->matches(std::string_view(receiver));
}

void add_receivers(const model::Route& route, std::vector<std::string>& names) {
  if (std::ranges::find(names, route.receiver_name()) == names.end()) names.push_back(route.receiver_name());
  for (const model::Route& child : route.routes) add_receivers(child, names);
}

}  // namespace

/// Keeps the list of what the agent's own rules say fires.
void Desk::Impl::note_own(const model::Alert& alert) {
  if (alert.received) return;
  if (alert.state == model::AlertState::firing)
    own_[alert.id] = std::make_shared<const model::Alert>(alert);
  else
    own_.erase(alert.id);
}

template <class Visit>
void Desk::Impl::each_active(base::Time now, Visit visit) const {
  received_.each_active(now, visit);
  for (const auto& [id, alert] : own_) visit(alert);
}

/// Nothing: what holds it back leaves it out. Labels and receivers are the caller's.
std::optional<AlertView> Desk::Impl::view_of(const Received::Shared& alert, const AlertFilter& filter,
                                             base::Time now) const {
  AlertView view;
  view.alert = alert;
  view.starts_at = alert->received ? alert->starts_at : alert->fired_at;
  // One of the agent's own goes on until its rule says otherwise; clients want an end all the same.
  view.ends_at = alert->received ? alert->ends_at : now + routing_.resolve_timeout;
  find_holders(view, now);
  if (!filter.active && !view.suppressed()) return std::nullopt;
  if (!filter.silenced && !view.silenced_by.empty()) return std::nullopt;
  if (!filter.inhibited && !view.inhibited_by.empty()) return std::nullopt;
  return view;
}

void Desk::Impl::find_holders(AlertView& view, base::Time now) const {
  view.silenced_by = silences_.silenced_by(*view.alert, now);
  if (const auto inhibition = holds_->inhibitor.of(*view.alert))
    view.inhibited_by.push_back(base::hex16(inhibition->source));
}

std::vector<AlertView> Desk::alerts(const AlertFilter& filter, base::Time now) const {
  std::vector<AlertView> out;
  impl_->each_active(now, [&](const Received::Shared& alert) {
    if (!model::matches(filter.labels, alert->labels)) return;
    std::vector<std::string> receivers;
    bool wanted = false;
    for (const Node* node : impl_->tree_->match(*alert)) {
      receivers.push_back(node->route->receiver_name());
      wanted = wanted || passes(filter, receivers.back());
    }
    if (!wanted) return;
    auto view = impl_->view_of(alert, filter, now);
    if (!view) return;
    view->receivers = std::move(receivers);
    out.push_back(std::move(*view));
  });
  std::ranges::sort(out, {}, [](const AlertView& view) { return view.alert->fingerprint; });
  return out;
}

std::vector<model::AlertGroupView> Desk::alert_groups(const AlertFilter& filter, base::Time now) const {
  std::map<std::pair<std::string, Labels>, model::AlertGroupView> groups;
  impl_->each_active(now, [&](const Received::Shared& alert) {
    if (!model::matches(filter.labels, alert->labels)) return;
    Nodes nodes = impl_->tree_->match(*alert);
    std::erase_if(nodes, [&](const Node* node) { return !passes(filter, node->route->receiver_name()); });
    if (nodes.empty()) return;
    auto view = impl_->view_of(alert, filter, now);
    if (!view) return;
    for (const Node* node : nodes) view->receivers.push_back(node->route->receiver_name());
    std::ranges::sort(view->receivers);
    for (const Node* node : nodes) {
      Labels labels = group_labels(*node->route, alert->labels);
      auto& group = groups[{node->route->path, labels}];
      group.receiver = node->route->receiver_name();
      group.labels = std::move(labels);
      group.alerts.push_back(*view);
    }
  });
  std::vector<model::AlertGroupView> out;
  for (auto& [key, group] : groups) {
    if (!filter.muted && std::ranges::all_of(group.alerts, &AlertView::suppressed)) continue;
    std::ranges::sort(group.alerts, before_in_group);
    out.push_back(std::move(group));
  }
  std::ranges::stable_sort(out, [](const auto& a, const auto& b) {
    return a.labels == b.labels ? a.receiver < b.receiver : before(a.labels, b.labels);
  });
  return out;
}

std::vector<std::string> Desk::receivers() const {
  std::vector<std::string> names = impl_->routing_.receivers;
  if (names.empty() && impl_->routing_.root) add_receivers(*impl_->routing_.root, names);
  return names;
}

}  // namespace tocsin::incidents
