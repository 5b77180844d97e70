// Base64 of RFC 4648: section 4, with padding, and section 5, for URLs, without.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace tocsin::base {

std::string to_base64(std::string_view bytes);
/// The bytes; nothing if the text is not base64. Spaces and line ends in it are skipped; padding may be missing.
std::optional<std::string> from_base64(std::string_view text);

/// `-` and `_` in place of `+` and `/`, no padding.
std::string to_base64url(std::string_view bytes);
/// Strict: nothing but its 64 characters, and one text only for the same bytes.
std::optional<std::string> from_base64url(std::string_view text);

}  // namespace tocsin::base
