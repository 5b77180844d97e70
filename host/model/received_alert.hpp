// An alert as somebody else's system sends it: Prometheus, amtool, whatever speaks Alertmanager's API.
#pragma once

#include <string>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "model/labels.hpp"

namespace tocsin::model {

struct ReceivedAlert {
  Labels labels, annotations;
  base::Time starts_at{}, ends_at{};  ///< no_time: not sent
  std::string generator_url;
};

/// Alertmanager's rules for what may be kept; further, no text holds a NUL, which not every store can keep.
base::Result<void> check_received(const ReceivedAlert& alert);

}  // namespace tocsin::model
