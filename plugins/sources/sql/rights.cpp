#include "rights.hpp"

#include <algorithm>

namespace tocsin_plugins::sql {

std::string listed(const std::vector<std::string>& rights) {
  constexpr std::size_t shown = 4;
  std::string out;
  for (std::size_t i = 0; i < std::min(shown, rights.size()); ++i) out.append(i ? ", " : "").append(rights[i]);
  if (rights.size() > shown) out += " and " + std::to_string(rights.size() - shown) + " more";
  return out;
}

}  // namespace tocsin_plugins::sql
