// The instance's view of its host. A member `tsn::Context ctx;` of a plugin class finds the instance being made by
// itself.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tocsin/session.hpp"

namespace tsn {

/// Nanoseconds since 1970-01-01T00:00:00Z.
using Time = std::int64_t;

/// The agent's clock (virtual in replay and tests); outside of any instance the system's.
inline Time now() noexcept {
  const auto* session = detail::current;
  if (session && session->table.now) return session->table.now(session->host);
  return std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::system_clock::now().time_since_epoch())
      .count();
}

/// The instant by which a call is to be answered.
struct Deadline {
  Time at = INT64_MAX;
  std::chrono::nanoseconds remaining() const noexcept {
    if (at == INT64_MAX) return std::chrono::hours(24);
    return std::chrono::nanoseconds(std::max<Time>(0, at - now()));
  }
  /// For libraries that take a timeout: at least 1.
  long milliseconds() const noexcept {
    return static_cast<long>(std::max<std::int64_t>(1, remaining().count() / 1'000'000));
  }
  bool expired() const noexcept { return at != INT64_MAX && now() >= at; }
};

/// An interned series. Cheap to copy; valid for the instance that asked for it.
struct Series {
  tsn_series handle = 0;
};

using LabelView = std::pair<std::string_view, std::string_view>;

/// Input that could not become a signal; see tsn_reject.
struct Reject {
  std::string_view error_type;  ///< one word: "timestamp", "name", "value", "json", "cardinality"
  std::string_view reason;      ///< a sentence
  std::string_view name, loader, raw;
  std::uint32_t count = 1;
};

/// Small durable state of the instance: keys up to 256 bytes, values up to 64 KiB. [any]
class Kv {
 public:
  explicit Kv(detail::Session* session) : session_(session) {
    if (session->table.service)
      service_ =
          static_cast<const tsn_kv_v1*>(session->table.service(session->host, session->instance, str("tsn.kv/1")));
  }
  /// This host has the service; without it the other functions throw.
  explicit operator bool() const noexcept { return service_ != nullptr; }
  std::optional<std::string> get(std::string_view key) const {
    std::string value(256, '\0');
    for (;;) {
      tsn_out out{value.data(), static_cast<std::uint32_t>(value.size()), 0};
      tsn_err err = detail::empty_err();
      const auto status = service().get(session_->host, session_->instance, str(key), &out, &err);
      if (status == TSN_END) return std::nullopt;
      if (status != TSN_OK && !(status == TSN_RETRY && out.n > out.cap)) throw Failure(Status(status, err));
      const bool whole = out.n <= value.size();
      value.resize(out.n);
      if (whole) return value;
    }
  }
  void put(std::string_view key, std::string_view value) const {
    tsn_err err = detail::empty_err();
    expect(service().put(session_->host, session_->instance, str(key), {value.data(), value.size()}, &err), err);
  }
  void remove(std::string_view key) const {
    tsn_err err = detail::empty_err();
    expect(service().remove(session_->host, session_->instance, str(key), &err), err);
  }

 private:
  const tsn_kv_v1& service() const {
    return service_ ? *service_ : throw Failure(unsupported("this host has no tsn.kv/1"));
  }
  static void expect(tsn_status status, const tsn_err& err) {
    if (status != TSN_OK && status != TSN_END) throw Failure(Status(status, err));
  }
  detail::Session* session_;
  const tsn_kv_v1* service_ = nullptr;
};

/// What a provider says later of a message it took; see tsn_receipt.
struct Receipt {
  tsn_receipt_state state = TSN_RECEIPT_DELIVERED;
  std::string_view key = {}, provider_id = {};  ///< one of them names the message
  std::string_view detail = {};                 ///< the provider's own word
  Time at = 0;                                  ///< 0: now
};

/// What a person did about an incident somewhere outside; see tsn_answer.
struct PersonAnswer {
  tsn_answer_kind kind = TSN_ANSWER_ACKNOWLEDGE;
  bool whole_service = false;
  tsn_incident_status status = 0;  ///< TSN_ANSWER_STATUS
  std::string_view id = {};        ///< of this answer: the same again changes nothing
  std::string_view incident = {}, key = {}, provider_id = {}, ticket = {};  ///< one of them names the incident
  std::string_view ticket_url = {}, ticket_status = {};
  std::string_view address = {}, actor = {}, way = {}, text = {};
  std::chrono::nanoseconds lasts{0};
  Time at = 0;  ///< 0: now
};

/// What became of it. `text` is a sentence for the one who answered.
struct Answered {
  tsn_incident_status status = 0;
  std::uint64_t number = 0;
  bool changed = false;
  std::string text;
};

