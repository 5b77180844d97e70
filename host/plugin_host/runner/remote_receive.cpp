// What a runner asks of the agent for an instance. Everything in it is outside input.
#include <algorithm>

#include "base/text.hpp"
#include "plugin_host/abi_text.hpp"
#include "plugin_host/feedback.hpp"
#include "plugin_host/metric_name.hpp"
#include "plugin_host/runner/remote_instance.hpp"

namespace tocsin::plugin_host::runner {

namespace {

constexpr std::uint32_t most_labels = 256;

/// The beginning of every answer to a runner.
void write_status(Writer& out, tsn_status status, const tsn_err& err) {
  out(status, err.code, err.retry_after_ms, std::string_view(err.msg, std::min<std::size_t>(err.n, sizeof err.msg)));
}

}  // namespace

void RemoteInstance::receive(Process& process, const Frame& frame, std::string_view content) {
  switch (static_cast<Kind>(frame.kind)) {
    case Kind::submit:
      return on_submit(process, frame, content);
    case Kind::done:
      return answered(frame.id, content);
    case Kind::series:
      return on_series(process, frame, content);
    case Kind::reject:
      return on_reject(content);
    case Kind::log: {
      Reader in(content);
      const int level = in.value<int>();
      return port_.log(name(), std::clamp(level, 0, 3), in.text().substr(0, 4096));
    }
    case Kind::metric_name:
      return on_metric_name(process, content);
    case Kind::kv_get:
    case Kind::kv_put:
      return on_key_value(process, frame, content);
    case Kind::receipt:
      return on_receipt(process, frame, content);
    case Kind::person_answer:
      return on_person_answer(process, frame, content);
    case Kind::exchange:
      return on_exchange(content);
    case Kind::add_input:
      return on_add_input(process, frame, content);
    default:
      process.kill("it sent a message that no runner has (" + std::to_string(frame.kind) + ")");
  }
}

void RemoteInstance::on_submit(Process& process, const Frame& frame, std::string_view content) {
  SubmitTail tail;
  tsn_err err = new_err();
  if (content.size() < sizeof tail + sizeof(tsn_batch)) return process.kill("it submitted what is no batch");
  std::memcpy(&tail, content.data() + content.size() - sizeof tail, sizeof tail);
  const std::size_t rest = content.size() - sizeof tail;
  const auto* batch = reinterpret_cast<const tsn_batch*>(content.data());
  if (tail.cursor_bytes > rest || batch->bytes != rest - tail.cursor_bytes)
    return process.kill("it submitted a batch of another length than it says");
  thread_local std::vector<tsn_row_reject> rejects;
  rejects.resize(std::min(tail.rejects, most_rejects));
  tsn_submitted out{sizeof out, 0, 0, static_cast<std::uint32_t>(rejects.size()), rejects.data(), 0};
  const tsn_bytes cursor{content.data() + rest - tail.cursor_bytes, tail.cursor_bytes};
  const tsn_status status = inlet_.submit(batch, tail.has_cursor != 0 ? &cursor : nullptr, &out, &err);
  if (status == TSN_OK) {
    if (!process.delivered.load(std::memory_order_relaxed)) process.delivered.store(true);
    if (tail.has_cursor != 0) {
      std::lock_guard lock(mutex_);
      cursor_.assign(static_cast<const char*>(cursor.p), cursor.n);
    }
  }
  thread_local Writer answer;
  answer.bytes.clear();
  write_status(answer, status, err);
  answer(out.accepted, out.rejected, out.first_seq);
  answer.raw(rejects.data(), std::min<std::size_t>(out.rejected, rejects.size()) * sizeof(tsn_row_reject));
  process.link().answer(frame, answer.bytes);
}

void RemoteInstance::on_series(Process& process, const Frame& frame, std::string_view content) {
  Reader in(content);
  const std::string_view name = in.text();
  const auto count = in.value<std::uint32_t>();
  std::vector<tsn_label> labels;
  for (std::uint32_t i = 0; i < std::min(count, most_labels); ++i) {
    const std::string_view key = in.text(), value = in.text();
    labels.push_back({str(key), str(value)});
  }
  tsn_series series = 0;
  tsn_err err = new_err();
  const tsn_status status = in.good() && count <= most_labels
                                ? inlet_.intern(str(name), labels.data(), count, &series, &err)
                                : refuse(&err, TSN_INVALID, "series: the request cannot be read");
  Writer answer;
  write_status(answer, status, err);
  answer(series);
  process.link().answer(frame, answer.bytes);
}

void RemoteInstance::on_reject(std::string_view content) {
  Reader in(content);
  tsn_reject reject{};
  reject.size = sizeof reject;
  reject.count = in.value<std::uint32_t>();
  reject.error_type = str(in.text());
  reject.reason = str(in.text());
  reject.name = str(in.text());
  reject.loader = str(in.text());
  reject.raw = str(in.text());
  if (in.good()) inlet_.reject(reject);
}

void RemoteInstance::on_metric_name(Process& process, std::string_view content) {
  Reader in(content);
  tsn_metric_kind kind = 0;
  std::string metric;
  model::Labels labels;
  std::uint32_t slot = 0;
  in(kind, metric, labels, slot);
  bool good = in.good() && kind <= TSN_METRIC_GAUGE && valid_metric_name(metric) && labels.size() <= 32;
  for (const auto& [label, value] : labels)
    good = good && valid_metric_name(label) && value.size() <= 1024 && base::valid_utf8(value);
  if (good) process.name_metric(slot, name(), kind, std::move(metric), std::move(labels));
}

/// The store may take its time, which the reading thread has not.
void RemoteInstance::on_key_value(Process& process, const Frame& frame, std::string_view content) {
  Reader in(content);
  std::string key(in.text().substr(0, 257)), value;
  const bool put = static_cast<Kind>(frame.kind) == Kind::kv_put;
  if (put) value = in.text();
  const bool good =
      in.good() && !key.empty() && key.size() <= 256 && value.size() <= 64 * 1024 && base::valid_utf8(key);
  port_.pool().post([self = shared_from_this(), process = process.shared_from_this(), frame, put, good,
                     key = std::move(key), value = std::move(value)] {
    Writer answer;
    base::Result<std::optional<std::string>> got =
        base::fail(base::Fault::invalid, "kv: a key is UTF-8 text of 1 to 256 bytes, a value has at most 64 KiB");
    if (good && !put) got = self->port_.kv_get(self->name(), key);
    if (good && put) {
      auto kept = self->port_.kv_put(self->name(), key, value);
      got = kept ? base::Result<std::optional<std::string>>(std::nullopt) : base::fail(kept.error());
    }
    if (!got) {
      write_failure(answer, got.error());
    } else {
      answer(std::uint8_t{0});
      if (!put) answer(static_cast<std::uint8_t>(got->has_value()), got->value_or(""));
    }
    process->link().answer(frame, answer.bytes);
  });
}

/// Waits for what is durable, which the reading thread may not.
void RemoteInstance::on_receipt(Process& process, const Frame& frame, std::string_view content) {
  Reader in(content);
  model::Receipt receipt;
  in(receipt);
  const bool good = in.good();
  port_.pool().post([self = shared_from_this(), process = process.shared_from_this(), frame, good,
                     receipt = std::move(receipt)]() mutable {
    base::Result<void> taken = good ? check_receipt(receipt) : base::fail(base::Fault::invalid, "a broken receipt");
    if (taken) taken = self->port_.receipt(self->name(), std::move(receipt));
    Writer answer;
    if (taken)
      answer(std::uint8_t{0});
    else
      write_failure(answer, taken.error());
    process->link().answer(frame, answer.bytes);
  });
}

void RemoteInstance::on_person_answer(Process& process, const Frame& frame, std::string_view content) {
  Reader in(content);
  model::Answer given;
  in(given);
  const bool good = in.good();
  port_.pool().post([self = shared_from_this(), process = process.shared_from_this(), frame, good,
                     given = std::move(given)]() mutable {
    base::Result<void> sound = good ? check_answer(given) : base::fail(base::Fault::invalid, "a broken answer");
    base::Result<model::Answered> became =
        sound ? self->port_.answer(self->name(), std::move(given)) : base::fail(sound.error());
    Writer answer;
    if (became)
      answer(std::uint8_t{0}, *became);
    else
      write_failure(answer, became.error());
    process->link().answer(frame, answer.bytes);
  });
}

/// The port queues it: nothing is waited for. Where it has no room the entry is lost, and counted there.
void RemoteInstance::on_exchange(std::string_view content) {
  Reader in(content);
  model::Exchange exchange;
  in(exchange);
  const bool known_direction =
      exchange.direction == model::ExchangeDirection::out || exchange.direction == model::ExchangeDirection::in;
  if (!in.good() || !known_direction || exchange.took < base::Duration::zero() || base::to_ns(exchange.at) < 0) return;
  make_keepable(exchange, secrets_);
  static_cast<void>(port_.exchange(name(), std::move(exchange)));
}

void RemoteInstance::on_add_input(Process& process, const Frame& frame, std::string_view content) {
  Reader in(content);
  tsn_input input{};
  input.size = sizeof input;
  input.aggregate = in.value<tsn_aggregate>();
  input.selector = str(in.text());
  input.over = in.value<std::int64_t>();
  input.offset = in.value<std::int64_t>();
  std::uint32_t column = 0;
  tsn_err err = new_err();
  tsn_status status = refuse(&err, TSN_INVALID, "add: only during compile and evaluate");
  if (in.good()) {
    // The lock keeps the waiting call, and so its inputs, until this is done.
    std::lock_guard lock(inputs_mutex_);
    const auto it = inputs_.find(frame.id);
    if (it != inputs_.end() && it->second != nullptr) status = it->second->add(it->second, &input, &column, &err);
  }
  Writer answer;
  answer(status, column, std::string_view(err.msg, std::min<std::size_t>(err.n, sizeof err.msg)));
  process.link().answer(frame, answer.bytes);
}

}  // namespace tocsin::plugin_host::runner
