// The words of incidents in parameters and bodies, each list beside the values it stands for.
#pragma once

#include <array>
#include <string>

#include "model/incident.hpp"

namespace tocsin::api::handlers {

inline const std::array<std::string, 5> status_words{"OPEN", "ACKNOWLEDGED", "IN_PROGRESS", "RESOLVED", "CLOSED"};
inline constexpr std::array statuses{model::IncidentStatus::open, model::IncidentStatus::acknowledged,
                                     model::IncidentStatus::in_progress, model::IncidentStatus::resolved,
                                     model::IncidentStatus::closed};
inline const std::array<std::string, 4> severity_words{"CRITICAL", "HIGH", "MEDIUM", "LOW"};
inline constexpr std::array severities{model::Severity::critical, model::Severity::high, model::Severity::medium,
                                       model::Severity::low};
inline const std::array<std::string, 4> category_words{"TRANSACTION", "LOG", "INTEGRATION", "INFRASTRUCTURE"};
inline constexpr std::array categories{model::Category::transaction, model::Category::log, model::Category::integration,
                                       model::Category::infrastructure};

}  // namespace tocsin::api::handlers
