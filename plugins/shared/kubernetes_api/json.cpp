#include "kubernetes_api/json.hpp"

#include "utf8/utf8.hpp"

namespace tocsin_plugins::kube {

bool find(Json from, Path path, Json& out) {
  for (const auto key : path) {
    simdjson::dom::object table;
    if (from.get(table) != simdjson::SUCCESS || table[key].get(from) != simdjson::SUCCESS) return false;
  }
  out = from;
  return !from.is_null();
}

std::string text_at(const Json& from, Path path, std::size_t most) {
  Json found;
  std::string_view text;
  if (!find(from, path, found) || found.get(text) != simdjson::SUCCESS) return {};
  std::string scratch;
  return std::string(utf8::cut(utf8::clean(utf8::cut(text, most), scratch), most));
}

double number_at(const Json& from, Path path, double fallback) {
  Json found;
  double number;
  return find(from, path, found) && found.get(number) == simdjson::SUCCESS ? number : fallback;
}

}  // namespace tocsin_plugins::kube
