#include "protobuf_reader.hpp"

#include "protobuf_wire/wire.hpp"
#include "value_text.hpp"

namespace tocsin_plugins::otlp {

using protobuf::Field;

bool ProtobufReader::read(Signal signal, std::string_view body, Taker& taker) {
  arena_.clear();
  return protobuf::each_field(body, [&](const Field& field) {
    return !field.is(1, protobuf::bytes) || read_group(signal, field.content, taker);
  });
}

/// ResourceMetrics, ResourceLogs or ResourceSpans. The resource may stand behind its items: it is looked for first.
bool ProtobufReader::read_group(Signal signal, std::string_view group, Taker& taker) {
  resource_.clear();
  const auto attribute = [&](const Field& field) {
    return !field.is(1, protobuf::bytes) || read_attribute(field.content, resource_);
  };
  if (!protobuf::each_field(group, [&](const Field& field) {
        return !field.is(1, protobuf::bytes) || protobuf::each_field(field.content, attribute);
      }))
    return false;
  taker.resource(resource_);
  const auto item = [&](const Field& field) {
    return !field.is(2, protobuf::bytes) || read_item(signal, field.content, taker);
  };
  return protobuf::each_field(group, [&](const Field& field) {
    return !field.is(2, protobuf::bytes) || protobuf::each_field(field.content, item);
  });
}

bool ProtobufReader::read_item(Signal signal, std::string_view item, Taker& taker) {
  if (signal == Signal::metrics) return read_metric(item, taker);
  if (signal == Signal::logs) {
    LogRecord record;
    return read_record(item, record) && (taker.record(record), true);
  }
  Span span;
  return read_span(item, span) && (taker.span(span), true);
}

bool ProtobufReader::read_attribute(std::string_view content, Attributes& out) {
  Attribute attribute;
  std::string_view value;
  if (!protobuf::each_field(content, [&](const Field& field) {
        if (field.is(1, protobuf::bytes)) attribute.key = field.content;
        if (field.is(2, protobuf::bytes)) value = field.content;
        return true;
      }))
    return false;
  if (!read_value(value, attribute.value)) return false;
  out.push_back(attribute);
  return true;
}

/// AnyValue. A text is taken where it lies.
bool ProtobufReader::read_value(std::string_view content, std::string_view& out) {
  bool text = true;
  std::string_view found;
  if (!protobuf::each_field(content, [&](const Field& field) {
        text = field.is(1, protobuf::bytes);
        found = field.content;
        return true;
      }))
    return false;
  if (text) return out = found, true;
  auto& made = arena_.make();
  if (!render(content, made, false, 0)) return false;
  out = made;
  return true;
}

bool ProtobufReader::render(std::string_view content, std::string& out, bool json, int depth) {
  if (depth > most_depth) return false;
  Field last;
  if (!protobuf::each_field(content, [&](const Field& field) { return last = field, true; })) return false;
  if (last.is(2, protobuf::varint)) return out += last.value ? "true" : "false", true;
  if (last.is(3, protobuf::varint)) return append_number(out, last.integer()), true;
  if (last.is(4, protobuf::fixed64)) return append_number(out, last.real(), json), true;
  if (last.is(5, protobuf::bytes)) return render_list(last.content, out, depth, false);
  if (last.is(6, protobuf::bytes)) return render_list(last.content, out, depth, true);
  if (last.is(1, protobuf::bytes) || last.is(7, protobuf::bytes)) {
    const auto text = last.number == 7 ? to_base64(last.content) : std::string(last.content);
    json ? append_quoted(out, text) : void(out += text);
  } else if (json) {
    out += "null";
  }
  return true;
}

bool ProtobufReader::render_list(std::string_view content, std::string& out, int depth, bool map) {
  out += map ? '{' : '[';
  bool first = true;
  if (!protobuf::each_field(content, [&](const Field& field) {
        if (!field.is(1, protobuf::bytes)) return true;
        if (!std::exchange(first, false)) out += ',';
        return map ? render_entry(field.content, out, depth) : render(field.content, out, true, depth + 1);
      }))
    return false;
  out += map ? '}' : ']';
  return true;
}

bool ProtobufReader::render_entry(std::string_view content, std::string& out, int depth) {
  std::string_view key, value;
  if (!protobuf::each_field(content, [&](const Field& field) {
        if (field.is(1, protobuf::bytes)) key = field.content;
        if (field.is(2, protobuf::bytes)) value = field.content;
        return true;
      }))
    return false;
  append_quoted(out, key);
  out += ':';
  return render(value, out, true, depth + 1);
}

bool ProtobufReader::read_record(std::string_view content, LogRecord& out) {
  std::string_view body;
  if (!protobuf::each_field(content, [&](const Field& field) {
        if (field.is(1, protobuf::fixed64)) out.at = field.value;
        if (field.is(11, protobuf::fixed64)) out.observed = field.value;
        if (field.is(2, protobuf::varint)) out.severity = static_cast<std::uint32_t>(field.value);
        if (field.is(3, protobuf::bytes)) out.severity_text = field.content;
        if (field.is(5, protobuf::bytes)) body = field.content;
        return !field.is(6, protobuf::bytes) || read_attribute(field.content, out.attributes);
      }))
    return false;
  return read_value(body, out.body);
}

bool ProtobufReader::read_span(std::string_view content, Span& out) {
  const auto status = [&](const Field& field) {
    if (field.is(2, protobuf::bytes)) out.message = field.content;
    if (field.is(3, protobuf::varint)) out.status = static_cast<std::uint32_t>(field.value);
    return true;
  };
  return protobuf::each_field(content, [&](const Field& field) {
    if (field.is(1, protobuf::bytes)) out.trace_id = arena_.keep(to_hex(field.content.substr(0, 16)));
    if (field.is(2, protobuf::bytes)) out.span_id = arena_.keep(to_hex(field.content.substr(0, 8)));
    if (field.is(5, protobuf::bytes)) out.name = field.content;
    if (field.is(6, protobuf::varint)) out.kind = static_cast<SpanKind>(field.value <= 5 ? field.value : 0);
    if (field.is(7, protobuf::fixed64)) out.start = field.value;
    if (field.is(8, protobuf::fixed64)) out.end = field.value;
    if (field.is(15, protobuf::bytes)) return protobuf::each_field(field.content, status);
    return !field.is(9, protobuf::bytes) || read_attribute(field.content, out.attributes);
  });
}

}  // namespace tocsin_plugins::otlp
