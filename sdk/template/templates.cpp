#include "tocsin/templates.hpp"

#include <algorithm>
#include <array>

#include "template_texts.hpp"

namespace tocsin::templates {
namespace {

bool is_name(std::string_view name) {
  const auto inner = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_'; };
  return !name.empty() && name[0] >= 'a' && name[0] <= 'z' && std::all_of(name.begin(), name.end(), inner);
}

/// load_average → LoadAverage
std::string camel_case(std::string_view name) {
  std::string out;
  bool upper = true;
  for (const char c : name) {
    if (c != '_') out += upper && c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
    upper = c == '_';
  }
  return out;
}

std::string replaced(std::string_view text, std::string_view what, std::string_view by) {
  std::string out;
  for (std::size_t at; (at = text.find(what)) != std::string_view::npos; text.remove_prefix(at + what.size()))
    out.append(text.substr(0, at)).append(by);
  return out.append(text);
}

}  // namespace

std::vector<std::string_view> kinds() {
  return {"source", "detector", "notifier", "tracker"};
}

std::vector<std::pair<std::string, std::string>> files(std::string_view kind, std::string_view name) {
  std::vector<std::pair<std::string, std::string>> made;
  if (!is_name(name)) return made;
  const auto type = camel_case(name);
  const auto filled = [&](std::string_view text) { return replaced(replaced(text, "@NAME@", name), "@TYPE@", type); };
  for (const auto& file : texts)
    if (file.kind == kind) made.emplace_back(replaced(file.path, "NAME", name), filled(file.text));
  return made;
}

}  // namespace tocsin::templates
