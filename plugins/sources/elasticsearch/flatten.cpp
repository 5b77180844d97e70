#include "answer_rows.hpp"
#include "json_text.hpp"

namespace tocsin_plugins::elasticsearch {
namespace {

class Flattener {
 public:
  explicit Flattener(AnswerRows& to) : to_(to) {}

  /// Each aggregation in an object of them. Members of a bucket that are none (key, doc_count) are no objects.
  bool all_of(Element in) {
    dom::object object;
    if (in.get_object().get(object) != simdjson::SUCCESS) odd("an aggregation is no object");
    bool any = false;
    for (const auto [name, value] : object) {
      if (!value.is_object() || name == "meta" || name == "key" || name == "after_key") continue;
      any = true;
      one(name, value);
    }
    return any;
  }

 private:
  void one(std::string_view name, Element aggregation) {
    if (find(aggregation, "buckets")) return buckets(name, aggregation);
    if (find(aggregation, "value")) return add_named(name, number_at(aggregation, "value"));
    if (const auto values = find(aggregation, "values")) return values_of(name, *values);
    if (find(aggregation, "doc_count")) {  // of one bucket: filter, global, missing, nested
      to_.count_bucket();
      if (!all_of(aggregation)) add_named(name, number_at(aggregation, "doc_count"));
      return;
    }
    numbers_of(name, aggregation);
  }

  void buckets(std::string_view name, Element aggregation) {
    if (const auto others = number_at(aggregation, "sum_other_doc_count"); others > 0)
      to_.answer.others += count_at(aggregation, "sum_other_doc_count");
    const auto take = [&](std::string key, Element bucket) {
      to_.count_bucket();
      to_.labels.emplace_back(std::string(name), std::move(key));
      if (!all_of(bucket)) to_.add(number_at(bucket, "doc_count"));
      to_.labels.pop_back();
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
    to_.count_bucket();
    const auto before = to_.labels.size();
    dom::object parts;
    if (key.get_object().get(parts) != simdjson::SUCCESS) odd("a bucket's key is no object");
    for (const auto [name, value] : parts)
      if (!value.is_null()) to_.labels.emplace_back(std::string(name), text_of(value));
    if (!all_of(bucket)) to_.add(number_at(bucket, "doc_count"));
    to_.labels.resize(before);
  }

  static std::string text_of(Element value) {
    std::string_view text;
    if (value.get_string().get(text) == simdjson::SUCCESS) return std::string(text);
    return simdjson::minify(value);
  }

  /// Percentiles: an object of texts, or a list of key and value.
  void values_of(std::string_view name, Element values) {
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
    to_.labels.emplace_back("percentile", std::move(percentile));
    add_named(name, value);
    to_.labels.pop_back();
  }

  /// stats and the like: a row for each number, by its name.
  void numbers_of(std::string_view name, Element aggregation) {
    dom::object object;
    if (aggregation.get_object().get(object) != simdjson::SUCCESS) return;
    for (const auto [key, value] : object) {
      double number = NAN;
      if (value.get_double().get(number) == simdjson::SUCCESS)
        add_named(std::string(name) + "." + std::string(key), number);
    }
  }

  void add_named(std::string_view name, double value) {
    to_.labels.emplace_back("agg", std::string(name));
    to_.add(value);
    to_.labels.pop_back();
  }

  AnswerRows& to_;
};

}  // namespace

void flatten(Element aggregations, AnswerRows& to) {
  Flattener(to).all_of(aggregations);
}

}  // namespace tocsin_plugins::elasticsearch
