// What a type declares of itself as constexpr data; the tsn_type and the ELF note are made from the same declarations.
#pragma once

#include <cstdint>

#include "tocsin/abi.h"

namespace tsn {

/// The type of an option.
enum Type : tsn_value_type {
  boolean = TSN_BOOL,
  integer = TSN_INT,
  number = TSN_FLOAT,
  string = TSN_STRING,
  array = TSN_ARRAY,
  table = TSN_TABLE,
  duration = TSN_DURATION,
  size = TSN_SIZE,
  any = TSN_ANY
};

// Flags of an option, joined by |.
inline constexpr std::uint32_t required = TSN_OPT_REQUIRED;
inline constexpr std::uint32_t secret = TSN_OPT_SECRET;          ///< env:, file:, store:; never shown
inline constexpr std::uint32_t reloadable = TSN_OPT_RELOADABLE;  ///< reconfigure() accepts a change of it

/// One option, declared once. `fallback`, `min` and `max` are TOML text: `"end"` with its quotes, `5`, `"30s"`, `[]`.
struct Option {
  const char* key = "";
  Type type = string;
  std::uint32_t flags = 0;
  const char* fallback = "";
  const char* min = "";
  const char* max = "";
  const char* choices = "";  ///< allowed strings, separated by |
  const char* doc = "";      ///< one sentence
};

/// A signal that a source emits. A `*` at the end of the name: any suffix.
struct Signal {
  const char* name = "";
  const char* unit = "";    ///< UCUM: "By", "s", "1", "%"
  const char* labels = "";  ///< names, separated by commas
  const char* doc = "";
};

struct Route {
  const char* method = "";
  const char* path = "";  ///< exact; a last segment "*" takes any rest
  const char* doc = "";
};

// Features.
inline constexpr std::uint32_t replays = TSN_SOURCE_REPLAYS;    ///< source: reads finite input to its end
inline constexpr std::uint32_t queries = TSN_SOURCE_QUERIES;    ///< source: set by itself where it has query()
inline constexpr std::uint32_t consumes = TSN_SOURCE_CONSUMES;  ///< source: what it reads is gone there
inline constexpr std::uint32_t no_recipient = TSN_NOTIFIER_NO_RECIPIENT;  ///< notifier: told as `instance` alone
inline constexpr std::uint32_t channels = TSN_NOTIFIER_CHANNELS;          ///< notifier: takes `#channel`
inline constexpr std::uint32_t alarms = TSN_NOTIFIER_ALARMS;              ///< notifier: told neither changes nor ends
inline constexpr std::uint32_t concurrent = TSN_NOTIFIER_CONCURRENT;  ///< notifier: completes later, several at once

}  // namespace tsn
