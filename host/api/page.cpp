// GET /: what runs, what is open, in plain HTML without script, readable in any browser and on a phone.
#include "api/handlers.hpp"
#include "api/link_page.hpp"
#include "base/text.hpp"

namespace tocsin::api::handlers {
namespace {

void row(std::string& out, std::initializer_list<std::string_view> cells, std::string_view tag = "td") {
  out += "<tr>";
  for (std::string_view cell : cells) {
    out.append("<").append(tag).append(">").append(html_escaped(cell)).append("</").append(tag).append(">");
  }
  out += "</tr>\n";
}

void incidents(std::string& out, Backend& backend) {
  IncidentFilter filter;
  filter.status = {model::IncidentStatus::open, model::IncidentStatus::acknowledged,
                   model::IncidentStatus::in_progress};
  filter.page.limit = 50;
  base::Result<Listed<model::Incident>> listed = backend.incidents(filter);
  out += "<h2>Incidents not resolved</h2>\n";
  if (!listed) {
    out += "<p>" + html_escaped(listed.error().message()) + "</p>\n";
    return;
  }
  if (listed->items.empty())
    out += "<p>None.</p>\n";
  else
    out += "<table>\n";
  if (!listed->items.empty()) row(out, {"#", "Severity", "Status", "Title", "Owner", "Since"}, "th");
  for (const model::Incident& i : listed->items) {
    row(out, {std::to_string(i.number), model::to_string(i.severity), model::to_string(i.status), i.title, i.owner,
              i.detected_at == base::no_time ? "" : base::format_rfc3339(i.detected_at)});
  }
  if (!listed->items.empty()) out += "</table>\n";
}

void plugins(std::string& out, Backend& backend) {
  out += "<h2>Plugins</h2>\n<table>\n";
  row(out, {"Instance", "Plugin", "Version", "State", "Error"}, "th");
  for (const model::PluginStatus& p : backend.plugins()) row(out, {p.instance, p.id, p.version, p.state, p.error});
  out += "</table>\n";
}

constexpr std::string_view head =
    "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>Tocsin</title>\n"
    "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
    "<meta name=\"color-scheme\" content=\"light dark\">\n"
    "<style>body{font:15px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:60rem;padding:0 1rem}"
    "table{border-collapse:collapse}td,th{border-bottom:1px solid #8886;padding:.2rem .8rem .2rem 0;text-align:left}"
    "</style></head><body>\n<h1>Tocsin</h1>\n";

}  // namespace

Outcome show_page(Backend& backend, const Call&) {
  Reply reply;
  reply.content_type = "text/html; charset=utf-8";
  reply.headers.emplace_back("Content-Security-Policy",
                             "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'");
  reply.body = head;
  std::string reason = backend.not_ready();
  reply.body += reason.empty() ? "<p>Ready." : "<p><strong>Not ready:</strong> " + html_escaped(reason) + ".";
  for (const auto& [name, value] : backend.version())
    reply.body += " " + html_escaped(name) + " " + html_escaped(value) + ".";
  reply.body += "</p>\n";
  incidents(reply.body, backend);
  plugins(reply.body, backend);
  reply.body += "<p><a href=\"/api/v1/openapi.json\">API</a> · <a href=\"/metrics\">Metrics</a></p>\n</body></html>\n";
  return reply;
}

}  // namespace tocsin::api::handlers
