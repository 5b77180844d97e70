// One instance takes over from another of the same name, and gives back what it took if it cannot.
#pragma once

#include <functional>
#include <string>

#include "plugin_host/session.hpp"

namespace tocsin::plugin_host {

struct HandedOver {
  enum class Serving : std::uint8_t { successor, old, none };
  Serving serving = Serving::successor;
  std::string text;  ///< why the successor does not serve; or, if it does, what it had to do without; else empty
};

/// For sources: stop, save, load, start. The order is what makes it exact. Threads of the old one submit until stop()
/// returns, so only then are its state and the last durable cursor final; the successor has both before it does
/// anything. `cursor` is asked after the old one has stopped. Should load or start fail, the successor is stopped and
/// the old one, which lost nothing by stopping, is started again at that cursor.
///
/// A save that fails, or a successor that takes no state, does not hold the upgrade up: the agent's restart hands over
/// the cursor alone, so every plugin can live without. The text says so.
///
/// Both were created, the old one is running, nobody else calls into them meanwhile. Blocks as long as the plugins do.
HandedOver hand_over(Instance& old, Instance& successor, const std::function<std::string()>& cursor);

/// For notifiers and trackers: save, load, start, while the old one goes on. Nothing is refused and nothing waits;
/// calls under way end where they began. The caller sends new ones to the successor and stops the old one later.
HandedOver start_beside(Instance& old, Instance& successor, const std::function<std::string()>& cursor);

/// The state of `old`, taken by `successor`. Fails only if the successor refuses it; `remark` is what it does without.
base::Result<void> pass_state(Instance& old, Instance& successor, std::string& remark);

}  // namespace tocsin::plugin_host
