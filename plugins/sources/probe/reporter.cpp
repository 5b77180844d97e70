#include "reporter.hpp"

namespace tocsin_plugins::probing {

void Reporter::push(tsn::Batch& out, Slot& slot, double value, tsn::Time now) {
  if (slot.refused) return;
  if (slot.series.handle == 0) {
    std::vector<tsn::LabelView> labels = {{"target", target_.name}, {"kind", name_of(target_.kind)}};
    if (!target_.service.empty()) labels.emplace_back("service", target_.service);
    if (!target_.dc.empty()) labels.emplace_back("dc", target_.dc);
    if (slot.certificate) labels.emplace_back("certificate", slot.certificate);
    if (const auto status = ctx_.try_series(slot.name, labels, slot.series); !status) {
      slot.refused = status.value() == TSN_INVALID;  // at the limit of series it is tried again
      ctx_.reject(
          {status.value() == TSN_CARDINALITY ? "cardinality" : "labels", status.text(), slot.name, {}, target_.name});
      return;
    }
  }
  out.push(now, slot.series, value);
}

void Reporter::write(tsn::Batch& out, const Outcome& outcome, tsn::Time now) {
  push(out, up_, outcome.up ? 1 : 0, now);
  push(out, duration_, outcome.seconds, now);
  if (outcome.status) push(out, status_, static_cast<double>(*outcome.status), now);
  if (outcome.first_byte) push(out, first_byte_, *outcome.first_byte, now);
  if (outcome.expiry) push(out, leaf_, outcome.expiry->leaf, now);
  if (outcome.expiry) push(out, chain_, outcome.expiry->chain, now);
  if (outcome.lag) push(out, lag_, *outcome.lag, now);
}

void Reporter::tell(const Outcome& outcome) {
  const std::string who = "target \"" + target_.name + "\" (" + target_.url.origin() + ")";
  if (!outcome.up && (was_up_ || !told_)) ctx_.warn(who + " is down: " + outcome.why);
  if (outcome.up && !was_up_) ctx_.info(who + " is up again");
  was_up_ = outcome.up;
  told_ = true;
}

}  // namespace tocsin_plugins::probing
