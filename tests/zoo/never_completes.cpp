// Answers PENDING and completes nothing; as a detector, which has no tokens, it never answers.
#include <unistd.h>

#include "zoo.hpp"

namespace {

struct Defect {
  ZOO_NAMES(never_completes, "Answers PENDING and completes nothing");
  static void act(auto&) {}
};
using Source = zoo::Source<Defect>;

struct Notifier : zoo::Notifier<Defect> {
  tsn::Status deliver(const tsn::Message& message, tsn::Delivered& out, tsn::Token& token, tsn::Deadline deadline) {
    if (!trigger.due("deliver")) return zoo::Notifier<Defect>::deliver(message, out, deadline);
    token.release();
    return tsn::ok;
  }
};

struct Detector : zoo::Detector<Defect> {
  tsn::Status evaluate(Program& program, const tsn::Rows& rows, tsn::Verdicts& out) {
    if (trigger.due("evaluate"))
      for (;;) pause();
    return zoo::Detector<Defect>::evaluate(program, rows, out);
  }
};

tsn_status pull(void* self, tsn_token token, std::int64_t deadline, tsn_err* err) {
  auto& source = *tsn::detail::instance_of<Source>(self).object;
  const auto status = tsn::detail::SourceCalls<Source>::pull(self, token, deadline, err);
  return source.due ? TSN_PENDING : status;
}

const tsn_plugin* plugin() {
  static zoo::Opened<Source> source;
  source.source.pull = &pull;
  static const tsn_type* const types[] = {source.closed(), &tsn::detail::type_of<Notifier>,
                                          &tsn::detail::type_of<Detector>};
  static const tsn_plugin made{sizeof made, TSN_ABI_VERSION, types, 3, 0};
  return &made;
}

}  // namespace

ZOO_EXPORT(plugin(), Source, Notifier, Detector)
