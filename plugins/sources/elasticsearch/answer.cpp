#include "answer.hpp"

#include <simdjson.h>

#include <cmath>
#include <set>

#include "http_client/http_client.hpp"
#include "json_text.hpp"
#include "request.hpp"

namespace tocsin_plugins::elasticsearch {
namespace {

namespace dom = simdjson::dom;
using Element = dom::element;

[[noreturn]] void odd(const std::string& what) {
  throw tsn::Failure(tsn::fail("its answer is none of Elasticsearch or OpenSearch: " + what));
}

std::optional<Element> find(Element from, std::string_view key) {
  dom::object object;
  Element out;
  if (from.get_object().get(object) != simdjson::SUCCESS) return std::nullopt;
  if (object.at_key(key).get(out) != simdjson::SUCCESS) return std::nullopt;
  return out;
}

Element need(Element from, std::string_view key) {
  const auto found = find(from, key);
  if (!found) odd("no \"" + std::string(key) + "\"");
  return *found;
}

std::string_view text_at(Element from, std::string_view key) {
  const auto found = find(from, key);
  std::string_view out;
  if (!found || found->get_string().get(out) != simdjson::SUCCESS) return {};
  return out;
}

bool is_true(Element from, std::string_view key) {
  const auto found = find(from, key);
  bool out = false;
  return found && found->get_bool().get(out) == simdjson::SUCCESS && out;
}

/// NaN: null, a text as "NaN", or not there.
double number_at(Element from, std::string_view key) {
  const auto found = find(from, key);
  double out = 0;
  if (!found || found->get_double().get(out) != simdjson::SUCCESS) return NAN;
  return out;
}

/// A count, from 0.
std::uint64_t count_at(Element from, std::string_view key) {
  const auto number = number_at(from, key);
  if (!(number >= 0) || number > 9e15) odd("\"" + std::string(key) + "\" is no count");
  return static_cast<std::uint64_t>(number);
}

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
        throw tsn::Failure(tsn::fail("a remote cluster was left out or did not answer, so the answer is partial and not "
                                     "used; see _clusters." + std::string(left_out)));
}

std::string text_of_key(Element bucket) {
  std::string_view text;
  if (const auto whole = find(bucket, "key_as_string"); whole && whole->get_string().get(text) == simdjson::SUCCESS)
    return std::string(text);
  const auto key = need(bucket, "key");
  switch (key.type()) {
    case dom::element_type::STRING:
      return std::string(key.get_string().value_unsafe());
    case dom::element_type::INT64:
      return std::to_string(key.get_int64().value_unsafe());
    case dom::element_type::UINT64:
      return std::to_string(key.get_uint64().value_unsafe());
    case dom::element_type::DOUBLE:
      return number_text(key.get_double().value_unsafe());
    case dom::element_type::BOOL:
      return key.get_bool().value_unsafe() ? "true" : "false";
    default:
      odd("a bucket's key is neither text nor number");
  }
}

class Reader {
 public:
  Reader(const Question& question, const Limits& limits) : question_(question), limits_(limits) {}

  Answer finish() && { return std::move(answer_); }

  void read(Element root) {
    if (question_.is_plain_count()) {
      answer_.rows.push_back({{}, static_cast<double>(count_at(root, "count")), {}, 0});
      return;
    }
    // Where no index is there and that is allowed, there are no aggregations either.
    const auto all = find(root, "aggregations");
    if (!all && limits_.missing_index && count_at(need(root, "_shards"), "total") == 0) return;
    if (!all) odd("no \"aggregations\"");
    if (!question_.aggs.empty()) {
      flatten(*all);
      return;
    }
    if (!question_.has_buckets()) return groups(*all, *all, 0);
    each_bucket(need(*all, time_name), [&](Element bucket) {
      const auto key = find(bucket, "key");
      if (!key || key->get_int64().get(bucket_) != simdjson::SUCCESS) odd("the key of a date_histogram is no time");
      groups(bucket, bucket, 0);
    });
  }

 private:
  template <class Take>
  void each_bucket(Element aggregation, const Take& take) {
    dom::array list;
    if (need(aggregation, "buckets").get_array().get(list) != simdjson::SUCCESS) odd("\"buckets\" is no list");
    for (const auto bucket : list) {
      count_bucket();
      take(bucket);
    }
  }

  void count_bucket() {
    if (++buckets_ > limits_.max_buckets)
      throw tsn::Failure(tsn::invalid("the answer has more than max_buckets = " + std::to_string(limits_.max_buckets) +
                                      " buckets; narrow the query, group by fewer fields, or raise it"));
  }

  /// `in` holds the aggregations of this level, `bucket` the count.
  void groups(Element in, Element bucket, std::size_t level) {
    if (level == question_.group_by.size()) return measure(in, bucket);
    const auto terms = need(in, group_name(level));
    if (number_at(terms, "sum_other_doc_count") != 0) {
      answer_.others += count_at(terms, "sum_other_doc_count");
      answer_.approximate |= number_at(terms, "doc_count_error_upper_bound") != 0;
    }
    each_bucket(terms, [&](Element each) {
      labels_.emplace_back(question_.group_by[level].label, text_of_key(each));
      groups(each, each, level + 1);
      labels_.pop_back();
    });
  }

  void measure(Element in, Element bucket) {
    using Kind = Metric::Kind;
    const auto kind = question_.metric.kind;
    if (kind == Kind::count) return add(static_cast<double>(count_at(bucket, "doc_count")));
    const auto metric = need(in, metric_name);
    if (kind == Kind::stats) return add_summary(metric);
    if (kind != Kind::percentiles) return add(number_at(metric, "value"));
    dom::array list;
    if (need(metric, "values").get_array().get(list) != simdjson::SUCCESS) odd("percentiles are no list");
    for (const auto each : list) {
      if (question_.metric.labelled) labels_.emplace_back("percentile", number_text(number_at(each, "key")));
      add(number_at(each, "value"));
      if (question_.metric.labelled) labels_.pop_back();
    }
  }

