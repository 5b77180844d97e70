// One syslog message: RFC 5424, or RFC 3164 as senders really write it. Nothing is refused: what has no header that can
// be read is a text with the priority it may have.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "timestamp/time_format.hpp"
#include "tocsin/context.hpp"

namespace tocsin_plugins::syslog {

struct Parameter {
  std::string_view id, name;  ///< "exampleSDID@32473", "iut"
  std::string value;          ///< without its escapes
};

/// Views into the text that was parsed. Empty: the message does not say.
struct Message {
  enum class Form { rfc5424, rfc3164, bare } form = Form::bare;  ///< bare: no header that can be read
  std::uint8_t facility = 1, severity = 5;                       ///< user.notice where there is no priority
  std::optional<tsn::Time> at;
  std::string_view host, app, procid, msgid, text;
  std::vector<Parameter> data;
};

/// "auth", "local4"; "5" → as `logger` and rsyslog spell them.
std::string_view facility_name(std::uint8_t facility);
/// "emerg" … "debug".
std::string_view severity_name(std::uint8_t severity);
/// OpenTelemetry's severity number, by its data model's table for syslog.
std::uint32_t severity_number(std::uint8_t severity);

class Parser {
 public:
  /// `zone` is that of timestamps without one. Throws tsn::Failure (invalid).
  explicit Parser(std::string_view zone);
  /// `text` is UTF-8 without NUL. `now` decides on the year where the timestamp has none.
  Message parse(std::string_view text, tsn::Time now) const;

 private:
  static bool read_structured(std::string_view rest, Message& message);
  void read_bsd(std::string_view rest, tsn::Time now, Message& message) const;
  TimeFormat time_;
};

/// Takes "[id name=\"value\" …]…" or "-" off the front. False: it is none.
bool take_structured_data(std::string_view& rest, std::vector<Parameter>& out);
/// Takes "app[123]: " off the front of a text, as RFC 3164's TAG. False: it has none.
bool take_tag(std::string_view& rest, std::string_view& app, std::string_view& procid);

}  // namespace tocsin_plugins::syslog
