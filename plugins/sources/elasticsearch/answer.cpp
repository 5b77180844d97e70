#include "answer.hpp"

#include <cmath>
#include <set>

#include "answer_rows.hpp"
#include "http_client/http_client.hpp"
#include "json_text.hpp"
#include "request.hpp"

namespace tocsin_plugins::elasticsearch {
namespace {

std::string first_reason(Element shards) {
  const auto failures = find(shards, "failures");
  dom::array list;
  if (!failures || failures->get_array().get(list) != simdjson::SUCCESS || list.size() == 0) return {};
  const auto reason = find(list.at(0), "reason");
  if (!reason) return {};
  const auto text = text_at(*reason, "reason");
  return ": " + std::string(text_at(*reason, "type")) + ": " +
         std::string(text.substr(0, tsn::detail::fitting(text, 100)));
}

/// What is not of all documents is not told as though it were.
void refuse_partial(Element root, const Limits& limits) {
  const auto shards = need(root, "_shards");
  if (is_true(root, "timed_out"))
    throw tsn::Failure(tsn::timed_out("the search was stopped by its time limit; ask less, or raise timeout"));
  if (const auto failed = count_at(shards, "failed"); failed > 0)
    throw tsn::Failure(tsn::fail(std::to_string(failed) + " of " + std::to_string(count_at(shards, "total")) +
                                 " shards failed, so the answer is partial and not used" + first_reason(shards)));
  if (is_true(root, "terminated_early"))
    throw tsn::Failure(tsn::invalid("a shard has more documents than max_docs = " + std::to_string(limits.max_docs) +
                                    "; ask for fewer, or raise it"));
  if (const auto clusters = find(root, "_clusters"))
    for (const auto* const left_out : {"skipped", "partial", "failed", "running"})
      if (find(*clusters, left_out) && count_at(*clusters, left_out) > 0)
        throw tsn::Failure(
            tsn::fail("a remote cluster was left out or did not answer, so the answer is partial and not "
                      "used; see _clusters." +
                      std::string(left_out)));
}

class Reader {
 public:
  Reader(const Question& question, const Limits& limits)
      : question_(question), limits_(limits), rows_{limits.max_buckets} {}

  Answer finish() && { return std::move(rows_.answer); }

  void read(Element root) {
    if (question_.is_plain_count()) {
      rows_.answer.rows.push_back({{}, static_cast<double>(count_at(root, "count")), {}, 0});
      return;
    }
    // Where no index is there and that is allowed, there are no aggregations either.
    const auto all = find(root, "aggregations");
    if (!all && limits_.missing_index && count_at(need(root, "_shards"), "total") == 0) return;
    if (!all) odd("no \"aggregations\"");
    if (!question_.aggs.empty()) {
      flatten(*all, rows_);
      return;
    }
    if (!question_.has_buckets()) return groups(*all, *all, 0);
    each_bucket(need(*all, time_name), [&](Element bucket) {
      const auto key = find(bucket, "key");
      if (!key || key->get_int64().get(rows_.bucket) != simdjson::SUCCESS)
        odd("the key of a date_histogram is no time");
      groups(bucket, bucket, 0);
    });
  }

 private:
  template <class Take>
  void each_bucket(Element aggregation, const Take& take) {
    dom::array list;
    if (need(aggregation, "buckets").get_array().get(list) != simdjson::SUCCESS) odd("\"buckets\" is no list");
    for (const auto bucket : list) {
      rows_.count_bucket();
      take(bucket);
    }
  }

  /// `in` holds the aggregations of this level, `bucket` the count.
  void groups(Element in, Element bucket, std::size_t level) {
    if (level == question_.group_by.size()) return measure(in, bucket);
    const auto terms = need(in, group_name(level));
    if (number_at(terms, "sum_other_doc_count") != 0) {
      rows_.answer.others += count_at(terms, "sum_other_doc_count");
      rows_.answer.approximate |= number_at(terms, "doc_count_error_upper_bound") != 0;
    }
    each_bucket(terms, [&](Element each) {
      rows_.labels.emplace_back(question_.group_by[level].label, text_of_key(each));
      groups(each, each, level + 1);
      rows_.labels.pop_back();
    });
  }

  void measure(Element in, Element bucket) {
    using Kind = Metric::Kind;
    const auto kind = question_.metric.kind;
    if (kind == Kind::count) return rows_.add(static_cast<double>(count_at(bucket, "doc_count")));
    const auto metric = need(in, metric_name);
    if (kind == Kind::stats) return add_summary(metric);
    if (kind != Kind::percentiles) return rows_.add(number_at(metric, "value"));
    dom::array list;
    if (need(metric, "values").get_array().get(list) != simdjson::SUCCESS) odd("percentiles are no list");
    for (const auto each : list) {
      if (question_.metric.labelled) rows_.labels.emplace_back("percentile", number_text(number_at(each, "key")));
      rows_.add(number_at(each, "value"));
      if (question_.metric.labelled) rows_.labels.pop_back();
    }
  }

  void add_summary(Element stats) {
    const tsn::Summary all{number_at(stats, "count"), number_at(stats, "min"), number_at(stats, "max"),
                           number_at(stats, "avg"), number_at(stats, "sum")};
    if (all.count > 0 && std::isfinite(all.min) && std::isfinite(all.max) && std::isfinite(all.avg) &&
        std::isfinite(all.sum))
      rows_.answer.rows.push_back({rows_.labels, NAN, all, rows_.bucket});
  }

  const Question& question_;
  const Limits& limits_;
  AnswerRows rows_;
};

/// Rows that a rule or a series could not tell apart.
void refuse_twins(const Answer& answer) {
  std::set<std::pair<std::int64_t, Labels>> seen;
  for (const auto& row : answer.rows)
    if (!seen.emplace(row.bucket, row.labels).second)
      throw tsn::Failure(
          tsn::invalid("two of its rows have the same labels; name the aggregations or groups differently"));
}

}  // namespace

Answer read_answer(std::string_view body, const Question& question, const Limits& limits) {
  if (nests_deep(body)) odd("it is nested too deep");
  dom::parser parser;
  Element root;
  const auto error = parser.parse(body.data(), body.size()).get(root);
  if (error == simdjson::EMPTY || body.empty()) odd("it is empty");
  if (error != simdjson::SUCCESS) odd(std::string("it is no JSON: ") + simdjson::error_message(error));
  refuse_partial(root, limits);
  Reader reader(question, limits);
  reader.read(root);
  auto answer = std::move(reader).finish();
  if (question.refuse_others && answer.others > 0)
    throw tsn::Failure(tsn::invalid(std::to_string(answer.others) + " documents are in groups beyond max_groups = " +
                                    std::to_string(question.max_groups) +
                                    "; raise it, narrow the query, or set others = \"tell\""));
  refuse_twins(answer);
  return answer;
}

}  // namespace tocsin_plugins::elasticsearch
