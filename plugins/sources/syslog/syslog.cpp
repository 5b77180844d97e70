#include "framer.hpp"
#include "listeners/listeners.hpp"
#include "record_writer.hpp"
#include "tocsin/plugin.hpp"

namespace tocsin_plugins {

using namespace std::chrono_literals;

/// Messages are handed over after each round of reading. While the agent takes nothing in nothing is read.
class Syslog final : public net::Receiver {
 public:
  static constexpr auto id = "syslog", version = "1.0.0",
                        doc = "Syslog, RFC 5424 and 3164, over UDP, TCP, TLS and Unix sockets";
  static constexpr const char* needs[] = {"network"};
  static constexpr tsn::Option options[] = {
      {.key = "listen",
       .type = tsn::array,
       .fallback = R"(["udp://127.0.0.1:514", "tcp://127.0.0.1:514"])",
       .doc = "Addresses: udp://, tcp://, tls://, unixgram:///PATH, unix:///PATH"},
      {.key = "signal",
       .type = tsn::string,
       .fallback = "\"syslog\"",
       .doc = "Name of the signal that every message becomes where there is no [[match]]"},
      {.key = "match",
       .type = tsn::array,
       .fallback = "[]",
       .doc = "Entries of signal, pattern, value (a group that holds the number) and labels; each that fits emits"},
      {.key = "fields",
       .type = tsn::array,
       .fallback = R"(["facility", "severity", "app", "host"])",
       .doc = "Fields that become labels: facility, severity, app, host, procid, msgid"},
      {.key = "structured_data",
       .type = tsn::array,
       .fallback = R"(["*"])",
       .doc = "SD-IDs whose parameters become labels ID_PARAMETER; \"*\": all but timeQuality, origin and meta"},
      {.key = "zone",
       .type = tsn::string,
       .fallback = "\"local\"",
       .doc = "Zone of timestamps without one: local, UTC, +03:00 or a name as Asia/Riyadh"},
      {.key = "time",
       .type = tsn::string,
       .fallback = "\"sent\"",
       .choices = "sent|received",
       .doc = "A signal's time: the message's, or that of its arrival (senders without a right clock)"},
      {.key = "max_age",
       .type = tsn::duration,
       .fallback = "\"0s\"",
       .min = "\"0s\"",
       .doc = "Messages older than this are kept and alert nobody; 0s: off"},
      {.key = "max_message",
       .type = tsn::size,
       .fallback = "\"64KiB\"",
       .min = "\"480B\"",
       .max = "\"1MiB\"",
       .doc = "Longer messages of a stream are cut and counted"},
      {.key = "allow",
       .type = tsn::array,
       .fallback = "[]",
       .doc = "Networks that may send, as 10.0.0.0/8; loopback always may"},
      {.key = "insecure",
       .type = tsn::boolean,
       .fallback = "false",
       .doc = "Listens on an address that others reach without `allow`"},
      {.key = "buffer",
       .type = tsn::size,
       .fallback = "\"4MiB\"",
       .min = "\"4KiB\"",
       .max = "\"1GiB\"",
       .doc = "What the kernel is asked to keep of datagrams that were not read yet; net.core.rmem_max bounds it"},
      {.key = "connections",
       .type = tsn::integer,
       .fallback = "256",
       .min = "1",
       .max = "4096",
       .doc = "Connections at a time"},
      {.key = "tls",
       .type = tsn::table,
       .fallback = "{}",
       .doc = "For tls://: cert and key (PEM files), client_ca (senders must have a certificate of it)"},
      {.key = "every",
       .type = tsn::duration,
       .fallback = "\"10s\"",
       .min = "\"10ms\"",
       .doc = "How often counters are told and an address that could not be had is tried again"},
  };
  static constexpr tsn::Signal signals[] = {
      {.name = "syslog",
       .unit = "1",
       .labels = "facility,severity,app,host",
       .doc = "A message, where there is no [[match]]; structured data as labels besides"},
      {.name = "*",
       .unit = "1",
       .labels = "facility,severity,app,host",
       .doc = "What [[match]] names, with the named groups of its pattern as labels besides"},
  };

