// Action links signed and checked: TOKEN is base64url of a link's bytes (model/link_token.hpp) and the first half of
// their HMAC-SHA-256 (RFC 2104, section 5: not less than half). No I/O.
#pragma once

#include <string>
#include <string_view>

#include "base/result.hpp"
#include "model/link_token.hpp"

namespace tocsin::app {

constexpr std::size_t link_key_size = 32;

/// The text that stands for `token` in an address.
base::Result<std::string> sealed(std::string_view key, const model::LinkToken& token);
/// Fault::denied: not sealed with this key, or altered since. Whether it is still good (its end, its incident) is the
/// caller's to see.
base::Result<model::LinkToken> unsealed(std::string_view key, std::string_view text);

}  // namespace tocsin::app
