#include <algorithm>
#include <atomic>
#include <memory>

#include "asker.hpp"
#include "tocsin/plugin.hpp"

namespace tocsin_plugins {

using namespace std::chrono_literals;
using namespace prometheus;

/// Each poll asks the queries that are due, a few at a time on threads of its own, and hands over each one's rows with
/// the position that covers them. Questions of rules are asked on the thread they come on.
class Prometheus {
 public:
  static constexpr auto id = "prometheus", version = "1.0.0",
                        doc = "PromQL on a schedule and for rules: Prometheus, Thanos, Mimir, VictoriaMetrics";
  static constexpr const char* needs[] = {"network"};
  static constexpr tsn::Option options[] = {
      {.key = "url",
       .flags = tsn::required,
       .doc = "The server's address, what stands before /api/v1, as http://127.0.0.1:9090"},
      {.key = "every", .type = tsn::duration, .fallback = "\"60s\"", .min = "\"10ms\"", .doc = "How often"},
      {.key = "query",
       .type = tsn::array,
       .fallback = "[]",
       .doc = "What is asked: entries of expr, signal, labels, every, delay, range, step, name; none: only rules ask"},
      {.key = "at_once",
       .type = tsn::integer,
       .fallback = "4",
       .min = "1",
       .max = "32",
       .doc = "How many of the scheduled queries are asked at the same time"},
      {.key = "max_size",
       .type = tsn::size,
       .fallback = "\"64MiB\"",
       .min = "\"1KiB\"",
       .max = "\"1GiB\"",
       .doc = "A longer answer, unpacked, is not read"},
      {.key = "max_samples",
       .type = tsn::integer,
       .fallback = "100000",
       .min = "1",
       .max = "500000",
       .doc = "An answer with more samples is not taken"},
      {.key = "allow_partial",
       .type = tsn::boolean,
       .fallback = "false",
       .doc = "Take answers that the server warns about, as those of Thanos when a store is away"},
      {.key = "username", .doc = "Name for basic authentication"},
      {.key = "password", .flags = tsn::secret, .doc = "Password of username"},
      {.key = "bearer", .flags = tsn::secret, .doc = "Token for Authorization: Bearer"},
      {.key = "headers",
       .type = tsn::table,
       .flags = tsn::secret,
       .doc = "Further headers, as X-Scope-OrgID, the tenant of Mimir and Thanos"},
      {.key = "ca_file", .doc = "PEM file with a root certificate of your own, beside the system's"},
      {.key = "cert_file", .doc = "PEM file of the certificate to show to a server that asks for one"},
      {.key = "key_file", .doc = "PEM file of its key, without a passphrase; default: it stands in cert_file"},
      {.key = "proxy_url", .doc = "Proxy for outgoing calls; default: [http] proxy_url"},
      {.key = "no_proxy", .type = tsn::array, .doc = "Hosts reached without the proxy"},
  };
  static constexpr tsn::Option query_options[] = {
      {.key = "expr", .flags = tsn::required, .doc = "PromQL whose result is a vector or a scalar"},
      {.key = "offset",
       .type = tsn::duration,
       .fallback = "\"0s\"",
       .min = "\"0s\"",
       .doc = "Ask for the state of that long ago, for stores that are behind"},
  };
  static constexpr tsn::Signal signals[] = {
      {.name = "prometheus.up",
       .unit = "1",
       .labels = "query",
       .doc = "1: the query's last answer was taken; 0: not. Without queries: whether the server answers"},
      {.name = "prometheus.duration", .unit = "s", .labels = "query", .doc = "How long the answer took"},
      {.name = "prometheus.samples", .unit = "1", .labels = "query", .doc = "Samples in the answer"},
      {.name = "*", .labels = "*", .doc = "Results, under their own names or those that `signal` gives"},
  };

  Prometheus()
      : api_(ctx_, read_api(ctx_.config())), at_once_(static_cast<std::size_t>(ctx_.config().integer("at_once", 4))) {
    const auto tick = ctx_.config().duration("every", 60s);
    for (auto& query : read_queries(ctx_.config()))
      askers_.push_back(std::make_unique<Asker>(ctx_, std::move(query), tick));
  }

