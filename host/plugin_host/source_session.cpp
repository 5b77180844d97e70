// Signals in: pulls. What a source then submits goes through its inlet.
#include <future>

#include "plugin_host/instance_core.hpp"

namespace tocsin::plugin_host {

using base::fail;
using base::Fault;
using base::Result;

Result<bool> InstanceCore::pull(base::Time deadline) {
  if (!polled()) return fail(Fault::unsupported, settings_.name + ": this source is not polled");
  auto answered = std::make_shared<std::promise<Answer>>();
  auto answer = answered->get_future();
  tsn_token token =
      tokens_.open({CallKind::pull, deadline, [answered](Answer a) { answered->set_value(std::move(a)); }, {}, 0});
  tsn_err err = new_err();
  tsn_status status = call(until(EntryPoint::pull, deadline), err, [&](tsn_err& e) {
    if (!accepts_calls()) return refuse(&e, TSN_CANCELLED, "the instance is stopping");
    return type_.source.pull(self_, token, base::to_ns(deadline), &e);
  });
  returned(token, status, status == TSN_PENDING ? Answer{} : answer_of(CallKind::pull, status, err));
  Answer got = answer.get();  // ended by the deadline at the latest
  if (got.status == TSN_OK) return true;
  if (got.status == TSN_END) return false;
  return fail(error_of(got.status, got.error, settings_.name, "pull"));
}

}  // namespace tocsin::plugin_host
