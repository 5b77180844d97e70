// One line of StatsD's protocol, with DogStatsD's extensions:
//
//   name:value|type[|@rate][|#tag:value,…][|T1700000000]        type: c g ms h d s
//   name:1:2:3|ms|…                                              several values (not for sets)
//   _e{…}:…   _sc|…                                              events and service checks
//
// Formats: github.com/statsd/statsd, docs/metric_types.md; docs.datadoghq.com, "DogStatsD datagram format",
// versions 1.0 to 1.3. Further fields (container ids) are left unread, as DogStatsD's own server does with those it
// does not know.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "tocsin/context.hpp"

namespace tocsin_plugins::statsd {

enum class Kind : std::uint8_t { counter, gauge, timing, set };

/// Views into the line.
struct Line {
  enum class What { metric, event, service_check, bad } what = What::bad;
  const char* fault = "";   ///< of a bad line: `format`, `name`, `value`, `type`, `rate` or `timestamp`
  const char* reason = "";  ///< a sentence
  std::string_view name, values, tags;
  Kind kind = Kind::counter;
  double rate = 1;              ///< 0 < rate <= 1
  std::optional<tsn::Time> at;  ///< counters and gauges that bring their own time
};

/// `line` has no end of line.
Line parse_line(std::string_view line);

/// Takes the next value off `values` ("1:2:3"). False: it is no finite number.
struct Value {
  double number = 0;
  bool has_sign = false;  ///< of a gauge: change it by this much
};
bool take_value(std::string_view& values, Value& out);

/// Takes the next "key:value" off `tags`; a tag without a colon has the value "true". False: there are no more.
bool take_tag(std::string_view& tags, std::string_view& key, std::string_view& value);

}  // namespace tocsin_plugins::statsd
