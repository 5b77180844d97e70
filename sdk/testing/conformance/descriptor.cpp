#include "descriptor.hpp"

#include <nlohmann/json.hpp>

#include "tocsin/status.hpp"

namespace tsn::conformance {
namespace {

using Json = nlohmann::json;

std::string text(tsn_str from) {
  return std::string(view(from));
}

Json option(const tsn_option& o) {
  return {{"key", text(o.key)}, {"type", o.type},     {"flags", o.flags},           {"default", text(o.fallback)},
          {"min", text(o.min)}, {"max", text(o.max)}, {"choices", text(o.choices)}, {"doc", text(o.doc)}};
}
Json signal(const tsn_signal_doc& s) {
  return {{"name", text(s.name)}, {"unit", text(s.unit)}, {"labels", text(s.labels)}, {"doc", text(s.doc)}};
}
Json route(const tsn_route& r) {
  return {{"method", text(r.method)}, {"path", text(r.path)}, {"doc", text(r.doc)}};
}

template <class Struct, class Convert>
Json list(const Struct* first, std::uint32_t count, std::uint32_t stride, Convert convert) {
  auto out = Json::array();
  for (std::uint32_t i = 0; i < count; ++i) out.push_back(convert(detail::read_element(first, stride, i)));
  return out;
}

Json kinds(tsn_kind bits) {
  auto out = Json::array();
  const char* names[] = {"source", "detector", "notifier", "tracker"};
  for (std::uint32_t bit = 0; bit < 4; ++bit)
    if (bits & (1u << bit)) out.push_back(names[bit]);
  return out;
}

Json describe(const tsn_type& source) {
  const auto type = detail::read_struct(&source);
  const auto source_table = type.source ? detail::read_struct(type.source) : tsn_source_vtable{};
  const auto detector = detail::read_struct(type.detector);
  const auto notifier = detail::read_struct(type.notifier);
  const auto routes = detail::read_struct(type.routes);
  return {
      {"id", text(type.id)},
      {"version", text(type.version)},
      {"doc", text(type.doc)},
      {"kinds", kinds(type.kinds)},
      {"needs", list(type.needs, type.need_count, type.need_stride, text)},
      {"options", list(type.options, type.option_count, type.option_stride, option)},
      {"rule_options", list(detector.rule_options, detector.rule_option_count, detector.rule_option_stride, option)},
      {"query_options",
       list(source_table.query_options, source_table.query_option_count, source_table.query_option_stride, option)},
      {"signals", list(type.signals, type.signal_count, type.signal_stride, signal)},
      {"routes", list(routes.routes, routes.route_count, routes.route_stride, route)},
      {"address_field", text(notifier.address_field)},
      {"features",
       {{"source", type.source ? detail::read_struct(type.source).features : 0},
        {"detector", detector.features},
        {"notifier", notifier.features}}},
      {"extension", detector.extension ? detector.extension : ""}};
}

}  // namespace

std::string compare_with_note(const tsn_plugin& plugin, const std::string& note) {
  const auto told = Json::parse(note, nullptr, false);
  Json is = {{"abi", plugin.abi}, {"types", Json::array()}};
  for (std::uint32_t i = 0; i < plugin.type_count; ++i) is["types"].push_back(describe(*plugin.types[i]));
  const auto difference = Json::diff(told, is);
  return difference.empty() ? std::string() : "from note to code: " + difference.dump().substr(0, 300);
}

}  // namespace tsn::conformance
