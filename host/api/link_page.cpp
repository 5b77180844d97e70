#include "api/link_page.hpp"

#include "base/text.hpp"

namespace tocsin::api {
namespace {

using model::AnswerKind;
using model::IncidentStatus;

// Changed, it needs its new hash in the policy below; links_test.cpp says which.
constexpr std::string_view page_style =
    ":root{color-scheme:light dark;--ink:#1f2328;--paper:#fff;--line:#d0d7de;--mute:#57606a}"
    "@media(prefers-color-scheme:dark){:root{--ink:#e6edf3;--paper:#0d1117;--line:#30363d;--mute:#9198a1}}"
    "body{margin:0 auto;max-width:32rem;padding:1.5rem 1rem;font:16px/1.5 system-ui,sans-serif;color:var(--ink);"
    "background:var(--paper);overflow-wrap:anywhere}"
    "h1{font-size:1.25rem;margin:.25rem 0 1rem}"
    ".mark{font-weight:700}"
    "dl{display:grid;grid-template-columns:auto 1fr;gap:.25rem 1rem;margin:0 0 1.5rem;border-top:1px solid var(--line);"
    "padding-top:1rem}"
    "dt{color:var(--mute)}dd{margin:0}"
    "button{width:100%;min-height:3.5rem;border:0;border-radius:.5rem;font:inherit;font-size:1.125rem;font-weight:700;"
    "color:#fff;background:#0550ae}"
    "button:focus-visible{outline:3px solid var(--ink);outline-offset:3px}"
    ".mute{color:var(--mute);font-size:.875rem}";
constexpr std::string_view page_policy =
    "default-src 'none'; style-src 'sha256-Im36ac3sOsiNESO3EsJtmkFdD5c/ahWNcqBY4i9r0Qc='; form-action 'self'; "
    "frame-ancestors 'none'; base-uri 'none'";

std::string paragraph(std::string_view text, std::string_view kind = {}) {
  const std::string open = kind.empty() ? "<p dir=\"auto\">" : "<p class=\"" + std::string(kind) + "\" dir=\"auto\">";
  return open + html_escaped(text) + "</p>\n";
}

std::string fact(std::string_view name, std::string_view value) {
  if (value.empty()) return {};
  return "<dt>" + html_escaped(name) + "</dt><dd dir=\"auto\">" + html_escaped(value) + "</dd>\n";
}

/// "2026-11-20 10:00:00 UTC"
std::string time_text(base::Time at) {
  if (at == base::no_time) return {};
  std::string text = base::format_rfc3339(std::chrono::floor<std::chrono::seconds>(at));
  text[10] = ' ';
  text.pop_back();
  return text + " UTC";
}

std::string spelled(std::string_view word) {
  std::string out(word);
  for (char& c : out) c = c == '_' ? ' ' : c;
  return out;
}

std::string facts(const model::Incident& incident) {
  std::string out = "<dl>\n";
  out += fact("Severity", model::to_string(incident.severity));
  out += fact("Status", spelled(model::to_string(incident.status)));
  out += fact("Service", incident.service_name);
  out += fact("Since", time_text(incident.detected_at));
  out += fact("Acknowledged by", incident.acknowledged_by);
  out += fact("Acknowledged", time_text(incident.acknowledged_at));
  return out + "</dl>\n";
}

Reply html_page(unsigned status, std::string_view title, const std::string& body) {
  Reply reply;
  reply.status = status;
  reply.content_type = "text/html; charset=utf-8";
  reply.headers = {{"Cache-Control", "no-store"},
                   {"Content-Security-Policy", std::string(page_policy)},
                   {"Referrer-Policy", "no-referrer"},
                   {"X-Robots-Tag", "noindex, nofollow"},
                   {"X-Content-Type-Options", "nosniff"}};
  reply.body =
      "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n"
      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
      "<meta name=\"robots\" content=\"noindex, nofollow\">\n<title>" +
      html_escaped(title) + "</title>\n<style>" + std::string(page_style) + "</style></head><body>\n<main>\n" + body +
      "</main>\n</body></html>\n";
  return reply;
}

Reply incident_page(unsigned status, const LinkView& view, std::string_view said, const std::string& rest) {
  const model::Incident& incident = view.incident;
  const std::string title = "#" + std::to_string(incident.number) + " " + incident.title;
  return html_page(
      status, title,
      paragraph(said, "mark") + "<h1 dir=\"auto\">" + html_escaped(title) + "</h1>\n" + facts(incident) + rest);
}

Reply plain_page(unsigned status, std::string_view said, std::string_view more) {
  return html_page(status, said, paragraph(said, "mark") + paragraph(more));
}

/// Why there is nothing to do; empty: there is.
std::string nothing_to_do(const LinkView& view) {
  const model::Incident& incident = view.incident;
  if (incident.status == IncidentStatus::resolved || incident.status == IncidentStatus::closed)
    return "This incident is over: there is nothing left to do here.";
  if (view.kind != AnswerKind::acknowledge || incident.status == IncidentStatus::open) return {};
  return (incident.acknowledged_by.empty() ? "Somebody" : incident.acknowledged_by) +
         " has this incident in hand already.";
}

std::string form(const LinkView& view) {
  const bool escalate = view.kind == AnswerKind::escalate;
  const std::string what = escalate ? "Escalate: tell the next step of the ladder now" : "Acknowledge";
  const std::string who = view.who.empty() ? "whoever got the message" : view.who;
  return "<form method=\"post\"><button type=\"submit\">" + html_escaped(what) + "</button></form>\n" +
         paragraph("It will stand in the timeline as done by " + who + ". The link is good until " +
                       time_text(view.expires) + "; nothing happens before you press the button.",
                   "mute");
}

/// The page of a link that is none, or none any more.
Reply refused_page(const LinkView& view) {
  switch (view.state) {
    case LinkView::State::expired:
      // How the incident stands now is no business of somebody who finds an old message.
      return plain_page(410, "This link is over.",
                        "It was good until " + time_text(view.expires) + ". A newer message about incident #" +
                            std::to_string(view.incident.number) + " has a link of its own; `tocsin incident ack " +
                            std::to_string(view.incident.number) + "` does the same.");
    case LinkView::State::gone:
      return plain_page(404, "There is no such incident.", "The link is ours, but its incident is not kept any more.");
    case LinkView::State::limited: {
      Reply reply =
          plain_page(429, "Too many links that are none.", "Try again in a minute, with the link of a message.");
      reply.headers.emplace_back("Retry-After", "60");
      return reply;
    }
    case LinkView::State::forged:
    case LinkView::State::good:
      break;
  }
  return plain_page(403, "This is not a link of ours.",
                    "It was not made here, or it was altered on its way. Open the link in the message itself; where it "
                    "was broken over two lines, put it together again.");
}

}  // namespace

std::string_view link_page_style() {
  return page_style;
}
std::string_view link_page_policy() {
  return page_policy;
}

std::string html_escaped(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (const char c : text) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      case '\'':
        out += "&#39;";
        break;
      default:
        out += c;
    }
  }
  return out;
}

Reply link_page(const LinkView& view) {
  if (view.state != LinkView::State::good) return refused_page(view);
  if (const std::string why = nothing_to_do(view); !why.empty()) return incident_page(200, view, why, {});
  return incident_page(200, view, view.kind == AnswerKind::escalate ? "Escalate?" : "Acknowledge?", form(view));
}

Reply followed_page(const LinkView& view) {
  if (view.state != LinkView::State::good) return refused_page(view);
  if (!view.refusal.empty()) return incident_page(409, view, "That cannot be done.", paragraph(view.refusal));
  if (view.answered.changed) return incident_page(200, view, "Done: " + view.answered.text + ".", {});
  return incident_page(200, view, "Nothing was changed: " + view.answered.text + ".", {});
}

Reply problem_page(const Problem& problem) {
  Reply reply = plain_page(problem.status, "That did not work.", problem.detail);
  for (const auto& header : problem.headers) reply.headers.push_back(header);
  return reply;
}

}  // namespace tocsin::api
