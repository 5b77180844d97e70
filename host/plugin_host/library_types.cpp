// Checks and copies what a plugin's entry returns. Everything in it is outside input.
#include <cstddef>
#include <cstring>
#include <set>

#include "base/text.hpp"
#include "plugin_host/abi_text.hpp"
#include "plugin_host/descriptor_json.hpp"
#include "plugin_host/library.hpp"

namespace tocsin::plugin_host {
namespace {

using base::fail;
using base::Fault;
using base::Result;

constexpr std::uint32_t max_entries = 4096;  ///< of each list in a type

/// Entries of an array with a stride, each copied into a zeroed local. A stride below `least` cannot hold one.
template <class T, class F>
bool each(const T* items, std::uint32_t count, std::uint32_t stride, std::size_t least, F&& take) {
  if (count == 0) return true;
  if (items == nullptr || stride < least || stride % alignof(T) != 0 || count > max_entries) return false;
  for (std::uint32_t i = 0; i < count; ++i) {
    T one{};
    std::memcpy(&one, reinterpret_cast<const char*>(items) + std::size_t{i} * stride,
                std::min<std::size_t>(stride, sizeof one));
    take(one);
  }
  return true;
}

std::string text(tsn_str s) {
  return std::string(view(s));
}

base::Option option_of(const tsn_option& in) {
  base::Option out;
  out.key = text(in.key);
  out.type = option_type(in.type);
  out.required = in.flags & TSN_OPT_REQUIRED;
  out.secret = in.flags & TSN_OPT_SECRET;
  out.reloadable = in.flags & TSN_OPT_RELOADABLE;
  out.fallback = text(in.fallback);
  out.min = text(in.min);
  out.max = text(in.max);
  out.choices = split_list(view(in.choices), '|');
  out.doc = text(in.doc);
  return out;
}

bool read_lists(const LibraryType& in, model::PluginType& out) {
  const tsn_type& t = in.table;
  return each(t.options, t.option_count, t.option_stride, sizeof(tsn_option),
              [&](const tsn_option& o) { out.options.push_back(option_of(o)); }) &&
         each(in.detector.rule_options, in.detector.rule_option_count, in.detector.rule_option_stride,
              sizeof(tsn_option), [&](const tsn_option& o) { out.rule_options.push_back(option_of(o)); }) &&
         each(in.source.query_options, in.source.query_option_count, in.source.query_option_stride, sizeof(tsn_option),
              [&](const tsn_option& o) { out.query_options.push_back(option_of(o)); }) &&
         each(t.signals, t.signal_count, t.signal_stride, sizeof(tsn_signal_doc),
              [&](const tsn_signal_doc& s) {
                out.signals.push_back({text(s.name), text(s.unit), text(s.labels), text(s.doc)});
              }) &&
         each(t.needs, t.need_count, t.need_stride, sizeof(tsn_str),
              [&](const tsn_str& s) { out.needs.push_back(text(s)); }) &&
         each(in.routes.routes, in.routes.route_count, in.routes.route_stride, sizeof(tsn_route),
              [&](const tsn_route& r) { out.routes.push_back({text(r.method), text(r.path), text(r.doc)}); });
}

/// The function a kind cannot do without, or null.
const char* missing_function(const LibraryType& type) {
  std::uint32_t kinds = type.table.kinds;
  if (type.table.create == nullptr) return "create";
  if ((kinds & TSN_KIND_DETECTOR) && type.detector.compile == nullptr) return "detector.compile";
  if ((kinds & TSN_KIND_DETECTOR) && type.detector.evaluate == nullptr) return "detector.evaluate";
  if ((kinds & TSN_KIND_NOTIFIER) && type.notifier.deliver == nullptr) return "notifier.deliver";
  if ((kinds & TSN_KIND_TRACKER) && type.tracker.upsert == nullptr) return "tracker.upsert";
  if ((type.source.features & TSN_SOURCE_QUERIES) && type.source.query == nullptr) return "source.query";
  if (type.routes.route_count > 0 && type.routes.handle == nullptr) return "routes.handle";
  return nullptr;
}

Result<LibraryType> read_type(const tsn_type* in, const std::string& path) {
  auto defect = [&](const std::string& what) {
    return fail(Fault::invalid, path + ": " + what + "; build the plugin again against this SDK");
  };
  if (in == nullptr) return defect("one of its types is null");
  if (in->size < offsetof(tsn_type, start)) return defect("one of its types has the size " + std::to_string(in->size));
  LibraryType out;
  out.table = copy_sized(in);
  out.source = copy_sized(out.table.source);
  out.detector = copy_sized(out.table.detector);
  out.notifier = copy_sized(out.table.notifier);
  out.tracker = copy_sized(out.table.tracker);
  out.routes = copy_sized(out.table.routes);
  model::PluginType& type = out.description;
  type.id = text(out.table.id);
  if (type.id.empty() || type.id.size() > 128 || !base::valid_utf8(type.id))
    return defect("one of its types has no valid id");
  constexpr std::uint32_t all_kinds = TSN_KIND_SOURCE | TSN_KIND_DETECTOR | TSN_KIND_NOTIFIER | TSN_KIND_TRACKER;
  type.kinds = out.table.kinds;
  if (type.kinds == 0 || (type.kinds & ~all_kinds) != 0) {
    return defect("the type " + type.id + " has the kinds " + std::to_string(type.kinds) +
                  ", which this agent does not know");
  }
  if (const char* name = missing_function(out)) return defect("the type " + type.id + " has no function " + name);
  type.version = text(out.table.version);
  type.doc = text(out.table.doc);
  type.address_field = text(out.notifier.address_field);
  if (out.detector.extension != nullptr)
    type.extension.assign(out.detector.extension, strnlen(out.detector.extension, 32));
  type.source_features = out.source.features;
  type.detector_features = out.detector.features;
  type.notifier_features = out.notifier.features;
  if (!read_lists(out, type)) return defect("the type " + type.id + " has a list with an impossible count or stride");
  return out;
}

}  // namespace

Result<std::vector<LibraryType>> read_types(const tsn_plugin* plugin, const std::string& path) {
  constexpr std::size_t least = offsetof(tsn_plugin, type_count) + sizeof(std::uint32_t);
  if (plugin == nullptr)
    return fail(Fault::internal, path + ": its entry returned nothing; report it to the plugin's author");
  if (plugin->size < least) {
    return fail(Fault::internal, path + ": its entry returned a table of " + std::to_string(plugin->size) +
                                     " bytes, less than ABI 1 has; build the plugin again");
  }
  tsn_plugin table = copy_sized(plugin);
  if (table.abi != TSN_ABI_VERSION) {
    return fail(Fault::unsupported, path + ": has plugin ABI " + std::to_string(table.abi) + ", this agent has ABI " +
                                        std::to_string(TSN_ABI_VERSION) +
                                        "; install the plugin's build for this agent");
  }
  if (table.type_count == 0 || table.type_count > 64 || table.types == nullptr) {
    return fail(Fault::internal,
                path + ": declares " + std::to_string(table.type_count) + " types; 1 to 64 are possible");
  }
  std::vector<LibraryType> out;
  std::set<std::string> ids;
  for (std::uint32_t i = 0; i < table.type_count; ++i) {
    TRY(auto type, read_type(table.types[i], path));
    if (!ids.insert(type.description.id).second) {
      return fail(Fault::invalid,
                  path + ": declares the type " + type.description.id + " twice; give each an id of its own");
    }
    out.push_back(std::move(type));
  }
  return out;
}

}  // namespace tocsin::plugin_host
