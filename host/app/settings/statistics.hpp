// [statistics]: observability data of other systems as signals of the loaders STATS-….
#pragma once

#include <span>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/option.hpp"
#include "base/value.hpp"
#include "config/document.hpp"
#include "model/labels.hpp"
#include "settings/rules.hpp"

namespace tocsin::settings {

/// One question, and what its answers become.
struct Statistic {
  std::string type;    ///< "LATENCY_P99_MS"; the signal's name too
  std::string loader;  ///< "STATS-PERF"
  std::string source;  ///< the configured source that is asked
  std::string origin;  ///< its plugin as the database names it: "PROMETHEUS", "ELASTICSEARCH"
  base::Value question;
  bool operator==(const Statistic& other) const {
    return type == other.type && loader == other.loader && source == other.source && origin == other.origin &&
           base::to_json(question) == base::to_json(other.question);
  }
};

struct Statistics {
  base::Duration every = std::chrono::minutes(5);
  std::vector<Statistic> metrics;  ///< whose source is configured
  bool operator==(const Statistics&) const = default;
};

std::span<const base::Option> statistics_options();
Statistics read_statistics(const base::Value& root, const Answerers& answerers, config::Diagnostics& diagnostics);

}  // namespace tocsin::settings
