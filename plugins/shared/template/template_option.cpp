#include "template/template_option.hpp"

#include <string>

namespace tocsin_plugins {

std::optional<Template> template_option(const tsn::Config& config, std::string_view key, Escape escape) {
  const auto source = config.str(key);
  if (source.empty()) return std::nullopt;
  try {
    return Template(source, escape, message_schema());
  } catch (const TemplateError& error) {
    std::string text = "option \"" + std::string(key) + "\"";
    if (const auto line = config[key].line()) text += " at line " + std::to_string(line);
    throw tsn::Failure(tsn::invalid(text + ": of the template " + error.what()));
  }
}

}  // namespace tocsin_plugins
