// SHA-256 (FIPS 180-4) and HMAC with it (RFC 2104), for the signatures of callbacks. Small and slow enough to be
// written here: the plugins link no cryptographic library, and a body is a few hundred bytes.
#pragma once

#include <string>
#include <string_view>

namespace tocsin_plugins {

/// 32 bytes.
std::string sha256(std::string_view data);
/// 64 lower-case hex digits.
std::string hmac_sha256_hex(std::string_view key, std::string_view data);
std::string base64_of(std::string_view data);
/// Takes as long wherever the two differ; their lengths are no secret.
bool same_secret(std::string_view a, std::string_view b);

}  // namespace tocsin_plugins
