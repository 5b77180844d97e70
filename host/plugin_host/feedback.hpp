// What is asked of receipts and answers before anybody looks at what they say: they are outside input, from a plugin's
// memory or from a runner's.
#pragma once

#include "base/result.hpp"
#include "model/feedback.hpp"

namespace tocsin::plugin_host {

/// Fault::invalid with what is wrong: a kind that is not known, a message or incident that is not named, text that is
/// too long or no UTF-8, a time before 1970.
base::Result<void> check_receipt(const model::Receipt& receipt);
base::Result<void> check_answer(const model::Answer& answer);

}  // namespace tocsin::plugin_host
