#include "request.hpp"

#include "json_text.hpp"

namespace tocsin_plugins::elasticsearch {
namespace {

std::string encoded(std::string_view text) {
  constexpr std::string_view plain = "-_.~*,";
  constexpr char hex[] = "0123456789ABCDEF";
  std::string out;
  for (const char c : text) {
    const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    if (letter || plain.find(c) != plain.npos) {
      out += c;
    } else {
      const auto byte = static_cast<unsigned char>(c);
      out.append(1, '%').append(1, hex[byte >> 4]).append(1, hex[byte & 15]);
    }
  }
  return out;
}

/// A pattern that no index has is a failure rather than a count of 0.
std::string path_to(const Question& question, const Limits& limits, std::string_view what) {
  const std::string lenient = limits.missing_index ? "true" : "false";
  return "/" + encoded(question.index) + "/" + std::string(what) + "?allow_no_indices=" + lenient +
         "&ignore_unavailable=" + lenient;
}

std::string range_of(const Question& question, const Span& span) {
  const bool buckets = question.has_buckets();
  return "{\"range\":{" + json_string(question.time_field) + ":{\"" + (buckets ? "gte" : "gt") + "\":\"" +
         std::to_string(span.from) + "\",\"" + (buckets ? "lt" : "lte") + "\":\"" + std::to_string(span.to) +
         "\",\"format\":\"epoch_millis\"}}}";
}

std::string query_of(const Question& question, const std::optional<Span>& span) {
  std::string filters;
  const auto add = [&](const std::string& filter) { filters += (filters.empty() ? "" : ",") + filter; };
  if (!question.query.empty()) add(question.query);
  if (!question.lucene.empty()) add("{\"query_string\":{\"query\":" + json_string(question.lucene) + "}}");
  if (span) add(range_of(question, *span));
  if (filters.empty()) return "{\"match_all\":{}}";
  return "{\"bool\":{\"filter\":[" + filters + "]}}";
}

std::string metric_of(const Metric& metric) {
  constexpr const char* names[] = {"", "avg", "min", "max", "sum", "cardinality", "stats", "percentiles"};
  if (metric.kind == Metric::Kind::count) return {};
  std::string out = "{\"" + std::string(metric_name) + "\":{\"" + names[static_cast<int>(metric.kind)] +
                    "\":{\"field\":" + json_string(metric.field);
  if (metric.kind == Metric::Kind::percentiles) {
    out += ",\"keyed\":false,\"percents\":[";
    for (std::size_t i = 0; i < metric.percents.size(); ++i) out += (i ? "," : "") + number_text(metric.percents[i]);
    out += "]";
  }
  return out + "}}}";
}

std::string named(std::string_view name, const std::string& aggregation, const std::string& inner) {
  return "{\"" + std::string(name) + "\":{" + aggregation + (inner.empty() ? "" : ",\"aggs\":" + inner) + "}}";
}

/// Buckets of time around groups around groups around the metric.
std::string aggs_of(const Question& question) {
  if (!question.aggs.empty()) return question.aggs;
  std::string out = metric_of(question.metric);
  for (auto level = question.group_by.size(); level-- > 0;)
    out = named(group_name(level),
                "\"terms\":{\"field\":" + json_string(question.group_by[level].field) +
                    ",\"size\":" + std::to_string(question.max_groups) + "}",
                out);
  if (!question.has_buckets()) return out;
  const auto interval = std::chrono::duration_cast<std::chrono::milliseconds>(question.bucket).count();
  return named(time_name,
               "\"date_histogram\":{\"field\":" + json_string(question.time_field) + ",\"fixed_interval\":\"" +
                   std::to_string(interval) + "ms\",\"min_doc_count\":1}",
               out);
}

}  // namespace

std::string group_name(std::size_t level) {
  return "g" + std::to_string(level);
}

Request request_for(const Question& question, const Limits& limits, const std::optional<Span>& span,
                    std::chrono::milliseconds timeout) {
  const auto query = query_of(question, span);
  const auto most = std::to_string(limits.max_docs);
  if (question.is_plain_count()) {
    Request out{path_to(question, limits, "_count"), "{\"query\":" + query + "}"};
    if (limits.max_docs > 0) out.path += "&terminate_after=" + most;
    return out;
  }
  Request out{path_to(question, limits, "_search") + "&allow_partial_search_results=false", {}};
  out.body = "{\"size\":0,\"track_total_hits\":false,\"timeout\":\"" + std::to_string(timeout.count()) + "ms\"" +
             (limits.max_docs > 0 ? ",\"terminate_after\":" + most : std::string()) + ",\"query\":" + query +
             ",\"aggs\":" + aggs_of(question) + "}";
  return out;
}

Request fields_request(const Question& question, const Limits& limits) {
  Request out{path_to(question, limits, "_field_caps") + "&fields=" + encoded(question.time_field), {}};
  for (const auto& field : question.fields()) out.path += "," + encoded(field) + "," + encoded(field + ".keyword");
  return out;
}

}  // namespace tocsin_plugins::elasticsearch
