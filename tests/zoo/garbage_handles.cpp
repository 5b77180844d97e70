// Hands over handles that nobody gave it
#include "zoo.hpp"

namespace {

struct Defect {
  ZOO_NAMES(garbage_handles, "Hands over handles that nobody gave it");
  static void act(auto& self) {
    const auto& session = self.ctx.session();
    const auto& host = session.table;
    tsn_err err = tsn::detail::empty_err();
    for (const std::uint64_t handle : {std::uint64_t{0}, std::uint64_t{1}, ~std::uint64_t{0}, std::uint64_t{1} << 63}) {
      tsn::Batch batch(self.ctx);
      batch.push(tsn::now(), tsn::Series{handle}, 1);
      (void)batch.submit();
      host.complete(session.host, session.instance, handle, TSN_OK, nullptr, nullptr);
      host.cancel_timer(session.host, session.instance, handle);
      host.unwatch(session.host, session.instance, handle);
      host.join(session.host, session.instance, handle);
      tsn_series series = 0;
      host.series(session.host, handle, tsn::str("zoo.foreign"), nullptr, 0, &series, &err);
      host.log(session.host, handle, TSN_LOG_INFO, tsn::str("from nobody"));
      (void)host.stopping(session.host, handle);
    }
  }
};

}  // namespace

ZOO_PLUGIN(Defect)
