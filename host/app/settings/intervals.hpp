// What may hold an alert back by configuration: [time_interval.*] and [[inhibit_rules]].
#pragma once

#include <map>
#include <span>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/option.hpp"
#include "base/value.hpp"
#include "config/document.hpp"
#include "model/inhibit.hpp"
#include "model/routing.hpp"
#include "model/time_interval.hpp"

namespace tocsin::settings {

std::span<const base::Option> time_interval_options();
std::span<const base::Option> inhibit_options();

/// [time_interval.*] by name. `now` is for the warning that its dates end soon; no_time: not asked.
std::map<std::string, model::TimeInterval> read_time_intervals(const base::Value& root, base::Time now,
                                                               config::Diagnostics& diagnostics);
std::vector<model::InhibitRule> read_inhibit_rules(const base::Value& root, config::Diagnostics& diagnostics);

/// The files that `exclude_dates` name: what to watch.
std::vector<std::string> date_files(const base::Value& root);

/// Whether a route with active_time_intervals, `siblings[at]`, leaves the other hours to a sibling that its alerts
/// reach.
bool other_hours_are_covered(const std::vector<model::Route>& siblings, std::size_t at);

}  // namespace tocsin::settings