  Syslog()
      : records_(ctx_, ctx_.config()),
        max_message_(static_cast<std::size_t>(ctx_.config().size("max_message", 64 * 1024))),
        listeners_(ctx_, net::ListenSettings::read(ctx_.config()), *this) {}

  void start() {
    try {
      open();
    } catch (const tsn::Failure& failure) {
      ctx_.warn(std::string(failure.what()) + "; tried again every few seconds");
    }
  }

  void stop() {
    if (std::exchange(open_, false)) listeners_.close();
    if (retry_) ctx_.cancel_timer(std::exchange(retry_, 0));
    if (!records_.submit())
      ctx_.warn(std::to_string(records_.rows()) + " messages are lost: the agent took nothing in until it stopped");
    report();
  }

  void poll(tsn::Batch&, tsn::Deadline) {
    report();
    if (!open_) open();
  }

  void datagram(std::string_view bytes, const net::SocketAddress& from) override {
    records_.take(bytes, false, sender(from));
    if (records_.full()) pause();
  }

  std::unique_ptr<net::StreamSink> stream(const net::SocketAddress& from) override {
    return std::make_unique<Stream>(*this, sender(from));
  }

  void round() override {
    if (!records_.submit()) pause();
  }

 private:
  static constexpr auto retry_after = 100ms;

  class Stream final : public net::StreamSink {
   public:
    Stream(Syslog& owner, std::string from)
        : from_(std::move(from)), framer_(owner.max_message_, [this, &owner](std::string_view message, bool cut) {
            owner.records_.take(message, cut, from_);
            if (owner.records_.full()) owner.pause();
          }) {}
    bool take(std::string_view bytes) override { return framer_.take(bytes), true; }
    void end() override { framer_.end(); }

   private:
    const std::string from_;
    syslog::Framer framer_;
  };

  static std::string sender(const net::SocketAddress& from) {
    return from.storage.ss_family == AF_UNIX ? std::string() : from.host();
  }

  void open() {
    listeners_.open();
    open_ = true;
  }

  void pause() {
    listeners_.pause();
    if (!retry_) retry_ = ctx_.timer(retry_after, [this] { try_again(); });
  }

  void try_again() {
    retry_ = 0;
    if (!records_.submit()) return pause();
    listeners_.resume();
  }

  void report() {
    const auto net = listeners_.take_counts();
    const auto records = records_.take_counts();
    const std::pair<const char*, std::uint64_t> all[] = {{"messages_read", records.messages},
                                                         {"messages_matched", records.matched},
                                                         {"messages_unmatched", records.unmatched},
                                                         {"messages_refused", records.refused},
                                                         {"messages_cut", records.cut + net.cut},
                                                         {"messages_bare", records.bare},
                                                         {"messages_lost", records.lost},
                                                         {"clocks_ahead", records.clock_ahead},
                                                         {"datagrams_dropped", net.dropped},
                                                         {"senders_refused", net.not_allowed},
                                                         {"connections", net.connections},
                                                         {"connections_refused", net.connections_refused},
                                                         {"connections_failed", net.connections_failed}};
    for (const auto& [name, count] : all)
      if (count) ctx_.count(name, static_cast<double>(count));
    records_.report_refusals();
    ctx_.gauge("connections_open", static_cast<double>(listeners_.open_connections()));
    if (net.dropped)
      ctx_.warn(
          "the kernel dropped " + std::to_string(net.dropped) +
          " datagrams that came faster than they were taken in: raise net.core.rmem_max and `buffer`, or send over "
          "TCP");
  }

  tsn::Context ctx_;
  syslog::RecordWriter records_;
  const std::size_t max_message_;
  net::Listeners listeners_;
  bool open_ = false;
  tsn_timer retry_ = 0;
};

}  // namespace tocsin_plugins

using tocsin_plugins::Syslog;
TOCSIN_PLUGIN(Syslog)
