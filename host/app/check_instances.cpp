#include "app/check_instances.hpp"

#include <algorithm>
#include <charconv>
#include <memory>
#include <string_view>

namespace tocsin::app {
namespace {

/// The value at "callback.auth" or "send.ok[1]"; null: there is none.
const base::Value* at_path(const base::Value& section, std::string_view path) {
  const base::Value* value = &section;
  while (value && !path.empty()) {
    if (path.front() == '[') {
      std::size_t index = 0;
      const auto close = path.find(']');
      if (close == path.npos || std::from_chars(path.data() + 1, path.data() + close, index).ptr != path.data() + close)
        return nullptr;
      value = value->array() && index < value->array()->size() ? &(*value->array())[index] : nullptr;
      path.remove_prefix(close + 1);
    } else {
      const auto end = std::min(path.find_first_of(".["), path.size());
      value = value->find(path.substr(0, end));
      path.remove_prefix(end);
    }
    if (path.starts_with('.')) path.remove_prefix(1);
  }
  return value;
}

/// Moves `finding` into the script whose path and line its message holds: "…/modem.lua:3: unexpected symbol".
bool place_in_script(config::Diagnostic& finding, const std::string& script) {
  const auto begin = script.empty() ? std::string::npos : finding.message.find(script + ":");
  if (begin == std::string::npos) return false;
  const char* digits = finding.message.data() + begin + script.size() + 1;
  std::uint32_t line = 0;
  const auto end = std::from_chars(digits, finding.message.data() + finding.message.size(), line).ptr;
  finding.place.file = std::make_shared<const std::string>(script);
  finding.place.line = line;
  finding.place.column = line ? 1 : 0;
  const auto rest = static_cast<std::size_t>(end - finding.message.data());
  const auto text = finding.message.find_first_not_of(": ", rest);
  finding.message.erase(begin, std::min(text, finding.message.size()) - begin);
  return true;
}

}  // namespace

void place_at_option(config::Diagnostic& finding, const base::Value& section) {
  constexpr std::string_view opening = "option \"";
  const auto begin = finding.message.find(opening);
  if (begin == std::string::npos) return;
  const auto end = finding.message.find('"', begin + opening.size());
  if (end == std::string::npos) return;
  std::string_view path(finding.message);
  path = path.substr(begin + opening.size(), end - begin - opening.size());
  // What is missing has no place: the innermost table that is there.
  for (; !path.empty(); path = path.substr(0, path.find_last_of('.') == path.npos ? 0 : path.find_last_of('.'))) {
    const auto* value = at_path(section, path);
    if (!value || !value->place.file) continue;
    finding.place = value->place;
    const std::string line = " at line " + std::to_string(value->place.line);
    if (const auto said = finding.message.find(line, end); said == end + 1) finding.message.erase(said, line.size());
    return;
  }
}

config::Diagnostics check_instances(const Configuration& configuration, InstanceFactory& factory,
                                    const std::vector<plugin_host::Found>& found) {
  config::Diagnostics findings;
  const auto agent = configuration.agent();
  for (const auto& wanted : configuration.wanted()) {
    const auto* file = find_type(found, wanted);
    const auto* type = file && file->error.empty() ? plugin_host::type_of(*file, wanted.plugin) : nullptr;
    if (!type) continue;  // it waits, which has been said
    auto config = configuration.prepare(wanted, *type);
    if (!config) continue;  // said as well
    plugin_host::InstanceSettings settings;
    settings.name = wanted.full();
    settings.type = wanted.plugin;
    const auto* adapter = config->find("adapter");
    const std::string script = adapter && adapter->string() ? *adapter->string() : "";
    settings.config = std::move(*config);
    settings.data_dir = agent.data_dir + "/plugins/" + wanted.full();
    settings.labels = wanted.labels;
    settings.max_series = wanted.max_series;
    settings.identity = file->identity;
    auto made = factory.make(*file, std::move(settings), wanted.isolation);
    if (made) {
      (*made)->stop();
      continue;
    }
    config::Diagnostic finding;
    const auto section = configuration.section(wanted);
    finding.place = section.place;
    std::string said = made.error().message();
    if (const auto call = wanted.full() + ": create: "; said.starts_with(call)) said.erase(0, call.size());
    finding.message = "[" + wanted.full() + "] " + said;
    if (!place_in_script(finding, script)) place_at_option(finding, section);
    findings.push_back(std::move(finding));
  }
  return findings;
}

}  // namespace tocsin::app
