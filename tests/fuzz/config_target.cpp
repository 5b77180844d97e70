// links: tocsin_settings
// libFuzzer target for agent.toml: the text to a tree, the tree against the options, its sections to settings, routes
// and rules. Nothing is read from files or from the environment: an input that names files is left out.
#include "base/text.hpp"
#include "config/schema.hpp"
#include "settings/load.hpp"
#include "settings/trial_plugins.hpp"
#include "target.hpp"

using namespace tocsin;

namespace {

std::optional<std::string> variable(const std::string& name) {
  if (name == "EMPTY") return "";
  return name.size() < 4 ? std::optional<std::string>("\"${" + name + "}\n") : std::nullopt;
}

void places_are_known(const base::Value& value) {
  fuzz::require(value.place.file != nullptr, "every value of a file knows its place");
  if (const auto* items = value.array())
    for (const base::Value& item : *items) places_are_known(item);
  if (const auto* members = value.table())
    for (const base::Value::Member& member : *members) places_are_known(member.value);
}

void rules(const base::Value& root, std::span<const settings::KnownPlugin> plugins, config::Diagnostics& diagnostics) {
  const base::Value* tables = root.find("rule");
  if (tables == nullptr || tables->array() == nullptr) return;
  const settings::FindDetector find = [&](const std::string& id) { return settings::find_type(plugins, id); };
  for (const base::Value& table : *tables->array()) {
    if (table.table() != nullptr) static_cast<void>(settings::rule_from_table(table, {}, find, diagnostics));
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const auto plugins = settings::plugins_for_tests();
  const fuzz::Exact text({reinterpret_cast<const char*>(data), size});
  if (size > 32 * 1024 || text.view().find("file") != std::string_view::npos) return 0;
  config::Diagnostics diagnostics;
  const auto root = config::parse_toml(text.view(), "fuzz.toml", variable, diagnostics);
  if (!root) {
    fuzz::require(config::has_errors(diagnostics), "what does not parse is reported");
    return 0;
  }
  for (const auto& member : *root->table()) places_are_known(member.value);
  fuzz::require(base::valid_utf8(base::to_json(*root)), "a tree's JSON is UTF-8");
  const settings::Agent agent = settings::read_agent(*root, variable, diagnostics);
  std::vector<settings::Instance> instances = settings::read_instances(*root, diagnostics);
  for (settings::Instance& instance : instances) {
    if (const auto* type = settings::find_type(plugins, instance.plugin))
      instance.config = settings::check_instance(instance, *type, agent, variable, diagnostics);
    static_cast<void>(settings::auth_of(instance, agent, variable, diagnostics));
  }
  const model::Routing routing = settings::read_routing(*root, agent, diagnostics);
  settings::check_routes(*root, routing, instances, diagnostics);
  rules(*root, plugins, diagnostics);
  const settings::Answerers answerers(instances, plugins, agent);
  static_cast<void>(settings::read_statistics(*root, answerers, diagnostics));
  for (const config::Diagnostic& d : diagnostics) static_cast<void>(d.text());
  return 0;
}
