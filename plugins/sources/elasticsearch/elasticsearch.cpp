#include <algorithm>
#include <atomic>
#include <memory>
#include <mutex>
#include <set>

#include "asking.hpp"
#include "positions.hpp"
#include "scheduled.hpp"
#include "tocsin/plugin.hpp"

namespace tocsin_plugins {

using namespace std::chrono_literals;

/// Each poll asks the queries that are due, a few at a time on threads of its own; rules ask on threads of the host,
/// beside them.
class Elasticsearch {
 public:
  static constexpr auto id = "elasticsearch", version = "1.0.0",
                        doc = "Questions to Elasticsearch and OpenSearch, on a schedule and for rules";
  static constexpr const char* needs[] = {"network"};
  static constexpr tsn::Option options[] = {
      {.key = "url",
       .type = tsn::any,
       .flags = tsn::required,
       .doc = "Where to ask, as https://es.corp:9200; several of one cluster: the next is asked when one is down"},
      {.key = "every", .type = tsn::duration, .fallback = "\"60s\"", .min = "\"10ms\"", .doc = "How often"},
      {.key = "query",
       .type = tsn::array,
       .fallback = "[]",
       .doc = "Questions on a schedule: entries of signal, index, query or lucene, over, group_by, metric, field, "
              "bucket and others that the README tells"},
      {.key = "index", .doc = "Index or pattern of questions that name none, as logs-*"},
      {.key = "time_field", .fallback = "\"@timestamp\"", .doc = "The field that holds a document's time"},
      {.key = "over",
       .type = tsn::duration,
       .fallback = "\"5m\"",
       .doc = "The window of a question that names none; 0: documents of all times"},
      {.key = "delay",
       .type = tsn::duration,
       .fallback = "\"30s\"",
       .doc = "Windows and buckets end so long ago, since documents can be found only a while after their time"},
      {.key = "max_groups",
       .type = tsn::integer,
       .fallback = "100",
       .min = "1",
       .max = "10000",
       .doc = "Values of each field of group_by that are told, the most frequent first"},
      {.key = "max_buckets",
       .type = tsn::integer,
       .fallback = "10000",
       .min = "1",
       .max = "65536",
       .doc = "An answer with more buckets is refused"},
      {.key = "max_result_bytes",
       .type = tsn::size,
       .fallback = "\"16MiB\"",
       .min = "\"1KiB\"",
       .max = "\"256MiB\"",
       .doc = "A longer answer, unpacked, is not read"},
      {.key = "max_docs",
       .type = tsn::integer,
       .fallback = "0",
       .min = "0",
       .doc = "A question that matches more documents in a shard is stopped and refused; 0: no limit"},
      {.key = "connections",
       .type = tsn::integer,
       .fallback = "2",
       .min = "1",
       .max = "16",
       .doc = "How many queries of the schedule are asked at a time"},
      {.key = "allow_all_indices",
       .type = tsn::boolean,
       .fallback = "false",
       .doc = "Questions to every index (*, _all) are asked"},
      {.key = "allow_scripts",
       .type = tsn::boolean,
       .fallback = "false",
       .doc = "Questions with scripts, runtime fields or wrapper queries are asked"},
      {.key = "allow_missing_index",
       .type = tsn::boolean,
       .fallback = "false",
       .doc = "An index or pattern that is not there counts as empty instead of as a failure"},
      {.key = "username", .doc = "Name for basic authentication"},
      {.key = "password", .flags = tsn::secret, .doc = "Password of username"},
      {.key = "api_key", .flags = tsn::secret, .doc = "API key: its encoded form, or id:key"},
      {.key = "bearer", .flags = tsn::secret, .doc = "Token for Authorization: Bearer"},
      {.key = "ca_file", .doc = "PEM file with a root certificate of your own, beside the system's"},
      {.key = "cert_file", .doc = "PEM file with a certificate for servers that ask for one"},
      {.key = "key_file", .doc = "PEM file with its key; default: it stands in cert_file"},
      {.key = "proxy_url", .doc = "Proxy for outgoing calls; default: [http] proxy_url"},
      {.key = "no_proxy", .type = tsn::array, .doc = "Hosts reached without the proxy"},
  };
  static constexpr tsn::Option query_options[] = {
      {.key = "query",
       .type = tsn::any,
       .doc =
           "A query as a table or as JSON text; a text that does not begin with a brace is the text of a query_string"},
      {.key = "lucene", .doc = "The text of a query_string, as level:ERROR AND service:pay"},
      {.key = "index", .doc = "Index or pattern; default: the source's"},
      {.key = "time_field", .doc = "The field that holds a document's time; default: the source's"},
      {.key = "over", .type = tsn::duration, .doc = "The window; default: the source's"},
      {.key = "delay", .type = tsn::duration, .doc = "The window ends so long ago; default: the source's"},
      {.key = "group_by",
       .type = tsn::any,
       .doc = "Fields, each of which becomes a label; or a table of label = field"},
      {.key = "metric",
       .fallback = "\"count\"",
       .doc = "count avg min max sum cardinality percentiles, or a percentile as p99"},
      {.key = "field", .doc = "What the metric is of"},
      {.key = "percents", .type = tsn::array, .doc = "Of metric percentiles; default 50, 95, 99"},
      {.key = "max_groups", .type = tsn::integer, .min = "1", .max = "10000", .doc = "Default: the source's"},
      {.key = "others",
       .fallback = "\"refuse\"",
       .choices = "refuse|tell",
       .doc = "Documents in groups beyond max_groups: refuse the answer, or use what there is"},
      {.key = "aggs", .type = tsn::any, .doc = "Aggregations of your own, as a table or JSON text"},
  };
  static constexpr tsn::Signal signals[] = {
      {.name = "elasticsearch.up", .unit = "1", .labels = "query", .doc = "1: the query's last run succeeded; 0: not"},
      {.name = "elasticsearch.duration", .unit = "s", .labels = "query", .doc = "How long the run took"},
      {.name = "elasticsearch.other",
       .unit = "1",
       .labels = "query",
       .doc = "Documents in groups beyond max_groups; with group_by or aggs"},
      {.name = "*", .labels = "*", .doc = "Rows of queries, under the names that `signal` gives"},
  };

