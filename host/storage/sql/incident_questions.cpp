// What is asked about incidents: lists and their filters, timelines, changes, files.
#include "base/text.hpp"
#include "storage/json.hpp"
#include "storage/sql/ask.hpp"
#include "storage/sql/store.hpp"

namespace tocsin::storage::sql {
namespace {

using base::Result;

/// Rows read at a time where the rest of a filter is judged here, because the databases' regular expressions differ.
constexpr std::size_t sifted_rows = 500;
/// A gap in the timeline's ids this young may be another agent's transaction that is not committed yet.
constexpr base::Duration settle_time = std::chrono::seconds(5);

constexpr std::string_view text_condition =
    "(lower(title) LIKE lower(?) ESCAPE '\\' OR lower(description) LIKE lower(?) ESCAPE '\\' "
    "OR lower(service_name) LIKE lower(?) ESCAPE '\\' OR lower(CAST(labels AS TEXT)) LIKE lower(?) ESCAPE '\\' "
    "OR lower(CAST(tags AS TEXT)) LIKE lower(?) ESCAPE '\\' OR lower(resolution_notes) LIKE lower(?) ESCAPE '\\' "
    "OR EXISTS (SELECT 1 FROM incident_timeline WHERE incident_timeline.correlation_id = incidents.correlation_id AND "
    "event_type = 'note' AND lower(incident_timeline.description) LIKE lower(?) ESCAPE '\\'))";

template <class Enum>
std::vector<std::string_view> words_of(const std::vector<Enum>& values) {
  std::vector<std::string_view> words;
  for (Enum value : values) words.push_back(model::to_string(value));
  return words;
}

void add_filters(Question& q, const IncidentQuery& query) {
  q.where_in("status", words_of(query.status));
  q.where_in("severity", words_of(query.severity));
  q.where_in("category", words_of(query.category));
  q.where_in("owner", {query.owner.begin(), query.owner.end()});
  q.where_in("service_name", {query.service.begin(), query.service.end()});
  between(q, "created_at", query.from, query.to);
  if (!query.text.empty()) q.where(text_condition, q.keep(like_pattern(query.text)));
  for (const std::string& tag : query.tags) {
    q.where("lower(CAST(tags AS TEXT)) LIKE lower(?) ESCAPE '\\'", q.keep(like_pattern(base::json_quote(tag))));
  }
  if (!query.rule.empty()) {
    q.where("correlation_id IN (SELECT correlation_id FROM incident_alerts WHERE rule_name = ?)",
            std::string_view(query.rule));
  }
  for (const model::Matcher& m : query.matchers) {
    // Only narrows: whether the value is that label's is judged on the row.
    if (m.op() != model::MatchOp::equal || m.value().empty()) continue;
    q.where("CAST(labels AS TEXT) LIKE ? ESCAPE '\\'", q.keep(like_pattern(base::json_quote(m.value()))));
  }
}

}  // namespace

Result<Listed<model::Incident>> SqlStore::incidents(const IncidentQuery& query) {
  const std::size_t limit = page_limit(query.page);
  Page page = query.page;
  if (!query.matchers.empty()) page.limit = std::max(limit, sifted_rows);
  Listed<model::Incident> out;
  for (;;) {
    Question q(select(incident_columns, "incidents"));
    add_filters(q, query);
    TRY(auto rows, ask_page<model::Incident>(*database_, q, page, read_incident));
    if (query.matchers.empty()) return rows;
    for (model::Incident& incident : rows.items) {
      if (!model::matches(query.matchers, incident.labels)) continue;
      if (out.items.size() == limit) {
        out.next = std::to_string(out.items.back().number);
        return out;
      }
      out.items.push_back(std::move(incident));
    }
    if (rows.next.empty()) return out;
    page.after = rows.next;
  }
}

Result<std::optional<model::Incident>> SqlStore::incident(const std::string& id) {
  Question q(select(incident_columns, "incidents"));
  const bool number =
      !id.empty() && id.size() < 18 && std::all_of(id.begin(), id.end(), [](char c) { return c >= '0' && c <= '9'; });
  if (number)
    q.where("id = ?", static_cast<std::int64_t>(std::stoll(id)));
  else
    q.where("correlation_id = ?", std::string_view(id));
  TRY(auto found, ask<model::Incident>(*database_, q, read_incident));
  if (found.empty()) return std::nullopt;
  return std::move(found.front());
}

Result<std::vector<model::TimelineEntry>> SqlStore::timeline(const std::string& correlation_id) {
  Question q(select(timeline_columns, "incident_timeline"));
  q.where("correlation_id = ?", std::string_view(correlation_id));
  q.add(" ORDER BY id");
  return ask<model::TimelineEntry>(*database_, q,
                                   [](const Row& row) -> Result<model::TimelineEntry> { return read_timeline(row); });
}

Result<std::vector<model::IncidentAlert>> SqlStore::incident_alerts(const std::string& correlation_id) {
  Question q("SELECT body FROM incident_alerts");
  q.where("correlation_id = ?", std::string_view(correlation_id));
  q.add(" ORDER BY alert_id");
  return ask<model::IncidentAlert>(*database_, q, [&](const Row& row) -> Result<model::IncidentAlert> {
    TRY(model::Alert alert, json::alert(row.text(0)));
    return model::IncidentAlert{correlation_id, std::move(alert)};
  });
}

Result<std::vector<model::IncidentEvent>> SqlStore::incident_events(std::uint64_t after, std::size_t most,
                                                                    base::Time now) {
  Question q("SELECT " + std::string(event_columns) +
             " FROM incident_timeline t JOIN incidents i ON i.correlation_id = t.correlation_id");
  q.where("t.id > ?", static_cast<std::int64_t>(after));
  q.add(" ORDER BY t.id");
  q.limit(page_limit(Page{most, ""}));
  TRY(auto events, ask<model::IncidentEvent>(*database_, q, read_event));
  std::uint64_t before = after;
  for (auto it = events.begin(); it != events.end(); ++it) {
    const bool gap = it->id > before + 1;
    if (gap && it->entry.at > now - settle_time) {
      events.erase(it, events.end());
      break;
    }
    before = it->id;
  }
  return events;
}

Result<std::uint64_t> SqlStore::newest_event() {
  Question q("SELECT max(id) FROM incident_timeline");
  TRY(const auto found, ask<std::uint64_t>(*database_, q, [](const Row& row) -> Result<std::uint64_t> {
        return static_cast<std::uint64_t>(row.integer(0));
      }));
  return found.empty() ? 0 : found.front();
}

Result<std::vector<model::Attachment>> SqlStore::attachments(const std::string& correlation_id) {
  Question q(select(attachment_columns, "incident_attachments"));
  q.where("correlation_id = ?", std::string_view(correlation_id));
  q.add(" ORDER BY id");
  return ask<model::Attachment>(*database_, q,
                                [](const Row& row) -> Result<model::Attachment> { return read_attachment(row); });
}

Result<std::optional<model::Attachment>> SqlStore::attachment(const std::string& correlation_id, std::uint64_t id) {
  Question q(select(std::string(attachment_columns) + ", content", "incident_attachments"));
  q.where("correlation_id = ?", std::string_view(correlation_id));
  q.where("id = ?", static_cast<std::int64_t>(id));
  TRY(auto found, ask<model::Attachment>(*database_, q, [](const Row& row) -> Result<model::Attachment> {
        model::Attachment a = read_attachment(row);
        a.content = std::make_shared<const std::string>(row.blob(8));
        return a;
      }));
  if (found.empty()) return std::nullopt;
  return std::move(found.front());
}

}  // namespace tocsin::storage::sql
