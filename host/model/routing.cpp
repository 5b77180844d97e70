#include "model/routing.hpp"

#include "base/text.hpp"

namespace tocsin::model {

Severity SeverityMap::of(std::string_view outside) const {
  std::string word = base::lower(base::trim(outside));
  if (auto mapped = map.find(word); mapped != map.end()) return mapped->second;
  return parse_severity(word).value_or(unknown);
}

}  // namespace tocsin::model
