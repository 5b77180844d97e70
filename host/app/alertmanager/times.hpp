// Time intervals as Alertmanager writes them, and as [time_interval.NAME] does.
#pragma once

#include <string>
#include <string_view>

#include "base/result.hpp"
#include "base/value.hpp"
#include "config/document.hpp"

namespace tocsin::alertmanager {

// Each returns the range in our form, begin:end or one value. Both ends belong to it.
base::Result<std::string> weekday_range(std::string_view text);       ///< "monday:friday"
base::Result<std::string> day_of_month_range(std::string_view text);  ///< "1:7", "-3:-1"
base::Result<std::string> month_range(std::string_view text);         ///< "1:3"; names or numbers
base::Result<std::string> year_range(std::string_view text);          ///< "2024:2026"
/// "09:00-17:00" of a table with start_time and end_time.
base::Result<std::string> time_range(const base::Value& table);

/// Checks one entry of `time_intervals` within an interval. `path` is what messages call it.
void check_span(const base::Value& span, const std::string& path, config::Diagnostics& diagnostics);
/// That entry as the table of a [time_interval.NAME].
base::Value span_table(const base::Value& span);

}  // namespace tocsin::alertmanager
