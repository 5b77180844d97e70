#include "plugin_host/keyed_hash.hpp"

#include "plugin_host/crypto_library.hpp"

namespace tocsin::plugin_host {

base::Result<std::string> hmac_sha256(std::string_view key, std::string_view text) {
  TRY(const Crypto* crypto, Crypto::open());
  std::string out(32, '\0');
  unsigned size = 0;
  const auto* made = crypto->HMAC(crypto->EVP_sha256(), key.data(), static_cast<int>(key.size()),
                                  reinterpret_cast<const unsigned char*>(text.data()), text.size(),
                                  reinterpret_cast<unsigned char*>(out.data()), &size);
  if (made != nullptr && size == out.size()) return out;
  crypto->ERR_clear_error();
  return base::fail(base::Fault::internal, "libcrypto.so.3 makes no HMAC-SHA-256; check its policy and installation");
}

base::Result<std::string> random_bytes(std::size_t count) {
  TRY(const Crypto* crypto, Crypto::open());
  std::string out(count, '\0');
  if (crypto->RAND_bytes(reinterpret_cast<unsigned char*>(out.data()), static_cast<int>(count)) == 1) return out;
  crypto->ERR_clear_error();
  return base::fail(base::Fault::unavailable,
                    "libcrypto.so.3 has no random bytes yet; they come when the system has gathered some");
}

bool same_bytes(std::string_view a, std::string_view b) {
  if (a.size() != b.size()) return false;
  unsigned differing = 0;
  for (std::size_t i = 0; i < a.size(); ++i) differing |= static_cast<unsigned char>(a[i] ^ b[i]);
  // The compiler must not learn from it where to stop.
  volatile unsigned seen = differing;
  return seen == 0;
}

}  // namespace tocsin::plugin_host
