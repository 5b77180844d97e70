#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>

#include "check.hpp"
#include "reporter.hpp"
#include "target.hpp"
#include "tocsin/plugin.hpp"

namespace tocsin_plugins {

using namespace std::chrono_literals;
using probing::Target;

/// A timer for each target puts it in line; threads take what is in line and look. A target is in line or looked at
/// once at a time: one that hangs holds one thread, for its own time-out, and nothing else.
class Probe {
 public:
  static constexpr auto id = "probe", version = "1.0.0",
                        doc = "Looks whether services answer: HTTP(S), TCP, TLS, DNS, PostgreSQL, Redis";
  static constexpr const char* needs[] = {"network"};
  static constexpr tsn::Option options[] = {
      {.key = "target",
       .type = tsn::array,
       .flags = tsn::required,
       .doc = "Tables of name, url and what is expected; see the plugin's README"},
      {.key = "every",
       .type = tsn::duration,
       .fallback = "\"30s\"",
       .min = "\"100ms\"",
       .doc = "How often, where a target says nothing else"},
      {.key = "timeout",
       .type = tsn::duration,
       .fallback = "\"5s\"",
       .min = "\"10ms\"",
       .doc = "How long a check may take, where a target says nothing else; at most `every`"},
      {.key = "spread",
       .type = tsn::duration,
       .fallback = "\"10s\"",
       .min = "\"0s\"",
       .doc = "First checks are spread over this time, or over `every` where that is shorter"},
      {.key = "at_once",
       .type = tsn::integer,
       .fallback = "16",
       .min = "1",
       .max = "256",
       .doc = "How many checks run at the same time"},
      {.key = "ca_file", .doc = "PEM file with a root certificate of your own, beside the system's"},
  };
  static constexpr tsn::Signal signals[] = {
      {.name = "probe.up",
       .unit = "1",
       .labels = "target,kind,service,dc",
       .doc = "1: the target is as expected; 0: not"},
      {.name = "probe.duration", .unit = "s", .labels = "target,kind,service,dc", .doc = "How long the check took"},
      {.name = "probe.http.status",
       .unit = "1",
       .labels = "target,kind,service,dc",
       .doc = "Status of the last answer"},
      {.name = "probe.http.first_byte",
       .unit = "s",
       .labels = "target,kind,service,dc",
       .doc = "Time until the answer began"},
      {.name = "probe.tls.expiry_days",
       .unit = "d",
       .labels = "target,kind,service,dc,certificate",
       .doc = "Days until the server's certificate (leaf), or the first of all it shows (chain), expires; below 0: it "
              "has"},
      {.name = "probe.replication.lag_seconds",
       .unit = "s",
       .labels = "target,kind,service,dc",
       .doc = "How far a replica is behind, or the furthest replica of a primary"},
  };

  Probe()
      : spread_(ctx_.config().duration("spread")),
        at_once_(static_cast<std::size_t>(ctx_.config().integer("at_once", 16))) {
    const auto config = ctx_.config();
    const probing::TargetDefaults defaults{config.duration("every", 30s), config.duration("timeout", 5s),
                                           std::string(config.str("ca_file"))};
    for (auto& target : probing::read_targets(config["target"], defaults))
      watched_.push_back(std::make_unique<Watched>(ctx_, std::move(target)));
  }
  ~Probe() { close_wake(); }

  void start() {
    if (ctx_.replay()) return;  // what answers now says nothing about then
    open_wake();
    for (std::size_t i = 0; i < std::min(at_once_, watched_.size()); ++i)
      threads_.push_back(ctx_.spawn("probe", [this] { work(); }));
    for (auto& each : watched_) ctx_.timer(first_after(each->target), [this, at = each.get()] { due(*at); });
  }

  void stop() {
    raise_wake();
    for (const auto thread : std::exchange(threads_, {})) ctx_.join(thread);
    line_.clear();
    for (auto& each : watched_) each->busy = false;  // of those that were in line
  }

  /// Looks at every target once and writes nothing: a line each for `tocsin check --online`.
  void probe(std::string& report, tsn::Deadline deadline) {
    open_wake();
    std::vector<std::string> lines(watched_.size());
    std::atomic<std::size_t> next{0};
    const auto look = [&] {
      probing::prepare_thread();
      for (std::size_t i; (i = next.fetch_add(1)) < watched_.size();) lines[i] = line_of(watched_[i]->target, deadline);
    };
    std::vector<tsn_thread> threads;
    for (std::size_t i = 0; i < std::min(at_once_, watched_.size()); ++i) threads.push_back(ctx_.spawn("probe", look));
    for (const auto thread : threads) ctx_.join(thread);
    for (const auto& line : lines) report += line;
  }

