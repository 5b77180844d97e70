// The options of an instance, read once.
#pragma once

#include <string>
#include <vector>

#include "facts.hpp"
#include "kubernetes_api/access.hpp"
#include "tocsin/plugin.hpp"

namespace tocsin_plugins::kube {

struct Settings {
  Access access;
  std::vector<Kind> kinds;
  bool volumes = false;
  std::vector<std::string> namespaces;  ///< empty: all
  std::string label_selector, field_selector;
  std::string node;           ///< of a DaemonSet; empty: all
  bool only_warnings = true;  ///< of events
  std::size_t max_object = 1u << 20;

  bool watches(std::string_view space) const;
};

/// Throws tsn::Failure (invalid) that names the option and the remedy.
Settings read_settings(const tsn::Config& config);

}  // namespace tocsin_plugins::kube