/// Receipts and answers in: "tsn.feedback/1". What is returned OK is durable. [any]
class Feedback {
 public:
  explicit Feedback(detail::Session* session) : session_(session) {
    if (session->table.service)
      service_ = static_cast<const tsn_feedback_v1*>(
          session->table.service(session->host, session->instance, str("tsn.feedback/1")));
  }
  /// This host has the service; without it the other functions answer TSN_UNSUPPORTED.
  explicit operator bool() const noexcept { return service_ != nullptr; }

  Status receipt(const Receipt& in) const {
    if (!service_) return unsupported("this host has no tsn.feedback/1");
    const tsn_receipt out{sizeof(tsn_receipt), in.state, str(in.key), {in.provider_id.data(), in.provider_id.size()},
                          str(in.detail),      in.at};
    tsn_err err = detail::empty_err();
    const auto status = service_->receipt(session_->host, session_->instance, &out, &err);
    return status == TSN_OK ? Status(ok) : Status(status, err);
  }
  Status answer(const PersonAnswer& in, Answered* became = nullptr) const {
    if (!service_) return unsupported("this host has no tsn.feedback/1");
    const tsn_answer out{sizeof(tsn_answer),
                         in.kind,
                         std::uint32_t{in.whole_service} * TSN_ANSWER_WHOLE_SERVICE,
                         in.status,
                         str(in.id),
                         str(in.incident),
                         str(in.key),
                         {in.provider_id.data(), in.provider_id.size()},
                         str(in.ticket),
                         str(in.ticket_url),
                         str(in.ticket_status),
                         str(in.address),
                         str(in.actor),
                         str(in.way),
                         str(in.text),
                         in.lasts.count(),
                         in.at};
    tsn_answered answered{};
    answered.size = sizeof answered;
    tsn_err err = detail::empty_err();
    const auto status = service_->answer(session_->host, session_->instance, &out, &answered, &err);
    if (status != TSN_OK) return Status(status, err);
    if (became)
      *became = {answered.status, answered.number, answered.changed != 0,
                 std::string(answered.text, std::min<std::size_t>(answered.text_n, sizeof answered.text))};
    return ok;
  }

 private:
  detail::Session* session_;
  const tsn_feedback_v1* service_ = nullptr;
};

/// One call to another system, or one of its calls here; see tsn_exchange. Secrets are masked already.
struct Exchange {
  bool incoming = false;
  std::string_view correlation_id = {}, ticket = {}, method = {}, target = {};
  std::string_view request = {}, response = {}, error = {};
  std::uint32_t status = 0;  ///< of HTTP; 0: no answer
  Time at = 0;               ///< 0: now
  std::chrono::nanoseconds took{0};
};

class Context {
 public:
  Context() : session_(detail::current) {
    if (!session_) throw Failure("a tsn::Context outside of an instance: make the plugin through a host or a FakeHost");
  }

  // --- who we are ---
  const std::string& name() const noexcept { return session_->name; }          ///< "auth" of [source.auth]
  const std::string& data_dir() const noexcept { return session_->data_dir; }  ///< make it on first use
  bool replay() const noexcept { return session_->replay; }  ///< read finite input once, then tsn::end
  /// The instance's table. Readable while the plugin class is constructed and in reconfigure().
  Config config() const {
    if (!session_->config) throw Failure("the configuration can be read in the constructor and in reconfigure() only");
    return Config(session_->config);
  }

  // --- signals ---
  /// Interns a series. Throws at the limit of series (TSN_CARDINALITY) and for a bad name or label (TSN_INVALID).
  Series series(std::string_view name, std::span<const LabelView> labels) const {
    Series made;
    if (auto status = try_series(name, labels, made); !status) throw Failure(std::move(status));
    return made;
  }
  Series series(std::string_view name, std::initializer_list<LabelView> labels = {}) const {
    return series(name, std::span(labels.begin(), labels.size()));
  }
  /// As series(), without the exception.
  Status try_series(std::string_view name, std::span<const LabelView> labels, Series& out) const {
    tsn_label few[16];
    std::vector<tsn_label> many;
    if (labels.size() > std::size(few)) many.resize(labels.size());
    tsn_label* list = many.empty() ? few : many.data();
    for (std::size_t i = 0; i < labels.size(); ++i) list[i] = {str(labels[i].first), str(labels[i].second)};
    return try_series(name, list, static_cast<std::uint32_t>(labels.size()), out);
  }
  Status try_series(std::string_view name, const tsn_label* labels, std::uint32_t count, Series& out) const {
    tsn_err err = detail::empty_err();
    const auto status =
        session_->table.series(session_->host, session_->instance, str(name), labels, count, &out.handle, &err);
    return status == TSN_OK ? Status(ok) : Status(status, err);
  }
  void reject(const Reject& item) const noexcept {
    tsn_reject out{};
    out.size = sizeof out;
    out.count = item.count;
    out.error_type = str(item.error_type);
    out.reason = str(item.reason);
    out.name = str(item.name);
    out.loader = str(item.loader);
    out.raw = str(item.raw.substr(0, detail::fitting(item.raw, 1024)));
    if (session_->table.reject) session_->table.reject(session_->host, session_->instance, &out);
  }

