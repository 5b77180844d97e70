// Completes the token of a call twice.
#include "zoo.hpp"

namespace {

struct Defect {
  ZOO_NAMES(completes_twice, "Completes a token twice");
  static void act(auto&) {}
};
using Source = zoo::Source<Defect>;

void twice(const tsn::detail::Session& session, tsn_token token, const void* result) {
  for (int i = 0; i < 2; ++i) session.table.complete(session.host, session.instance, token, TSN_OK, result, nullptr);
}

struct Notifier : zoo::Notifier<Defect> {
  tsn::Status deliver(const tsn::Message& message, tsn::Delivered& out, tsn::Token& token, tsn::Deadline deadline) {
    if (!trigger.due("deliver")) return zoo::Notifier<Defect>::deliver(message, out, deadline);
    tsn_delivered result{};
    result.size = sizeof result;
    twice(ctx.session(), token.id(), &result);
    token.release();
    return tsn::ok;
  }
};

tsn_status pull(void* self, tsn_token token, std::int64_t deadline, tsn_err* err) {
  auto& source = *tsn::detail::instance_of<Source>(self).object;
  const auto status = tsn::detail::SourceCalls<Source>::pull(self, token, deadline, err);
  if (!source.due) return status;
  twice(source.ctx.session(), token, nullptr);
  return TSN_PENDING;
}

const tsn_plugin* plugin() {
  static zoo::Opened<Source> source;
  source.source.pull = &pull;
  static const tsn_type* const types[] = {source.closed(), &tsn::detail::type_of<Notifier>};
  static const tsn_plugin made{sizeof made, TSN_ABI_VERSION, types, 2, 0};
  return &made;
}

}  // namespace

ZOO_EXPORT(plugin(), Source, Notifier)
