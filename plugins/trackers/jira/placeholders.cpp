#include "placeholders.hpp"

#include <nlohmann/json.hpp>

namespace tocsin_plugins::jira {
namespace {

std::string value_of(std::string_view name, const tsn::Incident& incident) {
  if (name.starts_with("labels.")) return std::string(incident.labels[name.substr(7)]);
  if (name == "incident.number") return std::to_string(incident.number);
  if (name == "incident.severity") return std::string(tsn::severity_name(incident.severity));
  if (name == "incident.status") return std::string(tsn::status_name(incident.status));
  const std::pair<std::string_view, std::string_view> texts[] = {{"incident.correlation_id", incident.correlation_id},
                                                                 {"incident.title", incident.title},
                                                                 {"incident.description", incident.description},
                                                                 {"incident.category", incident.category},
                                                                 {"incident.service", incident.service},
                                                                 {"incident.impact", incident.impact},
                                                                 {"incident.suggestion", incident.suggestion},
                                                                 {"incident.owner", incident.owner},
                                                                 {"incident.url", incident.url},
                                                                 {"incident.runbook_url", incident.runbook_url}};
  std::string known;
  for (const auto& [key, text] : texts) {
    if (key == name) return std::string(text);
    known += " " + std::string(key.substr(9));
  }
  throw tsn::Failure(tsn::invalid("fields: there is no {{" + std::string(name) +
                                  "}}; there are {{labels.NAME}} and {{incident.X}} with X one of" + known +
                                  " number severity status"));
}

}  // namespace

std::string filled(std::string_view text, const tsn::Incident& incident) {
  std::string out;
  for (;;) {
    const auto begin = text.find("{{");
    const auto end = begin == text.npos ? begin : text.find("}}", begin);
    if (end == text.npos) return out.append(text);
    auto name = text.substr(begin + 2, end - begin - 2);
    while (name.starts_with(' ')) name.remove_prefix(1);
    while (name.ends_with(' ')) name.remove_suffix(1);
    out.append(text.substr(0, begin)).append(value_of(name, incident));
    text.remove_prefix(end + 2);
  }
}

nlohmann::json filled_json(const nlohmann::json& value, const tsn::Incident& incident) {
  if (value.is_string()) return filled(value.get_ref<const std::string&>(), incident);
  if (!value.is_structured()) return value;
  auto out = value;
  for (auto& item : out) item = filled_json(item, incident);
  return out;
}

}  // namespace tocsin_plugins::jira
