#include "config/expansion.hpp"

namespace tocsin::config {
namespace {

constexpr std::string_view secret_file = "file:";

bool is_name(std::string_view text) {
  if (text.empty() || (text[0] >= '0' && text[0] <= '9')) return false;
  for (char c : text) {
    if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_')) return false;
  }
  return true;
}

/// The value of what stands between the braces; nullopt: reported.
std::optional<std::string> value_of(std::string_view inside, const base::Place& place, const Environment& environment,
                                    Diagnostics& diagnostics) {
  const std::size_t dash = inside.find(":-");
  const std::string name(inside.substr(0, dash));
  if (!is_name(name)) {
    error_at(diagnostics, place,
             "\"${" + std::string(inside) + "}\" names no environment variable; write \"$${\" for a literal \"${\"");
    return std::nullopt;
  }
  std::optional<std::string> value = environment ? environment(name) : std::nullopt;
  if (dash != inside.npos) return value && !value->empty() ? *value : std::string(inside.substr(dash + 2));
  if (!value) {
    error_at(diagnostics, place,
             "the environment variable " + name + " is not set; set it, or write \"${" + name + ":-default}\"");
  }
  return value;
}

}  // namespace

std::string expand_environment(std::string_view text, const base::Place& place, const Environment& environment,
                               Diagnostics& diagnostics) {
  std::string out;
  while (!text.empty()) {
    const std::size_t open = text.find("${");
    out += text.substr(0, open);
    if (open == text.npos) break;
    const bool literal = open > 0 && text[open - 1] == '$';
    text.remove_prefix(open + 2);
    if (text.starts_with(secret_file)) {
      out += "${";  // with its second `$`, if it has one: resolve_secrets() decides
    } else if (literal) {
      out += '{';
    } else if (const std::size_t close = text.find('}'); close == text.npos) {
      error_at(diagnostics, place, "\"${\" without \"}\"; write \"$${\" for a literal \"${\"");
      out += "${";
    } else {
      const std::string_view inside = text.substr(0, close);
      out += value_of(inside, place, environment, diagnostics).value_or("${" + std::string(inside) + "}");
      text.remove_prefix(close + 1);
    }
  }
  return out;
}

}  // namespace tocsin::config
