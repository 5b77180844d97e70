#include "pod_path.hpp"

#include <array>

namespace tocsin_plugins::logtail {
namespace {

/// The last component, which goes.
std::string_view take_last(std::string_view& path) {
  const auto slash = path.rfind('/');
  const auto last = slash == path.npos ? path : path.substr(slash + 1);
  path = slash == path.npos ? std::string_view() : path.substr(0, slash);
  return last;
}

/// The three parts between underscores; names in Kubernetes have none.
std::optional<std::array<std::string_view, 3>> three_parts(std::string_view text) {
  const auto first = text.find('_');
  const auto second = first == text.npos ? first : text.find('_', first + 1);
  if (second == text.npos || text.find('_', second + 1) != text.npos) return std::nullopt;
  const std::array parts{text.substr(0, first), text.substr(first + 1, second - first - 1), text.substr(second + 1)};
  for (const auto part : parts)
    if (part.empty()) return std::nullopt;
  return parts;
}

bool is_count(std::string_view text) {
  return !text.empty() && text.find_first_not_of("0123456789") == text.npos;
}

std::optional<Pod> of_link(std::string_view name) {
  if (!name.ends_with(".log")) return std::nullopt;
  const auto parts = three_parts(name.substr(0, name.size() - 4));
  if (!parts) return std::nullopt;
  const auto dash = (*parts)[2].rfind('-');
  if (dash == 0 || dash == (*parts)[2].npos) return std::nullopt;
  const auto id = (*parts)[2].substr(dash + 1);
  if (id.size() < 12 || id.find_first_not_of("0123456789abcdef") != id.npos) return std::nullopt;
  return Pod{std::string((*parts)[1]), std::string((*parts)[0]), {}, std::string((*parts)[2].substr(0, dash))};
}

}  // namespace

std::optional<Pod> pod_of(std::string_view path) {
  const auto file = take_last(path);
  const auto folder = take_last(path);
  if (folder == "containers") return of_link(file);
  const auto pod = take_last(path);
  if (take_last(path) != "pods" || folder.empty()) return std::nullopt;
  const auto dot = file.find(".log");
  if (dot == file.npos || !is_count(file.substr(0, dot))) return std::nullopt;
  const auto parts = three_parts(pod);
  if (!parts) return std::nullopt;
  return Pod{std::string((*parts)[0]), std::string((*parts)[1]), std::string((*parts)[2]), std::string(folder)};
}

}  // namespace tocsin_plugins::logtail
