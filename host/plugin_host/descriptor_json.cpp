#include "plugin_host/descriptor_json.hpp"

#include <nlohmann/json.hpp>

#include "base/text.hpp"
#include "tocsin/abi.h"

namespace tocsin::plugin_host {
namespace {

using base::fail;
using base::Fault;
using base::Result;
using Json = nlohmann::json;

/// Reads one descriptor; the first defect is kept with the place where it stands.
class Reader {
 public:
  explicit Reader(const std::string& path) : path_(path) {}

  Result<model::PluginDescriptor> read(std::string_view text) {
    Json root = Json::parse(text, nullptr, /*allow_exceptions=*/false);
    if (root.is_discarded()) return defect("is not valid JSON");
    if (!root.is_object()) return defect("is not a JSON object");
    model::PluginDescriptor out;
    out.path = path_;
    out.abi = number(root, "abi", "the descriptor");
    if (error_.empty() && out.abi != TSN_ABI_VERSION) return other_version(out.abi);
    for (const Json& type : array(root, "types", "the descriptor")) out.types.push_back(read_type(type));
    if (error_.empty() && out.types.empty()) error_ = "\"types\" is empty";
    if (!error_.empty()) return defect(error_);
    return out;
  }

 private:
  std::unexpected<base::Error> defect(const std::string& what) const {
    return fail(Fault::corrupt, path_ + ": its " TSN_NOTE_SECTION " note is damaged: the description " + what +
                                    "; build the plugin again with tocsin_add_plugin()");
  }
  std::unexpected<base::Error> other_version(std::uint32_t abi) const {
    return fail(Fault::unsupported, path_ + ": was built for plugin ABI " + std::to_string(abi) +
                                        ", this agent has ABI " + std::to_string(TSN_ABI_VERSION) +
                                        "; install the plugin's build for this agent");
  }
  void note(const std::string& where, const std::string& what) {
    if (error_.empty()) error_ = where + ": " + what;
  }

  const Json* member(const Json& object, const char* key) const {
    auto it = object.find(key);
    return it == object.end() || it->is_null() ? nullptr : &*it;
  }
  std::string text(const Json& object, const char* key, const std::string& where) {
    const Json* value = member(object, key);
    if (value == nullptr) return {};
    if (!value->is_string()) return note(where, std::string("\"") + key + "\" is not a string"), std::string();
    return value->get<std::string>();
  }
  std::uint32_t number(const Json& object, const char* key, const std::string& where) {
    const Json* value = member(object, key);
    if (value == nullptr) return 0;
    if (!value->is_number_unsigned() || value->get<std::uint64_t>() > UINT32_MAX) {
      return note(where, std::string("\"") + key + "\" is not a number from 0 to 4294967295"), 0;
    }
    return value->get<std::uint32_t>();
  }
  const Json& array(const Json& object, const char* key, const std::string& where) {
    static const Json none = Json::array();
    const Json* value = member(object, key);
    if (value == nullptr) return none;
    if (!value->is_array()) return note(where, std::string("\"") + key + "\" is not an array"), none;
    return *value;
  }
  bool object(const Json& value, const std::string& where) {
    if (!value.is_object()) note(where, "is not an object");
    return value.is_object();
  }

  std::vector<std::string> words(const Json& parent, const char* key, char separator, const std::string& where) {
    std::vector<std::string> out;
    const Json* value = member(parent, key);
    if (value == nullptr) return out;
    if (value->is_string()) return split_list(value->get_ref<const std::string&>(), separator);
    for (const Json& one : array(parent, key, where)) {
      if (one.is_string())
        out.push_back(one.get<std::string>());
      else
        note(where, std::string("\"") + key + "\" has an entry that is not a string");
    }
    return out;
  }

  /// A set of bits: a number, or their names.
  std::uint32_t bits(const Json& parent, const char* key,
                     std::initializer_list<std::pair<const char*, std::uint32_t>> names, const std::string& where) {
    const Json* value = member(parent, key);
    if (value == nullptr || value->is_number()) return number(parent, key, where);
    std::uint32_t out = 0;
    for (const std::string& word : words(parent, key, '|', where)) {
      std::uint32_t bit = 0;
      for (const auto& [name, number] : names) {
        if (base::equal_without_case(word, name)) bit = number;
      }
      if (bit == 0) note(where, std::string("\"") + key + "\" has the unknown word \"" + word + "\"");
      out |= bit;
    }
    return out;
  }

  base::OptionType type_of(const Json& option, const std::string& where) {
    const Json* value = member(option, "type");
    if (value == nullptr) return base::OptionType::any;
    if (!value->is_string()) return option_type(number(option, "type", where));
    static const std::pair<const char*, std::uint32_t> names[] = {
        {"bool", TSN_BOOL},   {"boolean", TSN_BOOL},      {"int", TSN_INT},       {"integer", TSN_INT},
        {"float", TSN_FLOAT}, {"number", TSN_FLOAT},      {"string", TSN_STRING}, {"array", TSN_ARRAY},
        {"table", TSN_TABLE}, {"duration", TSN_DURATION}, {"size", TSN_SIZE},     {"any", TSN_ANY}};
    for (const auto& [name, number] : names) {
      if (value->get_ref<const std::string&>() == name) return option_type(number);
    }
    note(where, "\"type\" has the unknown word \"" + value->get<std::string>() + "\"");
    return base::OptionType::any;
  }