  // --- telemetry ---
  void log(tsn_log_level level, std::string_view text) const noexcept { session_->log(level, text); }
  void debug(std::string_view text) const noexcept { log(TSN_LOG_DEBUG, text); }
  void info(std::string_view text) const noexcept { log(TSN_LOG_INFO, text); }
  void warn(std::string_view text) const noexcept { log(TSN_LOG_WARN, text); }
  void error(std::string_view text) const noexcept { log(TSN_LOG_ERROR, text); }
  /// Adds to tocsin_plugin_<name>.
  void count(std::string_view metric, double value = 1, std::initializer_list<LabelView> labels = {}) const {
    send_metric(TSN_METRIC_COUNTER, metric, value, labels);
  }
  void gauge(std::string_view metric, double value, std::initializer_list<LabelView> labels = {}) const {
    send_metric(TSN_METRIC_GAUGE, metric, value, labels);
  }

  // --- time, threads, descriptors. What is still there when stop() has returned is cancelled and joined by the SDK.
  // ---
  Time now() const noexcept { return session_->table.now(session_->host); }
  bool stopping() const noexcept { return session_->table.stopping(session_->host, session_->instance) != 0; }
  /// A named thread; `body` must return soon after stopping() is true. Its exceptions are logged.
  tsn_thread spawn(std::string_view thread_name, std::function<void()> body) const {
    return session_->spawn(thread_name, std::move(body));
  }
  void join(tsn_thread thread) const noexcept { session_->join(thread); }
  /// Calls `call` [seq] once, `after` from now.
  tsn_timer timer(std::chrono::nanoseconds after, std::function<void()> call) const {
    return session_->timer(after, std::move(call));
  }
  void cancel_timer(tsn_timer timer) const noexcept { session_->cancel_timer(timer); }
  /// Calls `call(events)` [seq] once when fd is readable (events 1) or writable (2); watch again from the callback.
  tsn_watch watch_fd(int fd, std::uint32_t events, std::function<void(std::uint32_t)> call) const {
    return session_->watch_fd(fd, events, std::move(call));
  }
  void unwatch(tsn_watch watch) const noexcept { session_->unwatch(watch); }

  // --- services ---
  Kv kv() const { return Kv(session_); }
  Feedback feedback() const { return Feedback(session_); }
  /// Into jira_sync_log by "tsn.exchanges/1"; TSN_UNSUPPORTED where the host has none. The entry may be lost: what it
  /// tells of goes on whatever this returns. [any]
  Status log_exchange(const Exchange& in) const {
    const auto* log = service<tsn_exchanges_v1>("tsn.exchanges/1");
    if (!log) return unsupported("this host has no tsn.exchanges/1");
    const tsn_exchange out{sizeof(tsn_exchange),
                           std::uint32_t{in.incoming},
                           str(in.correlation_id),
                           str(in.ticket),
                           str(in.method),
                           str(in.target),
                           str(in.request),
                           str(in.response),
                           str(in.error),
                           in.status,
                           0,
                           in.at,
                           in.took.count()};
    tsn_err err = detail::empty_err();
    const auto status = log->log(session_->host, session_->instance, &out, &err);
    return status == TSN_OK ? Status(ok) : Status(status, err);
  }
  /// A versioned service of the host, null when it has none.
  template <class Service>
  const Service* service(std::string_view id) const noexcept {
    if (!session_->table.service) return nullptr;
    return static_cast<const Service*>(session_->table.service(session_->host, session_->instance, str(id)));
  }

  detail::Session& session() const noexcept { return *session_; }

 private:
  void send_metric(tsn_metric_kind kind, std::string_view metric, double value,
                   std::initializer_list<LabelView> labels) const {
    std::vector<tsn_label> list;
    for (const auto& [key, text] : labels) list.push_back({str(key), str(text)});
    if (session_->table.metric)
      session_->table.metric(session_->host, session_->instance, kind, str(metric), list.data(),
                             static_cast<std::uint32_t>(list.size()), value);
  }
  detail::Session* session_;
};

}  // namespace tsn
