// The public half of an Ed25519 key that plugins are signed with.
#pragma once

#include <array>
#include <string>
#include <string_view>

#include "base/result.hpp"

namespace tocsin::model {

struct PublicKey {
  std::array<unsigned char, 32> bytes{};
  /// Its first eight bytes in hexadecimal: to name a key in messages and signature files. Public keys look random, so
  /// a part of one names it as well as a hash would.
  std::string id() const;
  /// PEM as OpenSSL writes and reads it ("-----BEGIN PUBLIC KEY-----", RFC 8410).
  std::string pem() const;
  /// PEM, or base64 of the 32 bytes, or of the DER that a PEM holds. The error does not repeat the text, which may be a
  /// private key by mistake.
  static base::Result<PublicKey> parse(std::string_view text);
  friend bool operator==(const PublicKey&, const PublicKey&) = default;
};

}  // namespace tocsin::model
