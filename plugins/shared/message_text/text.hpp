// Outside text made fit to be shown: valid UTF-8, no control characters, of a bounded length.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "tocsin/plugin.hpp"

namespace tocsin_plugins {

/// Valid UTF-8 (bytes that are not become U+FFFD) without control characters and without marks that turn the direction
/// of what follows; newlines and tabs stay, CR goes.
std::string clean(std::string_view text);

/// clean() on one line: runs of white space become one space, none at either end.
std::string one_line(std::string_view text);

/// At most `most` code points of valid UTF-8; what is cut ends in "…", and no letter loses its marks (see cluster.hpp).
std::string cut(std::string_view text, std::size_t most);

/// Bytes of the UTF-8 character that begins `text`; 0 if it is not valid UTF-8 (RFC 3629) or `text` is empty.
std::size_t character_size(std::string_view text);

/// "2026-11-20 10:00:00 UTC"; empty for 0.
std::string utc_text(tsn::Time at);

/// "2026-11-20T10:00:00Z" (RFC 3339); empty for 0.
std::string iso_text(tsn::Time at);

/// Six significant digits, "7", "0.25"; empty for NaN.
std::string number_text(double value);

/// "loader=DAILY_SALES, service=etl", without alertname and severity, which are shown elsewhere.
std::string labels_text(const tsn::Labels& labels);

/// FNV-1a of 64 bits as 16 hex digits: for ids that must be the same again, not for secrets.
std::string hash_text(std::string_view text);

/// A link that is safe to offer for a click: http or https, no white space or quotes.
bool is_web_link(std::string_view href);

}  // namespace tocsin_plugins