  Elasticsearch()
      : settings_(elasticsearch::read_settings(ctx_.config(), ctx_.name())),
        servers_(ctx_, settings_.servers),
        connections_(static_cast<std::size_t>(ctx_.config().integer("connections", 2))) {
    const auto tick = ctx_.config().duration("every", 60s);
    for (const auto& query : settings_.queries)
      queries_.push_back(std::make_unique<elasticsearch::Scheduled>(ctx_, query, settings_.limits, tick));
    settings_.defaults.refuse_others = true;
  }

  void start(std::string_view cursor) {
    if (cursor.empty()) return;
    auto read = elasticsearch::read_positions(cursor);
    if (!read) throw tsn::Failure("the kept cursor is not one of this plugin; name the source otherwise to begin anew");
    positions_ = std::move(*read);
  }
  void stop() { servers_.close(); }

  tsn::Status poll(tsn::Batch& out, tsn::Deadline deadline) {
    const auto until = earlier(deadline);
    if (queries_.empty()) return reach(until);
    const auto due = queries_due();
    run_all(due, until);
    hand_over(due, out);
    for (const auto& query : queries_)
      if (!query->failing()) return tsn::ok;
    return without_retry(queries_.front()->failure());
  }

  tsn::Status query(const tsn::Query& asked, tsn::QueryRows& out, tsn::Deadline deadline) {
    const auto question = elasticsearch::read_question(asked.table(), settings_.defaults, settings_.limits, "query");
    if (question.metric.kind == elasticsearch::Metric::Kind::stats)
      return tsn::invalid("query: metric: stats has five values; a rule judges one, as avg or max");
    const auto until = earlier(deadline);
    look_at_fields(question, until);
    const auto answer = elasticsearch::asked_at(servers_, question, settings_.limits, asked.at(), until);
    std::vector<tsn::QueryRows::Pair> labels;
    for (const auto& row : answer.rows) {
      labels.assign(row.labels.begin(), row.labels.end());
      if (auto status = out.add(labels, row.value); !status) return status;
    }
    return tsn::ok;
  }

  void probe(std::string& report, tsn::Deadline deadline) {
    elasticsearch::probe(servers_, settings_, ctx_.now(), earlier(deadline), report);
  }

 private:
  /// Retry of a poll would say that the host is to take rows again.
  static tsn::Status without_retry(const tsn::Status& status) {
    return status.value() == TSN_RETRY ? tsn::fail(status.text()) : status;
  }

  tsn::Status reach(tsn::Deadline until) {
    try {
      elasticsearch::reach(servers_, until);
      return tsn::ok;
    } catch (const tsn::Failure& failure) {
      return without_retry(failure.status());
    }
  }

  using Due = std::vector<elasticsearch::Scheduled*>;

  /// Longest overdue first, so that a poll that is too short for all of them does not always leave out the same.
  Due queries_due() const {
    Due out;
    for (const auto& query : queries_)
      if (query->due(ctx_.now())) out.push_back(query.get());
    std::ranges::stable_sort(out, {}, &elasticsearch::Scheduled::next);
    return out;
  }

