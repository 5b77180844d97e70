// What people decide about who is on call.
#include "incidents/decisions.hpp"

namespace tocsin::incidents {

base::Result<model::Changes> Desk::set_override(model::OncallOverride override, base::Time now,
                                                model::OncallOverride* made) {
  TRY(model::OncallOverride kept, impl_->roster_.add(std::move(override), now, impl_->out_.overrides));
  if (made) *made = std::move(kept);
  return impl_->finish(now);
}

base::Result<model::Changes> Desk::remove_override(const std::string& id, base::Time now) {
  TRY_VOID(impl_->roster_.remove(id, impl_->out_.overrides));
  return impl_->finish(now);
}

const Roster& Desk::roster() const {
  return impl_->roster_;
}

}  // namespace tocsin::incidents
