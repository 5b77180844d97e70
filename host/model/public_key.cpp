#include "model/public_key.hpp"

#include <algorithm>

#include "base/base64.hpp"
#include "base/text.hpp"

namespace tocsin::model {
namespace {

using base::fail;
using base::Fault;

constexpr std::string_view begin_line = "-----BEGIN PUBLIC KEY-----";
constexpr std::string_view end_line = "-----END PUBLIC KEY-----";
// RFC 8410: a SubjectPublicKeyInfo with the algorithm 1.3.101.112 is these bytes and then the key's 32.
constexpr std::string_view der_head("\x30\x2a\x30\x05\x06\x03\x2b\x65\x70\x03\x21\x00", 12);

}  // namespace

std::string PublicKey::id() const {
  constexpr std::string_view digits = "0123456789abcdef";
  std::string out;
  for (std::size_t i = 0; i < 8; ++i) {
    out += digits[bytes[i] >> 4];
    out += digits[bytes[i] & 15];
  }
  return out;
}

std::string PublicKey::pem() const {
  std::string der(der_head);
  der.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  return std::string(begin_line) + "\n" + base::to_base64(der) + "\n" + std::string(end_line) + "\n";
}

base::Result<PublicKey> PublicKey::parse(std::string_view text) {
  if (text.find("PRIVATE KEY-----") != text.npos)
    return fail(Fault::invalid, "is a private key; give the public one, which `tocsin plugin keygen` wrote beside it");
  std::string_view body = base::trim(text);
  if (const std::size_t begin = body.find(begin_line); begin != body.npos) {
    body.remove_prefix(begin + begin_line.size());
    const std::size_t end = body.find(end_line);
    if (end == body.npos) return fail(Fault::invalid, "is PEM that was cut off; copy the whole file");
    body = body.substr(0, end);
  }
  const auto bytes = base::from_base64(body);
  const bool der = bytes && bytes->size() == der_head.size() + 32 && bytes->starts_with(der_head);
  if (!der && !(bytes && bytes->size() == 32)) {
    return fail(Fault::invalid,
                "is no Ed25519 public key; expected PEM or base64 as `tocsin plugin keygen` and openssl write it");
  }
  PublicKey key;
  std::copy_n(bytes->end() - 32, 32, key.bytes.begin());
  return key;
}

}  // namespace tocsin::model