  base::Option read_option(const Json& in, const std::string& type) {
    base::Option out;
    if (!object(in, type + ": an option")) return out;
    out.key = text(in, "key", type + ": an option");
    std::string where = type + ": option \"" + out.key + "\"";
    if (out.key.empty()) note(where, "has no \"key\"");
    out.type = type_of(in, where);
    std::uint32_t flags =
        bits(in, "flags",
             {{"required", TSN_OPT_REQUIRED}, {"secret", TSN_OPT_SECRET}, {"reloadable", TSN_OPT_RELOADABLE}}, where);
    out.required = flags & TSN_OPT_REQUIRED;
    out.secret = flags & TSN_OPT_SECRET;
    out.reloadable = flags & TSN_OPT_RELOADABLE;
    out.fallback = text(in, "default", where);
    out.min = text(in, "min", where);
    out.max = text(in, "max", where);
    out.choices = words(in, "choices", '|', where);
    out.doc = text(in, "doc", where);
    return out;
  }

  model::SignalDoc read_signal(const Json& in, const std::string& type) {
    if (!object(in, type + ": a signal")) return {};
    return {text(in, "name", type), text(in, "unit", type), text(in, "labels", type), text(in, "doc", type)};
  }
  model::RouteDoc read_route(const Json& in, const std::string& type) {
    if (!object(in, type + ": a route")) return {};
    return {text(in, "method", type), text(in, "path", type), text(in, "doc", type)};
  }

  model::PluginType read_type(const Json& in) {
    model::PluginType out;
    if (!object(in, "a type")) return out;
    out.id = text(in, "id", "a type");
    if (out.id.empty()) note("a type", "has no \"id\"");
    std::string where = "type \"" + out.id + "\"";
    out.version = text(in, "version", where);
    out.doc = text(in, "doc", where);
    out.kinds = bits(in, "kinds",
                     {{"source", TSN_KIND_SOURCE},
                      {"detector", TSN_KIND_DETECTOR},
                      {"notifier", TSN_KIND_NOTIFIER},
                      {"tracker", TSN_KIND_TRACKER}},
                     where);
    out.needs = words(in, "needs", ',', where);
    out.address_field = text(in, "address_field", where);
    out.extension = text(in, "extension", where);
    for (const Json& option : array(in, "options", where)) out.options.push_back(read_option(option, where));
    for (const Json& option : array(in, "rule_options", where)) out.rule_options.push_back(read_option(option, where));
    for (const Json& option : array(in, "query_options", where))
      out.query_options.push_back(read_option(option, where));
    for (const Json& signal : array(in, "signals", where)) out.signals.push_back(read_signal(signal, where));
    for (const Json& route : array(in, "routes", where)) out.routes.push_back(read_route(route, where));
    if (const Json* features = member(in, "features");
        features != nullptr && object(*features, where + ": \"features\"")) {
      out.source_features = number(*features, "source", where);
      out.detector_features = number(*features, "detector", where);
      out.notifier_features = number(*features, "notifier", where);
    }
    return out;
  }

  const std::string& path_;
  std::string error_;
};

}  // namespace

std::vector<std::string> split_list(std::string_view text, char separator) {
  std::vector<std::string> out;
  for (std::string_view part : base::split(text, separator)) {
    if (std::string_view word = base::trim(part); !word.empty()) out.emplace_back(word);
  }
  return out;
}

base::OptionType option_type(std::uint32_t abi_type) {
  switch (abi_type) {
    case TSN_BOOL:
      return base::OptionType::boolean;
    case TSN_INT:
      return base::OptionType::integer;
    case TSN_FLOAT:
      return base::OptionType::number;
    case TSN_STRING:
      return base::OptionType::string;
    case TSN_ARRAY:
      return base::OptionType::array;
    case TSN_TABLE:
      return base::OptionType::table;
    case TSN_DURATION:
      return base::OptionType::duration;
    case TSN_SIZE:
      return base::OptionType::size;
    default:
      return base::OptionType::any;
  }
}

Result<model::PluginDescriptor> parse_descriptor(std::string_view json, const std::string& path) {
  while (!json.empty() && json.back() == '\0') json.remove_suffix(1);  // linkers and assemblers pad
  if (!base::valid_utf8(json)) {
    return fail(Fault::corrupt, path + ": its " TSN_NOTE_SECTION
                                       " note is damaged: the description is not UTF-8; build the "
                                       "plugin again");
  }
  return Reader(path).read(json);
}

}  // namespace tocsin::plugin_host