  /// Leaves time to write: over its deadline the host takes the call for hung.
  static tsn::Deadline earlier(tsn::Deadline deadline) {
    if (deadline.at == INT64_MAX) return {tsn::now() + 60'000'000'000};
    return {deadline.at - std::min<std::chrono::nanoseconds>(deadline.remaining() / 10, 1s).count()};
  }

  void run_all(const Due& due, tsn::Deadline deadline) {
    std::atomic<std::size_t> next{0};
    const auto now = ctx_.now();
    const auto work = [&] {
      for (std::size_t i; (i = next.fetch_add(1)) < due.size();)
        if (i == 0 || !deadline.expired()) due[i]->run(servers_, position_of(*due[i]), now, deadline);
    };
    std::vector<tsn_thread> threads;
    try {
      for (std::size_t i = 1; i < std::min(connections_, due.size()); ++i)
        threads.push_back(ctx_.spawn("elasticsearch", work));
    } catch (const tsn::Failure& failure) {
      ctx_.warn(std::string("fewer threads than wanted: ") + failure.what());
    }
    work();
    for (const auto thread : threads) ctx_.join(thread);
  }

  std::optional<std::int64_t> position_of(const elasticsearch::Scheduled& query) const {
    const auto found = positions_.find(query.settings().name);
    return found == positions_.end() ? std::nullopt : std::optional(found->second);
  }

  void hand_over(Due due, tsn::Batch& out) {
    std::erase_if(due, [](const elasticsearch::Scheduled* query) { return !query->ran(); });
    bool taking = true;
    for (auto* query : due) {
      const bool put_off = !taking;
      if (!put_off) {
        taking = write(*query, out);
        note(*query, out);
      }
      query->settle(ctx_.now(), put_off);
    }
  }

  /// A query's rows and its position are one batch: a restart neither skips nor repeats a bucket. False: the host takes
  /// no more now; what is in the batch goes first at the next poll.
  bool write(elasticsearch::Scheduled& query, tsn::Batch& out) {
    const auto before = positions_;
    if (const auto position = query.position()) positions_[query.settings().name] = *position;
    if (positions_ != before) out.cursor(elasticsearch::written(positions_));
    query.write(out);
    const auto done = out.submit();
    if (done.status.is_ok()) return true;
    if (!out.empty()) return false;  // kept, with its cursor
    positions_ = before;
    ctx_.error("query \"" + query.settings().name + "\": its rows were not taken: " + done.status.text());
    return true;
  }

  void note(const elasticsearch::Scheduled& query, tsn::Batch& out) {
    if (out.backpressured()) return;
    const tsn::LabelView labels[] = {{"query", query.settings().name}};
    out.push(ctx_.now(), ctx_.series("elasticsearch.up", labels), query.failing() ? 0 : 1);
    out.push(ctx_.now(), ctx_.series("elasticsearch.duration", labels), query.seconds());
    const auto& question = query.settings().question;
    if (!query.failing() && (!question.group_by.empty() || !question.aggs.empty()))
      out.push(ctx_.now(), ctx_.series("elasticsearch.other", labels), static_cast<double>(query.answer().others));
  }

  /// Before the first answer to a question, since a misspelt field is an empty answer for ever.
  void look_at_fields(const elasticsearch::Question& question, tsn::Deadline deadline) {
    const auto request = elasticsearch::fields_request(question, settings_.limits);
    {
      const std::lock_guard lock(mutex_);
      if (known_fields_.contains(request.path)) return;
    }
    for (const auto& finding : elasticsearch::fields_of(servers_, question, request, deadline)) {
      if (finding.fatal) throw tsn::Failure(tsn::invalid("query: " + finding.text));
      ctx_.warn("a rule's query: " + finding.text);
    }
    const std::lock_guard lock(mutex_);
    if (known_fields_.size() >= most_known_fields) known_fields_.clear();
    known_fields_.insert(request.path);
  }
  static constexpr std::size_t most_known_fields = 1000;

  tsn::Context ctx_;
  elasticsearch::Settings settings_;  ///< not changed after the constructor
  elasticsearch::Servers servers_;
  const std::size_t connections_;
  std::vector<std::unique_ptr<elasticsearch::Scheduled>> queries_;
  elasticsearch::Positions positions_;
  std::mutex mutex_;
  std::set<std::string> known_fields_;  ///< under mutex_: requests whose answer was good
};

}  // namespace tocsin_plugins

using tocsin_plugins::Elasticsearch;
TOCSIN_PLUGIN(Elasticsearch)
