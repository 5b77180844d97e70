#include "template/template_option.hpp"

#include <string>

namespace tocsin_plugins {
namespace {

/// "file:PATH" is how secrets are written: here it would be the message.
bool looks_like_a_file(std::string_view source) {
  return source.starts_with("file:") && source.find_first_of("{\n") == source.npos;
}

}  // namespace

std::optional<Template> template_option(const tsn::Config& config, std::string_view key, Escape escape) {
  const auto source = config.str(key);
  if (source.empty()) return std::nullopt;
  if (looks_like_a_file(source)) config[key].wrong("\"${file:PATH}\" for a template from a file");
  try {
    return Template(source, escape, message_schema());
  } catch (const TemplateError& error) {
    std::string text = "option \"" + std::string(key) + "\"";
    if (const auto line = config[key].line()) text += " at line " + std::to_string(line);
    throw tsn::Failure(tsn::invalid(text + ": of the template " + error.what()));
  }
}

}  // namespace tocsin_plugins
