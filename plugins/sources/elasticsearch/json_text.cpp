#include "json_text.hpp"

#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>

#include "http_client/http_client.hpp"

namespace tocsin_plugins::elasticsearch {
namespace {

using nlohmann::json;

constexpr int deepest = 64;

/// Keys under which a server runs code of the question's author. `wrapper` hides any query in base64.
constexpr std::string_view script_keys[] = {
    "script",          "script_score", "script_fields", "scripted_metric", "bucket_script",
    "bucket_selector", "moving_fn",    "_script",       "wrapper",         "runtime_mappings",
};

json tree_of(const tsn::Config& value, const std::string& where, int depth) {
  if (depth > deepest) refuse(where, "it is nested deeper than 64 levels");
  switch (value.type()) {
    case TSN_BOOL:
      return value.as_boolean();
    case TSN_INT:
      return value.as_integer();
    case TSN_FLOAT:
      return value.as_number();
    case TSN_STRING:
      return std::string(value.as_str());
    case TSN_ARRAY: {
      json out = json::array();
      for (const auto& item : value) out.push_back(tree_of(item, where, depth + 1));
      return out;
    }
    case TSN_TABLE: {
      json out = json::object();
      for (std::uint32_t i = 0; i < value.count(); ++i)
        out[std::string(value.key(i))] = tree_of(value.at(i), where, depth + 1);
      return out;
    }
    default:
      return nullptr;
  }
}

json parsed(std::string_view text, const std::string& where) {
  if (nests_deep(text)) refuse(where, "it is nested deeper than 64 levels");
  try {
    return json::parse(text);
  } catch (const json::parse_error& error) {
    const auto before = text.substr(0, std::min(error.byte > 0 ? error.byte - 1 : 0, text.size()));
    const auto line = 1 + std::ranges::count(before, '\n');
    const auto column = before.size() - (before.rfind('\n') == before.npos ? 0 : before.rfind('\n') + 1) + 1;
    refuse(where,
           "it is no JSON: line " + std::to_string(line) + ", column " + std::to_string(column) + " of the text");
  }
}

void refuse_scripts(const json& tree, const std::string& where) {
  if (tree.is_object()) {
    for (const auto& [key, value] : tree.items()) {
      if (std::ranges::find(script_keys, key) != std::end(script_keys))
        refuse(where, "\"" + key + "\" runs a script on the server; allow_scripts = true lets it");
      refuse_scripts(value, where);
    }
  } else if (tree.is_array()) {
    for (const auto& value : tree) refuse_scripts(value, where);
  }
}

}  // namespace

void refuse(const std::string& where, const std::string& why) {
  throw tsn::Failure(tsn::invalid(where + ": " + why));
}

std::string json_of(const tsn::Config& value, const std::string& where, bool scripts) {
  const bool is_text = value.type() == TSN_STRING;
  if (!is_text && value.type() != TSN_TABLE) value.wrong("a table or JSON text");
  const json tree = is_text ? parsed(value.as_str(), where) : tree_of(value, where, 0);
  if (!tree.is_object()) refuse(where, "expected a JSON object, as {\"term\": {\"level\": \"ERROR\"}}");
  if (!scripts) refuse_scripts(tree, where);
  return tree.dump(-1, ' ', false, json::error_handler_t::replace);
}

std::string json_string(std::string_view text) {
  return json(std::string(text)).dump(-1, ' ', false, json::error_handler_t::replace);
}

std::string number_text(double number) {
  char text[32];
  const auto done = std::to_chars(text, text + sizeof text, number);
  return std::string(text, done.ptr);
}

}  // namespace tocsin_plugins::elasticsearch
