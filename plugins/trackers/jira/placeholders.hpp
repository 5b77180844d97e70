// {{incident.x}} and {{labels.x}} in the values of [tracker.X.fields].
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

#include "tocsin/incident.hpp"

namespace tocsin_plugins::jira {

/// `text` with every placeholder replaced; a label the incident lacks is empty text. Throws tsn::Failure (TSN_INVALID)
/// on a name that is none, so that a call with an empty incident checks a configuration.
std::string filled(std::string_view text, const tsn::Incident& incident);

/// The same in every string of a JSON value. Values are put in as text, never as JSON, so whatever they hold stays
/// valid.
nlohmann::json filled_json(const nlohmann::json& value, const tsn::Incident& incident);

}  // namespace tocsin_plugins::jira
