#include "answer_json.hpp"

#include <cmath>

#include "json_text.hpp"

namespace tocsin_plugins::elasticsearch {

void odd(const std::string& what) {
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

double number_at(Element from, std::string_view key) {
  const auto found = find(from, key);
  double out = 0;
  if (!found || found->get_double().get(out) != simdjson::SUCCESS) return NAN;
  return out;
}

std::uint64_t count_at(Element from, std::string_view key) {
  const auto number = number_at(from, key);
  if (!(number >= 0) || number > 9e15) odd("\"" + std::string(key) + "\" is no count");
  return static_cast<std::uint64_t>(number);
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

}  // namespace tocsin_plugins::elasticsearch
