#include "desk.hpp"

#include <set>

namespace tocsin_plugins::otlp {
namespace {

constexpr std::size_t most_buffer = 1 << 20;  ///< bytes of a body's buffer that a desk keeps

}  // namespace

Shared::Shared(const tsn::Config& config)
    : metrics(config),
      spans(config),
      log_labels(config, "log_labels"),
      operations(static_cast<std::size_t>(config.integer("max_operations", 200))) {}

Desk::Desk(tsn::Context ctx, const tsn::Config& config, Shared& shared)
    : ctx_(ctx),
      metrics_(ctx, shared.metrics, shared.totals, ctx.now()),
      logs_(ctx, config, shared.log_labels),
      spans_(ctx, shared.spans, shared.operations),
      rows_(ctx) {}

std::string Desk::read(Signal signal, Encoding encoding, std::string_view body) {
  clear();
  tally_.clear();
  signal_ = signal;
  read_bytes_ = body.size();
  logs_.begin();
  spans_.begin();
  std::string why;
  if (encoding == Encoding::json)
    why = json_.read(signal, body, *this);
  else if (!protobuf_.read(signal, body, *this))
    why = "the body is no Export" +
          std::string(signal == Signal::metrics ? "Metrics"
                      : signal == Signal::logs  ? "Logs"
                                                : "Trace") +
          "ServiceRequest in protobuf";
  if (why.empty()) spans_.finish(rows_);
  return why;
}

/// The smallest items are two bytes each: a body must not become a hundred times its size.
bool Desk::room() {
  if (tally_.items() < most_items) return true;
  tally_.next_item();
  tally_.refuse("limit", "a body has more than 500000 items; send smaller batches", {});
  return false;
}

void Desk::point(const Metric& metric, const Point& point) {
  if (room()) metrics_.point(metric, point, rows_, tally_);
}

void Desk::record(const LogRecord& record) {
  if (room()) logs_.record(record, rows_, tally_);
}

void Desk::span(const Span& span) {
  if (room()) spans_.span(span, tally_);
}

void Desk::resource(const Attributes& attributes) {
  if (signal_ == Signal::metrics)
    metrics_.resource(attributes);
  else if (signal_ == Signal::logs)
    logs_.resource(attributes);
  else
    spans_.resource(attributes);
}

tsn::Status Desk::submit() {
  const auto done = rows_.submit();
  metrics_.settle(static_cast<bool>(done.status));
  if (done.status) count_rejects(done);
  return done.status;
}

void Desk::count_rejects(const tsn::Submitted& done) {
  std::set<std::uint32_t> items;
  const char* why = "a timestamp is more than a minute ahead of the agent's clock";
  for (const auto& reject : done.rejects) {
    items.insert(rows_.item_of(reject.row));
    if (reject.reason == TSN_REJECT_FUTURE) continue;
    why = reject.reason == TSN_REJECT_SERIES ? "the agent no longer knows a series; send again"
                                             : "a value or timestamp cannot be";
    if (reject.reason == TSN_REJECT_SERIES) metrics_.forget(), spans_.forget();
  }
  // Those that the host no longer describes one by one are taken for items of their own.
  const auto more = done.rejected - static_cast<std::uint32_t>(done.rejects.size());
  tally_.refused_by_host(static_cast<std::uint32_t>(items.size()) + more, why);
}

void Desk::clear() {
  rows_.clear();
  metrics_.settle(false);
  json_.shrink(read_bytes_);
  if (unpacked_.capacity() > most_buffer) std::string().swap(unpacked_);
  read_bytes_ = 0;
}

Desks::Desks(tsn::Context ctx, const tsn::Config& config, Shared& shared) {
  for (std::size_t i = 0; i < number; ++i) {
    all_.push_back(std::make_unique<Desk>(ctx, config, shared));
    idle_.push_back(all_.back().get());
  }
}

Desks::Lease Desks::take() {
  std::unique_lock lock(mutex_);
  free_.wait(lock, [&] { return !idle_.empty(); });
  auto* desk = idle_.back();
  idle_.pop_back();
  return {desk, GiveBack{this}};
}

void Desks::give_back(Desk* desk) {
  desk->clear();
  {
    const std::lock_guard lock(mutex_);
    idle_.push_back(desk);
  }
  free_.notify_one();
}

}  // namespace tocsin_plugins::otlp
