// Values in the JSON of the API, which may be missing or of another type.
#pragma once

#include <simdjson.h>

#include <initializer_list>
#include <string>
#include <string_view>

namespace tocsin_plugins::kube {

using Json = simdjson::dom::element;
using Path = std::initializer_list<std::string_view>;

/// False: there is none, or it is null.
bool find(Json from, Path path, Json& out);
/// Good UTF-8 without NUL, of at most `most` bytes. Empty: there is none.
std::string text_at(const Json& from, Path path, std::size_t most = 256);
double number_at(const Json& from, Path path, double fallback = 0);

/// Calls `each` for the entries of an array.
template <class Each>
void for_each(const Json& from, Path path, Each&& each) {
  Json list;
  simdjson::dom::array entries;
  if (!find(from, path, list) || list.get(entries) != simdjson::SUCCESS) return;
  for (const Json entry : entries) each(entry);
}

}  // namespace tocsin_plugins::kube
