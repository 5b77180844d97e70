// A source, a notifier, a tracker and a detector whose answers a file may falsify after the call was made.
#pragma once

#include "zoo.hpp"

namespace zoo {

/// `Lie` has static functions over what each call writes: err(tsn_err*), delivered(tsn_delivered*),
/// ticket(tsn_ticket*), verdicts(tsn_verdicts*, rows). All types use its names.
template <class Lie>
struct Outputs {
  struct Quiet {
    static constexpr auto id = Lie::id, notifier_id = Lie::notifier_id, detector_id = Lie::detector_id, doc = Lie::doc;
    static void act(auto&) {}
  };
  using Source = zoo::Source<Quiet>;
  struct Notifier : zoo::Notifier<Quiet> {
    bool due = false;
    tsn::Status deliver(const tsn::Message&, tsn::Delivered& out, tsn::Deadline) {
      due = trigger_due("deliver");
      out.provider_id = "1";
      return tsn::ok;
    }
    bool trigger_due(std::string_view phase) { return this->trigger.due(phase); }
  };
  struct Detector : zoo::Detector<Quiet> {
    bool due = false;
    tsn::Status evaluate(typename zoo::Detector<Quiet>::Program& program, const tsn::Rows& rows, tsn::Verdicts& out) {
      due = this->trigger.due("evaluate");
      return zoo::Detector<Quiet>::evaluate(program, rows, out);
    }
  };
  struct Tracker : Animal<Quiet> {
    static constexpr auto id = Lie::tracker_id;
    ZOO_OPTIONS("upsert", "upsert");
    bool due = false;
    tsn::Status upsert(const tsn::Upsert&, tsn::Ticket& out) {
      due = this->trigger.due("upsert");
      out.key = "ZOO-1";
      return tsn::ok;
    }
  };

  template <class T>
  static bool due(void* self) {
    return tsn::detail::instance_of<T>(self).object->due;
  }
  static tsn_status pull(void* self, tsn_token token, std::int64_t deadline, tsn_err* err) {
    const auto status = tsn::detail::SourceCalls<Source>::pull(self, token, deadline, err);
    if (!due<Source>(self)) return status;
    Lie::err(err);
    return TSN_FAILED;
  }
  static tsn_status deliver(void* self, tsn_token token, const tsn_message* message, std::int64_t deadline,
                            tsn_delivered* out, tsn_err* err) {
    const auto status = tsn::detail::NotifierCalls<Notifier>::deliver(self, token, message, deadline, out, err);
    if (due<Notifier>(self)) Lie::delivered(out);
    return status;
  }
  static tsn_status upsert(void* self, tsn_token token, const tsn_upsert* change, std::int64_t deadline,
                           tsn_ticket* out, tsn_err* err) {
    const auto status = tsn::detail::TrackerCalls<Tracker>::upsert(self, token, change, deadline, out, err);
    if (due<Tracker>(self)) Lie::ticket(out);
    return status;
  }
  static tsn_status evaluate(void* self, void* program, const tsn_rows* rows, tsn_verdicts* out, tsn_err* err) {
    const auto status = tsn::detail::DetectorCalls<Detector>::evaluate(self, program, rows, out, err);
    if (due<Detector>(self)) Lie::verdicts(out, rows->rows);
    return status;
  }

  static const tsn_plugin* plugin() {
    static Opened<Source> source;
    static Opened<Notifier> notifier;
    static Opened<Detector> detector;
    static Opened<Tracker> tracker;
    source.source.pull = &pull;
    notifier.notifier.deliver = &deliver;
    detector.detector.evaluate = &evaluate;
    tracker.tracker.upsert = &upsert;
    static const tsn_type* const types[] = {source.closed(), notifier.closed(), detector.closed(), tracker.closed()};
    static const tsn_plugin made{sizeof made, TSN_ABI_VERSION, types, 4, 0};
    return &made;
  }
};

}  // namespace zoo

#define ZOO_OUTPUTS(Lie)                                                                          \
  ZOO_EXPORT(zoo::Outputs<Lie>::plugin(), zoo::Outputs<Lie>::Source, zoo::Outputs<Lie>::Notifier, \
             zoo::Outputs<Lie>::Detector, zoo::Outputs<Lie>::Tracker)
