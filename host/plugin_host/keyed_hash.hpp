// Keys made by chance and what is signed with them: HMAC-SHA-256 (RFC 2104), by OpenSSL.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "base/result.hpp"

namespace tocsin::plugin_host {

/// 32 bytes. Fault::unsupported where OpenSSL is not installed. Any thread.
base::Result<std::string> hmac_sha256(std::string_view key, std::string_view text);
/// Fit for keys.
base::Result<std::string> random_bytes(std::size_t count);
/// Takes as long wherever the two differ; their lengths are no secret.
bool same_bytes(std::string_view a, std::string_view b);

}  // namespace tocsin::plugin_host
