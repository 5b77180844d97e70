#include "mapping.hpp"

#include "answer_json.hpp"
#include "http_client/http_client.hpp"
#include "tocsin/context.hpp"

namespace tocsin_plugins::elasticsearch {
namespace {

[[noreturn]] void unreadable() {
  throw tsn::Failure(tsn::fail("its answer to _field_caps cannot be read"));
}

struct Field {
  std::string types;         ///< "text", or "keyword and text" where indices disagree
  bool aggregatable = true;  ///< in every index
  bool dates = true;         ///< in every index
  bool is_mapped = false;
};

Field field_of(dom::object fields, std::string_view name) {
  Field out;
  dom::object types;
  if (fields.at_key(name).get_object().get(types) != simdjson::SUCCESS) return out;
  for (const auto [type, caps] : types) {
    if (type == "unmapped") continue;
    bool can = true;
    if (caps.at_key("aggregatable").get_bool().get(can) != simdjson::SUCCESS) unreadable();
    out.is_mapped = true;
    out.aggregatable &= can;
    out.dates &= type == "date" || type == "date_nanos";
    out.types += (out.types.empty() ? "" : " and ") + std::string(type.substr(0, 32));
  }
  return out;
}

}  // namespace

std::vector<Finding> findings(std::string_view body, const Question& question) {
  dom::parser parser;
  dom::element root;
  dom::object fields;
  if (body.empty() || nests_deep(body) || parser.parse(body.data(), body.size()).get(root) != simdjson::SUCCESS)
    unreadable();
  if (root.at_key("fields").get_object().get(fields) != simdjson::SUCCESS) unreadable();
  dom::array indices;
  if (root.at_key("indices").get_array().get(indices) == simdjson::SUCCESS && indices.size() == 0) return {};
  std::vector<Finding> out;
  const bool uses_time = question.over.count() > 0 || question.has_buckets();
  if (const auto time = field_of(fields, question.time_field); uses_time && !time.is_mapped)
    out.push_back({true, "no field \"" + question.time_field + "\" in " + question.index + "; set time_field"});
  else if (uses_time && !time.dates)
    out.push_back({true, "time_field \"" + question.time_field + "\" is " + time.types + " in " + question.index +
                             ", not a date"});
  for (const auto& name : question.fields()) {
    const auto field = field_of(fields, name);
    if (!field.is_mapped) {
      out.push_back(
          {false, "no field \"" + name + "\" in " + question.index + " yet: the answer stays empty until there is"});
    } else if (!field.aggregatable) {
      const auto twin = field_of(fields, name + ".keyword");
      const bool has_twin = twin.is_mapped && twin.aggregatable;
      out.push_back({true, "the field \"" + name + "\" is " + field.types + ", which cannot be grouped or measured; " +
                               (has_twin ? "use \"" + name + ".keyword\"" : "map it as keyword or a number")});
    }
  }
  return out;
}

}  // namespace tocsin_plugins::elasticsearch
