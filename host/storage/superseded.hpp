// What of several decisions need not be written when they are written together.
#pragma once

#include <vector>

#include "model/changes.hpp"

namespace tocsin::storage {

/// Of each incident, delivery, group, ladder and key of kv the newest state stays: of incidents and deliveries in the
/// place of the first, because rows that come between refer to them; of the rest in its own. What is appended (history,
/// timeline, log, verdicts) stays as it is. Written in order, what is left gives the same rows.
void leave_out_superseded(std::vector<model::Changes>& decisions);

}  // namespace tocsin::storage
