#include "message.hpp"

#include <algorithm>

#include "timestamp/timestamp.hpp"
#include "tocsin/plugin.hpp"

namespace tocsin_plugins::syslog {
namespace {

constexpr std::size_t most_parameters = 128;  // the rest of such a message's data is left unread

/// The field up to the next space, which goes too; "-" is empty. False: there is no space.
bool take_field(std::string_view& rest, std::string_view& out) {
  const auto space = rest.find(' ');
  if (space == rest.npos || space == 0) return false;
  out = rest.substr(0, space);
  if (out == "-") out = {};
  rest.remove_prefix(space + 1);
  return true;
}

/// <0> to <191>.
bool take_priority(std::string_view& rest, Message& message) {
  if (rest.size() < 3 || rest.front() != '<') return false;
  const auto end = rest.substr(0, 5).find('>');
  if (end == rest.npos || end < 2) return false;
  unsigned priority = 0;
  for (const char c : rest.substr(1, end - 1)) {
    if (c < '0' || c > '9') return false;
    priority = priority * 10 + static_cast<unsigned>(c - '0');
  }
  if (priority > 191) return false;
  message.facility = static_cast<std::uint8_t>(priority / 8);
  message.severity = static_cast<std::uint8_t>(priority % 8);
  rest.remove_prefix(end + 1);
  return true;
}

/// A parameter's value behind its opening quote, up to the closing one; RFC 5424, 6.3.3.
bool take_value(std::string_view& rest, std::string& out) {
  for (std::size_t at = 0; at < rest.size(); ++at) {
    if (rest[at] == '"') return rest.remove_prefix(at + 1), true;
    const bool escape = rest[at] == '\\' && at + 1 < rest.size() &&
                        (rest[at + 1] == '"' || rest[at + 1] == '\\' || rest[at + 1] == ']');
    if (escape) ++at;
    out += rest[at];
  }
  return false;
}

bool take_element(std::string_view& rest, std::vector<Parameter>& out) {
  rest.remove_prefix(1);  // [
  const auto id_end = rest.find_first_of(" ]=\"");
  if (id_end == rest.npos || id_end == 0 || rest[id_end] == '=' || rest[id_end] == '"') return false;
  const auto id = rest.substr(0, id_end);
  rest.remove_prefix(id_end);
  while (!rest.empty() && rest.front() == ' ') {
    rest.remove_prefix(1);
    const auto equals = rest.find_first_of("= ]\"");
    if (equals == rest.npos || equals == 0 || rest.substr(equals, 2) != "=\"") return false;
    Parameter parameter{id, rest.substr(0, equals), {}};
    rest.remove_prefix(equals + 2);
    if (!take_value(rest, parameter.value)) return false;
    if (out.size() < most_parameters) out.push_back(std::move(parameter));
  }
  if (rest.empty() || rest.front() != ']') return false;
  rest.remove_prefix(1);
  return true;
}

}  // namespace

bool take_structured_data(std::string_view& rest, std::vector<Parameter>& out) {
  if (rest.starts_with('-')) return rest.remove_prefix(1), true;
  if (!rest.starts_with('[')) return false;
  while (rest.starts_with('['))
    if (!take_element(rest, out)) return false;
  return true;
}

std::string_view facility_name(std::uint8_t facility) {
  constexpr std::string_view names[] = {"kern",   "user",   "mail",   "daemon", "auth",     "syslog",
                                        "lpr",    "news",   "uucp",   "cron",   "authpriv", "ftp",
                                        "ntp",    "audit",  "alert",  "clock",  "local0",   "local1",
                                        "local2", "local3", "local4", "local5", "local6",   "local7"};
  return names[std::min<std::size_t>(facility, std::size(names) - 1)];
}

std::string_view severity_name(std::uint8_t severity) {
  constexpr std::string_view names[] = {"emerg", "alert", "crit", "err", "warning", "notice", "info", "debug"};
  return names[std::min<std::size_t>(severity, std::size(names) - 1)];
}

std::uint32_t severity_number(std::uint8_t severity) {
  constexpr std::uint32_t numbers[] = {21, 19, 18, 17, 13, 10, 9, 5};
  return numbers[std::min<std::size_t>(severity, std::size(numbers) - 1)];
}

Parser::Parser(std::string_view zone_name) {
  std::string error;
  const auto zone = Zone::find(zone_name, error);
  if (!zone) throw tsn::Failure(tsn::invalid("zone: " + error));
  auto format = TimeFormat::make("auto", *zone, error);
  if (!format) throw tsn::Failure(tsn::invalid("zone: " + error));
  time_ = *format;
}

Message Parser::parse(std::string_view text, tsn::Time now) const {
  Message message;
  auto rest = text;
  take_priority(rest, message);
  if (rest.size() < text.size() && rest.starts_with("1 ")) {
    Message whole = message;
    if (read_structured(rest.substr(2), whole)) return whole;
  }
  read_bsd(rest, now, message);
  return message;
}

/// RFC 5424, 6, behind the version.
bool Parser::read_structured(std::string_view rest, Message& message) {
  std::string_view stamp;
  if (!take_field(rest, stamp) || !take_field(rest, message.host) || !take_field(rest, message.app) ||
      !take_field(rest, message.procid) || !take_field(rest, message.msgid))
    return false;
  if (!stamp.empty() && !(message.at = parse_rfc3339(stamp))) return false;
  if (!take_structured_data(rest, message.data) || (!rest.empty() && rest.front() != ' ')) return false;
  if (!rest.empty()) rest.remove_prefix(1);
  if (rest.starts_with("\xef\xbb\xbf")) rest.remove_prefix(3);  // the mark that says UTF-8
  message.text = rest;
  message.form = Message::Form::rfc5424;
  return true;
}

}  // namespace tocsin_plugins::syslog
