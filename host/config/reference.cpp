// Pages and samples from declared options.
#include "base/text.hpp"
#include "config/schema.hpp"

namespace tocsin::config {
namespace {

using base::Option;
using base::OptionType;

std::string in_cell(std::string_view text) {
  std::string out;
  for (char c : text) {
    if (c == '|') out += '\\';
    out += c == '\n' ? ' ' : c;
  }
  return out;
}

std::string type_cell(const Option& option) {
  std::string out(type_name(option.type));
  std::string list;
  for (const std::string& choice : option.choices) list += (list.empty() ? "" : ", ") + ("`" + choice + "`");
  if (!list.empty()) out += ": " + list;
  if (!option.min.empty() && !option.max.empty())
    out += ", " + option.min + " to " + option.max;
  else if (!option.min.empty())
    out += ", at least " + option.min;
  else if (!option.max.empty())
    out += ", at most " + option.max;
  return out;
}

std::string default_cell(const Option& option) {
  if (option.required) return "**required**";
  return option.fallback.empty() ? "" : "`" + option.fallback + "`";
}

void append_rows(std::string& out, std::span<const Option> options, const std::string& prefix) {
  for (const Option& option : options) {
    if (option.key == "[]") continue;
    const std::string key = prefix + (option.key == "*" ? "NAME" : option.key);
    std::string doc = option.doc;
    if (option.secret) doc += " A secret: `file:PATH` or `env:NAME`.";
    if (option.reloadable) doc += " Changes without a restart.";
    out += "| `" + in_cell(key) + "` | " + in_cell(type_cell(option)) + " | " + in_cell(default_cell(option)) + " | " +
           in_cell(doc) + " |\n";
    append_rows(out, option.children, key + (option.type == OptionType::array ? "[]." : "."));
  }
}

/// Something of the right type to stand where the reader must put his own.
std::string placeholder(const Option& option) {
  const bool text =
      option.type == OptionType::string || option.type == OptionType::duration || option.type == OptionType::size;
  const bool bare =
      !option.fallback.empty() && std::string_view("\"'").find(option.fallback[0]) == std::string_view::npos;
  if (text && bare) return base::json_quote(option.fallback);
  if (!option.fallback.empty()) return option.fallback;
  if (!option.choices.empty()) return base::json_quote(option.choices.front());
  switch (option.type) {
    case OptionType::boolean:
      return "true";
    case OptionType::integer:
      return option.min.empty() ? "1" : option.min;
    case OptionType::number:
      return option.min.empty() ? "1.0" : option.min;
    case OptionType::array:
      return "[]";
    case OptionType::table:
      return "{}";
    case OptionType::duration:
      return "\"30s\"";
    case OptionType::size:
      return "\"1MB\"";
    default:
      return option.secret ? "\"file:/run/secrets/" + option.key + "\"" : "\"…\"";
  }
}

}  // namespace

std::string reference(std::span<const Option> options) {
  std::string out = "| key | type | default | what |\n| --- | --- | --- | --- |\n";
  append_rows(out, options, "");
  return out;
}

std::string sample(const std::string& section, std::span<const Option> options) {
  std::string out = "[" + section + "]\n";
  for (const Option& option : options) {
    if (option.key == "*") continue;
    for (std::string_view line : base::split(option.doc, '\n')) {
      if (!line.empty()) out += "# " + std::string(line) + "\n";
    }
    out += (option.required ? "" : "# ") + option.key + " = " + placeholder(option) + "\n";
  }
  return out;
}

}  // namespace tocsin::config