  /// A metric of no documents has no value, and no row.
  void add(double value) {
    if (std::isfinite(value)) answer_.rows.push_back({labels_, value, {}, bucket_});
  }

  void add_summary(Element stats) {
    const tsn::Summary all{number_at(stats, "count"), number_at(stats, "min"), number_at(stats, "max"),
                           number_at(stats, "avg"), number_at(stats, "sum")};
    if (all.count > 0 && std::isfinite(all.min) && std::isfinite(all.max) && std::isfinite(all.avg) &&
        std::isfinite(all.sum))
      answer_.rows.push_back({labels_, NAN, all, bucket_});
  }

  // --- aggregations of the user's own ---

  /// Each aggregation in an object of them. Members of a bucket that are none (key, doc_count) are no objects.
  bool flatten(Element in) {
    dom::object object;
    if (in.get_object().get(object) != simdjson::SUCCESS) odd("an aggregation is no object");
    bool any = false;
    for (const auto [name, value] : object) {
      if (!value.is_object() || name == "meta" || name == "key" || name == "after_key") continue;
      any = true;
      flatten_one(name, value);
    }
    return any;
  }

  void flatten_one(std::string_view name, Element aggregation) {
    if (find(aggregation, "buckets")) return flatten_buckets(name, aggregation);
    if (find(aggregation, "value")) return add_named(name, number_at(aggregation, "value"));
    if (const auto values = find(aggregation, "values")) return flatten_values(name, *values);
    if (find(aggregation, "doc_count")) {  // of one bucket: filter, global, missing, nested
      count_bucket();
      if (!flatten(aggregation)) add_named(name, number_at(aggregation, "doc_count"));
      return;
    }
    flatten_numbers(name, aggregation);
  }

  void flatten_buckets(std::string_view name, Element aggregation) {
    if (const auto others = number_at(aggregation, "sum_other_doc_count"); others > 0)
      answer_.others += count_at(aggregation, "sum_other_doc_count");
    const auto take = [&](std::string key, Element bucket) {
      count_bucket();
      labels_.emplace_back(std::string(name), std::move(key));
      if (!flatten(bucket)) add(number_at(bucket, "doc_count"));
      labels_.pop_back();
    };
    const auto all = need(aggregation, "buckets");
    dom::object keyed;
    if (all.get_object().get(keyed) == simdjson::SUCCESS) {
      for (const auto [key, bucket] : keyed) take(std::string(key), bucket);
      return;
    }
    dom::array list;
    if (all.get_array().get(list) != simdjson::SUCCESS) odd("\"buckets\" is no list");
    for (const auto bucket : list) {
      const auto key = need(bucket, "key");
      if (!key.is_object()) {
        take(text_of_key(bucket), bucket);
      } else {
        take_composite(key, bucket);
      }
    }
  }

  /// The key of a composite or multi_terms bucket is an object: a label for each of its members.
  void take_composite(Element key, Element bucket) {
    count_bucket();
    const auto before = labels_.size();
    dom::object parts;
    if (key.get_object().get(parts) != simdjson::SUCCESS) odd("a bucket's key is no object");
    for (const auto [name, value] : parts)
      if (!value.is_null()) labels_.emplace_back(std::string(name), text_of(value));
    if (!flatten(bucket)) add(number_at(bucket, "doc_count"));
    labels_.resize(before);
  }

  static std::string text_of(Element value) {
    std::string_view text;
    if (value.get_string().get(text) == simdjson::SUCCESS) return std::string(text);
    return simdjson::minify(value);
  }

  /// Percentiles: an object of texts, or a list of key and value.
  void flatten_values(std::string_view name, Element values) {
    dom::array list;
    if (values.get_array().get(list) == simdjson::SUCCESS) {
      for (const auto each : list) add_percentile(name, number_text(number_at(each, "key")), number_at(each, "value"));
      return;
    }
    dom::object object;
    if (values.get_object().get(object) != simdjson::SUCCESS) return;
    for (const auto [key, value] : object) {
      double number = NAN;
      if (value.get_double().get(number) == simdjson::SUCCESS) add_percentile(name, std::string(key), number);
    }
  }

  void add_percentile(std::string_view name, std::string percentile, double value) {
    labels_.emplace_back("percentile", std::move(percentile));
    add_named(name, value);
    labels_.pop_back();
  }

  /// stats and the like: a row for each number, by its name.
  void flatten_numbers(std::string_view name, Element aggregation) {
    dom::object object;
    if (aggregation.get_object().get(object) != simdjson::SUCCESS) return;
    for (const auto [key, value] : object) {
      double number = NAN;
      if (value.get_double().get(number) == simdjson::SUCCESS)
        add_named(std::string(name) + "." + std::string(key), number);
    }
  }

  void add_named(std::string_view name, double value) {
    labels_.emplace_back("agg", std::string(name));
    add(value);
    labels_.pop_back();
  }

  const Question& question_;
  const Limits& limits_;
  Answer answer_;
  Labels labels_;
  std::int64_t bucket_ = 0;
  std::uint32_t buckets_ = 0;
};

/// Rows that a rule or a series could not tell apart.
void refuse_twins(const Answer& answer) {
  std::set<std::pair<std::int64_t, Labels>> seen;
  for (const auto& row : answer.rows)
    if (!seen.emplace(row.bucket, row.labels).second)
      throw tsn::Failure(tsn::invalid("two of its rows have the same labels; name the aggregations or groups differently"));
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
