#include "speech.hpp"

#include <algorithm>

#include "message_text/text.hpp"

namespace tocsin_plugins {
namespace {

/// Tags go with what they enclose in < and >, signs that mark text up become spaces.
std::string spoken(std::string_view text) {
  std::string out;
  const std::string line = one_line(text);
  for (std::size_t i = 0; i < line.size(); ++i) {
    const bool tag = line[i] == '<' && i + 1 < line.size() && line[i + 1] != ' ' && line.find('>', i) != line.npos;
    if (tag) i = line.find('>', i);
    const bool mark = tag || std::string_view("<>&*_`#~|{}[]\\\"=").find(line[i]) != std::string_view::npos;
    out += mark ? ' ' : line[i];
  }
  return one_line(out);
}

std::string sentence(std::string text) {
  while (text.ends_with('.') || text.ends_with(' ')) text.pop_back();
  return text.empty() ? "" : text + ". ";
}

std::string lower_case(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(), [](char c) { return c >= 'A' && c <= 'Z' ? char(c + 32) : c; });
  return out;
}

std::string opening(const tsn::Message& message) {
  if (message.kind == TSN_MSG_TEST) return "This is a test. ";
  if (message.kind == TSN_MSG_RESOLVED) return "Resolved. ";
  const auto severity = tsn::severity_name(message.incident.severity);
  return severity.empty() ? "" : "Alert, severity " + lower_case(severity) + ". ";
}

}  // namespace

std::string speech_of(const tsn::Message& message, bool takes_digits, tsn::Time now) {
  const auto at = message.incident.detected_at ? message.incident.detected_at : now;
  const std::string time = utc_text(at);  // "2026-11-20 10:00:00 UTC": the clock's part is what is said
  std::string title = spoken(message.title);
  if (title.empty()) title = spoken(message.text);
  std::string out = opening(message) + sentence(cut(title, 200));
  if (const auto service = spoken(message.incident.service); !service.empty())
    out += sentence("Service " + cut(service, 80));
  if (time.size() >= 16) out += "At " + time.substr(11, 5) + " UTC. ";
  const bool open = message.kind == TSN_MSG_FIRING || message.kind == TSN_MSG_UPDATE;
  if (takes_digits && open) out += "Press 1 to acknowledge, 2 for details, 3 to escalate.";
  while (out.ends_with(' ')) out.pop_back();
  return out;
}

}  // namespace tocsin_plugins
