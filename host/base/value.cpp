#include "base/value.hpp"

#include <charconv>
#include <cmath>

#include "base/text.hpp"

namespace tocsin::base {
namespace {

void append_real(std::string& out, double value) {
  if (!std::isfinite(value)) {
    out += "null";  // JSON has no word for it
    return;
  }
  char buffer[32];
  auto end = std::to_chars(buffer, buffer + sizeof buffer, value).ptr;
  std::string_view digits(buffer, static_cast<std::size_t>(end - buffer));
  out += digits;
  if (digits.find_first_of(".e") == digits.npos) out += ".0";  // reads back as a real, not as an integer
}

void append_json(std::string& out, const Value& value) {
  if (auto* b = value.boolean())
    out += *b ? "true" : "false";
  else if (auto* i = value.integer())
    out += std::to_string(*i);
  else if (auto* d = value.real())
    append_real(out, *d);
  else if (auto* s = value.string())
    out += json_quote(*s);
  else if (auto* items = value.array()) {
    out += '[';
    for (const Value& item : *items) {
      if (&item != items->data()) out += ',';
      append_json(out, item);
    }
    out += ']';
  } else if (auto* members = value.table()) {
    out += '{';
    for (const Value::Member& member : *members) {
      if (&member != members->data()) out += ',';
      out += json_quote(member.key);
      out += ':';
      append_json(out, member.value);
    }
    out += '}';
  } else {
    out += "null";
  }
}

}  // namespace

std::string Place::text() const {
  if (!file) return "default";
  std::string text = *file;
  if (line == 0) return text;
  text += ':' + std::to_string(line);
  if (column != 0) text += ':' + std::to_string(column);
  return text;
}

Value::Value(Table v) : data_(std::move(v)) {}

double Value::number(double fallback) const {
  if (auto* i = integer()) return static_cast<double>(*i);
  if (auto* d = real()) return *d;
  return fallback;
}

const Value* Value::find(std::string_view key) const {
  if (auto* members = table()) {
    for (const Member& member : *members) {
      if (member.key == key) return &member.value;
    }
  }
  return nullptr;
}

Value* Value::find(std::string_view key) {
  return const_cast<Value*>(std::as_const(*this).find(key));
}

Value& Value::set(std::string key, Value value) {
  if (is_null()) data_ = Table();
  if (Value* there = find(key)) {
    *there = std::move(value);
    return *there;
  }
  Table& members = std::get<Table>(data_);
  members.push_back({std::move(key), std::move(value), {}});
  return members.back().value;
}

bool Value::erase(std::string_view key) {
  Table* members = table();
  return members && std::erase_if(*members, [&](const Member& member) { return member.key == key; }) > 0;
}

std::string_view Value::type_name() const {
  static constexpr std::string_view names[] = {"nothing", "boolean", "integer", "number", "string", "array", "table"};
  return names[data_.index()];
}

std::string to_json(const Value& value) {
  std::string out;
  append_json(out, value);
  return out;
}

}  // namespace tocsin::base
