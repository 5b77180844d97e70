// Base64 of RFC 4648, section 4, with padding.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace tocsin::base {

std::string to_base64(std::string_view bytes);
/// The bytes; nothing if the text is not base64. Spaces and line ends in it are skipped; padding may be missing.
std::optional<std::string> from_base64(std::string_view text);

}  // namespace tocsin::base
