// Consumes a queue of RabbitMQ on a thread of its own. A message is acknowledged when its signals are durable.
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <deque>
#include <mutex>
#include <random>
#include <string>
#include <vector>

#include "consumer.hpp"
#include "hand_over.hpp"
#include "settings.hpp"
#include "tocsin/plugin.hpp"

namespace tocsin_plugins {

using namespace std::chrono_literals;

class AmqpSource {
 public:
  static constexpr auto id = "amqp", version = "1.0.0", doc = "Consumes signals or events from a RabbitMQ queue";
  static constexpr const char* needs[] = {"network"};
  static constexpr auto features = tsn::consumes;
  static constexpr tsn::Option options[] = {
      {.key = "url", .flags = tsn::required, .doc = "amqp:// or amqps://user@host:port/vhost, without a password"},
      {.key = "password", .flags = tsn::secret, .doc = "Password of the url's user"},
      {.key = "ca_file", .doc = "PEM file with a root certificate of your own, beside the system's"},
      {.key = "queue", .flags = tsn::required, .doc = "Queue to consume"},
      {.key = "declare",
       .type = tsn::table,
       .fallback = "{ passive = true }",
       .doc = "How to make the queue: durable, type (classic, quorum), bindings (entries of exchange and routing_key), "
              "dead_letter_exchange, dead_letter_routing_key; by default it has to be there"},
      {.key = "prefetch",
       .type = tsn::integer,
       .fallback = "200",
       .min = "1",
       .max = "8000",
       .doc = "Messages on their way that are not acknowledged yet"},
      {.key = "consumer_tag", .doc = "Name of the consumer; empty: the broker makes one up"},
      {.key = "format",
       .type = tsn::string,
       .fallback = "\"signals\"",
       .choices = "signals|event|text",
       .doc = "signals: the JSON of the bulk push; event: a JSON object, or text, is one signal; text: lines for "
              "[[match]]"},
      {.key = "signal",
       .type = tsn::string,
       .fallback = "\"amqp.message\"",
       .doc = "Name of the signal that a message becomes where neither [[match]] nor event.signal names it"},
      {.key = "event",
       .type = tsn::table,
       .fallback = "{}",
       .doc = "JSON Pointers into the object: signal, value, time, text, and labels (a table of label = pointer)"},
      {.key = "match",
       .type = tsn::array,
       .fallback = "[]",
       .doc = "Entries of signal, pattern, value (a group that holds the number) and labels; each that fits emits"},
      {.key = "fields",
       .type = tsn::array,
       .fallback = R"(["routing_key"])",
       .doc = "Of event and text, what becomes labels: routing_key, exchange, type, app_id, user_id, header:NAME"},
      {.key = "time",
       .type = tsn::string,
       .fallback = "\"sent\"",
       .choices = "sent|received",
       .doc = "Of event and text, a signal's time: the message's timestamp, or that of its arrival"},
      {.key = "max_age",
       .type = tsn::duration,
       .fallback = "\"0s\"",
       .min = "\"0s\"",
       .doc = "Events and texts older than this are kept and alert nobody; 0s: off"},
      {.key = "id_header", .doc = "Header that holds a message's id; empty: the property message_id"},
      {.key = "remember",
       .type = tsn::integer,
       .fallback = "1000",
       .min = "0",
       .max = "8000",
       .doc =
           "How many ids are remembered, so that a message that comes again counts once; at least prefetch; 0: none"},
      {.key = "max_message",
       .type = tsn::size,
       .fallback = "\"1MiB\"",
       .min = "\"1KiB\"",
       .max = "\"64MiB\"",
       .doc = "A message that is larger, or unpacks to more, is rejected"},
      {.key = "timeout",
       .type = tsn::duration,
       .fallback = "\"10s\"",
       .min = "100ms",
       .max = "60s",
       .doc = "How long connecting, signing in and looking the queue up may take together"},
      {.key = "every",
       .type = tsn::duration,
       .fallback = "\"10s\"",
       .min = "\"10ms\"",
       .doc = "How often the state is told and the queue's depth is asked for"},
  };
  static constexpr tsn::Signal signals[] = {
      {.name = "amqp.message",
       .unit = "1",
       .labels = "routing_key",
       .doc = "With format = \"event\" or \"text\": a message, where nothing names its signal"},
      {.name = "*", .unit = "1", .labels = "*", .doc = "What messages, event.signal or [[match]] name"},
  };

