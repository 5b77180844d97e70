#include "log_fields/json_fields.hpp"

#include <simdjson.h>

#include <charconv>

namespace tocsin_plugins {

struct JsonFields::Record {
  simdjson::dom::parser parser;
  simdjson::dom::object object;
  bool good = false;
  char number[32];

  template <class Number>
  std::string_view print(Number value) {
    const auto end = std::to_chars(number, number + sizeof number, value).ptr;
    return {number, static_cast<std::size_t>(end - number)};
  }
};

JsonFields::JsonFields() : record_(std::make_unique<Record>()) {}
JsonFields::~JsonFields() = default;

bool JsonFields::parse(std::string_view line) {
  record_->good = false;
  const auto begin = line.find_first_not_of(" \t\r\n");
  if (begin == line.npos || line[begin] != '{') return false;
  simdjson::dom::element root;
  if (record_->parser.parse(line.data(), line.size()).get(root)) return false;
  if (!root.is_object()) return false;
  record_->object = root;
  return record_->good = true;
}

bool JsonFields::look_up(const log_match::FieldName& name, log_match::FieldValue& out, bool printed) {
  using simdjson::dom::element_type;
  simdjson::dom::element found;
  if (!record_->good) return false;
  const auto looked = name.pointer() ? record_->object.at_pointer(name.text) : record_->object.at_key(name.text);
  if (looked.get(found)) return false;
  out = {};
  switch (found.type()) {
    case element_type::STRING:
      out.text = std::string_view(found);
      return true;
    case element_type::INT64: {
      const auto value = std::int64_t(found);
      out.number = static_cast<double>(value);
      if (printed) out.text = record_->print(value);
      return true;
    }
    case element_type::UINT64: {
      const auto value = std::uint64_t(found);
      out.number = static_cast<double>(value);
      if (printed) out.text = record_->print(value);
      return true;
    }
    case element_type::DOUBLE: {
      const auto value = double(found);
      out.number = value;
      if (printed) out.text = record_->print(value);
      return true;
    }
    case element_type::BOOL:
      out.text = bool(found) ? "true" : "false";
      return true;
    default:
      return false;
  }
}

}  // namespace tocsin_plugins
