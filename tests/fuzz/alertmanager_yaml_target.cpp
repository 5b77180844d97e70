// links: tocsin_alertmanager
// libFuzzer target for alertmanager.yml: the text to a tree, its checks, the settings made of it, the TOML of `import`
// and what the status shows. Nothing is read from files.
#include "alertmanager/document.hpp"
#include "alertmanager/import.hpp"
#include "alertmanager/web_config.hpp"
#include "base/text.hpp"
#include "target.hpp"

using namespace tocsin;

namespace {

void places_are_known(const base::Value& value) {
  fuzz::require(value.place.file != nullptr, "every value of a file knows its place");
  if (const auto* items = value.array())
    for (const base::Value& item : *items) places_are_known(item);
  if (const auto* members = value.table())
    for (const base::Value::Member& member : *members) places_are_known(member.value);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size > 16 * 1024) return 0;
  const fuzz::Exact text({reinterpret_cast<const char*>(data), size});
  config::Diagnostics diagnostics;
  const base::Value document = alertmanager::read_document(text.view(), "fuzz.yml", diagnostics);
  for (const config::Diagnostic& d : diagnostics) static_cast<void>(d.text());
  config::Diagnostics of_web;
  static_cast<void>(alertmanager::read_web_config(text.view(), "fuzz.yml", of_web));
  if (config::has_errors(diagnostics)) return 0;
  for (const auto& member : *document.table()) places_are_known(member.value);

  const std::string shown = alertmanager::masked(document);
  config::Diagnostics again;
  const base::Value reread = alertmanager::read_document(shown, "shown.yml", again);
  fuzz::require(!config::has_errors(again), "what the status shows is a configuration");
  fuzz::require(alertmanager::masked(reread) == shown, "and shows itself the same");

  const alertmanager::Imported imported = alertmanager::import_document(text.view(), "fuzz.yml");
  fuzz::require(base::valid_utf8(imported.toml), "what is imported is UTF-8");
  config::Diagnostics of_toml;
  const auto root = config::parse_toml(imported.toml, "fuzz.toml", {}, of_toml);
  fuzz::require(root.has_value() && !config::has_errors(of_toml), "what is imported is TOML");
  return 0;
}