  void start(std::string_view cursor) {
    if (cursor.empty()) return;
    const auto read = read_positions(cursor);
    if (!read) throw tsn::Failure("the kept cursor is not one of this plugin; name the source otherwise to begin anew");
    for (const auto& asker : askers_) {
      const auto& query = asker->settings();
      const auto found = read->find(query.name);
      if (query.step == 0ns || found == read->end()) continue;
      positions_.insert(*found);
      if (found->second > ctx_.now() + query.step.count())
        ctx_.warn("query \"" + query.name +
                  "\": it was read further than the clock is now; it goes on when the clock is there");
    }
  }
  void stop() { api_.close(); }

  tsn::Status poll(tsn::Batch& out, tsn::Deadline deadline) {
    const auto until = earlier(deadline);
    std::vector<Asker*> asked;
    bool taking = true, again = true;
    while (again) {
      const auto due = queries_due();
      ask_all(due, until);
      taking = hand_over(due, asked, out);
      again = taking && !until.expired() && !ctx_.stopping() &&
              std::ranges::any_of(askers_, [](const auto& asker) { return asker->behind(); });
    }
    if (taking) tell_of(asked, out);
    return verdict(asked, out, until);
  }

  /// Beside poll(): of what it shares with it only the Api changes, and that has a lock.
  tsn::Status query(const tsn::Query& question, tsn::QueryRows& out, tsn::Deadline deadline) {
    const auto table = question.table();
    const std::string expr(table.str("expr"));
    if (expr.find_first_not_of(" \t\r\n") == std::string::npos) return tsn::invalid("expr: it is empty");
    if (expr.size() > longest_expr) return tsn::invalid("expr: it is longer than 64 KiB");
    const auto at = std::max(tsn::Time{0}, question.at() - table.duration("offset").count());
    const auto reply = api_.ask(expr, at, earlier(deadline));
    auto status = reply.status.is_ok() ? add_rows(reply.answer, out) : reply.status;
    ctx_.count("rule_questions");
    ctx_.count("rule_question_seconds", reply.seconds);
    const auto fault = reply.fault == Fault::none && !status ? Fault::question : reply.fault;
    if (fault != Fault::none) ctx_.count("rule_question_failures", 1, {{"kind", name_of(fault)}});
    return status;
  }

  /// The server's version, then each query once, or whether the API answers where there are none.
  void probe(std::string& report, tsn::Deadline deadline) {
    const auto until = earlier(deadline);
    std::string version;
    if (const auto reply = api_.version(version, until); !reply.status) {
      report += "error: " + reply.status.text() + "\n";
      return;
    }
    const auto& url = api_.settings().url;
    report += version.empty() ? "warning: " + host_of(url) + " tells no version\n"
                              : "ok: " + host_of(url) + " has version " + version + "\n";
    if (askers_.empty()) {
      const auto reply = api_.ask("vector(1)", ctx_.now(), until);
      report += reply.status ? "ok: it answers PromQL\n" : "error: " + reply.status.text() + "\n";
    }
    for (const auto& asker : askers_) {
      asker->run(api_, std::nullopt, until);
      const auto& answer = asker->reply().answer;
      report += asker->failing()
                    ? "error: " + asker->failure().text() + "\n"
                    : "ok: query \"" + asker->settings().name + "\": " + std::to_string(answer.series.size()) +
                          " series, " + std::to_string(answer.samples.size()) + " samples\n";
    }
    api_.close();
  }

 private:
  using Due = std::vector<Asker*>;

  /// Leaves time to write: over its deadline the host takes the call for hung.
  static tsn::Deadline earlier(tsn::Deadline deadline) {
    const auto left = std::min<std::chrono::nanoseconds>(deadline.remaining(), 1h);
    return {tsn::now() + (left - std::min<std::chrono::nanoseconds>(left / 10, 1s)).count()};
  }
  std::optional<tsn::Time> position_of(const Asker& asker) const {
    const auto found = positions_.find(asker.settings().name);
    return found == positions_.end() ? std::nullopt : std::optional(found->second);
  }
  /// Longest overdue first, so that a poll that is too short for all of them does not always leave out the same.
  Due queries_due() const {
    Due out;
    for (const auto& asker : askers_)
      if (asker->due(ctx_.now())) out.push_back(asker.get());
    std::ranges::stable_sort(out, {}, &Asker::next);
    return out;
  }

