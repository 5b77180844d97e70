// The routing tree: which routes an alert takes, and which group it enters on each.
#pragma once

#include <deque>
#include <string>
#include <vector>

#include "model/alert.hpp"
#include "model/routing.hpp"

namespace tocsin::incidents {

/// A route with what the tree knows of it. Owned by the Tree.
struct Node {
  const model::Route* route = nullptr;
  std::string key;    ///< matchers from the root on, joined by "/": `{}/{team="payments"}`
  bool tells = true;  ///< false: no route is configured, incidents open and nobody is told
};

/// The severity an alert counts as: its own, else its label mapped.
model::Severity severity_of(const model::Routing& routing, const model::Alert& alert);

/// What the matchers of agent.toml compare with: an alert's labels with its mapped severity and its rule's category; or
/// its labels alone where severities compare as received.
model::Labels seen_labels(const model::SeverityMap& severities, const model::Alert& alert);
/// Severity and category compare without case, unless as received; `seen` is of seen_labels().
bool matches_seen(const model::Matcher& matcher, const model::Labels& seen);
bool matches_seen(const model::Matchers& matchers, const model::Labels& seen);

class Tree {
 public:
  /// `routing` must outlive the tree and stay where it is.
  explicit Tree(const model::Routing& routing);
  Tree(const Tree&) = delete;
  Tree& operator=(const Tree&) = delete;

  /// Depth-first; siblings stop at the first match unless it continues; a node with no matching child is itself the
  /// answer. Never empty.
  std::vector<const Node*> match(const model::Alert& alert) const;
  const Node* find(const std::string& path) const;

 private:
  struct Branch {
    Node node;
    std::vector<const Branch*> children;
  };
  const Branch* add(const model::Route& route, const std::string& parent_key, bool root);
  bool descend(const Branch& branch, const model::Labels& seen, std::vector<const Node*>& found) const;

  const model::Routing& routing_;
  model::Route none_;  ///< stands in while no route is configured
  std::deque<Branch> branches_;
  const Branch* root_ = nullptr;
};

/// The labels that make the group: those of `group_by` that the alert has.
model::Labels group_labels(const model::Route& route, const model::Labels& labels);
/// Alertmanager's groupKey: `{}/{team="payments"}:{alertname="X", service="y"}`.
std::string group_key(const Node& node, const model::Labels& group);

}  // namespace tocsin::incidents
