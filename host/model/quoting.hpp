// Quoted strings of PromQL and Alertmanager's matchers. Internal to the room.
#pragma once

#include <string>
#include <string_view>

#include "base/result.hpp"

namespace tocsin::model {

/// With double quotes; `"`, `\` and newline escaped, as Go's and Prometheus' texts do.
std::string quote(std::string_view text);

/// What a backslash means where it begins none of the known escapes.
enum class StrayBackslash {
  literal,  ///< itself: Alertmanager's matchers, where `"core\d+"` is usual
  refused,  ///< an error: PromQL, whose strings are Go's
};

/// Takes one quoted string off the front of `rest` and returns what it says. Quotes are ", ' or ` (raw).
/// Escapes as in Go: \a \b \f \n \r \t \v \\ \" \' \ooo \xhh \uhhhh \Uhhhhhhhh; with StrayBackslash::literal only
/// \n \\ \" (and \' within single quotes) are escapes, as in Alertmanager.
base::Result<std::string> take_quoted(std::string_view& rest, StrayBackslash stray);

/// An unquoted value with Alertmanager's escapes; a bare double quote is an error.
base::Result<std::string> unescape_bare(std::string_view text);

/// Length of the name at the front of `text`: letters, digits, _ : . - / (a digit, dot, dash or slash does not begin
/// one).
std::size_t name_length(std::string_view text);

}  // namespace tocsin::model