  void ask_all(const Due& due, tsn::Deadline until) {
    std::atomic<std::size_t> next{0};
    const auto work = [&] {
      for (std::size_t i; (i = next.fetch_add(1)) < due.size();)
        if (!until.expired() && !ctx_.stopping()) due[i]->run(api_, position_of(*due[i]), until);
    };
    std::vector<tsn_thread> threads;
    try {
      for (std::size_t i = 1; i < std::min(at_once_, due.size()); ++i)
        threads.push_back(ctx_.spawn("prometheus", work));
    } catch (const tsn::Failure& failure) {
      ctx_.warn(std::string("fewer threads than wanted: ") + failure.what());
    }
    work();
    for (const auto thread : threads) ctx_.join(thread);
  }

  /// False: the host takes no more now; what is in the batch goes first at the next poll.
  bool hand_over(const Due& due, std::vector<Asker*>& asked, tsn::Batch& out) {
    bool taking = true;
    for (auto* asker : due) {
      if (!asker->ran()) continue;
      const bool put_off = !taking;
      if (!put_off) taking = asker->write(out, positions_);
      asker->settle(put_off);
      if (!asker->idle() && std::ranges::find(asked, asker) == asked.end()) asked.push_back(asker);
    }
    return taking;
  }

  static void tell_of(const std::vector<Asker*>& asked, tsn::Batch& out) {
    for (auto* asker : asked)
      if (!out.backpressured()) asker->write_own(out);
  }

  /// The source is down when all that was asked failed through the server, or when every query fails. Where nothing was
  /// due, a server that was down, or that has no queries, is asked whether it is there.
  tsn::Status verdict(const std::vector<Asker*>& asked, tsn::Batch& out, tsn::Deadline until) {
    const auto failed = [](const Asker* asker) { return of_server(asker->reply().fault); };
    if (asked.empty() && (down_ || askers_.empty())) return look(out, until);
    if (!asked.empty()) down_ = std::ranges::all_of(asked, failed);
    if (down_) return asked.front()->failure();
    for (const auto& asker : askers_)
      if (!asker->failing()) return tsn::ok;
    return askers_.empty() ? tsn::Status(tsn::ok) : askers_.front()->failure();
  }

  tsn::Status look(tsn::Batch& out, tsn::Deadline until) {
    const auto reply = api_.ask("vector(1)", ctx_.now(), until);
    const bool was_down = std::exchange(down_, !reply.status.is_ok());
    if (was_down && !down_)
      for (const auto& asker : askers_)
        if (of_server(asker->reply().fault)) asker->wake();
    if (askers_.empty())
      if (tsn::Series up; ctx_.try_series("prometheus.up", {}, up)) out.push(ctx_.now(), up, down_ ? 0 : 1);
    return reply.status;
  }

  static tsn::Status add_rows(const Answer& answer, tsn::QueryRows& out) {
    if (answer.type == Answer::Type::matrix)
      return tsn::invalid(
          "expr: its result is a range of values; put a function as rate() or last_over_time() around it");
    if (answer.type == Answer::Type::string) return tsn::invalid("expr: its result is a text; a number is needed");
    if (answer.series.empty() && answer.histograms > 0)
      return tsn::invalid("expr: its results are native histograms; ask for histogram_quantile() or histogram_count()");
    std::vector<tsn::QueryRows::Pair> labels;
    for (const auto& series : answer.series) {
      labels.assign(series.labels.begin(), series.labels.end());
      const auto& sample = answer.samples[series.first];
      if (auto status = out.add(labels, sample.value, sample.at); !status) return status;
    }
    return tsn::ok;
  }

  const tsn::Context ctx_;
  Api api_;
  const std::size_t at_once_;
  std::vector<std::unique_ptr<Asker>> askers_;
  Positions positions_;
  bool down_ = false;
};

}  // namespace tocsin_plugins

using tocsin_plugins::Prometheus;
TOCSIN_PLUGIN(Prometheus)
