// A rotation as an iCalendar file (RFC 5545). Times are in UTC, so that no VTIMEZONE is needed and every reader agrees.
#include <algorithm>

#include "base/id.hpp"
#include "base/text.hpp"
#include "incidents/rotation.hpp"

namespace tocsin::incidents {
namespace {

constexpr std::size_t longest_line = 75;  // octets, without the line break (RFC 5545, 3.1)

/// A TEXT value (3.3.11).
std::string calendar_text(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '\\' || c == ';' || c == ',') out += '\\';
    if (c == '\n')
      out += "\\n";
    else if (static_cast<unsigned char>(c) >= 0x20 && c != 0x7f)
      out += c;
  }
  return out;
}

/// "20260104T060000Z".
std::string calendar_time(base::Time t) {
  std::string out;
  const auto whole = std::chrono::floor<std::chrono::seconds>(t);
  for (const char c : base::format_rfc3339(base::Time(whole))) {
    if (c != '-' && c != ':') out += c;
  }
  return out;
}

/// Folded where it is too long, never within a character.
void append_line(std::string& out, std::string_view line) {
  std::size_t room = longest_line;
  while (line.size() > room) {
    std::size_t cut = room;
    while (cut > 0 && (static_cast<unsigned char>(line[cut]) & 0xc0) == 0x80) --cut;
    if (cut == 0) cut = room;  // no UTF-8
    out.append(line.substr(0, cut)).append("\r\n ");
    line.remove_prefix(cut);
    room = longest_line - 1;
  }
  out.append(line).append("\r\n");
}

void append_event(std::string& out, std::string_view rotation, const OnCall& one, base::Time stamp) {
  const std::string since = calendar_time(one.since);
  const std::string id = base::hex16(base::Fnv1a().add(rotation).add("\n").add(since).value());
  append_line(out, "BEGIN:VEVENT");
  append_line(out, "UID:oncall-" + id + "@tocsin");
  append_line(out, "DTSTAMP:" + calendar_time(stamp));
  append_line(out, "DTSTART:" + since);
  append_line(out, "DTEND:" + calendar_time(one.until));
  append_line(out, "SUMMARY:" + calendar_text(one.contact + " on call (" + std::string(rotation) + ")"));
  if (one.by != OnCall::By::shift)
    append_line(out, "DESCRIPTION:" + calendar_text("by " + std::string(to_string(one.by))));
  append_line(out, "TRANSP:TRANSPARENT");
  append_line(out, "END:VEVENT");
}

}  // namespace

std::string oncall_calendar(std::string_view rotation, const std::vector<OnCall>& shifts, base::Time stamp) {
  std::string out;
  append_line(out, "BEGIN:VCALENDAR");
  append_line(out, "VERSION:2.0");
  append_line(out, "PRODID:-//Tocsin//On call//EN");
  append_line(out, "CALSCALE:GREGORIAN");
  append_line(out, "X-WR-CALNAME:" + calendar_text("On call: " + std::string(rotation)));
  for (const OnCall& one : shifts) {
    if (!one.contact.empty() && one.since != base::no_time) append_event(out, rotation, one, stamp);
  }
  append_line(out, "END:VCALENDAR");
  return out;
}

}  // namespace tocsin::incidents
