#include "json_reader.hpp"

#include "json_members.hpp"

namespace tocsin_plugins::otlp {
namespace {

using Element = Members::Element;

/// A parser that a large body made large is made anew.
constexpr std::size_t most_kept = 1 << 20;

/// The names of one signal's lists.
struct Names {
  std::string_view groups, scopes, items;
};
constexpr Names names_of(Signal signal) {
  switch (signal) {
    case Signal::metrics:
      return {"resourceMetrics", "scopeMetrics", "metrics"};
    case Signal::logs:
      return {"resourceLogs", "scopeLogs", "logRecords"};
    default:
      return {"resourceSpans", "scopeSpans", "spans"};
  }
}

constexpr std::pair<std::string_view, MetricKind> kinds[] = {{"gauge", MetricKind::gauge},
                                                             {"sum", MetricKind::sum},
                                                             {"histogram", MetricKind::histogram},
                                                             {"exponentialHistogram", MetricKind::exponential},
                                                             {"summary", MetricKind::summary}};

void read_counts(Members& members, Element object, std::vector<std::uint64_t>& out) {
  members.list(object, "bucketCounts", [&](Element element) {
    std::uint64_t count = 0;
    if (!Members::as_unsigned(element, count)) return members.wrong("bucketCounts", "numbers from 0");
    out.push_back(count);
  });
}

std::int32_t read_small(Members& members, Element object, std::string_view name) {
  std::int64_t value = 0;
  members.integer(object, name, value);
  if (value < INT32_MIN || value > INT32_MAX) members.wrong(name, "an integer of 32 bits");
  return static_cast<std::int32_t>(value);
}

void read_side(Members& members, Element point, std::string_view name, Side& out) {
  const auto side = Members::find(point, name);
  if (!side) return;
  out.offset = read_small(members, *side, "offset");
  read_counts(members, *side, out.counts);
}

void read_number(Members& members, Element object, Point& out) {
  members.real(object, "asDouble", out.value);
  std::int64_t integer = 0;
  members.integer(object, "asInt", integer);
  if (Members::find(object, "asInt")) out.value = static_cast<double>(integer);
}

void read_distribution(Members& members, Element object, MetricKind kind, Point& out) {
  std::optional<double> threshold;
  if (kind == MetricKind::summary) out.sum = 0;
  members.unsigned_number(object, "count", out.count);
  members.real(object, "sum", out.sum);
  members.real(object, "min", out.min);
  members.real(object, "max", out.max);
  members.unsigned_number(object, "zeroCount", out.zero_count);
  members.real(object, "zeroThreshold", threshold);
  out.zero_threshold = threshold.value_or(0);
  out.scale = read_small(members, object, "scale");
  read_counts(members, object, out.counts);
  members.list(object, "explicitBounds", [&](Element element) {
    double bound = 0;
    if (!Members::as_real(element, bound)) return members.wrong("explicitBounds", "numbers");
    out.bounds.push_back(bound);
  });
  read_side(members, object, "positive", out.positive);
  read_side(members, object, "negative", out.negative);
  members.objects(object, "quantileValues", [&](Element element) {
    std::optional<double> quantile, value;
    members.real(element, "quantile", quantile);
    members.real(element, "value", value);
    out.quantiles.emplace_back(quantile.value_or(0), value.value_or(0));
  });
}

void read_metric(Members& members, Element object, Taker& taker) {
  Metric metric;
  members.text(object, "name", metric.name);
  for (const auto& [name, kind] : kinds) {
    const auto data = Members::find(object, name);
    if (!data) continue;
    if (!data->is_object()) return members.wrong(name, "an object");
    metric.kind = kind;
    std::uint64_t temporality = 0;
    members.unsigned_number(*data, "aggregationTemporality", temporality);
    metric.temporality = static_cast<Temporality>(temporality <= 2 ? temporality : 0);
    members.objects(*data, "dataPoints", [&](Element element) {
      Point point;
      std::uint64_t flags = 0;
      members.attributes(element, point.attributes);
      members.unsigned_number(element, "startTimeUnixNano", point.start);
      members.unsigned_number(element, "timeUnixNano", point.at);
      members.unsigned_number(element, "flags", flags);
      point.recorded = !(flags & 1);
      if (kind == MetricKind::gauge || kind == MetricKind::sum)
        read_number(members, element, point);
      else
        read_distribution(members, element, kind, point);
      if (members.ok()) taker.point(metric, point);
    });
  }
}

void read_record(Members& members, Element object, Taker& taker) {
  LogRecord record;
  std::uint64_t severity = 0;
  members.unsigned_number(object, "timeUnixNano", record.at);
  members.unsigned_number(object, "observedTimeUnixNano", record.observed);
  members.unsigned_number(object, "severityNumber", severity);
  record.severity = static_cast<std::uint32_t>(severity <= UINT32_MAX ? severity : 0);
  members.text(object, "severityText", record.severity_text);
  members.value(object, "body", record.body);
  members.attributes(object, record.attributes);
  if (members.ok()) taker.record(record);
}

void read_span(Members& members, Element object, Taker& taker) {
  Span span;
  std::uint64_t kind = 0, status = 0;
  members.text(object, "traceId", span.trace_id);
  members.text(object, "spanId", span.span_id);
  members.text(object, "name", span.name);
  members.unsigned_number(object, "kind", kind);
  members.unsigned_number(object, "startTimeUnixNano", span.start);
  members.unsigned_number(object, "endTimeUnixNano", span.end);
  members.attributes(object, span.attributes);
  if (const auto told = Members::find(object, "status")) {
    members.text(*told, "message", span.message);
    members.unsigned_number(*told, "code", status);
  }
  span.kind = static_cast<SpanKind>(kind <= 5 ? kind : 0);
  span.status = static_cast<std::uint32_t>(status <= 2 ? status : 0);
  if (members.ok()) taker.span(span);
}

void read_groups(Members& members, Signal signal, Element root, Taker& taker) {
  const auto names = names_of(signal);
  Attributes resource;
  members.objects(root, names.groups, [&](Element group) {
    resource.clear();
    if (const auto told = Members::find(group, "resource")) members.attributes(*told, resource);
    if (members.ok()) taker.resource(resource);
    members.objects(group, names.scopes, [&](Element scope) {
      members.objects(scope, names.items, [&](Element item) {
        if (signal == Signal::metrics)
          read_metric(members, item, taker);
        else if (signal == Signal::logs)
          read_record(members, item, taker);
        else
          read_span(members, item, taker);
      });
    });
  });
}

}  // namespace

struct JsonReader::Parser {
  simdjson::dom::parser dom;
  Arena arena;
};

JsonReader::JsonReader() = default;
JsonReader::~JsonReader() = default;

std::string JsonReader::read(Signal signal, std::string_view body, Taker& taker) {
  if (!parser_) parser_ = std::make_unique<Parser>();
  parser_->arena.clear();
  Element root;
  std::string why;
  if (const auto error = parser_->dom.parse(body.data(), body.size(), false).get(root)) {
    why = std::string("the body is no JSON: ") + simdjson::error_message(error);
  } else if (!root.is_object()) {
    why = "the body is no JSON object";
  } else {
    Members members(parser_->arena);
    read_groups(members, signal, root, taker);
    why = members.why();
  }
  return why;
}

void JsonReader::shrink(std::size_t body) {
  if (body > most_kept) parser_.reset();
}

}  // namespace tocsin_plugins::otlp
