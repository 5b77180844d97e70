// Jira's statuses as ours: the `status` table and the transitions of a project read backwards, else Jira's categories.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "settings.hpp"

namespace tocsin_plugins::jira {

/// Learns as it goes what the table cannot say: where a transition leads, and of which category a status is.
class StatusMap {
 public:
  explicit StatusMap(const Settings& settings) : settings_(settings) {}

  void learn_transition(std::string_view name, std::string_view to);
  void learn_category(std::string_view status, std::string_view category);

  /// What a status of Jira says of an incident; nothing: nothing (category "new", or a status never heard of).
  std::optional<tsn_incident_status> ours(std::string_view ticket, const std::string& status) const;
  /// Whether a status ends an issue.
  bool ends(std::string_view ticket, const std::string& status) const;

 private:
  std::optional<tsn_incident_status> by_table(const Project& project, const std::string& status) const;
  /// `name`, as in the table, is the status or a transition that leads to it.
  bool means(const std::string& name, const std::string& status) const;
  std::string category(const std::string& status) const;

  const Settings& settings_;
  std::map<std::string, std::string> leads_to_;    ///< transition → status
  std::map<std::string, std::string> categories_;  ///< status → category
};

/// "OPS" of "OPS-17".
std::string_view project_in(std::string_view ticket);

/// How far along an incident is; a reopened one begins anew.
constexpr int rank_of(tsn_incident_status status) noexcept {
  return static_cast<int>(status);
}

}  // namespace tocsin_plugins::jira
