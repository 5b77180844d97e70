#include "settings/adapters.hpp"

#include <algorithm>

#include "settings/values.hpp"

namespace tocsin::settings {
namespace {

constexpr const char* option_key = "adapter";
constexpr std::size_t largest_script = 256 * 1024;

}  // namespace

bool has_adapter(const Instance& instance, const model::PluginType& type) {
  const bool declared = std::ranges::find(type.options, option_key, &base::Option::key) != type.options.end();
  return declared && !text_of(instance.options, option_key).empty();
}

std::string adapter_file(const Instance& instance, const model::PluginType& type) {
  if (!has_adapter(instance, type)) return {};
  const base::Value& path = *instance.options.find(option_key);
  return beside(*path.string(), path.place);
}

void hand_over_adapter(base::Value& options, const std::string& where, config::Diagnostics& diagnostics) {
  base::Value* path = options.find(option_key);
  if (!path || !path->string()) return;
  *path->string() = beside(*path->string(), path->place);
  auto text = config::read_text(*path->string());
  if (!text) {
    config::error_at(diagnostics, path->place,
                     where + " adapter: the script \"" + *path->string() + "\" " + text.error().message());
  } else if (text->size() > largest_script) {
    config::error_at(diagnostics, path->place,
                     where + " adapter: the script \"" + *path->string() + "\" has more than 256 KiB");
  } else {
    options.set("adapter_text", base::Value(std::move(*text)));
  }
}

}  // namespace tocsin::settings
