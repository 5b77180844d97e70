// alertmanager.yml as settings of ours: the tree that an agent.toml of the same meaning has.
//
// Both `tocsin alertmanager` and `tocsin import` go this way, so that what is imported is what ran; the tree takes the
// same path through checks and defaults as a file that was written by hand. Rejected: filling model::Routing and the
// instances directly, which would have been a second meaning of every key.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/value.hpp"
#include "config/document.hpp"

namespace tocsin::alertmanager {

/// Where secrets go that stand in the YAML. `name` is made of letters, digits, - and _.
class Secrets {
 public:
  virtual ~Secrets() = default;
  /// A reference to be a whole value: "env:NAME", "file:PATH".
  virtual std::string whole(const std::string& name, const std::string& value) = 0;
  /// A reference to stand inside of a text: "${file:PATH}".
  virtual std::string inside(const std::string& name, const std::string& value) = 0;
};

struct Translation {
  base::Value root;  ///< [severity] [route] [time_interval.*] [[inhibit_rules]] [notifier.*] [contact.*]
  /// Warnings: what is not carried over, with the place in the YAML.
  config::Diagnostics diagnostics;
  /// For a reader of the TOML: sections by name ("notifier.hook", "route") and what there is to say of them.
  std::map<std::string, std::vector<std::string>> remarks;
};

/// `document` is read_document()'s, without errors. `readable`: routes are named by their receivers, for people; else
/// by their matchers, so that a route keeps its name (and its groups) whatever is inserted around it at a reload.
Translation translate(const base::Value& document, Secrets& secrets, bool readable);

}  // namespace tocsin::alertmanager
