#include "aggregator.hpp"
#include "listeners/listeners.hpp"
#include "tocsin/plugin.hpp"

namespace tocsin_plugins {

/// Lines are added up as they arrive; each poll of the host ends a flush interval.
class Statsd final : public net::Receiver {
 public:
  static constexpr auto id = "statsd", version = "1.0.0",
                        doc = "StatsD and DogStatsD: counters, gauges, timers and sets over UDP, TCP and Unix sockets";
  static constexpr const char* needs[] = {"network"};
  static constexpr tsn::Option options[] = {
      {.key = "listen",
       .type = tsn::array,
       .fallback = R"(["udp://127.0.0.1:8125"])",
       .doc = "Addresses: udp://, tcp://, unixgram:///PATH, unix:///PATH"},
      {.key = "every",
       .type = tsn::duration,
       .fallback = "\"10s\"",
       .min = "\"10ms\"",
       .doc = "The flush interval: what lines of one interval and series add up to is one signal"},
      {.key = "expire",
       .type = tsn::duration,
       .fallback = "\"5m\"",
       .min = "\"0s\"",
       .doc = "How long after its last line a counter is told as 0, and a gauge's value is remembered for + and -"},
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
       .doc = "Connections over tcp:// and unix:// at a time"},
  };
  static constexpr tsn::Signal signals[] = {
      {.name = "*", .labels = "*", .doc = "What is sent, under its own name; tags are labels"}};

  Statsd()
      : lines_(ctx_, ctx_.config().duration("expire", std::chrono::minutes(5))),
        listeners_(ctx_, net::ListenSettings::read(ctx_.config()), *this) {}

  void start() {
    try {
      open();
    } catch (const tsn::Failure& failure) {
      ctx_.warn(std::string(failure.what()) + "; tried again at each flush");
    }
  }

  void stop() {
    if (std::exchange(open_, false)) listeners_.close();
    tsn::Batch last(ctx_);
    lines_.flush(last, ctx_.now());
    report();
    if (const auto done = last.submit(); !done.status)
      ctx_.warn("the last " + std::to_string(last.rows()) + " signals were not taken: " + done.status.text());
  }

  void poll(tsn::Batch& out, tsn::Deadline) {
    if (!open_) open();
    report();
    lines_.flush(out, ctx_.now());
  }

  void datagram(std::string_view bytes, const net::SocketAddress&) override {
    const auto now = ctx_.now();
    while (!bytes.empty()) {
      const auto end = std::min(bytes.find('\n'), bytes.size());
      lines_.take(bytes.substr(0, end), now);
      bytes.remove_prefix(std::min(end + 1, bytes.size()));
    }
  }

  std::unique_ptr<net::StreamSink> stream(const net::SocketAddress&) override {
    return std::make_unique<Stream>(lines_, ctx_);
  }

  void round() override {}

 private:
  class Stream final : public net::StreamSink {
   public:
    Stream(statsd::Aggregator& lines, tsn::Context ctx) : lines_(lines), ctx_(ctx), splitter_(64 * 1024) {}
    bool take(std::string_view bytes) override {
      splitter_.take(
          bytes, [&](std::string_view line) { lines_.take(line, ctx_.now()); }, [&] { lines_.refuse_too_long(); });
      return true;
    }
    void end() override {
      splitter_.end([&](std::string_view line) { lines_.take(line, ctx_.now()); });
    }

   private:
    statsd::Aggregator& lines_;
    tsn::Context ctx_;
    net::LineSplitter splitter_;
  };

  void open() {
    listeners_.open();
    open_ = true;
  }

  void report() {
    const auto net = listeners_.take_counts();
    const auto lines = lines_.take_counts();
    const std::pair<const char*, std::uint64_t> all[] = {{"lines_read", lines.lines},
                                                         {"events_ignored", lines.events},
                                                         {"service_checks_ignored", lines.service_checks},
                                                         {"datagrams", net.datagrams},
                                                         {"datagrams_dropped", net.dropped},
                                                         {"datagrams_cut", net.cut},
                                                         {"senders_refused", net.not_allowed},
                                                         {"connections", net.connections},
                                                         {"connections_refused", net.connections_refused},
                                                         {"connections_failed", net.connections_failed}};
    for (const auto& [name, count] : all)
      if (count) ctx_.count(name, static_cast<double>(count));
    ctx_.gauge("series_held", static_cast<double>(lines_.series()));
    lines_.report_refusals();
    if (net.dropped)
      ctx_.warn("the kernel dropped " + std::to_string(net.dropped) +
                " datagrams that came faster than they were read: raise net.core.rmem_max and `buffer`, or let clients "
                "sample or pack");
  }

  tsn::Context ctx_;
  statsd::Aggregator lines_;
  net::Listeners listeners_;
  bool open_ = false;
};

}  // namespace tocsin_plugins

using tocsin_plugins::Statsd;
TOCSIN_PLUGIN(Statsd)
