#include "log_fields/json_fields.hpp"

#include <simdjson.h>

#include <charconv>

#include "log_fields/flat_json.hpp"

namespace tocsin_plugins {

struct JsonFields::Record {
  FlatJson flat;          ///< has members: the line is of the plain kind, and was not parsed
  std::string_view line;  ///< of that kind
  simdjson::dom::parser parser;
  simdjson::dom::object object;
  bool good = false;  ///< there is an object
  char number[32];

  bool parse(std::string_view text) {
    simdjson::dom::element root;
    if (parser.parse(text.data(), text.size()).get(root) || !root.is_object()) return false;
    object = root;
    return good = true;
  }

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
  record_->line = line;
  if (record_->flat.read(line)) return true;
  const auto begin = line.find_first_not_of(" \t\r\n");
  return begin != line.npos && line[begin] == '{' && record_->parse(line);
}

bool JsonFields::find_flat(std::string_view name, log_match::FieldValue& out, bool printed) {
  const auto* found = record_->flat.find(name);
  if (!found || found->kind == FlatJson::Kind::null) return false;
  out = {found->text, {}};
  if (found->kind == FlatJson::Kind::integer) {
    std::int64_t value = 0;
    std::from_chars(found->text.data(), found->text.data() + found->text.size(), value);
    out.number = static_cast<double>(value);
  } else if (found->kind == FlatJson::Kind::real) {
    double value = 0;
    std::from_chars(found->text.data(), found->text.data() + found->text.size(), value);
    out.number = value;
    if (printed) out.text = record_->print(value);
  }
  return true;
}

bool JsonFields::look_up(const log_match::FieldName& name, log_match::FieldValue& out, bool printed) {
  using simdjson::dom::element_type;
  simdjson::dom::element found;
  if (!record_->flat.empty()) {
    if (!name.pointer()) return find_flat(name.text, out, printed);
    if (!record_->good && !record_->parse(record_->line)) return false;
  }
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
