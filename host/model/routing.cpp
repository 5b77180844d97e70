#include "model/routing.hpp"

#include <functional>

#include "base/text.hpp"

namespace tocsin::model {
namespace {

/// What rules for Prometheus call severities.
const std::map<std::string, Severity, std::less<>> usual_words = {
    {"page", Severity::critical}, {"error", Severity::high}, {"warning", Severity::medium},
    {"info", Severity::low},      {"none", Severity::low},
};

}  // namespace

Severity SeverityMap::of(std::string_view outside) const {
  std::string word = base::lower(base::trim(outside));
  if (auto mapped = map.find(word); mapped != map.end()) return mapped->second;
  if (auto own = parse_severity(word)) return *own;
  const auto usual = usual_words.find(word);
  return usual == usual_words.end() ? unknown : usual->second;
}

}  // namespace tocsin::model