  AmqpSource()
      : consumer_(amqp::read_settings(ctx_)),
        hand_over_(ctx_, ctx_.config()),
        timeout_(ctx_.config().duration("timeout", 10s)),
        wake_(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {
    if (wake_ < 0) throw tsn::Failure(tsn::fail("cannot make an eventfd"));
  }
  ~AmqpSource() { ::close(wake_); }

  void start(std::string_view cursor) {
    if (!cursor.empty() && !hand_over_.load(cursor))
      ctx_.warn("amqp: the cursor is none of this plugin's; messages that come again are not known");
    thread_ = ctx_.spawn("amqp", [this] { run(); });
    running_ = true;
  }

  void stop() {
    if (!std::exchange(running_, false)) return;
    stopping_ = true;
    const std::uint64_t one = 1;
    [[maybe_unused]] const auto written = ::write(wake_, &one, sizeof one);
    if (opening_) consumer_.interrupt();
    ctx_.join(thread_);
  }

  /// What the thread met: down while there is no connection.
  tsn::Status poll(tsn::Batch&, tsn::Deadline) {
    ask_ = true;
    std::lock_guard lock(mutex_);
    return state_;
  }

  /// On a connection of its own; nothing is made and nothing consumed.
  tsn::Status probe(std::string& report, tsn::Deadline deadline) {
    amqp::Consumer consumer(consumer_.settings());
    amqp::Depth depth;
    const auto until =
        std::chrono::steady_clock::now() + std::min<std::chrono::nanoseconds>(timeout_, deadline.remaining());
    const auto status = consumer.look(until, depth);
    const auto& settings = consumer_.settings();
    const std::string where = settings.peer.address.text();
    if (status)
      report = "ok: " + where + " has the queue \"" + settings.queue + "\": " + std::to_string(depth.messages) +
               " messages, " + std::to_string(depth.consumers) + " consumers";
    else if (settings.declare && status.code() == not_found)
      report =
          "ok: " + where + " answers; the queue \"" + settings.queue + "\" is not there yet and is declared at start";
    else
      report = "error: " + std::string(status.text());
    return tsn::ok;
  }

 private:
  static constexpr int not_found = 404;
  static constexpr auto first_wait = 500ms, most_wait = 30s;  ///< before another attempt
  static constexpr auto steady_after = 10s;    ///< a connection that lasted so long begins the waits anew
  static constexpr auto refused_wait = 100ms;  ///< while the agent takes nothing in

  // --- the thread ---
  void run() {
    auto wait = std::chrono::nanoseconds(first_wait);
    std::minstd_rand random(std::random_device{}());
    while (!stopping()) {
      const auto began = std::chrono::steady_clock::now();
      const auto status = session();
      forget();
      if (stopping()) break;
      ctx_.count("amqp_reconnects");
      tell(status);
      if (std::chrono::steady_clock::now() - began > timeout_ + steady_after) wait = first_wait;
      // From half of it to all of it: agents that lost one broker do not come back at one time.
      sleep(wait / 2 + wait / 2 * std::uniform_int_distribution<int>(0, 100)(random) / 100);
      wait = std::min<std::chrono::nanoseconds>(wait * 2, most_wait);
    }
    consumer_.close();
    ctx_.gauge("amqp_connected", 0);
  }

  bool stopping() const { return stopping_ || ctx_.stopping(); }

  /// One connection, until it breaks or the instance stops.
  tsn::Status session() {
    opening_ = true;
    auto status = stopping() ? tsn::fail("stopped") : consumer_.open(std::chrono::steady_clock::now() + timeout_);
    opening_ = false;
    if (!status) return status;
    const auto& settings = consumer_.settings();
    ctx_.info("amqp: consumes \"" + settings.queue + "\" of " + settings.peer.address.text());
    tell(tsn::ok);
    while (!stopping()) {
      bool more = false;
      if (status = consumer_.receive(pending_, more); !status) return status;
      if (status = hand_over_.work(pending_, consumer_); !status) return status;
      report();
      if (status = look_around(); !status) return status;
      if (!more) idle();
    }
    return tsn::ok;
  }

  tsn::Status look_around() {
    if (const auto depth = consumer_.take_depth()) {
      ctx_.gauge("amqp_queue_messages", depth->messages);
      ctx_.gauge("amqp_queue_consumers", depth->consumers);
    }
    if (consumer_.blocked() != blocked_) {
      blocked_ = consumer_.blocked();
      ctx_.gauge("amqp_blocked", blocked_.empty() ? 0 : 1);
      if (!blocked_.empty()) ctx_.warn("amqp: the broker raised an alarm and holds publishers back: " + blocked_);
    }
    return ask_.exchange(false) ? consumer_.ask_depth() : tsn::Status(tsn::ok);
  }

  /// Until the broker says something, the instance stops, or it is time for a heartbeat or another attempt.
  void idle() {
    pollfd ends[2] = {{consumer_.descriptor(), POLLIN, 0}, {wake_, POLLIN, 0}};
    ::poll(ends, 2, static_cast<int>((hand_over_.refused() ? refused_wait : std::chrono::milliseconds(1000)).count()));
  }

  void sleep(std::chrono::nanoseconds time) {
    pollfd end{wake_, POLLIN, 0};
    ::poll(&end, 1, static_cast<int>(std::chrono::duration_cast<std::chrono::milliseconds>(time).count()));
  }

  /// What was not settled comes again, on another connection.
  void forget() {
    if (stopping())
      consumer_.close();
    else
      consumer_.drop();
    pending_.clear();
    hand_over_.forget();
  }

  void report() {
    const auto read = hand_over_.take_read_counts();
    const auto counts = hand_over_.take_counts();
    const std::pair<const char*, std::uint64_t> all[] = {
        {"amqp_messages", counts.messages},     {"amqp_acknowledged", counts.acknowledged},
        {"amqp_rejected", counts.rejected},     {"amqp_redelivered", counts.redelivered},
        {"amqp_duplicates", counts.duplicates}, {"amqp_refused_by_agent", counts.refusals},
        {"amqp_unmatched", read.unmatched},     {"amqp_signals", read.signals},
        {"amqp_signals_refused", read.refused}, {"amqp_clocks_ahead", read.clock_ahead}};
    for (const auto& [name, count] : all)
      if (count) ctx_.count(name, static_cast<double>(count));
  }

  /// Said once for each reason, until it works again.
  void tell(const tsn::Status& status) {
    ctx_.gauge("amqp_connected", status ? 1 : 0);
    std::lock_guard lock(mutex_);
    if (!status && status.text() != state_.text()) ctx_.warn(std::string(status.text()) + "; tried again");
    state_ = status;
  }

  tsn::Context ctx_;
  amqp::Consumer consumer_;
  amqp::HandOver hand_over_;
  const std::chrono::nanoseconds timeout_;
  const int wake_;
  tsn_thread thread_{};
  bool running_ = false;
  std::atomic<bool> stopping_{false}, opening_{false}, ask_{true};
  std::mutex mutex_;
  tsn::Status state_ = tsn::ok;

  // Of the thread alone.
  std::deque<amqp::Delivery> pending_;  ///< came, and was not taken in yet
  std::string blocked_;
};

}  // namespace tocsin_plugins

using tocsin_plugins::AmqpSource;
TOCSIN_PLUGIN(AmqpSource)