 private:
  struct Watched {
    Watched(tsn::Context ctx, Target of) : target(std::move(of)), reporter(ctx, target) {}
    const Target target;
    probing::Reporter reporter;
    bool busy = false;  ///< in line or being looked at
  };

  // --- the descriptor that ends every wait ---
  void open_wake() {
    const std::lock_guard lock(mutex_);
    stopping_ = false;
    if (wake_ < 0) wake_ = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (wake_ < 0) throw tsn::Failure("no descriptor is left for eventfd; raise LimitNOFILE");
    std::uint64_t before;
    static_cast<void>(!::read(wake_, &before, sizeof before));
  }
  void raise_wake() {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    const std::uint64_t one = 1;
    if (wake_ >= 0) static_cast<void>(!::write(wake_, &one, sizeof one));
    some_.notify_all();
  }
  void close_wake() {
    if (wake_ >= 0) ::close(std::exchange(wake_, -1));
  }
  bool stopped_within(std::chrono::milliseconds wait) const {
    pollfd stop{wake_, POLLIN, 0};
    return ::poll(&stop, 1, static_cast<int>(wait.count())) > 0;
  }

  // --- the schedule: [seq] ---
  /// By the names, so that agents that look at the same target do not do so at one time either.
  std::chrono::nanoseconds first_after(const Target& target) const {
    const auto most = std::max<std::int64_t>(1, std::min(spread_, target.every).count());
    const auto hash = std::hash<std::string>{}(ctx_.name() + '\n' + target.dc + '\n' + target.name);
    return std::chrono::nanoseconds(static_cast<std::int64_t>(hash % static_cast<std::uint64_t>(most)));
  }
  void due(Watched& each) {
    ctx_.timer(each.target.every, [this, at = &each] { due(*at); });
    const std::lock_guard lock(mutex_);
    if (std::exchange(each.busy, true)) return ctx_.count("checks_skipped");
    line_.push_back(&each);
    some_.notify_one();
  }

  // --- on the threads ---
  void work() {
    probing::prepare_thread();
    for (Watched* each; (each = take());) look(*each);
  }
  Watched* take() {
    std::unique_lock lock(mutex_);
    some_.wait(lock, [this] { return stopping_ || !line_.empty(); });
    if (stopping_) return nullptr;
    auto* first = line_.front();
    line_.pop_front();
    return first;
  }
  void look(Watched& each) {
    const auto outcome =
        probing::check(each.target, ctx_.now(), {std::chrono::steady_clock::now() + each.target.timeout, wake_});
    if (outcome.stopped) return release(each);
    ctx_.count(outcome.up ? "checks_up" : "checks_down");
    each.reporter.tell(outcome);
    tsn::Batch batch(ctx_);
    each.reporter.write(batch, outcome, ctx_.now());
    release(each);  // the next check need not wait for an agent that is full
    hand_over(batch);
  }
  void release(Watched& each) {
    const std::lock_guard lock(mutex_);
    each.busy = false;
  }
  /// A full agent is asked again for ten seconds; a result that is older than that is better lost than late.
  void hand_over(tsn::Batch& batch) {
    for (int tries = 0; tries < 50; ++tries) {
      const auto done = batch.submit();
      if (done.status) return;
      if (!(done.status == tsn::retry)) return ctx_.warn("results were not taken: " + done.status.text());
      if (stopped_within(200ms)) return;
    }
    ctx_.count("results_dropped");
  }

  std::string line_of(const Target& target, tsn::Deadline deadline) const {
    const auto time = std::min<std::chrono::nanoseconds>(target.timeout, deadline.remaining());
    const auto outcome = probing::check(target, ctx_.now(), {std::chrono::steady_clock::now() + time, wake_});
    const std::string who = "target \"" + target.name + "\" (" + target.url.origin() + ")";
    return outcome.up ? "ok: " + who + " is as expected\n" : "error: " + who + ": " + outcome.why + "\n";
  }

  tsn::Context ctx_;
  const std::chrono::nanoseconds spread_;
  const std::size_t at_once_;
  std::vector<std::unique_ptr<Watched>> watched_;
  std::vector<tsn_thread> threads_;
  int wake_ = -1;
  std::mutex mutex_;
  std::condition_variable some_;
  std::deque<Watched*> line_;  ///< each target once at most
  bool stopping_ = false;
};

}  // namespace tocsin_plugins

using tocsin_plugins::Probe;
TOCSIN_PLUGIN(Probe)
