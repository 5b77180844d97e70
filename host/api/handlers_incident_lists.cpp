// Lists of incidents: filters, pages, exports, and the changes that `tocsin incident watch` follows.
#include <charconv>
#include <memory>

#include "api/handlers.hpp"
#include "api/incident_words.hpp"
#include "api/present.hpp"
#include "base/text.hpp"

namespace tocsin::api::handlers {
namespace {

constexpr std::size_t export_page = 500;  ///< incidents in memory at a time

template <class T, std::size_t N>
Checked<std::vector<T>> words(const Query& query, std::string_view name, const std::array<std::string, N>& valid,
                              const std::array<T, N>& values) {
  std::vector<T> out;
  for (const std::string& given : query.list(name)) {
    CHECKED(std::size_t which, pick(name, given, valid));
    out.push_back(values[which]);
  }
  return out;
}

Checked<IncidentFilter> filter(const Query& query, base::Time now) {
  IncidentFilter out;
  CHECKED(out.status, words(query, "status", status_words, statuses));
  CHECKED(out.severity, words(query, "severity", severity_words, severities));
  CHECKED(out.category, words(query, "category", category_words, categories));
  out.text = query.text("q");
  out.owner = query.repeated("owner");
  out.service = query.repeated("service");
  out.tags = query.list("tag");
  out.rule = query.text("rule");
  for (const std::string& given : query.repeated("match")) {
    base::Result<model::Matcher> matcher = model::Matcher::parse(given);
    if (!matcher) return std::unexpected(bad_parameter("match", given, matcher.error().message()));
    out.matchers.push_back(std::move(*matcher));
  }
  CHECKED(out.from, query.time("from", now));
  CHECKED(out.to, query.time("to", now));
  CHECKED(out.page, query.page());
  return out;
}

/// A table or a list written page by page, so that its length does not matter.
class Export {
 public:
  Export(Backend& backend, IncidentFilter filter, bool csv, std::size_t most)
      : backend_(backend), filter_(std::move(filter)), csv_(csv), left_(most) {
    filter_.page = {};
  }

  /// Appends the next page; false: it was the last.
  base::Result<bool> next(std::string& out) {
    if (!begun_) out += csv_ ? incident_csv_header() : "{\"items\":[";
    filter_.page.limit = std::min(export_page, left_);
    TRY(Listed<model::Incident> page, backend_.incidents(filter_));
    for (const model::Incident& incident : page.items) {
      if (csv_) {
        append_incident_csv(out, incident);
      } else {
        if (begun_) out += ',';
        out += object_json(incident);
      }
      begun_ = true;
    }
    begun_ = true;
    left_ -= std::min(left_, page.items.size());
    filter_.page.after = page.next;
    const bool more = !page.next.empty() && left_ > 0;
    if (!more && !csv_) out += "],\"next\":null}";
    return more;
  }

 private:
  Backend& backend_;
  IncidentFilter filter_;
  const bool csv_;
  std::size_t left_;
  bool begun_ = false;
};

Outcome exported(Backend& backend, const IncidentFilter& filter, bool csv, std::size_t most) {
  auto source = std::make_shared<Export>(backend, filter, csv, most);
  Reply reply;
  reply.content_type = csv ? "text/csv; charset=utf-8; header=present" : "application/json";
  const std::string name = csv ? "incidents.csv" : "incidents.json";
  reply.headers.emplace_back("Content-Disposition", "attachment; filename=\"" + name + "\"");
  // The first page is made before the answer begins, so that a filter the store refuses is a problem document.
  TRY(bool more, source->next(reply.body));
  if (more) reply.more = [source](std::string& out) { return source->next(out); };
  return reply;
}

Checked<bool> wants_csv(const Query& query) {
  const std::string* format = query.find("format");
  if (format == nullptr) return false;
  static const std::array<std::string, 2> formats{"json", "csv"};
  CHECKED(std::size_t which, pick("format", *format, formats));
  return which == 1;
}

}  // namespace

Outcome list_incidents(Backend& backend, const Call& call) {
  CHECKED(IncidentFilter wanted, filter(call.query, backend.now()));
  CHECKED(bool csv, wants_csv(call.query));
  if (csv) {
    const bool limited = call.query.find("limit") != nullptr;
    return exported(backend, wanted, true, limited ? wanted.page.limit : std::string::npos);
  }
  TRY(Listed<model::Incident> listed, backend.incidents(wanted));
  return json_reply(list_json(listed));
}

Outcome export_incidents(Backend& backend, const Call& call) {
  CHECKED(IncidentFilter wanted, filter(call.query, backend.now()));
  CHECKED(bool csv, wants_csv(call.query));
  return exported(backend, wanted, csv, std::string::npos);
}

Outcome list_incident_changes(Backend& backend, const Call& call) {
  CHECKED(Page page, call.query.page());
  std::optional<std::uint64_t> after;
  if (const std::string* given = call.query.find("after")) {
    std::uint64_t id = 0;
    auto [end, ec] = std::from_chars(given->data(), given->data() + given->size(), id);
    if (ec != std::errc() || end != given->data() + given->size() || id >> 63 != 0) {
      return std::unexpected(bad_parameter("after", *given, "the \"next\" of an earlier answer, or 0"));
    }
    after = id;
  }
  CHECKED(base::Duration wait, call.query.wait());
  TRY(auto found, backend.incident_events(after, page.limit));
  const bool nothing = found.first.empty();
  Listed<model::IncidentEvent> listed{std::move(found.first), std::to_string(found.second)};
  Reply reply = json_reply(list_json(listed));
  if (nothing && after) reply.wait = wait;
  return reply;
}

}  // namespace tocsin::api::handlers
