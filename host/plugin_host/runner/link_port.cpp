#include "plugin_host/runner/link_port.hpp"

#include <algorithm>
#include <bit>

#include "plugin_host/abi_text.hpp"
#include "plugin_host/runner/messages.hpp"

namespace tocsin::plugin_host::runner {

using base::fail;
using base::Fault;
using base::Result;

namespace {

constexpr std::size_t pool_threads = 4;

tsn_status gone(tsn_err* err) {
  return refuse(err, TSN_CANCELLED, "the agent is gone");
}

/// The status and text that every answer to the runner begins with.
tsn_status read_status(Reader& in, tsn_err* err) {
  const auto status = in.value<tsn_status>();
  const auto code = in.value<std::int32_t>();
  const auto retry = in.value<std::uint32_t>();
  const std::string_view text = in.text();
  if (status == TSN_OK) return status;
  refuse(err, status, text, retry);
  if (err != nullptr && err->size >= sizeof *err) err->code = code;
  return status;
}

}  // namespace

tsn_status LinkInlet::intern(tsn_str name, const tsn_label* labels, std::uint32_t count, tsn_series* out,
                             tsn_err* err) {
  bool good = out != nullptr && sound(name) && count <= 256 && (labels != nullptr || count == 0);
  for (std::uint32_t i = 0; good && i < count; ++i) good = sound(labels[i].name) && sound(labels[i].value);
  if (!good) return refuse(err, TSN_INVALID, "series: a name, a label or the place for the handle is missing");
  *out = 0;
  thread_local Writer content;
  content.bytes.clear();
  content(view(name), count);
  for (std::uint32_t i = 0; i < count; ++i) content(view(labels[i].name), view(labels[i].value));
  {
    std::shared_lock lock(mutex_);
    if (auto it = known_.find(content.bytes); it != known_.end()) return *out = it->second, TSN_OK;
  }
  std::string answer;
  if (link_.call(Kind::series, instance_, link_.next_id(), {content.bytes}, never, answer) != Link::End::answered)
    return gone(err);
  Reader in(answer);
  const tsn_status status = read_status(in, err);
  if (status != TSN_OK) return status;
  *out = in.value<tsn_series>();
  std::unique_lock lock(mutex_);
  known_.emplace(content.bytes, *out);
  return TSN_OK;
}

tsn_status LinkInlet::submit(const tsn_batch* batch, const tsn_bytes* cursor, tsn_submitted* out, tsn_err* err) {
  if (batch == nullptr || reinterpret_cast<std::uintptr_t>(batch) % 8 != 0 || batch->size < sizeof(tsn_batch))
    return refuse(err, TSN_INVALID, "batch: there is none, or its header is not one");
  if (cursor != nullptr && (cursor->n > max_cursor || (cursor->p == nullptr && cursor->n > 0)))
    return refuse(err, TSN_INVALID, "submit: the cursor has more than 65536 bytes");
  if (batch->bytes < sizeof(tsn_batch) || batch->bytes > max_frame_bytes - max_cursor - 64)
    return refuse(err, TSN_INVALID, "batch: its length is impossible");
  SubmitTail tail{cursor != nullptr, cursor != nullptr ? static_cast<std::uint32_t>(cursor->n) : 0, 0, 0};
  constexpr std::size_t least = offsetof(tsn_submitted, first_seq);
  const bool told = out != nullptr && out->size >= least;
  if (told && out->rejects != nullptr) tail.rejects = std::min(out->cap, most_rejects);
  const std::string_view block(reinterpret_cast<const char*>(batch), batch->bytes);
  const std::string_view cursor_bytes(cursor != nullptr ? static_cast<const char*>(cursor->p) : "", tail.cursor_bytes);
  thread_local std::string answer;
  if (link_.call(Kind::submit, instance_, link_.next_id(),
                 {block, cursor_bytes, {reinterpret_cast<const char*>(&tail), sizeof tail}}, never,
                 answer) != Link::End::answered)
    return gone(err);
  Reader in(answer);
  const tsn_status status = read_status(in, err);
  if (!told) return status;
  out->accepted = in.value<std::uint32_t>();
  out->rejected = in.value<std::uint32_t>();
  const auto first_seq = in.value<std::uint64_t>();
  if (out->size >= least + sizeof out->first_seq) out->first_seq = first_seq;
  const std::string_view rejects = in.raw(std::size_t{std::min(tail.rejects, out->rejected)} * sizeof(tsn_row_reject));
  if (out->rejects != nullptr && !rejects.empty()) std::memcpy(out->rejects, rejects.data(), rejects.size());
  return status;
}

void LinkInlet::reject(const tsn_reject& in) {
  Writer content;
  const auto text = [](tsn_str s) { return sound(s) ? view(s).substr(0, 4096) : std::string_view(); };
  content(in.count, text(in.error_type), text(in.reason), text(in.name), text(in.loader), text(in.raw));
  link_.send(Kind::reject, instance_, 0, {content.bytes});
}

LinkPort::LinkPort(Link& link, Region& region)
    : link_(link), region_(region), pool_("pool", pool_threads), reactor_("reactor") {}

LinkPort::~LinkPort() {
  stop();
}

void LinkPort::stop() {
  pool_.stop();
  reactor_.stop();
}

void LinkPort::name(const std::string& instance, std::uint32_t number) {
  std::lock_guard lock(mutex_);
  numbers_[instance] = number;
}

std::uint32_t LinkPort::number_of(const std::string& instance) {
  std::lock_guard lock(mutex_);
  const auto it = numbers_.find(instance);
  return it == numbers_.end() ? 0 : it->second;
}

Result<Taken> LinkPort::take(std::shared_ptr<model::SignalBatch>) {
  return fail(Fault::internal, "a runner takes no batches itself");
}

void LinkPort::log(const std::string& instance, int level, std::string_view text) {
  Writer content;
  content(level, text.substr(0, 4096));
  link_.send(Kind::log, number_of(instance), 0, {content.bytes});
}

void LinkPort::metric(const std::string& instance, tsn_metric_kind kind, const std::string& name,
                      const model::Labels& labels, double value) {
  const std::uint32_t number = number_of(instance);
  Writer called;
  called(kind, name, labels);
  std::uint32_t slot = metric_count;
  bool first = false;
  {
    std::lock_guard lock(mutex_);
    auto [it, made] =
        metrics_.try_emplace(std::to_string(number) + "/" + called.bytes, static_cast<std::uint32_t>(metrics_.size()));
    slot = it->second;
    first = made && slot < metric_count;
    if (made && !first) metrics_.erase(it);
  }
  if (slot >= metric_count) return;  // the slots are for the agent's sake: more would be more than it should keep
  Writer content;
  std::atomic<std::uint64_t>& bits = region_.metrics[slot].bits;
  if (kind == TSN_METRIC_GAUGE) {
    bits.store(std::bit_cast<std::uint64_t>(value), std::memory_order_relaxed);
  } else {
    std::uint64_t before = bits.load(std::memory_order_relaxed);
    while (!bits.compare_exchange_weak(before, std::bit_cast<std::uint64_t>(std::bit_cast<double>(before) + value))) {
    }
  }
  if (!first) return;
  content(slot);
  link_.send(Kind::metric_name, number, 0, {called.bytes, content.bytes});
}

Result<std::optional<std::string>> LinkPort::kv_get(const std::string& instance, const std::string& key) {
  Writer content;
  content(key);
  std::string answer;
  if (link_.call(Kind::kv_get, number_of(instance), link_.next_id(), {content.bytes}, never, answer) !=
      Link::End::answered)
    return fail(Fault::cancelled, "the agent is gone");
  Reader in(answer);
  TRY_VOID(read_outcome(in));
  if (in.value<std::uint8_t>() == 0) return std::nullopt;
  return std::string(in.text());
}

Result<void> LinkPort::kv_put(const std::string& instance, const std::string& key, std::string value) {
  Writer content;
  content(key, value);
  std::string answer;
  if (link_.call(Kind::kv_put, number_of(instance), link_.next_id(), {content.bytes}, never, answer) !=
      Link::End::answered)
    return fail(Fault::cancelled, "the agent is gone");
  Reader in(answer);
  return read_outcome(in);
}

Result<void> LinkPort::receipt(const std::string& instance, model::Receipt receipt) {
  Writer content;
  content(receipt);
  std::string answer;
  if (link_.call(Kind::receipt, number_of(instance), link_.next_id(), {content.bytes}, never, answer) !=
      Link::End::answered)
    return fail(Fault::cancelled, "the agent is gone");
  Reader in(answer);
  return read_outcome(in);
}

Result<model::Answered> LinkPort::answer(const std::string& instance, model::Answer given) {
  Writer content;
  content(given);
  std::string answer;
  if (link_.call(Kind::person_answer, number_of(instance), link_.next_id(), {content.bytes}, never, answer) !=
      Link::End::answered)
    return fail(Fault::cancelled, "the agent is gone");
  Reader in(answer);
  TRY_VOID(read_outcome(in));
  model::Answered became;
  in(became);
  return became;
}

/// Not answered: a plugin need not wait for a log, and the agent counts what it has no room for.
Result<void> LinkPort::exchange(const std::string& instance, model::Exchange exchange) {
  Writer content;
  content(exchange);
  link_.send(Kind::exchange, number_of(instance), 0, {content.bytes});
  return {};
}

}  // namespace tocsin::plugin_host::runner
