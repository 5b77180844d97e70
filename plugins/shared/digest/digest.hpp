// SHA-256, HMAC with it (RFC 2104), base64 and a comparison in constant time, for the signatures of callbacks:
// OpenSSL's.
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
