// Questions that rules ask: of a configured source, or of the agent's own store.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "base/value.hpp"
#include "model/rule_row.hpp"
#include "plugin_host/session.hpp"
#include "storage/port.hpp"
#include "telemetry/metrics.hpp"

namespace tocsin::app {

/// Any thread.
class Questions {
 public:
  static constexpr std::uint32_t most_rows = 1000;  ///< of one answer
  struct Parts {
    storage::Store* store = nullptr;
    const base::Clock* clock = nullptr;
    telemetry::Metrics* metrics = nullptr;
    /// A running instance by its full name, "source.prom"; null: there is none.
    std::function<std::shared_ptr<plugin_host::Instance>(const std::string& full)> instance;
    /// The first configured source of a plugin that answers questions; empty: none.
    std::function<std::string(const std::string& plugin)> source_of;
  };
  explicit Questions(Parts parts) : parts_(std::move(parts)) {}

  /// Asks the source of that name. Blocks, at most a second beyond `timeout`. Fault::unavailable: it is not there, or
  /// not now.
  base::Result<model::RuleAnswer> ask(const std::string& source, const base::Value& question, base::Duration timeout);
  /// Asks the question of a rule in the database, which is one text: the store's SQL, or the first key of what the
  /// plugin of that name can be asked.
  base::Result<model::RuleAnswer> ask(const model::RuleRow& row, base::Duration timeout);
  /// The plugin that answers rows of this query_type, "prometheus"; empty: the store.
  static std::string plugin_of(const std::string& query_type);
  /// Why rows of this query_type are not asked; empty: they are.
  std::string missing(const std::string& query_type) const;

 private:
  base::Result<model::RuleAnswer> timed(const std::string& source,
                                        const std::function<base::Result<model::RuleAnswer>()>& ask) const;
  Parts parts_;
};

}  // namespace tocsin::app
