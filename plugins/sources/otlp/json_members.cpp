#include "json_members.hpp"

#include <charconv>
#include <cmath>

#include "value_text.hpp"

namespace tocsin_plugins::otlp {
namespace {

template <class Number>
bool whole_number(std::string_view text, Number& out) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
  return error == std::errc() && end == text.data() + text.size();
}

}  // namespace

void Members::wrong(std::string_view name, std::string_view expected) {
  if (ok()) why_.append("\"").append(name).append("\": expected ").append(expected);
}

std::optional<Members::Element> Members::find(Element object, std::string_view name) {
  Element found;
  if (!object.is_object() || object.at_key(name).get(found) || found.is_null()) return std::nullopt;
  return found;
}

bool Members::as_integer(Element element, std::int64_t& out) {
  std::string_view text;
  if (!element.get_int64().get(out)) return true;
  return !element.get_string().get(text) && whole_number(text, out);
}

bool Members::as_unsigned(Element element, std::uint64_t& out) {
  std::string_view text;
  if (!element.get_uint64().get(out)) return true;
  return !element.get_string().get(text) && whole_number(text, out);
}

bool Members::as_real(Element element, double& out) {
  std::string_view text;
  if (element.is_number()) return !element.get_double().get(out);
  if (element.get_string().get(text)) return false;
  if (text == "NaN") return out = NAN, true;
  if (text == "Infinity" || text == "-Infinity") return out = text[0] == '-' ? -INFINITY : INFINITY, true;
  return whole_number(text, out);
}

void Members::text(Element object, std::string_view name, std::string_view& out) {
  if (const auto member = find(object, name); member && member->get_string().get(out)) wrong(name, "a string");
}

void Members::unsigned_number(Element object, std::string_view name, std::uint64_t& out) {
  if (const auto member = find(object, name); member && !as_unsigned(*member, out))
    wrong(name, "a number from 0, or one in a string");
}

void Members::integer(Element object, std::string_view name, std::int64_t& out) {
  if (const auto member = find(object, name); member && !as_integer(*member, out))
    wrong(name, "an integer, or one in a string");
}

void Members::real(Element object, std::string_view name, std::optional<double>& out) {
  const auto member = find(object, name);
  if (!member) return;
  double value = 0;
  if (!as_real(*member, value)) return wrong(name, "a number");
  out = value;
}

void Members::attributes(Element object, Attributes& out) {
  objects(object, "attributes", [&](Element element) {
    Attribute attribute;
    text(element, "key", attribute.key);
    value(element, "value", attribute.value);
    out.push_back(attribute);
  });
}

void Members::value(Element object, std::string_view name, std::string_view& out) {
  const auto any = find(object, name);
  if (!any) return;
  if (!any->is_object()) return wrong(name, "an object as {\"stringValue\": \"…\"}");
  if (const auto plain = find(*any, "stringValue"); plain && !plain->get_string().get(out)) return;
  auto& made = arena_->make();
  render(*any, made, false, 0);
  out = made;
}

void Members::render(Element any, std::string& out, bool json, int depth) {
  if (depth > most_depth) return wrong("value", "lists and maps of a depth of at most 32");
  std::string_view word;
  std::int64_t integer = 0;
  double real = 0;
  bool yes = false;
  if (const auto text = find(any, "stringValue")) {
    if (text->get_string().get(word)) return wrong("stringValue", "a string");
    json ? append_quoted(out, word) : void(out += word);
  } else if (const auto flag = find(any, "boolValue")) {
    if (flag->get_bool().get(yes)) return wrong("boolValue", "true or false");
    out += yes ? "true" : "false";
  } else if (const auto number = find(any, "intValue")) {
    if (!as_integer(*number, integer)) return wrong("intValue", "an integer, or one in a string");
    append_number(out, integer);
  } else if (const auto fraction = find(any, "doubleValue")) {
    if (!as_real(*fraction, real)) return wrong("doubleValue", "a number");
    append_number(out, real, json);
  } else if (const auto bytes = find(any, "bytesValue")) {
    if (bytes->get_string().get(word)) return wrong("bytesValue", "a string");
    json ? append_quoted(out, word) : void(out += word);
  } else if (const auto array = find(any, "arrayValue")) {
    render_list(*array, out, false, depth);
  } else if (const auto map = find(any, "kvlistValue")) {
    render_list(*map, out, true, depth);
  } else if (json) {
    out += "null";
  }
}

void Members::render_list(Element values, std::string& out, bool map, int depth) {
  out += map ? '{' : '[';
  bool first = true;
  objects(values, "values", [&](Element element) {
    if (!std::exchange(first, false)) out += ',';
    if (!map) return render(element, out, true, depth + 1);
    std::string_view key;
    text(element, "key", key);
    append_quoted(out, key);
    out += ':';
    const auto value = find(element, "value");
    value ? render(*value, out, true, depth + 1) : void(out += "null");
  });
  out += map ? '}' : ']';
}

}  // namespace tocsin_plugins::otlp
