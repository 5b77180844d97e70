// The words of an issue and of a comment, from an incident.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "document.hpp"
#include "settings.hpp"
#include "tocsin/incident.hpp"

namespace tocsin_plugins::jira {

/// "[HIGH] title" on one line, within Jira's 255 UTF-16 units.
std::string summary_of(const tsn::Incident& incident);

/// The label by which an incident's issue is found again: "tocsin-<correlation id>".
std::string finding_label(const tsn::Incident& incident);

/// `auto-detected`, `etl-monitoring`, the category, the project's own and the finding label; each once, without spaces,
/// which Jira's labels cannot hold.
std::vector<std::string> labels_of(const tsn::Incident& incident, const Project& project);

/// What happened, impact, suggestion, metrics, alerts and links; under Jira's 32 767 characters.
Document description_of(const tsn::Incident& incident);

/// A mark that is the same for every attempt of one change, and with overwhelming likelihood of no other.
std::string mark_of(std::string_view key);
/// Text that ends in such a mark: a comment of ours.
bool ends_in_mark(std::string_view text);
/// The note with its author, and the mark, by which an earlier attempt's comment is recognised.
Document comment_of(const tsn::Upsert& change);

/// `fields` of POST issue, but for the configured ones, whose display names are not resolved here.
nlohmann::json fields_of(const tsn::Incident& incident, const Project& project, bool cloud);

/// The same of the issue that takes what is beyond max_new in one window: `label` finds it again.
nlohmann::json collecting_fields(const tsn::Incident& incident, const Project& project, bool cloud,
                                 const std::string& label, std::uint64_t most);
/// An incident in a collecting issue: which, what it is now, the note, and the mark.
Document collected_comment(const tsn::Upsert& change);

}  // namespace tocsin_plugins::jira
