// `tocsin source test`: one configured source is made as the agent makes it, reads once, and what it brings is shown
// and not kept. In a process of its own, as `check --online`; no agent is needed.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

#include "base/clock.hpp"

namespace tocsin::app {

struct SourceTrial {
  std::string config_file;
  std::string instance;      ///< "auth" or "source.auth"
  std::size_t lines = 1000;  ///< of files the last ones of each; of others the trial ends after so many signals
  /// How long it goes on: a polled source is asked again at its `every`, one with a listener of its own waits for data.
  /// Zero: it reads once, and opens no listener.
  base::Duration wait{};
};

/// What was found: `instance`, `plugin`, `ok`, `errors`, `report` (of its probe), `send_to` (where a push source is
/// sent to), `auth`, `routes` (it is reached over the agent's listener), `signals`, `unmatched` (null: it does not
/// say), `examples`, `series`, `series_total`, `rejected`, `counters`, `notes`. Only `errors`, and `unknown` true,
/// where no such source is configured. The configuration must be without errors. Forks: the caller has one thread.
nlohmann::json try_source(const SourceTrial& trial);

}  // namespace tocsin::app
