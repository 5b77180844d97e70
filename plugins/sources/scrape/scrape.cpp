#include <atomic>
#include <memory>

#include "target.hpp"
#include "tocsin/plugin.hpp"

namespace tocsin_plugins {

using namespace std::chrono_literals;

/// Each poll asks all targets, a few at a time on threads of its own, and writes what they said one after the other.
class Scrape {
 public:
  static constexpr auto id = "scrape", version = "1.0.0",
                        doc = "Endpoints in Prometheus' text format and OpenMetrics, asked on a schedule";
  static constexpr const char* needs[] = {"network"};
  static constexpr tsn::Option options[] = {
      {.key = "urls",
       .type = tsn::array,
       .flags = tsn::required,
       .doc = "What to ask, as http://127.0.0.1:9100/metrics"},
      {.key = "every", .type = tsn::duration, .fallback = "\"15s\"", .min = "\"10ms\"", .doc = "How often"},
      {.key = "job", .doc = "The label `job`; default: the instance's name"},
      {.key = "keep", .type = tsn::array, .fallback = "[]", .doc = "Only names that fit one of these globs"},
      {.key = "drop", .type = tsn::array, .fallback = "[]", .doc = "No names that fit one of these globs"},
      {.key = "honor_labels",
       .type = tsn::boolean,
       .fallback = "false",
       .doc = "A target's own job and instance labels win; else they become exported_job and exported_instance"},
      {.key = "max_size",
       .type = tsn::size,
       .fallback = "\"16MiB\"",
       .min = "\"1KiB\"",
       .max = "\"256MiB\"",
       .doc = "A longer text, unpacked, is not read"},
      {.key = "username", .doc = "Name for basic authentication"},
      {.key = "password", .flags = tsn::secret, .doc = "Password of username"},
      {.key = "bearer", .flags = tsn::secret, .doc = "Token for Authorization: Bearer"},
      {.key = "ca_file", .doc = "PEM file with a root certificate of your own, beside the system's"},
      {.key = "proxy_url", .doc = "Proxy for outgoing calls; default: [http] proxy_url"},
      {.key = "no_proxy", .type = tsn::array, .doc = "Hosts reached without the proxy"},
  };
  static constexpr tsn::Signal signals[] = {
      {.name = "up",
       .unit = "1",
       .labels = "job,instance",
       .doc = "1: the target answered and its text was read; 0: not"},
      {.name = "scrape.duration", .unit = "s", .labels = "job,instance", .doc = "How long the answer took"},
      {.name = "scrape.samples", .unit = "1", .labels = "job,instance", .doc = "Samples in the text"},
      {.name = "*", .labels = "*", .doc = "What targets expose, under its own name"},
  };

  Scrape() : settings_(read_settings()) {
    for (auto& url : ctx_.config().strings("urls"))
      targets_.push_back(std::make_unique<scrape::Target>(ctx_, std::move(url), settings_));
    if (targets_.empty()) throw tsn::Failure(tsn::invalid("urls: expected at least one"));
  }

  tsn::Status poll(tsn::Batch& out, tsn::Deadline deadline) {
    const auto now = ctx_.now();
    fetch_all(earlier(deadline));
    for (auto& target : targets_) target->write(out, now);
    report();
    for (const auto& target : targets_)
      if (target->is_up()) return tsn::ok;
    return tsn::fail(targets_.front()->failure());
  }

  void probe(std::string& report, tsn::Deadline deadline) {
    for (auto& target : targets_) report += target->look(earlier(deadline));
  }

 private:
  static constexpr std::size_t at_once = 16;

  scrape::TargetSettings read_settings() const {
    const auto config = ctx_.config();
    scrape::TargetSettings made;
    made.job = config.str("job");
    if (made.job.empty()) made.job = ctx_.name();
    made.username = config.str("username");
    made.password = config.str("password");
    made.bearer = config.str("bearer");
    made.most_bytes = static_cast<std::size_t>(config.size("max_size", 16 << 20));
    made.honor_labels = config.boolean("honor_labels");
    made.keep = config.strings("keep");
    made.drop = config.strings("drop");
    made.http.ca_file = config.str("ca_file");
    made.http.proxy_url = config.str("proxy_url");
    for (const auto& host : config.strings("no_proxy"))
      made.http.no_proxy += (made.http.no_proxy.empty() ? "" : ",") + host;
    return made;
  }

  /// Leaves time to write: over its deadline the host takes the call for hung.
  static tsn::Deadline earlier(tsn::Deadline deadline) {
    if (deadline.at == INT64_MAX) return {tsn::now() + 60'000'000'000};
    const auto left = deadline.remaining();
    return {deadline.at - std::min<std::chrono::nanoseconds>(left / 10, 1s).count()};
  }

  void fetch_all(tsn::Deadline deadline) {
    if (targets_.size() == 1) return targets_.front()->fetch(deadline);
    std::atomic<std::size_t> next{0};
    std::vector<tsn_thread> threads;
    const auto work = [&] {
      for (std::size_t i; (i = next.fetch_add(1)) < targets_.size();) targets_[i]->fetch(deadline);
    };
    try {
      for (std::size_t i = 1; i < std::min(at_once, targets_.size()); ++i)
        threads.push_back(ctx_.spawn("scrape", work));
    } catch (const tsn::Failure& failure) {
      ctx_.warn(std::string("fewer threads than wanted: ") + failure.what());
    }
    work();
    for (const auto thread : threads) ctx_.join(thread);
  }

  void report() {
    scrape::SampleCounts sum;
    for (auto& target : targets_) {
      const auto each = target->take_counts();
      sum.samples += each.samples, sum.dropped += each.dropped, sum.not_finite += each.not_finite;
      sum.duplicate += each.duplicate, sum.refused += each.refused, sum.stale += each.stale;
    }
    const std::pair<const char*, std::uint64_t> all[] = {{"samples", sum.samples},
                                                         {"samples_dropped", sum.dropped},
                                                         {"samples_not_finite", sum.not_finite},
                                                         {"samples_duplicate", sum.duplicate},
                                                         {"samples_refused", sum.refused},
                                                         {"series_ended", sum.stale}};
    for (const auto& [name, count] : all)
      if (count) ctx_.count(name, static_cast<double>(count));
  }

  tsn::Context ctx_;
  const scrape::TargetSettings settings_;
  std::vector<std::unique_ptr<scrape::Target>> targets_;
};

}  // namespace tocsin_plugins

using tocsin_plugins::Scrape;
TOCSIN_PLUGIN(Scrape)
