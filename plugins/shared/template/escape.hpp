// Values made safe for the format that they are put into.
#pragma once

#include <string>
#include <string_view>

#include "template/datum.hpp"
#include "template/place.hpp"
#include "template/template.hpp"

namespace tocsin_plugins {

/// `value` for a place in a text of that format. Any bytes go in; what comes out is valid UTF-8.
std::string escaped_for(Escape escape, ValuePlace place, std::string_view value);

/// `value` with all but unreserved characters (RFC 3986) as %XX.
std::string percent_encoded(std::string_view value);

/// A value as JSON: texts, numbers, null for what is missing, arrays, objects. Ends early beyond `most` bytes; then it
/// is "null".
std::string json_of(const Datum& value, std::size_t most);

/// What a voice can say of a text: without tags, addresses and signs that mark text up.
std::string spoken_text(std::string_view text);

}  // namespace tocsin_plugins
