// The part of ProtobufReader that reads metrics.
#include "protobuf_reader.hpp"
#include "protobuf_wire/wire.hpp"

namespace tocsin_plugins::otlp {
namespace {

MetricKind kind_of(std::uint64_t number) {
  switch (number) {
    case 5:
      return MetricKind::gauge;
    case 7:
      return MetricKind::sum;
    case 9:
      return MetricKind::histogram;
    case 10:
      return MetricKind::exponential;
    case 11:
      return MetricKind::summary;
    default:
      return MetricKind::none;
  }
}

bool read_side(std::string_view content, Side& out) {
  return protobuf::each_field(content, [&](const protobuf::Field& field) {
    if (field.is(1, protobuf::varint)) out.offset = static_cast<std::int32_t>(protobuf::unzigzag(field.value));
    return field.number != 2 ||
           protobuf::each_number(field, protobuf::varint, [&](std::uint64_t value) { out.counts.push_back(value); });
  });
}

bool read_quantile(std::string_view content, Point& out) {
  std::pair<double, double> quantile{0, 0};
  if (!protobuf::each_field(content, [&](const protobuf::Field& field) {
        if (field.is(1, protobuf::fixed64)) quantile.first = field.real();
        if (field.is(2, protobuf::fixed64)) quantile.second = field.real();
        return true;
      }))
    return false;
  out.quantiles.push_back(quantile);
  return true;
}

/// The fields 2 and 3 of every kind of point.
void take_times(const protobuf::Field& field, Point& out) {
  if (field.is(2, protobuf::fixed64)) out.start = field.value;
  if (field.is(3, protobuf::fixed64)) out.at = field.value;
}

void reset(Point& point) {
  Point fresh;
  fresh.attributes.swap(point.attributes);
  fresh.counts.swap(point.counts);
  fresh.bounds.swap(point.bounds);
  fresh.attributes.clear(), fresh.counts.clear(), fresh.bounds.clear();
  point = std::move(fresh);
}

}  // namespace

/// The name may stand behind the points: they are looked at last.
bool ProtobufReader::read_metric(std::string_view content, Taker& taker) {
  Metric metric;
  std::string_view data;
  if (!protobuf::each_field(content, [&](const protobuf::Field& field) {
        if (field.is(1, protobuf::bytes)) metric.name = field.content;
        if (const auto kind = kind_of(field.number); kind != MetricKind::none && field.type == protobuf::bytes)
          metric.kind = kind, data = field.content;
        return true;
      }))
    return false;
  if (!protobuf::each_field(data, [&](const protobuf::Field& field) {
        if (field.is(2, protobuf::varint))
          metric.temporality = static_cast<Temporality>(field.value <= 2 ? field.value : 0);
        return true;
      }))
    return false;
  return read_points(data, metric, taker);
}

bool ProtobufReader::read_points(std::string_view data, const Metric& metric, Taker& taker) {
  return protobuf::each_field(data, [&](const protobuf::Field& field) {
    if (!field.is(1, protobuf::bytes)) return true;
    reset(point_);
    bool whole = true;
    if (metric.kind == MetricKind::histogram)
      whole = read_histogram(field.content, point_);
    else if (metric.kind == MetricKind::exponential)
      whole = read_exponential(field.content, point_);
    else if (metric.kind == MetricKind::summary)
      whole = read_summary(field.content, point_);
    else
      whole = read_number(field.content, point_);
    if (whole) taker.point(metric, point_);
    return whole;
  });
}

bool ProtobufReader::read_number(std::string_view content, Point& out) {
  return protobuf::each_field(content, [&](const protobuf::Field& field) {
    take_times(field, out);
    if (field.is(4, protobuf::fixed64)) out.value = field.real();
    if (field.is(6, protobuf::fixed64)) out.value = static_cast<double>(field.integer());
    if (field.is(8, protobuf::varint)) out.recorded = !(field.value & 1);
    return !field.is(7, protobuf::bytes) || read_attribute(field.content, out.attributes);
  });
}

bool ProtobufReader::read_histogram(std::string_view content, Point& out) {
  return protobuf::each_field(content, [&](const protobuf::Field& field) {
    take_times(field, out);
    if (field.is(4, protobuf::fixed64)) out.count = field.value;
    if (field.is(5, protobuf::fixed64)) out.sum = field.real();
    if (field.is(10, protobuf::varint)) out.recorded = !(field.value & 1);
    if (field.is(11, protobuf::fixed64)) out.min = field.real();
    if (field.is(12, protobuf::fixed64)) out.max = field.real();
    if (field.number == 6)
      return protobuf::each_number(field, protobuf::fixed64, [&](std::uint64_t v) { out.counts.push_back(v); });
    if (field.number == 7)
      return protobuf::each_number(field, protobuf::fixed64,
                                   [&](std::uint64_t v) { out.bounds.push_back(std::bit_cast<double>(v)); });
    return !field.is(9, protobuf::bytes) || read_attribute(field.content, out.attributes);
  });
}

bool ProtobufReader::read_exponential(std::string_view content, Point& out) {
  return protobuf::each_field(content, [&](const protobuf::Field& field) {
    take_times(field, out);
    if (field.is(4, protobuf::fixed64)) out.count = field.value;
    if (field.is(5, protobuf::fixed64)) out.sum = field.real();
    if (field.is(6, protobuf::varint)) out.scale = static_cast<std::int32_t>(protobuf::unzigzag(field.value));
    if (field.is(7, protobuf::fixed64)) out.zero_count = field.value;
    if (field.is(10, protobuf::varint)) out.recorded = !(field.value & 1);
    if (field.is(12, protobuf::fixed64)) out.min = field.real();
    if (field.is(13, protobuf::fixed64)) out.max = field.real();
    if (field.is(14, protobuf::fixed64)) out.zero_threshold = field.real();
    if (field.is(8, protobuf::bytes)) return read_side(field.content, out.positive);
    if (field.is(9, protobuf::bytes)) return read_side(field.content, out.negative);
    return !field.is(1, protobuf::bytes) || read_attribute(field.content, out.attributes);
  });
}

bool ProtobufReader::read_summary(std::string_view content, Point& out) {
  out.sum = 0;  // not optional here: proto3 leaves a zero out
  return protobuf::each_field(content, [&](const protobuf::Field& field) {
    take_times(field, out);
    if (field.is(4, protobuf::fixed64)) out.count = field.value;
    if (field.is(5, protobuf::fixed64)) out.sum = field.real();
    if (field.is(8, protobuf::varint)) out.recorded = !(field.value & 1);
    if (field.is(6, protobuf::bytes)) return read_quantile(field.content, out);
    return !field.is(7, protobuf::bytes) || read_attribute(field.content, out.attributes);
  });
}

}  // namespace tocsin_plugins::otlp
