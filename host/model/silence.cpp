#include "model/silence.hpp"

namespace tocsin::model {

std::string_view to_string(SilenceState state) {
  switch (state) {
    case SilenceState::pending:
      return "pending";
    case SilenceState::active:
      return "active";
    case SilenceState::expired:
      break;
  }
  return "expired";
}

SilenceState Silence::state(base::Time now) const {
  if (now < starts_at) return SilenceState::pending;
  return now < ends_at ? SilenceState::active : SilenceState::expired;
}

}  // namespace tocsin::model
