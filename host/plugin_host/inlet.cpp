// Batches and rejects in. The first step of a signal's path.
#include "plugin_host/inlet.hpp"

#include <algorithm>

#include "base/text.hpp"
#include "plugin_host/abi_text.hpp"
#include "plugin_host/batch_decoder.hpp"

namespace tocsin::plugin_host {

namespace {

constexpr std::size_t max_raw = 1024;

std::string limited(tsn_str s, std::size_t most) {
  if (!sound(s)) return {};
  std::string_view text = view(s).substr(0, most);
  while (text.size() == most && !text.empty() && (static_cast<unsigned char>(text.back()) & 0x80))
    text.remove_suffix(1);
  return std::string(text);
}

const char* word_of(tsn_reject_reason reason) {
  switch (reason) {
    case TSN_REJECT_FUTURE:
      return "future";
    case TSN_REJECT_SERIES:
      return "series";
    case TSN_REJECT_VALUE:
      return "value";
    default:
      return "timestamp";
  }
}

const char* sentence_of(tsn_reject_reason reason) {
  switch (reason) {
    case TSN_REJECT_FUTURE:
      return "the timestamp is more than a minute ahead of the agent's clock; check the clocks of both machines";
    case TSN_REJECT_SERIES:
      return "the series handle is unknown or stale; it must come from the series() of this instance";
    case TSN_REJECT_VALUE:
      return "the value is not a finite number, and there is no summary";
    default:
      return "the timestamp lies outside 1970 to 2262; check its unit";
  }
}

/// What is told to the plugin, as far as its struct goes.
void tell(tsn_submitted* out, const DecodedBatch& decoded, std::uint32_t accepted, std::uint64_t first_seq) {
  constexpr std::size_t least = offsetof(tsn_submitted, first_seq);
  if (out == nullptr || out->size < least) return;
  out->accepted = accepted;
  out->rejected = static_cast<std::uint32_t>(decoded.rejected.size());
  for (std::size_t i = 0; out->rejects != nullptr && i < out->cap && i < decoded.rejected.size(); ++i) {
    out->rejects[i] = decoded.rejected[i];
  }
  if (out->size >= least + sizeof out->first_seq) out->first_seq = first_seq;
}

}  // namespace

AgentInlet::AgentInlet(const InstanceSettings& settings, std::string type, Port& port, std::uint32_t number)
    : settings_(settings),
      type_(std::move(type)),
      port_(port),
      series_(port.series(), settings.labels, settings.max_series, number),
      sequence_(settings.sequence ? settings.sequence : std::make_shared<Sequence>(settings.next_seq)),
      batches_(std::make_shared<BatchPool>(settings.name, type_)) {}

Inlet::Counts AgentInlet::counts() const {
  return {signals_.load(std::memory_order_relaxed), rejected_.load(std::memory_order_relaxed),
          errors_.load(std::memory_order_relaxed), refused_.load(std::memory_order_relaxed)};
}

std::uint32_t next_instance_number() {
  static std::atomic<std::uint32_t> last{0};
  return ++last;
}

tsn_status AgentInlet::submit(const tsn_batch* batch, const tsn_bytes* cursor, tsn_submitted* out, tsn_err* err) {
  if (cursor != nullptr && (cursor->n > max_cursor || (cursor->p == nullptr && cursor->n > 0))) {
    return refuse(err, TSN_INVALID,
                  "submit: the cursor has " + std::to_string(cursor->n) + " bytes, 65536 are possible");
  }
  thread_local DecodedBatch decoded;
  auto columns = batches_->get();
  columns->arrived = port_.clock().now();
  if (auto good = decode_batch(batch, series_.snapshot(), columns->arrived, *columns, decoded); !good) {
    errors_.fetch_add(1, std::memory_order_relaxed);
    return refuse(err, TSN_INVALID, good.error().message());
  }
  columns->position = 0;
  columns->has_cursor = cursor != nullptr;
  columns->cursor.clear();
  if (cursor != nullptr && cursor->n > 0) columns->cursor.assign(static_cast<const char*>(cursor->p), cursor->n);
  return take(std::move(columns), decoded, out, err);
}

tsn_status AgentInlet::take(std::shared_ptr<model::SignalBatch> batch, const DecodedBatch& decoded, tsn_submitted* out,
                            tsn_err* err) {
  auto rows = static_cast<std::uint32_t>(batch->rows());
  if (rows == 0 && !batch->has_cursor) {
    report_rejected(decoded);
    tell(out, decoded, 0, 0);
    return TSN_OK;
  }
  std::uint64_t first = sequence_->reserve(rows);
  batch->first_seq = first;
  auto taken = port_.take(std::move(batch));
  if (!taken) {
    sequence_->give_back(first, rows);
    tsn_status status = status_of(taken.error().fault());
    (status == TSN_RETRY ? refused_ : errors_).fetch_add(1, std::memory_order_relaxed);
    return refuse(err, status, taken.error().message());
  }
  signals_.fetch_add(rows, std::memory_order_relaxed);
  report_rejected(decoded);
  tell(out, decoded, rows, first);
  return TSN_OK;
}

/// Rows that the plugin meant as signals and the host did not take: kept once for each reason.
void AgentInlet::report_rejected(const DecodedBatch& decoded) {
  if (decoded.rejected.empty()) return;
  rejected_.fetch_add(decoded.rejected.size(), std::memory_order_relaxed);
  for (tsn_reject_reason reason : {TSN_REJECT_FUTURE, TSN_REJECT_SERIES, TSN_REJECT_VALUE, TSN_REJECT_TIMESTAMP}) {
    model::RejectedSignal one;
    one.count = 0;
    for (std::size_t i = 0; i < decoded.rejected.size(); ++i) {
      if (decoded.rejected[i].reason != reason || one.count++ > 0) continue;
      one.raw = "ts " + base::format_rfc3339(base::from_ns(decoded.rejected_ts[i]));
      if (decoded.rejected_series[i] == no_series) continue;
      const model::SeriesKey& key = port_.series().key(decoded.rejected_series[i]);
      one.name = key.name;
      one.loader = key.labels.get("loader");
    }
    if (one.count == 0) continue;
    one.at = port_.clock().now();
    one.instance = settings_.name;
    one.source = type_;
    one.error_type = word_of(reason);
    one.reason = sentence_of(reason);
    port_.rejected(std::move(one));
  }
}

void AgentInlet::reject(const tsn_reject& in) {
  model::RejectedSignal out;
  out.at = port_.clock().now();
  out.instance = settings_.name;
  out.source = type_;
  out.count = std::max(in.count, 1u);
  out.error_type = limited(in.error_type, 64);
  out.reason = limited(in.reason, max_raw);
  out.name = limited(in.name, max_raw);
  out.loader = limited(in.loader, max_raw);
  out.raw = limited(in.raw, max_raw);
  if (out.error_type.empty()) out.error_type = "invalid";
  rejected_.fetch_add(out.count, std::memory_order_relaxed);
  port_.rejected(std::move(out));
}

tsn_status AgentInlet::intern(tsn_str name, const tsn_label* labels, std::uint32_t count, tsn_series* out,
                              tsn_err* err) {
  tsn_status status = series_.intern(name, labels, count, out, err);
  if (status == TSN_CARDINALITY && !cardinality_told_.exchange(true)) {
    port_.log(settings_.name, TSN_LOG_WARN,
              "the limit of " + std::to_string(settings_.max_series) +
                  " series is reached, signals of new series are rejected; drop labels with many values, or "
                  "raise max_series");
  }
  return status;
}

}  // namespace tocsin::plugin_host
